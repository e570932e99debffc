//! One episode of one workload's newest revision failing: its states and what is recorded of it.

use super::alert::AlertRecord;
use super::diagnosis::{EntryRecord, SharedRecord};
use super::evidence::Memory;
use super::identity::{ActionId, TemplateHash};
use super::plan::{PlanRecord, RevisionMark};
use super::text;
use super::verdict::VerdictRecord;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an incident stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Recorded; nothing has been looked at yet.
    #[default]
    Observing,
    /// Evidence is being weighed.
    Deciding,
    /// What stands against acting may pass by itself.
    Waiting,
    /// A fact stands against acting.
    Held,
    /// The plan is recorded and is being written.
    Acting,
    /// It was written; recovery is being watched.
    Verifying,
    /// It is over.
    Closed,
}

impl Phase {
    /// All phases, in the order in which an incident passes them.
    pub const ALL: [Self; 7] = [
        Self::Observing,
        Self::Deciding,
        Self::Waiting,
        Self::Held,
        Self::Acting,
        Self::Verifying,
        Self::Closed,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observing => "Observing",
            Self::Deciding => "Deciding",
            Self::Waiting => "Waiting",
            Self::Held => "Held",
            Self::Acting => "Acting",
            Self::Verifying => "Verifying",
            Self::Closed => "Closed",
        }
    }

    /// The phase of that name; an object without one was only just created.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Observing);
        }
        Self::ALL.into_iter().find(|phase| phase.as_str() == text)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How an incident ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// Ripcord wrote, and verified recovery.
    Recovered,
    /// It became healthy without a write of Ripcord's.
    RecoveredAlone,
    /// Ripcord would have written; its mode forbids it.
    DryRun,
    /// It was never seen failing.
    NotFailing,
    /// A fact stood against acting until the incident's time ran out.
    Held,
    /// A person must look.
    Escalated,
    /// The workload is gone.
    Gone,
    /// Somebody changed the workload meanwhile: theirs counts.
    Superseded,
    /// A person said no.
    Rejected,
}

impl Ending {
    /// All endings: the closed label set of `ripcord_remediations_total`.
    pub const ALL: [Self; 9] = [
        Self::Recovered,
        Self::RecoveredAlone,
        Self::DryRun,
        Self::NotFailing,
        Self::Held,
        Self::Escalated,
        Self::Gone,
        Self::Superseded,
        Self::Rejected,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recovered => "Recovered",
            Self::RecoveredAlone => "RecoveredAlone",
            Self::DryRun => "DryRun",
            Self::NotFailing => "NotFailing",
            Self::Held => "Held",
            Self::Escalated => "Escalated",
            Self::Gone => "Gone",
            Self::Superseded => "Superseded",
            Self::Rejected => "Rejected",
        }
    }

    /// The ending of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.as_str() == text)
    }

    /// Whether a later alert about the same workload and revision joins the closed incident instead of opening another:
    /// a person knows already, and nothing new would be decided.
    pub fn absorbs_later_alerts(self) -> bool {
        matches!(
            self,
            Self::DryRun | Self::Escalated | Self::Held | Self::Rejected
        )
    }
}

