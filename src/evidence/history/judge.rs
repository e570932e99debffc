//! The judging of a history: when a revision was healthy, how long nothing speaks against it, and when it was rolled out. Pure.
//!
//! A missing step means no replicas or a gap (see [`ReplicaHistory::series`]); both end a healthy stretch.

use crate::domain::evidence::{HealthHistory, HealthyStretch};
use crate::domain::identity::RevisionName;
use crate::domain::observed::Observed;
use crate::platform::prometheus::{ReplicaHistory, ReplicaSample};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The longest healthy stretch of each revision in `created`: consecutive steps with every wanted replica ready, at least one wanted, no restart and no
/// gap, none before the revision's object was created (a ReplicaSet can be deleted and made again under its name). Of equal ones the latest.
/// Whether a stretch is long enough is for the caller to say, with its samples and its span.
pub(super) fn healthy_stretches(
    history: &ReplicaHistory,
    created: &BTreeMap<RevisionName, Timestamp>,
) -> BTreeMap<RevisionName, HealthHistory> {
    created
        .iter()
        .map(|(name, created)| {
            let samples = history
                .series
                .get(name)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let longest = longest_stretch(samples, *created, history.step);
            let health = HealthHistory {
                longest,
                restarts: restarts(samples, *created),
                ..HealthHistory::default()
            };
            (name.clone(), health)
        })
        .collect()
}

/// How often the containers of a revision's pods were seen to restart from then on.
pub(super) fn restarts(samples: &[ReplicaSample], from: Timestamp) -> i64 {
    samples
        .iter()
        .filter(|sample| sample.at >= from)
        .filter_map(|sample| sample.restarts)
        .fold(0, i64::saturating_add)
}

fn longest_stretch(
    samples: &[ReplicaSample],
    created: Timestamp,
    step: SignedDuration,
) -> Option<HealthyStretch> {
    let mut longest: Option<HealthyStretch> = None;
    let mut current: Option<HealthyStretch> = None;
    for (at, healthy) in by_time(samples) {
        current = match current {
            _ if !healthy || at < created => None,
            Some(HealthyStretch { from, to, samples }) if at.duration_since(to) <= step => {
                Some(HealthyStretch {
                    from,
                    to: at,
                    samples: samples.saturating_add(1),
                })
            }
            Some(_) | None => Some(HealthyStretch {
                from: at,
                to: at,
                samples: 1,
            }),
        };
        longest = longer(longest, current);
    }
    longest
}

/// The steps in order. Whatever two samples claim for one step, it is healthy only if both say so.
fn by_time(samples: &[ReplicaSample]) -> BTreeMap<Timestamp, bool> {
    let mut steps = BTreeMap::new();
    for sample in samples {
        let healthy =
            sample.wanted > 0 && sample.ready == sample.wanted && sample.restarts == Some(0);
        let all = steps.entry(sample.at).or_insert(true);
        *all = *all && healthy;
    }
    steps
}

/// The one that spans more; the latter of equal ones.
fn longer(one: Option<HealthyStretch>, other: Option<HealthyStretch>) -> Option<HealthyStretch> {
    one.into_iter()
        .chain(other)
        .max_by_key(HealthyStretch::span)
}

/// The longest time since a revision's creation in which no sample says that it was not healthy: too few ready, a restart, or others alone having
/// replicas. While nobody looked it may have been healthy, and what was before the history reaches back too; two samples in which it had no
/// replicas have nothing of interest between them. A sample speaks for its step; the first one may be late by one more.
pub(super) fn unrefuted(
    history: &ReplicaHistory,
    name: &RevisionName,
    created: Timestamp,
    now: Timestamp,
) -> SignedDuration {
    let (mut contradicted, mut own, mut others) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (other, samples) in &history.series {
        for sample in samples.iter().filter(|sample| sample.wanted > 0) {
            if other != name {
                others.insert(sample.at);
                continue;
            }
            own.insert(sample.at);
            if sample.ready < sample.wanted || sample.restarts.is_some_and(|count| count > 0) {
                contradicted.insert(sample.at);
            }
        }
    }
    let idle: BTreeSet<Timestamp> = others.difference(&own).copied().collect();
    let (mut longest, mut last, mut spoken_for) = (SignedDuration::ZERO, created, history.step * 2);
    for at in contradicted
        .union(&idle)
        .copied()
        .filter(|at| *at > created)
        .chain([now])
    {
        if !(idle.contains(&last) && idle.contains(&at)) {
            longest = longest.max(at.duration_since(last) - spoken_for);
        }
        (last, spoken_for) = (at, history.step);
    }
    longest
}

/// When the newest revision was rolled out: the last sample in which others had replicas and it had none. That is true of a first rollout, of an undo that
/// took up an old ReplicaSet, and of a rollout so young that no sample has seen it (the last sample is the answer then). Samples in which nobody had
/// replicas (scaled to zero, a gap) say nothing, so that the answer is rather too early than too late.
///
/// The first revision was rolled out when it was created. `Absent` = no such sample: the rollout is older than the history.
///
/// It rests on one scrape holding all ReplicaSets of a workload, as one kube-state-metrics gives them.
pub(super) fn rolled_out_at(
    history: &ReplicaHistory,
    newest: &RevisionName,
    newest_created: Timestamp,
    is_first_revision: bool,
) -> Observed<Timestamp> {
    if is_first_revision {
        return Observed::Known(newest_created);
    }
    let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
    for (name, samples) in &history.series {
        let steps = if name == newest {
            &mut own
        } else {
            &mut others
        };
        steps.extend(
            samples
                .iter()
                .filter(|sample| sample.wanted > 0)
                .map(|sample| sample.at),
        );
    }
    match others.difference(&own).max() {
        Some(last) => Observed::Known(*last),
        None => Observed::Absent,
    }
}

#[cfg(test)]
mod tests;
