//! Parts of a raw pod template, and whether one template changes what fails in another.

use super::diagnosis::{Cause, Entry};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where a template keeps its containers, init containers first.
pub const CONTAINER_LISTS: [&str; 2] = ["initContainers", "containers"];

/// Pod-level fields that decide where, when and how long a pod runs, or how its images come, not whether its containers can run:
/// going back for one of them alone would help nobody. Volumes are looked at one by one.
const NO_BEARING: [&str; 8] = [
    "imagePullSecrets",
    "volumes",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "schedulerName",
    "terminationGracePeriodSeconds",
    "topologySpreadConstraints",
];

/// Fields of a container that have no bearing on what it does once its image is there.
const NO_BEARING_AT_RUN: [&str; 3] = [
    "imagePullPolicy",
    "terminationMessagePath",
    "terminationMessagePolicy",
];

/// What the kubelet asks a container; a program that ends by itself does not end for them.
const PROBES: [&str; 4] = ["livenessProbe", "ports", "readinessProbe", "startupProbe"];

/// What the scheduler looks at (Kubernetes `pkg/scheduler/framework/plugins`), the containers' requests and ports beside.
const PLACEMENT: [&str; 12] = [
    "affinity",
    "hostNetwork",
    "nodeName",
    "nodeSelector",
    "overhead",
    "resourceClaims",
    "resources",
    "runtimeClassName",
    "schedulerName",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
];

/// Who asks the registry.
const CREDENTIALS: [&str; 2] = ["imagePullSecrets", "serviceAccountName"];

/// One container of a template by its name, init containers too.
pub fn container<'a>(template: &'a Value, name: &str) -> Option<&'a Value> {
    containers(template)
        .find(|container| container.get("name").and_then(Value::as_str) == Some(name))
}

/// The image that a template names for one container.
pub fn image<'a>(template: &'a Value, name: &str) -> Option<&'a str> {
    container(template, name)?.get("image")?.as_str()
}

/// Whether going from one template to the other changes what an entry blames. Labels and annotations of the template never count
/// (`kubectl rollout restart` writes one), nor do the other containers where only one is blamed.
pub fn changes_what_fails(entry: &Entry, from: &Value, to: &Value) -> bool {
    changes(entry.cause, &entry.container, from, to)
}

/// The same for one cause and one container. Exhaustive: a new cause must say what of a template bears on it.
pub fn changes(cause: Cause, name: &str, from: &Value, to: &Value) -> bool {
    let differ = |part: fn(&Value, &str) -> Value| part(from, name) != part(to, name);
    match cause {
        Cause::ImageNotFound | Cause::InvalidImageName | Cause::WrongPlatform => {
            image(from, name) != image(to, name)
        }
        // A registry refuses or counts by account.
        Cause::ImageAccessDenied | Cause::RegistryRateLimited => {
            image(from, name) != image(to, name)
                || differ(|template, _| pod_fields(template, &CREDENTIALS))
        }
        Cause::RegistryUnreachable | Cause::RegistryOutage | Cause::NeverPull => {
            image(from, name) != image(to, name)
                || differ(|template, name| container_fields(template, name, &["imagePullPolicy"]))
        }
        // Only a probe's own cause is cured by another probe.
        Cause::ProbeKilled => {
            differ(|template, name| without(container(template, name), &NO_BEARING_AT_RUN))
                || surroundings(from, to, name)
        }
        Cause::CrashOnStart
        | Cause::StartError
        | Cause::OutOfMemory
        | Cause::ExitedZero
        | Cause::InitFailed => {
            differ(|template, name| {
                let program = without(container(template, name), &NO_BEARING_AT_RUN);
                without(Some(&program), &PROBES)
            }) || surroundings(from, to, name)
        }
        Cause::ConfigMissing => {
            differ(|template, name| container_fields(template, name, &["env", "envFrom"]))
        }
        // Containers are created only when every volume of the pod is there, whoever mounts it.
        Cause::MountMissing => differ(|template, _| pod_fields(template, &["volumes"])),
        Cause::Unschedulable | Cause::NodeTrouble => {
            differ(|template, _| pod_fields(template, &PLACEMENT))
                || differ(|template, _| of_all_containers(template, &["resources", "ports"]))
        }
        Cause::Quota => {
            differ(|template, _| pod_fields(template, &["resources", "priorityClassName"]))
                || differ(|template, _| of_all_containers(template, &["resources"]))
        }
        Cause::OlderRevisionFailsToo
        | Cause::WasHealthy
        | Cause::NoRecentRollout
        | Cause::ConfigChanged
        | Cause::Unknown => {
            container(from, name) != container(to, name) || surroundings(from, to, name)
        }
    }
}

/// The account that pulls: the pod's own secrets, or its service account's (Kubernetes `plugin/pkg/admission/serviceaccount`).
pub fn same_credentials(from: &Value, to: &Value) -> bool {
    pod_fields(from, &CREDENTIALS) == pod_fields(to, &CREDENTIALS)
}

/// Some fields of the pod, where they are set.
pub fn pod_fields(template: &Value, keys: &[&str]) -> Value {
    only(template.get("spec"), keys)
}

/// Some fields of one container, where they are set.
pub fn container_fields(template: &Value, name: &str, keys: &[&str]) -> Value {
    only(container(template, name), keys)
}

/// All containers of a template, init containers first.
pub fn containers(template: &Value) -> impl Iterator<Item = &Value> {
    CONTAINER_LISTS
        .into_iter()
        .filter_map(|list| template.get("spec")?.get(list)?.as_array())
        .flatten()
}

/// Some fields of every container. What is not set and what is empty (`resources: {}`) is the same.
fn of_all_containers(template: &Value, keys: &[&str]) -> Value {
    containers(template)
        .map(|container| only(Some(container), keys))
        .filter(|fields| fields.as_object().is_some_and(|fields| !fields.is_empty()))
        .collect()
}

fn only(object: Option<&Value>, keys: &[&str]) -> Value {
    filtered(object, |key| keys.contains(&key))
}

fn without(object: Option<&Value>, keys: &[&str]) -> Value {
    filtered(object, |key| !keys.contains(&key))
}

fn filtered(object: Option<&Value>, keep: impl Fn(&str) -> bool) -> Value {
    let is_set = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    };
    object
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(key, value)| keep(key) && is_set(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Whether what lies around a container differs: the pod's own fields, and of its volumes those that the container mounts.
fn surroundings(from: &Value, to: &Value, name: &str) -> bool {
    pod_level(from) != pod_level(to) || mounted(from, name) != mounted(to, name)
}

fn pod_level(template: &Value) -> BTreeMap<&str, &Value> {
    template
        .get("spec")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value))
        .filter(|(key, _)| !CONTAINER_LISTS.contains(key) && !NO_BEARING.contains(key))
        .collect()
}

/// The volumes that a container mounts.
fn mounted<'a>(template: &'a Value, name: &str) -> Vec<&'a Value> {
    let list = |value: Option<&'a Value>, key: &str| {
        let items = value.and_then(|value| value.get(key)?.as_array());
        items.into_iter().flatten()
    };
    let mounts: BTreeSet<&str> = ["volumeMounts", "volumeDevices"]
        .into_iter()
        .flat_map(|key| list(container(template, name), key))
        .filter_map(|mount| mount.get("name")?.as_str())
        .collect();
    list(template.get("spec"), "volumes")
        .filter(|volume| {
            let name = volume.get("name").and_then(Value::as_str);
            name.is_some_and(|name| mounts.contains(name))
        })
        .collect()
}

#[cfg(test)]
mod tests;
