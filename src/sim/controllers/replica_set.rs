//! The ReplicaSet controller (Kubernetes `pkg/controller/replicaset/replica_set.go`): as many pods as are asked for, and their counts.

use super::super::api::admit_pod;
use super::super::api::resources::{PODS, REPLICA_SETS};
use super::super::api::store::Store;
use super::super::json;
use super::recorder::{Recorder, Reporter, Told};
use super::{quota, scheduler};
use crate::domain::time::{since, whole_seconds};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

const REPORTER: Reporter<'_> = Reporter {
    component: "replicaset-controller",
    host: "",
};

/// Works on every ReplicaSet once.
pub(super) fn sync_all(store: &mut Store, recorder: &mut Recorder) {
    for replica_set in store.pick(REPLICA_SETS, |_| true) {
        let refusal = scale(store, recorder, &replica_set);
        count(store, replica_set, refusal);
    }
}

/// When a ready pod will have been ready for long enough.
pub(super) fn next_due(store: &Store) -> Option<Timestamp> {
    let patient = store
        .list(REPLICA_SETS, None)
        .filter(|set| json::number(set, "/spec/minReadySeconds") > 0);
    patient
        .flat_map(|set| {
            let needed = SignedDuration::from_secs(json::number(set, "/spec/minReadySeconds"));
            let pods = pods_of(store, set).into_iter();
            pods.filter_map(move |pod| {
                json::condition_since(&pod, "Ready")?
                    .checked_add(needed)
                    .ok()
            })
        })
        .filter(|due| *due > store.now())
        .min()
}

/// Those that are neither going nor over.
fn pods_of(store: &Store, replica_set: &Value) -> Vec<Arc<Value>> {
    let namespace = json::text(replica_set, "/metadata/namespace");
    let uid = json::text(replica_set, "/metadata/uid");
    let mut pods = store.controlled_by(PODS, namespace, uid);
    pods.retain(|pod| {
        pod.pointer("/metadata/deletionTimestamp").is_none()
            && json::text(pod, "/status/phase") != "Failed"
    });
    pods
}

/// Makes and takes away pods; why it can't make one, where it can't.
fn scale(store: &mut Store, recorder: &mut Recorder, replica_set: &Value) -> Option<String> {
    let mut pods = pods_of(store, replica_set);
    let wanted = usize::try_from(json::number(replica_set, "/spec/replicas")).unwrap_or(0);
    let mut refusal = None;
    for _ in pods.len()..wanted {
        refusal = create(store, recorder, replica_set).err();
        if refusal.is_some() {
            break;
        }
    }
    let too_many = pods.len().saturating_sub(wanted);
    // Who goes first (`controller_utils.go`, ActivePodsWithRanks): pending before running, not ready before ready, more restarts, newer.
    pods.sort_by_key(|pod| {
        (
            json::text(pod, "/status/phase") == "Running",
            json::condition_since(pod, "Ready").is_some(),
            -restarts(pod),
            std::cmp::Reverse(json::time(pod, "/metadata/creationTimestamp")),
        )
    });
    for pod in pods.into_iter().take(too_many) {
        delete(store, recorder, replica_set, &pod);
    }
    refusal
}

fn restarts(pod: &Value) -> i64 {
    let statuses = json::list(pod, "/status/containerStatuses");
    statuses
        .iter()
        .map(|status| json::number(status, "/restartCount"))
        .sum()
}

