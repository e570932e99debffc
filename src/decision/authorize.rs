//! The only maker of an [`Authorized`] plan.

use super::{decide, effective_mode};
use crate::domain::case::Case;
use crate::domain::plan::{Plan, Rehearsal};
use crate::domain::policy::Mode;
use crate::domain::verdict::{Decision, Reason, Verdict};

/// Something that every guard has let pass, in a mode that allows writing. Only [`authorize`] makes one:
///
/// ```compile_fail
/// let forged = ripcord::decision::Authorized(1);
/// ```
#[derive(Debug)]
pub struct Authorized<T>(T);

impl<T> Authorized<T> {
    /// What was authorized.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// Decides once more, on this case and this dry run, and lets the plan through. The plan is to be what `remedy::propose` made of this very
/// case: that it is about the same objects is checked here, the proof of its target's health is not made twice.
///
/// # Errors
/// The verdict that stands against it; a verdict that would let it pass becomes a `Hold` where the mode is not `enforce`.
pub fn authorize(
    case: &Case,
    plan: Plan,
    rehearsal: &Rehearsal,
) -> Result<Authorized<Plan>, Verdict> {
    let verdict = decide(case, Ok(&plan), Some(rehearsal));
    if verdict.decision != Decision::Act {
        return Err(verdict);
    }
    match effective_mode(case) {
        Ok(Mode::Enforce) => Ok(Authorized(plan)),
        Ok(mode @ (Mode::Off | Mode::DryRun | Mode::Approve)) => Err(not_in_this_mode(
            verdict,
            format!("the mode is {mode}: nothing is written"),
        )),
        Err(error) => Err(not_in_this_mode(verdict, error.to_string())),
    }
}

fn not_in_this_mode(verdict: Verdict, text: String) -> Verdict {
    Verdict {
        decision: Decision::Hold,
        reason: Reason::OptedOut,
        text,
        guards: verdict.guards,
    }
}
