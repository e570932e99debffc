//! StatefulSets and DaemonSets through time. Their revisions have no series of their own, as ReplicaSets have: a StatefulSet's status names them, and a
//! DaemonSet's can be told by the images of its pods alone.

mod asking;
pub(super) mod questions;
mod tables;

use crate::domain::identity::RevisionName;
use crate::domain::workload::WorkloadKind;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// At most this many workloads in one history. Of each there are four counts for every step: 5 workloads x 4 rows x 10,081 points (7 days by the minute)
/// x at most 22 bytes = 4.4 MB of the 8 MiB that are read. Its pods are one row for each container and image, in an answer of their own.
pub const MOST_SETS: usize = 5;

/// The kinds whose controllers make pods themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SetKind {
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet.
    DaemonSet,
}

impl SetKind {
    /// The kind of a workload; `None` for a Deployment, whose ReplicaSets make its pods.
    pub fn of(kind: WorkloadKind) -> Option<Self> {
        match kind {
            WorkloadKind::Deployment => None,
            WorkloadKind::StatefulSet => Some(Self::StatefulSet),
            WorkloadKind::DaemonSet => Some(Self::DaemonSet),
        }
    }
}

/// Workloads of one kind through time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetHistory {
    /// How far the steps are apart.
    pub step: SignedDuration,
    /// By workload; one that is missing was never seen.
    pub sets: BTreeMap<String, SetPast>,
}

/// One workload through time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetPast {
    /// The steps at which it was asked for pods. A step is missing where it was asked for none, where there was no sample since the step before, and
    /// where two sources spoke.
    pub counts: BTreeMap<Timestamp, SetCounts>,
    /// A StatefulSet's `kube_statefulset_status_current_revision`: every one that was named since the step before. Empty for a DaemonSet.
    pub current: BTreeMap<Timestamp, BTreeSet<RevisionName>>,
    /// The same of `kube_statefulset_status_update_revision`.
    pub update: BTreeMap<Timestamp, BTreeSet<RevisionName>>,
    /// Its pods, of every revision, by container and image. A pod that went away since the step before still counts.
    pub images: BTreeMap<ContainerImage, BTreeMap<Timestamp, ImagePods>>,
}

/// A container and its image as the pod's spec names it (`image_spec`), which is as the template does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerImage {
    /// The container, an init one or not.
    pub container: String,
    /// The image.
    pub image: String,
}

/// A workload's numbers at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetCounts {
    /// `kube_statefulset_replicas`, `kube_daemonset_status_desired_number_scheduled`; above 0.
    pub wanted: i64,
    /// `kube_statefulset_status_replicas_ready`, `kube_daemonset_status_number_ready`.
    pub ready: i64,
    /// `kube_statefulset_status_replicas_updated`, `kube_daemonset_status_updated_number_scheduled`: of the revision that was the newest then.
    pub updated: i64,
    /// `kube_statefulset_status_replicas`, `kube_daemonset_status_current_number_scheduled`: a StatefulSet's is above `wanted` while it is scaled down.
    pub total: i64,
}

/// The pods with one image, at one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImagePods {
    /// How many (`kube_pod_container_info`).
    pub pods: i64,
    /// How many of them were Ready (`kube_pod_status_ready`); `None` = unknown.
    pub ready: Option<i64>,
    /// How often that container restarted in them since the step before; `None` = unknown.
    pub restarts: Option<i64>,
}

/// An image that ran in pods of a workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetImage {
    /// The workload.
    pub workload: String,
    /// The container and the image that was asked for.
    pub asked: ContainerImage,
    /// What that was: `repository@sha256:…`.
    pub image: String,
}
