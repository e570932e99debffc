//! Nodes, and what becomes of their pods when one goes away (Kubernetes `pkg/controller/nodelifecycle`, `pkg/controller/tainteviction`,
//! `pkg/controller/podgc`), without zones, rates and leases.

use super::super::api::resources::{NODES, PODS};
use super::super::api::store::Store;
use super::super::json;
use super::kubelet::condition;
use super::recorder::{Recorder, Reporter, Told};
use super::replica_set::going;
use crate::domain::time::whole_seconds;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The name of the node that every world begins with.
pub(crate) const FIRST: &str = "lab";
/// How long a node may be silent (`--node-monitor-grace-period`).
const GRACE: SignedDuration = SignedDuration::from_secs(50);
/// How long pods of a node that no longer exists stay (`podgc`, quarantine).
const QUARANTINE: SignedDuration = SignedDuration::from_secs(40);
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

const CONTROLLER: Reporter<'_> = Reporter {
    component: "node-controller",
    host: "",
};
const EVICTION: Reporter<'_> = Reporter {
    component: "taint-eviction-controller",
    host: "",
};

/// What is known of the nodes beside their objects.
#[derive(Default)]
pub(crate) struct Nodes {
    addresses: BTreeMap<String, String>,
    /// Those whose kubelet nobody hears from, and since when.
    away: BTreeMap<String, Timestamp>,
    /// Those that were taken away, and when.
    removed: BTreeMap<String, Timestamp>,
}

impl Nodes {
    /// Adds a node with room for a handful of pods.
    pub(crate) fn add(&mut self, store: &mut Store, name: &str) {
        let address = format!("10.250.0.{}", self.addresses.len() + 1);
        if store
            .create(NODES, object(name, &address, store.now()))
            .is_ok()
        {
            self.addresses.insert(name.to_owned(), address);
            self.removed.remove(name);
        }
    }

    /// Takes a node away for good: its machine and its object.
    pub(crate) fn remove(&mut self, store: &mut Store, name: &str) {
        if store.delete(NODES, "", name).is_some() {
            self.away.remove(name);
            self.removed.insert(name.to_owned(), store.now());
        }
    }

    /// Nobody hears from its kubelet from now on, or does again.
    pub(crate) fn lose(&mut self, name: &str, now: Timestamp) {
        if self.addresses.contains_key(name) {
            self.away.entry(name.to_owned()).or_insert(now);
        }
    }

    pub(crate) fn find(&mut self, name: &str) {
        self.away.remove(name);
    }

    /// Whether its kubelet works and is heard.
    pub(crate) fn answers(&self, name: &str) -> bool {
        !self.away.contains_key(name) && !self.removed.contains_key(name)
    }

    pub(crate) fn address(&self, name: &str) -> String {
        self.addresses.get(name).cloned().unwrap_or_default()
    }

    /// When a node has been silent for too long, or its pods have waited long enough.
    pub(crate) fn next_due(&self, store: &Store) -> Option<Timestamp> {
        let silent = self
            .away
            .values()
            .filter_map(|since| since.checked_add(GRACE).ok());
        let forgotten = self.removed.values();
        let forgotten = forgotten.filter_map(|at| at.checked_add(QUARANTINE).ok());
        let evicted = self.away.keys().flat_map(|name| evictions(store, name));
        silent
            .chain(forgotten)
            .chain(evicted)
            .filter(|due| *due > store.now())
            .min()
    }
}

/// Works on every node, and on the pods of those that are not well.
pub(super) fn sync_all(nodes: &Nodes, store: &mut Store, recorder: &mut Recorder) {
    let now = store.now();
    let is_lost = |node: &Value| json::condition_since(node, "Ready").is_none();
    let concerned = store.pick(NODES, |node| {
        is_lost(node) || nodes.away.contains_key(json::text(node, "/metadata/name"))
    });
    for node in concerned {
        let name = json::text(&node, "/metadata/name").to_owned();
        let is_lost = is_lost(&node);
        match nodes.away.get(&name) {
            Some(since) if !is_lost && now.duration_since(*since) >= GRACE => {
                declare_lost(store, recorder, node, *since);
            }
            Some(_) if is_lost => evict_from(store, recorder, &name),
            None if is_lost => declare_found(store, recorder, node),
            _ => {}
        }
    }
    for (name, at) in &nodes.removed {
        if now.duration_since(*at) >= QUARANTINE {
            for pod in pods_on(store, name) {
                let name = json::text(&pod, "/metadata/name");
                store.delete(PODS, json::text(&pod, "/metadata/namespace"), name);
            }
        }
    }
}

