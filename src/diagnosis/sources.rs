//! What each of the four sources said, as sentences: the most telling first, and what they could not say too.

use super::crash::{exit_code_meaning, last_words};
use crate::domain::evidence::{EventFact, Evidence, LogTail, Source};
use crate::domain::observed::Observed;
use crate::domain::text;
use crate::domain::time::{human, since, whole_seconds};
use crate::domain::workload::{Container, ContainerState, Pod, Termination};
use std::collections::{BTreeMap, BTreeSet};

/// One sentence is cut here: the limit of a record's field.
const SENTENCE_BYTES: usize = 1024;

/// How much a sentence tells. The order is the order in which sentences are shown, and in which they are given up last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// It says what fails, or why.
    Why,
    /// It goes with that: a number, an earlier line, a warning.
    Beside,
    /// It says what the rest of the workload does, or that a source is silent.
    Around,
    /// It is there for completeness.
    Else,
}

/// Whether a source said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Known,
    Absent,
    Unavailable,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Known => "Known",
            Self::Absent => "Absent",
            Self::Unavailable => "Unavailable",
        }
    }
}

/// One sentence of one source. Sorts by rank first; equal ones fall together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Telling {
    pub(super) rank: Rank,
    pub(super) source: Source,
    pub(super) state: State,
    pub(super) text: String,
}

/// What the sentences are about: these pods, and this container of them or all.
pub(super) struct Focus<'a> {
    pub(super) pods: BTreeSet<&'a str>,
    pub(super) container: Option<&'a str>,
}

impl Focus<'_> {
    fn is_on(&self, pod: &str, container: &str) -> bool {
        self.pods.contains(pod) && self.container.is_none_or(|name| name == container)
    }

    fn rank(&self, pod: &str, container: &str) -> Rank {
        if self.is_on(pod, container) {
            Rank::Why
        } else {
            Rank::Else
        }
    }
}

/// Everything that was said about the focus and around it, sorted, each sentence once.
pub(super) fn tell(evidence: &Evidence, focus: &Focus<'_>) -> BTreeSet<Telling> {
    let mut said = BTreeSet::new();
    metrics(&mut said, evidence, focus);
    history(&mut said, evidence);
    pods(&mut said, evidence, focus);
    events(&mut said, evidence, focus);
    logs(&mut said, evidence, focus);
    said
}

fn known(rank: Rank, source: Source, text: &str) -> Telling {
    Telling {
        rank,
        source,
        state: State::Known,
        text: text::safe(text, SENTENCE_BYTES),
    }
}

/// The sentences about each item of an answer; one sentence where there are none, or no answer.
fn each<T>(
    said: &mut BTreeSet<Telling>,
    source: Source,
    what: &str,
    answer: &Observed<Vec<T>>,
    sentence: impl Fn(&T) -> Option<(Rank, String)>,
) {
    match answer {
        Observed::Known(items) if !items.is_empty() => {
            said.extend(
                items
                    .iter()
                    .filter_map(sentence)
                    .map(|(rank, text)| known(rank, source, &text)),
            );
        }
        Observed::Known(_) | Observed::Absent => {
            silent(said, source, State::Absent, &format!("{what}: none"))
        }
        Observed::Unavailable(why) => {
            silent(
                said,
                source,
                State::Unavailable,
                &format!("{what}: could not be read: {why}"),
            );
        }
    }
}

fn silent(said: &mut BTreeSet<Telling>, source: Source, state: State, text: &str) {
    said.insert(Telling {
        rank: Rank::Around,
        source,
        state,
        text: text::safe(text, SENTENCE_BYTES),
    });
}

fn one<T>(
    said: &mut BTreeSet<Telling>,
    what: &str,
    answer: &Observed<T>,
    sentence: impl Fn(&T) -> (Rank, String),
) {
    match answer {
        Observed::Known(value) => {
            let (rank, text) = sentence(value);
            said.insert(known(rank, Source::Prometheus, &text));
        }
        Observed::Absent => silent(
            said,
            Source::Prometheus,
            State::Absent,
            &format!("{what}: none"),
        ),
        Observed::Unavailable(why) => {
            silent(
                said,
                Source::Prometheus,
                State::Unavailable,
                &format!("{what}: could not be read: {why}"),
            );
        }
    }
}

