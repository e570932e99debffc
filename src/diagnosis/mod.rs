//! What is broken, and whether going back can help: `&Evidence -> Diagnosis`, and nothing else goes in.
//!
//! ```text
//! Evidence -> symptoms (what fails now) -> not_revision, image, crash (why) -> domain::template (can going back help) -> Diagnosis
//! ```
//!
//! Four causes are told today: `ImageNotFound`, `InvalidImageName`, `CrashOnStart` and `WasHealthy`. Everything else is `Unknown`,
//! with what is known of it, and is held. `Yes` is said only when every source that could speak against it has answered:
//! a source that is away can only make a diagnosis less sure.

mod crash;
mod facts;
mod image;
mod memory;
mod not_revision;
mod pull;
mod signs;
mod sources;
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
use std::collections::{BTreeMap, BTreeSet};
use symptoms::Symptom;

/// Sentences are cut here: half of what a record's field holds.
const SENTENCE_BYTES: usize = 512;

/// What the families make of a container's symptoms.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    cause: Cause,
    because: String,
}

impl Finding {
    fn new(cause: Cause, because: String) -> Self {
        Self { cause, because }
    }

    fn unknown(because: String) -> Self {
        Self::new(Cause::Unknown, because)
    }
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
    let blames_the_template =
        |entry: &Entry| entry.cause == Cause::CrashOnStart && entry.rollback_helps == Helps::Yes;
    if entries.iter().any(blames_the_template)
        && let Some(why) =
            newest.and_then(|newest| not_revision::may_be_healthy_beside(newest, evidence, limits))
    {
        entries.clear();
        pending.push(why);
    }
    Diagnosis {
        newest: newest.map(|newest| newest.name.clone()),
        entries,
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
        let (rollback_helps, helps_because) = self.helps(&finding, first);
        let pods: BTreeSet<String> = symptoms
            .iter()
            .map(|symptom| symptom.pod_name.clone())
            .collect();
        Some(Entry {
            container: first.container.name.clone(),
            init: first.container.init,
            cause: finding.cause,
            rollback_helps,
            because: text::safe(&[finding.because, helps_because].join("; "), SENTENCE_BYTES),
            facts: facts::of_entry(self.evidence, symptoms),
            pods: pods.into_iter().collect(),
            longest_run_seconds: symptoms
                .iter()
                .filter_map(|symptom| symptom.longest_run_seconds)
                .max()
                .unwrap_or(0),
        })
    }

    fn finding(&self, first: &Symptom, symptoms: &[Symptom]) -> Finding {
        if let Some(cleared) = not_revision::was_healthy(self.newest, self.evidence, self.limits) {
            return cleared;
        }
        if template::container(&self.newest.template, &first.container.name).is_none() {
            return Finding::unknown(match first.container.name.as_str() {
                "" => self.of_symptom(first).because,
                name => format!(
                    "{name} is not in the workload's template: something else put it into the pod"
                ),
            });
        }
        let findings: Vec<Finding> = symptoms
            .iter()
            .map(|symptom| self.of_symptom(symptom))
            .collect();
        let causes: BTreeSet<Cause> = findings.iter().map(|finding| finding.cause).collect();
        match findings.into_iter().next() {
            Some(finding) if causes.len() == 1 => finding,
            _ => Finding::unknown(format!(
                "{} fails in different ways in different pods",
                first.container.name
            )),
        }
    }

    fn of_symptom(&self, symptom: &Symptom) -> Finding {
        not_revision::older_fails_too(symptom, self.older)
            .or_else(|| image::judge(symptom, self.evidence))
            .or_else(|| crash::judge(symptom, self.evidence, self.limits))
            .unwrap_or_else(|| {
                Finding::unknown(format!(
                    "{} does not start: {}",
                    symptom.container.name, symptom.message
                ))
            })
    }

    /// Whether going back can help, and why.
    fn helps(&self, finding: &Finding, symptom: &Symptom) -> (Helps, String) {
        let name = &symptom.container.name;
        match finding.cause {
            Cause::ImageNotFound | Cause::InvalidImageName | Cause::CrashOnStart => {}
            Cause::WasHealthy => return (Helps::No, "going back would not undo that".to_owned()),
            _ => {
                return (
                    Helps::Unknown,
                    "whether going back helps is not known".to_owned(),
                );
            }
        }
        let (different, same): (Vec<&Revision>, Vec<&Revision>) =
            self.older_revisions.iter().partition(|older| {
                template::changes(finding.cause, name, &self.newest.template, &older.template)
            });
        let Some(different) = different.first() else {
            return match self.older_revisions.len() {
                0 => (
                    Helps::Unknown,
                    "there is no older revision to compare with or to go back to".to_owned(),
                ),
                _ => (
                    Helps::No,
                    format!("no older revision differs in what fails of {name}"),
                ),
            };
        };
        if let Some(innocent) = not_revision::same_was_healthy(&same, self.evidence, self.limits) {
            return (Helps::No, innocent);
        }
        if let Some(doubt) = self.doubt(finding.cause) {
            return (Helps::Unknown, doubt);
        }
        let what = match template::image(&different.template, name) {
            Some(image) if template::image(&self.newest.template, name) != Some(image) => {
                format!("{image} as {name}")
            }
            _ if template::container(&self.newest.template, name)
                != template::container(&different.template, name) =>
            {
                format!("other settings for {name}")
            }
            _ => "other settings for the whole pod".to_owned(),
        };
        (
            Helps::Yes,
            format!("revision {} has {what}", different.name),
        )
    }

    /// What keeps a cause that going back could cure from being sure.
    fn doubt(&self, cause: Cause) -> Option<String> {
        if let Some(why) = self.evidence.history.unavailable() {
            return Some(format!(
                "whether {} was healthy before can't be told: {why}",
                self.newest.name
            ));
        }
        if let Some(doubt) =
            not_revision::may_have_been_healthy(self.newest, self.evidence, self.limits)
        {
            return Some(doubt);
        }
        if let Some(why) = self.evidence.events.unavailable() {
            return Some(format!(
                "what else happened to its pods can't be told: events could not be read ({why})"
            ));
        }
        if let Some(symptom) = self.older.first() {
            return Some(format!(
                "the older revision {} fails too, in another way",
                symptom.revision
            ));
        }
        if cause == Cause::CrashOnStart {
            return not_revision::is_healthy_beside(self.newest, self.evidence, self.limits);
        }
        None
    }
}
