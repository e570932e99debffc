//! The crash family: a container that was run and ended. How it ended, who ended it, and how long it ran tell `CrashOnStart`,
//! `OutOfMemory`, `ProbeKilled`, `ExitedZero` and `InitFailed` apart; one that never ran is `start`'s.

use super::ending::{End, terminations};
use super::killer::{self, Killer};
use super::symptoms::{Symptom, SymptomKind};
use super::{Examination, Finding, start};
use crate::domain::diagnosis::Cause;
use crate::domain::evidence::Evidence;
use crate::domain::policy::GuardLimits;
use crate::domain::template;
use crate::domain::text;
use crate::domain::time::human;
use crate::domain::workload::Termination;
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::BTreeSet;

/// A log line that a sentence quotes is cut here: it is one of several things in it.
const QUOTED_BYTES: usize = 200;

/// What a symptom of this family means; `None` = it belongs to another.
pub(super) fn judge(symptom: &Symptom, examination: &Examination<'_>) -> Option<Finding> {
    if symptom.kind != SymptomKind::Crash {
        return None;
    }
    let Examination {
        evidence,
        limits,
        newest,
        ..
    } = examination;
    let name = &symptom.container.name;
    let ends = terminations(symptom);
    let Some(newest_end) = ends.first() else {
        return Some(Finding::unknown(format!(
            "{name} crashes, and nothing says how it ended"
        )));
    };
    let classes: BTreeSet<End> = ends.iter().map(|end| End::of(end)).collect();
    let mut finding = match ends.get(1) {
        Some(before) if classes.len() > 1 => Finding::unknown(format!(
            "{name} {}; before that it {}",
            End::of(newest_end).in_words(newest_end),
            End::of(before).in_words(before)
        )),
        _ if is_init(symptom, &newest.template) => init(symptom, newest_end, evidence, limits),
        _ => lasting(symptom, newest_end, examination),
    };
    if let Some(line) = telling_line(symptom, evidence) {
        finding.because.push_str(": ");
        finding
            .because
            .push_str(&text::truncate(line, QUOTED_BYTES));
    }
    Some(finding)
}

/// Whether it must end before the others begin. A native sidecar (an init container that is restarted always) stays.
fn is_init(symptom: &Symptom, template: &Value) -> bool {
    let policy = template::container(template, &symptom.container.name)
        .and_then(|container| container.get("restartPolicy")?.as_str());
    symptom.container.init && policy != Some("Always")
}

/// A container that should stay.
fn lasting(symptom: &Symptom, newest_end: &Termination, examination: &Examination<'_>) -> Finding {
    let (evidence, limits) = (examination.evidence, examination.limits);
    let template = &examination.newest.template;
    let name = &symptom.container.name;
    let class = End::of(newest_end);
    let ended = format!("{name} {}", class.in_words(newest_end));
    if class == End::NotStarted {
        return start::not_started(symptom, newest_end, evidence);
    }
    let ran_long = ran_long(symptom, limits);
    if class == End::Memory {
        let finding = Finding::new(Cause::OutOfMemory, ended);
        return finding.unless(ran_long).unless(no_limit(name, template));
    }
    // The other ends may be the kubelet's doing, and only an Event says so: a program that is asked to stop may say goodbye with any code.
    let can_be_killed = killer::can_kill(template::container(template, name));
    match killer::of(symptom, newest_end, can_be_killed, evidence) {
        Killer::Probe(how) => {
            return Finding::new(
                Cause::ProbeKilled,
                format!("the kubelet killed {name}: {how}"),
            )
            .unless(ran_long);
        }
        Killer::Kubelet(how) => {
            return Finding::unknown(format!("the kubelet killed {name}: {how}"));
        }
        Killer::Untold(why) => {
            return Finding::unknown(format!(
                "{name} crashes, but whether the kubelet killed it can't be told: {why}"
            ));
        }
        Killer::Nobody => {}
    }
    let after = after(symptom);
    match (class, ran_long) {
        (End::Own, None) => Finding::new(Cause::CrashOnStart, format!("{ended}, {after}")),
        (End::Zero, None) => Finding::new(Cause::ExitedZero, format!("{ended}, {after}")),
        (End::Own | End::Zero, Some(ran_long)) => Finding::unknown(ran_long),
        (End::Killed | End::Stopped | End::Strange | End::Memory | End::NotStarted, _) => {
            Finding::unknown(ended)
        }
    }
}