fn metrics(said: &mut BTreeSet<Telling>, evidence: &Evidence, focus: &Focus<'_>) {
    let metrics = &evidence.metrics;
    each(
        said,
        Source::Prometheus,
        "waiting reasons of the last five minutes",
        &metrics.waiting,
        |series| {
            Some((
                focus.rank(&series.pod, &series.container),
                format!(
                    "{} in {} waits with {} (last five minutes)",
                    series.container, series.pod, series.reason
                ),
            ))
        },
    );
    each(
        said,
        Source::Prometheus,
        "last terminations",
        &metrics.terminations,
        |series| {
            let code = series
                .exit_code
                .map_or_else(String::new, |code| format!(", exit code {code}"));
            Some((
                focus.rank(&series.pod, &series.container),
                format!(
                    "{} in {} last ended with {}{code}",
                    series.container, series.pod, series.reason
                ),
            ))
        },
    );
    each(
        said,
        Source::Prometheus,
        "restarts",
        &metrics.restarts,
        |series| {
            let rank = if focus.is_on(&series.pod, &series.container) {
                Rank::Beside
            } else {
                Rank::Else
            };
            // A restart counter is whole, an increase is extrapolated: one decimal shows both as they are.
            let restarts = format!("{:.1}", series.restarts);
            let restarts = restarts.trim_end_matches(".0");
            Some((
                rank,
                format!(
                    "{} in {} was restarted {restarts} times",
                    series.container, series.pod
                ),
            ))
        },
    );
    one(said, "replicas", &metrics.replicas, |replicas| {
        (
            Rank::Beside,
            format!(
                "{} of {} replicas are available",
                replicas.available, replicas.wanted
            ),
        )
    });
}

fn history(said: &mut BTreeSet<Telling>, evidence: &Evidence) {
    let newest = evidence
        .revisions
        .known()
        .and_then(|revisions| revisions.newest.as_ref());
    one(said, "time of the rollout", &evidence.rolled_out_at, |at| {
        let name = newest.map_or("the newest", |newest| newest.name.as_str());
        let age = human(since(*at, evidence.gathered_at));
        (
            Rank::Beside,
            format!(
                "revision {name} was rolled out at {}, {age} ago",
                whole_seconds(*at)
            ),
        )
    });
    let revisions = evidence
        .history
        .clone()
        .map(|revisions| revisions.into_iter().collect::<Vec<_>>());
    each(
        said,
        Source::Prometheus,
        "health of the revisions",
        &revisions,
        |(name, history)| {
            Some((
                Rank::Around,
                match history.longest {
                    Some(stretch) => format!(
                        "revision {name} was healthy for {} from {} on ({} samples)",
                        human(stretch.span()),
                        whole_seconds(stretch.from),
                        stretch.samples
                    ),
                    None => format!("revision {name} was never seen healthy"),
                },
            ))
        },
    );
}

fn pods(said: &mut BTreeSet<Telling>, evidence: &Evidence, focus: &Focus<'_>) {
    match &evidence.workload {
        Observed::Known(workload) => {
            let counts = workload.counts;
            said.insert(known(
                Rank::Around,
                Source::Pods,
                &format!(
                    "{}: {} of {} replicas are ready, {} are up to date",
                    workload.reference,
                    counts.ready,
                    workload.replicas_wanted(),
                    counts.updated
                ),
            ));
        }
        Observed::Absent => silent(said, Source::Pods, State::Absent, "the workload is gone"),
        Observed::Unavailable(why) => {
            silent(
                said,
                Source::Pods,
                State::Unavailable,
                &format!("the workload: could not be read: {why}"),
            );
        }
    }
    match &evidence.pods {
        Observed::Known(pods) if !pods.is_empty() => {
            for pod in pods {
                pod_sentences(said, pod, evidence, focus);
            }
        }
        Observed::Known(_) | Observed::Absent => {
            silent(said, Source::Pods, State::Absent, "pods: none")
        }
        Observed::Unavailable(why) => {
            silent(
                said,
                Source::Pods,
                State::Unavailable,
                &format!("pods: could not be read: {why}"),
            );
        }
    }
}

fn pod_sentences(said: &mut BTreeSet<Telling>, pod: &Pod, evidence: &Evidence, focus: &Focus<'_>) {
    let is_failing = focus.pods.contains(pod.name.as_str());
    if let Some(words) = &pod.unschedulable {
        let rank = if is_failing { Rank::Why } else { Rank::Around };
        said.insert(known(
            rank,
            Source::Pods,
            &format!("{} is not scheduled: {words}", pod.name),
        ));
    }
    for container in &pod.containers {
        let in_pod = format!("{} in {}", container.name, pod.name);
        for sentence in container_sentences(container, evidence) {
            said.insert(known(
                focus.rank(&pod.name, &container.name),
                Source::Pods,
                &format!("{in_pod} {sentence}"),
            ));
        }
    }
    let state = match (pod.deleting, pod.ready_since) {
        (true, _) => "is being deleted".to_owned(),
        (false, Some(ready)) => format!(
            "has been Ready for {}",
            human(since(ready, evidence.gathered_at))
        ),
        (false, None) => "is not Ready".to_owned(),
    };
    said.insert(known(
        Rank::Around,
        Source::Pods,
        &format!("{} of revision {} {state}", pod.name, pod.revision),
    ));
}

