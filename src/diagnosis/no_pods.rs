//! The one symptom that no pod shows: the API server refuses every pod of the newest revision.

use super::signs::SymptomKind;
use super::symptoms::{Symptom, nameless};
use crate::domain::evidence::Evidence;
use crate::domain::identity::Uid;
use crate::domain::policy::GuardLimits;
use crate::domain::time::{human, since};

/// Whether the newest revision can't have a single pod.
pub(super) enum NoPods {
    None,
    Pending(String),
    Live(Box<Symptom>),
}

/// The newest revision is asked for pods, has none, and its controller says that they are refused: for longer than the dwell.
pub(super) fn look(evidence: &Evidence, limits: &GuardLimits) -> NoPods {
    let newest = evidence
        .revisions
        .known()
        .and_then(|revisions| revisions.newest.as_ref());
    let failure = evidence
        .workload
        .known()
        .and_then(|workload| workload.replica_failure.as_ref());
    let (Some(newest), Some(failure)) = (newest, failure) else {
        return NoPods::None;
    };
    let pods = evidence.pods.known().into_iter().flatten();
    let mut own = pods.filter(|pod| !pod.deleting && pod.revision == newest.name);
    // The words name the pod that was refused; without them the condition may be an older revision's.
    let is_about_it = failure.message.contains(newest.name.as_str());
    if newest.replicas_wanted == 0 || own.next().is_some() || !is_about_it {
        return NoPods::None;
    }
    let age = since(
        failure.since.unwrap_or(evidence.gathered_at),
        evidence.gathered_at,
    );
    if age <= limits.dwell {
        return NoPods::Pending(format!(
            "revision {}: its pods are refused, for {}; longer than {} proves it",
            newest.name,
            human(age),
            human(limits.dwell)
        ));
    }
    NoPods::Live(Box::new(Symptom {
        kind: SymptomKind::NoPods,
        revision: newest.name.clone(),
        pod: Uid::new(""),
        pod_name: String::new(),
        container: nameless(),
        message: failure.message.clone(),
        longest_run_seconds: Some(0),
    }))
}
