//! A workload, its revisions and its pods, as the live API server told them.

use super::identity::{RevisionName, TemplateHash, Uid};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// The kinds of workload whose rollouts Ripcord understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet.
    DaemonSet,
}

impl WorkloadKind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet];

    /// The kind as an object's `kind` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// The kind from an object's `kind`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Which workload: enough to ask for it, not enough to be sure that it is still the same one (see [`Uid`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadRef {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for WorkloadRef {
    /// `deployment/web`, as kubectl names it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}/{}",
            self.kind.as_str().to_lowercase(),
            self.name
        )
    }
}

/// A live workload. The template is raw JSON as the API server sent it: an older struct would drop newer fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Which one.
    pub reference: WorkloadRef,
    /// `metadata.uid`.
    pub uid: Uid,
    /// `metadata.resourceVersion` of this reading.
    pub resource_version: String,
    /// `metadata.generation`: what was asked for.
    pub generation: i64,
    /// `status.observedGeneration`: what the controller has seen.
    pub observed_generation: i64,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`; `None` where the object has none at all (a JSON Patch must add the map first).
    pub annotations: Option<BTreeMap<String, String>>,
    /// `metadata.ownerReferences`, raw; `Null` where there are none.
    pub owner_references: Value,
    /// `spec`, raw.
    pub spec: Value,
    /// `status.replicas`, `updatedReplicas`, `readyReplicas`, `availableReplicas`.
    pub counts: ReplicaCounts,
    /// Why its controller can't make pods, where it says so.
    pub replica_failure: Option<ReplicaFailure>,
}

/// The condition `ReplicaFailure` where it is `True`: a quota, or another admission, refuses the pods (Kubernetes
/// `pkg/controller/deployment/util/deployment_util.go`; the newest ReplicaSet's comes before older ones').
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaFailure {
    /// The API server's words, cleaned and redacted: `pods "web-5d9-x" is forbidden: exceeded quota: …`.
    pub message: String,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// A workload's replica counts, absent ones being 0 as the API says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaCounts {
    /// `status.replicas`.
    pub total: i64,
    /// `status.updatedReplicas`.
    pub updated: i64,
    /// `status.readyReplicas`.
    pub ready: i64,
    /// `status.availableReplicas`.
    pub available: i64,
    /// How many there should be, where the spec does not say it: a DaemonSet's `status.desiredNumberScheduled`.
    pub desired: Option<i64>,
}

impl Workload {
    /// `spec.template`, raw; `Null` where there is none.
    pub fn template(&self) -> &Value {
        self.spec.get("template").unwrap_or(&Value::Null)
    }

    /// `spec.replicas`; 1 where unset (Kubernetes `pkg/apis/apps/v1/defaults.go`). For a DaemonSet the nodes say it.
    pub fn replicas_wanted(&self) -> i64 {
        let asked = || self.spec.get("replicas").and_then(Value::as_i64);
        self.counts.desired.or_else(asked).unwrap_or(1)
    }

    /// `spec.minReadySeconds`; 0 where unset.
    pub fn min_ready_seconds(&self) -> i64 {
        self.spec
            .get("minReadySeconds")
            .and_then(Value::as_i64)
            .unwrap_or(0)
    }

    /// `spec.paused`.
    pub fn paused(&self) -> bool {
        self.spec
            .get("paused")
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    /// One annotation's value.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations
            .as_ref()
            .and_then(|annotations| annotations.get(key))
            .map(String::as_str)
    }

    /// Whether a person or another program changed what matters between two readings: uid, owners, labels, annotations or spec.
    /// Status moves all the time and does not count; nor does the controller's own revision annotation.
    pub fn same_intent(&self, other: &Self) -> bool {
        fn intent(workload: &Workload) -> BTreeMap<&String, &String> {
            workload
                .annotations
                .iter()
                .flatten()
                .filter(|(key, _)| key.as_str() != REVISION_ANNOTATION)
                .collect()
        }
        self.uid == other.uid
            && self.owner_references == other.owner_references
            && self.labels == other.labels
            && self.spec == other.spec
            && intent(self) == intent(other)
    }
}

/// Where the Deployment controller writes a revision's number (Kubernetes `pkg/controller/deployment/util/deployment_util.go`).
pub const REVISION_ANNOTATION: &str = "deployment.kubernetes.io/revision";
/// The label of a StatefulSet's or DaemonSet's pods that names their revision (`k8s.io/api/apps/v1`, `ControllerRevisionHashLabelKey`).
pub const REVISION_HASH_LABEL: &str = "controller-revision-hash";
/// The label that the Deployment controller adds to a ReplicaSet's template; it is never part of a workload's own template.
pub const TEMPLATE_HASH_LABEL: &str = "pod-template-hash";

/// One revision of a workload: one of a Deployment's ReplicaSets, or of a StatefulSet's or DaemonSet's ControllerRevisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Its name.
    pub name: RevisionName,
    /// Its object's uid.
    pub uid: Uid,
    /// Its template's hash.
    pub hash: TemplateHash,
    /// The number `kubectl rollout history` shows; an undo gives the same revision a new one.
    pub number: i64,
    /// When its object was created. Not when it was rolled out: ReplicaSets are reused.
    pub created: Timestamp,
    /// How many pods it was asked for: a ReplicaSet's own number. A ControllerRevision has none; the newest one is given the workload's.
    pub replicas_wanted: i64,
    /// The template, raw, without the `pod-template-hash` label.
    pub template: Value,
    /// `kubernetes.io/change-cause`, where set.
    pub change_cause: Option<String>,
}

impl Revision {
    /// The image of each container, init containers first, as the template names them.
    pub fn images(&self) -> Vec<(String, String)> {
        images(&self.template)
    }
}

/// The containers of a pod template with their images, init containers first.
pub fn images(template: &Value) -> Vec<(String, String)> {
    ["initContainers", "containers"]
        .into_iter()
        .filter_map(|list| template.pointer(&format!("/spec/{list}")))
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|container| {
            let field = |key: &str| container.get(key).and_then(Value::as_str);
            Some((field("name")?.to_owned(), field("image")?.to_owned()))
        })
        .collect()
}

/// The revisions of a workload, told apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Revisions {
    /// The revision that carries the workload's template now; `None` until the controller has made it.
    pub newest: Option<Revision>,
    /// All others, newest number first.
    pub older: Vec<Revision>,
}

impl Revisions {
    /// Tells the newest from the others: it is the one whose template is the workload's. Its number must be the highest too, else the
    /// controller has not caught up (semantics page, section 4, "Race") and there is no newest yet.
    pub fn sort(mut revisions: Vec<Revision>, workload_template: &Value) -> Self {
        revisions
            .sort_by(|left, right| (right.number, &right.name).cmp(&(left.number, &left.name)));
        let mut revisions = revisions.into_iter().peekable();
        let newest = revisions.next_if(|first| &first.template == workload_template);
        Self {
            newest,
            older: revisions.collect(),
        }
    }

    /// All of them, the newest first.
    pub fn all(&self) -> impl Iterator<Item = &Revision> {
        self.newest.iter().chain(&self.older)
    }

    /// One by its name.
    pub fn named(&self, name: &RevisionName) -> Option<&Revision> {
        self.all().find(|revision| &revision.name == name)
    }
}

/// A live pod of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: Uid,
    /// The revision it belongs to: its controlling ReplicaSet, or the ControllerRevision that its label names.
    pub revision: RevisionName,
    /// The node it runs on, once scheduled.
    pub node: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is being deleted, or has ended for good (phase `Failed`, as after an eviction, or `Succeeded`) and was replaced by its
    /// ReplicaSet: such a pod proves nothing.
    pub deleting: bool,
    /// Since when it has been Ready; `None` while it is not.
    pub ready_since: Option<Timestamp>,
    /// The scheduler's words where `PodScheduled` is `False`.
    pub unschedulable: Option<String>,
    /// Its containers, init ones first.
    pub containers: Vec<Container>,
}

/// One container of a live pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Whether it is an init container (native sidecars too).
    pub init: bool,
    /// The image that the pod's spec names.
    pub image: String,
    /// The image that runs, as the runtime reports it; empty before it was pulled.
    pub image_id: String,
    /// How often it was restarted.
    pub restarts: i64,
    /// What it does now.
    pub state: ContainerState,
    /// How it ended last.
    pub last: Option<Termination>,
}

/// What a container does now.
#[derive(Clone, Debug, PartialEq)]
pub enum ContainerState {
    /// It waits.
    Waiting {
        /// The kubelet's reason; may be empty, and may be one that nobody knows yet.
        reason: String,
        /// The kubelet's message, cleaned and redacted.
        message: String,
    },
    /// It runs.
    Running {
        /// Since when.
        since: Option<Timestamp>,
    },
    /// It has ended and was not started again yet.
    Terminated(Termination),
    /// The kubelet has said nothing about it.
    Unknown,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Termination {
    /// `Error`, `Completed`, `OOMKilled`, `StartError`, …
    pub reason: String,
    /// Its exit code.
    pub exit_code: i64,
    /// When it began; `None` where it never did (unset, or the epoch).
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// What the runtime said where it could not start it, or what the program left in its termination log; cleaned and redacted.
    pub message: String,
}

impl Container {
    /// The termination that is known newest: the present one, or the last.
    pub fn newest_termination(&self) -> Option<&Termination> {
        match &self.state {
            ContainerState::Terminated(termination) => Some(termination),
            ContainerState::Waiting { .. }
            | ContainerState::Running { .. }
            | ContainerState::Unknown => self.last.as_ref(),
        }
    }
}

/// The owner's wish for one workload or namespace: the annotation `ripcord.dev/mode`.
pub const MODE_ANNOTATION: &str = "ripcord.dev/mode";
/// The action id of Ripcord's last write, on the workload (never in its template).
pub const ACTION_ANNOTATION: &str = "ripcord.dev/action";

/// A workload's identity as an Incident stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadIdentity {
    /// Its kind: `Deployment`.
    #[schemars(length(max = 63))]
    pub kind: String,
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its uid.
    #[schemars(length(max = 63))]
    pub uid: Uid,
}
