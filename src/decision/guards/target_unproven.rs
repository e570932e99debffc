//! `TargetUnproven`: only what was healthy before is worth going back to.

use super::{Finding, Question, pass};
use crate::domain::plan::RefusalReason;

pub(super) fn check(question: &Question<'_>) -> Finding {
    match question.proposal {
        Ok(plan) => pass(plan.proof.clone()),
        Err(refusal) => match refusal.reason {
            RefusalReason::UnprovenYet { look_again_at } => {
                question.wait_until(look_again_at, refusal.text.clone())
            }
            RefusalReason::Unavailable => question.away(refusal.text.clone()),
            RefusalReason::Unproven => question.stuck(refusal.text.clone()),
            RefusalReason::Quarantined | RefusalReason::NoTarget | RefusalReason::Spent => {
                pass("there is no target to prove")
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::outcome;
    use crate::domain::observed::Observed;
    use crate::domain::verdict::{Outcome, Reason::TargetUnproven};
    use crate::remedy::test_support::{
        BAD, GOOD, allow, at, broken_web, failed_step, pin, serve, undo,
    };

    #[test]
    fn holds_what_was_never_healthy_and_escalates_it_after_a_step() {
        let mut case = broken_web();
        case.evidence.history = Observed::Absent;
        assert_eq!(outcome(TargetUnproven, &case), Outcome::Hold);
        allow(
            &mut case,
            vec![
                pin(None, "a:1"),
                undo(crate::domain::policy::UndoTo::Proven),
            ],
        );
        case.incident.steps = vec![failed_step(0, BAD)];
        assert_eq!(outcome(TargetUnproven, &case), Outcome::Escalate);
    }

    #[test]
    fn waits_for_what_lacks_only_time_and_for_a_history_that_is_away() {
        let mut case = broken_web();
        case.evidence.history = Observed::Unavailable("timeout".into());
        assert!(
            matches!(outcome(TargetUnproven, &case), Outcome::Wait { next_check } if next_check == at(30))
        );
        serve(&mut case, GOOD, 1, 45);
        assert!(
            matches!(outcome(TargetUnproven, &case), Outcome::Wait { next_check } if next_check == at(75))
        );
    }

    #[test]
    fn passes_a_proven_target() {
        assert_eq!(outcome(TargetUnproven, &broken_web()), Outcome::Pass);
    }
}
