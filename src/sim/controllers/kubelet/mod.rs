//! The kubelets: one for each node, all in one place. What belongs to one of them is kept by node.
//!
//! A pod is worked on when it has changed, or when something in it is due; all others cost a look at two fields.

mod back_off;
mod configuration;
mod container;
mod image;
mod probe;
mod sandbox;
mod status;

pub(crate) use configuration::{Configuration, Secrets};
pub(super) use status::{condition, quality};

use super::super::api::resources::PODS;
use super::super::api::store::Store;
use super::super::{State, json};
use super::recorder::{Reporter, Told};
use container::{Container, Stage};
use jiff::Timestamp;
use sandbox::Sandbox;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the kubelets know: the pods' sandboxes by uid, and the images on each node.
#[derive(Default)]
pub(crate) struct Kubelet {
    sandboxes: BTreeMap<String, Sandbox>,
    images: BTreeMap<String, BTreeSet<String>>,
    addresses: u32,
    /// What people made, and only kubelets may read.
    pub(crate) secrets: Secrets,
}

impl Kubelet {
    /// A container's log; `None` where the kubelet has none.
    pub(crate) fn log(&self, pod: &str, container: &str, previous: bool) -> Option<&[String]> {
        self.container(pod, container)?.log(previous)
    }

    /// Why a container has no log, in the kubelet's words.
    pub(crate) fn why_no_log(&self, pod: &str, container: &str) -> &'static str {
        match self.container(pod, container).map(|found| &found.stage) {
            Some(Stage::Waiting { reason, .. }) => match *reason {
                "ErrImagePull" | "ImagePullBackOff" => "trying and failing to pull image",
                reason => reason,
            },
            _ => "ContainerCreating",
        }
    }

    /// When one of them has something to do again by itself. Those of nodes that are away do nothing that anybody hears of.
    pub(crate) fn next_due(&self, is_away: impl Fn(&str) -> bool) -> Option<Timestamp> {
        let sandboxes = self.sandboxes.values();
        sandboxes
            .filter(|sandbox| !is_away(&sandbox.node))
            .filter_map(Sandbox::next_due)
            .min()
    }

    fn container(&self, pod: &str, container: &str) -> Option<&Container> {
        let sandbox = self.sandboxes.get(pod)?;
        let mut known = sandbox.init.iter().chain(&sandbox.containers);
        known.find(|known| known.name == container)
    }

    /// A new pod on a node.
    fn sandbox(&mut self, pod: &Value, host_address: &str, now: Timestamp) -> Sandbox {
        self.addresses += 1;
        let (high, low) = (self.addresses / 250, self.addresses % 250 + 2);
        Sandbox::new(pod, host_address, format!("10.251.{high}.{low}"), now)
    }
}

/// Works on every pod once that has changed or has something due.
pub(super) fn sync_all(state: &mut State) {
    let now = state.api.store.now();
    let pods = to_do(state, now);
    for pod in pods {
        sync(state, pod, now);
    }
    forget_the_gone(state);
}

fn to_do(state: &State, now: Timestamp) -> Vec<Arc<Value>> {
    let concerned = |pod: &Value| {
        let node = json::text(pod, "/spec/nodeName");
        let going = json::text(pod, "/metadata/deletionTimestamp");
        if node.is_empty() {
            return !going.is_empty();
        }
        let over = json::text(pod, "/status/phase") == "Failed" && going.is_empty();
        if over || !state.nodes.answers(node) {
            return false;
        }
        let sandbox = state
            .kubelet
            .sandboxes
            .get(json::text(pod, "/metadata/uid"));
        sandbox.is_none_or(|sandbox| {
            sandbox.seen != json::text(pod, "/metadata/resourceVersion")
                || sandbox.next_due().is_some_and(|due| due <= now)
        })
    };
    state.api.store.pick(PODS, concerned)
}

/// The pods that were deleted without their kubelet. There are none as long as there are as many sandboxes as pods that have one.
fn forget_the_gone(state: &mut State) {
    let sandboxes = &mut state.kubelet.sandboxes;
    let pods = state.api.store.list(PODS, None);
    let uids = pods.map(|pod| json::text(pod, "/metadata/uid"));
    if uids.filter(|uid| sandboxes.contains_key(*uid)).count() < sandboxes.len() {
        let pods = state.api.store.list(PODS, None);
        let uids: BTreeSet<&str> = pods.map(|pod| json::text(pod, "/metadata/uid")).collect();
        sandboxes.retain(|uid, _| uids.contains(uid.as_str()));
    }
}