/// `status` of an Incident: the story so far. Bounded: see [`IncidentStatus::bound`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IncidentStatus {
    /// Where it stands.
    #[schemars(length(max = 63))]
    pub phase: String,
    /// How it ended; empty while it is open.
    #[schemars(length(max = 63))]
    pub outcome: String,
    /// Why it stands or ended there: a guard's name, mostly.
    #[schemars(length(max = 63))]
    pub reason: String,
    /// The same in one sentence.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// The leading cause.
    #[schemars(length(max = 63))]
    pub cause: String,
    /// What was done, or would be.
    #[schemars(length(max = 63))]
    pub action: String,
    /// The mode it was decided in.
    #[schemars(length(max = 63))]
    pub mode: String,
    /// The policy it was decided by.
    #[schemars(length(max = 253))]
    pub policy: String,
    /// Kubernetes conditions, for `kubectl wait`: `Acted`, `Recovered`, `Closed`.
    #[schemars(length(max = 8))]
    pub conditions: Vec<Condition>,
    /// The alerts that joined it, oldest first.
    #[schemars(length(max = 50))]
    pub alerts: Vec<AlertRecord>,
    /// How many more there were.
    pub alerts_dropped: i64,
    /// What each source said, redacted.
    #[schemars(length(max = 60))]
    pub evidence: Vec<FactRecord>,
    /// What earlier readings saw.
    pub memory: Memory,
    /// One entry for each failing container.
    #[schemars(length(max = 20))]
    pub diagnosis: Vec<EntryRecord>,
    /// A cause outside of the workload, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedRecord>,
    /// Who else has a say in the workload's template, and who wrote it last, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 512)))]
    pub owners: Vec<String>,
    /// The verdict, with every guard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictRecord>,
    /// The plan. Recorded before anything is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanRecord>,
    /// The plan's difference, for people.
    #[schemars(length(max = 8192))]
    pub diff: String,
    /// The writes that were made.
    #[schemars(length(max = 10))]
    pub applied: Vec<AppliedRecord>,
    /// How recovery is going.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationRecord>,
    /// The revisions that this incident saw failing.
    #[schemars(length(max = 20))]
    pub failed_revisions: Vec<TemplateHash>,
    /// What a person could do now.
    #[schemars(length(max = 20))]
    pub next_steps: Vec<String>,
    /// What happened, oldest first.
    #[schemars(length(max = 40))]
    pub timeline: Vec<TimelineRow>,
    /// How many rows were left out after the first ones.
    pub timeline_dropped: i64,
    /// Who drives it, from Acting to Closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<Holder>,
    /// When it is looked at again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_check: Option<Timestamp>,
    /// A digest of the workload's intent and of the configuration that the last verdict was made on: when it moves, it is decided again.
    #[schemars(length(max = 64))]
    pub decided_on: String,
    /// The namespace's `ripcord.dev/mode` that the last verdict was made on; empty = none, or it could not be read.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub decided_namespace_mode: String,
    /// What live pods alone showed at the last verdict, as `container: Cause`: something else is decided again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    pub decided_causes: Vec<String>,
    /// When a live symptom was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_symptom_at: Option<Timestamp>,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

/// A Kubernetes condition (api-conventions: adjective or past tense; absent = Unknown).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its type.
    #[serde(rename = "type")]
    #[schemars(length(max = 63))]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[schemars(length(max = 16))]
    pub status: String,
    /// One word.
    #[schemars(length(max = 63))]
    pub reason: String,
    /// One sentence.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When `status` last changed.
    pub last_transition_time: Timestamp,
}

/// One thing that one source said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FactRecord {
    /// `Prometheus`, `Pods`, `Events` or `Logs`.
    #[schemars(length(max = 16))]
    pub source: String,
    /// `Known`, `Absent` or `Unavailable`.
    #[schemars(length(max = 16))]
    pub state: String,
    /// What it said.
    #[schemars(length(max = 1024))]
    pub text: String,
}

/// One write that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedRecord {
    /// Its name, on the workload too.
    #[schemars(length(max = 253))]
    pub action_id: ActionId,
    /// The remedy.
    #[schemars(length(max = 63))]
    pub remedy: String,
    /// Its place in the policy's list.
    pub remedy_index: i64,
    /// Where it went, in words.
    #[schemars(length(max = 1024))]
    pub target: String,
    /// The hash of the revision that it made newest, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<TemplateHash>,
    /// The revision that was newest before.
    pub inverse: RevisionMark,
    /// When it was accepted.
    pub applied_at: Timestamp,
    /// `Verifying`, `Recovered`, `Failed`, `Unknown` or `Superseded`.
    #[schemars(length(max = 16))]
    pub result: String,
}

/// How recovery is going.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerificationRecord {
    /// When it began.
    pub started_at: Timestamp,
    /// The last time that something got better, or soaking went on.
    pub last_progress: Timestamp,
    /// What the last look compared.
    #[schemars(length(max = 256))]
    pub seen: String,
    /// Since when the target has been whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_since: Option<Timestamp>,
    /// How long it must stay whole.
    pub soak_seconds: i64,
    /// How long without progress before it is given up.
    pub timeout_seconds: i64,
    /// The restarts of the target's pods when they were first seen whole, by `pod/container`.
    #[serde(default)]
    pub restarts_at_start: i64,
    /// How far it has come at best: pods updated, ready and available together. Only more than that is progress.
    #[serde(default)]
    pub best: i64,
    /// How often a soak was broken off, by a restart or because the target was not whole any more.
    #[serde(default)]
    pub setbacks: i64,
    /// `NotYet`, `Recovered`, `Failed` or `Unknown`.
    #[schemars(length(max = 16))]
    pub judgement: String,
    /// Why.
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// One row of the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineRow {
    /// When.
    pub at: Timestamp,
    /// What.
    #[schemars(length(max = 512))]
    pub text: String,
}

