//! `Dwelling`: short blips end by themselves.

use super::{Finding, Question, later, pass};
use crate::domain::time::{human, since};

pub(super) fn check(question: &Question<'_>) -> Finding {
    let case = question.case;
    let open_for = since(case.incident.opened_at, case.now);
    let text = format!(
        "open for {}, {} needed",
        human(open_for),
        human(case.limits.dwell)
    );
    if open_for >= case.limits.dwell {
        pass(text)
    } else {
        question.wait_until(later(case.incident.opened_at, case.limits.dwell), text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{outcome, wait};
    use crate::domain::verdict::{Outcome, Reason::Dwelling};
    use crate::remedy::test_support::{at, broken_web};

    #[test]
    fn waits_until_the_dwell_is_over() {
        let mut case = broken_web();
        for (opened_at, next) in [(0, 10), (-9, 1), (30, 40)] {
            case.incident.opened_at = at(opened_at);
            assert_eq!(outcome(Dwelling, &case), wait(at(next)));
        }
    }

    #[test]
    fn a_wait_is_never_shorter_than_a_second() {
        let mut case = broken_web();
        case.incident.opened_at = at(-9);
        case.now = at(0)
            .checked_add(jiff::SignedDuration::from_millis(500))
            .unwrap();
        let Outcome::Wait { next_check } = outcome(Dwelling, &case) else {
            panic!("passed too early")
        };
        assert_eq!(
            next_check.duration_since(case.now),
            jiff::SignedDuration::from_secs(1)
        );
    }

    #[test]
    fn passes_exactly_at_the_dwell() {
        let mut case = broken_web();
        case.incident.opened_at = at(-10);
        assert_eq!(outcome(Dwelling, &case), Outcome::Pass);
    }
}
