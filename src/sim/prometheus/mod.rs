//! Prometheus, as far as Ripcord asks: the typed questions, answered from the simulation's own past. No PromQL, and none of its lies yet:
//! counts are not extrapolated, and no series is missing while its object is there.

mod scrapes;

pub(crate) use scrapes::Scrapes;

use super::{Shared, locked};
use crate::domain::evidence::{ReplicaSeries, RestartSeries, TerminationSeries, WaitingSeries};
use crate::domain::identity::RevisionName;
use crate::platform::prometheus::{
    Answer, PrometheusPort, Range, ReplicaHistory, ReplicaSample, Unanswered,
};
use jiff::{SignedDuration, Timestamp};
use scrapes::{ContainerKey, Scrape};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The windows of the real questions (`platform::prometheus::questions`).
const WAITING_WINDOW: SignedDuration = SignedDuration::from_mins(5);
const UP_WINDOW: SignedDuration = SignedDuration::from_secs(150);
/// How long Prometheus takes to answer.
const ANSWERS_IN: Duration = Duration::from_millis(5);

/// Prometheus of one simulated world.
pub(crate) struct SimulatedPrometheus {
    pub(crate) shared: Shared,
}

impl SimulatedPrometheus {
    /// Answers from the scrapes as they are when the question arrives.
    fn answer<'a, T: Send + 'a>(
        &'a self,
        from: impl FnOnce(&Scrapes, Timestamp) -> T + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            tokio::time::sleep(ANSWERS_IN).await;
            let state = locked(&self.shared);
            if state.scrapes.down {
                return Err(Unanswered::Unreachable);
            }
            Ok(from(&state.scrapes, state.api.store.now()))
        })
    }
}

/// An instant selector sees nothing that the last scrape did not show: what is gone is stale at once.
fn instant(scrapes: &Scrapes, now: Timestamp) -> Option<&Scrape> {
    scrapes.last(WAITING_WINDOW, now)
}

fn waiting(
    scrapes: &Scrapes,
    now: Timestamp,
    namespace: &str,
    pods: Option<&[String]>,
) -> Vec<WaitingSeries> {
    let from = now.checked_sub(WAITING_WINDOW).unwrap_or(now);
    let mut seen = BTreeSet::new();
    for (key, sample) in scrapes
        .between(from, now)
        .flat_map(|scrape| &scrape.containers)
    {
        let asked = key.namespace == namespace && pods.is_none_or(|pods| pods.contains(&key.pod));
        let counts =
            !["", "ContainerCreating", "PodInitializing"].contains(&sample.waiting.as_str());
        if asked && counts {
            seen.insert((key.clone(), sample.waiting.clone()));
        }
    }
    seen.into_iter()
        .map(|(key, reason)| WaitingSeries {
            pod: key.pod,
            uid: key.uid,
            container: key.container,
            reason,
        })
        .collect()
}

/// What each counter gained between its first and last sample in the window; one sample alone says nothing.
fn restarts(
    scrapes: &Scrapes,
    now: Timestamp,
    namespace: &str,
    pods: &[String],
    window: SignedDuration,
) -> Vec<RestartSeries> {
    let from = now.checked_sub(window).unwrap_or(now);
    let mut counters: BTreeMap<&ContainerKey, Vec<i64>> = BTreeMap::new();
    for (key, sample) in scrapes
        .between(from, now)
        .flat_map(|scrape| &scrape.containers)
    {
        if key.namespace == namespace && pods.contains(&key.pod) {
            counters.entry(key).or_default().push(sample.restarts);
        }
    }
    counters
        .into_iter()
        .filter_map(|(key, samples)| {
            let gained = match samples.as_slice() {
                [first, .., last] => last - first,
                _ => return None,
            };
            Some(RestartSeries {
                pod: key.pod.clone(),
                uid: key.uid.clone(),
                container: key.container.clone(),
                restarts: f64::from(i32::try_from(gained).unwrap_or(i32::MAX)),
            })
        })
        .collect()
}

fn terminations(
    scrapes: &Scrapes,
    now: Timestamp,
    namespace: &str,
    pods: &[String],
) -> Vec<TerminationSeries> {
    let containers = instant(scrapes, now)
        .into_iter()
        .flat_map(|scrape| &scrape.containers);
    containers
        .filter(|(key, _)| key.namespace == namespace && pods.contains(&key.pod))
        .filter_map(|(key, sample)| {
            let (reason, exit_code) = sample.last_terminated.clone()?;
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

fn history(
    scrapes: &Scrapes,
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
        if let Some(now) = scrapes.last(step, at) {
            let earlier = scrapes.last(step, before);
            for name in replica_sets {
                let sizes = now.replica_sets.get(&(namespace.to_owned(), name.clone()));
                if let Some(sizes) = sizes.filter(|sizes| sizes.wanted > 0) {
                    let sample = ReplicaSample {
                        at,
                        wanted: sizes.wanted,
                        ready: sizes.have,
                        restarts: restarts_of_set(now, earlier, namespace, name),
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
    now: &Scrape,
    earlier: Option<&Scrape>,
    namespace: &str,
    replica_set: &str,
) -> Option<i64> {
    let own = now
        .containers
        .iter()
        .filter(|(key, sample)| key.namespace == namespace && sample.owner == replica_set);
    let gained: Vec<i64> = own
        .map(|(key, sample)| {
            let before = earlier.and_then(|earlier| earlier.containers.get(key));
            (sample.restarts - before.map_or(0, |before| before.restarts)).abs()
        })
        .collect();
    (!gained.is_empty()).then(|| gained.iter().sum())
}

impl PrometheusPort for SimulatedPrometheus {
    fn waiting<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<WaitingSeries>> {
        self.answer(move |scrapes, now| waiting(scrapes, now, namespace, Some(pods)))
    }

    fn waiting_in_namespace<'a>(&'a self, namespace: &'a str) -> Answer<'a, Vec<WaitingSeries>> {
        self.answer(move |scrapes, now| waiting(scrapes, now, namespace, None))
    }

    fn restarts<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
        window: SignedDuration,
    ) -> Answer<'a, Vec<RestartSeries>> {
        self.answer(move |scrapes, now| restarts(scrapes, now, namespace, pods, window))
    }

    fn terminations<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<TerminationSeries>> {
        self.answer(move |scrapes, now| terminations(scrapes, now, namespace, pods))
    }

    fn replicas<'a>(
        &'a self,
        namespace: &'a str,
        deployment: &'a str,
    ) -> Answer<'a, Option<ReplicaSeries>> {
        self.answer(move |scrapes, now| {
            let key = (namespace.to_owned(), deployment.to_owned());
            let sizes = instant(scrapes, now)?.deployments.get(&key)?;
            Some(ReplicaSeries {
                wanted: sizes.wanted,
                available: sizes.have,
            })
        })
    }

    fn replica_history<'a>(
        &'a self,
        namespace: &'a str,
        replicasets: &'a [String],
        range: Range,
    ) -> Answer<'a, ReplicaHistory> {
        self.answer(move |scrapes, _| history(scrapes, namespace, replicasets, range))
    }

    fn up(&self) -> Answer<'_, bool> {
        self.answer(|scrapes, now| !scrapes.source_down && scrapes.last(UP_WINDOW, now).is_some())
    }
}
