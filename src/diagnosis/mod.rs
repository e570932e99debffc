//! What is broken, and whether going back can help: `&Evidence -> Diagnosis`, and nothing else goes in.
//!
//! ```text
//! Evidence -> symptoms (what fails now) -> not_revision, image, start, crash, placing (why) -> helps, cure (can going back help) -> Diagnosis
//! ```
//!
//! What is not told by a name of the closed list is `Unknown`, with what is known of it, and is held. `Yes` is said only when every source
//! that could speak against it has answered: a source that is away can only make a diagnosis less sure. Beside the entries stands what they share
//! with other workloads: `NodeTrouble`, `RegistryOutage`.

mod config_changed;
mod crash;
mod cure;
mod demands;
mod ending;
mod facts;
mod helps;
mod image;
mod killer;
mod memory;
mod missing;
mod no_pods;
mod not_revision;
mod placing;
mod pull;
mod shared;
mod signs;
mod sources;
mod start;
pub mod symptoms;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

pub use facts::facts;

use crate::domain::diagnosis::{Cause, Diagnosis, Entry, Helps};
use crate::domain::evidence::Evidence;
use crate::domain::identity::RevisionName;
use crate::domain::policy::GuardLimits;
use crate::domain::template;
use crate::domain::text;
use crate::domain::workload::Revision;
use cure::Cure;
use std::collections::{BTreeMap, BTreeSet};
use symptoms::Symptom;

/// Sentences are cut here: half of what a record's field holds.
const SENTENCE_BYTES: usize = 512;

/// What the families make of a container's symptoms.
#[derive(Clone, Debug, PartialEq)]
struct Finding {
    cause: Cause,
    because: String,
    /// Which older revisions would cure it.
    cure: Cure,
    /// What keeps that from being sure, in what the family knows.
    doubt: Option<String>,
}

impl Finding {
    /// A cause that any older revision cures that differs in what fails.
    fn new(cause: Cause, because: String) -> Self {
        Self {
            cause,
            because,
            cure: Cure::Difference,
            doubt: None,
        }
    }

    fn unknown(because: String) -> Self {
        let untold = "whether going back helps is not known".to_owned();
        Self::new(Cause::Unknown, because).cured(Cure::Untold(untold))
    }

    fn cured(self, cure: Cure) -> Self {
        Self { cure, ..self }
    }

    fn unless(self, doubt: Option<String>) -> Self {
        Self {
            doubt: self.doubt.or(doubt),
            ..self
        }
    }
}

/// Both sentences in one; the first, with its quoted messages, never pushes the second out.
fn because(finding: &str, back: &str) -> String {
    let room = SENTENCE_BYTES.saturating_sub(back.len() + 2);
    let finding = text::truncate(finding, room.max(SENTENCE_BYTES / 2));
    text::safe(&[finding.as_str(), back].join("; "), SENTENCE_BYTES)
}

/// The diagnosis of one workload: one entry for each container that fails in a pod of the newest revision.
pub fn diagnose(evidence: &Evidence, limits: &GuardLimits) -> Diagnosis {
    let (symptoms, mut pending) = symptoms::live(evidence, limits);
    let revisions = evidence.revisions.known();
    let newest = revisions.and_then(|revisions| revisions.newest.as_ref());
    let (failing, older): (Vec<Symptom>, Vec<Symptom>) = symptoms
        .into_iter()
        .partition(|symptom| newest.is_some_and(|newest| newest.name == symptom.revision));
    pending.extend(symptoms::unread("revisions", &evidence.revisions));
    let older_names: BTreeSet<RevisionName> = older
        .iter()
        .map(|symptom| symptom.revision.clone())
        .collect();
    let mut entries = newest.map_or_else(Vec::new, |newest| {
        let older_revisions = revisions.map_or(&[][..], |revisions| &revisions.older);
        let examination = Examination {
            evidence,
            limits,
            newest,
            older_revisions,
            older: &older,
        };
        by_container(failing)
            .into_values()
            .filter_map(|symptoms| examination.entry(&symptoms))
            .collect()
    });
    // A template that may be about to prove itself in another pod is not to blame yet.
    if entries
        .iter()
        .any(|entry| entry.rollback_helps == Helps::Yes)
        && let Some(why) =
            newest.and_then(|newest| not_revision::may_be_healthy_beside(newest, evidence, limits))
    {
        entries.clear();
        pending.push(why);
    }
    let shared = shared::find(evidence, &entries);
    shared::weigh(&mut entries, shared.as_ref(), evidence);
    Diagnosis {
        newest: newest.map(|newest| newest.name.clone()),
        entries,
        shared,
        // Without the revisions nobody can say which of them is older.
        older_failing: revisions.map_or_else(Vec::new, |_| older_names.into_iter().collect()),
        pending: pending
            .iter()
            .map(|text| text::safe(text, SENTENCE_BYTES))
            .collect(),
    }
}

