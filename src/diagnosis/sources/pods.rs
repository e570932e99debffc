//! What the live API said: the workload, its pods, and what their containers do.

use super::super::ending::exit_code_meaning;
use super::{Focus, Rank, State, Telling, known, silent};
use crate::domain::evidence::{Evidence, Source};
use crate::domain::observed::Observed;
use crate::domain::time::{human, since, whole_seconds};
use crate::domain::workload::{Container, ContainerState, Pod, Termination};
use std::collections::BTreeSet;

pub(super) fn tell(said: &mut BTreeSet<Telling>, evidence: &Evidence, focus: &Focus<'_>) {
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
            if let Some(failure) = &workload.replica_failure {
                said.insert(known(
                    Rank::Beside,
                    Source::Pods,
                    &format!("pods are refused: {}", failure.message),
                ));
            }
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
            silent(said, Source::Pods, State::Absent, "pods: none");
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
    // What the kubelet has replaced meanwhile.
    for sighting in evidence
        .memory
        .sightings
        .iter()
        .filter(|sighting| sighting.pod == pod.uid)
    {
        let is_told = pod.containers.iter().any(|container| {
            container.name == sighting.container
                && matches!(&container.state, ContainerState::Waiting { message, .. } if message.contains(&sighting.message))
        });
        if !is_told {
            let sentence = format!(
                "{} in {} said at {}: {}",
                sighting.container,
                pod.name,
                whole_seconds(sighting.first_seen),
                sighting.message
            );
            said.insert(known(
                focus.rank(&pod.name, &sighting.container),
                Source::Pods,
                &sentence,
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
            sentences.push(format!("waits with {reason}: {message}"));
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
