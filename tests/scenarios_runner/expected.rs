//! What `expected.yaml` says: what must be true when the story is over.

use super::shape::{Number, Switch, Text, shape};
use super::text::{Mistake, Source};
use super::words;
use ripcord::telemetry::labels::SkipReason;
use serde_json::Value;
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;

shape!(
    /// `expected.yaml`
    ExpectedShape {
        dry_runs: Number,
        answers: Spanned<Vec<Number>>,
        skipped: Vec<Spanned<SkippedShape>>,
        workloads: Vec<Spanned<WorkloadShape>>,
    }
    required { why: Text, patches: Number, incidents: Spanned<Vec<Spanned<IncidentShape>>>, }
);

shape!(
    /// One of `skipped:`
    SkippedShape {}
    required { reason: Text, alerts: Number, }
);

shape!(
    /// One of `incidents:`, in the order in which they were opened. What is left out is not asked.
    IncidentShape {
        outcome: Text,
        reason: Text,
        decision: Text,
        stopped_by: Spanned<Vec<Text>>,
        diagnosis: Spanned<Vec<Spanned<EntryShape>>>,
        policy: Text,
        mode: Text,
        action: Text,
        target: Text,
        steps: Number,
        alerts: Number,
        says: Vec<Text>,
        timeline: Vec<Text>,
        next_steps: Vec<Text>,
    }
    required { workload: Text, phase: Text, }
);

shape!(
    /// One of `diagnosis:`
    EntryShape { because: Text, }
    required { container: Text, cause: Text, rollback_helps: Text, }
);

shape!(
    /// One of `workloads:`
    WorkloadShape {
        namespace: Text,
        exists: Switch,
        containers: BTreeMap<String, BTreeMap<String, Value>>,
        annotations: BTreeMap<String, Option<String>>,
        revision: Number,
        ready: Number,
        paused: Switch,
    }
    required { deployment: Text, }
);

/// Expectations whose words all mean something.
pub(crate) struct Expected {
    pub(crate) shape: ExpectedShape,
}

impl Expected {
    /// Checks the words: a reason that does not exist is never given, and would be waited for in vain.
    pub(crate) fn of(shape: ExpectedShape, source: &Source) -> Result<Self, Mistake> {
        if shape.why.value.trim().len() < 10 {
            let expected = "one sentence that says why this is right";
            return Err(source.wrong(shape.why.defined, "it does not say why", expected));
        }
        let skips = || SkipReason::ALL.iter().map(|reason| reason.as_str());
        for skipped in shape.skipped.iter().flatten() {
            words::one_of(
                source,
                &skipped.value.reason,
                "reason to skip an alert",
                skips(),
            )?;
        }
        for incident in &shape.incidents.value {
            check(source, &incident.value, incident.defined)?;
        }
        Ok(Self { shape })
    }

    /// Whether Ripcord is expected to write nothing.
    pub(crate) fn is_refusal(&self) -> bool {
        self.shape.patches.value == 0
    }
}

fn check(source: &Source, incident: &IncidentShape, at: Location) -> Result<(), Mistake> {
    words::one_of(source, &incident.phase, "phase", words::phases())?;
    if let Some(outcome) = &incident.outcome {
        words::one_of(source, outcome, "outcome", words::outcomes())?;
    } else if incident.phase.value == "Closed" {
        let what = "this incident is closed, and it is not said how it ended";
        return Err(source.wrong(at, what, "`outcome:`"));
    }
    if let Some(reason) = &incident.reason {
        words::one_of(source, reason, "reason", words::reasons())?;
    }
    if let Some(decision) = &incident.decision {
        words::one_of(source, decision, "decision", words::decisions())?;
    }
    if let Some(mode) = &incident.mode {
        words::one_of(source, mode, "mode", words::modes())?;
    }
    if let Some(action) = &incident.action {
        let remedies = ripcord::remedy::ALL.iter().map(|remedy| remedy.name);
        words::one_of(source, action, "remedy", remedies.chain(["none"]))?;
    }
    for guard in incident.stopped_by.iter().flat_map(|guards| &guards.value) {
        words::one_of(source, guard, "guard", words::guards())?;
    }
    for entry in incident.diagnosis.iter().flat_map(|entries| &entries.value) {
        words::one_of(source, &entry.value.cause, "cause", words::causes())?;
        let helps = ["Yes", "No", "Unknown"];
        words::one_of(source, &entry.value.rollback_helps, "answer", helps)?;
    }
    Ok(())
}
