//! What was observed about one workload at one time, from all sources.

use super::identity::{RevisionName, TemplateHash, Uid};
use super::observed::Observed;
use super::owners::Owners;
use super::surroundings::Surroundings;
use super::workload::{Pod, Revisions, Workload};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The four sources, in the order in which a story tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Prometheus, fed by kube-state-metrics.
    Prometheus,
    /// The live API: the workload, its revisions, its pods.
    Pods,
    /// Events: they explain, they never decide (best effort, lost and merged by design).
    Events,
    /// The logs of the crashed container.
    Logs,
}

impl Source {
    /// How a record names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prometheus => "Prometheus",
            Self::Pods => "Pods",
            Self::Events => "Events",
            Self::Logs => "Logs",
        }
    }
}

/// Everything that was asked, with every answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// When gathering began.
    pub gathered_at: Timestamp,
    /// The workload; `Absent` = it is gone.
    pub workload: Observed<Workload>,
    /// Who else has a say in its template.
    pub owners: Observed<Owners>,
    /// Its revisions.
    pub revisions: Observed<Revisions>,
    /// Its pods, of every revision, oldest first.
    pub pods: Observed<Vec<Pod>>,
    /// Events about its failing pods, oldest first.
    pub events: Observed<Vec<EventFact>>,
    /// The last words of each failing container, by pod uid and container name.
    pub logs: Vec<LogTail>,
    /// What Prometheus says now.
    pub metrics: Metrics,
    /// What Prometheus remembers of each revision, by revision name.
    pub history: Observed<BTreeMap<RevisionName, HealthHistory>>,
    /// When the newest revision was rolled out, by Prometheus' history (the design's clock); `Absent` = not within its lookback.
    pub rolled_out_at: Observed<Timestamp>,
    /// What Ripcord's own record says of this workload, newest first.
    pub past: Observed<Vec<PastIncident>>,
    /// The value of `ripcord.dev/mode` on the namespace; `Absent` = not set.
    pub namespace_mode: Observed<String>,
    /// What was observed around it: configuration, nodes, other workloads.
    pub around: Surroundings,
    /// What earlier readings of the same incident saw, this one included.
    pub memory: Memory,
}

/// One Event, both shapes of time stamps understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFact {
    /// The pod (or other object) it is about.
    pub regarding: Uid,
    /// That object's name.
    pub regarding_name: String,
    /// The container it is about, from `fieldPath`; `None` for pod-level events.
    pub container: Option<String>,
    /// `Normal` or `Warning`.
    pub kind: String,
    /// `Failed`, `BackOff`, `Killing`, …
    pub reason: String,
    /// Cleaned and redacted.
    pub message: String,
    /// How often it was seen.
    pub count: i64,
    /// When it was seen last.
    pub last_seen: Timestamp,
}

/// The end of one crashed container's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTail {
    /// The pod's uid.
    pub pod: Uid,
    /// The pod's name.
    pub pod_name: String,
    /// The container.
    pub container: String,
    /// Its last lines, cleaned and redacted; `Absent` = it wrote nothing.
    pub lines: Observed<Vec<String>>,
}

/// Instant answers of Prometheus about the workload's pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// Waiting reasons of the last five minutes.
    pub waiting: Observed<Vec<WaitingSeries>>,
    /// Restart counters of the pods' containers (value now; the counter's first sample is blind, so live status is read beside it).
    pub restarts: Observed<Vec<RestartSeries>>,
    /// Last terminations with their exit codes.
    pub terminations: Observed<Vec<TerminationSeries>>,
    /// Replica counts of the workload.
    pub replicas: Observed<ReplicaSeries>,
}

/// `kube_pod_(init_)container_status_waiting_reason`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingSeries {
    /// Pod name.
    pub pod: String,
    /// Pod uid.
    pub uid: Uid,
    /// Container name.
    pub container: String,
    /// The kubelet's reason.
    pub reason: String,
}

/// `kube_pod_(init_)container_status_restarts_total`.
#[derive(Clone, Debug, PartialEq)]
pub struct RestartSeries {
    /// Pod name.
    pub pod: String,
    /// Pod uid.
    pub uid: Uid,
    /// Container name.
    pub container: String,
    /// Restarts in the window that was asked for.
    pub restarts: f64,
}

