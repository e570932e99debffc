//! The independent observer: it reads the write log, what each process had heard, and the truth, and checks the safety invariants of the
//! design's reliability page by their numbers. It shares no code with the daemon.
//!
//! Checked: I1 to I6, I8 to I12 and L1, as far as their guards exist. Not yet, because there is no guard yet: of I6 the budgets for the
//! cluster and for a namespace, and all of I7 (storm; only that nothing is undone for a registry's outage is checked, as W1).

mod endings;
mod intent;
mod people;
mod writes;

use super::network::Sent;
use super::run::Records;
use jiff::Timestamp;
use ripcord::sim::Write;
use serde_json::Value;

/// What is wrong with a run, each with the invariant's number; empty = nothing.
pub(crate) fn judge(records: &Records) -> Vec<String> {
    let mut found = Vec::new();
    writes::check(records, &mut found);
    intent::check(records, &mut found);
    people::check(records, &mut found);
    endings::check(records, &mut found);
    found
}

/// An accepted write of Ripcord's to a workload, taken apart.
pub(crate) struct Mutation<'a> {
    /// Its place in the log.
    pub(crate) place: usize,
    pub(crate) write: &'a Write,
    pub(crate) action: String,
    /// The incident's name: the action id without the step.
    pub(crate) incident: String,
    pub(crate) template: &'a Value,
    pub(crate) workload: String,
}

impl Mutation<'_> {
    /// How it left its process: two may send the same.
    pub(crate) fn sent<'a>(&self, records: &'a Records) -> Option<&'a Sent> {
        let writer = self.write.user_agent.trim_start_matches("ripcord/");
        records.sent.iter().rfind(|sent| {
            sent.process == writer
                && sent.path == self.write.path
                && sent.body == self.write.body
                && sent.at <= self.write.at
        })
    }
}

pub(crate) fn is_ripcords(write: &Write) -> bool {
    write.user_agent.starts_with("ripcord/")
}

/// The part of a path after the collection's name.
pub(crate) fn name_in(path: &str, collection: &str) -> Option<String> {
    let (_, rest) = path.split_once(&format!("/{collection}/"))?;
    rest.split('/').next().map(str::to_owned)
}

pub(crate) fn mutations(records: &Records) -> Vec<Mutation<'_>> {
    let log = records.log.writes().iter().enumerate();
    log.filter(|(_, write)| {
        is_ripcords(write) && write.verb == "PATCH" && !write.dry_run && write.accepted()
    })
    .map(|(place, write)| {
        let action = action_in(&write.body).unwrap_or_default();
        Mutation {
            place,
            write,
            incident: action
                .rsplit_once('-')
                .map(|(name, _)| name.to_owned())
                .unwrap_or_default(),
            action,
            template: operation(&write.body, "replace", "/spec/template").unwrap_or(&Value::Null),
            workload: name_in(&write.path, "deployments").unwrap_or_default(),
        }
    })
    .collect()
}

/// The value of one operation of a JSON patch.
pub(crate) fn operation<'a>(patch: &'a Value, op: &str, path: &str) -> Option<&'a Value> {
    let found = patch
        .as_array()?
        .iter()
        .find(|one| one["op"] == op && one["path"] == path)?;
    found.get("value")
}

pub(crate) fn action_in(patch: &Value) -> Option<String> {
    let id = operation(patch, "add", "/metadata/annotations/ripcord.dev~1action")?;
    id.as_str().map(str::to_owned)
}

/// The accepted writes of an incident's status, in order, with their place in the log.
pub(crate) fn statuses<'a>(
    records: &'a Records,
    incident: &'a str,
) -> impl DoubleEndedIterator<Item = (usize, &'a Write)> {
    let log = records.log.writes().iter().enumerate();
    log.filter(move |(_, write)| {
        is_ripcords(write)
            && write.verb == "PUT"
            && write.accepted()
            && name_in(&write.path, "incidents").as_deref() == Some(incident)
    })
}

/// When an incident was made.
pub(crate) fn opened(records: &Records, incident: &str) -> Option<Timestamp> {
    opening(records, incident).map(|write| write.at)
}

fn opening<'a>(records: &'a Records, incident: &str) -> Option<&'a Write> {
    records.log.writes().iter().find(|write| {
        write.verb == "POST"
            && write.accepted()
            && write.path.ends_with("/incidents")
            && write.body.pointer("/metadata/name").and_then(Value::as_str) == Some(incident)
    })
}

/// When the alert that opened an incident arrived, as the incident says.
pub(crate) fn received(records: &Records, incident: &str) -> Option<Timestamp> {
    let received = opening(records, incident)?
        .body
        .pointer("/spec/alert/receivedAt")?;
    received.as_str()?.parse().ok()
}

/// Whole seconds from one moment to another.
pub(crate) fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}
