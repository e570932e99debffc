//! A Prometheus that saw `web:1` healthy until the rollout, and every pod that there is now without a restart.

use super::api::Api;
use futures::FutureExt;
use jiff::Timestamp;
use ripcord::domain::evidence::{
    RanImage, ReplicaSeries, RestartSeries, TerminationSeries, WaitingSeries,
};
use ripcord::domain::identity::{RevisionName, Uid};
use ripcord::domain::surroundings::{ConfigHistory, ConfigName, NodeTrouble, PullFailure};
use ripcord::platform::prometheus::{
    Answer, PrometheusPort, Range, ReplicaHistory, ReplicaSample, SetHistory, SetImage, SetKind,
    Unanswered,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a question is waited for.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct Prometheus {
    pub(crate) api: Api,
    pub(crate) away: Arc<AtomicBool>,
    /// Every question ends with a time-out.
    pub(crate) hangs: Arc<AtomicBool>,
    /// When `web:2` was rolled out.
    pub(crate) rolled_out: Timestamp,
}

impl Prometheus {
    fn answer<T: Send + 'static>(&self, answer: T) -> Answer<'_, T> {
        if self.hangs.load(Ordering::SeqCst) {
            let timed_out = tokio::time::sleep(TIMEOUT).map(|()| Err(Unanswered::TimedOut));
            return timed_out.boxed();
        }
        let away = self.away.load(Ordering::SeqCst);
        std::future::ready(if away {
            Err(Unanswered::Unreachable)
        } else {
            Ok(answer)
        })
        .boxed()
    }
}

impl PrometheusPort for Prometheus {
    fn waiting<'a>(&'a self, _: &'a str, _: &'a [String]) -> Answer<'a, Vec<WaitingSeries>> {
        self.answer(Vec::new())
    }

    fn digests<'a>(
        &'a self,
        _: &'a str,
        _: &'a [String],
        _: jiff::SignedDuration,
    ) -> Answer<'a, Vec<RanImage>> {
        self.answer(Vec::new())
    }

    fn set_history<'a>(
        &'a self,
        _: SetKind,
        _: &'a str,
        _: &'a [String],
        range: Range,
    ) -> Answer<'a, SetHistory> {
        self.answer(SetHistory {
            step: range.step,
            sets: BTreeMap::new(),
        })
    }

    fn set_digests<'a>(
        &'a self,
        _: SetKind,
        _: &'a str,
        _: &'a [String],
        _: jiff::SignedDuration,
    ) -> Answer<'a, Vec<SetImage>> {
        self.answer(Vec::new())
    }

    fn config_changes<'a>(
        &'a self,
        _: &'a str,
        names: &'a [ConfigName],
        range: Range,
    ) -> Answer<'a, BTreeMap<ConfigName, ConfigHistory>> {
        let unchanged = ConfigHistory {
            known_since: range.from,
            changed_at: Vec::new(),
        };
        let all = names.iter().map(|name| (name.clone(), unchanged.clone()));
        self.answer(all.collect())
    }

    fn node_troubles<'a>(
        &'a self,
        nodes: &'a [String],
    ) -> Answer<'a, BTreeMap<String, BTreeSet<NodeTrouble>>> {
        let healthy = nodes.iter().map(|node| (node.clone(), BTreeSet::new()));
        self.answer(healthy.collect())
    }

    fn pull_failures<'a>(&'a self, _: &'a [String]) -> Answer<'a, Vec<PullFailure>> {
        self.answer(Vec::new())
    }

    fn waiting_in_namespace<'a>(&'a self, _: &'a str) -> Answer<'a, Vec<WaitingSeries>> {
        // Every pod that there is, and five hundred of the same owner that are gone by now.
        let state = self.api.state();
        let pods = state.pods.iter().flat_map(|pod| {
            let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
            let gone = (0..500).map({
                let name = name.clone();
                move |number| format!("{name}{number:03}")
            });
            std::iter::once(name).chain(gone)
        });
        let waiting = pods.map(|pod| WaitingSeries {
            uid: Uid::new(pod.clone()),
            pod,
            container: "web".to_owned(),
            reason: "InvalidImageName".to_owned(),
        });
        self.answer(waiting.collect())
    }

    fn restarts<'a>(
        &'a self,
        _: &'a str,
        pods: &'a [String],
        _: jiff::SignedDuration,
    ) -> Answer<'a, Vec<RestartSeries>> {
        let all = self.api.state().pods.clone();
        let known = all
            .iter()
            .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned());
        self.answer(
            known
                .filter(|pod| pods.contains(pod))
                .map(|pod| RestartSeries {
                    uid: Uid::new(&pod),
                    pod,
                    container: "web".to_owned(),
                    restarts: 0.0,
                })
                .collect(),
        )
    }

    fn terminations<'a>(
        &'a self,
        _: &'a str,
        _: &'a [String],
    ) -> Answer<'a, Vec<TerminationSeries>> {
        self.answer(Vec::new())
    }

    fn replicas<'a>(
        &'a self,
        _: &'a str,
        _: &'a [String],
    ) -> Answer<'a, BTreeMap<String, ReplicaSeries>> {
        self.answer(BTreeMap::new())
    }

    fn replica_history<'a>(
        &'a self,
        _: &'a str,
        _: &'a [String],
        range: Range,
    ) -> Answer<'a, ReplicaHistory> {
        let mut history = ReplicaHistory {
            step: range.step,
            series: [].into(),
        };
        let mut at = range.to;
        for _ in 0..25 {
            let (name, ready) = if at <= self.rolled_out {
                ("web-web1", 1)
            } else {
                ("web-web2", 0)
            };
            let sample = ReplicaSample {
                at,
                wanted: 1,
                ready,
                restarts: Some(0),
            };
            history
                .series
                .entry(RevisionName::new(name))
                .or_default()
                .insert(0, sample);
            at = at.checked_sub(range.step).unwrap();
        }
        self.answer(history)
    }

    fn up(&self) -> Answer<'_, bool> {
        self.answer(true)
    }
}
