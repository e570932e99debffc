//! The server-side dry run of a plan: admission and validation for real, nothing stored.

use super::reading;
use crate::domain::plan::{Plan, Rehearsal, json_patch};
use crate::domain::workload::Workload;
use crate::planted::{self, Bug};
use crate::platform::kube::{ApiError, Cluster};
use serde_json::Value;

/// An object whose status moves all the time may make the resource version stale this often before it is given up.
const TRIES: usize = 5;

/// Asks the API server to carry a plan out without storing it, and compares what it would store with what was meant.
pub async fn rehearse(cluster: &Cluster, plan: &Plan, decided_on: &Workload) -> Rehearsal {
    let mut workload = decided_on.clone();
    for _ in 0..TRIES {
        let patch = json_patch(
            plan,
            &workload.resource_version,
            workload.annotations.is_some(),
        );
        match cluster.patch_workload(&plan.workload, &patch, true).await {
            Ok(result) => return compare(plan, &result),
            Err(error) if error.is_forbidden() => return forbidden(cluster, plan, &error).await,
            Err(error) if error.is_rejected() => match moved(cluster, &workload, &error).await {
                Ok(newer) => workload = newer,
                Err(rehearsal) => return rehearsal,
            },
            Err(error) => return Rehearsal::Unavailable(error.to_string()),
        }
    }
    Rehearsal::Unavailable("the workload changed faster than it could be rehearsed".to_owned())
}

/// After a rejection: the newer reading where only the resource version moved, else what the rejection means.
async fn moved(
    cluster: &Cluster,
    stale: &Workload,
    error: &ApiError,
) -> Result<Workload, Rehearsal> {
    match reading(cluster, &stale.reference).await {
        Ok(Some(newer)) if newer.resource_version == stale.resource_version => {
            Err(
                if error.is_conflict() && !planted::is(Bug::ConflictIsRefusal) {
                    // Nothing has moved that our precondition names: somebody else's conflict, and over the next time.
                    Rehearsal::Unavailable(error.to_string())
                } else {
                    Rehearsal::Refused(error.to_string())
                },
            )
        }
        Ok(Some(newer)) if newer.same_intent(stale) => Ok(newer),
        Ok(_) => Err(Rehearsal::Unavailable(
            "the workload was changed meanwhile".to_owned(),
        )),
        Err(error) => Err(Rehearsal::Unavailable(error.to_string())),
    }
}

/// 403 is our own missing right, or admission's refusal: the API server tells which.
async fn forbidden(cluster: &Cluster, plan: &Plan, error: &ApiError) -> Rehearsal {
    match cluster.may_patch(&plan.workload).await {
        Ok(false) => Rehearsal::ClientOnly,
        Ok(true) => Rehearsal::Refused(error.to_string()),
        Err(error) => Rehearsal::Unavailable(error.to_string()),
    }
}

fn compare(plan: &Plan, result: &Value) -> Rehearsal {
    match result.pointer("/spec/template") {
        Some(template) if template == &plan.template => Rehearsal::Accepted,
        _ => Rehearsal::Changed("admission would change the template on its way".to_owned()),
    }
}
