//! Asks one guard about a case.
#![allow(clippy::panic)]

use super::{ORDER, Question};
use crate::domain::case::Case;
use crate::domain::plan::{Plan, Refusal};
use crate::domain::verdict::{Outcome, Reason};
use crate::remedy;
use jiff::Timestamp;

/// What the guard says of a case and the plan that `remedy` proposes for it.
pub(super) fn ask(guard: Reason, case: &Case) -> (Outcome, String) {
    match remedy::propose(case) {
        Ok(plan) => ask_about(guard, case, Ok(&plan)),
        Err(refusal) => ask_about(guard, case, Err(&refusal)),
    }
}

pub(super) fn ask_about(
    guard: Reason,
    case: &Case,
    proposal: Result<&Plan, &Refusal>,
) -> (Outcome, String) {
    let question = Question {
        case,
        proposal,
        rehearsal: None,
    };
    let Some((_, check)) = ORDER.into_iter().find(|(reason, _)| *reason == guard) else {
        panic!("no guard {guard}");
    };
    let finding = check(&question);
    assert!(!finding.text.is_empty(), "{guard} says nothing");
    (finding.outcome, finding.text)
}

pub(super) fn outcome(guard: Reason, case: &Case) -> Outcome {
    ask(guard, case).0
}

pub(super) fn wait(next_check: Timestamp) -> Outcome {
    Outcome::Wait { next_check }
}
