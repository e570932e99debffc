//! Whether a closed incident has said all there is to say about an alert: then it opens no other one.

use super::gather::{decided_on, namespace_moved, status};
use crate::config::Config;
use crate::domain::alert::AlertKey;
use crate::domain::incident::Ending;
use crate::domain::observed::Observed;
use crate::domain::workload::{Revision, Workload};
use crate::planted::{self, Bug};
use crate::record::crd::Incident;
use crate::telemetry::labels::SkipReason;

/// Why an alert opens no new incident although none is open. Only an incident about the revision that is newest now can know it: an alert
/// about a workload goes on firing, as the same one, when a bad revision replaces a bad one.
pub(super) fn known_to_closed(
    incidents: &[Incident],
    workload: &Workload,
    newest: &Revision,
    namespace_mode: &Observed<String>,
    config: &Config,
    key: &AlertKey,
) -> Option<SkipReason> {
    if planted::is(Bug::ClosedForgotten) {
        return None;
    }
    let digest = decided_on(workload, &config.digest);
    incidents.iter().find_map(|incident| {
        let status = status(incident);
        let ending = Ending::parse(&status.outcome)?;
        let written = status
            .applied
            .last()
            .and_then(|applied| applied.revision.as_ref());
        let about_it = *written.unwrap_or(&incident.spec.revision.hash) == newest.hash;
        let has_it = incident.spec.alert.key() == *key
            || status.alerts.iter().any(|alert| alert.key() == *key);
        match ending {
            _ if !about_it => None,
            Ending::NotFailing => None,
            // A person knows; but once the workload, its annotations, the namespace's mode or the configuration have changed (dry run to enforce), it is decided
            // again, whichever alert says that it still fails.
            _ if ending.absorbs_later_alerts() => {
                let same = status.decided_on == digest && !namespace_moved(&status, namespace_mode);
                same.then_some(SkipReason::Absorbed)
            }
            // An alert lags behind the repair; another one about what was restored is news.
            _ => has_it.then_some(SkipReason::AlreadyKnown),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::AlertRecord;
    use crate::domain::identity::{Fingerprint, RevisionName, TemplateHash, Uid};
    use crate::domain::incident::{IncidentStatus, Phase};
    use crate::domain::plan::RevisionMark;
    use crate::domain::workload::{ReplicaCounts, WorkloadIdentity, WorkloadKind, WorkloadRef};
    use crate::record::crd::IncidentSpec;
    use jiff::Timestamp;
    use serde_json::json;

    fn config(mode: &str) -> Config {
        let shipped = include_str!("../../config/ripcord.yaml");
        crate::config::parse(&shipped.replacen("mode: dry-run", mode, 1), "test").unwrap()
    }

    fn workload() -> Workload {
        Workload {
            reference: WorkloadRef {
                kind: WorkloadKind::Deployment,
                namespace: "lab30".into(),
                name: "web".into(),
            },
            uid: Uid::new("u"),
            resource_version: "1".into(),
            generation: 1,
            observed_generation: 1,
            labels: [].into(),
            annotations: None,
            spec: json!({"template": {}}),
            counts: ReplicaCounts::default(),
            owner_references: serde_json::Value::Null,
            replica_failure: None,
        }
    }

    fn revision(hash: &str) -> Revision {
        Revision {
            name: RevisionName::new(hash),
            uid: Uid::new(hash),
            hash: TemplateHash::new(hash),
            number: 1,
            created: Timestamp::UNIX_EPOCH,
            replicas_wanted: 1,
            template: json!({}),
            change_cause: None,
        }
    }

    fn alert(fingerprint: &str) -> AlertRecord {
        AlertRecord {
            name: "A".into(),
            fingerprint: Fingerprint::new(fingerprint),
            starts_at: Timestamp::UNIX_EPOCH,
            received_at: Timestamp::UNIX_EPOCH,
            resolved: false,
        }
    }

    /// An incident about revision `bad` and the alert `a`, decided on the workload and configuration of these tests.
    fn closed(ending: Ending) -> Incident {
        let spec = IncidentSpec {
            workload: WorkloadIdentity {
                kind: "Deployment".into(),
                name: "web".into(),
                uid: Uid::new("u"),
            },
            revision: RevisionMark {
                name: RevisionName::new("bad"),
                hash: TemplateHash::new("bad"),
                number: 1,
            },
            installation: "default".into(),
            alert: alert("a"),
        };
        let mut incident = Incident::new("web-x", spec);
        incident.status = Some(IncidentStatus {
            phase: Phase::Closed.as_str().into(),
            outcome: ending.as_str().into(),
            decided_on: decided_on(&workload(), &config("mode: dry-run").digest),
            ..IncidentStatus::default()
        });
        incident
    }

    fn ask(ending: Ending, newest: &str, alert_of: &str, mode: &str) -> Option<SkipReason> {
        known_to_closed(
            &[closed(ending)],
            &workload(),
            &revision(newest),
            &Observed::Absent,
            &config(mode),
            &alert(alert_of).key(),
        )
    }

    #[test]
    fn a_dry_run_absorbs_alerts_until_the_configuration_changes() {
        for alert in ["a", "b"] {
            let absorbed = ask(Ending::DryRun, "bad", alert, "mode: dry-run");
            assert_eq!(absorbed, Some(SkipReason::Absorbed));
            assert_eq!(ask(Ending::DryRun, "bad", alert, "mode: enforce"), None);
        }
    }

    #[test]
    fn a_newer_revision_is_news_whichever_alert_tells() {
        for ending in Ending::ALL {
            assert_eq!(
                ask(ending, "worse", "a", "mode: dry-run"),
                None,
                "{ending:?}"
            );
        }
    }

    #[test]
    fn an_alert_that_lags_behind_the_repair_is_known_and_another_one_is_not() {
        for ending in [Ending::Recovered, Ending::RecoveredAlone] {
            let lagging = ask(ending, "bad", "a", "mode: dry-run");
            assert_eq!(lagging, Some(SkipReason::AlreadyKnown));
            assert_eq!(ask(ending, "bad", "b", "mode: dry-run"), None);
        }
    }

    #[test]
    fn what_was_never_seen_failing_is_looked_at_again() {
        assert_eq!(ask(Ending::NotFailing, "bad", "a", "mode: dry-run"), None);
    }

    #[test]
    fn a_namespace_that_says_something_else_now_is_news_and_one_that_can_not_be_read_is_none() {
        let ask = |mode: Observed<String>| {
            known_to_closed(
                &[closed(Ending::DryRun)],
                &workload(),
                &revision("bad"),
                &mode,
                &config("mode: dry-run"),
                &alert("b").key(),
            )
        };
        let away = Observed::Unavailable("403".to_owned());
        for same in [Observed::Absent, away] {
            assert_eq!(ask(same), Some(SkipReason::Absorbed));
        }
        assert_eq!(ask(Observed::Known("enforce".to_owned())), None);
    }
}
