//! From an alert's hint to the live workload, by the live owner chain. Nothing that a label says is believed: a pod that is gone, has
//! another uid, or belongs to something else leads nowhere.

use crate::domain::alert::Hint;
use crate::domain::identity::Uid;
use crate::domain::object::{controller, text};
use crate::domain::observed::Observed;
use crate::domain::workload::{Workload, WorkloadKind, WorkloadRef};
use crate::evidence::live;
use crate::intake::ports::Unavailable;
use crate::platform::kube::{ApiError, Cluster};
use crate::telemetry::labels::SkipReason;
use serde_json::Value;

/// Where a hint leads.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Resolved {
    /// To this workload, read just now.
    Workload(Box<Workload>),
    /// Nowhere, for a counted reason.
    Nowhere(SkipReason),
}

/// Follows one hint.
pub(super) async fn resolve(
    cluster: &Cluster,
    namespace: &str,
    hint: &Hint,
) -> Result<Resolved, Unavailable> {
    match hint {
        Hint::Workload { kind, name } => workload(cluster, *kind, namespace, name, None).await,
        Hint::Pod { name, uid } => pod(cluster, namespace, name, uid.as_ref()).await,
        Hint::Namespace => Ok(Resolved::Nowhere(SkipReason::NoWorkload)),
    }
}

async fn pod(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    uid: Option<&Uid>,
) -> Result<Resolved, Unavailable> {
    let Some(pod) = cluster
        .pod(namespace, name)
        .await
        .map_err(|error| away(&error))?
    else {
        return Ok(Resolved::Nowhere(SkipReason::PodGone));
    };
    let live_uid = text(&pod, "/metadata/uid");
    if uid.is_some_and(|uid| Some(uid.as_str()) != live_uid) {
        return Ok(Resolved::Nowhere(SkipReason::StaleUid));
    }
    for kind in [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet] {
        if let Some((name, uid)) = owner(&pod, kind.as_str()) {
            return workload(cluster, kind, namespace, name, Some(uid)).await;
        }
    }
    let Some((replica_set, replica_set_uid)) = owner(&pod, "ReplicaSet") else {
        return Ok(Resolved::Nowhere(SkipReason::UnsupportedOwner));
    };
    let Some(found) = cluster
        .replica_set(namespace, replica_set)
        .await
        .map_err(|error| away(&error))?
    else {
        return Ok(Resolved::Nowhere(SkipReason::WorkloadGone));
    };
    if text(&found, "/metadata/uid") != Some(replica_set_uid) {
        return Ok(Resolved::Nowhere(SkipReason::WorkloadGone));
    }
    let kind = WorkloadKind::Deployment;
    match owner(&found, kind.as_str()) {
        Some((name, uid)) => workload(cluster, kind, namespace, name, Some(uid)).await,
        None => Ok(Resolved::Nowhere(SkipReason::UnsupportedOwner)),
    }
}

/// The name and uid of the controlling owner, where it is an `apps` object of that kind.
fn owner<'a>(object: &'a Value, kind: &str) -> Option<(&'a str, &'a str)> {
    let owner = controller(object)?;
    let ours = text(owner, "/kind") == Some(kind)
        && text(owner, "/apiVersion").is_some_and(|version| version.starts_with("apps/"));
    if ours {
        Some((text(owner, "/name")?, text(owner, "/uid")?))
    } else {
        None
    }
}

async fn workload(
    cluster: &Cluster,
    kind: WorkloadKind,
    namespace: &str,
    name: &str,
    uid: Option<&str>,
) -> Result<Resolved, Unavailable> {
    let reference = WorkloadRef {
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    match live::workload(cluster, &reference).await {
        Observed::Known(workload) if uid.is_none_or(|uid| uid == workload.uid.as_str()) => {
            Ok(Resolved::Workload(Box::new(workload)))
        }
        Observed::Known(_) | Observed::Absent => Ok(Resolved::Nowhere(SkipReason::WorkloadGone)),
        Observed::Unavailable(why) => Err(Unavailable(why)),
    }
}

fn away(error: &ApiError) -> Unavailable {
    Unavailable(error.to_string())
}
