//! The kubelet of the one node.

mod back_off;
mod container;
mod image;
mod status;

use super::super::api::resources::PODS;
use super::super::{State, json};
use super::recorder::{Reporter, Told};
use container::{Container, Stage, Surroundings};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The node's name.
pub(crate) const NODE: &str = "lab";
/// And its address.
const HOST_ADDRESS: &str = "10.250.0.1";
const REPORTER: Reporter = Reporter {
    component: "kubelet",
    host: NODE,
};
/// How long a pod's sandbox takes to be made, and how long its programs take to stop.
const A_MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// What the kubelet knows: the pods' sandboxes by uid, and the images on the node.
#[derive(Default)]
pub(crate) struct Kubelet {
    sandboxes: BTreeMap<String, Sandbox>,
    images: BTreeSet<String>,
    addresses: u32,
}

/// One pod on the node.
struct Sandbox {
    began: Timestamp,
    address: String,
    stopping: Option<Timestamp>,
    containers: Vec<Container>,
}

impl Sandbox {
    fn is_made(&self, now: Timestamp) -> bool {
        now.duration_since(self.began) >= A_MOMENT
    }

    fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let a_moment_after = |begin: Timestamp| begin.checked_add(A_MOMENT).ok();
        if let Some(stopping) = self.stopping {
            return a_moment_after(stopping);
        }
        let made = a_moment_after(self.began).filter(|made| *made > now);
        let containers = self.containers.iter();
        containers
            .filter_map(|container| container.next_due(now))
            .chain(made)
            .min()
    }
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
                "ErrImageNeverPull" | "InvalidImageName" => "image can't be pulled",
                reason => reason,
            },
            _ => "ContainerCreating",
        }
    }

    /// When it has something to do again by itself.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let sandboxes = self.sandboxes.values();
        sandboxes.filter_map(|sandbox| sandbox.next_due(now)).min()
    }

    fn container(&self, pod: &str, container: &str) -> Option<&Container> {
        let sandbox = self.sandboxes.get(pod)?;
        sandbox
            .containers
            .iter()
            .find(|known| known.name == container)
    }

    /// A new pod on the node.
    fn sandbox(&mut self, pod: &Value, now: Timestamp) -> Sandbox {
        self.addresses += 1;
        let (high, low) = (self.addresses / 250, self.addresses % 250 + 2);
        let first_look = now.checked_add(A_MOMENT).unwrap_or(now);
        Sandbox {
            began: now,
            address: format!("10.251.{high}.{low}"),
            stopping: None,
            containers: json::list(pod, "/spec/containers")
                .iter()
                .map(|spec| Container::new(spec, first_look))
                .collect(),
        }
    }
}

/// Works on every pod once.
pub(super) fn sync_all(state: &mut State) {
    let now = state.api.store.now();
    let pods: Vec<Value> = state.api.store.list(PODS, None).cloned().collect();
    let uids: BTreeSet<&str> = pods
        .iter()
        .map(|pod| json::text(pod, "/metadata/uid"))
        .collect();
    state
        .kubelet
        .sandboxes
        .retain(|uid, _| uids.contains(uid.as_str()));
    for pod in &pods {
        sync(state, pod.clone(), now);
    }
}

fn sync(state: &mut State, mut pod: Value, now: Timestamp) {
    let uid = json::text(&pod, "/metadata/uid").to_owned();
    let mut sandbox = match state.kubelet.sandboxes.remove(&uid) {
        Some(sandbox) => sandbox,
        None => state.kubelet.sandbox(&pod, now),
    };
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        let gone = stop(state, &pod, &mut sandbox, now);
        if !gone {
            state.kubelet.sandboxes.insert(uid, sandbox);
        }
        return;
    }
    let told = run(state, &pod, &mut sandbox, now);
    let status = status::of_pod(&pod, &sandbox, now);
    state.kubelet.sandboxes.insert(uid, sandbox);
    for (container, told) in told {
        tell(state, &pod, &container, told);
    }
    json::set(&mut pod, "/status", status);
    state.api.store.put(PODS, pod);
}

fn run(
    state: &mut State,
    pod: &Value,
    sandbox: &mut Sandbox,
    now: Timestamp,
) -> Vec<(String, Told<'static>)> {
    let mut told = Vec::new();
    let place = format!(
        "{}_{}({})",
        json::text(pod, "/metadata/name"),
        json::text(pod, "/metadata/namespace"),
        json::text(pod, "/metadata/uid")
    );
    let State {
        api,
        kubelet,
        registry,
        programs,
        ..
    } = state;
    let mut surroundings = Surroundings {
        now,
        registry,
        programs,
        images: &mut kubelet.images,
        pod: &place,
        fresh_id: &mut || api.store.fresh_hex(64),
        told: &mut told,
    };
    let specs = json::list(pod, "/spec/containers");
    for (spec, container) in specs.iter().zip(&mut sandbox.containers) {
        container.step(spec, &mut surroundings);
    }
    told
}

/// Stops a pod that is being deleted; whether it is gone now.
fn stop(state: &mut State, pod: &Value, sandbox: &mut Sandbox, now: Timestamp) -> bool {
    let Some(since) = sandbox.stopping else {
        sandbox.stopping = Some(now);
        let running = |container: &&Container| matches!(container.stage, Stage::Running { .. });
        let names: Vec<String> = sandbox
            .containers
            .iter()
            .filter(running)
            .map(|container| container.name.clone())
            .collect();
        for name in names {
            let told = Told {
                container: "",
                kind: "Normal",
                reason: "Killing",
                message: format!("Stopping container {name}"),
            };
            tell(state, pod, &name, told);
        }
        return false;
    };
    let gone = now.duration_since(since) >= A_MOMENT;
    if gone {
        state.api.store.delete(
            PODS,
            json::text(pod, "/metadata/namespace"),
            json::text(pod, "/metadata/name"),
        );
    }
    gone
}

fn tell(state: &mut State, pod: &Value, container: &str, told: Told<'static>) {
    let told = Told { container, ..told };
    state
        .recorder
        .tell(&mut state.api.store, pod, &REPORTER, &told);
}
