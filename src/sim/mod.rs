//! A simulated cluster, behind the real kube client and the same port to Prometheus, on virtual time: for `demo` and for tests. The daemon's
//! own code runs on it unchanged.
//!
//! ```text
//! platform::kube::Cluster -> kube::Client -> api (a tower service) -> store <- controllers, kubelet (once a second)
//! platform::prometheus::PrometheusPort <- prometheus (every 5 s a scrape of the store)
//! platform::probe::ProbePort <- services (which Deployment stands behind an address)
//! ```
//!
//! [`World::advance`] drives it: it sleeps from second to second on tokio's clock and lets the controllers work. On a paused clock and one
//! thread the same story gives the same [`WriteLog`], byte for byte.
//!
//! # Who uses it
//! - `ripcord demo` (`src/cli/demo`): a story for a person, told in paused time.
//! - `tests/scenarios`: what Ripcord decides in a case that somebody wrote down; a new case is a new folder.
//! - `tests/simulation.rs`: what it never does, in thousands of nights with faults from a seed.
//! - `tests/sim_engine.rs`: the engine's way from an alert to its end, without faults. `tests/sim_*.rs` are this cluster's own tests.
//!
//! # Held to reality
//! `tests/contract` says what Ripcord relies on, once, and asks both this cluster (`cargo test`) and a real one (`tests/cluster/run`). Where they
//! differ, this one is wrong. `tests/sim_shapes.rs` compares its objects with captures field by field.
//!
//! # What is not modelled
//! - API: any patch but JSON Patch, server-side apply, `managedFields` but for clients' writes of Deployments, warnings, finalizers, deletion
//!   of namespaces and of collections, orphaning and foreground deletion (what an object controls goes with it at once), lists of an older version (a list's second page is
//!   answered 410 as soon as anything has changed), `sendInitialEvents`, quantities that are sent as numbers; validation but for names, types
//!   and unknown fields, a Deployment's selector and containers, a Lease's duration, an Event's required fields, and types, lengths and
//!   defaults of Incidents (no formats, patterns or CEL); RBAC but for one switch (patching workloads). Admission looks at what clients and
//!   people ask for, not at what the controllers write. A watch remembers the last 1,000 changes. A request whose client has left before it is
//!   worked on never happens, unless a fault strands it.
//! - Workloads: StatefulSets, DaemonSets, Jobs; proportional scaling while a rollout is under way; hash collisions.
//! - Scheduling: affinity beyond `nodeSelector`, preemption, priorities, spreading, quotas; images and disks as a reason to go elsewhere.
//! - Nodes: leases and heartbeats, zones and rates of eviction, pressure conditions, reboots (what runs on a lost node goes on), pods per node;
//!   a node's own failed pods stay until somebody deletes them.
//! - Kubelet: sidecars, ephemeral containers, hooks, `restartPolicy` but `Always`, `activeDeadlineSeconds`, changes of mounted files in a
//!   running container, a pod's init containers run once, gRPC probes, a probe's own time-out, jitter, image garbage collection, serialised
//!   pulls, limits on the number of events and pulls, `ImageInspectError` and the errors of sandboxes and hooks. A pod stops within a second,
//!   or after its whole grace period.
//! - Secrets: only kubelets know them, and only their keys.
//! - Events: nobody drops them for being many: on the rig all 44 that one pod caused in two minutes were kept
//!   (`tests/fixtures/faults/liveness-kill.json`). See [`World::lose_next_events`]. A second notice of the same failed scheduling comes
//!   after five minutes only.
//! - Services: no objects, and no status but 200 and 503 ([`World::serve`]); paths and the `Host` header are not looked at.
//! - Prometheus: series of two sources that differ, partial answers and warnings; a client's memory of label names (so never
//!   `Unanswered::NoSeries`); limits on questions. All four queries of a history are answered together.

mod alertmanager;
mod api;
mod controllers;
mod json;
mod prometheus;
mod services;
mod trouble;
mod verbs;

pub use alertmanager::{Alert, Alertmanager, Answer, Delivery, Peers, Route};
pub use api::{
    AdmissionRule, After, Before, Call, Interference, Operation, Review, Ruling, Write, WriteLog,
};
pub use controllers::{Behaviour, Program, Pull, Registry};
pub use prometheus::Lie;
pub use verbs::Refused;

use crate::platform::CallObserver;
use crate::platform::clock::Clock;
use crate::platform::kube::Cluster;
use crate::platform::probe::ProbePort;
use crate::platform::prometheus::PrometheusPort;
use api::store::Store;
use api::{ApiServer, ApiState};
use controllers::{FIRST_NODE, Kubelet, Nodes, Programs, Recorder, Scheduler, Settled};
use jiff::Timestamp;
use prometheus::{Scrapes, SimulatedPrometheus};
use serde_json::Value;
use services::{Services, SimulatedProber};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often the controllers and the kubelet work.
const TICK: Duration = Duration::from_secs(1);
/// How many ticks lie between two scrapes.
const TICKS_BETWEEN_SCRAPES: u64 = 5;

