//! A pod's status, field by field as the kubelet of 1.34 reports it (held against `tests/fixtures/faults`).

use super::super::super::json;
use super::Sandbox;
use super::container::{Container, Ended, Stage};
use crate::domain::time::whole_seconds;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The status of a pod now; what has not changed keeps its transition times.
pub(super) fn of_pod(pod: &Value, sandbox: &Sandbox, now: Timestamp) -> Value {
    let of_all = |containers: &[Container]| -> Vec<Value> {
        let each = containers.iter();
        each.map(|container| of_container(pod, container)).collect()
    };
    let mut status = json!({
        "conditions": conditions(pod, sandbox, now),
        "containerStatuses": of_all(&sandbox.containers),
        "hostIP": sandbox.host_address,
        "hostIPs": [{"ip": sandbox.host_address}],
        "observedGeneration": json::number(pod, "/metadata/generation"),
        "phase": phase(sandbox),
        "qosClass": quality(pod),
        "startTime": whole_seconds(sandbox.began).to_string(),
    });
    if !sandbox.init.is_empty() {
        let init = of_all(&sandbox.init);
        json::set(&mut status, "/initContainerStatuses", init);
    }
    if sandbox.made.is_some() {
        json::set(&mut status, "/podIP", sandbox.address.as_str());
        json::set(&mut status, "/podIPs", json!([{"ip": sandbox.address}]));
    }
    status
}

fn phase(sandbox: &Sandbox) -> &'static str {
    if !sandbox.is_initialized() || sandbox.containers.iter().any(never_ran) {
        "Pending"
    } else {
        "Running"
    }
}

/// A container that waits without a last termination keeps its pod pending (`kubelet_pods.go`, getPhase).
fn never_ran(container: &Container) -> bool {
    matches!(
        container.stage,
        Stage::Waiting { .. } | Stage::Pulling { .. }
    ) && container.ended.is_none()
}

/// `qosClass`.
pub(in super::super) fn quality(pod: &Value) -> &'static str {
    let asks = |container: &Value| {
        ["/resources/requests", "/resources/limits"]
            .iter()
            .any(|field| container.pointer(field).is_some())
    };
    let init = json::list(pod, "/spec/initContainers").iter();
    if json::list(pod, "/spec/containers")
        .iter()
        .chain(init)
        .any(asks)
    {
        "Burstable"
    } else {
        "BestEffort"
    }
}

fn names<'a>(containers: impl Iterator<Item = &'a Container>) -> String {
    let names: Vec<&str> = containers
        .map(|container| container.name.as_str())
        .collect();
    names.join(" ")
}

fn conditions(pod: &Value, sandbox: &Sandbox, now: Timestamp) -> Vec<Value> {
    let unready = names(sandbox.containers.iter().filter(|it| !it.is_ready()));
    let incomplete = names(sandbox.init.iter().filter(|it| !it.is_ready()));
    let ready = unready.is_empty() && incomplete.is_empty();
    let unready = (
        "ContainersNotReady",
        format!("containers with unready status: [{unready}]"),
    );
    let incomplete_words = (
        "ContainersNotInitialized",
        format!("containers with incomplete status: [{incomplete}]"),
    );
    let nothing = ("", String::new());
    let own = [
        (
            "PodReadyToStartContainers",
            sandbox.made.is_some(),
            &nothing,
        ),
        ("Initialized", incomplete.is_empty(), &incomplete_words),
        ("Ready", ready, &unready),
        ("ContainersReady", ready, &unready),
        ("PodScheduled", true, &nothing),
    ];
    let kept = json::list(pod, "/status/conditions").iter().filter(|kept| {
        let kind = json::text(kept, "/type");
        own.iter().all(|(own, ..)| *own != kind)
    });
    own.iter()
        .map(|(kind, holds, (reason, message))| {
            let mut condition = condition(pod, kind, *holds, now);
            if !holds && !reason.is_empty() {
                json::set(&mut condition, "/message", message.as_str());
                json::set(&mut condition, "/reason", *reason);
            }
            condition
        })
        .chain(kept.cloned())
        .collect()
}

/// A condition, with the time of its last change.
pub(in super::super) fn condition(pod: &Value, kind: &str, holds: bool, now: Timestamp) -> Value {
    let status = if holds { "True" } else { "False" };
    let before = json::list(pod, "/status/conditions").iter().find(|before| {
        json::text(before, "/type") == kind && json::text(before, "/status") == status
    });
    let transition = before.map_or_else(
        || whole_seconds(now).to_string(),
        |before| json::text(before, "/lastTransitionTime").to_owned(),
    );
    json!({
        "lastProbeTime": null,
        "lastTransitionTime": transition,
        "observedGeneration": json::number(pod, "/metadata/generation"),
        "status": status,
        "type": kind,
    })
}

fn of_container(pod: &Value, container: &Container) -> Value {
    let list = if container.is_init {
        "/spec/initContainers"
    } else {
        "/spec/containers"
    };
    let spec = json::list(pod, list)
        .iter()
        .find(|spec| json::text(spec, "/name") == container.name)
        .unwrap_or(&Value::Null);
    let (state, last) = states(container);
    let mut status = json!({
        "image": json::text(spec, "/image"),
        "imageID": "",
        "lastState": last,
        "name": container.name,
        "ready": container.is_ready(),
        "restartCount": container.restarts,
        "started": container.is_started(),
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
        if let Some(requests) = resources.get("requests") {
            json::set(&mut status, "/allocatedResources", requests.clone());
        }
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
            let waiting = json!({"waiting": {"reason": container.usually_waits}});
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
    // What never started began at the beginning of all times, as the runtime reports it.
    let started = ended.started.unwrap_or(Timestamp::UNIX_EPOCH);
    let mut terminated = json!({
        "containerID": ended.run_id,
        "exitCode": ended.code,
        "finishedAt": whole_seconds(ended.finished).to_string(),
        "reason": ended.reason,
        "startedAt": whole_seconds(started).to_string(),
    });
    if !ended.message.is_empty() {
        json::set(&mut terminated, "/message", ended.message.as_str());
    }
    json!({"terminated": terminated})
}
