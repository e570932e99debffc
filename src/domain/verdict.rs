//! What was decided, and why: every guard's outcome with the numbers it compared.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a verdict is what it is: a guard's name, or one of the few reasons that are not guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Nothing stands against it.
    Clear,
    /// A source that is needed does not answer.
    Unavailable,
    /// The namespace is not in the configuration's list.
    NotInScope,
    /// The owner said `off`.
    OptedOut,
    /// The Deployment is paused.
    RolloutPaused,
    /// Another program makes the template, and would put its own back.
    ForeignOwner,
    /// No policy fits.
    NoPolicy,
    /// The failing pods are not the newest revision's, or it can't be told which revision is newest.
    OlderRevision,
    /// The rollout is too old to be to blame.
    NoRecentRollout,
    /// There is no live symptom.
    NotFailing,
    /// The incident is too young.
    Dwelling,
    /// Too few of the newest revision's pods fail, or only those on one node.
    PartlyHealthy,
    /// The policy does not cover the cause, or going back can't help.
    CauseNotAllowed,
    /// The plan does not change every failing container.
    OtherContainerFails,
    /// No target is proven healthy.
    TargetUnproven,
    /// There is nowhere to go.
    NoTarget,
    /// The target was seen failing.
    Quarantined,
    /// Somebody put back what Ripcord took away a short while before.
    ChangedByOther,
    /// Ripcord wrote to this workload a short while ago.
    CoolingDown,
    /// Too many workloads began to fail at once.
    Storm,
    /// The incident's writes are spent, or every remedy has been tried.
    StepsSpent,
    /// The API server would not take it as it was meant.
    DryRunRefused,
    /// The write was not accepted, or what became of it can't be told.
    ActionFailed,
    /// Recovery could not be verified in time.
    VerifyTimedOut,
    /// Recovery could not be judged.
    VerifyUnknown,
    /// What was restored fails too.
    TargetFailed,
}

impl Reason {
    /// All reasons: the closed label set of `ripcord_decisions_total`.
    pub const ALL: [Self; 26] = [
        Self::Clear,
        Self::Unavailable,
        Self::NotInScope,
        Self::OptedOut,
        Self::RolloutPaused,
        Self::ForeignOwner,
        Self::NoPolicy,
        Self::OlderRevision,
        Self::NoRecentRollout,
        Self::NotFailing,
        Self::Dwelling,
        Self::PartlyHealthy,
        Self::CauseNotAllowed,
        Self::OtherContainerFails,
        Self::TargetUnproven,
        Self::NoTarget,
        Self::Quarantined,
        Self::ChangedByOther,
        Self::CoolingDown,
        Self::Storm,
        Self::StepsSpent,
        Self::DryRunRefused,
        Self::ActionFailed,
        Self::VerifyTimedOut,
        Self::VerifyUnknown,
        Self::TargetFailed,
    ];

    /// The reason of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// Its name in records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "Clear",
            Self::Unavailable => "Unavailable",
            Self::NotInScope => "NotInScope",
            Self::OptedOut => "OptedOut",
            Self::RolloutPaused => "RolloutPaused",
            Self::ForeignOwner => "ForeignOwner",
            Self::NoPolicy => "NoPolicy",
            Self::OlderRevision => "OlderRevision",
            Self::NoRecentRollout => "NoRecentRollout",
            Self::NotFailing => "NotFailing",
            Self::Dwelling => "Dwelling",
            Self::PartlyHealthy => "PartlyHealthy",
            Self::CauseNotAllowed => "CauseNotAllowed",
            Self::OtherContainerFails => "OtherContainerFails",
            Self::TargetUnproven => "TargetUnproven",
            Self::NoTarget => "NoTarget",
            Self::Quarantined => "Quarantined",
            Self::ChangedByOther => "ChangedByOther",
            Self::CoolingDown => "CoolingDown",
            Self::Storm => "Storm",
            Self::StepsSpent => "StepsSpent",
            Self::DryRunRefused => "DryRunRefused",
            Self::ActionFailed => "ActionFailed",
            Self::VerifyTimedOut => "VerifyTimedOut",
            Self::VerifyUnknown => "VerifyUnknown",
            Self::TargetFailed => "TargetFailed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The four verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing stands against the plan.
    Act,
    /// What stands against it may pass by itself: look again.
    Wait {
        /// When.
        next_check: Timestamp,
    },
    /// A fact stands against it: look again when the workload, its annotations or the configuration change.
    Hold,
    /// Our own step failed, or the steps are spent: a person must look.
    Escalate,
}

impl Decision {
    /// Its name in records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Act => "Act",
            Self::Wait { .. } => "Wait",
            Self::Hold => "Hold",
            Self::Escalate => "Escalate",
        }
    }

    /// All names: the closed label set of `ripcord_decisions_total`.
    pub const NAMES: [&'static str; 4] = ["Act", "Wait", "Hold", "Escalate"];
}

/// What one guard says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It does not stand against the plan.
    Pass,
    /// It does, for now.
    Wait {
        /// When to look again.
        next_check: Timestamp,
    },
    /// It does, by a fact.
    Hold,
    /// It does, for good.
    Escalate,
}

/// One guard's outcome, with its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardOutcome {
    /// The guard.
    pub guard: Reason,
    /// What it says.
    pub outcome: Outcome,
    /// What it compared: one sentence with the numbers, for people.
    pub text: String,
}

/// A verdict with its whole trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub decision: Decision,
    /// The first guard that stood against it, or [`Reason::Clear`].
    pub reason: Reason,
    /// That guard's sentence.
    pub text: String,
    /// Every guard's outcome, in order, those after the first refusal too.
    pub guards: Vec<GuardOutcome>,
}

/// A verdict as an Incident stores it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerdictRecord {
    /// `Act`, `Wait`, `Hold` or `Escalate`.
    #[schemars(length(max = 16))]
    pub decision: String,
    /// The reason's name.
    #[schemars(length(max = 63))]
    pub reason: String,
    /// Its sentence.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// Every guard's outcome.
    #[serde(default)]
    #[schemars(length(max = 40))]
    pub guards: Vec<GuardRecord>,
}

/// A guard's outcome as an Incident stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuardRecord {
    /// The guard.
    #[schemars(length(max = 63))]
    pub guard: String,
    /// `Pass`, `Wait`, `Hold` or `Escalate`.
    #[schemars(length(max = 16))]
    pub result: String,
    /// What it compared.
    #[schemars(length(max = 512))]
    pub message: String,
}

impl Verdict {
    /// What an Incident stores of it.
    pub fn record(&self) -> VerdictRecord {
        VerdictRecord {
            decision: self.decision.as_str().to_owned(),
            reason: self.reason.as_str().to_owned(),
            message: super::text::truncate(&self.text, 1024),
            guards: self
                .guards
                .iter()
                .map(|guard| GuardRecord {
                    guard: guard.guard.as_str().to_owned(),
                    result: match guard.outcome {
                        Outcome::Pass => "Pass",
                        Outcome::Wait { .. } => "Wait",
                        Outcome::Hold => "Hold",
                        Outcome::Escalate => "Escalate",
                    }
                    .to_owned(),
                    message: super::text::truncate(&guard.text, 512),
                })
                .collect(),
        }
    }
}
