//! The lab "K8s Incidents I" in the simulated cluster, and the whole daemon on it: the webhook's filter, the engine, the real kube client.

use super::counted::{Asked, Counted};
use bytes::Bytes;
use http_body_util::Full;
use kube::CustomResourceExt as _;
use ripcord::config;
use ripcord::domain::workload::{WorkloadKind, WorkloadRef};
use ripcord::engine::{self, Context, Explained, Intake, Parts, TaskDied, Unexplained};
use ripcord::intake::Limits;
use ripcord::intake::authentication::Authentication;
use ripcord::intake::routes::{self, Routes, Webhook};
use ripcord::platform::prometheus::Together;
use ripcord::record::crd::Incident;
use ripcord::sim::{Behaviour, Program, Pull, World, Write};
use ripcord::telemetry::Metrics;
use ripcord::telemetry::metrics::Build;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

pub(crate) const NAMESPACE: &str = "lab30";
pub(crate) const REDIS: &str = "lab30-redis";
pub(crate) const WEB: &str = "lab30-web";
pub(crate) const WEB_URL: &str = "http://10.96.30.80:8080/health";
const GOOD_IMAGE: &str = "ghcr.io/vlrrbn/lab30-web-metrics:0.2.1";
const OLD_IMAGE: &str = "ghcr.io/vlrrbn/lab30-web-metrics:0.2.0";
const BAD_IMAGE: &str = "ghcr.io/vlrrbn/lab30-web-metrics:does-not-exist";
const BAD_ARGS: [&str; 6] = ["9090", "--save", "60", "1", "--loglevel", "warning"];

const CONFIG: &str = r#"
apiVersion: ripcord.dev/v1alpha1
kind: Config
mode: enforce
listen: {webhook: 127.0.0.1:9, admin: 127.0.0.1:9}
webhook: {insecure: true}
prometheus: {url: "http://127.0.0.1:9", timeout: 5s, history: {lookback: 1h, step: 1m}}
namespaces: [lab30]
guards: {recentRollout: 2h, dwell: 10s, provenFor: 2m, minCrashes: 3, cooldown: 15m, steps: 2}
policies:
  - name: web-bad-image
    match: {alerts: ["Lab30*"], namespaces: [lab30], names: [lab30-web]}
    causes: [ImageNotFound, InvalidImageName]
    remedies:
      - pinImage: {container: web, image: "ghcr.io/vlrrbn/lab30-web-metrics:0.2.1"}
      - rolloutUndo: {}
    verify: {timeout: 5m, soak: 30s, http: {url: "http://10.96.30.80:8080/health", status: 200}}
  - name: bad-rollout
    match: {namespaces: [lab30]}
    causes: [ImageNotFound, InvalidImageName, CrashOnStart, StartError, ConfigMissing, InitFailed]
    remedies: [{rolloutUndo: {to: proven, maxRevisionsBack: 5}}]
"#;

/// The lab with a daemon that watches over it.
pub(crate) struct Lab {
    pub(crate) world: World,
    pub(crate) context: Context,
    /// What was asked of the API server and of Prometheus.
    requests: Metrics,
    asked: Asked,
    routes: Routes,
    stop: CancellationToken,
    engine: JoinHandle<Result<(), TaskDied>>,
}

impl Lab {
    /// Both workloads have been healthy for ten minutes when the daemon starts.
    pub(crate) async fn healthy(mode: &str) -> Self {
        let world = world();
        let words = "/bin/entrypoint.sh: exec: line 5: 9090: not found";
        world.program(Program::that(Behaviour::crashes(127, words)).with_args(&BAD_ARGS));
        world.apply(&redis(&[])).unwrap();
        world.apply(&web(OLD_IMAGE)).unwrap();
        world.serve(WEB_URL, NAMESPACE, WEB);
        world.advance(Duration::from_secs(600)).await;
        Self::start(world, mode)
    }