fn create(store: &mut Store, recorder: &mut Recorder, replica_set: &Value) -> Result<(), String> {
    let owner = json::text(replica_set, "/metadata/name");
    let suffix = store.fresh_suffix();
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{owner}-{suffix}"),
            "generateName": format!("{owner}-"),
            "namespace": json::text(replica_set, "/metadata/namespace"),
            "labels": replica_set.pointer("/spec/template/metadata/labels"),
            "ownerReferences": [{
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": owner,
                "uid": json::text(replica_set, "/metadata/uid"),
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "spec": replica_set.pointer("/spec/template/spec"),
        "status": {"phase": "Pending"},
    });
    if let Some(annotations) = replica_set.pointer("/spec/template/metadata/annotations") {
        json::set(&mut pod, "/metadata/annotations", annotations.clone());
    }
    let volume = store.fresh_suffix();
    admit_pod(&mut pod, &volume);
    if let Some(refusal) = quota::refusal(store, &pod) {
        if failure(replica_set).is_none() {
            let told = Told::whole(
                "Warning",
                "FailedCreate",
                format!("Error creating: {refusal}"),
            );
            recorder.tell(store, replica_set, &REPORTER, &told);
        }
        return Err(refusal);
    }
    scheduler::place(store, &mut pod);
    let Ok(pod) = store.create(PODS, pod) else {
        return Ok(());
    };
    if !json::text(&pod, "/spec/nodeName").is_empty() {
        scheduler::tell_placed(store, recorder, &pod);
    }
    tell(
        store,
        recorder,
        replica_set,
        "SuccessfulCreate",
        "Created",
        &pod,
    );
    Ok(())
}

/// Its condition `ReplicaFailure`.
fn failure(replica_set: &Value) -> Option<&Value> {
    json::list(replica_set, "/status/conditions").first()
}

/// A pod that its kubelet is asked to end.
pub(super) fn going(pod: &Value, now: Timestamp) -> Value {
    let mut pod = pod.clone();
    let grace = json::number(&pod, "/spec/terminationGracePeriodSeconds");
    let then = now.checked_add(SignedDuration::from_secs(grace));
    let then = whole_seconds(then.unwrap_or(now)).to_string();
    json::set(&mut pod, "/metadata/deletionTimestamp", then);
    json::set(&mut pod, "/metadata/deletionGracePeriodSeconds", grace);
    pod
}

fn delete(store: &mut Store, recorder: &mut Recorder, replica_set: &Value, pod: &Value) {
    let pod = going(pod, store.now());
    let pod = store.put(PODS, pod);
    tell(
        store,
        recorder,
        replica_set,
        "SuccessfulDelete",
        "Deleted",
        &pod,
    );
}

fn tell(
    store: &mut Store,
    recorder: &mut Recorder,
    replica_set: &Value,
    reason: &'static str,
    what: &str,
    pod: &Value,
) {
    let message = format!("{what} pod: {}", json::text(pod, "/metadata/name"));
    let told = Told::whole("Normal", reason, message);
    recorder.tell(store, replica_set, &REPORTER, &told);
}

fn count(store: &mut Store, mut replica_set: Arc<Value>, refusal: Option<String>) {
    let pods = pods_of(store, &replica_set);
    let now = store.now();
    let needed = SignedDuration::from_secs(json::number(&replica_set, "/spec/minReadySeconds"));
    let ready: Vec<_> = pods
        .iter()
        .filter_map(|pod| json::condition_since(pod, "Ready"))
        .collect();
    let available = ready
        .iter()
        .filter(|ready| since(**ready, now) >= needed)
        .count();
    let mut status = json!({
        "replicas": pods.len(),
        "observedGeneration": json::number(&replica_set, "/metadata/generation"),
    });
    // These three are left out where they are 0.
    for (field, count) in [
        ("/fullyLabeledReplicas", pods.len()),
        ("/readyReplicas", ready.len()),
        ("/availableReplicas", available),
    ] {
        if count > 0 {
            json::set(&mut status, field, count);
        }
    }
    if let Some(message) = refusal {
        // One that is there stays as it is (`replica_set_utils.go`, SetCondition): the words name the first pod that was refused.
        let fresh = json!({
            "type": "ReplicaFailure",
            "status": "True",
            "reason": "FailedCreate",
            "message": message,
            "lastTransitionTime": store.stamp(),
        });
        let condition = failure(&replica_set).cloned().unwrap_or(fresh);
        json::set(&mut status, "/conditions", json!([condition]));
    }
    if replica_set.get("status") != Some(&status) {
        json::set(Arc::make_mut(&mut replica_set), "/status", status);
    }
    store.put(REPLICA_SETS, replica_set);
}
