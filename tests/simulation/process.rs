//! One process of the daemon: started, asked, killed.

use super::lab::NAMESPACE;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use ripcord::config::{self, Config};
use ripcord::engine::{self, Context, Intake, Parts, TaskDied};
use ripcord::intake::Limits;
use ripcord::intake::authentication::Authentication;
use ripcord::intake::routes::{self, Routes, Webhook};
use ripcord::platform::clock::Clock;
use ripcord::platform::prometheus::Together;
use ripcord::sim::World;
use ripcord::telemetry::Metrics;
use ripcord::telemetry::metrics::Build;
use serde_json::Value;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

/// The guards' limits that the observer knows too.
pub(crate) const DWELL: i64 = 10;
pub(crate) const COOLDOWN: i64 = 300;
pub(crate) const SOAK: i64 = 30;
pub(crate) const STEPS: usize = 2;

const CONFIG: &str = r#"
apiVersion: ripcord.dev/v1alpha1
kind: Config
mode: MODE
listen: {webhook: 127.0.0.1:9, admin: 127.0.0.1:9}
webhook: {insecure: true}
prometheus: {url: "http://127.0.0.1:9", timeout: 5s, history: {lookback: 1h, step: 1m}}
namespaces: [lab30]
guards: {recentRollout: 2h, dwell: 10s, provenFor: 2m, minCrashes: 3, cooldown: 5m, steps: 2}
policies:
  - name: web-bad-image
    match: {namespaces: [lab30], names: [lab30-web]}
    causes: [ImageNotFound, InvalidImageName]
    remedies:
      - pinImage: {container: web, image: "ghcr.io/vlrrbn/lab30-web-metrics:0.2.1"}
      - rolloutUndo: {}
    verify: {timeout: 2m, soak: 30s}
  - name: bad-rollout
    match: {}
    causes: [ImageNotFound, InvalidImageName, CrashOnStart]
    remedies: [{rolloutUndo: {to: proven, maxRevisionsBack: 5}}]
    verify: {timeout: 2m, soak: 30s}
"#;

fn configuration(mode: &str) -> Arc<Config> {
    static ENFORCE: OnceLock<Arc<Config>> = OnceLock::new();
    static DRY_RUN: OnceLock<Arc<Config>> = OnceLock::new();
    let cell = if mode == "enforce" {
        &ENFORCE
    } else {
        &DRY_RUN
    };
    let parsed = || {
        assert!(CONFIG.contains(NAMESPACE));
        Arc::new(config::parse(&CONFIG.replace("MODE", mode), "simulation.yaml").unwrap())
    };
    cell.get_or_init(parsed).clone()
}

/// A process that runs.
pub(crate) struct Process {
    pub(crate) name: String,
    routes: Routes,
    engine: JoinHandle<Result<(), TaskDied>>,
}

impl Process {
    /// Starts one. Its name is its user agent's version, so that the write log tells who it was.
    pub(crate) fn start(world: &World, mode: &str, name: &str, skew: i64) -> Self {
        let metrics = Metrics::new(Build {
            version: "0",
            revision: "0",
        })
        .unwrap();
        // Nobody reloads: the receiver keeps the last value.
        let (_, receiver) = watch::channel(configuration(mode));
        let prometheus = Arc::new(Together::new(world.prometheus()));
        let now = world.clock().now();
        let skewed = now
            .checked_add(jiff::SignedDuration::from_secs(skew))
            .unwrap();
        let (context, news) = Context::new(Parts {
            cluster: world.cluster(&format!("ripcord/{name}"), Arc::new(metrics.clone())),
            prometheus: Arc::new(move |_| prometheus.clone()),
            probe: world.probe(),
            clock: Clock::starting_at(skewed),
            config: receiver,
            metrics: metrics.clone(),
            process: name.to_owned(),
            own_namespace: Some("ripcord-system".to_owned()),
        });
        let webhook = Webhook {
            receiver: Intake::new(context.clone()),
            authentication: Authentication::Insecure,
            limits: Limits::default(),
        };
        let routes = routes::webhook(webhook, &metrics);
        let stop = CancellationToken::new();
        let engine = tokio::spawn(engine::run(context, news, stop));
        Self {
            name: name.to_owned(),
            routes,
            engine,
        }
    }

    /// Its webhook, for a sender.
    pub(crate) fn webhook(&self) -> Routes {
        self.routes.clone()
    }

    /// `kill -9`: everything that it does ends where it stands.
    pub(crate) fn kill(self) {
        self.engine.abort();
    }

    /// Whether a task of it has died: then it should have ended by itself.
    pub(crate) fn has_died(&self) -> bool {
        self.engine.is_finished()
    }
}

/// Posts a body; the answer's status and receipt.
pub(crate) async fn post(routes: Routes, body: &Value) -> (u16, Value) {
    let text = body.to_string();
    let request = http::Request::post("/api/v1/alerts")
        .header("content-type", "application/json")
        .header("content-length", text.len())
        .body(Full::new(Bytes::from(text)))
        .unwrap();
    let answer = warp::service(routes).call(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}
