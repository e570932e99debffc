//! Where every open incident stands: what the gauge shows, and which incidents have a driver.

use crate::domain::case::OpenIncident;
use crate::domain::incident::{IncidentStatus, Phase};
use crate::domain::observed::Observed;
use crate::domain::verdict::Reason;
use crate::record::crd::Incident;
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
    open: BTreeMap<(String, String), (Standing, OpenIncident)>,
    closed: i64,
    /// Whether a whole listing has been seen: before that nobody knows how many are open.
    listed: bool,
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
    pub(super) fn set(&self, incident: &Incident, standing: Standing, metrics: &Metrics) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(incident);
        if standing.phase != Phase::Closed {
            state.open.insert(key, (standing, about(incident)));
        } else if state.open.remove(&key).is_some() {
            state.closed += 1;
        }
        show(&state, metrics);
    }

    /// Replaces everything by what a whole listing found.
    pub(super) fn replace<'a>(
        &self,
        all: impl IntoIterator<Item = (&'a Incident, Standing)>,
        metrics: &Metrics,
    ) {
        let mut fresh = State {
            listed: true,
            ..State::default()
        };
        for (incident, standing) in all {
            if standing.phase == Phase::Closed {
                fresh.closed += 1;
            } else {
                let about = about(incident);
                fresh.open.insert(key(incident), (standing, about));
            }
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = fresh;
        show(&state, metrics);
    }

    /// All open incidents, as far as they are known: unknown is not none.
    pub(super) fn open(&self) -> Observed<Vec<OpenIncident>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.listed {
            return Observed::Unavailable("incidents have not been listed yet".to_owned());
        }
        let open = state.open.values();
        Observed::Known(open.map(|(_, about)| about.clone()).collect())
    }
}

fn key(incident: &Incident) -> (String, String) {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    (
        part(&incident.metadata.namespace),
        part(&incident.metadata.name),
    )
}

/// What a storm is made of.
pub(super) fn about(incident: &Incident) -> OpenIncident {
    OpenIncident {
        workload: incident.spec.workload.uid.clone(),
        opened_at: incident.spec.alert.received_at,
    }
}

fn show(state: &State, metrics: &Metrics) {
    let mut counts = BTreeMap::from([(Phase::Closed, state.closed)]);
    let mut held = BTreeMap::new();
    for (standing, _) in state.open.values() {
        *counts.entry(standing.phase).or_default() += 1;
        if let Some(reason) = standing.held_for {
            *held.entry(reason.as_str()).or_default() += 1;
        }
    }
    metrics.set_incidents(&counts);
    metrics.set_held(&held);
}
