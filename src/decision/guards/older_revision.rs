//! `OlderRevision`: it must be certain which revision is newest, and only that one may fail.

use super::{Finding, Question, hold, pass};
use crate::domain::identity::RevisionName;
use crate::domain::time::{human, since};
use jiff::SignedDuration;

/// The controller needs a moment after a change; a rollout is rarely further behind than this.
const CONTROLLER_SECONDS: i64 = 10;
/// For so long pods of a revision that is known to be bad may be on their way out: a grace period is 30 s unless said otherwise, and a few
/// batches may follow each other.
const LONGEST_WAY_OUT: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn check(question: &Question<'_>) -> Finding {
    let case = question.case;
    let (Some(workload), Some(revisions)) = (case.workload(), case.revisions()) else {
        return question.away("which revision is newest could not be read");
    };
    if workload.observed_generation < workload.generation {
        let text = format!(
            "the controller has seen generation {} of {}",
            workload.observed_generation, workload.generation
        );
        return question.wait_seconds(CONTROLLER_SECONDS, text);
    }
    let Some(newest) = &revisions.newest else {
        let text = "the controller has not made a revision of the present template yet";
        return question.wait_seconds(CONTROLLER_SECONDS, text);
    };
    if case.diagnosis.newest.as_ref() != Some(&newest.name) {
        let text = format!(
            "the newest revision is {}, and the diagnosis is not about it",
            newest.name
        );
        return question.wait_seconds(CONTROLLER_SECONDS, text);
    }
    if case.diagnosis.older_failing.is_empty() {
        return pass(format!(
            "no pod of a revision older than {} fails",
            newest.name
        ));
    }
    older_fails(question, &newest.name)
}

fn older_fails(question: &Question<'_>, newest: &RevisionName) -> Finding {
    let failing = &question.case.diagnosis.older_failing;
    let names = failing
        .iter()
        .map(RevisionName::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    // The last pods of a revision that is known to be bad are on their way out: they say nothing new.
    let known: Vec<&RevisionName> = question
        .case
        .quarantined_revisions()
        .into_iter()
        .flatten()
        .map(|revision| &revision.name)
        .collect();
    if failing.iter().all(|name| known.contains(&name)) {
        return on_their_way_out(question, &names);
    }
    if question.case.diagnosis.entries.is_empty() {
        return hold(format!(
            "the failing pods belong to {names}, and the newest revision is {newest}"
        ));
    }
    hold(format!(
        "pods of {names} fail beside those of the newest revision {newest}: going back may not help"
    ))
}

/// A rolling update takes unhealthy old pods away first, but not while that would leave fewer than it promised: then they stay for ever.
fn on_their_way_out(question: &Question<'_>, names: &str) -> Finding {
    let incident = &question.case.incident;
    let last_step = incident.steps.last().map(|step| step.applied_at);
    let since_then = since(last_step.unwrap_or(incident.opened_at), question.case.now);
    if since_then < LONGEST_WAY_OUT {
        let text = format!("pods of {names}, seen failing before, are still there");
        return question.wait_seconds(CONTROLLER_SECONDS, text);
    }
    question.stuck(format!(
        "pods of {names}, seen failing before, have been there for {} and do not go: the rollout is stuck between two revisions that fail",
        human(since_then)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask, outcome, wait};
    use super::*;
    use crate::domain::observed::Observed;
    use crate::domain::verdict::{Outcome, Reason::OlderRevision};
    use crate::remedy::test_support::{
        BAD, GOOD, at, broken_web, failed_step, past_failure, workload,
    };

    #[test]
    fn waits_until_the_controller_has_caught_up() {
        let mut case = broken_web();
        workload(&mut case).generation = 3;
        let (outcome_now, text) = ask(OlderRevision, &case);
        assert_eq!(outcome_now, wait(at(10)));
        assert_eq!(text, "the controller has seen generation 2 of 3");
        let mut case = broken_web();
        match &mut case.evidence.revisions {
            Observed::Known(revisions) => revisions.newest = None,
            _ => panic!("no revisions"),
        }
        assert_eq!(outcome(OlderRevision, &case), wait(at(10)));
        case.evidence.revisions = Observed::Absent;
        assert_eq!(outcome(OlderRevision, &case), wait(at(30)));
    }

    #[test]
    fn waits_for_a_diagnosis_of_the_newest_revision() {
        for newest in [None, Some(RevisionName::new(GOOD))] {
            let mut case = broken_web();
            case.diagnosis.newest = newest;
            assert_eq!(outcome(OlderRevision, &case), wait(at(10)));
        }
    }

    #[test]
    fn holds_when_older_pods_fail_alone_or_beside_the_newest() {
        let mut case = broken_web();
        case.diagnosis.older_failing = vec![RevisionName::new(GOOD)];
        assert_eq!(outcome(OlderRevision, &case), Outcome::Hold);
        case.diagnosis.entries.clear();
        let (outcome, text) = ask(OlderRevision, &case);
        assert_eq!(outcome, Outcome::Hold);
        assert!(text.contains("belong to lab30-web-good"), "{text}");
    }

    #[test]
    fn waits_for_the_last_pods_of_a_revision_that_is_known_to_be_bad() {
        let mut case = broken_web();
        case.diagnosis.older_failing = vec![RevisionName::new(GOOD)];
        case.evidence.past = Observed::Known(vec![past_failure(GOOD)]);
        assert_eq!(outcome(OlderRevision, &case), wait(at(10)));
    }

    #[test]
    fn holds_when_they_do_not_go_and_escalates_after_a_step() {
        let mut case = broken_web();
        case.diagnosis.older_failing = vec![RevisionName::new(GOOD)];
        case.evidence.past = Observed::Known(vec![past_failure(GOOD)]);
        case.incident.opened_at = at(-299);
        assert_eq!(outcome(OlderRevision, &case), wait(at(10)));
        case.incident.opened_at = at(-300);
        let (held, text) = ask(OlderRevision, &case);
        assert_eq!(held, Outcome::Hold);
        assert!(
            text.contains("have been there for 5m and do not go"),
            "{text}"
        );
        case.incident.steps = vec![failed_step(0, BAD)];
        case.incident.steps[0].applied_at = at(-299);
        assert_eq!(outcome(OlderRevision, &case), wait(at(10)));
        case.incident.steps[0].applied_at = at(-300);
        assert_eq!(outcome(OlderRevision, &case), Outcome::Escalate);
    }

    #[test]
    fn passes_when_only_the_newest_fails() {
        assert_eq!(outcome(OlderRevision, &broken_web()), Outcome::Pass);
    }
}
