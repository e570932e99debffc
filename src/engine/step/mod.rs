//! The state machine of one incident: what it is told and what time it is, to its next state and what must be done about it. Pure:
//! the driver saves the state first and carries the effects out afterwards, so that a crash anywhere leaves a state that says what next.

mod acting;
mod closing;
mod looked;

#[cfg(test)]
mod tests;

use crate::domain::diagnosis::Diagnosis;
use crate::domain::evidence::Memory;
use crate::domain::identity::TemplateHash;
use crate::domain::incident::{
    Ending, FactRecord, Holder, IncidentStatus, Phase, VerificationRecord,
};
use crate::domain::observed::Observed;
use crate::domain::plan::{Plan, Rehearsal, RevisionMark};
use crate::domain::policy::Mode;
use crate::domain::time::whole_seconds;
use crate::domain::verdict::Verdict;
use crate::notify::events::Announcement;
use crate::planted::{self, Bug};
use crate::record::crd::Incident;
use crate::verify::Judgement;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How long a holder may be silent before anybody takes over: three times what a stuck API call may last.
pub const HOLD_FOR: SignedDuration = SignedDuration::from_secs(30);
/// A holder renews when less than this is left, so at least every 10 s.
pub const RENEW_BELOW: SignedDuration = SignedDuration::from_secs(20);
/// With no live symptom an incident looks this often …
pub const QUIET_LOOK: SignedDuration = SignedDuration::from_secs(30);
/// … and closes after this long: an alert that found nothing should not stay open for a shift.
pub const QUIET_FOR: SignedDuration = SignedDuration::from_mins(10);
/// What nobody has cured in a day is no longer an incident of tonight.
pub const LONGEST_OPEN: SignedDuration = SignedDuration::from_hours(24);

/// What an incident is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The workload was looked at.
    Looked(Box<Looked>),
    /// This process drives it from now on.
    Claimed {
        /// The process.
        holder: String,
    },
    /// The plan was written, or not.
    Written(Written),
    /// Recovery was looked at.
    Judged {
        /// The record as it goes on.
        record: VerificationRecord,
        /// What it means.
        judgement: Judgement,
        /// The hash of the revision that the write made newest, once there.
        revision: Option<TemplateHash>,
    },
    /// Somebody changed the workload after our write.
    Overtaken,
    /// The workload is gone.
    Gone,
}

impl Input {
    /// The revision that it says is failing.
    pub fn failing(&self) -> Option<&TemplateHash> {
        match self {
            Self::Looked(look) if !look.diagnosis.entries.is_empty() => {
                look.newest.as_ref().map(|newest| &newest.hash)
            }
            Self::Judged {
                judgement: Judgement::Failed(_),
                revision,
                ..
            } => revision.as_ref(),
            _ => None,
        }
    }
}

/// One look at a workload.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The newest revision, where it could be told.
    pub newest: Option<RevisionMark>,
    /// What is failing.
    pub diagnosis: Diagnosis,
    /// Whether workload, revisions and pods could all be read: only then does "no symptom" mean anything.
    pub complete: bool,
    /// What was seen so far.
    pub memory: Memory,
    /// What all sources said; `None` for a light look, which asks only the live API.
    pub decided: Option<Decided>,
    /// The digest of the workload's intent and the configuration.
    pub decided_on: String,
    /// The namespace's mode annotation, where it was asked for.
    pub namespace_mode: Observed<String>,
    /// What the live pods alone show, as `container: Cause`.
    pub live_causes: BTreeSet<String>,
    /// Since when this process has looked, again and again, without finding a symptom.
    pub quiet_since: Option<Timestamp>,
}

impl Looked {
    /// Whether everything was read, and nothing fails.
    pub fn is_quiet(&self) -> bool {
        self.complete && self.diagnosis.entries.is_empty() && self.diagnosis.pending.is_empty()
    }
}

/// A decision that a look led to.
#[derive(Clone, Debug)]
pub struct Decided {
    /// What each source said.
    pub facts: Vec<FactRecord>,
    /// Who else has a say in the template, in words.
    pub owners: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// The plan, where there is one, and its rehearsal.
    pub plan: Option<Box<Plan>>,
    /// What the API server said of it.
    pub rehearsal: Option<Rehearsal>,
    /// The policy's name; empty = none.
    pub policy: String,
    /// The mode it was decided in.
    pub mode: Mode,
    /// What a person could do.
    pub next_steps: Vec<String>,
}

/// What became of a write.
#[derive(Clone, Debug)]
pub enum Written {
    /// It was accepted, or found to have been: watch it.
    Accepted {
        /// The verification as it begins.
        verification: Box<VerificationRecord>,
    },
    /// Somebody changed the workload since the decision: decide afresh.
    DecideAfresh,
    /// The API server refuses it.
    Refused(String),
    /// What is stored is not what was meant.
    Changed(String),
    /// The answer was lost: look for the action id, and write nothing, until it is certain that nothing can land any more.
    Unknown(String),
    /// The workload can't be read now; nothing was sent since the last look.
    Unseen(String),
    /// The API server takes no writes now; nothing was stored.
    Later(String),
    /// It was tried often enough, and is not there.
    GivenUp(String),
}

/// How long a write whose answer was lost may still land: an API server gives a request up after 60 s (`--request-timeout`), and a little
/// more for the clocks.
const LAST_LANDING: SignedDuration = SignedDuration::from_secs(65);

