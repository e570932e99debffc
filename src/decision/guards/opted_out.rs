//! `OptedOut`: the owner said `off`, or something that can't be read.

use super::{Finding, Question, hold, pass};
use crate::decision::mode::{self, ModeError};
use crate::domain::policy::Mode;

pub(super) fn check(question: &Question<'_>) -> Finding {
    match mode::effective_mode(question.case) {
        Ok(Mode::Off) => hold(format!("the mode is off ({})", said(question))),
        Ok(mode @ (Mode::DryRun | Mode::Approve | Mode::Enforce)) => {
            pass(format!("the mode is {mode} ({})", said(question)))
        }
        Err(error @ ModeError::Unknown { .. }) => hold(error.to_string()),
        Err(error @ ModeError::Unavailable { .. }) => question.away(error.to_string()),
    }
}

fn said(question: &Question<'_>) -> String {
    mode::wishes(question.case)
        .into_iter()
        .filter_map(|(who, wish)| Some(format!("{who}: {}", wish.ok()?)))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask, outcome, wait};
    use crate::domain::observed::Observed;
    use crate::domain::verdict::{Outcome, Reason::OptedOut};
    use crate::remedy::test_support::{at, broken_web};

    #[test]
    fn holds_when_anybody_says_off_or_what_nobody_understands() {
        for value in ["off", "of", ""] {
            let mut case = broken_web();
            case.evidence.namespace_mode = Observed::Known(value.to_owned());
            let (outcome, text) = ask(OptedOut, &case);
            assert_eq!(outcome, Outcome::Hold, "{value:?}");
            assert!(text.contains("off"), "{text}");
        }
    }

    #[test]
    fn waits_while_the_namespace_cannot_be_read() {
        let mut case = broken_web();
        case.evidence.namespace_mode = Observed::Unavailable("503".into());
        assert_eq!(outcome(OptedOut, &case), wait(at(30)));
    }

    #[test]
    fn passes_every_other_mode_and_says_who_wished_for_it() {
        let mut case = broken_web();
        case.evidence.namespace_mode = Observed::Known("dry-run".into());
        let (outcome, text) = ask(OptedOut, &case);
        assert_eq!(outcome, Outcome::Pass);
        assert_eq!(
            text,
            "the mode is dry-run (configuration: enforce, namespace: dry-run)"
        );
    }
}
