//! I12 and L1: what was accepted is in a record, what is over is told truly, and everything ends.

use super::super::alertmanager::AlertId;
use super::super::lab::NAMESPACE;
use super::super::process::SOAK;
use super::super::run::{Delivered, Records};
use super::super::story::Fault;
use super::super::truth::text;
use super::{is_ripcords, mutations, name_in, seconds};
use jiff::Timestamp;
use ripcord::sim::Write;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A stale reading and a watch's pace lie between what is so and what is told.
const TOLERANCE: i64 = 45;

pub(super) fn check(records: &Records, found: &mut Vec<String>) {
    for delivered in &records.delivered {
        durable(records, delivered, found);
    }
    openings(records, found);
    closings(records, found);
    finished(records, found);
    ended(records, found);
}

/// I12: an alert that a 200 counts as recorded is in a record by then, and none is passed over.
fn durable(records: &Records, delivered: &Delivered, found: &mut Vec<String>) {
    if delivered.status != 200 {
        return;
    }
    let count = |field: &str| {
        let count = delivered.receipt.get(field).and_then(Value::as_u64);
        usize::try_from(count.unwrap_or(0)).unwrap()
    };
    if count("recorded") + count("skipped") < delivered.alerts.len() {
        found.push(format!(
            "I12: {} alerts were answered with {}",
            delivered.alerts.len(),
            delivered.receipt
        ));
    }
    let before = records
        .log
        .writes()
        .iter()
        .filter(|write| write.at <= delivered.at);
    let recorded: BTreeSet<(String, Timestamp)> = before
        .filter(|write| is_ripcords(write) && write.accepted() && write.path.contains("/incidents"))
        .flat_map(|write| alerts_of(&write.body))
        .collect();
    let firing = delivered.alerts.iter().filter(|alert| alert.firing);
    let there = firing
        .filter(|alert| recorded.contains(&key(alert)))
        .count();
    if count("recorded") > there {
        found.push(format!(
            "I12: {} alerts counted as recorded, {there} are",
            count("recorded")
        ));
    }
}

fn key(alert: &AlertId) -> (String, Timestamp) {
    (alert.fingerprint.clone(), alert.starts_at)
}

/// Every alert that an Incident names.
fn alerts_of(incident: &Value) -> Vec<(String, Timestamp)> {
    let first = incident.pointer("/spec/alert");
    let joined = incident.pointer("/status/alerts").and_then(Value::as_array);
    let all = first.into_iter().chain(joined.into_iter().flatten());
    all.filter_map(|alert| {
        let starts_at = text(alert, "/startsAt").parse().ok()?;
        Some((text(alert, "/fingerprint"), starts_at))
    })
    .collect()
}

/// I4: an incident begins with an alert that fired; I11: the same alert opens no second one for the same revision.
fn openings(records: &Records, found: &mut Vec<String>) {
    let mut begun: BTreeMap<(Vec<(String, Timestamp)>, String), String> = BTreeMap::new();
    let made = records.log.writes().iter().filter(|write| {
        is_ripcords(write)
            && write.verb == "POST"
            && write.accepted()
            && write.path.ends_with("/incidents")
    });
    for write in made {
        let name = text(&write.body, "/metadata/name");
        let alerts = alerts_of(&write.body);
        let fired = |alert: &AlertId| alert.firing && alerts.contains(&key(alert));
        if !records.posted.iter().any(fired) {
            found.push(format!("I4: {name} was opened by no firing alert"));
        }
        let revision = text(&write.body, "/spec/revision/hash");
        if let Some(first) = begun.insert((alerts, revision), name.clone())
            && !was_not_failing(records, &first)
            // Who reads the past sees its own write undone.
            && !records.story.drew(Fault::StaleReads)
            && !records.people_acted()
        {
            found.push(format!(
                "I11: {name} was opened by the alert that had opened {first}"
            ));
        }
    }
}

/// One that found nothing may be opened again by the same alert.
fn was_not_failing(records: &Records, name: &str) -> bool {
    records.incidents.iter().any(|incident| {
        text(incident, "/metadata/name") == name
            && text(incident, "/status/outcome") == "NotFailing"
    })
}

/// The first write that closes each incident.
fn closing_writes(records: &Records) -> Vec<&Write> {
    let mut closed = BTreeSet::new();
    let writes = records.log.writes().iter().filter(|write| {
        is_ripcords(write) && write.accepted() && text(&write.body, "/status/phase") == "Closed"
    });
    writes
        .filter(|write| closed.insert(name_in(&write.path, "incidents")))
        .collect()
}

