//! What is otherwise than expected, each with its place in `expected.yaml`; and what must be true in every case.

use super::case::Case;
use super::expected::{EntryShape, IncidentShape, SkippedShape, WorkloadShape};
use super::safety::{self, patches};
use super::shape::Text;
use super::stage::Stage;
use ripcord::sim::WriteLog;
use serde_json::Value;
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;

/// Everything that differs; empty = the case is as expected.
pub(crate) fn differences(case: &Case, stage: &Stage) -> Vec<String> {
    let mut judge = Judge {
        case,
        stage,
        differences: Vec::new(),
    };
    let log = stage.world.write_log();
    for what in safety::broken(stage, &log) {
        judge.broken(&what);
    }
    judge.counts(&log);
    judge.incidents();
    let workloads = case.expected.shape.workloads.iter().flatten();
    for workload in workloads {
        judge.workload(workload);
    }
    judge.differences
}

struct Judge<'a> {
    case: &'a Case,
    stage: &'a Stage,
    differences: Vec<String>,
}

/// All incidents, oldest first.
pub(crate) fn incidents(stage: &Stage) -> Vec<Value> {
    let namespaces = stage.world.objects("Namespace", "");
    let names = namespaces
        .iter()
        .filter_map(|namespace| namespace.pointer("/metadata/name")?.as_str());
    let mut incidents: Vec<Value> = names
        .flat_map(|namespace| stage.world.objects("Incident", namespace))
        .collect();
    let opened = |incident: &Value| {
        ["/spec/alert/receivedAt", "/spec/workload/name"].map(|path| {
            let text = incident.pointer(path).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        })
    };
    incidents.sort_by_key(opened);
    incidents
}