fn sync(state: &mut State, mut pod: Arc<Value>, now: Timestamp) {
    if json::text(&pod, "/spec/nodeName").is_empty() {
        // It was deleted before any kubelet heard of it.
        return delete(&mut state.api.store, &pod);
    }
    let uid = json::text(&pod, "/metadata/uid").to_owned();
    let known = state.kubelet.sandboxes.remove(&uid);
    let mut sandbox = known.unwrap_or_else(|| {
        let host_address = state.nodes.address(json::text(&pod, "/spec/nodeName"));
        state.kubelet.sandbox(&pod, &host_address, now)
    });
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        let (told, gone) = sandbox.stop(&pod, now);
        tell(state, &pod, &told);
        if gone {
            return delete(&mut state.api.store, &pod);
        }
        json::text(&pod, "/metadata/resourceVersion").clone_into(&mut sandbox.seen);
        state.kubelet.sandboxes.insert(uid, sandbox);
        return;
    }
    let told = {
        let State {
            api,
            kubelet,
            registry,
            programs,
            ..
        } = &mut *state;
        let mut told = Vec::new();
        let mut surroundings = container::Surroundings {
            now,
            store: &mut api.store,
            registry,
            programs,
            secrets: &kubelet.secrets,
            images: kubelet.images.entry(sandbox.node.clone()).or_default(),
            pod: &pod,
            address: &sandbox.address.clone(),
            told: &mut told,
        };
        sandbox.run(&mut surroundings);
        told
    };
    let status = status::of_pod(&pod, &sandbox, now);
    tell(state, &pod, &told);
    if pod.get("status") != Some(&status) {
        json::set(Arc::make_mut(&mut pod), "/status", status);
    }
    let pod = state.api.store.put(PODS, pod);
    json::text(&pod, "/metadata/resourceVersion").clone_into(&mut sandbox.seen);
    state.kubelet.sandboxes.insert(uid, sandbox);
}

fn delete(store: &mut Store, pod: &Value) {
    store.delete(
        PODS,
        json::text(pod, "/metadata/namespace"),
        json::text(pod, "/metadata/name"),
    );
}

fn tell(state: &mut State, pod: &Value, told: &[Told]) {
    let reporter = Reporter {
        component: "kubelet",
        host: json::text(pod, "/spec/nodeName"),
    };
    for told in told {
        state
            .recorder
            .tell(&mut state.api.store, pod, &reporter, told);
    }
}

/// Ends a pod for want of something on its node: it stays as a failed one, and its owner makes another (`pkg/kubelet/eviction`).
pub(crate) fn evict(state: &mut State, namespace: &str, name: &str) {
    let Some(mut pod) = state.api.store.get(PODS, namespace, name).cloned() else {
        return;
    };
    let now = state.api.store.now();
    let message =
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 62Mi. ";
    tell(
        state,
        &pod,
        &[Told::whole("Warning", "Evicted", message.to_owned())],
    );
    if let Some(mut sandbox) = state
        .kubelet
        .sandboxes
        .remove(json::text(&pod, "/metadata/uid"))
    {
        let (told, _) = sandbox.stop(&pod, now);
        tell(state, &pod, &told);
        sandbox.kill_all(now);
        let mut disruption = condition(&pod, "DisruptionTarget", true, now);
        json::set(&mut disruption, "/message", message);
        json::set(&mut disruption, "/reason", "TerminationByKubelet");
        let mut status = status::of_pod(&pod, &sandbox, now);
        if let Some(conditions) = status
            .pointer_mut("/conditions")
            .and_then(Value::as_array_mut)
        {
            conditions.push(disruption);
        }
        json::set(&mut pod, "/status", status);
    }
    json::set(&mut pod, "/status/phase", "Failed");
    json::set(&mut pod, "/status/reason", "Evicted");
    json::set(&mut pod, "/status/message", message);
    state.api.store.put(PODS, pod);
}
