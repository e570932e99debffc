//! How one reading of one container is read: the kubelet's words and numbers, before anybody asks what they prove.

use crate::domain::evidence::EventFact;
use crate::domain::time::since;
use crate::domain::workload::{Container, ContainerState};
use jiff::{SignedDuration, Timestamp};

/// A crash older than this proves nothing about now: twice the longest back-off between two restarts (5 minutes).
pub(super) const CRASH_IS_RECENT: SignedDuration = SignedDuration::from_mins(10);

/// The kinds of symptom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SymptomKind {
    /// `ErrImagePull` or `ImagePullBackOff`: one symptom under two names.
    ImagePull,
    /// `InvalidImageName`.
    InvalidImageName,
    /// `ErrImageNeverPull`.
    ErrImageNeverPull,
    /// The container could not be created or run: `CreateContainerConfigError`, `RunContainerError`, …
    ContainerError,
    /// `CrashLoopBackOff`, or crashes that are recent and enough.
    Crash,
    /// No node takes the pod.
    Unscheduled,
    /// Its volumes or its sandbox can't be made.
    NotCreated,
    /// The API server refuses every pod of the revision. Not of a pod, so never in an incident's memory.
    NoPods,
}

impl SymptomKind {
    /// Its name in an incident's memory.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImagePull => "ImagePull",
            Self::InvalidImageName => "InvalidImageName",
            Self::ErrImageNeverPull => "ErrImageNeverPull",
            Self::ContainerError => "ContainerError",
            Self::Crash => "Crash",
            Self::Unscheduled => "Unscheduled",
            Self::NotCreated => "NotCreated",
            Self::NoPods => "NoPods",
        }
    }
}

/// What a container's state says by itself; `None` = nothing that is a symptom without more.
pub(super) fn kind_by_state(state: &ContainerState) -> Option<SymptomKind> {
    let ContainerState::Waiting { reason, .. } = state else {
        return None;
    };
    match reason.as_str() {
        // The last three are the pull's other endings (kubelet `images/types.go`, cri-api `errors.go`).
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => Some(SymptomKind::ImagePull),
        "InvalidImageName" => Some(SymptomKind::InvalidImageName),
        "ErrImageNeverPull" => Some(SymptomKind::ErrImageNeverPull),
        "CreateContainerConfigError"
        | "CreateContainerError"
        | "PreCreateHookError"
        | "PreStartHookError"
        | "PostStartHookError"
        | "RunContainerError" => Some(SymptomKind::ContainerError),
        "CrashLoopBackOff" => Some(SymptomKind::Crash),
        _ => None,
    }
}

/// The default states of a container that has not been created yet (kubelet `kubelet_pods.go`).
pub(super) fn is_being_created(state: &ContainerState) -> bool {
    matches!(state, ContainerState::Waiting { reason, .. } if reason == "ContainerCreating" || reason == "PodInitializing")
}

/// An Event that says why a pod's containers can't be created.
pub(super) fn is_creation_failure(event: &EventFact) -> bool {
    event.reason == "FailedMount" || event.reason == "FailedCreatePodSandBox"
}

/// Whether a container ended a short while ago, or is kept from starting again because it did. An init container is done when it
/// ends with 0, however often it had to try.
pub(super) fn has_crashed_lately(container: &Container, now: Timestamp) -> bool {
    let is_done = container.init
        && matches!(&container.state, ContainerState::Terminated(termination) if termination.exit_code == 0);
    let ended = container
        .newest_termination()
        .and_then(|termination| termination.finished);
    let is_recent = ended.is_some_and(|ended| since(ended, now) <= CRASH_IS_RECENT);
    !is_done && (is_recent || kind_by_state(&container.state) == Some(SymptomKind::Crash))
}