/// Everything that there is.
pub(crate) struct State {
    pub(crate) api: ApiState,
    pub(crate) recorder: Recorder,
    pub(crate) nodes: Nodes,
    pub(crate) scheduler: Scheduler,
    pub(crate) kubelet: Kubelet,
    pub(crate) registry: Registry,
    pub(crate) programs: Programs,
    pub(crate) scrapes: Scrapes,
    pub(crate) settled: Settled,
    pub(crate) services: Services,
    began: Instant,
    ticks: u64,
}

/// A handle to it. Never held across an await.
pub(crate) type Shared = Arc<Mutex<State>>;

pub(crate) fn locked(shared: &Shared) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A simulated cluster; a clone is the same one.
#[derive(Clone)]
pub struct World {
    shared: Shared,
    clock: Clock,
}

impl World {
    /// A cluster of one node, `lab`, with nothing on it, whose clock shows that time now. `incidents` is the OpenAPI schema of the Incident
    /// CRD; `None` = it is not installed.
    pub fn new(now: Timestamp, incidents: Option<Value>) -> Self {
        let clock = Clock::starting_at(now);
        let mut store = Store::new(clock);
        let mut nodes = Nodes::default();
        nodes.add(&mut store, FIRST_NODE);
        let state = State {
            api: ApiState {
                store,
                log: WriteLog::default(),
                incidents,
                may_patch: true,
                interference: None,
                admission: None,
                interruptions: 0,
                stranded: Vec::new(),
            },
            recorder: Recorder::default(),
            nodes,
            scheduler: Scheduler::default(),
            kubelet: Kubelet::default(),
            registry: Registry::default(),
            programs: Programs::default(),
            scrapes: Scrapes::default(),
            settled: Settled::default(),
            services: Services::default(),
            began: Instant::now(),
            ticks: 0,
        };
        Self {
            shared: Arc::new(Mutex::new(state)),
            clock,
        }
    }

    /// Its clock: the daemon's too.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// A handle to its API server, under a user agent.
    pub fn cluster(&self, user_agent: &str, observer: Arc<dyn CallObserver>) -> Cluster {
        Cluster::new(self.client(user_agent), observer)
    }

    /// A bare client of its API server: for requests that [`Cluster`] does not have.
    pub fn client(&self, user_agent: &str) -> kube::Client {
        let server = ApiServer {
            shared: self.shared.clone(),
            user_agent: user_agent.to_owned(),
        };
        kube::Client::new(server, "default")
    }

    /// Its Prometheus, for a caller who waits 5 s for each answer: the default of `prometheus.timeout`.
    pub fn prometheus(&self) -> Arc<dyn PrometheusPort> {
        self.prometheus_within(prometheus::PATIENCE)
    }

    /// Its Prometheus, for a caller who waits that long for each answer.
    pub fn prometheus_within(&self, patience: Duration) -> Arc<dyn PrometheusPort> {
        Arc::new(SimulatedPrometheus {
            shared: self.shared.clone(),
            patience,
        })
    }

    /// Its network, for a policy's HTTP probe.
    pub fn probe(&self) -> Arc<dyn ProbePort> {
        Arc::new(SimulatedProber {
            shared: self.shared.clone(),
        })
    }

    /// Lets time pass. Everybody else who waits on tokio's clock goes on meanwhile. Nothing happens in the cluster while nobody calls this.
    pub async fn advance(&self, by: Duration) {
        let until = Instant::now() + by;
        loop {
            let next = self.next_tick();
            if next > until {
                tokio::time::sleep_until(until).await;
                return;
            }
            tokio::time::sleep_until(next).await;
            self.tick();
        }
    }

    fn next_tick(&self) -> Instant {
        let state = locked(&self.shared);
        let ticks = u32::try_from(state.ticks + 1).unwrap_or(u32::MAX);
        state.began + TICK * ticks
    }

    fn tick(&self) {
        let mut state = locked(&self.shared);
        state.ticks += 1;
        api::work_on_stranded(&mut state);
        controllers::settle(&mut state);
        if state.ticks.is_multiple_of(TICKS_BETWEEN_SCRAPES) {
            let State {
                scrapes,
                api,
                kubelet,
                ..
            } = &mut *state;
            scrapes.scrape(&api.store, &kubelet.secrets);
        }
    }

    /// Every request so far that asked for a change.
    pub fn write_log(&self) -> WriteLog {
        locked(&self.shared).api.log.clone()
    }
}
