//! Where every open incident stands: what the gauge shows, and which incidents have a driver.

use crate::domain::incident::Phase;
use crate::telemetry::metrics::Metrics;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The board; a clone is the same one. It follows open incidents: closed ones are only counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Board {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<(String, String), Phase>,
    closed: i64,
}

impl Board {
    /// Notes where one incident stands.
    pub(super) fn set(&self, namespace: &str, name: &str, phase: Phase, metrics: &Metrics) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), name.to_owned());
        if phase != Phase::Closed {
            state.open.insert(key, phase);
        } else if state.open.remove(&key).is_some() {
            state.closed += 1;
        }
        show(&state, metrics);
    }

    /// Replaces everything by what a whole listing found.
    pub(super) fn replace(
        &self,
        all: impl IntoIterator<Item = ((String, String), Phase)>,
        metrics: &Metrics,
    ) {
        let mut fresh = State::default();
        for (key, phase) in all {
            if phase == Phase::Closed {
                fresh.closed += 1;
            } else {
                fresh.open.insert(key, phase);
            }
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = fresh;
        show(&state, metrics);
    }
}

fn show(state: &State, metrics: &Metrics) {
    let mut counts = BTreeMap::from([(Phase::Closed, state.closed)]);
    for phase in state.open.values() {
        *counts.entry(*phase).or_default() += 1;
    }
    metrics.set_incidents(&counts);
}
