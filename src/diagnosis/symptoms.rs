//! Live symptoms: what proves that a pod fails *now*, on its own status, without asking why.
//!
//! A state seen once proves little: pull errors come and go, and a crash-looper reads `running` between two crashes.
//! So some symptoms need a second reading, some a number of restarts, some time; [`remember`] keeps what earlier readings saw.

use super::no_pods::{self, NoPods};
use super::signs::{
    CRASH_IS_RECENT, has_crashed_lately, is_being_created, is_creation_failure, kind_by_state,
};
use super::{memory, pull};
use crate::domain::evidence::{Evidence, Sighting};
use crate::domain::identity::{RevisionName, Uid};
use crate::domain::observed::Observed;
use crate::domain::policy::GuardLimits;
use crate::domain::text;
use crate::domain::time::{human, since};
use crate::domain::workload::{Container, ContainerState, Pod, Termination};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

pub use super::memory::remember;
pub use super::signs::SymptomKind;

/// Two readings of a failed pull must be this far apart: the kubelet tries again after 10 s at the earliest, so the second one
/// is about a second attempt, or at least about a back-off.
pub const PULL_READINGS_APART: SignedDuration = SignedDuration::from_secs(10);

/// No more than this many sentences about what is not proven yet: they are for people.
const PENDING: usize = 20;

/// One container of one pod, failing now.
#[derive(Clone, Debug, PartialEq)]
pub struct Symptom {
    /// What it shows.
    pub kind: SymptomKind,
    /// The revision the pod belongs to.
    pub revision: RevisionName,
    /// The pod's uid.
    pub pod: Uid,
    /// The pod's name.
    pub pod_name: String,
    /// The container as it is now. Its name is empty for a pod of which no container is known.
    pub container: Container,
    /// The words that go with it: for a failed pull the exact error as first seen, else the kubelet's message.
    pub message: String,
    /// The longest that it was ever seen to run, in seconds; 0 = it never started, `None` = it can't be told.
    pub longest_run_seconds: Option<i64>,
}

/// What is failing now, by live status and memory; and what was seen but is not proven yet, in words.
///
/// Pods that are being deleted prove nothing. Symptoms are sorted by pod and container, so that the order in which the API server
/// lists pods changes nothing.
pub fn live(evidence: &Evidence, limits: &GuardLimits) -> (Vec<Symptom>, Vec<String>) {
    let Observed::Known(pods) = &evidence.pods else {
        return (Vec::new(), unread("pods", &evidence.pods));
    };
    let pods: BTreeMap<(&str, &Uid), &Pod> = pods
        .iter()
        .map(|pod| ((pod.name.as_str(), &pod.uid), pod))
        .collect();
    let mut symptoms = Vec::new();
    let mut pending = Vec::new();
    for pod in pods.into_values().filter(|pod| !pod.deleting) {
        let reading = Reading {
            evidence,
            limits,
            pod,
        };
        for container in containers(pod) {
            match reading.judge(&container) {
                Proof::None => {}
                Proof::Live(kind) => symptoms.push(reading.symptom(kind, container)),
                Proof::Pending(why) => pending.push(why),
            }
        }
    }
    match no_pods::look(evidence, limits) {
        NoPods::None => {}
        NoPods::Pending(why) => pending.push(why),
        NoPods::Live(symptom) => symptoms.push(*symptom),
    }
    pending.truncate(PENDING);
    (symptoms, pending)
}

/// A sentence about a source that did not answer; nothing where it did.
pub(super) fn unread<T>(what: &str, answer: &Observed<T>) -> Vec<String> {
    answer
        .unavailable()
        .map(|why| format!("the {what} could not be read: {why}"))
        .into_iter()
        .collect()
}

/// A pod's containers; a pod of which none is known stands in with a nameless one, so that it is not lost.
fn containers(pod: &Pod) -> Vec<Container> {
    if !pod.containers.is_empty() {
        return pod.containers.clone();
    }
    vec![nameless()]
}

/// The container of a pod of which none is known, or of no pod at all.
pub(super) fn nameless() -> Container {
    Container {
        name: String::new(),
        init: false,
        image: String::new(),
        image_id: String::new(),
        restarts: 0,
        state: ContainerState::Unknown,
        last: None,
    }
}

/// Whether a symptom is proven.
enum Proof {
    None,
    Pending(String),
    Live(SymptomKind),
}

/// One pod in one reading.
struct Reading<'a> {
    evidence: &'a Evidence,
    limits: &'a GuardLimits,
    pod: &'a Pod,
}

