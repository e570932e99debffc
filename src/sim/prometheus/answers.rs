//! The answer to each question, as Prometheus would make it of these scrapes (the queries are in `platform::prometheus::questions`).

use super::scrapes::{ContainerKey, Scrape};
use super::view::View;
use crate::domain::evidence::{
    RanImage, ReplicaSeries, RestartSeries, TerminationSeries, WaitingSeries,
};
use crate::domain::identity::RevisionName;
use crate::domain::surroundings::{ConfigHistory, ConfigName, NodeTrouble, PullFailure};
use crate::platform::prometheus::{Range, ReplicaHistory, ReplicaSample};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How long a waiting reason is remembered (`platform::prometheus::questions`).
const WAITING_WINDOW: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn waiting(
    view: &View<'_>,
    namespace: &str,
    pods: Option<&[String]>,
) -> Vec<WaitingSeries> {
    let from = view.now.checked_sub(WAITING_WINDOW).unwrap_or(view.now);
    let mut seen = BTreeSet::new();
    let scrapes = view.between(from, view.now);
    for (key, sample) in scrapes.flat_map(|(_, scrape)| &scrape.containers) {
        let asked = key.namespace == namespace && pods.is_none_or(|pods| pods.contains(&key.pod));
        if !asked {
            continue;
        }
        let reason = view.container(sample).waiting;
        if !["", "ContainerCreating", "PodInitializing"].contains(&reason.as_str()) {
            seen.insert((key, reason));
        }
    }
    seen.into_iter()
        .map(|(key, reason)| WaitingSeries {
            pod: key.pod.clone(),
            uid: key.uid.clone(),
            container: key.container.clone(),
            reason,
        })
        .collect()
}

pub(super) fn restarts(
    view: &View<'_>,
    namespace: &str,
    pods: &[String],
    window: SignedDuration,
) -> Vec<RestartSeries> {
    let from = view.now.checked_sub(window).unwrap_or(view.now);
    let mut counters: BTreeMap<&ContainerKey, Vec<(Timestamp, i64)>> = BTreeMap::new();
    for (at, scrape) in view.between(from, view.now) {
        for (key, sample) in &scrape.containers {
            if key.namespace == namespace && pods.contains(&key.pod) {
                let restarts = view.container(sample).restarts;
                counters.entry(key).or_default().push((at, restarts));
            }
        }
    }
    counters
        .into_iter()
        .filter_map(|(key, samples)| {
            Some(RestartSeries {
                pod: key.pod.clone(),
                uid: key.uid.clone(),
                container: key.container.clone(),
                restarts: increase(&samples, from, view.now)?,
            })
        })
        .collect()
}

/// `increase` of a counter that is never reset: what it gained between its first and last sample, stretched over the window as far as the
/// samples allow (Prometheus `promql/functions.go`, extrapolatedRate). One sample alone says nothing.
fn increase(samples: &[(Timestamp, i64)], from: Timestamp, to: Timestamp) -> Option<f64> {
    let [(first_at, first), .., (last_at, last)] = samples else {
        return None;
    };
    let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64();
    let gained = f64::from(i32::try_from(last - first).unwrap_or(i32::MAX));
    let sampled = seconds(*first_at, *last_at);
    let gaps = f64::from(u32::try_from(samples.len() - 1).unwrap_or(u32::MAX));
    let usual = sampled / gaps;
    // A series that begins or ends well within the window did not exist before or after.
    let reach = |distance: f64| {
        if distance < usual * 1.1 {
            distance
        } else {
            usual / 2.0
        }
    };
    let mut before = reach(seconds(from, *first_at));
    let first = f64::from(i32::try_from(*first).unwrap_or(i32::MAX));
    if gained > 0.0 {
        // A counter was never below zero.
        before = before.min(sampled * first / gained);
    }
    let after = reach(seconds(*last_at, to));
    Some(gained * (sampled + before + after) / sampled)
}

