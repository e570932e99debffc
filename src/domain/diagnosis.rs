//! What is broken, and whether going back can help.

use super::identity::RevisionName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The closed list of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The registry answered: there is no such tag or digest.
    ImageNotFound,
    /// The image reference does not parse.
    InvalidImageName,
    /// The image exists, but not for this node's platform.
    WrongPlatform,
    /// The registry refuses us, or the repository does not exist (it does not say which).
    ImageAccessDenied,
    /// The registry says: too many requests.
    RegistryRateLimited,
    /// The registry does not answer, or answers 5xx.
    RegistryUnreachable,
    /// `imagePullPolicy: Never`, and the image is not on the node.
    NeverPull,
    /// The program starts and ends with an error, soon and of itself.
    CrashOnStart,
    /// The program could not be started at all.
    StartError,
    /// The kernel ended it for its memory.
    OutOfMemory,
    /// The kubelet ended it for a failing probe.
    ProbeKilled,
    /// It ends with exit code 0 although it should stay.
    ExitedZero,
    /// An init container fails.
    InitFailed,
    /// A ConfigMap, Secret or key that the template names does not exist.
    ConfigMissing,
    /// A volume can't be mounted.
    MountMissing,
    /// An older revision's pods fail in the same way.
    OlderRevisionFailsToo,
    /// This very revision was healthy before.
    WasHealthy,
    /// There was no rollout lately.
    NoRecentRollout,
    /// A ConfigMap or Secret changed under an unchanged template.
    ConfigChanged,
    /// The node is in trouble.
    NodeTrouble,
    /// No node fits.
    Unschedulable,
    /// A quota stands in the way.
    Quota,
    /// The registry is away for several workloads.
    RegistryOutage,
    /// The facts do not say.
    Unknown,
}

impl Cause {
    /// All causes, in the order of the design.
    pub const ALL: [Self; 24] = [
        Self::ImageNotFound,
        Self::InvalidImageName,
        Self::WrongPlatform,
        Self::ImageAccessDenied,
        Self::RegistryRateLimited,
        Self::RegistryUnreachable,
        Self::NeverPull,
        Self::CrashOnStart,
        Self::StartError,
        Self::OutOfMemory,
        Self::ProbeKilled,
        Self::ExitedZero,
        Self::InitFailed,
        Self::ConfigMissing,
        Self::MountMissing,
        Self::OlderRevisionFailsToo,
        Self::WasHealthy,
        Self::NoRecentRollout,
        Self::ConfigChanged,
        Self::NodeTrouble,
        Self::Unschedulable,
        Self::Quota,
        Self::RegistryOutage,
        Self::Unknown,
    ];

    /// Its name in configurations, records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImageNotFound => "ImageNotFound",
            Self::InvalidImageName => "InvalidImageName",
            Self::WrongPlatform => "WrongPlatform",
            Self::ImageAccessDenied => "ImageAccessDenied",
            Self::RegistryRateLimited => "RegistryRateLimited",
            Self::RegistryUnreachable => "RegistryUnreachable",
            Self::NeverPull => "NeverPull",
            Self::CrashOnStart => "CrashOnStart",
            Self::StartError => "StartError",
            Self::OutOfMemory => "OutOfMemory",
            Self::ProbeKilled => "ProbeKilled",
            Self::ExitedZero => "ExitedZero",
            Self::InitFailed => "InitFailed",
            Self::ConfigMissing => "ConfigMissing",
            Self::MountMissing => "MountMissing",
            Self::OlderRevisionFailsToo => "OlderRevisionFailsToo",
            Self::WasHealthy => "WasHealthy",
            Self::NoRecentRollout => "NoRecentRollout",
            Self::ConfigChanged => "ConfigChanged",
            Self::NodeTrouble => "NodeTrouble",
            Self::Unschedulable => "Unschedulable",
            Self::Quota => "Quota",
            Self::RegistryOutage => "RegistryOutage",
            Self::Unknown => "Unknown",
        }
    }

    /// The cause of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether going back to an older revision can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helps {
    /// It can.
    Yes,
    /// It can't.
    No,
    /// The facts do not say.
    Unknown,
}

impl Helps {
    /// How a record says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "Yes",
            Self::No => "No",
            Self::Unknown => "Unknown",
        }
    }
}

/// One failing container of the newest revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The container; empty where the whole pod fails before it has one (no room in a quota).
    pub container: String,
    /// Whether it is an init container.
    pub init: bool,
    /// Why it fails.
    pub cause: Cause,
    /// Whether going back can help.
    pub rollback_helps: Helps,
    /// Why that is believed: one sentence for people.
    pub because: String,
    /// The facts that led to it, each with its source in front: `Pods: …`.
    pub facts: Vec<String>,
    /// The pods in which it fails.
    pub pods: Vec<String>,
    /// The longest that it ran before it failed, in seconds; 0 = it never started.
    pub longest_run_seconds: i64,
    /// Where not every older revision that differs in what fails would do: those that would. `None` = each of them would.
    pub cured_by: Option<BTreeSet<RevisionName>>,
}

impl Entry {
    /// What fails, in words: `container web`, or the pods where none of theirs can be made.
    pub fn subject(&self) -> String {
        if self.container.is_empty() {
            "every pod".to_owned()
        } else {
            format!("container {}", self.container)
        }
    }

    /// Whether going back to this older revision could cure it, as far as the diagnosis restricts it.
    pub fn may_be_cured_by(&self, revision: &RevisionName) -> bool {
        self.cured_by
            .as_ref()
            .is_none_or(|cured_by| cured_by.contains(revision))
    }
}

/// The diagnosis of one workload at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The newest revision; `None` where it could not be told.
    pub newest: Option<RevisionName>,
    /// One entry for each failing container of the newest revision, init containers first, then by name.
    pub entries: Vec<Entry>,
    /// Older revisions whose pods show a live symptom too.
    pub older_failing: Vec<RevisionName>,
    /// A cause that is not this workload's own, where there is one: told beside the entries, and nothing is written while it lasts.
    pub shared: Option<SharedCause>,
    /// Symptoms seen that are not proven yet (one reading, or too few crashes): look again soon.
    pub pending: Vec<String>,
}

/// A cause that lies outside of the workload: a registry or a node in trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedCause {
    /// `RegistryOutage` or `NodeTrouble`.
    pub cause: Cause,
    /// Why that is believed: one sentence for people.
    pub because: String,
}

impl Diagnosis {
    /// The cause that a table shows: the first entry's.
    pub fn leading_cause(&self) -> Option<Cause> {
        self.entries.first().map(|entry| entry.cause)
    }
}

/// A shared cause as an Incident stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SharedRecord {
    /// The cause's name.
    #[schemars(length(max = 63))]
    pub cause: String,
    /// Why that is believed.
    #[schemars(length(max = 1024))]
    pub because: String,
}

/// An entry as an Incident stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryRecord {
    /// The container.
    #[schemars(length(max = 63))]
    pub container: String,
    /// The cause's name.
    #[schemars(length(max = 63))]
    pub cause: String,
    /// `Yes`, `No` or `Unknown`.
    #[schemars(length(max = 16))]
    pub rollback_helps: String,
    /// Why that is believed.
    #[schemars(length(max = 1024))]
    pub because: String,
    /// The facts that led to it.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub facts: Vec<String>,
    /// The pods in which it fails.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub pods: Vec<String>,
}
