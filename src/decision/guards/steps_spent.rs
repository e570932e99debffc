//! `StepsSpent`: one incident writes a few times at most, and each time only after the step before was seen failing.

use super::{Finding, Question, escalate, pass, spokesman};
use crate::domain::case::StepTaken;
use crate::domain::verdict::Reason;

pub(super) fn check(question: &Question<'_>) -> Finding {
    let steps = &question.case.incident.steps;
    let limit = question.case.limits.steps;
    let taken = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let count = format!("{taken} of {limit} steps taken");
    if taken >= limit {
        return escalate(count);
    }
    if let Err(refusal) = question.proposal
        && spokesman(&refusal.reason) == Reason::StepsSpent
    {
        return escalate(refusal.text.clone());
    }
    match steps.last() {
        None => pass(count),
        Some(before) => after(question, before, &count),
    }
}

/// A step after the first needs a positive failure of what the step before made newest; a time-out or a guess is for a person.
fn after(question: &Question<'_>, before: &StepTaken, count: &str) -> Finding {
    let Some(newest) = question.case.newest() else {
        return question.away("whether the newest revision is the last step's could not be read");
    };
    match &before.revision {
        Some(revision) if *revision == newest.hash && before.failed => pass(format!(
            "{count}; the last step's revision {} was seen failing",
            newest.name
        )),
        Some(revision) if *revision == newest.hash => escalate(format!(
            "{count}; the last step's revision {} was not seen failing",
            newest.name
        )),
        Some(revision) => escalate(format!(
            "{count}; the newest revision is {}, and the last step made {revision}",
            newest.hash
        )),
        None => escalate(format!(
            "{count}; what the last step made newest is not known"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::outcome;
    use crate::domain::case::Case;
    use crate::domain::observed::Observed;
    use crate::domain::policy::UndoTo;
    use crate::domain::verdict::{Outcome, Reason::StepsSpent};
    use crate::remedy::test_support::{
        BAD, GOOD, GOOD_IMAGE, allow, broken_web, failed_step, pin, undo,
    };

    /// One step of two taken, with the pin; the undo is left.
    fn second_step() -> Case {
        let mut case = broken_web();
        allow(&mut case, vec![pin(None, GOOD_IMAGE), undo(UndoTo::Proven)]);
        case.incident.steps = vec![failed_step(0, BAD)];
        case
    }

    #[test]
    fn escalates_when_the_steps_or_the_remedies_are_spent() {
        let mut case = second_step();
        case.limits.steps = 1;
        assert_eq!(outcome(StepsSpent, &case), Outcome::Escalate);
        let mut case = second_step();
        allow(&mut case, vec![pin(None, GOOD_IMAGE)]);
        assert_eq!(outcome(StepsSpent, &case), Outcome::Escalate);
        case.incident.steps.clear();
        case.limits.steps = 0;
        assert_eq!(outcome(StepsSpent, &case), Outcome::Escalate);
    }

    #[test]
    fn escalates_when_the_last_step_was_not_seen_failing_or_is_not_newest() {
        let mut case = second_step();
        case.incident.steps[0].failed = false;
        assert_eq!(outcome(StepsSpent, &case), Outcome::Escalate);
        let mut case = second_step();
        case.incident.steps = vec![failed_step(0, GOOD)];
        assert_eq!(outcome(StepsSpent, &case), Outcome::Escalate);
        case.incident.steps[0].revision = None;
        assert_eq!(outcome(StepsSpent, &case), Outcome::Escalate);
    }

    #[test]
    fn waits_where_the_newest_revision_cannot_be_read() {
        let mut case = second_step();
        case.evidence.revisions = Observed::Unavailable("503".into());
        assert!(matches!(outcome(StepsSpent, &case), Outcome::Wait { .. }));
    }

    #[test]
    fn passes_the_first_step_and_one_after_a_seen_failure() {
        assert_eq!(outcome(StepsSpent, &broken_web()), Outcome::Pass);
        assert_eq!(outcome(StepsSpent, &second_step()), Outcome::Pass);
    }
}