pub(super) fn terminations(
    view: &View<'_>,
    namespace: &str,
    pods: &[String],
) -> Vec<TerminationSeries> {
    let containers = view
        .instant()
        .into_iter()
        .flat_map(|scrape| &scrape.containers);
    containers
        .filter(|(key, _)| key.namespace == namespace && pods.contains(&key.pod))
        .filter_map(|(key, sample)| {
            let (reason, exit_code) = view.container(sample).last_terminated?;
            Some(TerminationSeries {
                pod: key.pod.clone(),
                uid: key.uid.clone(),
                container: key.container.clone(),
                reason,
                exit_code: Some(exit_code),
            })
        })
        .collect()
}

pub(super) fn replicas(
    view: &View<'_>,
    namespace: &str,
    deployments: &[String],
) -> BTreeMap<String, ReplicaSeries> {
    let of_one = |deployment: &String| {
        let key = (namespace.to_owned(), deployment.clone());
        let sizes = view.sizes(*view.instant()?.deployments.get(&key)?);
        let counts = ReplicaSeries {
            wanted: sizes.wanted,
            available: sizes.have,
        };
        Some((deployment.clone(), counts))
    };
    deployments.iter().filter_map(of_one).collect()
}

pub(super) fn history(
    view: &View<'_>,
    namespace: &str,
    replica_sets: &[String],
    range: Range,
) -> ReplicaHistory {
    let Range { from, to, step } = range;
    let mut series: BTreeMap<RevisionName, Vec<ReplicaSample>> = BTreeMap::new();
    // The last step falls on the end, in whole seconds.
    let mut at = crate::domain::time::whole_seconds(to);
    while at >= from && step > SignedDuration::ZERO {
        let Ok(before) = at.checked_sub(step) else {
            break;
        };
        if let Some(now) = view.last(step, at) {
            let earlier = view.last(step, before);
            for name in replica_sets {
                let sizes = now.replica_sets.get(&(namespace.to_owned(), name.clone()));
                if let Some(sizes) = sizes.filter(|sizes| sizes.wanted > 0) {
                    let sizes = view.sizes(*sizes);
                    let sample = ReplicaSample {
                        at,
                        wanted: sizes.wanted,
                        ready: sizes.have,
                        restarts: restarts_of_set(view, now, earlier, namespace, name),
                    };
                    series
                        .entry(RevisionName::new(name))
                        .or_default()
                        .push(sample);
                }
            }
        }
        at = before;
    }
    for samples in series.values_mut() {
        samples.reverse();
    }
    ReplicaHistory { step, series }
}

/// What the counters of a ReplicaSet's pods gained since the step before; a container that was not there before counts from 0.
fn restarts_of_set(
    view: &View<'_>,
    now: &Scrape,
    earlier: Option<&Scrape>,
    namespace: &str,
    replica_set: &str,
) -> Option<i64> {
    let own = now
        .containers
        .iter()
        .filter(|(key, sample)| key.namespace == namespace && sample.owner == replica_set);
    let restarts = |sample| view.container(sample).restarts;
    let gained: Vec<i64> = own
        .map(|(key, sample)| {
            let before = earlier.and_then(|earlier| earlier.containers.get(key));
            (restarts(sample) - before.map_or(0, restarts)).abs()
        })
        .collect();
    (!gained.is_empty()).then(|| gained.iter().sum())
}

pub(super) fn digests(
    view: &View<'_>,
    namespace: &str,
    replica_sets: &[String],
    within: SignedDuration,
) -> Vec<RanImage> {
    let from = view.now.checked_sub(within).unwrap_or(view.now);
    let mut images = BTreeSet::new();
    let mut before: Option<&Scrape> = None;
    for (_, scrape) in view.between(from, view.now) {
        // As long as nothing changed, it is the same.
        if before.is_some_and(|before| std::ptr::eq(before, scrape)) {
            continue;
        }
        before = Some(scrape);
        for (key, sample) in &scrape.containers {
            let asked = key.namespace == namespace && replica_sets.contains(&sample.owner);
            if asked && sample.image_id.contains("@sha256:") {
                images.insert(RanImage {
                    revision: RevisionName::new(&sample.owner),
                    container: key.container.clone(),
                    image: sample.image_id.clone(),
                });
            }
        }
    }
    images.into_iter().collect()
}

