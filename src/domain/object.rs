//! Raw API objects, as far as their metadata and counts go. What is missing is said, never guessed.

use super::identity::Uid;
use super::workload::{ReplicaCounts, Workload, WorkloadRef};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an object lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API server's {kind} has no usable {field}")]
pub struct Incomplete {
    /// Which object.
    pub kind: &'static str,
    /// Which field.
    pub field: &'static str,
}

/// A workload from its raw object.
///
/// # Errors
/// When the object lacks what every stored object has.
pub fn workload(reference: &WorkloadRef, object: &Value) -> Result<Workload, Incomplete> {
    let missing = |field| Incomplete {
        kind: "workload",
        field,
    };
    let count = |field: &str| {
        object
            .pointer(&format!("/status/{field}"))
            .and_then(Value::as_i64)
            .unwrap_or(0)
    };
    Ok(Workload {
        reference: reference.clone(),
        uid: Uid::new(text(object, "/metadata/uid").ok_or(missing("uid"))?),
        resource_version: text(object, "/metadata/resourceVersion")
            .ok_or(missing("resourceVersion"))?
            .to_owned(),
        generation: object
            .pointer("/metadata/generation")
            .and_then(Value::as_i64)
            .ok_or(missing("generation"))?,
        observed_generation: count("observedGeneration"),
        labels: strings(object, "/metadata/labels").unwrap_or_default(),
        annotations: strings(object, "/metadata/annotations"),
        spec: object.get("spec").cloned().ok_or(missing("spec"))?,
        counts: ReplicaCounts {
            total: count("replicas"),
            updated: count("updatedReplicas"),
            ready: count("readyReplicas"),
            available: count("availableReplicas"),
        },
    })
}

/// The uid of an object's controlling owner.
pub fn controller_uid(object: &Value) -> Option<&str> {
    controller(object)?.get("uid").and_then(Value::as_str)
}

/// An object's controlling owner.
pub fn controller(object: &Value) -> Option<&Value> {
    object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)?
        .iter()
        .find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))
}

/// A text that is there and not empty.
pub fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn strings(object: &Value, pointer: &str) -> Option<BTreeMap<String, String>> {
    let map = object.pointer(pointer)?.as_object()?;
    Some(
        map.iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
    )
}