/// Never "repaired" of what is still broken, and never "nothing is wrong" of what fails.
fn closings(records: &Records, found: &mut Vec<String>) {
    for write in closing_writes(records) {
        let (name, workload) = (
            text(&write.body, "/metadata/name"),
            text(&write.body, "/spec/workload/name"),
        );
        let outcome = text(&write.body, "/status/outcome");
        let lately: Vec<_> = records
            .truth
            .before(&workload, write.at, TOLERANCE, 0)
            .collect();
        let untrue = match outcome.as_str() {
            "Recovered" => !soaked(records, &workload, write.at),
            "NotFailing" | "RecoveredAlone" => lately.iter().all(|sample| sample.failing),
            _ => false,
        };
        if untrue && !lately.is_empty() {
            found.push(format!(
                "I12: {name} closed as {outcome}, and {workload} is not so"
            ));
        }
        if text(&write.body, "/status/reason").is_empty()
            || text(&write.body, "/status/message").is_empty()
        {
            found.push(format!("I12: {name} closed without a reason"));
        }
    }
}

/// Whether it was whole at a stretch for as long as the policy's soak, right before; by looks that are ten seconds apart.
fn soaked(records: &Records, workload: &str, closed: Timestamp) -> bool {
    // Readings from the past show it as whole for so much longer than it was.
    let stale = if records.story.drew(Fault::StaleReads) {
        i64::try_from(records.story.staleness).unwrap()
    } else {
        0
    };
    let needed = SOAK - 5 - stale;
    let (mut begun, mut missed, mut longest) = (None, 0, 0);
    let samples = records.truth.samples.get(workload).into_iter().flatten();
    for sample in samples.take_while(|sample| sample.at <= closed) {
        // What was so at the last look was so until this one: a machine that sleeps looks at nothing.
        if let Some(begun) = begun
            && seconds(sample.at, closed) <= TOLERANCE
        {
            longest = longest.max(seconds(begun, sample.at));
        }
        if !sample.whole {
            // For a second after any change the controller has not seen it, and all pods are there.
            missed += 1;
            begun = begun.filter(|_| missed < 2);
            continue;
        }
        missed = 0;
        begun.get_or_insert(sample.at);
    }
    longest >= needed
}

/// I12: every write to a workload is in its incident's record, with how it ended.
fn finished(records: &Records, found: &mut Vec<String>) {
    for mutation in mutations(records) {
        let incident = records
            .incidents
            .iter()
            .find(|incident| text(incident, "/metadata/name") == mutation.incident);
        let applied = incident.and_then(|incident| incident.pointer("/status/applied")?.as_array());
        let rows: Vec<&Value> = applied
            .into_iter()
            .flatten()
            .filter(|row| text(row, "/actionId") == mutation.action)
            .collect();
        let [row] = rows.as_slice() else {
            found.push(format!(
                "I12: {} is in the record {} times",
                mutation.action,
                rows.len()
            ));
            continue;
        };
        let result = text(row, "/result");
        if !["Recovered", "Failed", "Superseded", "Unknown"].contains(&result.as_str()) {
            found.push(format!("I12: {} ended as {result:?}", mutation.action));
        }
    }
}

/// L1: once the faults are over, everything ends.
fn ended(records: &Records, found: &mut Vec<String>) {
    for process in &records.died {
        found.push(format!("L1: {process} ended by itself"));
    }
    if records.quiet_from.is_none() {
        let open = records.incidents.iter().filter(|incident| {
            !matches!(text(incident, "/status/phase").as_str(), "Closed" | "Held")
        });
        let open: Vec<String> = open
            .map(|incident| {
                format!(
                    "{} is {}",
                    text(incident, "/metadata/name"),
                    text(incident, "/status/phase")
                )
            })
            .collect();
        found.push(format!("L1: it has not ended: {}", open.join(", ")));
    }
    held(records, found);
    // An alert that fires for what really fails, and was taken, has an incident.
    let failing = |alert: &AlertId, at: Timestamp| {
        let mut lately = records.truth.before(&alert.deployment, at, 1, 0);
        lately.any(|sample| sample.failing)
    };
    for delivered in records
        .delivered
        .iter()
        .filter(|delivered| delivered.status == 200)
    {
        for alert in &delivered.alerts {
            let known = records
                .incidents
                .iter()
                .any(|incident| text(incident, "/spec/workload/name") == alert.deployment);
            if alert.namespace == NAMESPACE
                && alert.firing
                && failing(alert, delivered.at)
                && !known
                // The controller makes no revision of what is paused: the alert is skipped, and counted.
                && !records.story.drew(Fault::PersonPauses)
            {
                found.push(format!(
                    "I12: {} fails, its alert was taken, and nothing is recorded",
                    alert.deployment
                ));
            }
        }
    }
    calm(records, found);
}

