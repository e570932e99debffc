//! Kubernetes Events, on the workload and on the Incident: what `kubectl describe` shows of either.

use crate::domain::text;
use crate::domain::workload::WorkloadRef;
use crate::platform::kube::{ApiError, Cluster};
use jiff::Timestamp;
use serde_json::{Value, json};

/// `note` has 1024 bytes at most, else 422 (Kubernetes `pkg/apis/core/validation/events.go`).
const NOTE_BYTES: usize = 1024;
/// Our name as a controller: a qualified name.
const CONTROLLER: &str = "ripcord.dev/ripcord";

/// The reasons under which Ripcord speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Announcement {
    /// A dry run: what would be done.
    RemediationPlanned,
    /// A write was accepted.
    RemediationStarted,
    /// Recovery was verified.
    RemediationSucceeded,
    /// A write, or what it restored, failed.
    RemediationFailed,
    /// A fact stands against acting.
    RemediationHeld,
}

impl Announcement {
    /// The Event's `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RemediationPlanned => "RemediationPlanned",
            Self::RemediationStarted => "RemediationStarted",
            Self::RemediationSucceeded => "RemediationSucceeded",
            Self::RemediationFailed => "RemediationFailed",
            Self::RemediationHeld => "RemediationHeld",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::RemediationFailed | Self::RemediationHeld => "Warning",
            Self::RemediationPlanned | Self::RemediationStarted | Self::RemediationSucceeded => {
                "Normal"
            }
        }
    }
}

/// What an Event is about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The workload.
    pub workload: WorkloadRef,
    /// Its uid.
    pub workload_uid: String,
    /// The Incident's name.
    pub incident: String,
    /// Its uid.
    pub incident_uid: String,
}

/// Tells one thing, once: an Event's name follows from its incident, reason and step, and one that exists was told before.
///
/// # Errors
/// When the API server does not answer or refuses.
pub async fn announce(
    cluster: &Cluster,
    subject: &Subject,
    what: Announcement,
    step: usize,
    note: &str,
    now: Timestamp,
) -> Result<(), ApiError> {
    let (workload, incident) = references(subject);
    let told = [
        (&workload, &incident, "workload"),
        (&incident, &workload, "incident"),
    ];
    for (regarding, related, on) in told {
        let name = format!(
            "{}.{}-{step}.{on}",
            subject.incident,
            what.as_str().to_lowercase()
        );
        let event = json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": subject.workload.namespace},
            "eventTime": format!("{now:.6}"),
            "reportingController": CONTROLLER,
            "reportingInstance": "ripcord",
            "action": what.as_str(),
            "reason": what.as_str(),
            "type": what.kind(),
            "note": text::truncate(note, NOTE_BYTES),
            "regarding": regarding,
            "related": related,
        });
        match cluster
            .create_event(&subject.workload.namespace, &event)
            .await
        {
            Ok(_) => {}
            Err(error) if error.is_already_exists() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn references(subject: &Subject) -> (Value, Value) {
    let workload = json!({
        "apiVersion": "apps/v1",
        "kind": subject.workload.kind.as_str(),
        "namespace": subject.workload.namespace,
        "name": subject.workload.name,
        "uid": subject.workload_uid,
    });
    let incident = json!({
        "apiVersion": "ripcord.dev/v1alpha1",
        "kind": "Incident",
        "namespace": subject.workload.namespace,
        "name": subject.incident,
        "uid": subject.incident_uid,
    });
    (workload, incident)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_time_has_the_microseconds_that_the_api_wants() {
        let now: Timestamp = "2026-11-23T04:10:29.916150123Z".parse().unwrap();
        assert_eq!(format!("{now:.6}"), "2026-11-23T04:10:29.916150Z");
        let whole: Timestamp = "2026-11-23T04:10:29Z".parse().unwrap();
        assert_eq!(format!("{whole:.6}"), "2026-11-23T04:10:29.000000Z");
    }

    #[test]
    fn what_went_wrong_is_a_warning() {
        assert_eq!(Announcement::RemediationFailed.kind(), "Warning");
        assert_eq!(Announcement::RemediationSucceeded.kind(), "Normal");
    }
}
