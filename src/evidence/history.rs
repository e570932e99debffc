//! What Prometheus remembers of a workload's revisions: when each was healthy, with which images, and when the newest was rolled out.
//!
//! ```text
//! Deployment             -> replica_sets --------------------------------\
//! StatefulSet, DaemonSet -> sets -> stateful_set | daemon_set, images ----> judge (one definition of health for all) -> HealthHistory
//! ```

mod daemon_set;
mod images;
mod judge;
mod replica_sets;
mod sets;
mod stateful_set;

use crate::domain::evidence::HealthHistory;
use crate::domain::identity::RevisionName;
use crate::domain::observed::Observed;
use crate::domain::workload::{Revisions, WorkloadRef};
use crate::platform::prometheus::{PrometheusPort, Range, SetKind, Unanswered};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Each revision's health, and when the newest one was rolled out.
pub type Told = (
    Observed<BTreeMap<RevisionName, HealthHistory>>,
    Observed<Timestamp>,
);

/// Asks for the history of all revisions and judges it: what each revision's health was, and when the newest one was rolled out.
pub async fn gather(
    port: &dyn PrometheusPort,
    workload: &WorkloadRef,
    revisions: &Revisions,
    now: Timestamp,
    lookback: SignedDuration,
    step: SignedDuration,
) -> Told {
    let from = now.checked_sub(lookback).unwrap_or(Timestamp::UNIX_EPOCH);
    let range = Range {
        from,
        to: now,
        step,
    };
    let told = match SetKind::of(workload.kind) {
        None => replica_sets::gather(port, &workload.namespace, revisions, range, lookback).await,
        Some(kind) => sets::gather(port, kind, workload, revisions, range, lookback).await,
    };
    told.unwrap_or_else(|unanswered| {
        let why = unanswered.to_string();
        (
            Observed::Unavailable(why.clone()),
            Observed::Unavailable(why),
        )
    })
}

/// A workload without any history is rare enough to ask whether anybody looked.
async fn somebody_looked(port: &dyn PrometheusPort) -> Result<(), Unanswered> {
    if port.up().await? {
        Ok(())
    } else {
        Err(Unanswered::SourceDown)
    }
}

/// The newest revision is the first one that there ever was. A workload that keeps no old revisions has one alone too, but its number has moved on.
fn is_first(revisions: &Revisions) -> bool {
    let number = revisions.newest.as_ref().map_or(0, |newest| newest.number);
    revisions.older.is_empty() && number <= 1
}

/// When each revision's object was made: what was before that is another one of its name.
fn created(revisions: &Revisions) -> BTreeMap<RevisionName, Timestamp> {
    revisions
        .all()
        .map(|revision| (revision.name.clone(), revision.created))
        .collect()
}
