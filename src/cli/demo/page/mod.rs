//! How an incident is told: every word about it comes from the cluster's objects.

mod guards;

use super::alertmanager::Delivered;
use super::lab::{REGISTRY, REPOSITORIES};
use super::story::Told;
use crate::cli::paper::{COLUMNS, Ink, LABEL, Paper, pinch};
use crate::domain::evidence::Source;
use crate::domain::incident::{Ending, IncidentStatus};
use crate::domain::plan::PlanRecord;
use crate::domain::time::{human, since};
use crate::sim::Write;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The width of a source's name.
const SOURCE: usize = 12;
const SOURCES: [Source; 4] = [
    Source::Pods,
    Source::Events,
    Source::Logs,
    Source::Prometheus,
];
/// A fact has two lines: more hides what matters.
const FACT: usize = 2 * (COLUMNS - LABEL - SOURCE) - 12;
/// The first ones are the most useful.
const NEXT_STEPS: usize = 3;

/// One incident, from the change that broke the workload to the end. A guard that says what it said of one of the `earlier` ones is only named.
pub(super) fn incident(told: &Told, earlier: &[Told], of: usize) -> String {
    let mut paper = Paper::default();
    let number = earlier.len() + 1;
    paper.title(&format!(
        "{number}/{of} {}: {}",
        told.deployment, told.title
    ));
    let known: BTreeSet<String> = earlier.iter().flat_map(guards::sentences).collect();
    let status = told.decided();
    begin(&mut paper, told);
    evidence(&mut paper, told, &status);
    guards::all(&mut paper, told, &status, &known);
    plan(&mut paper, &status);
    written(&mut paper, told);
    end(&mut paper, told);
    paper.into_text()
}

fn begin(paper: &mut Paper, told: &Told) {
    if let Some((gone, _)) = told.outage {
        let text = format!("{} {REGISTRY} refuses every connection", clock(gone));
        paper.entry("registry", Ink::Plain, &text);
    }
    let changed = format!("{} $ {}", clock(told.changed_at), told.command);
    paper.entry("change", Ink::Plain, &changed);
    difference(paper, &told.change);
    let Delivered {
        alert,
        at,
        status,
        answer,
        ..
    } = &told.delivered;
    let (name, container) = (alert.label("alertname"), alert.label("container"));
    let pod = alert.label("pod");
    let text = format!("{} {name}: {container} in {pod}", clock(*at));
    paper.entry("alert", Ink::Plain, &text);
    let incident = told.incident.metadata.name.as_deref().unwrap_or_default();
    let text = format!("{incident} (webhook: {status} {answer})");
    paper.entry("incident", Ink::Plain, &text);
}

/// The lines of a difference that differ.
fn difference(paper: &mut Paper, text: &str) {
    for line in text.lines() {
        let ink = match line.chars().next() {
            Some('-') if !line.starts_with("---") => Ink::Bad,
            Some('+') if !line.starts_with("+++") => Ink::Good,
            Some('…') => Ink::Faint,
            _ => continue,
        };
        paper.entry("", ink, line);
    }
}

/// What each source said first (it leads with what it knows about the failing container), how much more it said, and what follows from it.
fn evidence(paper: &mut Paper, told: &Told, status: &IncidentStatus) {
    let mut label = "evidence";
    for source in SOURCES {
        let name = source.as_str();
        let facts = status.evidence.iter().filter(|fact| fact.source == name);
        let facts: Vec<_> = facts.collect();
        let Some(first) = facts.first() else {
            continue;
        };
        let mut text = pinch(&brief(told, &first.text), FACT);
        if facts.len() > 1 {
            let _ = write!(text, " (+{})", facts.len() - 1);
        }
        let ink = if first.state == "Known" {
            Ink::Plain
        } else {
            Ink::Faint
        };
        let cells = [(LABEL, Ink::Label, label), (SOURCE, Ink::Faint, name)];
        paper.row(&cells, ink, &text);
        label = "";
    }
    for entry in &status.diagnosis {
        let text = format!("{}: {}", entry.cause, brief(told, &entry.because));
        paper.entry("diagnosis", Ink::Plain, &text);
    }
}

