//! `Quarantined`: Ripcord never goes to what it saw failing, whoever names it.

use super::{Finding, Question, pass, spokesman};
use crate::domain::plan::Target;
use crate::domain::verdict::Reason;

pub(super) fn check(question: &Question<'_>) -> Finding {
    let plan = match question.proposal {
        Ok(plan) => plan,
        Err(refusal) if spokesman(&refusal.reason) == Reason::Quarantined => {
            return question.stuck(refusal.text.clone());
        }
        Err(_) => return pass("there is no target that was seen failing"),
    };
    let case = question.case;
    let (Some(quarantine), Some(revisions)) = (case.quarantine(), case.quarantined_revisions())
    else {
        return question.away("which revisions were seen failing could not be read");
    };
    let by_hash = match &plan.target {
        Target::Revision { mark, .. } => quarantine.contains(&mark.hash),
        Target::Image(_) => false,
    };
    // A pin can make an old revision's template again.
    if by_hash
        || revisions
            .iter()
            .any(|revision| revision.template == plan.template)
    {
        return question.stuck(format!("{} was seen failing", plan.target));
    }
    pass(format!(
        "the target is none of the {} revisions seen failing",
        quarantine.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask_about, outcome};
    use crate::domain::observed::Observed;
    use crate::domain::verdict::{Outcome, Reason::Quarantined};
    use crate::remedy;
    use crate::remedy::test_support::{GOOD, GOOD_IMAGE, allow, broken_web, past_failure, pin};

    #[test]
    fn holds_when_the_only_way_leads_to_a_revision_seen_failing() {
        let mut case = broken_web();
        case.evidence.past = Observed::Known(vec![past_failure(GOOD)]);
        assert_eq!(outcome(Quarantined, &case), Outcome::Hold);
    }

    #[test]
    fn looks_for_itself_and_does_not_trust_the_plan() {
        for remedies in [None, Some(vec![pin(None, GOOD_IMAGE)])] {
            let mut case = broken_web();
            if let Some(remedies) = remedies {
                allow(&mut case, remedies);
            }
            let plan = remedy::propose(&case).unwrap();
            case.evidence.past = Observed::Known(vec![past_failure(GOOD)]);
            assert_eq!(ask_about(Quarantined, &case, Ok(&plan)).0, Outcome::Hold);
            case.evidence.past = Observed::Unavailable("503".into());
            assert!(matches!(
                ask_about(Quarantined, &case, Ok(&plan)).0,
                Outcome::Wait { .. }
            ));
        }
    }

    #[test]
    fn a_hash_is_enough_whatever_the_template_looks_like() {
        let mut case = broken_web();
        let mut plan = remedy::propose(&case).unwrap();
        plan.template["spec"]["hostNetwork"] = true.into();
        case.evidence.past = Observed::Known(vec![past_failure(GOOD)]);
        assert_eq!(ask_about(Quarantined, &case, Ok(&plan)).0, Outcome::Hold);
    }

    #[test]
    fn passes_a_target_that_was_not_seen_failing() {
        assert_eq!(outcome(Quarantined, &broken_web()), Outcome::Pass);
    }
}
