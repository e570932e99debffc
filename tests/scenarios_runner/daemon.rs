//! The daemon as `ripcord serve` puts it together, on a simulated cluster: the webhook's filter as a service (sockets and paused time don't
//! mix), the engine, the real kube client.

use bytes::Bytes;
use http_body_util::Full;
use ripcord::config::Config;
use ripcord::engine::{self, Context, Intake, Parts, TaskDied};
use ripcord::intake::Limits;
use ripcord::intake::authentication::Authentication;
use ripcord::intake::routes::{self, Routes, Webhook};
use ripcord::sim::World;
use ripcord::telemetry::Metrics;
use ripcord::telemetry::metrics::Build;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

/// Who Ripcord is, in the write log.
pub(crate) const RIPCORD: &str = "ripcord/0.1.0";

/// One process of Ripcord.
pub(crate) struct Daemon {
    metrics: Metrics,
    routes: Routes,
    configuration: watch::Sender<Arc<Config>>,
    stop: CancellationToken,
    engine: JoinHandle<Result<(), TaskDied>>,
}

impl Daemon {
    /// Starts one; `number` tells it from those before.
    pub(crate) fn start(world: &World, configuration: Arc<Config>, number: usize) -> Self {
        let metrics = Metrics::new(Build {
            version: "0",
            revision: "0",
        })
        .unwrap();
        let (configuration, receiver) = watch::channel(configuration);
        let probe = world.probe();
        let simulated = world.clone();
        let (context, news) = Context::new(Parts {
            cluster: world.cluster(RIPCORD, Arc::new(metrics.clone())),
            prometheus: Arc::new(move |config: &Config| {
                simulated.prometheus_within(config.prometheus.timeout)
            }),
            probe,
            clock: world.clock(),
            config: receiver,
            metrics: metrics.clone(),
            process: format!("ripcord-{number}"),
            own_namespace: Some("ripcord".to_owned()),
        });
        let webhook = Webhook {
            receiver: Intake::new(context.clone()),
            authentication: Authentication::Insecure,
            limits: Limits::default(),
        };
        let routes = routes::webhook(webhook, &metrics);
        let stop = CancellationToken::new();
        let engine = tokio::spawn(engine::run(context, news, stop.clone()));
        Self {
            metrics,
            routes,
            configuration,
            stop,
            engine,
        }
    }

    /// Reads another configuration, as after SIGHUP.
    pub(crate) fn reload(&self, configuration: Arc<Config>) {
        self.configuration.send(configuration).unwrap();
    }

    /// Alertmanager posts a body; the answer's status.
    pub(crate) async fn post(&self, body: &Value) -> u16 {
        let body = body.to_string();
        let request = http::Request::post("/api/v1/alerts")
            .header("content-type", "application/json")
            .header("content-length", body.len())
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let answer = warp::service(self.routes.clone()).call(request).await;
        answer.unwrap().status().as_u16()
    }

    /// How many alerts were skipped, by reason; those of none are left out.
    pub(crate) fn skipped(&self) -> Vec<(String, i64)> {
        let text = self.metrics.render();
        let counts = text.lines().filter_map(|line| {
            let rest = line.strip_prefix("ripcord_alerts_skipped_total{reason=\"")?;
            let (reason, count) = rest.split_once("\"} ")?;
            Some((reason.to_owned(), count.parse().ok()?))
        });
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it had died before.
    pub(crate) async fn stop(self) -> Result<(), String> {
        self.stop.cancel();
        match self.engine.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(died)) => Err(format!("a task of the daemon died: {died}")),
            Err(error) => Err(format!("the daemon died: {error}")),
        }
    }
}
