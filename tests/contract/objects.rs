//! What the cases make and look at.

use super::stage::Stage;
use serde_json::{Value, json};

/// Two images that are there and serve on port 8080.
pub(crate) const GOOD: &str = "ghcr.io/vlrrbn/lab30-web-metrics:0.2.1";
pub(crate) const OTHER: &str = "ghcr.io/vlrrbn/lab30-web-metrics:0.2.0";
/// And one that is not.
pub(crate) const MISSING: &str = "ghcr.io/vlrrbn/lab30-web-metrics:does-not-exist";

pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";
/// How long a rollout of good images may take, in seconds.
pub(crate) const ROLLOUT: u64 = 60;

/// A Deployment `web` of one replica whose container is ready two seconds after its start.
pub(crate) fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{
                        "name": "app",
                        "image": image,
                        "imagePullPolicy": "IfNotPresent",
                        "readinessProbe": {
                            "httpGet": {"path": "/health", "port": 8080},
                            "initialDelaySeconds": 2,
                            "periodSeconds": 1,
                        },
                    }],
                },
            },
        },
    })
}

pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let found = object.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(crate) fn version(object: &Value) -> &str {
    text(object, "/metadata/resourceVersion")
}

pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> &'a str {
    text(
        object,
        &format!("/metadata/annotations/{}", key.replace('/', "~1")),
    )
}

pub(crate) fn image(object: &Value) -> &str {
    text(object, "/spec/containers/0/image")
}

/// A condition of a status: its status and reason.
pub(crate) fn condition(object: &Value, kind: &str) -> Option<(String, String)> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|one| one["type"] == kind)?;
    Some((
        text(found, "/status").to_owned(),
        text(found, "/reason").to_owned(),
    ))
}

impl Stage {
    pub(crate) fn deployments(&self) -> String {
        self.path("/apis/apps/v1", "deployments")
    }

    pub(crate) fn web(&self) -> String {
        self.deployments() + "/web"
    }

    pub(crate) fn config_maps(&self) -> String {
        self.path("/api/v1", "configmaps")
    }

    pub(crate) fn incidents(&self) -> String {
        self.path("/apis/ripcord.dev/v1alpha1", "incidents")
    }

    /// Makes an object.
    pub(crate) async fn make(&self, path: &str, object: &Value) -> Value {
        self.send("POST", path, object).await.ok()
    }

    /// Makes a ConfigMap: an object that nobody else touches.
    pub(crate) async fn make_map(&self, name: &str, label: &str) -> Value {
        let map =
            json!({"metadata": {"name": name, "labels": {"app": label}}, "data": {"key": "value"}});
        self.make(&self.config_maps(), &map).await
    }

    /// The Deployment `web` as it is.
    pub(crate) async fn deployment(&self) -> Value {
        self.get(&self.web()).await.ok()
    }

    /// Changes the Deployment `web`.
    pub(crate) async fn change(&self, patch: &Value) -> Value {
        self.send("PATCH", &self.web(), patch).await.ok()
    }

    /// Changes its image.
    pub(crate) async fn roll_out(&self, image: &str) -> Value {
        self.change(&json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]))
            .await
    }

    /// Its ReplicaSets, oldest revision first.
    pub(crate) async fn replica_sets(&self) -> Vec<Value> {
        let path = self.path("/apis/apps/v1", "replicasets") + "?labelSelector=app%3Dweb";
        let mut sets = self.list(&path).await;
        sets.sort_by_key(|set| annotation(set, REVISION).parse::<u32>().unwrap_or(0));
        sets
    }

    /// Its pods that are not on their way out.
    pub(crate) async fn pods(&self) -> Vec<Value> {
        let path = self.path("/api/v1", "pods") + "?labelSelector=app%3Dweb";
        let mut pods = self.list(&path).await;
        pods.retain(|pod| pod.pointer("/metadata/deletionTimestamp").is_none());
        pods
    }

    /// Waits until the controller has worked on the newest specification and all replicas are of it and ready.
    pub(crate) async fn rolled_out(&self) -> Value {
        self.until("the rollout is complete", ROLLOUT, async || {
            let web = self.deployment().await;
            let number = |pointer: &str| web.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
            let wanted = number("/spec/replicas");
            let complete = number("/status/observedGeneration") == number("/metadata/generation")
                && ["replicas", "updatedReplicas", "availableReplicas"]
                    .iter()
                    .all(|count| number(&format!("/status/{count}")) == wanted)
                && condition(&web, "Progressing")
                    .is_some_and(|(_, reason)| reason == "NewReplicaSetAvailable");
            complete.then_some(web)
        })
        .await
    }

    /// Waits until the controller has seen the Deployment and nobody writes to it any more.
    pub(crate) async fn at_rest(&self) -> Value {
        self.until("the Deployment is at rest", ROLLOUT, async || {
            let before = self.deployment().await;
            self.pass(std::time::Duration::from_secs(2)).await;
            let after = self.deployment().await;
            let seen = after["status"]["observedGeneration"] == after["metadata"]["generation"];
            (seen && version(&before) == version(&after)).then_some(after)
        })
        .await
    }

    /// A Deployment of no pods, at rest.
    pub(crate) async fn idle_deployment(&self) -> Value {
        let mut web = deployment(GOOD);
        web["spec"]["replicas"] = json!(0);
        self.make(&self.deployments(), &web).await;
        self.at_rest().await
    }

    /// Waits for something of the only container of the only pod: that of the newest ReplicaSet where there are two.
    pub(crate) async fn container(
        &self,
        what: &str,
        seconds: u64,
        wanted: impl Fn(&Value) -> bool,
    ) -> (Value, Value) {
        self.until(what, seconds, async || {
            let pods = self.pods().await;
            pods.into_iter().find_map(|pod| {
                let status = pod.pointer("/status/containerStatuses/0")?.clone();
                wanted(&status).then_some((pod, status))
            })
        })
        .await
    }

    /// The events about an object, told by their reasons: type and message.
    pub(crate) async fn events_of(&self, object: &Value, reason: &str) -> Vec<Value> {
        let uid = text(object, "/metadata/uid");
        let path = self.path("/api/v1", "events");
        let path = format!("{path}?fieldSelector=involvedObject.uid%3D{uid}&limit=100");
        let mut events = self.list(&path).await;
        events.retain(|event| event["reason"] == reason);
        events
    }
}
