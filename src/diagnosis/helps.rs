//! Whether going back can help, and why: `Yes` only when an older revision is known to be without what fails, and every source that
//! could speak against it has answered.

use super::cure::{self, Answer, Cure};
use super::symptoms::Symptom;
use super::{Examination, Finding, config_changed, not_revision};
use crate::domain::diagnosis::{Cause, Helps};
use crate::domain::identity::RevisionName;
use crate::domain::template;
use crate::domain::workload::Revision;
use std::collections::BTreeSet;

/// The answer of one entry.
pub(super) struct GoingBack {
    pub(super) helps: Helps,
    pub(super) because: String,
    /// See [`crate::domain::diagnosis::Entry::cured_by`].
    pub(super) cured_by: Option<BTreeSet<RevisionName>>,
}

impl GoingBack {
    fn new(helps: Helps, because: impl Into<String>) -> Self {
        Self {
            helps,
            because: because.into(),
            cured_by: None,
        }
    }
}

impl Examination<'_> {
    /// Whether going back can help, and why.
    pub(super) fn helps(&self, finding: &Finding, symptoms: &[Symptom]) -> GoingBack {
        match &finding.cure {
            Cure::Never(why) => return GoingBack::new(Helps::No, why),
            Cure::Untold(why) => return GoingBack::new(Helps::Unknown, why),
            Cure::Difference
            | Cure::ImageOnNode
            | Cure::OtherRegistry { .. }
            | Cure::Without(_)
            | Cure::Asks { .. } => {}
        }
        let name = symptoms
            .first()
            .map_or("", |symptom| symptom.container.name.as_str());
        let (different, same): (Vec<&Revision>, Vec<&Revision>) =
            self.older_revisions.iter().partition(|older| {
                template::changes(finding.cause, name, &self.newest.template, &older.template)
            });
        if self.older_revisions.is_empty() {
            return GoingBack::new(
                Helps::Unknown,
                "there is no older revision to compare with or to go back to",
            );
        }
        if different.is_empty() {
            let subject = subject(finding.cause, name);
            return GoingBack::new(Helps::No, format!("no older revision differs in {subject}"));
        }
        if let Some(innocent) = not_revision::same_was_healthy(&same, self.evidence, self.limits) {
            return GoingBack::new(Helps::No, innocent);
        }
        let answers: Vec<(&Revision, Answer)> = different
            .into_iter()
            .map(|older| (older, cure::ask(&finding.cure, older, symptoms, self)))
            .collect();
        self.weigh(finding, &answers)
    }

    /// One that would cure it is enough, unless something speaks against it; one of which it can't be told keeps it open.
    fn weigh(&self, finding: &Finding, answers: &[(&Revision, Answer)]) -> GoingBack {
        let mut first_no = None;
        let mut first_untold = None;
        let mut first_yes = None;
        let mut cures = BTreeSet::new();
        for (older, answer) in answers {
            match answer {
                Answer::Yes(why) => {
                    first_yes.get_or_insert(why);
                    cures.insert(older.name.clone());
                }
                Answer::No(why) => {
                    first_no.get_or_insert(why);
                }
                Answer::Untold(why) => {
                    first_untold.get_or_insert(why);
                }
            }
        }
        if let (Some(why), None, None) = (first_no, first_untold, first_yes) {
            return GoingBack::new(Helps::No, why);
        }
        let doubt = finding
            .doubt
            .clone()
            .or_else(|| self.doubt())
            .or_else(|| self.configuration_may_have_changed(finding.cause, answers));
        if let Some(doubt) = doubt {
            return GoingBack::new(Helps::Unknown, doubt);
        }
        match (first_yes, first_untold) {
            (Some(why), _) => GoingBack {
                cured_by: (finding.cure != Cure::Difference).then_some(cures),
                ..GoingBack::new(Helps::Yes, why)
            },
            (None, Some(why)) => GoingBack::new(Helps::Unknown, why),
            (None, None) => GoingBack::new(Helps::Unknown, "whether going back helps is not known"),
        }
    }

    /// A program that ends may end for what it reads, and one that is not there may be mounted: an older revision's pods would have the same now.
    fn configuration_may_have_changed(
        &self,
        cause: Cause,
        answers: &[(&Revision, Answer)],
    ) -> Option<String> {
        let reads = matches!(
            cause,
            Cause::CrashOnStart
                | Cause::StartError
                | Cause::InitFailed
                | Cause::ExitedZero
                | Cause::ProbeKilled
                | Cause::OutOfMemory
        );
        let different: Vec<&Revision> = answers.iter().map(|(older, _)| *older).collect();
        reads
            .then(|| config_changed::doubt(self.newest, &different, self.evidence, self.limits))
            .flatten()
    }

    /// What keeps a cause that going back could cure from being sure.
    fn doubt(&self) -> Option<String> {
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
        not_revision::is_healthy_beside(self.newest, self.evidence, self.limits)
    }
}

/// What an older revision would have to differ in.
fn subject(cause: Cause, name: &str) -> String {
    match cause {
        Cause::Unschedulable | Cause::NodeTrouble => "what its pods ask of a node".to_owned(),
        Cause::Quota => "what its pods ask for".to_owned(),
        Cause::MountMissing => "its volumes".to_owned(),
        Cause::ConfigMissing => format!("what {name} takes from ConfigMaps and Secrets"),
        _ => format!("what fails of {name}"),
    }
}