pub(super) fn config(
    view: &View<'_>,
    namespace: &str,
    names: &[ConfigName],
    range: Range,
) -> BTreeMap<ConfigName, ConfigHistory> {
    let present = view
        .instant()
        .map(|scrape| &scrape.config)
        .into_iter()
        .flatten();
    let present: BTreeSet<&ConfigName> = present
        .filter(|((of, _), _)| of == namespace)
        .map(|((_, name), _)| name)
        .collect();
    let asked = names.iter().filter(|name| present.contains(name));
    asked
        .map(|name| (name.clone(), config_history(view, namespace, name, range)))
        .collect()
}

/// Step by step: a version that is another one than that of the last step that had one is a change.
fn config_history(
    view: &View<'_>,
    namespace: &str,
    name: &ConfigName,
    Range { from, to, step }: Range,
) -> ConfigHistory {
    let key = (namespace.to_owned(), name.clone());
    let mut history = ConfigHistory {
        known_since: from,
        changed_at: Vec::new(),
    };
    let mut steps = Vec::new();
    let mut at = crate::domain::time::whole_seconds(to);
    while at >= from && step > SignedDuration::ZERO {
        steps.push(at);
        let Ok(before) = at.checked_sub(step) else {
            break;
        };
        at = before;
    }
    let version = |at| view.last(step, at)?.config.get(&key).copied();
    // What was there at the step before the first one.
    let mut last = version(at);
    for at in steps.into_iter().rev() {
        match (last, version(at)) {
            (None, Some(_)) => history.known_since = at,
            (Some(last), Some(now)) if last != now => history.changed_at.push(at),
            _ => {}
        }
        last = version(at).or(last);
    }
    history
}

pub(super) fn nodes(view: &View<'_>, nodes: &[String]) -> BTreeMap<String, BTreeSet<NodeTrouble>> {
    let known = view
        .instant()
        .map(|scrape| &scrape.nodes)
        .into_iter()
        .flatten();
    known
        .filter(|(name, _)| nodes.contains(name))
        .map(|(name, troubles)| (name.clone(), troubles.clone()))
        .collect()
}

pub(super) fn pulls(view: &View<'_>, namespaces: &[String]) -> Vec<PullFailure> {
    let containers = view
        .instant()
        .into_iter()
        .flat_map(|scrape| &scrape.containers);
    containers
        .filter(|(key, _)| namespaces.contains(&key.namespace))
        .filter(|(_, sample)| {
            let waiting = view.container(sample).waiting;
            ["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"].contains(&waiting.as_str())
        })
        .map(|(key, sample)| PullFailure {
            namespace: key.namespace.clone(),
            pod: key.pod.clone(),
            container: key.container.clone(),
            image: sample.image.clone(),
            owner_kind: "ReplicaSet".to_owned(),
            owner_name: sample.owner.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_increase_needs_two_samples_and_is_stretched_over_the_window() {
        assert_eq!(increase(&[(at(10), 3)], at(0), at(60)), None);
        let whole: Vec<_> = (0..=12).map(|n| (at(n * 5), n)).collect();
        assert_eq!(increase(&whole, at(0), at(60)), Some(12.0));
        // Samples at 5 to 55 gained 10; the window's ends are one gap away: 60 s are worth 12.
        let inner: Vec<_> = (1..=11).map(|n| (at(n * 5), n + 7)).collect();
        assert_eq!(increase(&inner, at(0), at(60)), Some(12.0));
        // A counter that began at 0 within the window gained nothing before.
        let young: Vec<_> = (0..=2).map(|n| (at(30 + n * 5), n)).collect();
        let gained = increase(&young, at(0), at(42)).unwrap();
        assert!((gained - 2.4).abs() < 1e-9, "{gained}");
    }
}