fn declare_lost(
    store: &mut Store,
    recorder: &mut Recorder,
    mut node: Arc<Value>,
    since: Timestamp,
) {
    let now = store.stamp();
    let heard = whole_seconds(since).to_string();
    let conditions = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"].map(|kind| {
        json!({
            "type": kind, "status": "Unknown", "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
            "lastHeartbeatTime": heard, "lastTransitionTime": now,
        })
    });
    let changed = Arc::make_mut(&mut node);
    json::set(changed, "/status/conditions", conditions.to_vec());
    let mut taints = json::list(changed, "/spec/taints").to_vec();
    for effect in ["NoSchedule", "NoExecute"] {
        taints.push(json!({"key": UNREACHABLE, "effect": effect, "timeAdded": now}));
    }
    json::set(changed, "/spec/taints", taints);
    let node = store.put(NODES, node);
    tell_of(recorder, store, &node, "NodeNotReady");
    for mut pod in pods_on(store, json::text(&node, "/metadata/name")) {
        if json::condition_since(&pod, "Ready").is_none() {
            continue;
        }
        let not_ready = condition(&pod, "Ready", false, store.now());
        let conditions = Arc::make_mut(&mut pod)
            .pointer_mut("/status/conditions")
            .and_then(Value::as_array_mut);
        for known in conditions.into_iter().flatten() {
            if json::text(known, "/type") == "Ready" {
                *known = not_ready.clone();
            }
        }
        let pod = store.put(PODS, pod);
        let told = Told::whole("Warning", "NodeNotReady", "Node is not ready".to_owned());
        recorder.tell(store, &pod, &CONTROLLER, &told);
    }
}

fn declare_found(store: &mut Store, recorder: &mut Recorder, mut node: Arc<Value>) {
    let conditions = healthy(store.now());
    let changed = Arc::make_mut(&mut node);
    json::set(changed, "/status/conditions", conditions);
    let mut taints = json::list(changed, "/spec/taints").to_vec();
    taints.retain(|taint| json::text(taint, "/key") != UNREACHABLE);
    if taints.is_empty() {
        json::remove(changed, "/spec/taints");
    } else {
        json::set(changed, "/spec/taints", taints);
    }
    let node = store.put(NODES, node);
    tell_of(recorder, store, &node, "NodeReady");
}

fn tell_of(recorder: &mut Recorder, store: &mut Store, node: &Value, reason: &'static str) {
    let name = json::text(node, "/metadata/name");
    let message = format!("Node {name} status is now: {reason}");
    recorder.tell(
        store,
        node,
        &CONTROLLER,
        &Told::whole("Normal", reason, message),
    );
}

/// Asks the pods to go that have tolerated the node's silence for long enough. They stay until somebody hears from their kubelet again.
fn evict_from(store: &mut Store, recorder: &mut Recorder, node: &str) {
    let now = store.now();
    for pod in pods_on(store, node) {
        if eviction(store, &pod).is_none_or(|due| now < due) {
            continue;
        }
        let namespace = json::text(&pod, "/metadata/namespace");
        let name = json::text(&pod, "/metadata/name");
        let message = format!("Marking for deletion Pod {namespace}/{name}");
        let mut disruption = condition(&pod, "DisruptionTarget", true, now);
        json::set(&mut disruption, "/reason", "DeletionByTaintManager");
        let why = "Taint manager: deleting due to NoExecute taint";
        json::set(&mut disruption, "/message", why);
        let mut next = going(&pod, now);
        let conditions = next
            .pointer_mut("/status/conditions")
            .and_then(Value::as_array_mut);
        if let Some(conditions) = conditions {
            conditions.push(disruption);
        }
        let pod = store.put(PODS, next);
        let told = Told::whole("Normal", "TaintManagerEviction", message);
        recorder.tell(store, &pod, &EVICTION, &told);
    }
}

fn evictions(store: &Store, node: &str) -> Vec<Timestamp> {
    let pods = pods_on(store, node).into_iter();
    pods.filter_map(|pod| eviction(store, &pod)).collect()
}

/// When a pod of a node that is away will have waited for long enough; `None` = it is going already, or tolerates it for good.
fn eviction(store: &Store, pod: &Value) -> Option<Timestamp> {
    if !json::text(pod, "/metadata/deletionTimestamp").is_empty() {
        return None;
    }
    let node = store.get(NODES, "", json::text(pod, "/spec/nodeName"))?;
    let taint = json::list(node, "/spec/taints").iter().find(|taint| {
        json::text(taint, "/key") == UNREACHABLE && json::text(taint, "/effect") == "NoExecute"
    })?;
    let added = json::time(taint, "/timeAdded")?;
    let tolerations = json::list(pod, "/spec/tolerations").iter();
    let mut fits = tolerations.filter(|toleration| {
        json::text(toleration, "/key") == UNREACHABLE
            && ["", "NoExecute"].contains(&json::text(toleration, "/effect"))
    });
    match fits.next() {
        Some(toleration) => {
            let seconds = toleration.pointer("/tolerationSeconds")?.as_i64()?;
            added.checked_add(SignedDuration::from_secs(seconds)).ok()
        }
        None => Some(added),
    }
}

fn pods_on(store: &Store, node: &str) -> Vec<Arc<Value>> {
    store.pick(PODS, |pod| json::text(pod, "/spec/nodeName") == node)
}

fn healthy(now: Timestamp) -> Vec<Value> {
    let now = whole_seconds(now).to_string();
    [
        (
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        (
            "DiskPressure",
            "False",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
        ),
        (
            "PIDPressure",
            "False",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
        (
            "Ready",
            "True",
            "KubeletReady",
            "kubelet is posting ready status",
        ),
    ]
    .into_iter()
    .map(|(kind, status, reason, message)| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    })
    .collect()
}

fn object(name: &str, address: &str, now: Timestamp) -> Value {
    let room = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
    json!({
        "metadata": {"name": name, "labels": {
            "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
        }},
        "spec": {"podCIDR": "10.251.0.0/16"},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "allocatable": room, "capacity": room, "conditions": healthy(now),
            "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.34.4"},
        },
    })
}