    /// A daemon on a world.
    fn start(world: World, mode: &str) -> Self {
        let text = CONFIG.replace("mode: enforce", &format!("mode: {mode}"));
        let config = Arc::new(config::parse(&text, "lab.yaml").unwrap());
        let metrics = Metrics::new(Build {
            version: "0",
            revision: "0",
        })
        .unwrap();
        // Nobody reloads: the receiver keeps the last value.
        let (_, receiver) = watch::channel(config);
        let asked = Asked::default();
        let counted = Counted::new(world.prometheus(), asked.clone());
        let prometheus = Arc::new(Together::new(Arc::new(counted)));
        let (context, news) = Context::new(Parts {
            cluster: world.cluster("ripcord/0.1.0", Arc::new(metrics.clone())),
            prometheus: Arc::new(move |_| prometheus.clone()),
            probe: world.probe(),
            clock: world.clock(),
            config: receiver,
            metrics: metrics.clone(),
            process: "ripcord-1".to_owned(),
            own_namespace: Some("ripcord-system".to_owned()),
        });
        let requests = metrics.clone();
        let webhook = Webhook {
            receiver: Intake::new(context.clone()),
            authentication: Authentication::Insecure,
            limits: Limits::default(),
        };
        let routes = routes::webhook(webhook, &metrics);
        let stop = CancellationToken::new();
        let engine = tokio::spawn(engine::run(context.clone(), news, stop.clone()));
        Self {
            world,
            context,
            requests,
            asked,
            routes,
            stop,
            engine,
        }
    }

    /// The lab's second incident.
    pub(crate) fn break_redis(&self) {
        self.world.apply(&redis(&BAD_ARGS)).unwrap();
    }

    /// The lab's first incident.
    pub(crate) fn break_web(&self) {
        self.world.apply(&web(BAD_IMAGE)).unwrap();
    }

    pub(crate) async fn advance(&self, seconds: u64) {
        self.world.advance(Duration::from_secs(seconds)).await;
    }

    /// So many shops, healthy for ten minutes, and a daemon that watches over them.
    pub(crate) async fn shops(count: usize) -> Self {
        let world = world();
        for number in 0..count {
            world.apply(&shop(number, OLD_IMAGE)).unwrap();
        }
        world.advance(Duration::from_secs(600)).await;
        Self::start(world, "dry-run")
    }

    /// All of them are given an image that does not exist.
    pub(crate) fn break_shops(&self, count: usize) {
        for number in 0..count {
            self.world.apply(&shop(number, BAD_IMAGE)).unwrap();
        }
    }

    /// How often the API server was asked, by operation, for all that was done.
    pub(crate) fn requests(&self) -> BTreeMap<String, u64> {
        let metric = "ripcord_dependency_request_duration_seconds_count{dependency=\"kubernetes\",operation=\"";
        let page = self.requests.render();
        let rows = page.lines().filter_map(|line| line.strip_prefix(metric));
        rows.map(|row| {
            let (operation, count) = row.split_once("\"} ").unwrap();
            (operation.to_owned(), count.parse().unwrap())
        })
        .collect()
    }

