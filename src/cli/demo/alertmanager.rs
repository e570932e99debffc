//! The lab's alert rules, which the demo looks at by itself, and the simulated Alertmanager that delivers what they find.

use super::DemoError;
use super::lab::NAMESPACE;
use crate::intake::routes::Routes;
use crate::sim::{Alert, Alertmanager, Answer, Delivery, Peers, Route, World};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;
use tower::Service as _;

/// The rules' own wait (`for:` in the rig's `rules.yml`).
const RULE_WAITS: Duration = Duration::from_secs(15);
/// Alertmanager's (`group_wait`).
const GROUP_WAIT: SignedDuration = SignedDuration::from_secs(1);
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

/// An alert that fires.
#[derive(Clone, Debug)]
pub(super) struct Firing {
    /// The alert.
    pub(super) alert: Alert,
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
    pub(super) async fn fires(self, world: &World, deployment: &str) -> Result<Firing, DemoError> {
        for _ in 0..MOST_SECONDS {
            if let Some(alert) = self.finds(world, deployment) {
                world.advance(RULE_WAITS).await;
                let starts_at = world.clock().now();
                return Ok(Firing { alert, starts_at });
            }
            world.advance(Duration::from_secs(1)).await;
        }
        Err(DemoError::NoAlert(self.name()))
    }

    /// The alert about the first container that it finds.
    fn finds(self, world: &World, deployment: &str) -> Option<Alert> {
        let pods = world.objects("Pod", NAMESPACE);
        let of_it = pods
            .iter()
            .filter(|pod| text(pod, "/metadata/labels/app") == deployment);
        of_it.into_iter().find_map(|pod| {
            let statuses = pod.pointer("/status/containerStatuses")?.as_array()?;
            let container = statuses.iter().find(|status| self.is_about(status))?;
            Some(self.alert(pod, container))
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

    fn alert(self, pod: &Value, container: &Value) -> Alert {
        let mut labels = vec![
            ("alertname", self.name()),
            ("namespace", NAMESPACE),
            ("pod", text(pod, "/metadata/name")),
            ("container", text(container, "/name")),
            ("service", "lab30"),
            ("severity", "warning"),
        ];
        if self == Self::PodRestarts {
            // The expression keeps the labels of its series.
            labels.extend([
                ("instance", "127.0.0.1:8081"),
                ("job", "kube-state-metrics"),
                ("uid", text(pod, "/metadata/uid")),
            ]);
        }
        Alert::new(&labels)
    }
}

impl Firing {
    /// Has it delivered: Alertmanager waits for its group, posts, and tries again where it is not taken.
    pub(super) async fn deliver(
        self,
        routes: &Routes,
        world: &World,
    ) -> Result<Delivered, DemoError> {
        let clock = world.clock();
        let route = Route {
            group_wait: GROUP_WAIT,
            ..Route::default()
        };
        let mut alertmanager = Alertmanager::new(route, Peers::One);
        alertmanager.fire(&self.alert, self.starts_at);
        while let Some(due) = alertmanager.next_due() {
            world.advance(clock.until(due)).await;
            for delivery in alertmanager.due(clock.now()) {
                let delivered = self.post(&delivery, routes, world).await?;
                let answer = Answer::Status(delivered.status);
                alertmanager.answered(&delivery, answer, clock.now());
                if (200..300).contains(&delivered.status) {
                    return Ok(delivered);
                }
            }
        }
        Err(DemoError::NotTaken)
    }

    /// Posts to the daemon's own route, called as a service: sockets don't live in paused time.
    async fn post(
        &self,
        delivery: &Delivery,
        routes: &Routes,
        world: &World,
    ) -> Result<Delivered, DemoError> {
        let body = delivery.body.clone();
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
            alert: self.alert.clone(),
            at,
            payload: serde_json::from_str(&delivery.body).unwrap_or_default(),
            status,
            answer: serde_json::from_slice(&body).unwrap_or_default(),
        })
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let text = object.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}
