//! I1, I2, I5, I6, I8 and I11: what is written, how often, and with which precondition.

use super::super::lab::{NAMESPACE, PINNED_IMAGE};
use super::super::process::{COOLDOWN, DWELL, STEPS};
use super::super::run::{QUIET, Records};
use super::super::story::Fault;
use super::{Mutation, action_in, is_ripcords, mutations, operation, received, seconds, statuses};
use jiff::Timestamp;
use ripcord::sim::Write;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A lost answer's write may land so much later; nobody may send another before.
const MAY_LAND: i64 = 60;
/// A target must have been ready for two minutes (`provenFor`), measured by looks and scrapes.
const PROVEN_FOR: i64 = 100;
/// What was seen failing in readings so far apart is no start that was slow.
const FAILED_FOR: i64 = 30;
/// The kubelet's longest pause between two pulls.
const LONGEST_BACK_OFF: i64 = 300;
/// A node that is back tells of its pods within so many seconds.
const NODE_TELLS: i64 = 10;
/// Every write of one incident together: its phases, its rows, its holds; more is a loop.
const MOST_WRITES: usize = 400;

pub(super) fn check(records: &Records, found: &mut Vec<String>) {
    scope(records, found);
    sends(records, found);
    let mutations = mutations(records);
    let mut actions = BTreeSet::new();
    for mutation in &mutations {
        if mutation.action.is_empty() {
            found.push("I1: a write without an action id".to_owned());
        } else if !actions.insert(mutation.action.clone()) {
            found.push(format!("I1: {} was written twice", mutation.action));
        }
        target(records, mutation, found);
        timing(records, mutation, found);
        if records.story.mode != "enforce" {
            found.push(format!(
                "I2: {} was written in {}",
                mutation.action, records.story.mode
            ));
        }
    }
    steps_and_cooldown(records, &mutations, found);
    bounded(records, found);
}

/// I2: only Deployments, Incidents and Events, and only in the namespace that the configuration names.
fn scope(records: &Records, found: &mut Vec<String>) {
    for write in records
        .log
        .writes()
        .iter()
        .filter(|write| is_ripcords(write))
    {
        let inside = write.path.contains(&format!("/namespaces/{NAMESPACE}/"));
        let kind = ["/deployments/", "/incidents", "/events"]
            .iter()
            .any(|kind| write.path.contains(kind));
        let verb = match write.verb.as_str() {
            "PATCH" => write.path.contains("/deployments/"),
            "PUT" => write.path.ends_with("/status"),
            verb => verb == "POST",
        };
        if !(inside && kind && verb) {
            found.push(format!("I2: {} {}", write.verb, write.path));
        }
    }
}

/// I8, for every write that left a process, accepted or not. A process that takes over may send at once what another one has sent: both test
/// the resource version, so that one of the two is refused. But nobody repeats himself.
fn sends(records: &Records, found: &mut Vec<String>) {
    let mut lost: BTreeMap<(&str, String), jiff::Timestamp> = BTreeMap::new();
    for sent in &records.sent {
        let action = action_in(&sent.body).unwrap_or_default();
        for path in ["/metadata/uid", "/metadata/resourceVersion"] {
            if operation(&sent.body, "test", path).is_none() {
                found.push(format!("I8: {action} does not test {path}"));
            }
        }
        let key = (sent.process.as_str(), action.clone());
        if let Some(at) = lost.get(&key)
            && seconds(*at, sent.at) < MAY_LAND
        {
            found.push(format!(
                "I8: {action} was sent again {}s after its answer was lost",
                seconds(*at, sent.at)
            ));
        }
        if sent.answer.is_none_or(|status| status >= 500) {
            lost.insert(key, sent.at);
        }
    }
}

/// I5: never to a template that was seen failing, nor to one that was not healthy for long enough, unless the owner named it.
fn target(records: &Records, mutation: &Mutation<'_>, found: &mut Vec<String>) {
    let action = &mutation.action;
    let image = mutation.template.pointer("/spec/containers/0/image");
    let named = image.and_then(Value::as_str) == Some(PINNED_IMAGE);
    let known: Vec<_> = records.truth.known(mutation.template).collect();
    // What Prometheus lies, Ripcord may believe; never more than that it was ready.
    let needed = if records.story.drew(Fault::PrometheusLies) {
        1
    } else {
        PROVEN_FOR
    };
    if !named && !known.iter().any(|template| template.ready_for >= needed) {
        found.push(format!(
            "I5: {action} goes to what was never healthy for {needed}s"
        ));
    }
    for template in known {
        // Only what fails as the newest revision is to blame; an older one may lose a pod for many reasons.
        let was_newest =
            |at: Timestamp| records.truth.newest(&mutation.workload, at) == Some(&template.hash);
        let seen = records.failing.get(&template.hash).into_iter().flatten();
        let before: Vec<_> = seen
            .filter(|at| **at < mutation.write.at && was_newest(**at))
            .filter(|at| has_open_incident(records, &mutation.workload, **at))
            .filter(|at| !hidden(records, &mutation.workload, **at))
            .collect();
        // A reading from the past takes back what the one before has shown.
        let proves = if records.story.drew(Fault::StaleReads) {
            3 * FAILED_FOR
        } else {
            FAILED_FOR
        };
        if let (Some(first), Some(last)) = (before.first(), before.last())
            && seconds(**first, **last) >= proves
        {
            found.push(format!(
                "I5: {action} goes to {}, which was seen failing",
                template.hash
            ));
        }
    }
}

