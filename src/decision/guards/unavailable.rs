//! `Unavailable`: what every other guard builds on must have been read.

use super::{Finding, Question, hold, pass};
use crate::domain::observed::Observed;

pub(super) fn check(question: &Question<'_>) -> Finding {
    let evidence = &question.case.evidence;
    if matches!(evidence.workload, Observed::Absent) {
        return hold("the workload is gone");
    }
    let past = match &evidence.past {
        // A record that was read and is empty is `Known`: this one can't say what was seen failing.
        Observed::Absent => Some("there is none"),
        other => other.unavailable(),
    };
    let missing: Vec<String> = [
        ("the workload", evidence.workload.unavailable()),
        ("its revisions", evidence.revisions.unavailable()),
        ("its pods", evidence.pods.unavailable()),
        ("Ripcord's own record of it", past),
        ("its namespace", evidence.namespace_mode.unavailable()),
        ("its past in Prometheus", evidence.history.unavailable()),
    ]
    .into_iter()
    .filter_map(|(what, why)| Some(format!("{what} ({})", why?)))
    .collect();
    if missing.is_empty() {
        return pass(
            "workload, revisions, pods, namespace, Ripcord's own record and the past in Prometheus were read",
        );
    }
    question.away(format!("could not be read: {}", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask, outcome, wait};
    use super::*;
    use crate::domain::case::Case;
    use crate::domain::evidence::Evidence;
    use crate::domain::verdict::{Outcome, Reason::Unavailable};
    use crate::remedy::test_support::{at, broken_web};

    fn without(lose: impl FnOnce(&mut Evidence)) -> Case {
        let mut case = broken_web();
        lose(&mut case.evidence);
        case
    }

    #[test]
    fn waits_while_any_of_them_is_away() {
        let away = || "timeout".to_owned();
        for case in [
            without(|evidence| evidence.workload = Observed::Unavailable(away())),
            without(|evidence| evidence.revisions = Observed::Unavailable(away())),
            without(|evidence| evidence.pods = Observed::Unavailable(away())),
            without(|evidence| evidence.past = Observed::Unavailable(away())),
            without(|evidence| evidence.namespace_mode = Observed::Unavailable(away())),
            without(|evidence| evidence.history = Observed::Unavailable(away())),
        ] {
            let (outcome, text) = ask(Unavailable, &case);
            assert_eq!(outcome, wait(at(30)));
            assert!(text.contains("timeout"), "{text}");
        }
    }

    #[test]
    fn a_workload_that_is_gone_is_held_and_a_missing_record_waits() {
        assert_eq!(
            outcome(
                Unavailable,
                &without(|evidence| evidence.workload = Observed::Absent)
            ),
            Outcome::Hold
        );
        assert_eq!(
            outcome(
                Unavailable,
                &without(|evidence| evidence.past = Observed::Absent)
            ),
            wait(at(30))
        );
    }

    #[test]
    fn passes_when_all_were_read() {
        assert_eq!(outcome(Unavailable, &broken_web()), Outcome::Pass);
        assert_eq!(
            outcome(
                Unavailable,
                &without(|evidence| evidence.pods = Observed::Absent)
            ),
            Outcome::Pass
        );
    }
}
