//! `CauseNotAllowed`: the policy must cover every cause, and going back must be able to help with each.

use super::{Finding, Question, pass};
use crate::domain::case::PolicyChoice;
use crate::domain::diagnosis::{Entry, Helps};
use crate::domain::policy::Policy;

pub(super) fn check(question: &Question<'_>) -> Finding {
    let entries = &question.case.diagnosis.entries;
    let blame = |entry: &Entry| {
        format!(
            "{} fails with {}: {}",
            entry.subject(),
            entry.cause,
            entry.because
        )
    };
    if let Some(why) = unread(question, entries) {
        return question.away(format!("the cause may show once this is read: {why}"));
    }
    if let Some(shared) = &question.case.diagnosis.shared {
        let causes = entries.iter().map(blame).collect::<Vec<_>>().join("; ");
        return question.stuck(format!("{}: {}; {causes}", shared.cause, shared.because));
    }
    let policy = match &question.case.policy {
        PolicyChoice::Chosen(policy) => policy,
        PolicyChoice::CauseNotCovered(names) => {
            let causes = entries.iter().map(blame).collect::<Vec<_>>().join("; ");
            return question.stuck(format!(
                "no policy that matches ({}) covers every cause: {causes}",
                names.join(", ")
            ));
        }
        PolicyChoice::NoMatch => {
            return question.stuck("no policy applies, so no cause is allowed");
        }
    };
    if let Some(entry) = entries.iter().find(|entry| !covers(policy, entry)) {
        return question.stuck(format!(
            "policy {} does not cover this cause: {}",
            policy.name,
            blame(entry)
        ));
    }
    match entries
        .iter()
        .find(|entry| entry.rollback_helps != Helps::Yes)
    {
        Some(entry) => {
            let helps = match entry.rollback_helps {
                Helps::No => "going back can't help",
                Helps::Unknown | Helps::Yes => "whether going back helps is not known",
            };
            question.stuck(format!("{helps}: {}", blame(entry)))
        }
        None => pass(format!(
            "policy {} covers the causes of all {} failing containers",
            policy.name,
            entries.len()
        )),
    }
}

/// Why a source that a diagnosis leans on could not be read, where some entry is in doubt: a hold would not be decided again when it is back.
fn unread<'a>(question: &'a Question<'_>, entries: &[Entry]) -> Option<&'a str> {
    let evidence = &question.case.evidence;
    let in_doubt = entries
        .iter()
        .any(|entry| entry.rollback_helps == Helps::Unknown);
    let unread = evidence
        .events
        .unavailable()
        .or_else(|| evidence.history.unavailable())
        .or_else(|| evidence.around.config.unavailable())
        .or_else(|| evidence.around.nodes.unavailable())
        .or_else(|| evidence.around.pulls.unavailable());
    unread.filter(|_| in_doubt)
}

fn covers(policy: &Policy, entry: &Entry) -> bool {
    policy
        .causes
        .as_ref()
        .is_none_or(|causes| causes.contains(&entry.cause))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask, outcome};
    use super::*;
    use crate::domain::diagnosis::Cause;
    use crate::domain::verdict::{Outcome, Reason::CauseNotAllowed};
    use crate::remedy::test_support::{BAD, broken_web, change_policy, entry, failed_step};

    #[test]
    fn waits_while_a_source_that_would_tell_is_away() {
        let mut case = broken_web();
        case.evidence.events = crate::domain::observed::Observed::Unavailable("timeout".into());
        for entry in &mut case.diagnosis.entries {
            entry.rollback_helps = Helps::Unknown;
        }
        assert!(matches!(
            outcome(CauseNotAllowed, &case),
            Outcome::Wait { .. }
        ));
    }

    #[test]
    fn holds_under_a_shared_cause_and_names_it_first() {
        let mut case = broken_web();
        case.diagnosis.shared = Some(crate::domain::diagnosis::SharedCause {
            cause: Cause::RegistryOutage,
            because: "others can't pull either".to_owned(),
        });
        let (outcome_now, text) = ask(CauseNotAllowed, &case);
        assert_eq!(outcome_now, Outcome::Hold);
        assert!(
            text.starts_with("RegistryOutage: others can't pull either; "),
            "{text}"
        );
    }

    #[test]
    fn holds_a_cause_that_is_not_covered_and_names_it() {
        let mut case = broken_web();
        case.diagnosis
            .entries
            .push(entry("side", Cause::OutOfMemory));
        let (outcome_now, text) = ask(CauseNotAllowed, &case);
        assert_eq!(outcome_now, Outcome::Hold);
        assert!(
            text.contains("container side fails with OutOfMemory: the registry says"),
            "{text}"
        );
        for choice in [
            PolicyChoice::CauseNotCovered(vec!["image".into()]),
            PolicyChoice::NoMatch,
        ] {
            case.policy = choice;
            assert_eq!(outcome(CauseNotAllowed, &case), Outcome::Hold);
        }
    }

    #[test]
    fn where_no_pod_can_be_made_no_container_is_named() {
        let mut case = broken_web();
        case.diagnosis.entries = vec![entry("", Cause::Quota)];
        let (_, text) = ask(CauseNotAllowed, &case);
        assert!(text.contains("every pod fails with Quota: "), "{text}");
    }

    #[test]
    fn holds_when_going_back_does_not_surely_help() {
        for helps in [Helps::No, Helps::Unknown] {
            let mut case = broken_web();
            change_policy(&mut case, |policy| policy.causes = None);
            case.diagnosis.entries.push(Entry {
                rollback_helps: helps,
                ..entry("side", Cause::ConfigMissing)
            });
            assert_eq!(outcome(CauseNotAllowed, &case), Outcome::Hold, "{helps:?}");
        }
    }

    #[test]
    fn escalates_after_a_step_that_did_not_help() {
        let mut case = broken_web();
        case.incident.steps = vec![failed_step(0, BAD)];
        case.diagnosis.entries = vec![Entry {
            rollback_helps: Helps::No,
            ..entry("web", Cause::WasHealthy)
        }];
        assert_eq!(outcome(CauseNotAllowed, &case), Outcome::Escalate);
    }

    #[test]
    fn passes_when_every_cause_is_covered_or_none_is_named() {
        let mut case = broken_web();
        assert_eq!(outcome(CauseNotAllowed, &case), Outcome::Pass);
        change_policy(&mut case, |policy| policy.causes = None);
        assert_eq!(outcome(CauseNotAllowed, &case), Outcome::Pass);
    }
}
