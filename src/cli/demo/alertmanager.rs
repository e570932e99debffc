//! The lab's alert rules, and Alertmanager's delivery of what they find. Neither is modelled: each alert is posted once, when its rule would
//! have fired, in the shape that Alertmanager gives it.

use super::DemoError;
use super::lab::NAMESPACE;
use crate::intake::routes::Routes;
use crate::sim::World;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use tower::Service as _;

/// The rules' own wait (`for:` in the rig's `rules.yml`).
const RULE_WAITS: Duration = Duration::from_secs(15);
/// Alertmanager's (`group_wait`).
const GROUP_WAIT: Duration = Duration::from_secs(1);
/// The lab's troubles show within seconds.
const MOST_SECONDS: usize = 300;

/// An alert rule of the lab. What it looks at stays true for at least a minute, so that its own wait is only waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// `Lab30PodWaiting`: a container waits for another reason than being created.
    PodWaiting,
    /// `Lab30PodRestarts`: a container was restarted.
    PodRestarts,
}

/// An alert on its way.
#[derive(Clone, Debug)]
pub(super) struct Alert {
    /// Its labels.
    pub(super) labels: Map<String, Value>,
    /// Since when it fires.
    pub(super) starts_at: Timestamp,
}

/// An alert that was posted.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    /// The alert.
    pub(super) alert: Alert,
    /// When.
    pub(super) at: Timestamp,
    /// The whole body.
    pub(super) payload: Value,
    /// The answer's status code.
    pub(super) status: u16,
    /// The answer's body.
    pub(super) answer: Value,
}

impl Rule {
    fn name(self) -> &'static str {
        match self {
            Self::PodWaiting => "Lab30PodWaiting",
            Self::PodRestarts => "Lab30PodRestarts",
        }
    }

    /// Lets time pass until the rule fires about a Deployment's pod.
    pub(super) async fn fires(self, world: &World, deployment: &str) -> Result<Alert, DemoError> {
        for _ in 0..MOST_SECONDS {
            if let Some(labels) = self.finds(world, deployment) {
                world.advance(RULE_WAITS).await;
                let starts_at = world.clock().now();
                world.advance(GROUP_WAIT).await;
                return Ok(Alert { labels, starts_at });
            }
            world.advance(Duration::from_secs(1)).await;
        }
        Err(DemoError::NoAlert(self.name()))
    }

    /// The labels of the first container that it finds.
    fn finds(self, world: &World, deployment: &str) -> Option<Map<String, Value>> {
        let pods = world.objects("Pod", NAMESPACE);
        let of_it = pods
            .iter()
            .filter(|pod| text(pod, "/metadata/labels/app") == deployment);
        of_it.into_iter().find_map(|pod| {
            let statuses = pod.pointer("/status/containerStatuses")?.as_array()?;
            let container = statuses.iter().find(|status| self.is_about(status))?;
            Some(self.labels(pod, container))
        })
    }

    fn is_about(self, container: &Value) -> bool {
        match self {
            Self::PodWaiting => {
                let reason = text(container, "/state/waiting/reason");
                !["", "ContainerCreating", "PodInitializing"].contains(&reason)
            }
            Self::PodRestarts => {
                let restarts = container.pointer("/restartCount").and_then(Value::as_i64);
                restarts.unwrap_or_default() > 0
            }
        }
    }

    fn labels(self, pod: &Value, container: &Value) -> Map<String, Value> {
        let mut labels = json!({
            "alertname": self.name(), "namespace": NAMESPACE, "pod": text(pod, "/metadata/name"),
            "container": text(container, "/name"), "service": "lab30", "severity": "warning",
        });
        if self == Self::PodRestarts
            && let Some(labels) = labels.as_object_mut()
        {
            // The expression keeps the labels of its series.
            let uid = text(pod, "/metadata/uid");
            let series = [
                ("instance", "127.0.0.1:8081"),
                ("job", "kube-state-metrics"),
                ("uid", uid),
            ];
            labels.extend(series.map(|(key, value)| (key.to_owned(), value.into())));
        }
        labels.as_object().cloned().unwrap_or_default()
    }
}

impl Alert {
    /// One of its labels.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Alertmanager's fingerprint is a hash of the labels; which one does not matter.
    pub(super) fn fingerprint(&self) -> String {
        let text = Value::Object(self.labels.clone()).to_string();
        let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
        hash.chars().take(16).collect()
    }

    /// What Alertmanager posts, version 4 of its webhook's format.
    fn payload(&self) -> Value {
        let name = self.label("alertname");
        let group = json!({"alertname": name, "namespace": NAMESPACE});
        json!({
            "version": "4", "status": "firing", "receiver": "responder", "truncatedAlerts": 0,
            "groupKey": format!("{{}}:{{alertname=\"{name}\", namespace=\"{NAMESPACE}\"}}"),
            "groupLabels": group, "commonLabels": self.labels, "commonAnnotations": {},
            "externalURL": "http://127.0.0.1:9093",
            "alerts": [{
                "status": "firing", "labels": self.labels, "annotations": {},
                "startsAt": self.starts_at, "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "", "fingerprint": self.fingerprint(),
            }],
        })
    }

    /// Posts it to the daemon's own route, called as a service: sockets don't live in paused time.
    pub(super) async fn post(self, routes: &Routes, world: &World) -> Result<Delivered, DemoError> {
        let payload = self.payload();
        let body = payload.to_string();
        let request = http::Request::post("/api/v1/alerts")
            .header("content-type", "application/json")
            .header("content-length", body.len())
            .body(Full::new(Bytes::from(body)))
            .map_err(DemoError::Request)?;
        let at = world.clock().now();
        let answer = warp::service(routes.clone()).call(request).await;
        // warp's routes answer every request; the type says that there is no other case.
        let Ok(answer) = answer;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await;
        let body = body.map_err(DemoError::Answer)?.to_bytes();
        Ok(Delivered {
            alert: self,
            at,
            payload,
            status,
            answer: serde_json::from_slice(&body).unwrap_or_default(),
        })
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let text = object.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}
