//! Whether the newest revision changed what fails: only then can going back help.

use crate::domain::diagnosis::Cause;
use crate::domain::workload::Revision;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where a template keeps its containers.
const CONTAINER_LISTS: [&str; 2] = ["initContainers", "containers"];

/// Fields of a pod that bear on where and when it runs, not on whether its containers can start.
const NO_BEARING: [&str; 6] = [
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "schedulerName",
    "terminationGracePeriodSeconds",
    "topologySpreadConstraints",
];

/// One container of a revision's template, init containers too.
pub(super) fn container<'a>(revision: &'a Revision, name: &str) -> Option<&'a Value> {
    CONTAINER_LISTS
        .into_iter()
        .filter_map(|list| revision.template.get("spec")?.get(list)?.as_array())
        .flatten()
        .find(|container| container.get("name").and_then(Value::as_str) == Some(name))
}

/// The image that a revision's template names for a container.
pub(super) fn image<'a>(revision: &'a Revision, name: &str) -> Option<&'a str> {
    container(revision, name)?.get("image")?.as_str()
}

/// Whether two revisions differ in what a cause blames: the image alone for an image that can't be had; else the container, or what
/// bears on all containers of the pod. Other containers don't count, nor do labels and annotations: `kubectl rollout restart` writes one.
pub(super) fn matters(cause: Cause, name: &str, newest: &Revision, older: &Revision) -> bool {
    match cause {
        Cause::ImageNotFound | Cause::InvalidImageName => image(newest, name) != image(older, name),
        _ => {
            container(newest, name) != container(older, name)
                || pod_fields(newest) != pod_fields(older)
        }
    }
}

fn pod_fields(revision: &Revision) -> BTreeMap<&str, &Value> {
    revision
        .template
        .get("spec")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value))
        .filter(|(key, _)| !CONTAINER_LISTS.contains(key) && !NO_BEARING.contains(key))
        .collect()
}