/// Whether the answer to a write of this incident was lost so lately that it may still land.
pub fn may_still_land(status: &IncidentStatus, now: Timestamp) -> bool {
    acting::lost_answer(status).is_some_and(|(at, _)| now.duration_since(at) < LAST_LANDING)
        && !planted::is(Bug::LostAnswerForgotten)
}

/// Whether a record has an answer that was lost then, or later.
pub fn is_lost(status: &IncidentStatus, at: Timestamp) -> bool {
    acting::lost_answer(status).is_some_and(|(lost_at, _)| lost_at >= whole_seconds(at))
}

/// Whether the newest revision is another one than this incident is about: somebody has deployed since.
pub fn is_replaced(incident: &Incident, status: &IncidentStatus, newest: &TemplateHash) -> bool {
    let expected = looked::expected_revision(&incident.spec, status);
    expected.is_some_and(|expected| expected != *newest) && !planted::is(Bug::ReplacedUnnoticed)
}

/// Whether answers were lost twice, and the second write can't land any more: a third try would be one too many.
pub fn lost_twice(status: &IncidentStatus) -> bool {
    acting::lost_answer(status).is_some_and(|(_, again)| again)
}

/// What must be done once the new state is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell people, on the workload and the Incident.
    Announce {
        /// Under which reason.
        what: Announcement,
        /// In which words.
        note: String,
    },
    /// Count a decision that differs from the one before.
    CountDecision {
        /// The policy's name; empty = none.
        policy: String,
        /// The mode it was decided in.
        mode: Mode,
        /// The verdict.
        verdict: Box<Verdict>,
    },
    /// Count an incident that is over.
    CountEnding(Ending),
}

/// When an incident wants to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// At once.
    Now,
    /// Then, or earlier when something about it changes.
    At(Timestamp),
    /// Never: it is closed.
    Never,
}

/// What a step leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The next state.
    pub status: IncidentStatus,
    /// What must be done, in order, once it is saved.
    pub effects: Vec<Effect>,
    /// When to go on.
    pub wake: Wake,
}

/// One step.
pub fn step(incident: &Incident, input: Input, now: Timestamp) -> Step {
    let spec = &incident.spec;
    let mut next = incident.status.clone().unwrap_or_default();
    if next.alerts.is_empty() {
        next.join(spec.alert.clone());
        next.tell(
            spec.alert.received_at,
            &format!("alert {} opened this incident", spec.alert.name),
        );
    }
    match input {
        Input::Looked(look) => looked::looked(incident, next, *look, now),
        Input::Claimed { holder } => claimed(next, holder, now),
        Input::Written(written) => acting::written(incident, next, written, now),
        Input::Judged {
            record,
            judgement,
            revision,
        } => acting::judged(next, record, &judgement, revision, now),
        Input::Overtaken => {
            acting::note_write(&mut next, now);
            closing::close(
                next,
                Ending::Superseded,
                "ChangedMeanwhile",
                "somebody changed the workload after Ripcord's write: theirs counts",
                now,
            )
        }
        Input::Gone => gone(next, now),
    }
}

fn gone(mut next: IncidentStatus, now: Timestamp) -> Step {
    let mut what = "the workload is gone".to_owned();
    if Phase::parse(&next.phase) == Some(Phase::Acting)
        && acting::note_unknown_write(&mut next, now)
    {
        what.push_str("; whether the planned step was written before can't be told any more");
    }
    closing::close(next, Ending::Gone, "WorkloadGone", &what, now)
}

fn claimed(mut next: IncidentStatus, holder: String, now: Timestamp) -> Step {
    let taken_over = next
        .holder
        .as_ref()
        .is_some_and(|before| before.id != holder);
    if taken_over {
        next.tell(
            now,
            &format!("taken over by another process in phase {}", next.phase),
        );
        // What was soaked, and since when nothing got better, was measured by another clock.
        if let Some(verification) = &mut next.verification {
            verification.whole_since = None;
            verification.last_progress = whole_seconds(now);
        }
    }
    next.holder = Some(held_until(holder, now));
    Step {
        status: next,
        effects: Vec::new(),
        wake: Wake::Now,
    }
}

fn held_until(id: String, now: Timestamp) -> Holder {
    Holder {
        id,
        deadline: now.checked_add(HOLD_FOR).unwrap_or(now),
    }
}

/// Whether a process may drive an incident now, and until when it must wait if not. Before Acting anybody may: compare-and-swap
/// lets only one of them get further.
///
/// # Errors
/// The time until which another process holds it.
pub fn may_drive(
    status: &IncidentStatus,
    process: &str,
    now: Timestamp,
) -> Result<Claim, Timestamp> {
    let held_phase = matches!(
        Phase::parse(&status.phase),
        Some(Phase::Acting | Phase::Verifying)
    );
    match &status.holder {
        _ if !held_phase => Ok(Claim::NotNeeded),
        Some(holder) if holder.id == process => {
            let left = holder.deadline.duration_since(now);
            // A holder whose deadline has passed may have been overtaken: it must win the compare-and-swap again first.
            Ok(if left < RENEW_BELOW {
                Claim::Renew
            } else {
                Claim::NotNeeded
            })
        }
        Some(holder) if holder.deadline > now && !planted::is(Bug::HoldIgnored) => {
            Err(holder.deadline)
        }
        Some(_) | None => Ok(Claim::Renew),
    }
}

/// What a process must do before it drives an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing.
    NotNeeded,
    /// Save itself as the holder, by compare-and-swap.
    Renew,
}
