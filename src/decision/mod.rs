//! Whether a plan may be carried out: ordered guards, each with the numbers it compared, and the only door to an [`Authorized`] plan.
//!
//! Every guard runs and is recorded, those after the first refusal too: a person sees all that stands in the way at once.

mod authorize;
mod choice;
mod guards;
mod mode;
mod next_steps;

pub use authorize::{Authorized, authorize};
pub use choice::choose_policy;
pub use mode::{ModeError, effective_mode};
pub use next_steps::next_steps;

use crate::domain::case::Case;
use crate::domain::plan::{Plan, Refusal, Rehearsal};
use crate::domain::verdict::{Decision, Outcome, Reason, Verdict};
use guards::Question;

/// Runs every guard on a case and what was proposed for it; `rehearsal` is what became of the plan's dry run, once it was done.
pub fn decide(
    case: &Case,
    proposal: Result<&Plan, &Refusal>,
    rehearsal: Option<&Rehearsal>,
) -> Verdict {
    let question = Question {
        case,
        proposal,
        rehearsal,
    };
    let guards = guards::run(&question);
    let first = guards.iter().find(|guard| guard.outcome != Outcome::Pass);
    let (decision, reason, text) = match (first, proposal) {
        (Some(guard), _) => (decision(&guard.outcome), guard.guard, guard.text.clone()),
        (None, Ok(plan)) => (Decision::Act, Reason::Clear, plan.proof.clone()),
        // Some guard stands for every refusal; if none did, nothing may be written all the same.
        (None, Err(refusal)) => (Decision::Hold, Reason::NoTarget, refusal.text.clone()),
    };
    Verdict {
        decision,
        reason,
        text,
        guards,
    }
}

fn decision(outcome: &Outcome) -> Decision {
    match outcome {
        Outcome::Pass => Decision::Act,
        Outcome::Wait { next_check } => Decision::Wait {
            next_check: *next_check,
        },
        Outcome::Hold => Decision::Hold,
        Outcome::Escalate => Decision::Escalate,
    }
}

/// Whether every guard passed and only the dry run has not been done: time to rehearse.
pub fn only_rehearsal_missing(verdict: &Verdict) -> bool {
    let mut refusals = verdict
        .guards
        .iter()
        .filter(|guard| guard.outcome != Outcome::Pass);
    let only = refusals.next().is_some_and(|guard| {
        guard.guard == Reason::DryRunRefused && guard.text == guards::NOT_REHEARSED
    });
    only && refusals.next().is_none()
}

#[cfg(test)]
mod tests;