/// The symptoms of each container over all pods, init containers first, then by name.
fn by_container(symptoms: Vec<Symptom>) -> BTreeMap<(bool, String), Vec<Symptom>> {
    let mut containers: BTreeMap<(bool, String), Vec<Symptom>> = BTreeMap::new();
    for symptom in symptoms {
        let place = (!symptom.container.init, symptom.container.name.clone());
        containers.entry(place).or_default().push(symptom);
    }
    containers
}

/// The newest revision under examination.
struct Examination<'a> {
    evidence: &'a Evidence,
    limits: &'a GuardLimits,
    newest: &'a Revision,
    older_revisions: &'a [Revision],
    older: &'a [Symptom],
}

impl Examination<'_> {
    /// The entry of one container; there is one where it has a symptom.
    fn entry(&self, symptoms: &[Symptom]) -> Option<Entry> {
        let first = symptoms.first()?;
        let finding = self.finding(first, symptoms);
        let back = self.helps(&finding, symptoms);
        let pods: BTreeSet<String> = symptoms
            .iter()
            .map(|symptom| symptom.pod_name.clone())
            .filter(|name| !name.is_empty())
            .collect();
        Some(Entry {
            container: first.container.name.clone(),
            init: first.container.init,
            cause: finding.cause,
            rollback_helps: back.helps,
            because: because(&finding.because, &back.because),
            facts: facts::of_entry(self.evidence, symptoms),
            pods: pods.into_iter().collect(),
            longest_run_seconds: symptoms
                .iter()
                .filter_map(|symptom| symptom.longest_run_seconds)
                .max()
                .unwrap_or(0),
            cured_by: back.cured_by,
        })
    }

    /// What one container's symptoms mean. The judges of the revision as a whole come first: each of them clears every container.
    fn finding(&self, first: &Symptom, symptoms: &[Symptom]) -> Finding {
        let changed = config_changed::judge(
            first.kind,
            self.newest,
            self.older_revisions,
            self.evidence,
            self.limits,
        );
        if let Some(changed) = changed {
            return changed;
        }
        let cleared = not_revision::was_healthy(self.newest, self.evidence, self.limits);
        if let Some(cleared) = cleared {
            return cleared;
        }
        let name = first.container.name.as_str();
        if !name.is_empty() && template::container(&self.newest.template, name).is_none() {
            return Finding::unknown(format!(
                "{name} is not in the workload's template: something else put it into the pod"
            ));
        }
        let findings: Vec<Finding> = symptoms
            .iter()
            .map(|symptom| self.of_symptom(symptom))
            .collect();
        merged(name, findings)
    }

    fn of_symptom(&self, symptom: &Symptom) -> Finding {
        not_revision::older_fails_too(symptom, self.older, self.older_revisions)
            .or_else(|| image::judge(symptom, self.evidence))
            .or_else(|| start::judge(symptom))
            .or_else(|| crash::judge(symptom, self))
            .or_else(|| placing::judge(symptom, self.evidence))
            .unwrap_or_else(|| {
                Finding::unknown(format!(
                    "{} does not start: {}",
                    symptom.container.name, symptom.message
                ))
            })
    }
}

/// One finding for all pods: that of the first, if all have the same cause; a doubt in one pod is a doubt.
fn merged(name: &str, findings: Vec<Finding>) -> Finding {
    let causes: BTreeSet<Cause> = findings.iter().map(|finding| finding.cause).collect();
    let doubt = findings.iter().find_map(|finding| finding.doubt.clone());
    let mut cures = findings.iter().map(|finding| &finding.cure);
    let first_cure = cures.next();
    let is_one_cure = cures.all(|cure| Some(cure) == first_cure);
    match findings.into_iter().next() {
        Some(finding) if causes.len() == 1 && is_one_cure => finding.unless(doubt),
        Some(finding) if causes.len() == 1 => finding.unless(Some(
            "in different pods it fails for different things".to_owned(),
        )),
        _ => Finding::unknown(format!("{name} fails in different ways in different pods")),
    }
}