/// One that must end with 0 before the others begin.
fn init(
    symptom: &Symptom,
    newest_end: &Termination,
    evidence: &Evidence,
    limits: &GuardLimits,
) -> Finding {
    let class = End::of(newest_end);
    if class == End::NotStarted {
        return start::not_started(symptom, newest_end, evidence);
    }
    let name = &symptom.container.name;
    let ended = format!(
        "init container {name} {}, {}",
        class.in_words(newest_end),
        after(symptom)
    );
    let doubt = (class != End::Own)
        .then(|| "nothing says that it ended by itself".to_owned())
        .or_else(|| ran_long(symptom, limits));
    Finding::new(Cause::InitFailed, ended).unless(doubt)
}

/// A container without a limit of its own is killed when its node runs out of memory, whoever used it.
fn no_limit(name: &str, template: &Value) -> Option<String> {
    let limits_memory = |object: Option<&Value>| {
        object.is_some_and(|object| object.pointer("/resources/limits/memory").is_some())
    };
    let limited =
        limits_memory(template::container(template, name)) || limits_memory(template.get("spec"));
    (!limited).then(|| {
        format!("{name} has no memory limit in the template: the node may have run out of memory")
    })
}

/// How long it ran. The kubelet's times are whole seconds.
fn after(symptom: &Symptom) -> String {
    match symptom.longest_run_seconds {
        None => "after a time that can't be told".to_owned(),
        Some(0) => "less than 1s after its start".to_owned(),
        Some(seconds) => format!(
            "at most {} after its start",
            human(SignedDuration::from_secs(seconds))
        ),
    }
}

fn ran_long(symptom: &Symptom, limits: &GuardLimits) -> Option<String> {
    let name = &symptom.container.name;
    let Some(seconds) = symptom.longest_run_seconds else {
        return Some(format!(
            "it can't be told how long {name} ran before it failed"
        ));
    };
    let run = SignedDuration::from_secs(seconds);
    (run >= limits.proven_for).then(|| {
        format!(
            "{name} ran for {} before it failed: that is no crash on start",
            human(run)
        )
    })
}

/// The log line of a symptom's container that says most.
fn telling_line<'a>(symptom: &Symptom, evidence: &'a Evidence) -> Option<&'a str> {
    evidence
        .logs
        .iter()
        .filter(|log| log.pod == symptom.pod && log.container == symptom.container.name)
        .filter_map(|log| last_words(log.lines.known()?))
        .max()
}

/// The last line that sounds like a reason, else the last one: traces go on for many lines after the one that says why.
pub(super) fn last_words(lines: &[String]) -> Option<&str> {
    const REASONS: [&str; 22] = [
        "error",
        "fatal",
        "panic",
        "exception",
        "fail",
        "cannot",
        "can't",
        "could not",
        "invalid",
        "not found",
        "denied",
        "refused",
        "no such",
        "missing",
        "unable",
        "undefined",
        "unknown",
        "unexpected",
        "required",
        "traceback",
        "abort",
        "segmentation",
    ];
    let sounds_like_one = |line: &&str| {
        let line = line.to_lowercase();
        REASONS.iter().any(|word| line.contains(word))
    };
    let said = || {
        lines
            .iter()
            .rev()
            .map(|line| line.trim())
            .filter(|line| !line.is_empty())
    };
    said().find(sounds_like_one).or_else(|| said().next())
}
