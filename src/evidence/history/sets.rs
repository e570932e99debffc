//! A StatefulSet's or a DaemonSet's history: one question about the workload, read as a series for each of its revisions.

use super::{Told, created, daemon_set, images, is_first, judge, somebody_looked, stateful_set};
use crate::domain::evidence::HealthHistory;
use crate::domain::identity::RevisionName;
use crate::domain::observed::Observed;
use crate::domain::workload::{Revision, Revisions, WorkloadRef};
use crate::platform::prometheus::{PrometheusPort, Range, SetImage, SetKind, SetPast, Unanswered};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Asks and judges.
pub(super) async fn gather(
    port: &dyn PrometheusPort,
    kind: SetKind,
    workload: &WorkloadRef,
    revisions: &Revisions,
    range: Range,
    lookback: SignedDuration,
) -> Result<Told, Unanswered> {
    let (namespace, name) = (&workload.namespace, &workload.name);
    let names = [name.clone()];
    let (history, images) = futures::join!(
        port.set_history(kind, namespace, &names, range),
        port.set_digests(kind, namespace, &names, lookback),
    );
    let past = history?.sets.remove(name).unwrap_or_default();
    if past.counts.is_empty() {
        somebody_looked(port).await?;
    }
    let Range { to: now, step, .. } = range;
    let mut health = health(kind, &past, revisions, now, step);
    // Without an answer no digest is known, and that is what an empty map says.
    add_digests(&mut health, revisions, images.unwrap_or_default());
    let rolled_out = match &revisions.newest {
        Some(newest) => rolled_out(kind, &past, revisions, newest, step),
        None => Observed::Absent,
    };
    Ok((Observed::Known(health), rolled_out))
}

fn health(
    kind: SetKind,
    past: &SetPast,
    revisions: &Revisions,
    now: Timestamp,
    step: SignedDuration,
) -> BTreeMap<RevisionName, HealthHistory> {
    let history = match kind {
        SetKind::StatefulSet => stateful_set::by_status(past, step),
        SetKind::DaemonSet => daemon_set::by_images(past, revisions, step),
    };
    let mut health = judge::healthy_stretches(&history, &created(revisions));
    if kind == SetKind::DaemonSet {
        for (name, why) in daemon_set::not_told(revisions) {
            if let Some(health) = health.get_mut(&name) {
                health.longest = None;
                health.unknown = Some(why);
            }
        }
    }
    if let Some(newest) = &revisions.newest
        && let Some(health) = health.get_mut(&newest.name)
    {
        let history = match (images::mark(newest, &revisions.older), kind) {
            (Some(mark), _) => images::beside_others(past, &newest.name, &mark, step),
            (None, SetKind::StatefulSet) => stateful_set::beside_others(past, &newest.name, step),
            (None, SetKind::DaemonSet) => daemon_set::beside_others(past, revisions, newest, step),
        };
        health.unrefuted = judge::unrefuted(&history, &newest.name, newest.created, now);
    }
    health
}

/// A StatefulSet's status says which revision was the newest. Of a DaemonSet there is only the creation of the newest revision, which is right if
/// nothing came between; one that was taken up again was rolled out later, and nothing tells when.
fn rolled_out(
    kind: SetKind,
    past: &SetPast,
    revisions: &Revisions,
    newest: &Revision,
    step: SignedDuration,
) -> Observed<Timestamp> {
    match kind {
        SetKind::StatefulSet => {
            let history = stateful_set::by_status(past, step);
            judge::rolled_out_at(&history, &newest.name, newest.created, is_first(revisions))
        }
        SetKind::DaemonSet if daemon_set::is_reused(newest, &revisions.older) => {
            Observed::Unavailable(format!(
                "revision {} was taken up again, and nothing tells when",
                newest.name
            ))
        }
        SetKind::DaemonSet => Observed::Known(newest.created),
    }
}

/// What ran under an image's name counts for every revision that names it: which of them a pod had is not told here.
fn add_digests(
    health: &mut BTreeMap<RevisionName, HealthHistory>,
    revisions: &Revisions,
    ran: Vec<SetImage>,
) {
    for SetImage { asked, image, .. } in ran {
        for revision in revisions.all() {
            if images::of(revision).contains(&asked)
                && let Some(health) = health.get_mut(&revision.name)
            {
                let digests = health.digests.entry(asked.container.clone()).or_default();
                digests.insert(image.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
