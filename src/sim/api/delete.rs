//! What a deletion asks for, and what goes with a deleted object.

use super::super::json;
use super::call::Call;
use super::failure::Failure;
use super::resources::{PODS, REPLICA_SETS, Resource};
use super::store::Store;
use crate::domain::time::whole_seconds;
use jiff::SignedDuration;
use serde_json::Value;
use std::sync::Arc;

/// Whether it is the object that is meant (`DeleteOptions.preconditions`).
pub(super) fn preconditions(
    resource: &Resource,
    object: &Value,
    options: &Value,
) -> Result<(), Failure> {
    for (field, called, loss) in [
        (
            "uid",
            "UID",
            "The object might have been deleted and then recreated",
        ),
        (
            "resourceVersion",
            "ResourceVersion",
            "The object might have been modified",
        ),
    ] {
        let wanted = json::text(options, &format!("/preconditions/{field}"));
        let found = json::text(object, &format!("/metadata/{field}"));
        if !wanted.is_empty() && wanted != found {
            let name = json::text(object, "/metadata/name");
            let why = format!(
                "the {called} in the precondition ({wanted}) does not match the {called} in record ({found}). {loss}"
            );
            return Err(Failure::conflict_because(resource, name, &why));
        }
    }
    Ok(())
}

/// How long a pod may take to end: as asked for, or as its specification says.
pub(super) fn grace_seconds(call: &Call, object: &Value) -> i64 {
    let asked = call
        .body
        .get("gracePeriodSeconds")
        .and_then(Value::as_i64)
        .or_else(|| call.parameter("gracePeriodSeconds").parse().ok());
    asked.unwrap_or_else(|| json::number(object, "/spec/terminationGracePeriodSeconds"))
}

/// Asks the kubelet to end a pod.
pub(super) fn mark(store: &Store, pod: &mut Value, grace: i64) {
    let now = store.now();
    let then = now
        .checked_add(SignedDuration::from_secs(grace))
        .unwrap_or(now);
    json::set(
        pod,
        "/metadata/deletionTimestamp",
        whole_seconds(then).to_string(),
    );
    json::set(pod, "/metadata/deletionGracePeriodSeconds", grace);
}

/// Takes an object away, and what it controls with it: the garbage collector's work in the background, done at once.
pub(super) fn with_dependents(store: &mut Store, resource: &'static Resource, object: &Value) {
    let namespace = json::text(object, "/metadata/namespace");
    let uid = json::text(object, "/metadata/uid");
    for set in store.controlled_by(REPLICA_SETS, namespace, uid) {
        with_dependents(store, REPLICA_SETS, &set);
    }
    for mut pod in store.controlled_by(PODS, namespace, uid) {
        if pod.pointer("/metadata/deletionTimestamp").is_none() {
            let grace = json::number(&pod, "/spec/terminationGracePeriodSeconds");
            mark(store, Arc::make_mut(&mut pod), grace);
            store.put(PODS, pod);
        }
    }
    store.delete(resource, namespace, json::text(object, "/metadata/name"));
}
