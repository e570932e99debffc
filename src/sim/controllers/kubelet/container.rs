//! One container's life: its runs, and the pauses between them (Kubernetes `pkg/kubelet/kuberuntime/kuberuntime_manager.go`).

use super::super::super::json;
use super::super::programs::{Behaviour, Programs};
use super::super::recorder::Told;
use super::super::registry::{Reference, Registry};
use super::back_off::BackOff;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

/// How often a pod worker looks at a pod that has trouble: 10 s with up to half of it more (`pod_workers.go`), as seen in the fixtures.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(12);
/// How long a pull takes that succeeds.
pub(super) const PULL: SignedDuration = SignedDuration::from_secs(2);
/// After its own news (a first failed pull, a container that ended) the worker looks again this soon.
pub(super) const SOON: SignedDuration = SignedDuration::from_secs(1);

/// How a run ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) run_id: String,
    pub(super) code: i64,
    pub(super) started: Timestamp,
    pub(super) finished: Timestamp,
}

/// What a container does now.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    Waiting {
        reason: &'static str,
        message: String,
    },
    Pulling {
        began: Timestamp,
    },
    Running {
        since: Timestamp,
        ready_at: Timestamp,
        ends: Option<(Timestamp, i64)>,
    },
    Ended,
}

/// One container of one pod, as the kubelet knows it.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) stage: Stage,
    pub(super) restarts: i64,
    /// The newest run that is over, and the one before it.
    pub(super) ended: Option<Ended>,
    pub(super) before: Option<Ended>,
    /// The runtime's name of the newest run; empty before the first.
    pub(super) run_id: String,
    pub(super) image: Option<Reference>,
    log: Option<Vec<String>>,
    previous_log: Option<Vec<String>>,
    pub(super) look_at: Timestamp,
    crashes: BackOff,
    pub(super) pulls: BackOff,
    pub(super) pull_error: String,
}

/// The world around a container.
pub(super) struct Surroundings<'a> {
    pub(super) now: Timestamp,
    pub(super) registry: &'a Registry,
    pub(super) programs: &'a Programs,
    /// The images on the node.
    pub(super) images: &'a mut BTreeSet<String>,
    /// `web-1_lab30(uid)`, as messages name the pod.
    pub(super) pod: &'a str,
    pub(super) fresh_id: &'a mut dyn FnMut() -> String,
    pub(super) told: &'a mut Vec<(String, Told<'static>)>,
}

pub(super) fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(now)
}

impl Container {
    pub(super) fn new(spec: &Value, first_look: Timestamp) -> Self {
        Self {
            name: json::text(spec, "/name").to_owned(),
            stage: Stage::Waiting {
                reason: "ContainerCreating",
                message: String::new(),
            },
            restarts: 0,
            ended: None,
            before: None,
            run_id: String::new(),
            image: None,
            log: None,
            previous_log: None,
            look_at: first_look,
            crashes: BackOff::default(),
            pulls: BackOff::default(),
            pull_error: String::new(),
        }
    }

    pub(super) fn is_ready(&self, now: Timestamp) -> bool {
        matches!(self.stage, Stage::Running { ready_at, .. } if ready_at <= now)
    }

    /// The log of the newest run, or of the one before, by the kubelet's rules of what can be asked for when.
    pub(super) fn log(&self, previous: bool) -> Option<&[String]> {
        let newest = self.log.as_deref();
        match (&self.stage, previous) {
            // What ended last stands in `lastState` while it waits: both questions mean the same run.
            (Stage::Waiting { .. } | Stage::Pulling { .. }, _) => self.ended.as_ref().and(newest),
            (Stage::Running { .. } | Stage::Ended, false) => newest,
            (Stage::Running { .. } | Stage::Ended, true) => self.previous_log.as_deref(),
        }
    }

    /// When something happens to it by itself.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.stage {
            Stage::Waiting { .. } | Stage::Ended => Some(self.look_at),
            Stage::Pulling { began } => Some(later(*began, PULL)),
            Stage::Running { ready_at, ends, .. } => {
                let ends = ends.map(|(at, _)| at);
                ends.into_iter()
                    .chain((*ready_at > now).then_some(*ready_at))
                    .min()
            }
        }
    }

    /// Goes on as far as it can at this moment.
    pub(super) fn step(&mut self, spec: &Value, around: &mut Surroundings<'_>) {
        match self.stage {
            Stage::Running {
                since,
                ends: Some((at, code)),
                ..
            } if at < around.now => self.end(since, at, code, around.now),
            Stage::Pulling { began } if later(began, PULL) <= around.now => {
                self.pulled(spec, around);
            }
            Stage::Waiting { .. } | Stage::Ended if self.look_at <= around.now => {
                self.look(spec, around);
            }
            _ => {}
        }
    }

    fn end(&mut self, started: Timestamp, finished: Timestamp, code: i64, now: Timestamp) {
        self.before = self.ended.replace(Ended {
            run_id: self.run_id.clone(),
            code,
            started,
            finished,
        });
        self.stage = Stage::Ended;
        self.look_at = later(now, SOON);
    }

    /// The pod worker's turn: start it, or say why not.
    fn look(&mut self, spec: &Value, around: &mut Surroundings<'_>) {
        self.look_at = later(around.now, LOOK_AGAIN);
        if let Some(ended) = &self.ended {
            let finished = ended.finished;
            if self.crashes.blocks_since(finished, around.now) {
                return self.wait_after_crash(around);
            }
            self.crashes.next(finished, around.now);
        }
        self.fetch(spec, around);
    }

    fn wait_after_crash(&mut self, around: &mut Surroundings<'_>) {
        let (name, pod) = (&self.name, around.pod);
        let message = format!(
            "back-off {} restarting failed container={name} pod={pod}",
            self.crashes.text()
        );
        let told = format!("Back-off restarting failed container {name} in pod {pod}");
        self.tell(around, "Warning", "BackOff", told);
        self.stage = Stage::Waiting {
            reason: "CrashLoopBackOff",
            message,
        };
    }

    pub(super) fn start(&mut self, spec: &Value, around: &mut Surroundings<'_>) {
        let now = around.now;
        let name = self.name.clone();
        self.tell(
            around,
            "Normal",
            "Created",
            format!("Created container: {name}"),
        );
        self.tell(
            around,
            "Normal",
            "Started",
            format!("Started container {name}"),
        );
        self.restarts += i64::from(self.ended.is_some());
        self.run_id = format!("containerd://{}", (around.fresh_id)());
        self.previous_log = self.log.take();
        let (lines, ends, ready_after) = match around.programs.behaviour(spec) {
            Behaviour::Serves { ready_after } => (Vec::new(), None, ready_after),
            Behaviour::Exits { after, code, lines } => {
                let at = later(now, SignedDuration::from_secs(after));
                (lines, Some((at, code)), 0)
            }
        };
        self.log = Some(lines);
        // Without a probe a container is ready as soon as it runs.
        let ready_at = if spec.get("readinessProbe").is_some() {
            let delay = json::number(spec, "/readinessProbe/initialDelaySeconds");
            later(now, SignedDuration::from_secs(ready_after.max(delay)))
        } else {
            now
        };
        self.stage = Stage::Running {
            since: now,
            ready_at,
            ends,
        };
    }

    pub(super) fn tell(
        &self,
        around: &mut Surroundings<'_>,
        kind: &'static str,
        reason: &'static str,
        message: String,
    ) {
        let told = Told {
            container: "",
            kind,
            reason,
            message,
        };
        around.told.push((self.name.clone(), told));
    }
}