/// Whether what a pod shows then is not its revision's doing: it may be on a node that is away, or not have been pulled from a registry that
/// is. The kubelet's back-off, five minutes at most, shows the latter for so much longer.
fn hidden(records: &Records, workload: &str, at: Timestamp) -> bool {
    let second = seconds(records.broken_at, at);
    let within = |fault: Fault, longer: i64| {
        let window = records.story.begin(fault).zip(records.story.end(fault));
        window.is_some_and(|(begin, end)| {
            (begin.cast_signed()..=end.cast_signed() + longer).contains(&second)
        })
    };
    // Only one of the two comes from the registry that goes away.
    within(Fault::NodeTrouble, NODE_TELLS)
        || (workload.ends_with("web") && within(Fault::RegistryTrouble, LONGEST_BACK_OFF))
}

/// Whether a workload had an open incident at a moment: only then does anybody look.
fn has_open_incident(records: &Records, workload: &str, moment: Timestamp) -> bool {
    let of_it = |write: &&Write| {
        is_ripcords(write)
            && write.accepted()
            && write.at <= moment
            && write
                .body
                .pointer("/spec/workload/name")
                .and_then(Value::as_str)
                == Some(workload)
    };
    let mut open = BTreeSet::new();
    for write in records.log.writes().iter().filter(of_it) {
        let name = write.body.pointer("/metadata/name").and_then(Value::as_str);
        let phase = write.body.pointer("/status/phase").and_then(Value::as_str);
        if phase == Some("Closed") {
            open.remove(&name);
        } else {
            open.insert(name);
        }
    }
    !open.is_empty()
}

/// The dwell, from the alert's arrival on, and W1.
fn timing(records: &Records, mutation: &Mutation<'_>, found: &mut Vec<String>) {
    let at = mutation.write.at;
    let trusts_another_clock = records.story.drew(Fault::ClockJump);
    match received(records, &mutation.incident) {
        None => found.push(format!("I3: {} belongs to no incident", mutation.action)),
        Some(received) if seconds(received, at) < DWELL && !trusts_another_clock => {
            found.push(format!(
                "I4: {} came {}s after its alert",
                mutation.action,
                seconds(received, at)
            ));
        }
        Some(_) => {}
    }
    let away_from_the_start =
        records.story.variant.is_multiple_of(2) && mutation.workload.ends_with("web");
    let away = records
        .story
        .end(Fault::RegistryTrouble)
        .filter(|_| away_from_the_start);
    if away.is_some_and(|end| seconds(records.broken_at, at) < i64::try_from(end).unwrap()) {
        found.push(format!(
            "W1: {} answers a registry's outage",
            mutation.action
        ));
    }
}

/// I6 and I11: so many writes for one incident, and a pause between those of two.
fn steps_and_cooldown(records: &Records, mutations: &[Mutation<'_>], found: &mut Vec<String>) {
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    let mut last: BTreeMap<String, &Mutation<'_>> = BTreeMap::new();
    for mutation in mutations {
        let steps = taken.entry(&mutation.incident).or_default();
        *steps += 1;
        if *steps > STEPS {
            found.push(format!("I11: {steps} writes for {}", mutation.incident));
        }
        let uid = operation(&mutation.write.body, "test", "/metadata/uid");
        let uid = uid
            .and_then(Value::as_str)
            .unwrap_or(&mutation.workload)
            .to_owned();
        if let Some(before) = last.insert(uid, mutation)
            && before.incident != mutation.incident
            && !records.story.drew(Fault::ClockJump)
        {
            let pause = seconds(before.write.at, mutation.write.at);
            if pause < COOLDOWN {
                found.push(format!(
                    "I6: {} came {pause}s after {}",
                    mutation.action, before.action
                ));
            }
        }
    }
}

/// I11: no state in which it writes for ever. A held incident notes once a minute that it still fails, for a day at most.
fn bounded(records: &Records, found: &mut Vec<String>) {
    for incident in &records.incidents {
        let name = incident["metadata"]["name"].as_str().unwrap_or_default();
        let writes = statuses(records, name).count();
        if writes > MOST_WRITES {
            found.push(format!("I11: {name} was written {writes} times"));
        }
    }
    if let Some(quiet) = records.quiet_from {
        let late: Vec<&Write> = records
            .log
            .writes()
            .iter()
            .filter(|write| is_ripcords(write) && write.at > quiet)
            .collect();
        let open = records
            .incidents
            .iter()
            .filter(|incident| incident["status"]["phase"] != "Closed")
            .count();
        // One for each look: what it remembers may change each time.
        let looks = usize::try_from(QUIET).unwrap().div_ceil(30);
        if late.len() > open * looks || late.iter().any(|write| write.verb != "PUT") {
            let late: Vec<String> = late.iter().map(ToString::to_string).collect();
            found.push(format!("I11: it writes on when all is over: {late:#?}"));
        }
    }
}