impl Reading<'_> {
    fn judge(&self, container: &Container) -> Proof {
        if self.pod.unschedulable.is_some() {
            return self.after_dwell(container, SymptomKind::Unscheduled, "is not scheduled");
        }
        match kind_by_state(&container.state) {
            Some(SymptomKind::ImagePull) => self.after_second_reading(container),
            Some(kind) => Proof::Live(kind),
            None if is_being_created(&container.state) && self.cannot_be_created() => {
                self.after_dwell(container, SymptomKind::NotCreated, "can't be created")
            }
            None => self.after_crashes(container),
        }
    }

    fn after_second_reading(&self, container: &Container) -> Proof {
        let apart = self
            .sighting(container, SymptomKind::ImagePull)
            .map(|sighting| since(sighting.first_seen, sighting.last_seen));
        match apart {
            Some(apart) if apart >= PULL_READINGS_APART => Proof::Live(SymptomKind::ImagePull),
            _ => Proof::Pending(format!(
                "{}: the pull failed once so far; a second reading at least {} later proves it",
                self.place(container),
                human(PULL_READINGS_APART)
            )),
        }
    }

    fn after_dwell(&self, container: &Container, kind: SymptomKind, what: &str) -> Proof {
        let age = since(
            self.not_ready_since(container, kind),
            self.evidence.gathered_at,
        );
        if age > self.limits.dwell {
            return Proof::Live(kind);
        }
        Proof::Pending(format!(
            "{}: {what}, for {}; longer than {} proves it",
            self.place(container),
            human(age),
            human(self.limits.dwell)
        ))
    }

    /// The pod's creation while nothing in it has ever run; else the first reading that saw it so.
    fn not_ready_since(&self, container: &Container, kind: SymptomKind) -> Timestamp {
        let has_run = |container: &Container| {
            container.last.is_some()
                || matches!(
                    container.state,
                    ContainerState::Running { .. } | ContainerState::Terminated(_)
                )
        };
        if !self.pod.containers.iter().any(has_run) {
            return self.pod.created;
        }
        self.sighting(container, kind)
            .map_or(self.evidence.gathered_at, |sighting| sighting.first_seen)
    }

    fn after_crashes(&self, container: &Container) -> Proof {
        let Some(termination) = container.newest_termination() else {
            return Proof::None;
        };
        if !has_crashed_lately(container, self.evidence.gathered_at)
            || self.has_recovered(termination)
        {
            return Proof::None;
        }
        if container.restarts >= self.limits.min_crashes {
            return Proof::Live(SymptomKind::Crash);
        }
        Proof::Pending(format!(
            "{}: ended with {} (exit code {}), {} restarts so far; {} prove it",
            self.place(container),
            termination.reason,
            termination.exit_code,
            container.restarts,
            self.limits.min_crashes
        ))
    }

    /// Ready, without a restart since, for as long as makes a revision healthy: old crashes are over then.
    fn has_recovered(&self, termination: &Termination) -> bool {
        self.pod.ready_since.is_some_and(|ready| {
            since(ready, self.evidence.gathered_at) >= self.limits.proven_for
                && termination
                    .finished
                    .is_some_and(|finished| finished <= ready)
        })
    }

    fn cannot_be_created(&self) -> bool {
        self.evidence
            .events
            .known()
            .into_iter()
            .flatten()
            .any(|event| {
                event.regarding == self.pod.uid
                    && is_creation_failure(event)
                    && since(event.last_seen, self.evidence.gathered_at) <= CRASH_IS_RECENT
            })
    }

    fn sighting(&self, container: &Container, kind: SymptomKind) -> Option<&Sighting> {
        memory::find(
            &self.evidence.memory,
            &self.pod.uid,
            &self.pod.revision,
            &container.name,
            kind,
        )
    }

    fn symptom(&self, kind: SymptomKind, container: Container) -> Symptom {
        let remembered = self.sighting(&container, kind);
        let said = match (&container.state, kind) {
            (_, SymptomKind::Unscheduled) => self.pod.unschedulable.clone().unwrap_or_default(),
            (ContainerState::Waiting { message, .. }, _) => message.clone(),
            _ => String::new(),
        };
        // Of these two the state says little or something else by now; what was seen first is in the memory.
        let message = match kind {
            SymptomKind::ImagePull => remembered
                .map(|sighting| sighting.message.clone())
                .filter(|message| !message.is_empty())
                .or_else(|| pull::exact_error(self.pod, &container, &self.evidence.events))
                .unwrap_or_default(),
            SymptomKind::NotCreated => remembered.map_or(said, |sighting| sighting.message.clone()),
            _ => said,
        };
        let longest_run_seconds =
            memory::longest_run(&container, self.evidence.gathered_at).map(|seconds| {
                seconds.max(remembered.map_or(0, |sighting| sighting.longest_run_seconds))
            });
        Symptom {
            kind,
            revision: self.pod.revision.clone(),
            pod: self.pod.uid.clone(),
            pod_name: self.pod.name.clone(),
            container,
            message,
            longest_run_seconds,
        }
    }

    fn place(&self, container: &Container) -> String {
        text::safe(&format!("{} in {}", container.name, self.pod.name), 512)
    }
}

#[cfg(test)]
mod tests;
