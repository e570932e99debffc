//! The one conditional write of a step.

use super::applied::{Applied, Recognised, recognise_template};
use super::{Authorized, reading};
use crate::domain::plan::{Plan, json_patch};
use crate::domain::workload::Workload;
use crate::planted::{self, Bug};
use crate::platform::kube::{ApiError, Cluster};

/// An object whose status moves all the time makes the resource version stale; at most this often, each try on a new reading.
const TRIES: usize = 5;

/// Why nothing was written, or why it can't be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unapplied {
    /// The workload is gone, or another one has its name.
    #[error("the workload is gone")]
    Gone,
    /// Somebody changed it since the decision: decide afresh.
    #[error("the workload was changed since the decision")]
    Moved,
    /// The API server refuses the write as it stands.
    #[error("the write was refused: {0}")]
    Refused(String),
    /// The write went through, but what is stored is not what was meant.
    #[error("what was stored is not what was meant")]
    Changed,
    /// Whether it happened can't be told now: look for the action id before anything else.
    #[error("it can't be told whether the write happened: {0}")]
    Unknown(String),
    /// The workload could not be read before a write; nothing was sent.
    #[error("the workload could not be read before the write: {0}")]
    Unseen(String),
    /// The API server takes no writes of ours now (429, 401); nothing was stored.
    #[error("the API server takes no writes now: {0}")]
    Later(String),
    /// The time in which the write was allowed is over; nothing was sent.
    #[error("the write came too late to be sent")]
    TooLate,
}

/// Writes an authorised plan, once. `decided_on` is the reading that the decision was made on; a new one is taken here, after all guards,
/// and its resource version is the write's precondition. `still_allowed` is asked after every reading, right before the write is sent: a
/// process that was paused, or that had to try again, may have lost its hold meanwhile.
///
/// # Errors
/// See [`Unapplied`]; a second write of the same plan is never tried blindly.
pub async fn apply(
    cluster: &Cluster,
    authorized: &Authorized<Plan>,
    decided_on: &Workload,
    still_allowed: &(dyn Fn() -> bool + Send + Sync),
) -> Result<Applied, Unapplied> {
    let plan = authorized.get();
    let mut stale: Option<(Workload, ApiError)> = None;
    for _ in 0..TRIES {
        let workload = read_again(cluster, plan).await?;
        if let Recognised::Ours(applied) =
            recognise_template(&workload, &plan.action_id, &plan.template)
        {
            return Ok(*applied);
        }
        if let Some((before, refusal)) = &stale
            && before.resource_version == workload.resource_version
        {
            // Nothing moved. A conflict is somebody else's and passes; else it is the write itself that is rejected, by an admission policy's 422 too.
            return Err(if refusal.is_conflict() {
                Unapplied::Later(refusal.to_string())
            } else {
                Unapplied::Refused(refusal.to_string())
            });
        }
        if !workload.same_intent(decided_on) && !planted::is(Bug::StaleDecisionTrusted) {
            return Err(Unapplied::Moved);
        }
        if !still_allowed() {
            return Err(Unapplied::TooLate);
        }
        let patch = json_patch(
            plan,
            &workload.resource_version,
            workload.annotations.is_some(),
        );
        match cluster.patch_workload(&plan.workload, &patch, false).await {
            Ok(result) => return stored(plan, &workload, &result),
            Err(error) if error.is_not_found() => return Err(Unapplied::Gone),
            Err(error) if error.is_for_later() => return Err(Unapplied::Later(error.to_string())),
            Err(error) if error.is_rejected() => stale = Some((workload, error)),
            Err(error) if error.is_ambiguous() && planted::is(Bug::BlindRetry) => {}
            Err(error) if error.is_ambiguous() => {
                return settle(cluster, plan, &error.to_string()).await;
            }
            Err(error) => return Err(Unapplied::Refused(error.to_string())),
        }
    }
    Err(Unapplied::Moved)
}

async fn read_again(cluster: &Cluster, plan: &Plan) -> Result<Workload, Unapplied> {
    match reading(cluster, &plan.workload).await {
        Ok(Some(workload)) if workload.uid == plan.workload_uid => Ok(workload),
        Ok(_) => Err(Unapplied::Gone),
        // Nothing was written in this try; an earlier try of the loop was rejected for certain.
        Err(error) => Err(Unapplied::Unseen(error.to_string())),
    }
}

/// The answer to a write is the object as stored.
fn stored(
    plan: &Plan,
    before: &Workload,
    result: &serde_json::Value,
) -> Result<Applied, Unapplied> {
    match super::parsed(&before.reference, result) {
        Some(after) => match recognise_template(&after, &plan.action_id, &plan.template) {
            Recognised::Ours(applied) => Ok(*applied),
            Recognised::NotWritten | Recognised::Superseded => Err(Unapplied::Changed),
        },
        None => Err(Unapplied::Unknown(
            "the API server's answer can't be read".to_owned(),
        )),
    }
}

/// A lost answer: the object itself says whether the write happened.
async fn settle(cluster: &Cluster, plan: &Plan, why: &str) -> Result<Applied, Unapplied> {
    let workload = match read_again(cluster, plan).await {
        Ok(workload) => workload,
        Err(Unapplied::Gone) => return Err(Unapplied::Gone),
        Err(_) => return Err(Unapplied::Unknown(why.to_owned())),
    };
    match recognise_template(&workload, &plan.action_id, &plan.template) {
        Recognised::Ours(applied) => Ok(*applied),
        // Not there yet proves nothing: the API server may still be at it.
        Recognised::NotWritten | Recognised::Superseded => Err(Unapplied::Unknown(why.to_owned())),
    }
}
