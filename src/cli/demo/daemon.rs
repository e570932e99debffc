//! The daemon's own parts on a simulated cluster.

use super::DemoError;
use crate::cli::serve::BUILD;
use crate::config::Config;
use crate::engine::{Context, Intake, Parts, Reloader, ServerOperations, TaskDied, run};
use crate::intake::Limits;
use crate::intake::authentication::Authentication;
use crate::intake::ports::{Operations, Readiness};
use crate::intake::routes::{self, Routes, Webhook};
use crate::platform::prometheus::Together;
use crate::sim::World;
use crate::telemetry::metrics::Metrics;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How the daemon calls itself at the simulated API server: as at a real one.
pub(super) const USER_AGENT: &str = concat!("ripcord/", env!("CARGO_PKG_VERSION"));
/// Its name as a holder of incidents. Nobody else is there, and two runs must tell the same.
const PROCESS: &str = "demo";

/// What is reached of the daemon from outside; its engine runs beside it.
#[derive(Clone)]
pub(super) struct Daemon {
    /// Its HTTP routes.
    pub(super) routes: Routes,
    /// Its metrics.
    pub(super) metrics: Metrics,
    /// Ends the engine.
    pub(super) stop: CancellationToken,
}

/// A daemon for a world, and its engine, which someone must drive.
pub(super) fn start(
    world: &World,
    config: Config,
) -> Result<(Daemon, impl Future<Output = Result<(), TaskDied>> + use<>), DemoError> {
    let metrics = Metrics::new(BUILD).map_err(DemoError::Metrics)?;
    metrics.touch_policies(config.policies.iter().map(|policy| policy.name.as_str()));
    let (sender, receiver) = watch::channel(Arc::new(config));
    let prometheus = Arc::new(Together::new(world.prometheus()));
    let (context, news) = Context::new(Parts {
        cluster: world.cluster(USER_AGENT, Arc::new(metrics.clone())),
        prometheus: Arc::new(move |_| prometheus.clone()),
        probe: world.probe(),
        clock: world.clock(),
        config: receiver,
        metrics: metrics.clone(),
        process: PROCESS.to_owned(),
        own_namespace: None,
    });
    let webhook = Webhook {
        receiver: Intake::new(context.clone()),
        authentication: Authentication::Insecure,
        limits: Limits::default(),
    };
    let reloader = Reloader::new(PathBuf::new(), sender, context.clone());
    let operations = BuiltIn(ServerOperations::new(context.clone(), reloader));
    let stop = CancellationToken::new();
    let daemon = Daemon {
        routes: routes::both(webhook, operations, &metrics),
        metrics,
        stop: stop.clone(),
    };
    Ok((daemon, run(context, news, stop)))
}

/// The daemon's operations, without a file that could be read again.
#[derive(Clone)]
struct BuiltIn(ServerOperations);

impl Operations for BuiltIn {
    fn ready(&self) -> Readiness {
        self.0.ready()
    }

    async fn reload(&self) -> Result<(), String> {
        Err("the demo's configuration is built in".to_owned())
    }
}