/// Who drives an incident from Acting to Closed. Only the holder writes; after the deadline anyone takes over by compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// Random for each process.
    #[schemars(length(max = 63))]
    pub id: String,
    /// Until when nobody else may drive it.
    pub deadline: Timestamp,
}

impl IncidentStatus {
    /// Rows of the timeline that are kept: the first ten, and the newest thirty.
    pub const TIMELINE_ROWS: usize = 40;
    /// Of these the first ones: how it began.
    const FIRST_ROWS: usize = 10;
    /// Alerts that are kept.
    pub const ALERTS: usize = 50;
    /// The evidence's texts together, in bytes: half of what an Incident may weigh.
    pub const EVIDENCE_BYTES: usize = 32 * 1024;

    /// Moves to a phase.
    pub fn set_phase(&mut self, phase: Phase) {
        phase.as_str().clone_into(&mut self.phase);
    }

    /// Tells the next part of the story. The same sentence twice in a row is told once.
    pub fn tell(&mut self, now: Timestamp, what: &str) {
        let text = text::truncate(what, 512);
        if self.timeline.last().is_some_and(|row| row.text == text) {
            return;
        }
        self.timeline.push(TimelineRow {
            at: super::time::whole_seconds(now),
            text,
        });
        if self.timeline.len() > Self::TIMELINE_ROWS {
            self.timeline.remove(Self::FIRST_ROWS);
            self.timeline_dropped += 1;
        }
    }

    /// Sets a condition; its transition time moves only when its status does.
    pub fn set_condition(
        &mut self,
        kind: &str,
        status: &str,
        reason: &str,
        message: &str,
        now: Timestamp,
    ) {
        let changed = Condition {
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: text::truncate(message, 1024),
            last_transition_time: super::time::whole_seconds(now),
        };
        match self
            .conditions
            .iter_mut()
            .find(|condition| condition.kind == kind)
        {
            Some(condition) if condition.status == status => {
                condition.reason = changed.reason;
                condition.message = changed.message;
            }
            Some(condition) => *condition = changed,
            None => self.conditions.push(changed),
        }
    }

    /// Lets an alert join; a known one only changes whether it is resolved. Returns whether anything changed.
    pub fn join(&mut self, alert: AlertRecord) -> bool {
        if let Some(known) = self
            .alerts
            .iter_mut()
            .find(|known| known.key() == alert.key())
        {
            let changed = known.resolved != alert.resolved;
            known.resolved = alert.resolved;
            return changed;
        }
        if self.alerts.len() >= Self::ALERTS {
            self.alerts_dropped += 1;
        } else {
            self.alerts.push(alert);
        }
        true
    }

    /// A status in JSON, in bytes: an Incident weighs 64 KiB at most, and `spec` and metadata need less than 4 KiB of them.
    pub const BYTES: usize = 60 * 1024;

    /// Cuts what is too long: the evidence to its share, and the whole to [`Self::BYTES`], the least telling first.
    pub fn bound(&mut self) {
        self.bound_parts();
        while serde_json::to_vec(self).is_ok_and(|json| json.len() > Self::BYTES) && self.shorten()
        {
        }
    }

    /// Gives one thing up; false where nothing is left to give.
    fn shorten(&mut self) -> bool {
        if self.evidence.len() > 10 {
            return self.evidence.pop().is_some();
        }
        if self.memory.sightings.len() > 5 {
            return self.memory.sightings.pop().is_some();
        }
        if self.timeline.len() > Self::FIRST_ROWS {
            self.timeline.remove(Self::FIRST_ROWS);
            self.timeline_dropped += 1;
            return true;
        }
        if self.alerts.len() > 1 {
            self.alerts_dropped += 1;
            return self.alerts.pop().is_some();
        }
        self.evidence.pop().is_some()
    }

