//! `ForeignOwner`: another program makes the template from a source of its own, and would put its own back.

use super::{Finding, Question, pass};
use crate::domain::observed::Observed;
use crate::domain::owners::{Owner, Owners, Program};
use crate::domain::policy::{Foreign, OnForeign};

pub(super) fn check(question: &Question<'_>) -> Finding {
    let case = question.case;
    let allowed = case.policy.policy();
    let allowed = allowed.map_or_else(Foreign::default, |policy| policy.foreign);
    match &case.evidence.owners {
        Observed::Known(owners) => known(question, owners, allowed),
        // The workload was read, and says nothing that can be understood: looking again would not change that.
        Observed::Unavailable(why) if case.workload().is_some() => unreadable(
            question,
            &format!("who owns it can't be told: {why}"),
            allowed,
        ),
        Observed::Absent | Observed::Unavailable(_) => {
            question.away("who owns the template could not be read")
        }
    }
}

fn known(question: &Question<'_>, owners: &Owners, allowed: Foreign) -> Finding {
    let refused: Vec<String> = owners
        .programs
        .iter()
        .filter(|owner| is_refused(owner, allowed))
        .map(Owner::told)
        .collect();
    if !refused.is_empty() {
        return question.stuck(refused.join("; "));
    }
    if let Observed::Unavailable(why) = &owners.template
        && allowed.default == OnForeign::Refuse
    {
        let text = format!("whether another program writes the template can't be told: {why}");
        return question.stuck(text);
    }
    let told: Vec<String> = owners.programs.iter().map(Owner::told).collect();
    if told.is_empty() {
        return pass("no other program's mark is on it");
    }
    pass(told.join("; "))
}

fn is_refused(owner: &Owner, allowed: Foreign) -> bool {
    match owner.program {
        Program::Helm => allowed.helm == OnForeign::Refuse,
        Program::ArgoCd
        | Program::FluxKustomization
        | Program::FluxHelmRelease
        | Program::ArgoRollouts
        | Program::Flagger
        | Program::Controller { .. } => owner.fights() && allowed.default == OnForeign::Refuse,
    }
}

fn unreadable(question: &Question<'_>, text: &str, allowed: Foreign) -> Finding {
    // Some mark may be Helm's, whose answer must allow it too.
    if allowed.default == OnForeign::Act && allowed.helm == OnForeign::Act {
        return pass(format!("{text}; the policy lets Ripcord act all the same"));
    }
    question.stuck(text)
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask, outcome, wait};
    use super::*;
    use crate::domain::case::{Case, PolicyChoice};
    use crate::domain::owners::{Mark, Reverts};
    use crate::domain::verdict::{Outcome, Reason::ForeignOwner};
    use crate::remedy::test_support::{BAD, at, broken_web, change_policy, failed_step};

    fn owner(program: Program) -> Owner {
        Owner {
            program,
            name: "shop".to_owned(),
            mark: Mark::OwnerReference,
            reverts: Reverts::Yes,
            suspended_by: None,
        }
    }

    fn kafka() -> Program {
        Program::Controller {
            kind: "Kafka".to_owned(),
            group: "kafka.strimzi.io".to_owned(),
        }
    }

    fn suspended() -> Owner {
        Owner {
            suspended_by: Some(Mark::Annotation("x/off")),
            ..owner(Program::FluxKustomization)
        }
    }

    fn owned(programs: Vec<Owner>) -> Case {
        let mut case = broken_web();
        case.evidence.owners = Observed::Known(Owners {
            programs,
            template: Observed::Known(vec![]),
        });
        case
    }

    fn allowing(mut case: Case, default: OnForeign, helm: OnForeign) -> Case {
        change_policy(&mut case, |policy| {
            policy.foreign = Foreign { default, helm }
        });
        case
    }

    #[test]
    fn waits_while_the_workload_can_not_be_read() {
        let mut case = broken_web();
        case.evidence.workload = Observed::Unavailable("503".into());
        case.evidence.owners = Observed::Unavailable("503".into());
        assert_eq!(outcome(ForeignOwner, &case), wait(at(30)));
    }

    #[test]
    fn holds_what_was_read_and_does_not_tell_who_writes_it() {
        let mut unreadable = broken_web();
        unreadable.evidence.owners = Observed::Unavailable("its labels can't be read".into());
        let mut unaccounted = owned(vec![]);
        if let Observed::Known(owners) = &mut unaccounted.evidence.owners {
            owners.template = Observed::Unavailable("it has no managedFields".into());
        }
        for (case, word) in [(unreadable, "labels"), (unaccounted, "managedFields")] {
            let (outcome_now, text) = ask(ForeignOwner, &case);
            assert_eq!(outcome_now, Outcome::Hold);
            assert!(text.contains(word), "{text}");
            let case = allowing(case, OnForeign::Act, OnForeign::Act);
            assert_eq!(outcome(ForeignOwner, &case), Outcome::Pass);
        }
    }

    #[test]
    fn what_can_not_be_read_may_be_helm_s() {
        let mut case = allowing(broken_web(), OnForeign::Act, OnForeign::Refuse);
        case.evidence.owners = Observed::Unavailable("its labels can't be read".into());
        assert_eq!(outcome(ForeignOwner, &case), Outcome::Hold);
    }

    #[test]
    fn holds_for_every_program_that_would_fight_whatever_else_is_there() {
        for program in [
            Program::ArgoCd,
            Program::FluxKustomization,
            Program::FluxHelmRelease,
            Program::ArgoRollouts,
            Program::Flagger,
            kafka(),
        ] {
            let others = vec![owner(Program::Helm), suspended(), owner(program.clone())];
            let (outcome, text) = ask(ForeignOwner, &owned(others));
            assert_eq!(outcome, Outcome::Hold, "{program:?}");
            assert!(text.contains("shop") && !text.contains("Helm,"), "{text}");
        }
    }

    #[test]
    fn holds_without_a_policy_as_the_default_says() {
        let mut case = owned(vec![owner(Program::ArgoCd)]);
        case.policy = PolicyChoice::CauseNotCovered(vec!["p".into()]);
        assert_eq!(outcome(ForeignOwner, &case), Outcome::Hold);
    }

    #[test]
    fn holds_for_helm_where_the_policy_says_so_even_if_any_other_may_be_overridden() {
        let case = owned(vec![owner(Program::Helm)]);
        let case = allowing(case, OnForeign::Act, OnForeign::Refuse);
        assert_eq!(outcome(ForeignOwner, &case), Outcome::Hold);
    }

    #[test]
    fn an_owner_that_shows_up_after_a_step_is_a_person_s_business() {
        let mut case = owned(vec![owner(Program::ArgoCd)]);
        case.incident.steps = vec![failed_step(0, BAD)];
        assert_eq!(outcome(ForeignOwner, &case), Outcome::Escalate);
    }

    #[test]
    fn passes_helm_alone_and_a_program_that_leaves_it_alone_and_says_so() {
        for (case, word) in [
            (owned(vec![owner(Program::Helm)]), "Helm"),
            (owned(vec![suspended()]), "annotation x/off"),
            (owned(vec![]), "no other program"),
            (broken_web(), "no other program"),
        ] {
            let (outcome, text) = ask(ForeignOwner, &case);
            assert_eq!(outcome, Outcome::Pass);
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn passes_any_owner_where_the_policy_lets_it_act() {
        let case = owned(vec![owner(Program::ArgoCd), owner(Program::Helm)]);
        let case = allowing(case, OnForeign::Act, OnForeign::Act);
        assert_eq!(outcome(ForeignOwner, &case), Outcome::Pass);
    }
}
