//! `pods/log`, with the kubelet's refusals (Kubernetes `pkg/kubelet/kubelet_pods.go`, `validateContainerLogStatus`).

use super::super::{State, json};
use super::call::{Call, Objects};
use super::failure::Failure;
use super::resources::PODS;

/// The end of one container's log.
pub(super) fn read(state: &State, call: &Call, objects: &Objects) -> Result<String, Failure> {
    let name = objects.name.as_deref().unwrap_or_default();
    let namespace = objects.namespace.as_deref().unwrap_or_default();
    let pod = state.api.store.get(PODS, namespace, name);
    let pod = pod
        .filter(|_| objects.resource == PODS)
        .ok_or_else(|| Failure::not_found(PODS, name))?;
    let container = call.parameter("container");
    let known = ["/spec/containers", "/spec/initContainers"]
        .iter()
        .flat_map(|list| json::list(pod, list))
        .any(|known| json::text(known, "/name") == container);
    if !known {
        return Err(Failure::bad_request(format!(
            "container {container} is not valid for pod {name}"
        )));
    }
    let node = json::text(pod, "/spec/nodeName");
    if !node.is_empty() && !state.nodes.answers(node) {
        let address = state.nodes.address(node);
        let why = format!(
            "Get \"https://{address}:10250/containerLogs/{namespace}/{name}/{container}\": dial tcp {address}:10250: connect: no route to host"
        );
        return Err(Failure::new(500, "InternalError", why));
    }
    let previous = call.parameter("previous") == "true";
    let uid = json::text(pod, "/metadata/uid");
    let lines = state.kubelet.log(uid, container, previous).ok_or_else(|| {
        Failure::bad_request(if previous {
            format!("previous terminated container \"{container}\" in pod \"{name}\" not found")
        } else {
            let why = state.kubelet.why_no_log(uid, container);
            format!("container \"{container}\" in pod \"{name}\" is waiting to start: {why}")
        })
    })?;
    let most = call.parameter("tailLines").parse().unwrap_or(usize::MAX);
    let skipped = lines.len().saturating_sub(most);
    let text: String = lines
        .iter()
        .skip(skipped)
        .flat_map(|line| [line.as_str(), "\n"])
        .collect();
    let bytes = call.parameter("limitBytes").parse().unwrap_or(usize::MAX);
    Ok(crate::domain::text::truncate(&text, bytes))
}
