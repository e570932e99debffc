//! The immutable bundle that remedies and guards read.

use super::diagnosis::Diagnosis;
use super::evidence::Evidence;
use super::identity::{ActionId, IncidentName, TemplateHash, Uid};
use super::observed::Observed;
use super::policy::{GuardLimits, Mode, Policy};
use super::workload::{Revision, Revisions, Workload, WorkloadRef};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// One workload's case at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The only "now" that the pure stages know.
    pub now: Timestamp,
    /// The workload the incident is about.
    pub workload: WorkloadRef,
    /// What the incident knows of itself.
    pub incident: IncidentFacts,
    /// What was observed.
    pub evidence: Evidence,
    /// What it means.
    pub diagnosis: Diagnosis,
    /// Which policy applies.
    pub policy: PolicyChoice,
    /// The limits that guards compare with.
    pub limits: GuardLimits,
    /// The configuration's mode; policies and annotations can only be stricter.
    pub mode: Mode,
    /// The namespaces in scope; empty = none.
    pub scope: BTreeSet<String>,
    /// Every open incident of this installation, this one included.
    pub open: Observed<Vec<OpenIncident>>,
}

/// An open incident, as far as a storm is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIncident {
    /// The uid of the workload that it is about.
    pub workload: Uid,
    /// When its alert arrived.
    pub opened_at: Timestamp,
}

/// Which policy applies.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyChoice {
    /// The first whose match fits and whose causes hold every entry's cause.
    Chosen(Box<Policy>),
    /// Some match fits, but none of those covers every cause; their names.
    CauseNotCovered(Vec<String>),
    /// No match fits.
    NoMatch,
}

impl PolicyChoice {
    /// The policy, where one was chosen.
    pub fn policy(&self) -> Option<&Policy> {
        match self {
            Self::Chosen(policy) => Some(policy),
            Self::CauseNotCovered(_) | Self::NoMatch => None,
        }
    }
}

/// What an incident knows of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentFacts {
    /// Its name.
    pub name: IncidentName,
    /// When it was created.
    pub opened_at: Timestamp,
    /// The names of the alerts that joined it.
    pub alert_names: Vec<String>,
    /// The revisions that it saw failing.
    pub failed: Vec<TemplateHash>,
    /// The writes it has made, oldest first.
    pub steps: Vec<StepTaken>,
}

/// One write that an incident has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTaken {
    /// Its name.
    pub action_id: ActionId,
    /// The remedy's place in the policy's list.
    pub remedy_index: usize,
    /// The hash of the revision that it made newest, once known.
    pub revision: Option<TemplateHash>,
    /// When it was accepted.
    pub applied_at: Timestamp,
    /// Whether that revision's own pods were then seen failing.
    pub failed: bool,
}

impl Case {
    /// The workload as last read, where it could be.
    pub fn workload(&self) -> Option<&Workload> {
        self.evidence.workload.known()
    }

    /// Its revisions, where they could be read.
    pub fn revisions(&self) -> Option<&Revisions> {
        self.evidence.revisions.known()
    }

    /// The newest revision, once the controller has made it.
    pub fn newest(&self) -> Option<&Revision> {
        self.revisions()?.newest.as_ref()
    }

    /// Every revision that this incident or an earlier one of the workload saw failing; `None` where Ripcord's record can't be read.
    pub fn quarantine(&self) -> Option<BTreeSet<&TemplateHash>> {
        let past = self.evidence.past.known()?;
        Some(
            self.incident
                .failed
                .iter()
                .chain(past.iter().flat_map(|incident| &incident.failed))
                .collect(),
        )
    }

    /// Those of its revisions that were seen failing; `None` where Ripcord's record or the revisions can't be read.
    pub fn quarantined_revisions(&self) -> Option<Vec<&Revision>> {
        let quarantine = self.quarantine()?;
        let revisions = self.revisions()?;
        Some(
            revisions
                .all()
                .filter(|revision| quarantine.contains(&revision.hash))
                .collect(),
        )
    }

    /// The number of the next write; the first is 1.
    pub fn next_step(&self) -> u32 {
        u32::try_from(self.incident.steps.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    }
}
