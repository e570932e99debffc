//! I9: people win. What they said before a write stops it, and what they do after one stands.

use super::super::lab::NAMESPACE;
use super::super::network::Question;
use super::super::run::Records;
use super::super::story::Fault;
use super::super::truth::text;
use super::intent::FRESH;
use super::{Mutation, is_ripcords, mutations, name_in, seconds, statuses};
use jiff::Timestamp;
use ripcord::sim::Write;
use serde_json::Value;
use std::collections::BTreeMap;

/// The annotation by which people opt out.
const MODE: &str = "/ripcord.dev~1mode";

/// What people want of a workload, by the writes of the log up to some place.
#[derive(Clone, Debug, Default)]
struct Wishes {
    paused: bool,
    mode: Option<String>,
    template: Value,
    /// The place in the log at which they last changed the template.
    changed_at: Option<usize>,
    /// What they meant with each of their changes, and the place in the log.
    meant: Vec<(usize, Essence)>,
}

pub(super) fn check(records: &Records, found: &mut Vec<String>) {
    let mutations = mutations(records);
    let mut wishes: BTreeMap<String, Wishes> = BTreeMap::new();
    let mut namespace: Option<(Timestamp, String)> = None;
    for (place, write) in records.log.writes().iter().enumerate() {
        if let Some(mutation) = mutations.iter().find(|mutation| mutation.place == place) {
            let wish = wishes.entry(mutation.workload.clone()).or_default();
            obeyed(records, mutation, wish, found);
            namespace_obeyed(records, mutation, namespace.as_ref(), found);
            wish.template = mutation.template.clone();
        } else if !is_ripcords(write) && write.accepted() {
            learn(place, write, &mut wishes, &mut namespace);
        } else if is_ripcords(write)
            && write.accepted()
            && text(&write.body, "/status/phase") == "Closed"
        {
            let workload = text(&write.body, "/spec/workload/name");
            if let Some(wish) = wishes.get(&workload) {
                stands(records, write, wish, &mutations, found);
            }
        }
    }
}

fn learn(
    place: usize,
    write: &Write,
    wishes: &mut BTreeMap<String, Wishes>,
    namespace: &mut Option<(Timestamp, String)>,
) {
    if !write.path.contains(NAMESPACE) {
        return;
    }
    let mode = write
        .body
        .get(MODE.trim_start_matches('/').replace("~1", "/"));
    let Some(name) = name_in(&write.path, "deployments") else {
        let word = mode.and_then(Value::as_str);
        *namespace = word.map(|word| (write.at, word.to_owned()));
        return;
    };
    let wish = wishes.entry(name).or_default();
    match write.verb.as_str() {
        "APPLY" => {
            wish.paused = write.body.pointer("/spec/paused") == Some(&Value::Bool(true));
            let template = &write.body["spec"]["template"];
            // An object that was read and applied again has its defaults filled in; what a person means by a template is its containers' images and arguments.
            if essence(template) != essence(&wish.template) {
                wish.template = template.clone();
                wish.changed_at = Some(place);
                wish.meant.push((place, essence(template)));
            }
        }
        "ANNOTATE" => wish.mode = mode.and_then(Value::as_str).map(str::to_owned),
        "DELETE" => *wish = Wishes::default(),
        _ => {}
    }
}

/// Image and arguments of a template's only container.
type Essence = (String, Value);

fn essence(template: &Value) -> Essence {
    let container = &template["spec"]["containers"][0];
    (text(container, "/image"), container["args"].clone())
}

fn obeyed(records: &Records, mutation: &Mutation<'_>, wish: &Wishes, found: &mut Vec<String>) {
    let action = &mutation.action;
    if wish.paused {
        found.push(format!("I9: {action} was written to a paused workload"));
    }
    if let Some(mode) = &wish.mode {
        found.push(format!(
            "I9: {action} was written although its workload says {mode}"
        ));
    }
    // The last decision for this write: where the records that name it begin without a break.
    let before = statuses(records, &mutation.incident)
        .rev()
        .skip_while(|(place, _)| *place > mutation.place);
    let intents = before.take_while(|(_, write)| {
        text(&write.body, "/status/plan/actionId") == *action
            && text(&write.body, "/status/phase") == "Acting"
    });
    let first_of_the_last = intents.map(|(place, _)| place).last();
    let meant_before = |place: usize| wish.meant.iter().rfind(|(at, _)| *at < place);
    let meant = |place: usize| meant_before(place).map(|(_, essence)| essence);
    if let Some(intent) = first_of_the_last
        && meant(intent) != meant(mutation.place)
    {
        found.push(format!(
            "I9: {action} was written over a template that somebody changed after its record"
        ));
    }
}

/// The namespace's word counts once the writer could have read it.
fn namespace_obeyed(
    records: &Records,
    mutation: &Mutation<'_>,
    namespace: Option<&(Timestamp, String)>,
    found: &mut Vec<String>,
) {
    let Some((since, word)) = namespace else {
        return;
    };
    let sent = mutation.sent(records);
    let heard = sent.and_then(|sent| sent.heard.get(&(Question::Namespace, NAMESPACE.to_owned())));
    let drew = |fault| records.story.drew(fault);
    let stale = if drew(Fault::StaleReads) {
        i64::try_from(records.story.staleness).unwrap() + 10
    } else if drew(Fault::Frozen) || drew(Fault::Suspended) {
        // What is heard is known by process: its other incident may have heard it while this one stands on a reading that is fresh still.
        FRESH
    } else {
        0
    };
    if heard.is_some_and(|heard| seconds(*since, heard.at) > stale) {
        found.push(format!(
            "I9: {} was written although the namespace says {word}",
            mutation.action
        ));
    }
}

/// A rollout of somebody else after the write is theirs: it is no recovery of Ripcord's.
fn stands(
    records: &Records,
    closing: &Write,
    wish: &Wishes,
    mutations: &[Mutation<'_>],
    found: &mut Vec<String>,
) {
    let incident = text(&closing.body, "/metadata/name");
    let Some(written) = mutations
        .iter()
        .rfind(|mutation| mutation.incident == incident)
    else {
        return;
    };
    let Some(changed) = wish.changed_at.filter(|changed| *changed > written.place) else {
        return;
    };
    // A reading may be as old as a stale one is, and a few looks more.
    let tolerance = 20 + i64::try_from(records.story.staleness).unwrap();
    let ago = seconds(records.log.writes()[changed].at, closing.at);
    if text(&closing.body, "/status/outcome") == "Recovered" && ago > tolerance {
        found.push(format!(
            "I9: {incident} takes a rollout of somebody else {ago}s ago for its own recovery"
        ));
    }
}
