//! The guards, in order. Each is a file: a question about a case, answered with an outcome and one sentence with its numbers.
//! A guard whose facts can't be read waits: it never passes for lack of knowledge.

mod cause_not_allowed;
mod changed_by_other;
mod cooling_down;
mod dry_run_refused;
mod dwelling;
mod foreign_owner;
mod no_policy;
mod no_recent_rollout;
mod no_target;
mod not_failing;
mod not_in_scope;
mod older_revision;
mod opted_out;
mod other_container_fails;
mod partly_healthy;
mod quarantined;
mod rollout_paused;
mod steps_spent;
mod storm;
mod target_unproven;
mod unavailable;

use crate::domain::case::Case;
use crate::domain::plan::{Plan, Refusal, RefusalReason, Rehearsal};
use crate::domain::verdict::{GuardOutcome, Outcome, Reason};
use crate::planted::{self, Bug};
use jiff::{SignedDuration, Timestamp};

pub(super) use dry_run_refused::NOT_REHEARSED;

/// What every guard is asked about.
pub(super) struct Question<'a> {
    pub(super) case: &'a Case,
    pub(super) proposal: Result<&'a Plan, &'a Refusal>,
    pub(super) rehearsal: Option<&'a Rehearsal>,
}

/// What a guard answers.
#[derive(Debug)]
struct Finding {
    outcome: Outcome,
    text: String,
}

type Guard = (Reason, fn(&Question<'_>) -> Finding);

/// Scope and the owner's word first, then what fails, then the plan, and last what costs a request.
const ORDER: [Guard; 21] = [
    (Reason::Unavailable, unavailable::check),
    (Reason::NotInScope, not_in_scope::check),
    (Reason::OptedOut, opted_out::check),
    (Reason::RolloutPaused, rollout_paused::check),
    (Reason::ForeignOwner, foreign_owner::check),
    (Reason::NoPolicy, no_policy::check),
    (Reason::OlderRevision, older_revision::check),
    (Reason::NoRecentRollout, no_recent_rollout::check),
    (Reason::NotFailing, not_failing::check),
    (Reason::Dwelling, dwelling::check),
    (Reason::PartlyHealthy, partly_healthy::check),
    (Reason::CauseNotAllowed, cause_not_allowed::check),
    (Reason::OtherContainerFails, other_container_fails::check),
    (Reason::StepsSpent, steps_spent::check),
    (Reason::TargetUnproven, target_unproven::check),
    (Reason::NoTarget, no_target::check),
    (Reason::Quarantined, quarantined::check),
    (Reason::ChangedByOther, changed_by_other::check),
    (Reason::CoolingDown, cooling_down::check),
    (Reason::Storm, storm::check),
    (Reason::DryRunRefused, dry_run_refused::check),
];

/// Asks every guard, in order.
pub(super) fn run(question: &Question<'_>) -> Vec<GuardOutcome> {
    ORDER
        .into_iter()
        .map(|(guard, check)| {
            let Finding { outcome, text } = if planted::is(Bug::GuardPasses(guard.as_str())) {
                pass("not asked")
            } else {
                check(question)
            };
            GuardOutcome {
                guard,
                outcome,
                text,
            }
        })
        .collect()
}

/// The guard that stands for a refusal. Exhaustive: a new kind of refusal must name its guard.
fn spokesman(reason: &RefusalReason) -> Reason {
    match reason {
        RefusalReason::UnprovenYet { .. }
        | RefusalReason::Unproven
        | RefusalReason::Unavailable => Reason::TargetUnproven,
        RefusalReason::Quarantined => Reason::Quarantined,
        RefusalReason::NoTarget => Reason::NoTarget,
        RefusalReason::Spent => Reason::StepsSpent,
    }
}

fn pass(text: impl Into<String>) -> Finding {
    Finding {
        outcome: Outcome::Pass,
        text: text.into(),
    }
}

fn hold(text: impl Into<String>) -> Finding {
    Finding {
        outcome: Outcome::Hold,
        text: text.into(),
    }
}

fn escalate(text: impl Into<String>) -> Finding {
    Finding {
        outcome: Outcome::Escalate,
        text: text.into(),
    }
}

impl Question<'_> {
    /// Waits until an instant; never less than a second from now, or a wait whose time has come would be asked again without end.
    fn wait_until(&self, until: Timestamp, text: impl Into<String>) -> Finding {
        let soonest = later(self.case.now, SignedDuration::from_secs(1));
        Finding {
            outcome: Outcome::Wait {
                next_check: until.max(soonest),
            },
            text: text.into(),
        }
    }

    fn wait_seconds(&self, seconds: i64, text: impl Into<String>) -> Finding {
        self.wait_until(
            later(self.case.now, SignedDuration::from_secs(seconds)),
            text,
        )
    }

    /// A source does not answer: asked again in half a minute, which is about what Prometheus and an API server need to come back.
    fn away(&self, text: impl Into<String>) -> Finding {
        self.wait_seconds(30, text)
    }

    /// A fact stands against going on. Before the first write that is the owner's business; after one of ours it is for a person to look.
    fn stuck(&self, text: impl Into<String>) -> Finding {
        if self.case.incident.steps.is_empty() {
            return hold(text);
        }
        escalate(format!(
            "{}; an earlier step of this incident did not help",
            text.into()
        ))
    }
}

fn later(from: Timestamp, by: SignedDuration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod test_support;
