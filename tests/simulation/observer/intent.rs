//! I3, I4 and I10: what was recorded and known before a write.

use super::super::lab::NAMESPACE;
use super::super::network::{Question, Sent};
use super::super::run::Records;
use super::super::story::Fault;
use super::super::truth::text;
use super::{Mutation, mutations, opened, operation, seconds, statuses};
use ripcord::sim::Write;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What a process knows may be so old when it writes.
pub(super) const FRESH: i64 = 30;

/// Every one of them must have been answered: a question, and what it is asked about.
fn needed(mutation: &Mutation<'_>) -> [(Question, String); 6] {
    let name = mutation.workload.clone();
    let selector = format!("app={name}");
    let uid = operation(&mutation.write.body, "test", "/metadata/uid").and_then(Value::as_str);
    let incidents = format!("ripcord.dev/workload-uid={}", uid.unwrap_or_default());
    [
        (Question::Workload, name.clone()),
        (Question::Revisions, selector.clone()),
        (Question::Pods, selector),
        (Question::Namespace, NAMESPACE.to_owned()),
        (Question::Incidents, incidents),
        (Question::Rehearsal, name),
    ]
}

pub(super) fn check(records: &Records, found: &mut Vec<String>) {
    for mutation in mutations(records) {
        let sent = mutation.sent(records);
        match sent {
            None => found.push(format!("I1: nobody sent {}", mutation.action)),
            Some(sent) => {
                recorded(records, &mutation, sent, found);
                known(records, &mutation, sent, found);
            }
        }
    }
}

/// I3: the newest record when the write was sent says that exactly this is about to be done, and the writer holds it. It may land later.
fn recorded(records: &Records, mutation: &Mutation<'_>, sent: &Sent, found: &mut Vec<String>) {
    let action = &mutation.action;
    // Two clocks far apart each see the other's hold as over: then each goes by its own record, and only the resource version stands between
    // their writes.
    let own = |write: &Write| {
        write.user_agent == mutation.write.user_agent && seconds(write.at, sent.at) < FRESH
    };
    let earlier = |(place, write): &(usize, &Write)| *place < mutation.place && write.at <= sent.at;
    let apart = records.story.drew(Fault::ClockJump);
    let before = statuses(records, &mutation.incident)
        .rfind(|one| earlier(one) && (!apart || own(one.1)))
        .or_else(|| statuses(records, &mutation.incident).rfind(earlier));
    let Some((_, write)) = before else {
        found.push(format!("I3: {action} was never recorded"));
        return;
    };
    let field = |path: &str| text(&write.body, path);
    let mut differs = |what: &str| found.push(format!("I3: the record before {action} has {what}"));
    if field("/status/phase") != "Acting" || field("/status/plan/actionId") != *action {
        differs(&format!(
            "phase {} and plan {}",
            field("/status/phase"),
            field("/status/plan/actionId")
        ));
        return;
    }
    let uid = operation(&mutation.write.body, "test", "/metadata/uid").and_then(Value::as_str);
    if uid.is_some_and(|uid| uid != field("/spec/workload/uid")) {
        differs("another uid");
    }
    if field("/status/plan/inverse/hash").is_empty() {
        differs("no way back");
    }
    if field("/status/reason").is_empty() && field("/status/verdict/reason").is_empty() {
        differs("no reason");
    }
    if field("/status/plan/patchSha256") != digest(&mutation.write.body) {
        differs("another patch");
    }
    let writer = mutation.write.user_agent.trim_start_matches("ripcord/");
    if field("/status/holder/id") != writer && !apart {
        differs(&format!(
            "the holder {}, and {writer} wrote",
            field("/status/holder/id")
        ));
    }
}

/// What a plan's digest is said to be: of all operations but the tests, in the form that begins without annotations.
fn digest(patch: &Value) -> String {
    let changes = patch
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["op"] != "test" && one["path"] != "/metadata/annotations");
    let text = Value::Array(changes.cloned().collect()).to_string();
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

/// I4 and I10: every source had answered the writer lately, and live pods were seen failing after the alert.
fn known(records: &Records, mutation: &Mutation<'_>, sent: &Sent, found: &mut Vec<String>) {
    let action = &mutation.action;
    if !sent.intents.contains(action) {
        found.push(format!(
            "I3: {} sent {action} before its record was acknowledged",
            sent.process
        ));
    }
    for question in needed(mutation) {
        match sent.heard.get(&question) {
            None => found.push(format!(
                "I10: {action} was sent without asking {question:?}"
            )),
            Some(heard) if !heard.good => {
                found.push(format!(
                    "I10: {action} was sent although {question:?} had failed"
                ));
            }
            Some(heard) if seconds(heard.at, sent.at) >= FRESH => found.push(format!(
                "I4: {action} was sent {}s after {question:?} was answered",
                seconds(heard.at, sent.at)
            )),
            Some(_) => {}
        }
    }
    let pods = (Question::Pods, format!("app={}", mutation.workload));
    if let Some(pods) = sent.heard.get(&pods) {
        let newest = records.truth.newest(&mutation.workload, pods.at);
        if !newest.is_some_and(|newest| pods.failing.contains(newest)) {
            found.push(format!(
                "I4: {action} was sent although no live pod of the newest revision was seen failing"
            ));
        }
        if opened(records, &mutation.incident).is_some_and(|opened| pods.at < opened) {
            found.push(format!(
                "I4: {action} stands on pods that were read before its alert"
            ));
        }
    }
}
