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
use crate::domain::evidence::{ReplicaSeries, RestartSeries, TerminationSeries, WaitingSeries};
use crate::platform::prometheus::{Answer, PrometheusPort, Range, ReplicaHistory, Unanswered};
use jiff::SignedDuration;
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
        deployment: &'a str,
    ) -> Answer<'a, Option<ReplicaSeries>> {
        self.answer(move |view| {
            let row = answers::replicas(view, namespace, deployment);
            let rows = unless_twice(view, Vec::from_iter(row), "deployment's replicas")?;
            Ok(rows.into_iter().next())
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

    fn up(&self) -> Answer<'_, bool> {
        self.answer(|view| Ok(view.is_up()))
    }
}
