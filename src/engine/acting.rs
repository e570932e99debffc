//! The write of a recorded plan: everything is read again, all guards again, and only then the one conditional patch.

use super::context::Context;
use super::driver::advance;
use super::gather::{self, status};
use super::step::{self, Input, LONGEST_OPEN, Wake, Written};
use super::watching::verify_spec;
use crate::action::{self, Recognised, Unapplied};
use crate::config::Config;
use crate::decision;
use crate::domain::identity::ActionId;
use crate::domain::incident::{AppliedRecord, IncidentStatus, Phase};
use crate::domain::observed::Observed;
use crate::domain::plan::patch_sha256;
use crate::domain::time::since;
use crate::domain::workload::{Workload, WorkloadRef};
use crate::evidence::live::{self, Live};
use crate::planted::{self, Bug};
use crate::record::crd::Incident;
use crate::record::store::StoreError;
use crate::telemetry::labels::Stage;
use crate::verify;
use jiff::{SignedDuration, Timestamp};

/// What must be left of the hold when the write is sent: the write's own deadline is 10 s, and nobody may take over before it.
const HOLD_LEFT: SignedDuration = SignedDuration::from_secs(12);

/// What became of the last write that left this process. Saving it may fail, and a record that is read from the past does not have it yet: by
/// either the write would be decided, and sent, once more.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    action_id: ActionId,
    at: Timestamp,
    written: Written,
}

impl Sent {
    /// What an incident must be told before anything else; `None` = its record has it, or is about another write.
    pub(super) fn told(&self, incident: &Incident) -> Option<Input> {
        let status = status(incident);
        let plan = status.plan.as_ref()?;
        let beyond =
            [Some(Phase::Verifying), Some(Phase::Closed)].contains(&Phase::parse(&status.phase));
        let noted = |applied: &AppliedRecord| applied.action_id == self.action_id;
        let known = status.applied.iter().any(noted)
            || matches!(self.written, Written::Unknown(_)) && step::is_lost(&status, self.at);
        let missing = plan.action_id == self.action_id && !known && !beyond;
        missing.then(|| Input::Written(self.written.clone()))
    }
}

/// Carries a recorded plan out, or finds that it was. What became of it stays in `sent`.
pub(super) async fn act(
    context: &Context,
    config: &Config,
    incident: &Incident,
    reference: &WorkloadRef,
    sent: &mut Option<Sent>,
) -> Result<Wake, StoreError> {
    let Some(recorded) = status(incident).plan else {
        return advance(context, incident, Input::Written(Written::DecideAfresh)).await;
    };
    let before = status(incident);
    let now = context.clock.now();
    if let Some(why) = lost(&before, now) {
        return only_look(context, config, incident, reference, why).await;
    }
    let full = gather::full(context, config, incident, reference).await;
    // Before anything else: a process before this one may have written, and died before it recorded so.
    if let Some(input) = look_for_write(context, config, incident, &full.live()) {
        return advance(context, incident, input).await;
    }
    // Somebody's newer revision may fail too, and the same plan would fit: it is theirs all the same.
    let newest = full
        .case
        .revisions()
        .and_then(|revisions| revisions.newest.as_ref());
    if newest.is_some_and(|newest| step::is_replaced(incident, &before, &newest.hash)) {
        return decided_otherwise(context, config, incident, full).await;
    }
    let same_plan = full
        .proposal
        .as_ref()
        .is_ok_and(|plan| patch_sha256(plan) == recorded.patch_sha256);
    let (Ok(plan), Some(rehearsal), Some(workload), true) = (
        full.proposal.clone(),
        full.rehearsal.clone(),
        full.case.workload().cloned(),
        same_plan,
    ) else {
        return decided_otherwise(context, config, incident, full).await;
    };
    let Ok(authorized) = decision::authorize(&full.case, plan, &rehearsal) else {
        return decided_otherwise(context, config, incident, full).await;
    };
    let still_allowed = || {
        let late = holder_is_late(context, incident) && !planted::is(Bug::HoldNotLookedAtAgain);
        !late && config.digest == context.config().digest
    };
    let plan = authorized.get().clone();
    let written =
        match action::apply(&context.cluster, &authorized, &workload, &still_allowed).await {
            Ok(applied) => {
                let took = since(now, context.clock.now());
                context.metrics.observe_stage(Stage::Write, took);
                Written::Accepted {
                    verification: Box::new(verify::begin(
                        &plan.verify,
                        plan.longest_run_seconds,
                        applied.workload(),
                        context.clock.now(),
                    )),
                }
            }
            Err(Unapplied::Gone) => return advance(context, incident, Input::Gone).await,
            Err(Unapplied::Moved) => Written::DecideAfresh,
            Err(Unapplied::Refused(why)) => Written::Refused(why),
            Err(error @ Unapplied::Changed) => Written::Changed(error.to_string()),
            Err(Unapplied::Unknown(why)) => Written::Unknown(why),
            Err(Unapplied::Unseen(why)) => Written::Unseen(why),
            Err(Unapplied::Later(why)) => Written::Later(why),
            Err(Unapplied::TooLate) => {
                return Box::pin(too_late(context, config, incident, full)).await;
            }
        };
    let left = matches!(
        written,
        Written::Accepted { .. } | Written::Changed(_) | Written::Unknown(_)
    );
    *sent = left.then(|| Sent {
        action_id: plan.action_id.clone(),
        at: context.clock.now(),
        written: written.clone(),
    });
    advance(context, incident, Input::Written(written)).await
}

