//! A Deployment's history: that of its ReplicaSets, each with series of its own.

use super::{Told, created, is_first, judge, somebody_looked};
use crate::domain::evidence::RanImage;
use crate::domain::observed::Observed;
use crate::domain::workload::Revisions;
use crate::platform::prometheus::{MOST_REPLICASETS, PrometheusPort, Range, Unanswered};
use jiff::SignedDuration;

/// Of more than [`MOST_REPLICASETS`] revisions the newest are asked about; the others count as never seen, which proves nothing and excuses nothing.
pub(super) async fn gather(
    port: &dyn PrometheusPort,
    namespace: &str,
    revisions: &Revisions,
    range: Range,
    lookback: SignedDuration,
) -> Result<Told, Unanswered> {
    let newest = revisions.all().take(MOST_REPLICASETS);
    let names: Vec<String> = newest
        .map(|revision| revision.name.as_str().to_owned())
        .collect();
    let (history, images) = futures::join!(
        port.replica_history(namespace, &names, range),
        port.digests(namespace, &names, lookback),
    );
    let history = history?;
    if history.series.values().all(Vec::is_empty) {
        somebody_looked(port).await?;
    }
    let mut health = judge::healthy_stretches(&history, &created(revisions));
    if let Some(newest) = &revisions.newest
        && let Some(health) = health.get_mut(&newest.name)
    {
        health.unrefuted = judge::unrefuted(&history, &newest.name, newest.created, range.to);
    }
    // Without an answer no digest is known, and that is what an empty map says.
    for RanImage {
        revision,
        container,
        image,
    } in images.unwrap_or_default()
    {
        if let Some(health) = health.get_mut(&revision) {
            health.digests.entry(container).or_default().insert(image);
        }
    }
    let rolled_out = match &revisions.newest {
        Some(newest) => {
            judge::rolled_out_at(&history, &newest.name, newest.created, is_first(revisions))
        }
        None => Observed::Absent,
    };
    // A ReplicaSet is used again: what restarted before is of another rollout.
    if let (Some(newest), Observed::Known(at)) = (&revisions.newest, &rolled_out)
        && let Some(samples) = history.series.get(&newest.name)
        && let Some(health) = health.get_mut(&newest.name)
    {
        health.restarts = judge::restarts(samples, *at);
    }
    Ok((Observed::Known(health), rolled_out))
}
