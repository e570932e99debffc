//! Where every open incident stands: what the gauge shows, and which incidents have a driver.

use crate::domain::incident::{IncidentStatus, Phase};
use crate::domain::verdict::Reason;
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
    open: BTreeMap<(String, String), Standing>,
    closed: i64,
}

/// Where an incident stands, and what holds it where it is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    phase: Phase,
    held_for: Option<Reason>,
}

impl Standing {
    /// That of a status; `None` = its phase is a word of another version.
    pub(super) fn of(status: &IncidentStatus) -> Option<Self> {
        let phase = Phase::parse(&status.phase)?;
        let held = phase == Phase::Held;
        Some(Self {
            phase,
            held_for: Reason::parse(&status.reason).filter(|_| held),
        })
    }
}

impl Board {
    /// Notes where one incident stands.
    pub(super) fn set(&self, namespace: &str, name: &str, standing: Standing, metrics: &Metrics) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), name.to_owned());
        if standing.phase != Phase::Closed {
            state.open.insert(key, standing);
        } else if state.open.remove(&key).is_some() {
            state.closed += 1;
        }
        show(&state, metrics);
    }

    /// Replaces everything by what a whole listing found.
    pub(super) fn replace(
        &self,
        all: impl IntoIterator<Item = ((String, String), Standing)>,
        metrics: &Metrics,
    ) {
        let mut fresh = State::default();
        for (key, standing) in all {
            if standing.phase == Phase::Closed {
                fresh.closed += 1;
            } else {
                fresh.open.insert(key, standing);
            }
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = fresh;
        show(&state, metrics);
    }
}

fn show(state: &State, metrics: &Metrics) {
    let mut counts = BTreeMap::from([(Phase::Closed, state.closed)]);
    let mut held = BTreeMap::new();
    for standing in state.open.values() {
        *counts.entry(standing.phase).or_default() += 1;
        if let Some(reason) = standing.held_for {
            *held.entry(reason.as_str()).or_default() += 1;
        }
    }
    metrics.set_incidents(&counts);
    metrics.set_held(&held);
}