    fn bound_parts(&mut self) {
        let mut left = Self::EVIDENCE_BYTES;
        self.evidence.retain_mut(|fact| {
            fact.text = text::truncate(&fact.text, 1024);
            let fits = fact.text.len() <= left;
            left = left.saturating_sub(fact.text.len());
            fits
        });
        self.evidence.truncate(60);
        self.message = text::truncate(&self.message, 1024);
        self.diff = text::truncate(&self.diff, 8192);
        self.diagnosis.truncate(20);
        self.owners.truncate(10);
        self.next_steps.truncate(20);
        self.failed_revisions.truncate(20);
        self.memory.sightings.truncate(Memory::LIMIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::Fingerprint;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn alert(fingerprint: &str) -> AlertRecord {
        AlertRecord {
            name: "A".to_owned(),
            fingerprint: Fingerprint::new(fingerprint),
            starts_at: at(0),
            received_at: at(1),
            resolved: false,
        }
    }

    #[test]
    fn the_second_time_changes_nothing() {
        let mut status = IncidentStatus::default();
        assert!(status.join(alert("a")));
        assert!(!status.join(alert("a")));
        status.tell(at(1), "looked");
        status.tell(at(2), "looked");
        assert_eq!((status.alerts.len(), status.timeline.len()), (1, 1));
    }

    #[test]
    fn alerts_and_rows_past_the_limit_are_counted() {
        let mut status = IncidentStatus::default();
        for number in 0..60 {
            status.join(alert(&number.to_string()));
            status.tell(at(number), &format!("row {number}"));
        }
        assert_eq!((status.alerts.len(), status.alerts_dropped), (50, 10));
        assert_eq!((status.timeline.len(), status.timeline_dropped), (40, 20));
        assert_eq!(status.timeline.first().unwrap().text, "row 0");
        assert_eq!(status.timeline.last().unwrap().text, "row 59");
    }

    #[test]
    fn evidence_is_cut_to_its_share() {
        let fact = FactRecord {
            source: "Pods".into(),
            state: "Known".into(),
            text: "x".repeat(5000),
        };
        let mut status = IncidentStatus {
            evidence: vec![fact; 100],
            ..IncidentStatus::default()
        };
        status.bound();
        let bytes: usize = status.evidence.iter().map(|fact| fact.text.len()).sum();
        assert!(bytes <= IncidentStatus::EVIDENCE_BYTES && !status.evidence.is_empty());
    }

    #[test]
    fn the_fullest_status_fits_into_its_object() {
        use crate::domain::evidence::Sighting;
        use crate::domain::identity::{RevisionName, Uid};
        let mut status = IncidentStatus {
            diff: "d".repeat(9_000),
            message: "m".repeat(9_000),
            ..IncidentStatus::default()
        };
        for number in 0..100 {
            status.join(alert(&"f".repeat(60 + number)));
            status.tell(at(1), &format!("{number} {}", "t".repeat(600)));
            status.evidence.push(FactRecord {
                source: "Logs".into(),
                state: "Known".into(),
                text: "\"".repeat(2_000),
            });
            status.memory.sightings.push(Sighting {
                pod: Uid::new("p".repeat(36)),
                revision: RevisionName::new("r".repeat(63)),
                container: "c".repeat(63),
                symptom: "ImagePull".into(),
                first_seen: at(1),
                last_seen: at(2),
                message: "x".repeat(1_024),
                longest_run_seconds: 0,
            });
        }
        status.bound();
        assert!(serde_json::to_vec(&status).unwrap().len() <= IncidentStatus::BYTES);
        assert!(
            !status.evidence.is_empty() && !status.timeline.is_empty() && !status.alerts.is_empty()
        );
    }

    #[test]
    fn a_condition_keeps_its_time_while_its_status_stays() {
        let mut status = IncidentStatus::default();
        status.set_condition("Closed", "False", "Open", "", at(1));
        status.set_condition("Closed", "False", "Still", "", at(2));
        assert_eq!(
            status.conditions.first().unwrap().last_transition_time,
            at(1)
        );
        status.set_condition("Closed", "True", "Done", "", at(3));
        assert_eq!(
            status.conditions.first().unwrap().last_transition_time,
            at(3)
        );
    }
}
