//! Prometheus, as far as Ripcord asks: the typed questions, answered from the simulation's own past. No PromQL.
//!
//! ```text
//! PrometheusPort -> here (down, slow, two sources) -> view (what it believes; lies) -> answers <- scrapes (every 5 s) <- store
//! ```

mod answers;
mod scrapes;
mod view;

pub(crate) use scrapes::Scrapes;
pub use view::Lie;

use super::{Shared, locked};
use crate::domain::evidence::{
    RanImage, ReplicaSeries, RestartSeries, TerminationSeries, WaitingSeries,
};
use crate::domain::surroundings::{ConfigHistory, ConfigName, NodeTrouble, PullFailure};
use crate::platform::prometheus::{
    Answer, PrometheusPort, Range, ReplicaHistory, SetHistory, SetImage, SetKind, Unanswered,
};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use view::View;

/// How long Prometheus takes to answer when it is well.
const ANSWERS_IN: Duration = Duration::from_millis(5);
/// How long a caller waits who has not said otherwise: the default of `prometheus.timeout`.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Prometheus of one simulated world, as one caller sees it.
pub(crate) struct SimulatedPrometheus {
    pub(crate) shared: Shared,
    /// How long this caller waits for an answer.
    pub(crate) patience: Duration,
}

impl SimulatedPrometheus {
    /// Answers from the scrapes as they are when the answer is made.
    fn answer<'a, T: Send + 'a>(
        &'a self,
        from: impl FnOnce(&View<'_>) -> Result<T, Unanswered> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let takes = locked(&self.shared).scrapes.slow.max(ANSWERS_IN);
            tokio::time::sleep(takes.min(self.patience)).await;
            let state = locked(&self.shared);
            // Who went away meanwhile is not slow: the connection broke.
            if state.scrapes.down {
                return Err(Unanswered::Unreachable);
            }
            if takes >= self.patience {
                return Err(Unanswered::TimedOut);
            }
            from(&View::new(&state.scrapes, state.api.store.now()))
        })
    }
}

/// What the client makes of rows that come twice.
fn unless_twice<T>(
    view: &View<'_>,
    rows: Vec<T>,
    what: &'static str,
) -> Result<Vec<T>, Unanswered> {
    if view.two_sources() && !rows.is_empty() {
        return Err(Unanswered::Ambiguous(what));
    }
    Ok(rows)
}

impl PrometheusPort for SimulatedPrometheus {
    fn waiting<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<WaitingSeries>> {
        // `max by` hides that there are two sources.
        self.answer(move |view| Ok(answers::waiting(view, namespace, Some(pods))))
    }

    fn waiting_in_namespace<'a>(&'a self, namespace: &'a str) -> Answer<'a, Vec<WaitingSeries>> {
        self.answer(move |view| Ok(answers::waiting(view, namespace, None)))
    }

    fn restarts<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
        window: SignedDuration,
    ) -> Answer<'a, Vec<RestartSeries>> {
        self.answer(move |view| {
            let rows = answers::restarts(view, namespace, pods, window);
            unless_twice(view, rows, "container's restarts")
        })
    }

    fn terminations<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<TerminationSeries>> {
        self.answer(move |view| {
            let rows = answers::terminations(view, namespace, pods);
            unless_twice(view, rows, "container's last termination")
        })
    }

    fn replicas<'a>(
        &'a self,
        namespace: &'a str,
        deployments: &'a [String],
    ) -> Answer<'a, BTreeMap<String, ReplicaSeries>> {
        self.answer(move |view| {
            let counts = answers::replicas(view, namespace, deployments);
            if view.two_sources() && !counts.is_empty() {
                return Err(Unanswered::Ambiguous("deployment's replicas"));
            }
            Ok(counts)
        })
    }

    fn replica_history<'a>(
        &'a self,
        namespace: &'a str,
        replicasets: &'a [String],
        range: Range,
    ) -> Answer<'a, ReplicaHistory> {
        self.answer(move |view| {
            let history = answers::history(view, namespace, replicasets, range);
            if view.two_sources() && !history.series.is_empty() {
                return Err(Unanswered::Ambiguous("replicaset"));
            }
            Ok(history)
        })
    }

    fn digests<'a>(
        &'a self,
        namespace: &'a str,
        replicasets: &'a [String],
        within: SignedDuration,
    ) -> Answer<'a, Vec<RanImage>> {
        self.answer(move |view| Ok(answers::digests(view, namespace, replicasets, within)))
    }

    fn set_history<'a>(
        &'a self,
        _: SetKind,
        _: &'a str,
        _: &'a [String],
        range: Range,
    ) -> Answer<'a, SetHistory> {
        // The simulation has neither kind, so no scrape ever saw one.
        let (step, sets) = (range.step, BTreeMap::new());
        self.answer(move |_| Ok(SetHistory { step, sets }))
    }

    fn set_digests<'a>(
        &'a self,
        _: SetKind,
        _: &'a str,
        _: &'a [String],
        _: SignedDuration,
    ) -> Answer<'a, Vec<SetImage>> {
        self.answer(|_| Ok(Vec::new()))
    }

    fn config_changes<'a>(
        &'a self,
        namespace: &'a str,
        names: &'a [ConfigName],
        range: Range,
    ) -> Answer<'a, BTreeMap<ConfigName, ConfigHistory>> {
        self.answer(move |view| {
            let histories = answers::config(view, namespace, names, range);
            if view.two_sources() && !histories.is_empty() {
                return Err(Unanswered::Ambiguous("config"));
            }
            Ok(histories)
        })
    }

    fn node_troubles<'a>(
        &'a self,
        nodes: &'a [String],
    ) -> Answer<'a, BTreeMap<String, BTreeSet<NodeTrouble>>> {
        // `max by` hides that there are two sources, as long as they say the same.
        self.answer(move |view| Ok(answers::nodes(view, nodes)))
    }

    fn pull_failures<'a>(&'a self, namespaces: &'a [String]) -> Answer<'a, Vec<PullFailure>> {
        self.answer(move |view| Ok(answers::pulls(view, namespaces)))
    }

    fn up(&self) -> Answer<'_, bool> {
        self.answer(|view| Ok(view.is_up()))
    }
}