/// `kube_pod_container_status_last_terminated_reason` with its exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminationSeries {
    /// Pod name.
    pub pod: String,
    /// Pod uid.
    pub uid: Uid,
    /// Container name.
    pub container: String,
    /// `Error`, `OOMKilled`, …
    pub reason: String,
    /// Exit code; `None` where the series is missing (it is newer than the reason's).
    pub exit_code: Option<i64>,
}

/// Replica counts as Prometheus has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaSeries {
    /// `kube_deployment_spec_replicas`.
    pub wanted: i64,
    /// `kube_deployment_status_replicas_available`.
    pub available: i64,
}

/// What Prometheus' history says of one revision: the longest stretch in which it was healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthHistory {
    /// The longest run of consecutive steps with ready == spec > 0, without restart and without gap; `None` = there was none.
    pub longest: Option<HealthyStretch>,
    /// Why nothing can be said of it, where that is so: there is no `longest` then, and that says nothing.
    pub unknown: Option<String>,
    /// How often its pods' containers restarted, as far as it was seen: since its object was made; of a Deployment's newest since its rollout.
    pub restarts: i64,
    /// The longest time in which nothing that was seen speaks against its having been healthy: samples that say so, missing ones, and ones
    /// whose restarts are not known. Asked of the newest revision alone: a target is proven by `longest`, a failing revision is cleared by doubt.
    pub unrefuted: SignedDuration,
    /// By container, the images that ran in its pods, by digest (`repository@sha256:…`), as the runtime reported them; a container without one
    /// is not known. More than one where a tag was moved.
    pub digests: BTreeMap<String, BTreeSet<String>>,
}

/// An image that ran in a pod of a revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RanImage {
    /// The revision.
    pub revision: RevisionName,
    /// The container.
    pub container: String,
    /// `repository@sha256:…`.
    pub image: String,
}

/// A stretch of time in which a revision was fully ready, without a restart and without a gap in the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthyStretch {
    /// Its first sample.
    pub from: Timestamp,
    /// Its last sample.
    pub to: Timestamp,
    /// How many samples it has.
    pub samples: u32,
}

impl HealthyStretch {
    /// How long it lasted.
    pub fn span(&self) -> SignedDuration {
        self.to.duration_since(self.from)
    }
}

/// A closed incident of the same workload, as far as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastIncident {
    /// Its name.
    pub name: String,
    /// When it closed; `None` while it is open.
    pub closed_at: Option<Timestamp>,
    /// How it ended; empty while it is open.
    pub outcome: String,
    /// The revisions that it saw failing.
    pub failed: Vec<TemplateHash>,
    /// The newest revision when it began.
    pub revision: TemplateHash,
    /// When it wrote to the workload, each step; empty for dry runs and holds.
    pub acted_at: Vec<Timestamp>,
}

/// What one incident remembers between readings: states flap, events expire and messages are replaced. Bounded: see [`Memory::LIMIT`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// One entry for each pod, container and symptom.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub sightings: Vec<Sighting>,
}

impl Memory {
    /// At most this many sightings: 10 pods with 5 containers each is more than a diagnosis reads; the oldest go first.
    pub const LIMIT: usize = 50;
}

/// One symptom of one container of one pod, over several readings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sighting {
    /// The pod's uid.
    #[schemars(length(max = 63))]
    pub pod: Uid,
    /// The revision the pod belongs to.
    #[schemars(length(max = 253))]
    pub revision: RevisionName,
    /// The container.
    #[schemars(length(max = 63))]
    pub container: String,
    /// Which symptom.
    #[schemars(length(max = 63))]
    pub symptom: String,
    /// The first reading that saw it.
    pub first_seen: Timestamp,
    /// The last reading that saw it.
    pub last_seen: Timestamp,
    /// The exact message, as first seen: the kubelet replaces it later.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub message: String,
    /// The longest run of the container that was seen, in seconds; 0 = it never started.
    #[serde(default)]
    pub longest_run_seconds: i64,
}
