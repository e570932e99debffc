//! Who ended a container's last run: itself, or the kubelet, as only Events say. A program that is asked to stop may say goodbye with any
//! exit code, so without the Events nobody can say that it ended by itself.

use super::signs::CRASH_IS_RECENT;
use super::symptoms::Symptom;
use crate::domain::evidence::{EventFact, Evidence};
use crate::domain::observed::Observed;
use crate::domain::time::since;
use crate::domain::workload::Termination;
use serde_json::Value;

/// Who ended a container.
pub(super) enum Killer {
    /// Nobody but itself, as far as the Events say.
    Nobody,
    /// The kubelet, for a liveness or startup probe; with its words.
    Probe(String),
    /// The kubelet, for something else, or in another run than the last.
    Kubelet(String),
    /// The Events can't be read, or do not reach back to the last run.
    Untold(String),
}

/// Who ended the last run; `can_be_killed`: whether the template gives the kubelet a reason to. Of a large workload only a few pods' Events are read: what the kubelet did to a sister of the same revision
/// counts for those of which nothing was read.
pub(super) fn of(
    symptom: &Symptom,
    newest_end: &Termination,
    can_be_killed: bool,
    evidence: &Evidence,
) -> Killer {
    let events = match &evidence.events {
        Observed::Known(events) => events.as_slice(),
        Observed::Absent => &[],
        Observed::Unavailable(why) => {
            return Killer::Untold(format!("events could not be read ({why})"));
        }
    };
    let kills: Vec<&EventFact> = events
        .iter()
        .filter(|event| event.reason == "Killing")
        .filter(|event| {
            let container = event.container.as_ref();
            container.is_none_or(|container| *container == symptom.container.name)
        })
        .collect();
    let own = kills
        .iter()
        .filter(|event| event.regarding == symptom.pod)
        .max_by_key(|event| (event.last_seen, &event.message));
    if let Some(kill) = own {
        // The kubelet says so before it waits for the end; in an earlier run it may have been another matter.
        let is_of_last_run = newest_end
            .started
            .is_none_or(|started| kill.last_seen >= started);
        return if is_of_last_run && is_for_a_probe(kill) {
            Killer::Probe(with_the_probes_words(kill, symptom, events))
        } else {
            Killer::Kubelet(kill.message.clone())
        };
    }
    let about_it: Vec<&EventFact> = events
        .iter()
        .filter(|event| event.regarding == symptom.pod)
        .collect();
    let of_a_sister = kills
        .iter()
        .filter(|event| about_it.is_empty() && is_a_sister(event, symptom, evidence))
        .max_by_key(|event| (event.last_seen, &event.message));
    // Events are lost and expire: none about a kill says something only where others of that time are there.
    let reach_the_last_run = if about_it.is_empty() {
        events
            .iter()
            .any(|event| is_a_sister(event, symptom, evidence))
    } else {
        about_it.iter().any(|event| {
            newest_end
                .started
                .is_none_or(|started| event.last_seen >= started)
        })
    };
    match of_a_sister {
        Some(kill) if is_for_a_probe(kill) => {
            Killer::Probe(format!("{} (in {})", kill.message, kill.regarding_name))
        }
        Some(kill) => Killer::Kubelet(format!("{} (in {})", kill.message, kill.regarding_name)),
        None if can_be_killed && !reach_the_last_run => Killer::Untold(format!(
            "no Event about {} is as young as its last run",
            symptom.pod_name
        )),
        None => Killer::Nobody,
    }
}

/// Whether the kubelet may end a container that runs (`prober/prober_manager.go`, `kuberuntime_manager.go`): for a probe, or a hook that fails.
pub(super) fn can_kill(container: Option<&Value>) -> bool {
    const REASONS: [&str; 3] = ["/livenessProbe", "/startupProbe", "/lifecycle/postStart"];
    container.is_none_or(|container| {
        REASONS
            .iter()
            .any(|reason| container.pointer(reason).is_some())
    })
}

/// The kubelet's words (`kuberuntime_manager.go`): `Container web failed liveness probe, will be restarted`.
fn is_for_a_probe(kill: &EventFact) -> bool {
    ["failed liveness probe", "failed startup probe"]
        .iter()
        .any(|words| kill.message.contains(words))
}

fn with_the_probes_words(kill: &EventFact, symptom: &Symptom, events: &[EventFact]) -> String {
    let unhealthy = events
        .iter()
        .filter(|event| event.reason == "Unhealthy" && event.regarding == symptom.pod)
        .filter(|event| event.container == kill.container)
        .filter(|event| !event.message.starts_with("Readiness"))
        .max_by_key(|event| (event.last_seen, &event.message));
    match unhealthy {
        Some(probe) => format!("{}; {}", kill.message, probe.message),
        None => kill.message.clone(),
    }
}

fn is_a_sister(event: &EventFact, symptom: &Symptom, evidence: &Evidence) -> bool {
    let pods = evidence.pods.known().into_iter().flatten();
    let is_recent = since(event.last_seen, evidence.gathered_at) <= CRASH_IS_RECENT;
    is_recent
        && pods
            .filter(|pod| pod.revision == symptom.revision)
            .any(|pod| pod.uid == event.regarding)
}
