//! One container's life: its runs, and the pauses between them (Kubernetes `pkg/kubelet/kuberuntime/kuberuntime_manager.go`).

use super::super::super::json;
use super::super::programs::{Behaviour, Programs};
use super::super::recorder::Told;
use super::super::registry::{Reference, Registry};
use super::back_off::BackOff;
use super::configuration::{Configuration, Secrets};
use super::probe::{self, Health, Kind, Probe, Verdict};
use crate::sim::api::store::Store;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

/// How often a pod worker looks at a pod that has trouble: 10 s with up to half of it more (`pod_workers.go`), as seen in the fixtures.
pub(super) const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(12);
/// How long a pull takes that succeeds.
pub(super) const PULL: SignedDuration = SignedDuration::from_secs(2);
/// After its own news (a first failed pull, a container that ended) the worker looks again this soon.
pub(super) const SOON: SignedDuration = SignedDuration::from_secs(1);
/// The code of what had to be killed (128 + SIGKILL).
pub(super) const KILLED: i64 = 137;

/// How a run ends.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) at: Timestamp,
    pub(super) code: i64,
    pub(super) reason: &'static str,
    /// The kubelet stops it because of a probe.
    by_probe: bool,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) run_id: String,
    pub(super) code: i64,
    pub(super) reason: &'static str,
    /// What the runtime has to say; mostly nothing.
    pub(super) message: String,
    /// `None` = it never started.
    pub(super) started: Option<Timestamp>,
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
        /// The registry neither delivers nor refuses.
        hangs: bool,
    },
    Running {
        since: Timestamp,
        health: Health,
        probes: Vec<Probe>,
        ends: Option<End>,
    },
    Ended,
}

/// One container of one pod, as the kubelet knows it.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) is_init: bool,
    /// What it waits for while there is nothing else to say.
    pub(super) usually_waits: &'static str,
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
    pub(super) store: &'a mut Store,
    pub(super) registry: &'a Registry,
    pub(super) programs: &'a Programs,
    pub(super) secrets: &'a Secrets,
    /// The images on the node.
    pub(super) images: &'a mut BTreeSet<String>,
    pub(super) pod: &'a Value,
    /// Its address.
    pub(super) address: &'a str,
    pub(super) told: &'a mut Vec<Told>,
}

impl Surroundings<'_> {
    fn configuration(&self) -> Configuration<'_> {
        Configuration {
            store: self.store,
            secrets: self.secrets,
            pod: self.pod,
        }
    }

    /// `web-1_lab30(uid)`, as messages name the pod.
    fn pod_in_words(&self) -> String {
        let text = |field| json::text(self.pod, field);
        format!(
            "{}_{}({})",
            text("/metadata/name"),
            text("/metadata/namespace"),
            text("/metadata/uid")
        )
    }
}

pub(super) fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(now)
}

impl Container {
    pub(super) fn new(spec: &Value, is_init: bool, usually_waits: &'static str) -> Self {
        Self {
            name: json::text(spec, "/name").to_owned(),
            is_init,
            usually_waits,
            stage: Stage::Waiting {
                reason: usually_waits,
                message: String::new(),
            },
            restarts: 0,
            ended: None,
            before: None,
            run_id: String::new(),
            image: None,
            log: None,
            previous_log: None,
            look_at: Timestamp::MIN,
            crashes: BackOff::default(),
            pulls: BackOff::default(),
            pull_error: String::new(),
        }
    }

    /// Whether it runs and is past its startup probe.
    pub(super) fn is_started(&self) -> bool {
        self.runs_and_passes(|kind| kind == Kind::Startup)
    }

    /// Of an init container: whether it has done its work.
    pub(super) fn is_ready(&self) -> bool {
        if self.is_init {
            return self.has_succeeded();
        }
        self.runs_and_passes(|kind| kind != Kind::Liveness)
    }

    fn runs_and_passes(&self, which: impl Fn(Kind) -> bool) -> bool {
        let Stage::Running { probes, .. } = &self.stage else {
            return false;
        };
        let mut asked = probes.iter().filter(|probe| which(probe.kind));
        asked.all(|probe| probe.passes)
    }

