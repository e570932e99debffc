//! The crash family: `CrashOnStart`. The other ways to end (for memory, for a probe, with 0, unable to start) are known well enough
//! never to be called so.

use super::Finding;
use super::symptoms::{Symptom, SymptomKind};
use crate::domain::diagnosis::Cause;
use crate::domain::evidence::{EventFact, Evidence};
use crate::domain::observed::Observed;
use crate::domain::policy::GuardLimits;
use crate::domain::text;
use crate::domain::time::human;
use crate::domain::workload::{ContainerState, Termination};
use jiff::SignedDuration;

/// A log line that a sentence quotes is cut here: it is one of several things in it.
const QUOTED_BYTES: usize = 200;

/// What a symptom of this family means; `None` = it belongs to another.
pub(super) fn judge(
    symptom: &Symptom,
    evidence: &Evidence,
    limits: &GuardLimits,
) -> Option<Finding> {
    if symptom.kind != SymptomKind::Crash {
        return None;
    }
    let name = &symptom.container.name;
    let Some(termination) = symptom.container.newest_termination() else {
        return Some(Finding::unknown(format!(
            "{name} crashes, and nothing says how it ended"
        )));
    };
    let objection = terminations(symptom)
        .into_iter()
        .find_map(|termination| not_on_its_own(name, termination))
        .or_else(|| ran_long(symptom, limits))
        .or_else(|| was_killed(symptom, &evidence.events))
        .or_else(|| is_init(symptom, termination));
    if let Some(objection) = objection {
        return Some(Finding::unknown(objection));
    }
    let run = SignedDuration::from_secs(symptom.longest_run_seconds.unwrap_or(0));
    let mut because = format!(
        "{name} ends by itself with exit code {} ({}), {} after its start",
        termination.exit_code,
        exit_code_meaning(termination.exit_code),
        // The kubelet's times are whole seconds.
        if run.is_zero() {
            "less than 1s".to_owned()
        } else {
            format!("at most {}", human(run))
        }
    );
    if let Some(line) = telling_line(symptom, evidence) {
        because.push_str(": ");
        because.push_str(&text::truncate(line, QUOTED_BYTES));
    }
    Some(Finding::new(Cause::CrashOnStart, because))
}

/// The ends that are known, the newest first.
fn terminations(symptom: &Symptom) -> Vec<&Termination> {
    let present = match &symptom.container.state {
        ContainerState::Terminated(termination) => Some(termination),
        ContainerState::Waiting { .. }
        | ContainerState::Running { .. }
        | ContainerState::Unknown => None,
    };
    present.into_iter().chain(&symptom.container.last).collect()
}

/// Why one end is not that of a program that fails by itself.
fn not_on_its_own(name: &str, termination: &Termination) -> Option<String> {
    let Termination {
        reason,
        exit_code,
        started: _,
        finished: _,
    } = termination;
    match (reason.as_str(), exit_code) {
        ("OOMKilled", _) => Some(format!(
            "the kernel ended {name} for its memory (OOMKilled)"
        )),
        ("StartError", _) => Some(format!(
            "{name} could not be started at all (StartError): its command or entrypoint"
        )),
        (_, 0) => Some(format!(
            "{name} ends with exit code 0 although it should stay"
        )),
        (_, 137) => Some(format!(
            "{name} was killed (exit code 137): a probe, its memory, or a person; nothing says which"
        )),
        (_, 143) => Some(format!(
            "{name} was asked to stop (exit code 143); nothing says by whom"
        )),
        ("Error", _) => None,
        _ => Some(format!(
            "{name} ended with {reason} (exit code {exit_code}), which is not a program's own error"
        )),
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

/// Whether the kubelet ended the container. When the Events can't be read that can't be ruled out.
fn was_killed(symptom: &Symptom, events: &Observed<Vec<EventFact>>) -> Option<String> {
    let name = &symptom.container.name;
    if let Observed::Unavailable(why) = events {
        return Some(format!(
            "{name} crashes, but whether the kubelet killed it can't be told: events could not be read ({why})"
        ));
    }
    let killing = events
        .known()?
        .iter()
        .filter(|event| event.regarding == symptom.pod && event.reason == "Killing")
        .filter(|event| {
            event
                .container
                .as_ref()
                .is_none_or(|container| container == name)
        })
        .map(|event| &event.message)
        .min()?;
    Some(format!("the kubelet killed {name}: {killing}"))
}

fn is_init(symptom: &Symptom, termination: &Termination) -> Option<String> {
    symptom.container.init.then(|| {
        format!(
            "init container {} ends with exit code {} ({}): what it prepares may be at fault, not the rollout",
            symptom.container.name,
            termination.exit_code,
            exit_code_meaning(termination.exit_code)
        )
    })
}

/// What an exit code says by convention: POSIX sh for 126, 127 and 128 + signal.
pub(super) fn exit_code_meaning(code: i64) -> String {
    match code {
        126 => "a shell found the program but could not run it".to_owned(),
        127 => "a shell did not find the program".to_owned(),
        129..=192 => format!("ended by signal {}", code - 128),
        _ => "the application's own error".to_owned(),
    }
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
