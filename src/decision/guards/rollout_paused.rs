//! `RolloutPaused`: a paused Deployment would take the template and roll nothing out (kubectl refuses it too).

use super::{Finding, Question, hold, pass};

pub(super) fn check(question: &Question<'_>) -> Finding {
    match question.case.workload() {
        None => question.away("whether the rollout is paused could not be read"),
        Some(workload) if workload.paused() => hold("the rollout is paused: `spec.paused` is true"),
        Some(_) => pass("the rollout is not paused"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{outcome, wait};
    use crate::domain::observed::Observed;
    use crate::domain::verdict::{Outcome, Reason::RolloutPaused};
    use crate::remedy::test_support::{at, broken_web, workload};

    #[test]
    fn holds_a_paused_rollout_and_waits_for_one_that_cannot_be_read() {
        let mut case = broken_web();
        workload(&mut case).spec["paused"] = true.into();
        assert_eq!(outcome(RolloutPaused, &case), Outcome::Hold);
        case.evidence.workload = Observed::Unavailable("503".into());
        assert_eq!(outcome(RolloutPaused, &case), wait(at(30)));
    }

    #[test]
    fn passes_one_that_runs() {
        assert_eq!(outcome(RolloutPaused, &broken_web()), Outcome::Pass);
    }
}