    /// Whether it has ended well; an init container is over then.
    pub(super) fn has_succeeded(&self) -> bool {
        matches!(self.stage, Stage::Ended) && self.ended.as_ref().is_some_and(|end| end.code == 0)
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
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Ended if self.is_init && self.has_succeeded() => None,
            Stage::Waiting { .. } | Stage::Ended | Stage::Pulling { hangs: true, .. } => {
                Some(self.look_at)
            }
            Stage::Pulling { began, .. } => Some(later(*began, PULL)),
            Stage::Running { probes, ends, .. } => {
                let asked = probes.iter().filter_map(|probe| probe.next);
                // It is seen for the whole second in which it ends.
                let ends = ends.as_ref().map(|end| later(end.at, SOON));
                asked.chain(ends).min()
            }
        }
    }

    /// Goes on as far as it can at this moment.
    pub(super) fn step(&mut self, spec: &Value, around: &mut Surroundings<'_>) {
        match &self.stage {
            Stage::Running {
                since,
                ends: Some(end),
                ..
            } if end.at < around.now => {
                let (since, end) = (*since, end.clone());
                self.end(since, &end, spec, around);
            }
            Stage::Running { .. } => self.probe(spec, around),
            Stage::Pulling { hangs: true, .. } if self.look_at <= around.now => {
                self.pull(spec, around);
            }
            Stage::Pulling {
                began,
                hangs: false,
            } if later(*began, PULL) <= around.now => self.pulled(spec, around),
            Stage::Waiting { .. } | Stage::Ended if self.look_at <= around.now => {
                self.look(spec, around);
            }
            _ => {}
        }
    }

    fn end(&mut self, since: Timestamp, end: &End, spec: &Value, around: &mut Surroundings<'_>) {
        self.over(Ended {
            run_id: self.run_id.clone(),
            code: end.code,
            reason: end.reason,
            message: String::new(),
            started: Some(since),
            finished: end.at,
        });
        self.stage = Stage::Ended;
        self.look_at = later(around.now, SOON);
        if end.by_probe {
            self.restart_after_probe(spec, around);
        }
    }

    /// Ends it where it runs, at once.
    pub(super) fn kill(&mut self, code: i64, now: Timestamp) {
        if let Stage::Running { since, .. } = self.stage {
            self.over(Ended {
                run_id: self.run_id.clone(),
                code,
                reason: ended_as(code),
                message: String::new(),
                started: Some(since),
                finished: now,
            });
            self.stage = Stage::Ended;
        }
    }

    fn over(&mut self, ended: Ended) {
        self.before = self.ended.replace(ended);
    }

    /// What kills a container for its probe starts it again in the same breath, and counts the pause from the end before this one: that of
    /// this one it does not know yet.
    fn restart_after_probe(&mut self, spec: &Value, around: &mut Surroundings<'_>) {
        if let Some(before) = &self.before {
            let finished = before.finished;
            if self.crashes.blocks_since(finished, around.now) {
                return self.wait_after_crash(around);
            }
            self.crashes.next(finished, around.now);
        }
        self.look_at = later(around.now, LOOK_AGAIN);
        self.fetch(spec, around);
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
        let (name, pod) = (&self.name, around.pod_in_words());
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

    /// The image is there: what else it needs is looked for, and it starts.
    pub(super) fn start(&mut self, spec: &Value, around: &mut Surroundings<'_>) {
        if let Err(why) = around.configuration().environment(spec) {
            self.tell(around, "Warning", "Failed", format!("Error: {why}"));
            self.stage = Stage::Waiting {
                reason: "CreateContainerConfigError",
                message: why,
            };
            return;
        }
        let name = self.name.clone();
        let created = format!("Created container: {name}");
        self.tell(around, "Normal", "Created", created);
        self.restarts += i64::from(self.ended.is_some());
        self.run_id = format!("containerd://{}", around.store.fresh_hex(64));
        self.previous_log = self.log.take();
        let behaviour = around.programs.behaviour(spec, &around.configuration());
        if behaviour == Behaviour::NoSuchProgram {
            self.log = Some(Vec::new());
            return self.never_started(spec, around);
        }
        let started = format!("Started container {name}");
        self.tell(around, "Normal", "Started", started);
        let now = around.now;
        let end = |after: i64, code: i64, reason: &'static str| End {
            at: later(now, SignedDuration::from_secs(after)),
            code,
            reason,
            by_probe: false,
        };
        let health = Health::of(&behaviour);
        let (lines, ends) = match behaviour {
            Behaviour::Exits { after, code, lines } => {
                (lines, Some(end(after, code, ended_as(code))))
            }
            Behaviour::OutOfMemory { after, lines } => {
                (lines, Some(end(after, KILLED, "OOMKilled")))
            }
            Behaviour::Serves { .. } | Behaviour::Ails { .. } | Behaviour::NoSuchProgram => {
                (Vec::new(), None)
            }
        };
        self.log = Some(lines);
        self.stage = Stage::Running {
            since: now,
            health,
            probes: Probe::all_of(spec, now),
            ends,
        };
    }

    /// The runtime can't start it (containerd's words, as captured in `tests/fixtures/faults/no-entrypoint.json`).
    fn never_started(&mut self, spec: &Value, around: &mut Surroundings<'_>) {
        let command = json::list(spec, "/command").first();
        let program = command.and_then(Value::as_str).unwrap_or("/entrypoint");
        let why = if program.starts_with('/') {
            format!("stat {program}: no such file or directory")
        } else {
            "executable file not found in $PATH".to_owned()
        };
        let message = format!(
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"{program}\": {why}: unknown"
        );
        self.tell(around, "Warning", "Failed", format!("Error: {message}"));
        self.over(Ended {
            run_id: self.run_id.clone(),
            code: 128,
            reason: "StartError",
            message: message.clone(),
            started: None,
            finished: around.now,
        });
        self.stage = Stage::Waiting {
            reason: "RunContainerError",
            message,
        };
        self.look_at = later(around.now, SOON);
    }

    /// Asks the probes whose time has come.
    fn probe(&mut self, spec: &Value, around: &mut Surroundings<'_>) {
        let Stage::Running {
            since,
            health,
            probes,
            ends,
        } = &mut self.stage
        else {
            return;
        };
        let (since, health, now) = (*since, *health, around.now);
        if ends.as_ref().is_some_and(|end| end.by_probe) {
            return;
        }
        let mut told = Vec::new();
        let mut kill = None;
        let mut has_started = false;
        for probe in probes.iter_mut() {
            let Some(at) = probe.next.filter(|next| *next <= now) else {
                continue;
            };
            match probe.ask(&health, since, at) {
                Verdict::Fine => has_started |= probe.kind == Kind::Startup && probe.passes,
                Verdict::Failed { last } => {
                    let listens = health.listens(at.duration_since(since).as_secs());
                    told.push(probe::words(spec, probe.kind, listens, around.address));
                    if last && probe.kind != Kind::Readiness {
                        kill = Some(probe.kind);
                    }
                }
            }
        }
        if has_started {
            for probe in probes
                .iter_mut()
                .filter(|probe| probe.kind != Kind::Startup)
            {
                probe.begin(since, now);
            }
        }
        if kill.is_some() {
            let code = health.stops_with;
            let takes = stopping_takes(around.pod, code);
            for probe in probes.iter_mut() {
                probe.next = None;
            }
            *ends = Some(End {
                at: later(now, takes),
                code,
                reason: ended_as(code),
                by_probe: true,
            });
        }
        for words in told {
            self.tell(around, "Warning", "Unhealthy", words);
        }
        if let Some(kind) = kill {
            let message = format!(
                "Container {} failed {} probe, will be restarted",
                self.name,
                kind.name().to_lowercase()
            );
            self.tell(around, "Normal", "Killing", message);
        }
    }

    pub(super) fn tell(
        &self,
        around: &mut Surroundings<'_>,
        kind: &'static str,
        reason: &'static str,
        message: String,
    ) {
        around.told.push(Told {
            part: self.part(),
            kind,
            reason,
            message,
        });
    }

    /// As events name it within its pod.
    pub(super) fn part(&self) -> String {
        let list = if self.is_init {
            "initContainers"
        } else {
            "containers"
        };
        format!("spec.{list}{{{}}}", self.name)
    }
}

fn ended_as(code: i64) -> &'static str {
    if code == 0 { "Completed" } else { "Error" }
}

/// How long a program with that code takes to stop.
pub(super) fn stopping_takes(pod: &Value, code: i64) -> SignedDuration {
    if code == KILLED {
        SignedDuration::from_secs(json::number(pod, "/spec/terminationGracePeriodSeconds"))
    } else {
        SOON
    }
}
