//! The write of a recorded plan: everything is read again, all guards again, and only then the one conditional patch.

use super::context::Context;
use super::driver::advance;
use super::gather::{self, status};
use super::step::{Input, Wake, Written};
use super::watching::verify_spec;
use crate::action::{self, Recognised, Unapplied};
use crate::config::Config;
use crate::decision;
use crate::domain::observed::Observed;
use crate::domain::plan::patch_sha256;
use crate::domain::workload::{Workload, WorkloadRef};
use crate::record::crd::Incident;
use crate::record::store::StoreError;
use crate::verify;
use jiff::SignedDuration;

/// What must be left of the hold when the write is sent: the deadlines of the reading before it and of the write itself are 10 s each, and a
/// reading that took 5 s makes the write too late.
const HOLD_LEFT: SignedDuration = SignedDuration::from_secs(15);

/// Carries a recorded plan out, or finds that it was.
pub(super) async fn act(
    context: &Context,
    config: &Config,
    incident: &Incident,
    reference: &WorkloadRef,
) -> Result<Wake, StoreError> {
    let Some(recorded) = status(incident).plan else {
        return advance(context, incident, Input::Written(Written::DecideAfresh)).await;
    };
    let full = gather::full(context, config, incident, reference).await;
    if let (Some(workload), Some(revisions)) = (full.case.workload(), full.case.revisions()) {
        // Before anything else: a process before this one may have written, and died before it recorded so.
        match action::recognise(workload, revisions, &recorded) {
            Some(Recognised::Ours(_)) => {
                return found_written(context, config, incident, workload).await;
            }
            Some(Recognised::Superseded) => {
                return advance(context, incident, Input::Overtaken).await;
            }
            Some(Recognised::NotWritten) | None => {}
        }
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
    if holder_is_late(context, incident) {
        return Ok(Wake::Now);
    }
    let plan = authorized.get().clone();
    let written = match action::apply(&context.cluster, &authorized, &workload).await {
        Ok(applied) => Written::Accepted {
            verification: Box::new(verify::begin(
                &plan.verify,
                plan.longest_run_seconds,
                applied.workload(),
                context.clock.now(),
            )),
        },
        Err(Unapplied::Gone) => return advance(context, incident, Input::Gone).await,
        Err(Unapplied::Moved) => Written::DecideAfresh,
        Err(Unapplied::Refused(why)) => Written::Refused(why),
        Err(error @ Unapplied::Changed) => Written::Changed(error.to_string()),
        Err(Unapplied::Unknown(why)) => Written::Unknown(why),
    };
    advance(context, incident, Input::Written(written)).await
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
    match &full.case.evidence.workload {
        Observed::Absent => advance(context, incident, Input::Gone).await,
        Observed::Known(workload) if workload.uid != incident.spec.workload.uid => {
            advance(context, incident, Input::Gone).await
        }
        Observed::Known(_) | Observed::Unavailable(_) => {
            advance(
                context,
                incident,
                Input::Looked(Box::new(full.looked(config))),
            )
            .await
        }
    }
}

/// A write of ours that the record does not know yet.
async fn found_written(
    context: &Context,
    config: &Config,
    incident: &Incident,
    workload: &Workload,
) -> Result<Wake, StoreError> {
    let status = status(incident);
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
    advance(
        context,
        incident,
        Input::Written(Written::Accepted {
            verification: Box::new(verification),
        }),
    )
    .await
}
