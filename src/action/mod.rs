//! The only writer to workloads. Two doors: [`rehearse`] asks the API server what it would do, in any mode; [`apply`] takes an
//! [`Authorized`] plan and does it.

mod applied;
mod apply;
mod rehearse;

pub use applied::{Applied, Recognised, is_marked, recognise};
pub use apply::{Unapplied, apply};
pub use rehearse::rehearse;

/// What only `decision` can make: the proof that every guard let a plan pass.
pub use crate::decision::Authorized;

use crate::domain::object;
use crate::domain::workload::{Workload, WorkloadRef};
use crate::platform::kube::{ApiError, Cluster};
use serde_json::Value;

/// A fresh reading of a workload; `None` where there is none, or none that can be read.
async fn reading(cluster: &Cluster, reference: &WorkloadRef) -> Result<Option<Workload>, ApiError> {
    let found = cluster.workload(reference).await?;
    Ok(found.as_ref().and_then(|found| parsed(reference, found)))
}

fn parsed(reference: &WorkloadRef, found: &Value) -> Option<Workload> {
    object::workload(reference, found).ok()
}
