//! A Prometheus that saw `web:1` healthy until the rollout, and every pod that there is now without a restart.

use super::api::Api;
use futures::FutureExt;
use jiff::Timestamp;
use ripcord::domain::evidence::{ReplicaSeries, RestartSeries, TerminationSeries, WaitingSeries};
use ripcord::domain::identity::{RevisionName, Uid};
use ripcord::platform::prometheus::{
    Answer, PrometheusPort, Range, ReplicaHistory, ReplicaSample, Unanswered,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone)]
pub(crate) struct Prometheus {
    pub(crate) api: Api,
    pub(crate) away: Arc<AtomicBool>,
    /// When `web:2` was rolled out.
    pub(crate) rolled_out: Timestamp,
}

impl Prometheus {
    fn answer<T: Send + 'static>(&self, answer: T) -> Answer<'_, T> {
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

    fn waiting_in_namespace<'a>(&'a self, _: &'a str) -> Answer<'a, Vec<WaitingSeries>> {
        self.answer(Vec::new())
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

    fn replicas<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, Option<ReplicaSeries>> {
        self.answer(None)
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