/// What one container does and how it ended last; nothing of one that runs and never ended.
fn container_sentences(container: &Container, evidence: &Evidence) -> Vec<String> {
    let mut sentences = Vec::new();
    match &container.state {
        ContainerState::Waiting { reason, message } if message.is_empty() => {
            sentences.push(format!("waits with {reason}"));
        }
        ContainerState::Waiting { reason, message } => {
            sentences.push(format!("waits with {reason}: {message}"))
        }
        ContainerState::Terminated(termination) => sentences.push(ended(container, termination)),
        ContainerState::Running {
            since: Some(started),
        } if container.restarts > 0 => {
            sentences.push(format!(
                "has been running for {}",
                human(since(*started, evidence.gathered_at))
            ));
        }
        ContainerState::Running { .. } | ContainerState::Unknown => {}
    }
    sentences.extend(
        container
            .last
            .iter()
            .map(|termination| ended(container, termination)),
    );
    sentences
}

fn ended(container: &Container, termination: &Termination) -> String {
    let run = match (termination.started, termination.finished) {
        (Some(started), Some(finished)) => format!(" after {}", human(since(started, finished))),
        (None, _) => " without having started".to_owned(),
        (Some(_), None) => String::new(),
    };
    format!(
        "ended with {}, exit code {} ({}){run}; {} restarts",
        termination.reason,
        termination.exit_code,
        if termination.exit_code == 0 {
            "no error".to_owned()
        } else {
            exit_code_meaning(termination.exit_code)
        },
        container.restarts
    )
}

fn events(said: &mut BTreeSet<Telling>, evidence: &Evidence, focus: &Focus<'_>) {
    each(said, Source::Events, "events", &evidence.events, |event| {
        Some((
            event_rank(event, focus),
            format!(
                "{} {}: {} (x{})",
                event.regarding_name, event.reason, event.message, event.count
            ),
        ))
    });
}

/// Pull errors, kills and what can't be created say why; `Error: ImagePullBackOff` and back-offs only go with it.
fn event_rank(event: &EventFact, focus: &Focus<'_>) -> Rank {
    let is_on = focus.pods.contains(event.regarding_name.as_str())
        && event
            .container
            .as_deref()
            .is_none_or(|container| focus.is_on(&event.regarding_name, container));
    if !is_on {
        return Rank::Else;
    }
    let says_why = match event.reason.as_str() {
        "Failed" => !matches!(
            event.message.as_str(),
            "Error: ErrImagePull" | "Error: ImagePullBackOff"
        ),
        "BackOff" => false,
        "Killing" => true,
        _ => event.kind == "Warning",
    };
    match (says_why, event.kind.as_str()) {
        (true, _) => Rank::Why,
        (false, "Warning") => Rank::Beside,
        (false, _) => Rank::Around,
    }
}

fn logs(said: &mut BTreeSet<Telling>, evidence: &Evidence, focus: &Focus<'_>) {
    if evidence.logs.is_empty() {
        silent(
            said,
            Source::Logs,
            State::Absent,
            "logs: no container has crashed, so none were asked for",
        );
    }
    // One answer for each container; a pod of many replicas that all say the same says it once.
    let mut tails: BTreeMap<(&str, &str), &LogTail> = BTreeMap::new();
    for tail in &evidence.logs {
        tails.insert((&tail.container, &tail.pod_name), tail);
    }
    for ((container, pod), tail) in tails {
        let place = format!("{container} in {pod}");
        match &tail.lines {
            Observed::Known(lines) => {
                if let Some(line) = last_words(lines) {
                    said.insert(known(
                        focus.rank(pod, container),
                        Source::Logs,
                        &format!("{place}: {line}"),
                    ));
                }
                if lines.len() > 1 && focus.is_on(pod, container) {
                    let last: Vec<&str> = lines.iter().rev().take(5).map(String::as_str).collect();
                    let last: Vec<&str> = last.into_iter().rev().collect();
                    said.insert(known(
                        Rank::Beside,
                        Source::Logs,
                        &format!("{place}, the end: {}", last.join(" | ")),
                    ));
                }
            }
            Observed::Absent => silent(
                said,
                Source::Logs,
                State::Absent,
                &format!("{place}: wrote nothing"),
            ),
            Observed::Unavailable(why) => {
                silent(
                    said,
                    Source::Logs,
                    State::Unavailable,
                    &format!("{place}: could not be read: {why}"),
                );
            }
        }
    }
}
