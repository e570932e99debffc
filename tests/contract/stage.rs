//! Where a case is played: a simulated cluster on virtual time, or a real one in real time.

use futures::FutureExt as _;
use http::Request;
use http_body_util::BodyExt as _;
use kube::CustomResourceExt as _;
use kube::client::Body;
use ripcord::platform::kube::{Credentials, connect};
use ripcord::record::crd::Incident;
use ripcord::sim::{Pull, World};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// An administrator's kubeconfig; unset = the simulation.
const KUBECONFIG: &str = "RIPCORD_CONTRACT_KUBECONFIG";
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(250);

/// Which cluster.
enum Side {
    Simulation(World),
    Cluster,
}

/// A cluster with a namespace for one case.
pub(crate) struct Stage {
    side: Side,
    client: kube::Client,
    pub(crate) namespace: String,
    /// Paths of what is in no namespace.
    leftovers: RefCell<Vec<String>>,
}

/// What the API server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    /// The body; a text that is no JSON is kept as a string.
    pub(crate) body: Value,
}

impl Answer {
    /// The object, of a request that must succeed.
    pub(crate) fn ok(self) -> Value {
        assert!(self.code < 300, "{} {}", self.code, self.body);
        self.body
    }

    /// Code and reason, of a request that must be refused.
    pub(crate) fn refused(&self) -> (u16, &str) {
        assert!(self.code >= 400, "{} {}", self.code, self.body);
        assert_eq!(self.body["kind"], "Status", "{}", self.body);
        assert_eq!(self.body["status"], "Failure");
        assert_eq!(self.body["code"], self.code);
        (self.code, self.body["reason"].as_str().unwrap_or_default())
    }

    /// The words of a refusal.
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// Plays a case, and clears its namespace away whatever comes of it.
pub(crate) fn hold(case: impl AsyncFnOnce(&Stage)) {
    let kubeconfig = std::env::var_os(KUBECONFIG).map(PathBuf::from);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(kubeconfig.is_none());
    runtime.build().unwrap().block_on(async {
        let stage = Stage::open(kubeconfig).await;
        let outcome = AssertUnwindSafe(case(&stage)).catch_unwind().await;
        stage.close().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

impl Stage {
    async fn open(kubeconfig: Option<PathBuf>) -> Self {
        static OPENED: AtomicU32 = AtomicU32::new(0);
        let (side, client) = match kubeconfig {
            None => {
                let world = simulated();
                let client = world.client("contract/1");
                (Side::Simulation(world), client)
            }
            Some(path) => {
                let credentials = Credentials {
                    kubeconfig: Some(path),
                    ..Credentials::default()
                };
                (Side::Cluster, connect(&credentials).await.unwrap())
            }
        };
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("contract-{}-{number}", std::process::id());
        let stage = Self {
            side,
            client,
            namespace,
            leftovers: RefCell::default(),
        };
        let made =
            json!({"metadata": {"name": stage.namespace, "labels": {"contract": stage.namespace}}});
        stage.send("POST", "/api/v1/namespaces", &made).await.ok();
        if let Side::Cluster = stage.side {
            // No pod is made before its account is.
            let account = stage.path("/api/v1", "serviceaccounts") + "/default";
            stage
                .until("the namespace has its account", 30, async || {
                    let answer = stage.get(&account).await;
                    (answer.code == 200).then_some(())
                })
                .await;
        }
        stage
    }

    /// Makes an object that is in no namespace, and is taken away when the case is over.
    pub(crate) async fn make_for_now(&self, path: &str, object: &Value) {
        let made = self.send("POST", path, object).await.ok();
        let name = made["metadata"]["name"].as_str().unwrap();
        self.leftovers.borrow_mut().push(format!("{path}/{name}"));
    }

    async fn close(&self) {
        for path in self.leftovers.take() {
            self.send("DELETE", &path, &json!({})).await.ok();
        }
        if let Side::Cluster = self.side {
            let path = format!("/api/v1/namespaces/{}", self.namespace);
            self.send("DELETE", &path, &json!({})).await.ok();
        }
    }

    /// The simulated world, for what only a person can bring about; `None` = a real cluster.
    pub(crate) fn world(&self) -> Option<&World> {
        match &self.side {
            Side::Simulation(world) => Some(world),
            Side::Cluster => None,
        }
    }

    /// The path of a resource in the case's namespace.
    pub(crate) fn path(&self, group_version: &str, plural: &str) -> String {
        format!("{group_version}/namespaces/{}/{plural}", self.namespace)
    }

    /// One request, whatever is answered.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let kind = match method {
            "PATCH" => "application/json-patch+json",
            _ => "application/json",
        };
        let bytes = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("accept", "application/json")
            .header("content-type", kind)
            .body(Body::from(bytes))
            .unwrap();
        let (parts, body) = self.client.send(request).await.unwrap().into_parts();
        let text = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(text.to_vec()).unwrap();
        Answer {
            code: parts.status.as_u16(),
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &Value::Null).await
    }

    /// The items of a list.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        let list = self.get(path).await.ok();
        list["items"].as_array().unwrap().clone()
    }

    /// The events of a watch, until its time is over: type and object.
    pub(crate) async fn watch(&self, path: &str) -> Vec<(String, Value)> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let body = self.client.send(request).await.unwrap().into_body();
        let text = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(text.to_vec()).unwrap();
        text.lines()
            .map(|line| {
                let mut event: Value = serde_json::from_str(line).unwrap();
                (
                    event["type"].as_str().unwrap().to_owned(),
                    event["object"].take(),
                )
            })
            .collect()
    }

    /// Lets time pass until there is something, so many seconds at most.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        seconds: u64,
        check: impl AsyncFn() -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            if let Some(found) = check().await {
                return found;
            }
            assert!(Instant::now() < deadline, "{what}: not within {seconds} s");
            self.pass(POLL).await;
        }
    }

    /// Looks again and again for so many seconds.
    pub(crate) async fn throughout(&self, seconds: u64, check: impl AsyncFn()) {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            check().await;
            self.pass(POLL).await;
        }
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, duration: Duration) {
        match &self.side {
            Side::Simulation(world) => world.advance(duration).await,
            Side::Cluster => tokio::time::sleep(duration).await,
        }
    }
}

/// The simulation's counterpart of the rig: the same images, and what their programs do.
fn simulated() -> World {
    let crd = serde_json::to_value(Incident::crd()).unwrap();
    let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema");
    let world = World::new("2026-11-23T04:00:00Z".parse().unwrap(), schema.cloned());
    world.registry(|registry| {
        for image in [super::objects::GOOD, super::objects::OTHER] {
            registry.set(image, Pull::Exists);
        }
    });
    super::programs::teach(&world);
    world
}