/// L1: what is held at the end is held for something that is so at the end, not for what has passed.
fn held(records: &Records, found: &mut Vec<String>) {
    for incident in &records.incidents {
        if text(incident, "/status/phase") != "Held" {
            continue;
        }
        let (name, reason) = (
            text(incident, "/metadata/name"),
            text(incident, "/status/reason"),
        );
        let workload = text(incident, "/spec/workload/name");
        let deployment = records
            .deployments
            .iter()
            .find(|deployment| text(deployment, "/metadata/name") == workload);
        let is_so = match reason.as_str() {
            // A `test` that fails, and a reading from the past that says that nothing has moved.
            "DryRunRefused" => records.story.drew(Fault::StaleReads),
            "" | "Unavailable" => false,
            "RolloutPaused" => {
                deployment.is_some_and(|deployment| deployment["spec"]["paused"] == true)
            }
            "OptedOut" => {
                let mode = |object: &Value| {
                    text(object, "/metadata/annotations/ripcord.dev~1mode") == "off"
                };
                mode(&records.namespace) || deployment.is_some_and(mode)
            }
            "CauseNotAllowed" if passes(&text(incident, "/status/cause")) => !records
                .live_pods
                .iter()
                .any(|pod| text(pod, "/metadata/labels/app") == workload && says_not_found(pod)),
            _ => true,
        };
        if !is_so {
            found.push(format!(
                "L1: {name} is held for {reason:?}, which is not so any more"
            ));
        }
    }
}

/// Causes that a registry gives while it is away or in trouble; later it says something else.
fn passes(cause: &str) -> bool {
    [
        "Unknown",
        "ImageAccessDenied",
        "RegistryRateLimited",
        "RegistryUnreachable",
    ]
    .contains(&cause)
}

/// The registry was asked, and says that there is no such image.
fn says_not_found(pod: &Value) -> bool {
    text(pod, "/status/containerStatuses/0/state/waiting/message").contains("not found")
}

/// What passes without a trace: the API server's troubles, the processes' own, deliveries, and people who take back what they did.
const PASSING: [Fault; 16] = [
    Fault::Crash,
    Fault::TwoInstances,
    Fault::Frozen,
    Fault::Suspended,
    Fault::Conflict,
    Fault::Throttled,
    Fault::ServerError,
    Fault::TimeoutBefore,
    Fault::TimeoutAfter,
    Fault::BlackHole,
    Fault::DeliveryDoubled,
    Fault::DeliveryLost,
    Fault::DeliveryReordered,
    Fault::DeliveryReplayed,
    Fault::PersonPauses,
    Fault::PersonOptsOut,
];

/// Where nothing was drawn that leaves a trace, a broken rollout is repaired in the end, or a person is called.
fn calm(records: &Records, found: &mut Vec<String>) {
    let story = &records.story;
    let passes = story.faults.keys().all(|fault| PASSING.contains(fault));
    if !passes || story.mode != "enforce" {
        return;
    }
    for (broken, workload) in [
        (story.broken.redis(), "lab30-redis"),
        (story.broken.web(), "lab30-web"),
    ] {
        let recovered = records.incidents.iter().any(|incident| {
            text(incident, "/spec/workload/name") == workload
                && (text(incident, "/status/outcome") == "Recovered"
                    || !story.faults.is_empty() && text(incident, "/status/outcome") == "Escalated")
        });
        if broken && !recovered {
            found.push(format!(
                "L1: nothing was in the way, and {workload} was not repaired"
            ));
        }
    }
}

impl Records {
    /// Whether people changed what an incident was decided on, so that a repeated alert is news.
    fn people_acted(&self) -> bool {
        [
            Fault::PersonDeploys,
            Fault::PersonPauses,
            Fault::PersonOptsOut,
            Fault::GitOpsReverts,
            Fault::Recreated,
        ]
        .into_iter()
        .any(|fault| self.story.drew(fault))
    }
}
