//! A StatefulSet's revisions, told by its status: `currentRevision` is what the rollout comes from, `updateRevision` what it goes to, and they are the
//! same once it is done (Kubernetes `pkg/controller/statefulset/stateful_set_utils.go`, `completeRollingUpdate`; with `OnDelete` never, so that only
//! the first revision is ever proven).

use super::images::{of_two, others, push, restarts};
use crate::domain::identity::RevisionName;
use crate::platform::prometheus::{ReplicaHistory, ReplicaSample, SetCounts, SetPast};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// A series for every revision that was ever the newest. It is whole at a step at which it is both the current and the newest one, no rollout under way,
/// with every replica updated and none beside them: while a rollout goes on, what is ready may be of either revision.
pub(super) fn by_status(past: &SetPast, step: SignedDuration) -> ReplicaHistory {
    let mut history = ReplicaHistory {
        step,
        series: [].into(),
    };
    for (time, counts) in &past.counts {
        for name in named(past, *time) {
            let whole = is_sole(past, *time, name) && all_updated(counts);
            let sample = ReplicaSample {
                at: *time,
                wanted: counts.wanted,
                ready: if whole { counts.ready } else { 0 },
                restarts: restarts(past, *time),
            };
            push(&mut history, name, sample);
        }
    }
    history
}

/// The newest revision beside all others, for [`super::judge::unrefuted`], where no image tells its pods: it was surely not healthy only where fewer
/// pods were ready than it had, or where something restarted while all pods were its own.
pub(super) fn beside_others(
    past: &SetPast,
    newest: &RevisionName,
    step: SignedDuration,
) -> ReplicaHistory {
    let mut history = of_two(newest, step);
    for (time, counts) in &past.counts {
        let named: BTreeSet<_> = named(past, *time).collect();
        if named.is_empty() || (named.contains(newest) && named.len() > 1) {
            continue;
        }
        let own = named.contains(newest) && counts.updated > 0;
        let name = if own { newest.clone() } else { others() };
        let sample = of_updated(past, *time, counts);
        push(&mut history, &name, sample);
    }
    history
}

/// The updated pods at a step, as far as the counts tell: of those that are ready, as many as can be are updated ones.
pub(super) fn of_updated(past: &SetPast, time: Timestamp, counts: &SetCounts) -> ReplicaSample {
    ReplicaSample {
        at: time,
        wanted: counts.updated.max(1),
        ready: counts.ready.min(counts.updated.max(1)),
        restarts: restarts(past, time).filter(|_| all_updated(counts)),
    }
}

/// Whether all pods that there are, and all that are asked for, are of the revision that was the newest then.
pub(super) fn all_updated(counts: &SetCounts) -> bool {
    counts.updated == counts.wanted && counts.total == counts.wanted
}

fn named(past: &SetPast, time: Timestamp) -> impl Iterator<Item = &RevisionName> {
    past.update.get(&time).into_iter().flatten()
}

fn is_sole(past: &SetPast, time: Timestamp, name: &RevisionName) -> bool {
    let is = |of: Option<&BTreeSet<RevisionName>>| {
        of.is_some_and(|names| names.len() == 1 && names.contains(name))
    };
    is(past.update.get(&time)) && is(past.current.get(&time))
}
