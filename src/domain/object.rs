//! Raw API objects, as far as their metadata and counts go. What is missing is said, never guessed.

use super::identity::Uid;
use super::text::safe;
use super::workload::{ReplicaCounts, ReplicaFailure, Workload, WorkloadKind, WorkloadRef};
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
    let counts = match reference.kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet => ReplicaCounts {
            total: count("replicas"),
            updated: count("updatedReplicas"),
            ready: count("readyReplicas"),
            available: count("availableReplicas"),
            desired: None,
        },
        WorkloadKind::DaemonSet => ReplicaCounts {
            total: count("currentNumberScheduled"),
            updated: count("updatedNumberScheduled"),
            ready: count("numberReady"),
            available: count("numberAvailable"),
            desired: Some(count("desiredNumberScheduled")),
        },
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
        owner_references: object
            .pointer("/metadata/ownerReferences")
            .cloned()
            .unwrap_or_default(),
        spec: object.get("spec").cloned().ok_or(missing("spec"))?,
        counts,
        replica_failure: replica_failure(object),
    })
}

/// An API server's refusal names the quota and what was asked, used and allowed: 300 bytes are usual.
const MESSAGE_BYTES: usize = 1024;

fn replica_failure(object: &Value) -> Option<ReplicaFailure> {
    let condition = object
        .pointer("/status/conditions")?
        .as_array()?
        .iter()
        .find(|condition| text(condition, "/type") == Some("ReplicaFailure"))?;
    (text(condition, "/status") == Some("True")).then(|| ReplicaFailure {
        message: safe(
            text(condition, "/message").unwrap_or_default(),
            MESSAGE_BYTES,
        ),
        since: text(condition, "/lastTransitionTime").and_then(|since| since.parse().ok()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workload::WorkloadKind;
    use serde_json::json;

    fn failure(conditions: &Value) -> Option<ReplicaFailure> {
        let reference = WorkloadRef {
            kind: WorkloadKind::Deployment,
            namespace: "n".into(),
            name: "web".into(),
        };
        let object = json!({"metadata": {"uid": "u", "resourceVersion": "1", "generation": 1},
            "spec": {}, "status": {"conditions": conditions}});
        workload(&reference, &object).unwrap().replica_failure
    }

    #[test]
    fn a_replica_failure_that_is_over_or_was_never_is_none() {
        for conditions in [
            json!(null),
            json!([]),
            json!([{"type": "Available", "status": "True"}]),
            json!([{"type": "ReplicaFailure", "status": "False", "message": "exceeded quota"}]),
            json!([{"type": "ReplicaFailure", "status": "Unknown"}]),
        ] {
            assert_eq!(failure(&conditions), None, "{conditions}");
        }
    }

    #[test]
    fn a_replica_failure_is_told_with_its_words_and_its_time() {
        let failure = failure(&json!([{"type": "ReplicaFailure", "status": "True",
            "reason": "FailedCreate", "lastTransitionTime": "2026-11-23T04:10:29Z",
            "message": "pods \"web-1-x\" is forbidden: exceeded quota: q"}]))
        .unwrap();
        assert_eq!(
            failure.message,
            "pods \"web-1-x\" is forbidden: exceeded quota: q"
        );
        assert_eq!(failure.since, Some("2026-11-23T04:10:29Z".parse().unwrap()));
    }
}
