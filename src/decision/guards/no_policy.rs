//! `NoPolicy`: nobody has allowed anything for this workload.

use super::{Finding, Question, hold, pass};
use crate::domain::case::PolicyChoice;

pub(super) fn check(question: &Question<'_>) -> Finding {
    match &question.case.policy {
        PolicyChoice::Chosen(policy) => pass(format!("policy {} applies", policy.name)),
        PolicyChoice::CauseNotCovered(names) => {
            pass(format!("{} match: {}", names.len(), names.join(", ")))
        }
        PolicyChoice::NoMatch => hold("no policy matches this workload and these alerts"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::outcome;
    use crate::domain::case::PolicyChoice;
    use crate::domain::verdict::{Outcome, Reason::NoPolicy};
    use crate::remedy::test_support::broken_web;

    #[test]
    fn holds_without_a_match() {
        let mut case = broken_web();
        case.policy = PolicyChoice::NoMatch;
        assert_eq!(outcome(NoPolicy, &case), Outcome::Hold);
    }

    #[test]
    fn passes_a_match_and_leaves_causes_to_their_own_guard() {
        let mut case = broken_web();
        assert_eq!(outcome(NoPolicy, &case), Outcome::Pass);
        case.policy = PolicyChoice::CauseNotCovered(vec!["image".into()]);
        assert_eq!(outcome(NoPolicy, &case), Outcome::Pass);
    }
}
