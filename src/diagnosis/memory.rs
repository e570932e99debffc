//! What one incident remembers from reading to reading: states flap, Events expire, and the kubelet replaces its messages.

use super::pull;
use super::signs::{self, SymptomKind};
use crate::domain::evidence::{EventFact, Memory, Sighting};
use crate::domain::identity::{RevisionName, Uid};
use crate::domain::observed::Observed;
use crate::domain::text;
use crate::domain::time::since;
use crate::domain::workload::{Container, ContainerState, Pod, Termination};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Longer messages are cut: the field's own limit.
const MESSAGE_BYTES: usize = 1024;

/// All messages together: an eighth of what an Incident may weigh. Past it the present state must do.
const MESSAGES_BYTES: usize = 8 * 1024;

type Key = (Uid, RevisionName, String, String);

/// The memory after one more reading at `now`. Reading the same again at the same time changes nothing. To be called only when
/// the pods could be read: pods that are missing here are taken to be gone.
///
/// - A sighting stays while its pod exists, even when the state flaps (between two pulls a container can read `ContainerCreating`),
///   so `first_seen` survives. It begins anew once the container has started since: then what stopped it was over. Crashes are the exception: running between
///   two of them is what a crash loop does.
/// - A pull error is kept as first seen; with the first message that says something the sighting begins anew. When the registry's answer
///   changes its class (away a moment ago, "not found" now) the sighting begins anew: every class needs its own two readings.
/// - Of pods that are gone one sighting for each revision, container and symptom stays, the one with the longest run: verification
///   soaks for twice that, and then those pods are long gone.
/// - At most [`Memory::LIMIT`] are kept, those of live pods and those seen last first; past 8 KiB of messages only the messages go.
pub fn remember(
    memory: &Memory,
    pods: &[Pod],
    events: &Observed<Vec<EventFact>>,
    now: Timestamp,
) -> Memory {
    let live: BTreeMap<&Uid, &Pod> = pods
        .iter()
        .filter(|pod| !pod.deleting)
        .map(|pod| (&pod.uid, pod))
        .collect();
    let messages = memory
        .sightings
        .iter()
        .map(|it| it.message.len())
        .sum::<usize>();
    let mut sightings: BTreeMap<Key, Sighting> = memory
        .sightings
        .iter()
        .filter(|sighting| {
            !live
                .get(&sighting.pod)
                .is_some_and(|pod| is_over(sighting, pod))
        })
        .map(|sighting| (key(sighting), by_our_clock(sighting, now)))
        .collect();
    for pod in live.values() {
        for container in &pod.containers {
            for seen in sight(pod, container, events, now) {
                let is_whole = messages + seen.message.len() <= MESSAGES_BYTES;
                sightings
                    .entry(key(&seen))
                    .and_modify(|known| merge(known, &seen, is_whole))
                    .or_insert(seen);
            }
        }
    }
    bounded(
        sightings.into_values().collect(),
        &live.keys().copied().collect(),
    )
}

/// A sighting in times that have been: what a clock that was hours ahead has noted would never be ten seconds old.
fn by_our_clock(sighting: &Sighting, now: Timestamp) -> Sighting {
    Sighting {
        first_seen: sighting.first_seen.min(now),
        last_seen: sighting.last_seen.min(now),
        ..sighting.clone()
    }
}

/// The sighting of one symptom of one container.
pub(super) fn find<'a>(
    memory: &'a Memory,
    pod: &Uid,
    revision: &RevisionName,
    container: &str,
    kind: SymptomKind,
) -> Option<&'a Sighting> {
    memory.sightings.iter().find(|sighting| {
        &sighting.pod == pod
            && &sighting.revision == revision
            && sighting.container == container
            && sighting.symptom == kind.as_str()
    })
}

/// The longest run that a container's status knows of, in seconds: the present one, the last, or the one before. `None` where a
/// run's end is not known, for then it may have been any length.
pub(super) fn longest_run(container: &Container, now: Timestamp) -> Option<i64> {
    let present = match &container.state {
        ContainerState::Running {
            since: Some(started),
        } => Some(since(*started, now).as_secs()),
        ContainerState::Running { since: None } => None,
        ContainerState::Terminated(termination) => run(termination),
        ContainerState::Waiting { .. } | ContainerState::Unknown => Some(0),
    }?;
    let last = container.last.as_ref().map_or(Some(0), run)?;
    Some(present.max(last))
}

fn run(termination: &Termination) -> Option<i64> {
    match (termination.started, termination.finished) {
        (None, _) => Some(0),
        (Some(started), Some(finished)) => Some(since(started, finished).as_secs()),
        (Some(_), None) => None,
    }
}

