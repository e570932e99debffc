//! A pod's status, field by field as the kubelet of 1.34 reports it (held against `tests/fixtures/faults`).

use super::super::super::json;
use super::container::{Container, Ended, Stage};
use super::{HOST_ADDRESS, Sandbox};
use crate::domain::time::whole_seconds;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The status of a pod now; what has not changed keeps its transition times.
pub(super) fn of_pod(pod: &Value, sandbox: &Sandbox, now: Timestamp) -> Value {
    let containers = &sandbox.containers;
    let unready: Vec<&str> = containers
        .iter()
        .filter(|container| !container.is_ready(now))
        .map(|container| container.name.as_str())
        .collect();
    let made = sandbox.is_made(now);
    let mut status = json!({
        "conditions": conditions(pod, made, &unready, now),
        "containerStatuses": containers.iter().map(|container| of_container(pod, container, now)).collect::<Vec<_>>(),
        "hostIP": HOST_ADDRESS,
        "hostIPs": [{"ip": HOST_ADDRESS}],
        "observedGeneration": json::number(pod, "/metadata/generation"),
        "phase": if containers.iter().any(never_ran) { "Pending" } else { "Running" },
        "qosClass": quality(pod),
        "startTime": whole_seconds(sandbox.began).to_string(),
    });
    if made {
        json::set(&mut status, "/podIP", sandbox.address.as_str());
        json::set(&mut status, "/podIPs", json!([{"ip": sandbox.address}]));
    }
    status
}

/// A container that waits without a last termination keeps its pod pending (`kubelet_pods.go`, getPhase).
fn never_ran(container: &Container) -> bool {
    matches!(
        container.stage,
        Stage::Waiting { .. } | Stage::Pulling { .. }
    ) && container.ended.is_none()
}

fn quality(pod: &Value) -> &'static str {
    let asks = |container: &Value| {
        ["/resources/requests", "/resources/limits"]
            .iter()
            .any(|field| container.pointer(field).is_some())
    };
    if json::list(pod, "/spec/containers").iter().any(asks) {
        "Burstable"
    } else {
        "BestEffort"
    }
}

fn conditions(pod: &Value, made: bool, unready: &[&str], now: Timestamp) -> Vec<Value> {
    let ready = unready.is_empty();
    [
        ("PodReadyToStartContainers", made),
        ("Initialized", true),
        ("Ready", ready),
        ("ContainersReady", ready),
        ("PodScheduled", true),
    ]
    .into_iter()
    .map(|(kind, holds)| {
        let status = if holds { "True" } else { "False" };
        let before = json::list(pod, "/status/conditions").iter().find(|before| {
            json::text(before, "/type") == kind && json::text(before, "/status") == status
        });
        let transition = before.map_or_else(
            || whole_seconds(now).to_string(),
            |before| json::text(before, "/lastTransitionTime").to_owned(),
        );
        let mut condition = json!({
            "lastProbeTime": null,
            "lastTransitionTime": transition,
            "observedGeneration": json::number(pod, "/metadata/generation"),
            "status": status,
            "type": kind,
        });
        if !holds && kind.ends_with("Ready") {
            let message = format!("containers with unready status: [{}]", unready.join(" "));
            json::set(&mut condition, "/message", message);
            json::set(&mut condition, "/reason", "ContainersNotReady");
        }
        condition
    })
    .collect()
}

fn of_container(pod: &Value, container: &Container, now: Timestamp) -> Value {
    let spec = json::list(pod, "/spec/containers")
        .iter()
        .find(|spec| json::text(spec, "/name") == container.name)
        .unwrap_or(&Value::Null);
    let running = matches!(container.stage, Stage::Running { .. });
    let (state, last) = states(container);
    let mut status = json!({
        "image": json::text(spec, "/image"),
        "imageID": "",
        "lastState": last,
        "name": container.name,
        "ready": container.is_ready(now),
        "restartCount": container.restarts,
        "started": running,
        "state": state,
    });
    let mounts: Vec<Value> = json::list(spec, "/volumeMounts")
        .iter()
        .map(mount)
        .collect();
    if !mounts.is_empty() {
        json::set(&mut status, "/volumeMounts", mounts);
    }
    // The runtime knows these only of a container that was made.
    if !container.run_id.is_empty() {
        json::set(&mut status, "/containerID", container.run_id.as_str());
        let resources = spec.get("resources").cloned().unwrap_or_else(|| json!({}));
        json::set(&mut status, "/resources", resources);
        if let Some(image) = &container.image {
            json::set(&mut status, "/image", image.whole.as_str());
            json::set(&mut status, "/imageID", image.image_id());
        }
    }
    status
}

fn mount(mount: &Value) -> Value {
    let mut mount = mount.clone();
    if json::flag(&mount, "/readOnly") {
        json::set(&mut mount, "/recursiveReadOnly", "Disabled");
    }
    mount
}

fn states(container: &Container) -> (Value, Value) {
    let past = |ended: &Option<Ended>| ended.as_ref().map_or_else(|| json!({}), terminated);
    match &container.stage {
        Stage::Waiting { reason, message } => {
            let mut waiting = json!({"reason": reason});
            if !message.is_empty() {
                json::set(&mut waiting, "/message", message.as_str());
            }
            (json!({"waiting": waiting}), past(&container.ended))
        }
        Stage::Pulling { .. } => {
            let waiting = json!({"waiting": {"reason": "ContainerCreating"}});
            (waiting, past(&container.ended))
        }
        Stage::Running { since, .. } => {
            let running = json!({"running": {"startedAt": whole_seconds(*since).to_string()}});
            (running, past(&container.ended))
        }
        Stage::Ended => (past(&container.ended), past(&container.before)),
    }
}

fn terminated(ended: &Ended) -> Value {
    json!({"terminated": {
        "containerID": ended.run_id,
        "exitCode": ended.code,
        "finishedAt": whole_seconds(ended.finished).to_string(),
        "reason": if ended.code == 0 { "Completed" } else { "Error" },
        "startedAt": whole_seconds(ended.started).to_string(),
    }})
}