/// The pod and the web image by their ends: they are named in full beside the alert and in the differences.
fn brief(told: &Told, text: &str) -> String {
    let pod = told.delivered.alert.label("pod");
    let end = pod.rsplit('-').next().unwrap_or_default();
    let revision = pod.strip_suffix(&format!("-{end}")).unwrap_or(pod);
    let hash = revision.rsplit('-').next().unwrap_or_default();
    text.replace(pod, &format!("...-{end}"))
        .replace(revision, &format!("...-{hash}"))
        .replace(REPOSITORIES, ".../")
}

fn plan(paper: &mut Paper, status: &IncidentStatus) {
    if let Some(plan) = &status.plan {
        let PlanRecord {
            remedy,
            validated_by,
            proof,
            ..
        } = plan;
        let validated = match validated_by.as_str() {
            "" => String::new(),
            by => format!(" (validated by the {by})"),
        };
        let text = format!("{remedy}{validated}: {proof}");
        paper.entry("plan", Ink::Plain, &text);
        let mut lines = Paper::default();
        difference(&mut lines, &status.diff);
        paper.under("diff", &lines);
    }
    let mut label = "next steps";
    for step in status.next_steps.iter().take(NEXT_STEPS) {
        paper.entry(label, Ink::Faint, step);
        label = "";
    }
}

fn written(paper: &mut Paper, told: &Told) {
    let stored: Vec<&Write> = told.stored().collect();
    if stored.is_empty() {
        paper.entry("written", Ink::Careful, "nothing");
    }
    for write in stored {
        let text = format!(
            "{} {} {} {} (tested: {})",
            clock(write.at),
            write.verb,
            write.path.rsplit('/').next().unwrap_or_default(),
            write.status,
            tested(&write.body).join(", ")
        );
        paper.entry("written", Ink::Plain, &text);
    }
}

/// What a JSON patch tests before it changes anything.
fn tested(patch: &Value) -> Vec<&str> {
    let operations = patch.as_array().into_iter().flatten();
    let tests = operations.filter(|one| one.pointer("/op").is_some_and(|op| op == "test"));
    tests
        .filter_map(|one| one.pointer("/path")?.as_str()?.rsplit('/').next())
        .collect()
}

fn end(paper: &mut Paper, told: &Told) {
    let status = told.incident.status.clone().unwrap_or_default();
    if let Some((_, back)) = told.outage {
        let text = format!("{} {REGISTRY} answers again", clock(back));
        paper.entry("registry", Ink::Plain, &text);
    }
    if let Some(record) = &status.verification {
        let whole = record.whole_since.unwrap_or(record.started_at);
        let text = format!(
            "{} whole; watched for {}s",
            clock(whole),
            record.soak_seconds
        );
        paper.entry("verification", Ink::Plain, &text);
    }
    let closed = told.closed_at();
    let after = human(since(told.delivered.at, closed));
    let text = format!(
        "{} {}, {after} after the alert",
        clock(closed),
        status.outcome
    );
    paper.entry("outcome", ink(&status.outcome), &text);
    paper.entry("", Ink::Plain, &brief(told, &status.message));
    let now = |pointer: &str| told.after.pointer(pointer).cloned().unwrap_or_default();
    let (ready, wanted) = (now("/status/readyReplicas"), now("/spec/replicas"));
    let revision = now("/metadata/annotations/deployment.kubernetes.io~1revision");
    let cause = now("/metadata/annotations/kubernetes.io~1change-cause");
    let mut text = format!("revision {}, {ready} of {wanted} ready", text_of(&revision));
    // The old pods are ready too: a rollout that hangs leaves this behind.
    let unavailable = now("/status/unavailableReplicas");
    if unavailable.as_u64().is_some_and(|count| count > 0) {
        let _ = write!(text, ", but its rollout hangs: {unavailable} unavailable");
    }
    // A change cause stays on the Deployment; only what this incident's write says is news.
    if told.stored().next().is_some() {
        let _ = write!(text, "; {}", text_of(&cause));
    }
    paper.entry("cluster", Ink::Faint, &text);
    if told.by_hand {
        let text = "a person puts the workload right, so that the demo can go on";
        paper.entry("", Ink::Faint, text);
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// How an outcome looks.
pub(super) fn ink(outcome: &str) -> Ink {
    match Ending::parse(outcome) {
        Some(Ending::Recovered | Ending::RecoveredAlone) => Ink::Good,
        Some(Ending::DryRun | Ending::NotFailing) => Ink::Careful,
        _ => Ink::Bad,
    }
}

/// The time of day on the cluster's clock.
fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}