/// Everything that one container shows, proven or not.
fn sight(
    pod: &Pod,
    container: &Container,
    events: &Observed<Vec<EventFact>>,
    now: Timestamp,
) -> Vec<Sighting> {
    let sighting = |kind: SymptomKind, message: String| Sighting {
        pod: pod.uid.clone(),
        revision: pod.revision.clone(),
        container: container.name.clone(),
        symptom: kind.as_str().to_owned(),
        first_seen: now,
        last_seen: now,
        message: text::safe(&message, MESSAGE_BYTES),
        longest_run_seconds: longest_run(container, now).unwrap_or(0),
    };
    let mut seen = Vec::new();
    match signs::kind_by_state(&container.state) {
        Some(SymptomKind::ImagePull) => seen.push(sighting(
            SymptomKind::ImagePull,
            pull::exact_error(pod, container, events).unwrap_or_default(),
        )),
        Some(kind) if kind != SymptomKind::Crash => {
            let ContainerState::Waiting { message, .. } = &container.state else {
                return seen;
            };
            seen.push(sighting(kind, message.clone()));
        }
        None if pod.unschedulable.is_some() => {
            seen.push(sighting(
                SymptomKind::Unscheduled,
                pod.unschedulable.clone().unwrap_or_default(),
            ));
        }
        None if signs::is_being_created(&container.state) => {
            let failure = events
                .known()
                .into_iter()
                .flatten()
                .filter(|event| event.regarding == pod.uid && signs::is_creation_failure(event))
                .map(|event| event.message.clone())
                .min();
            seen.extend(failure.map(|message| sighting(SymptomKind::NotCreated, message)));
        }
        Some(_) | None => {}
    }
    if signs::has_crashed_lately(container, now) {
        seen.push(sighting(SymptomKind::Crash, String::new()));
    }
    seen
}

/// Whether what a sighting saw has ended since: its container has started.
fn is_over(sighting: &Sighting, pod: &Pod) -> bool {
    if sighting.symptom == SymptomKind::Crash.as_str() {
        return false;
    }
    let Some(container) = pod
        .containers
        .iter()
        .find(|container| container.name == sighting.container)
    else {
        return false;
    };
    let started = match &container.state {
        ContainerState::Running { .. } => return true,
        ContainerState::Terminated(termination) => termination.started,
        ContainerState::Waiting { .. } | ContainerState::Unknown => container
            .last
            .as_ref()
            .and_then(|termination| termination.started),
    };
    started.is_some_and(|started| started > sighting.first_seen)
}

/// `is_whole` = no message has been given up for want of room, so that an empty one was never there.
fn merge(known: &mut Sighting, seen: &Sighting, is_whole: bool) {
    // A pull whose error nobody has read shows that something failed, not what: the time to believe an error begins when it is first read.
    let is_first_answer = is_whole
        && known.symptom == SymptomKind::ImagePull.as_str()
        && known.message.is_empty()
        && !seen.message.is_empty();
    if has_another_answer(known, seen) || is_first_answer {
        known.first_seen = seen.first_seen;
        known.message.clone_from(&seen.message);
    }
    known.last_seen = known.last_seen.max(seen.last_seen);
    known.longest_run_seconds = known.longest_run_seconds.max(seen.longest_run_seconds);
    if known.message.is_empty() {
        known.message.clone_from(&seen.message);
    }
}

fn has_another_answer(known: &Sighting, seen: &Sighting) -> bool {
    known.symptom == SymptomKind::ImagePull.as_str()
        && !known.message.is_empty()
        && !seen.message.is_empty()
        && pull::classify(&known.message) != pull::classify(&seen.message)
}

fn key(sighting: &Sighting) -> Key {
    (
        sighting.pod.clone(),
        sighting.revision.clone(),
        sighting.container.clone(),
        sighting.symptom.clone(),
    )
}

fn bounded(sightings: Vec<Sighting>, live: &BTreeSet<&Uid>) -> Memory {
    let (mut kept, gone): (Vec<_>, Vec<_>) = sightings
        .into_iter()
        .partition(|sighting| live.contains(&sighting.pod));
    let mut longest: BTreeMap<(RevisionName, String, String), Sighting> = BTreeMap::new();
    for sighting in gone {
        let place = (
            sighting.revision.clone(),
            sighting.container.clone(),
            sighting.symptom.clone(),
        );
        let best = longest.entry(place).or_insert_with(|| sighting.clone());
        if sighting.longest_run_seconds > best.longest_run_seconds {
            *best = sighting;
        }
    }
    kept.extend(longest.into_values());
    // Live pods first, then those seen last; the key makes the order one.
    kept.sort_by_key(|sighting| {
        (
            !live.contains(&sighting.pod),
            std::cmp::Reverse(sighting.last_seen),
            key(sighting),
        )
    });
    kept.truncate(Memory::LIMIT);
    let mut left = MESSAGES_BYTES;
    for sighting in &mut kept {
        if sighting.message.len() > left {
            sighting.message.clear();
        }
        left -= sighting.message.len();
    }
    kept.sort_by_key(key);
    Memory { sightings: kept }
}