/// While a write whose answer was lost may still land, and after the second one: nothing is sent, whatever the guards say.
async fn only_look(
    context: &Context,
    config: &Config,
    incident: &Incident,
    reference: &WorkloadRef,
    otherwise: Written,
) -> Result<Wake, StoreError> {
    let live = live::read(&context.cluster, reference).await;
    let input = look_for_write(context, config, incident, &live);
    let input = input.unwrap_or(Input::Written(otherwise));
    advance(context, incident, input).await
}

/// What a lost answer means as long as the write is not found; `None` = no answer is missing any more, and it may be decided and sent.
fn lost(status: &IncidentStatus, now: Timestamp) -> Option<Written> {
    if step::may_still_land(status, now) {
        let why = "the answer was lost, and it may still land";
        Some(Written::Unseen(why.to_owned()))
    } else if step::lost_twice(status) {
        let what = "the answer to the write was lost twice, and it is not there";
        Some(Written::GivenUp(what.to_owned()))
    } else {
        None
    }
}

/// Nothing was sent: the hold must be renewed and everything read again, or the configuration has changed; but not for longer than a day.
async fn too_late(
    context: &Context,
    config: &Config,
    incident: &Incident,
    full: gather::Full,
) -> Result<Wake, StoreError> {
    if since(incident.spec.alert.received_at, context.clock.now()) >= LONGEST_OPEN {
        return decided_otherwise(context, config, incident, full).await;
    }
    Ok(Wake::Now)
}

/// Whether this process has been the holder for so long that the write could land after somebody else took over.
fn holder_is_late(context: &Context, incident: &Incident) -> bool {
    let left = status(incident)
        .holder
        .map(|holder| holder.deadline.duration_since(context.clock.now()));
    left.is_none_or(|left| left < HOLD_LEFT)
}

/// The guards changed their mind between the intent and the write: that counts.
async fn decided_otherwise(
    context: &Context,
    config: &Config,
    incident: &Incident,
    full: gather::Full,
) -> Result<Wake, StoreError> {
    advance(context, incident, full.input(incident, config)).await
}

/// What a look at the live workload says about a recorded plan whose write is not in the record: asked before anything else is decided, in
/// every phase, for an answer that was lost may have been a yes. `None` = certainly not written as far as can be seen.
pub(super) fn look_for_write(
    context: &Context,
    config: &Config,
    incident: &Incident,
    live: &Live,
) -> Option<Input> {
    let status = status(incident);
    let plan = status.plan.as_ref()?;
    if planted::is(Bug::EarlierWriteNotLookedFor) {
        return None;
    }
    if status
        .applied
        .iter()
        .any(|applied| applied.action_id == plan.action_id)
    {
        return None;
    }
    let workload = match &live.workload {
        Observed::Known(workload) if workload.uid == incident.spec.workload.uid => workload,
        Observed::Known(_) | Observed::Absent => return Some(Input::Gone),
        // In Acting a write may have happened: it must be looked for until it can be seen. Before, nothing was sent.
        Observed::Unavailable(why) => {
            let acting = Phase::parse(&status.phase) == Some(Phase::Acting);
            return acting.then(|| Input::Written(Written::Unseen(why.clone())));
        }
    };
    if !action::is_marked(workload, plan) {
        return None;
    }
    let recognised = live
        .revisions
        .known()
        .and_then(|revisions| action::recognise(workload, revisions, plan, None));
    // The mark alone says that it was stored; whether it still stands is the watch's business where it can't be told now.
    Some(match recognised {
        Some(Recognised::Superseded) => Input::Overtaken,
        Some(Recognised::Ours(_) | Recognised::NotWritten) | None => {
            found_written(context, config, &status, workload)
        }
    })
}

fn found_written(
    context: &Context,
    config: &Config,
    status: &IncidentStatus,
    workload: &Workload,
) -> Input {
    let longest_run = status
        .memory
        .sightings
        .iter()
        .map(|sighting| sighting.longest_run_seconds)
        .max();
    let spec = verify_spec(config, &status.policy);
    let verification = verify::begin(
        &spec,
        longest_run.unwrap_or(0),
        workload,
        context.clock.now(),
    );
    Input::Written(Written::Accepted {
        verification: Box::new(verification),
    })
}
