//! What every part of the engine works with.

use super::board::Board;
use super::health::Health;
use super::ledger::Ledger;
use super::tasks::{NEWS_WAITING, News};
use crate::config::Config;
use crate::platform::clock::Clock;
use crate::platform::kube::Cluster;
use crate::platform::probe::ProbePort;
use crate::platform::prometheus::PrometheusPort;
use crate::record::crd::Incident;
use crate::record::store::Store;
use crate::telemetry::metrics::Metrics;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Makes the port to Prometheus for a configuration: a reload may change its address.
pub type PrometheusFactory = Arc<dyn Fn(&Config) -> Arc<dyn PrometheusPort> + Send + Sync>;

/// What the engine is made of; a simulation makes it of other parts.
pub struct Parts {
    /// The cluster.
    pub cluster: Cluster,
    /// How Prometheus is reached.
    pub prometheus: PrometheusFactory,
    /// Who makes a policy's HTTP probe.
    pub probe: Arc<dyn ProbePort>,
    /// The clock.
    pub clock: Clock,
    /// The configuration; every decision takes one snapshot.
    pub config: watch::Receiver<Arc<Config>>,
    /// The metrics.
    pub metrics: Metrics,
    /// This process's name as a holder: random, so that a restarted process is another one.
    pub process: String,
    /// The namespace that Ripcord itself runs in: never a target.
    pub own_namespace: Option<String>,
}

/// The handles that the engine's tasks share. A clone shares them.
#[derive(Clone)]
pub struct Context {
    pub(super) cluster: Cluster,
    pub(super) store: Store,
    prometheus: PrometheusFactory,
    pub(super) probe: Arc<dyn ProbePort>,
    pub(super) clock: Clock,
    pub(super) config: watch::Receiver<Arc<Config>>,
    pub(super) metrics: Metrics,
    pub(super) process: String,
    pub(super) own_namespace: Option<String>,
    pub(super) ledger: Ledger,
    pub(super) board: Board,
    pub(super) health: Health,
    news: mpsc::Sender<News>,
}

impl Context {
    /// A context, and the news that [`super::run`] reads.
    pub fn new(parts: Parts) -> (Self, mpsc::Receiver<News>) {
        let Parts {
            cluster,
            prometheus,
            probe,
            clock,
            config,
            metrics,
            process,
            own_namespace,
        } = parts;
        let (news, receiver) = mpsc::channel(NEWS_WAITING);
        let context = Self {
            store: Store::new(cluster.clone()),
            cluster,
            prometheus,
            probe,
            clock,
            config,
            metrics,
            process,
            own_namespace,
            ledger: Ledger::default(),
            board: Board::default(),
            health: Health::default(),
            news,
        };
        (context, receiver)
    }

    pub(super) fn prometheus(&self, config: &Config) -> Arc<dyn PrometheusPort> {
        (self.prometheus)(config)
    }

    pub(super) fn config(&self) -> Arc<Config> {
        self.config.borrow().clone()
    }

    /// There is something new about an incident. Where the queue is full the next listing finds it.
    pub(super) fn news(&self, incident: &Incident) {
        let namespace = incident.metadata.namespace.clone().unwrap_or_default();
        let name = incident.metadata.name.clone().unwrap_or_default();
        let _ = self.news.try_send((namespace, name));
    }
}