    /// How often Prometheus was asked, by question.
    pub(crate) fn asked(&self) -> BTreeMap<&'static str, u64> {
        self.asked.lock().unwrap().clone()
    }

    /// Alertmanager posts that a Deployment is not ready; the answer's status.
    pub(crate) async fn alert(&self, deployment: &str) -> u16 {
        self.alert_with(deployment, "faa6b0195985d9a2").await
    }

    /// The same as one of several alerts.
    pub(crate) async fn alert_with(&self, deployment: &str, fingerprint: &str) -> u16 {
        let labels = json!({
            "alertname": "Lab30DeploymentNotReady", "deployment": deployment, "namespace": NAMESPACE,
            "job": "kube-state-metrics", "severity": "warning",
        });
        let now = self.world.clock().now();
        let body = json!({
            "version": "4", "status": "firing", "receiver": "responder", "truncatedAlerts": 0,
            "groupKey": "{}", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "",
            "alerts": [{
                "status": "firing", "labels": labels, "annotations": {}, "startsAt": now,
                "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": fingerprint,
            }],
        })
        .to_string();
        let request = http::Request::post("/api/v1/alerts")
            .header("content-type", "application/json")
            .header("content-length", body.len())
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let answer = warp::service(self.routes.clone()).call(request).await;
        answer.unwrap().status().as_u16()
    }

    /// What a person who asks is told, without an alert.
    pub(crate) async fn explain(&self, deployment: &str) -> Result<Explained, Unexplained> {
        let reference = WorkloadRef {
            kind: WorkloadKind::Deployment,
            namespace: NAMESPACE.to_owned(),
            name: deployment.to_owned(),
        };
        engine::explain(&self.context, &reference).await
    }

    /// The only incident.
    pub(crate) fn incident(&self) -> Value {
        let mut incidents = self.world.objects("Incident", NAMESPACE);
        assert_eq!(incidents.len(), 1, "{incidents:#?}");
        incidents.remove(0)
    }

    pub(crate) fn status(&self, field: &str) -> String {
        let incident = self.incident();
        incident["status"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The daemon's patches of workloads, as places in the write log.
    pub(crate) fn patches(&self, dry_run: bool) -> Vec<(usize, Write)> {
        let log = self.world.write_log();
        let writes = log.writes().iter().cloned().enumerate();
        writes
            .filter(|(_, write)| write.verb == "PATCH" && write.dry_run == dry_run)
            .collect()
    }

    /// What nobody may have touched.
    pub(crate) fn image(&self, deployment: &str) -> String {
        let object = self
            .world
            .object("Deployment", NAMESPACE, deployment)
            .unwrap();
        let image = object.pointer("/spec/template/spec/containers/0/image");
        image.unwrap().as_str().unwrap().to_owned()
    }

    pub(crate) fn args(&self, deployment: &str) -> Option<Value> {
        let object = self
            .world
            .object("Deployment", NAMESPACE, deployment)
            .unwrap();
        object
            .pointer("/spec/template/spec/containers/0/args")
            .cloned()
    }

    /// Stops the daemon, which must not have died.
    pub(crate) async fn stop(self) -> World {
        self.stop.cancel();
        self.engine.await.unwrap().unwrap();
        self.world
    }
}

/// An empty cluster with the lab's namespace and images.
fn world() -> World {
    let crd = serde_json::to_value(Incident::crd()).unwrap();
    let schema = crd
        .pointer("/spec/versions/0/schema/openAPIV3Schema")
        .cloned();
    let world = World::new("2026-11-23T04:00:00Z".parse().unwrap(), schema);
    world.namespace(NAMESPACE);
    world.registry(|registry| {
        for image in [GOOD_IMAGE, OLD_IMAGE, "redis:7-alpine"] {
            registry.set(image, Pull::Exists);
        }
    });
    world
}

/// One of many.
pub(crate) fn shop_name(number: usize) -> String {
    format!("shop-{number:03}")
}

fn shop(number: usize, image: &str) -> Value {
    deployment(
        &shop_name(number),
        &json!({"name": "web", "image": image, "imagePullPolicy": "Always"}),
    )
}

fn deployment(name: &str, container: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}},
    })
}

fn redis(args: &[&str]) -> Value {
    let mut container = json!({
        "name": "redis", "image": "redis:7-alpine", "ports": [{"containerPort": 6379}],
        "readinessProbe": {"tcpSocket": {"port": 6379}, "initialDelaySeconds": 5, "periodSeconds": 5},
    });
    if !args.is_empty() {
        container["args"] = json!(args);
    }
    deployment(REDIS, &container)
}

fn web(image: &str) -> Value {
    let probe = json!({"httpGet": {"path": "/health", "port": 8080}, "initialDelaySeconds": 5, "periodSeconds": 5});
    deployment(
        WEB,
        &json!({
            "name": "web", "image": image, "imagePullPolicy": "Always",
            "ports": [{"containerPort": 8080}], "readinessProbe": probe,
        }),
    )
}
