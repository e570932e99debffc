//! An alert as Alertmanager posted it: a hint that names a workload, and nothing more.

use super::identity::{Fingerprint, Uid};
use super::workload::WorkloadKind;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What identifies one episode of one alert: Alertmanager posts the same pair again and again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertKey {
    /// The hash of its labels.
    pub fingerprint: Fingerprint,
    /// When this episode began.
    pub starts_at: Timestamp,
}

/// The name of an alert that was cut off from its group, where the group may have alerts of several names. It fits no policy's `match.alerts`: nobody
/// has said that the workload ever had one of those.
pub const UNKNOWN_NAME: &str = "(one that was cut off)";

/// Whether the alert still fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertStatus {
    /// It does.
    Firing,
    /// It has stopped. Proof of nothing: a dead Prometheus resolves alerts too.
    Resolved,
}

/// What an alert's labels point at. Nothing of it is believed before the live API has confirmed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// The labels name a workload.
    Workload {
        /// Which kind of label it was.
        kind: WorkloadKind,
        /// Its value.
        name: String,
    },
    /// The labels name a pod.
    Pod {
        /// Its name.
        name: String,
        /// Its uid, where the labels have one: it must be the live pod's.
        uid: Option<Uid>,
    },
    /// The labels name neither: an aggregate.
    Namespace,
}

/// One alert of one delivery, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertSeen {
    /// Which episode.
    pub key: AlertKey,
    /// Whether it fires.
    pub status: AlertStatus,
    /// `alertname`, cleaned; `(unnamed)` where the label is missing.
    pub name: String,
    /// The namespace that its labels name (`exported_namespace` before `namespace`); `None` where there is none.
    pub namespace: Option<String>,
    /// What else they name.
    pub hint: Hint,
}

/// An alert as an Incident stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertRecord {
    /// `alertname`.
    #[schemars(length(max = 256))]
    pub name: String,
    /// Alertmanager's fingerprint.
    #[schemars(length(max = 64))]
    pub fingerprint: Fingerprint,
    /// When this episode began.
    pub starts_at: Timestamp,
    /// When it first reached Ripcord.
    pub received_at: Timestamp,
    /// Whether Alertmanager has since said that it resolved. Not proof of recovery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resolved: bool,
}

impl AlertRecord {
    /// Which episode.
    pub fn key(&self) -> AlertKey {
        AlertKey {
            fingerprint: self.fingerprint.clone(),
            starts_at: self.starts_at,
        }
    }
}