pub(crate) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub(crate) fn list<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object
        .pointer(path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

impl Judge<'_> {
    fn differs(&mut self, at: Location, what: impl Into<String>) {
        let mistake = self.case.words.wrong(at, what, "");
        self.differences.push(mistake.to_string());
    }

    fn broken(&mut self, what: &str) {
        self.differences
            .push(format!("tests/scenarios/{}: {what}", self.case.name));
    }

    fn is(&mut self, wanted: &Text, what: &str, found: &str) {
        // An outcome, an action that is not there is empty in the record.
        let same = wanted.value == found || (wanted.value == "none" && found.is_empty());
        if !same {
            let wanted_value = &wanted.value;
            let found = if found.is_empty() { "none" } else { found };
            self.differs(
                wanted.defined,
                format!("expected {what} {wanted_value}, and it is {found}"),
            );
        }
    }

    fn counts_are(&mut self, wanted: &Spanned<i64>, what: &str, found: usize) {
        if i64::try_from(found) != Ok(wanted.value) {
            let text = format!("expected {} {what}, and there are {found}", wanted.value);
            self.differs(wanted.defined, text);
        }
    }

    /// Words that must stand in one of some texts.
    fn says<'t>(&mut self, wanted: &Text, what: &str, texts: impl IntoIterator<Item = &'t str>) {
        let texts: Vec<&str> = texts.into_iter().collect();
        if !texts.iter().any(|text| text.contains(&wanted.value)) {
            let text = format!("no {what} says {:?}: {texts:?}", wanted.value);
            self.differs(wanted.defined, text);
        }
    }

    fn counts(&mut self, log: &WriteLog) {
        let shape = &self.case.expected.shape;
        let accepted = patches(log, false).filter(|(_, patch)| patch.accepted());
        self.counts_are(
            &shape.patches,
            "accepted patches of workloads",
            accepted.count(),
        );
        if let Some(dry_runs) = &shape.dry_runs {
            self.counts_are(dry_runs, "dry runs", patches(log, true).count());
        }
        self.answers();
        let skipped = &self.stage.skipped;
        let mut expected = BTreeMap::new();
        for wanted in shape.skipped.iter().flatten() {
            let SkippedShape { reason, alerts } = &wanted.value;
            expected.insert(reason.value.clone(), alerts.value);
            let found = skipped.get(&reason.value).copied().unwrap_or(0);
            if found != alerts.value {
                let text = format!(
                    "expected {} alerts skipped as {}, and there are {found}",
                    alerts.value, reason.value
                );
                self.differs(wanted.defined, text);
            }
        }
        for (reason, count) in skipped {
            if !expected.contains_key(reason) {
                self.broken(&format!(
                    "{count} alerts were skipped as {reason}, and `skipped:` does not say so"
                ));
            }
        }
    }

    fn answers(&mut self) {
        let answers = &self.stage.answers;
        match &self.case.expected.shape.answers {
            Some(wanted) => {
                let codes: Vec<i64> = wanted.value.iter().map(|code| code.value).collect();
                if !answers
                    .iter()
                    .map(|code| i64::from(*code))
                    .eq(codes.iter().copied())
                {
                    let text = format!("expected the answers {codes:?}, and they are {answers:?}");
                    self.differs(wanted.defined, text);
                }
            }
            None if answers.iter().all(|code| *code == 200) => {}
            None => self.broken(&format!(
                "not all deliveries were answered 200: {answers:?}"
            )),
        }
    }

    fn incidents(&mut self) {
        let found = incidents(self.stage);
        let wanted = &self.case.expected.shape.incidents;
        if found.len() != wanted.value.len() {
            let names: Vec<&str> = found
                .iter()
                .map(|incident| text(incident, "/spec/workload/name"))
                .collect();
            let text = format!(
                "expected {} incidents, and there are {}: {names:?}",
                wanted.value.len(),
                names.len()
            );
            self.differs(wanted.defined, text);
        }
        for (wanted, found) in wanted.value.iter().zip(&found) {
            self.incident(&wanted.value, found);
        }
    }

    fn incident(&mut self, wanted: &IncidentShape, found: &Value) {
        self.is(
            &wanted.workload,
            "an incident of",
            text(found, "/spec/workload/name"),
        );
        self.is(&wanted.phase, "phase", text(found, "/status/phase"));
        let words = [
            (&wanted.outcome, "outcome", "/status/outcome"),
            (&wanted.reason, "reason", "/status/reason"),
            (&wanted.decision, "decision", "/status/verdict/decision"),
            (&wanted.policy, "policy", "/status/policy"),
            (&wanted.mode, "mode", "/status/mode"),
            (&wanted.action, "action", "/status/action"),
        ];
        for (wanted, what, path) in words {
            if let Some(wanted) = wanted {
                self.is(wanted, what, text(found, path));
            }
        }
        if let Some(target) = &wanted.target {
            self.says(target, "target", [text(found, "/status/plan/target")]);
        }
        if let Some(steps) = &wanted.steps {
            self.counts_are(
                steps,
                "writes in the record",
                list(found, "/status/applied").len(),
            );
        }
        if let Some(alerts) = &wanted.alerts {
            self.counts_are(
                alerts,
                "alerts in the record",
                list(found, "/status/alerts").len(),
            );
        }
        for words in wanted.says.iter().flatten() {
            self.says(words, "message", [text(found, "/status/message")]);
        }
        for words in wanted.next_steps.iter().flatten() {
            let steps = list(found, "/status/nextSteps").iter();
            self.says(words, "next step", steps.filter_map(Value::as_str));
        }
        self.timeline(wanted, found);
        if let Some(guards) = &wanted.stopped_by {
            self.stopped_by(guards, found);
        }
        if let Some(entries) = &wanted.diagnosis {
            self.diagnosis(entries, found);
        }
    }

    /// Rows in this order, other rows between them.
    fn timeline(&mut self, wanted: &IncidentShape, found: &Value) {
        let rows: Vec<&str> = list(found, "/status/timeline")
            .iter()
            .map(|row| text(row, "/text"))
            .collect();
        let mut rest = rows.iter();
        for words in wanted.timeline.iter().flatten() {
            if !rest.any(|row| row.contains(&words.value)) {
                let text = format!(
                    "no row, or none after the one before, says {:?}: {rows:#?}",
                    words.value
                );
                return self.differs(words.defined, text);
            }
        }
    }

    /// The first that is named must be the first that did not pass; the others must not have passed either. None named: all passed.
    fn stopped_by(&mut self, wanted: &Spanned<Vec<Text>>, found: &Value) {
        let stopping: Vec<&str> = list(found, "/status/verdict/guards")
            .iter()
            .filter(|guard| text(guard, "/result") != "Pass")
            .map(|guard| text(guard, "/guard"))
            .collect();
        let names: Vec<&str> = wanted
            .value
            .iter()
            .map(|guard| guard.value.as_str())
            .collect();
        let all = names.iter().all(|name| stopping.contains(name));
        if !all || names.first() != stopping.first() {
            let text = format!("expected to be stopped by {names:?}, and it was by {stopping:?}");
            self.differs(wanted.defined, text);
        }
    }

    fn diagnosis(&mut self, wanted: &Spanned<Vec<Spanned<EntryShape>>>, found: &Value) {
        let entries = list(found, "/status/diagnosis");
        if wanted.value.len() != entries.len() {
            let text = format!(
                "expected {} failing containers, and there are {}: {entries:#?}",
                wanted.value.len(),
                entries.len()
            );
            return self.differs(wanted.defined, text);
        }
        for (wanted, found) in wanted.value.iter().zip(entries) {
            let EntryShape {
                because,
                container,
                cause,
                rollback_helps,
            } = &wanted.value;
            self.is(container, "container", text(found, "/container"));
            self.is(cause, "cause", text(found, "/cause"));
            self.is(
                rollback_helps,
                "rollbackHelps",
                text(found, "/rollbackHelps"),
            );
            if let Some(because) = because {
                self.says(because, "because", [text(found, "/because")]);
            }
        }
    }

    fn workload(&mut self, wanted: &Spanned<WorkloadShape>) {
        let at = wanted.defined;
        let shape = &wanted.value;
        let namespace = shape
            .namespace
            .as_ref()
            .map_or(&self.stage.namespace, |namespace| &namespace.value);
        let name = &shape.deployment.value;
        let found = self.stage.world.object("Deployment", namespace, name);
        let there = shape.exists.as_ref().is_none_or(|exists| exists.value);
        let Some(found) = found.filter(|_| there) else {
            if there || self.stage.deployment(namespace, name).is_ok() {
                self.differs(
                    at,
                    format!("expected that {name} exists: {there}; it is not so"),
                );
            }
            return;
        };
        for (container, fields) in shape.containers.iter().flatten() {
            self.container(at, &found, container, fields);
        }
        for (key, value) in shape.annotations.iter().flatten() {
            let found = found["metadata"]["annotations"][key.as_str()].as_str();
            let same = match value {
                Some(value) => found.is_some_and(|found| found.contains(value)),
                None => found.is_none(),
            };
            if !same {
                self.differs(
                    at,
                    format!("expected the annotation {key}: {value:?}, and it is {found:?}"),
                );
            }
        }
        let revision = "deployment.kubernetes.io/revision";
        let numbers = [
            (
                &shape.revision,
                "revision",
                found["metadata"]["annotations"][revision]
                    .as_str()
                    .and_then(|text| text.parse().ok()),
            ),
            (
                &shape.ready,
                "ready pods",
                Some(found["status"]["readyReplicas"].as_i64().unwrap_or(0)),
            ),
        ];
        for (wanted, what, found) in numbers {
            if let Some(wanted) = wanted
                && found != Some(wanted.value)
            {
                let text = format!("expected {what} {}, and it is {found:?}", wanted.value);
                self.differs(wanted.defined, text);
            }
        }
        if let Some(paused) = &shape.paused
            && paused.value != (found["spec"]["paused"] == true)
        {
            self.differs(paused.defined, format!("expected paused: {}", paused.value));
        }
    }

    fn container(
        &mut self,
        at: Location,
        found: &Value,
        name: &str,
        fields: &BTreeMap<String, Value>,
    ) {
        let containers = list(found, "/spec/template/spec/containers");
        let Some(container) = containers
            .iter()
            .find(|container| container["name"] == name)
        else {
            return self.differs(at, format!("there is no container {name}"));
        };
        for (key, wanted) in fields {
            let found = container.get(key).unwrap_or(&Value::Null);
            if found != wanted {
                let text = format!("expected of {name} {key}: {wanted}, and it is {found}");
                self.differs(at, text);
            }
        }
    }
}
