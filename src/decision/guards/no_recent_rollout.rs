//! `NoRecentRollout`: what has run for long was not broken by its rollout.

use super::{Finding, Question, hold, pass};
use crate::domain::case::Case;
use crate::domain::observed::Observed;
use crate::domain::time::{human, since};

pub(super) fn check(question: &Question<'_>) -> Finding {
    let case = question.case;
    if case.diagnosis.entries.is_empty() {
        // A healthy workload is no matter of its age: `NotFailing` speaks for it.
        return pass("nothing fails, so the rollout's age does not matter");
    }
    let limit = human(case.limits.recent_rollout);
    match &case.evidence.rolled_out_at {
        Observed::Known(rolled_out_at) => {
            let age = since(*rolled_out_at, case.now);
            let text = format!("rolled out {} ago, {limit} is recent", human(age));
            if age <= case.limits.recent_rollout {
                pass(text)
            } else {
                hold(text)
            }
        }
        Observed::Absent => unseen(case, &limit),
        Observed::Unavailable(why) => {
            question.away(format!("when it was rolled out can't be told ({why})"))
        }
    }
}

/// No sample shows the change from one revision to the next. A revision that was made lately was rolled out lately all the same, for it can't
/// be older than its object: so it is with a workload that is younger than a step of the history. An old object says nothing: it may be reused.
fn unseen(case: &Case, limit: &str) -> Finding {
    let age = case.newest().map(|newest| since(newest.created, case.now));
    match age {
        Some(age) if age <= case.limits.recent_rollout => pass(format!(
            "its revision was made {} ago, {limit} is recent",
            human(age)
        )),
        _ => hold(format!(
            "Prometheus' history shows no rollout of this revision; {limit} is recent"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{outcome, wait};
    use super::*;
    use crate::domain::verdict::{Outcome, Reason::NoRecentRollout};
    use crate::remedy::test_support::{at, broken_web};

    /// The case with its newest revision made at that second.
    fn made(second: i64) -> Case {
        let mut case = broken_web();
        if let Observed::Known(revisions) = &mut case.evidence.revisions
            && let Some(newest) = &mut revisions.newest
        {
            newest.created = at(second);
        }
        case
    }

    #[test]
    fn holds_an_old_rollout_and_one_of_an_old_revision_that_nobody_saw() {
        for rolled_out_at in [Observed::Known(at(-7201)), Observed::Absent] {
            let mut case = made(-7201);
            case.evidence.rolled_out_at = rolled_out_at;
            assert_eq!(outcome(NoRecentRollout, &case), Outcome::Hold);
        }
    }

    #[test]
    fn passes_a_rollout_that_nobody_saw_of_a_revision_that_was_only_just_made() {
        for second in [-7200, -30, 5] {
            let mut case = made(second);
            case.evidence.rolled_out_at = Observed::Absent;
            assert_eq!(outcome(NoRecentRollout, &case), Outcome::Pass);
        }
        let mut old = made(-30);
        old.evidence.rolled_out_at = Observed::Known(at(-7201));
        assert_eq!(
            outcome(NoRecentRollout, &old),
            Outcome::Hold,
            "a sample counts for more"
        );
    }

    #[test]
    fn waits_while_prometheus_is_away() {
        let mut case = broken_web();
        case.evidence.rolled_out_at = Observed::Unavailable("timeout".into());
        assert_eq!(outcome(NoRecentRollout, &case), wait(at(30)));
    }

    #[test]
    fn passes_a_rollout_exactly_at_the_limit_and_one_of_a_clock_ahead() {
        for rolled_out_at in [at(-7200), at(0), at(5)] {
            let mut case = broken_web();
            case.evidence.rolled_out_at = Observed::Known(rolled_out_at);
            assert_eq!(outcome(NoRecentRollout, &case), Outcome::Pass);
        }
    }

    #[test]
    fn leaves_a_healthy_workload_to_not_failing() {
        let mut case = broken_web();
        case.diagnosis.entries.clear();
        case.evidence.rolled_out_at = Observed::Absent;
        assert_eq!(outcome(NoRecentRollout, &case), Outcome::Pass);
    }
}
