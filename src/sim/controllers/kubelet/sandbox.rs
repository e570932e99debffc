//! One pod on its node: its sandbox, its volumes, and its containers in their order.

use super::super::super::json;
use super::super::recorder::Told;
use super::configuration::Configuration;
use super::container::{Container, KILLED, SOON, Stage, Surroundings, later, stopping_takes};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Volumes that could not be mounted are tried again after half a second, then after twice as long each time, up to about two minutes
/// (Kubernetes `pkg/util/goroutinemap/exponentialbackoff`).
const LONGEST_MOUNT_PAUSE: SignedDuration = SignedDuration::from_secs(122);

/// One pod on a node.
pub(super) struct Sandbox {
    pub(super) node: String,
    pub(super) host_address: String,
    pub(super) address: String,
    pub(super) began: Timestamp,
    /// When it was made; `None` = its volumes are not there yet.
    pub(super) made: Option<Timestamp>,
    mount_again: Timestamp,
    mount_pause: SignedDuration,
    /// When it began to stop, and when it will have.
    stopping: Option<Timestamp>,
    pub(super) init: Vec<Container>,
    pub(super) containers: Vec<Container>,
    /// The pod's resource version that was worked on last.
    pub(super) seen: String,
}

impl Sandbox {
    pub(super) fn new(pod: &Value, host_address: &str, address: String, now: Timestamp) -> Self {
        let init = json::list(pod, "/spec/initContainers");
        // What a container says before it has anything else to say (`kubelet_pods.go`).
        let waits = if init.is_empty() {
            "ContainerCreating"
        } else {
            "PodInitializing"
        };
        let all = |specs: &[Value], is_init: bool| {
            let specs = specs.iter();
            specs
                .map(|spec| Container::new(spec, is_init, waits))
                .collect()
        };
        Self {
            node: json::text(pod, "/spec/nodeName").to_owned(),
            host_address: host_address.to_owned(),
            address,
            began: now,
            made: None,
            mount_again: now,
            mount_pause: SignedDuration::from_millis(500),
            stopping: None,
            init: all(init, true),
            containers: all(json::list(pod, "/spec/containers"), false),
            seen: String::new(),
        }
    }

    pub(super) fn is_initialized(&self) -> bool {
        self.init.iter().all(Container::has_succeeded)
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        if self.stopping.is_some() {
            return self.stopping;
        }
        if self.made.is_none() {
            return Some(self.mount_again);
        }
        match self.init.iter().find(|init| !init.has_succeeded()) {
            Some(current) => current.next_due(),
            None => self.containers.iter().filter_map(Container::next_due).min(),
        }
    }

    /// Goes on as far as it can at this moment.
    pub(super) fn run(&mut self, around: &mut Surroundings<'_>) {
        if self.made.is_none() && !self.make(around) {
            return;
        }
        let pod = around.pod;
        let specs = json::list(pod, "/spec/initContainers").iter();
        for (spec, container) in specs.zip(&mut self.init) {
            if !container.has_succeeded() {
                container.step(spec, around);
            }
            if !container.has_succeeded() {
                return;
            }
        }
        let specs = json::list(pod, "/spec/containers").iter();
        for (spec, container) in specs.zip(&mut self.containers) {
            container.step(spec, around);
        }
    }

    /// Mounts the volumes and makes the sandbox: a moment after the pod came, or after the last failure.
    fn make(&mut self, around: &mut Surroundings<'_>) -> bool {
        let now = around.now;
        if now < self.mount_again {
            return false;
        }
        let configuration = Configuration {
            store: around.store,
            secrets: around.secrets,
            pod: around.pod,
        };
        let failures = configuration.mount_failures();
        if !failures.is_empty() {
            self.mount_again = later(self.mount_again, self.mount_pause);
            let longer = self.mount_pause.checked_mul(2);
            self.mount_pause = longer
                .unwrap_or(LONGEST_MOUNT_PAUSE)
                .min(LONGEST_MOUNT_PAUSE);
            let told = |why| Told::whole("Warning", "FailedMount", why);
            around.told.extend(failures.into_iter().map(told));
            return false;
        }
        let done = later(self.began, SOON);
        if now < done {
            self.mount_again = done;
            return false;
        }
        self.made = Some(now);
        true
    }

    /// Stops it; what there is to tell, and whether it is gone now.
    pub(super) fn stop(&mut self, pod: &Value, now: Timestamp) -> (Vec<Told>, bool) {
        if let Some(stopped) = self.stopping {
            return (Vec::new(), stopped <= now);
        }
        let mut takes = SOON;
        let mut told = Vec::new();
        for container in self.init.iter().chain(&self.containers) {
            if let Stage::Running { health, .. } = &container.stage {
                takes = takes.max(stopping_takes(pod, health.stops_with));
                told.push(Told {
                    part: container.part(),
                    kind: "Normal",
                    reason: "Killing",
                    message: format!("Stopping container {}", container.name),
                });
            }
        }
        self.stopping = Some(later(now, takes));
        (told, false)
    }

    /// Ends whatever runs, without asking.
    pub(super) fn kill_all(&mut self, now: Timestamp) {
        for container in self.init.iter_mut().chain(&mut self.containers) {
            container.kill(KILLED, now);
        }
    }
}
