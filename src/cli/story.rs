//! One incident for a person who was woken up: what happened, what was decided and why, what to do now. Every word is in the object.

use crate::cli::paper::{Ink, LABEL, Paper};
use crate::domain::evidence::Source;
use crate::domain::incident::IncidentStatus;
use crate::domain::verdict::VerdictRecord;
use crate::record::crd::Incident;
use jiff::Timestamp;
use std::fmt::Write as _;

/// The width of a source's name.
const SOURCE: usize = 12;
/// The width of a guard's outcome and of its name.
const RESULT: usize = 10;
const GUARD: usize = 21;

/// The story.
pub(in crate::cli) fn text(incident: &Incident) -> String {
    let mut paper = Paper::default();
    let status = incident.status.clone().unwrap_or_default();
    begin(&mut paper, incident, &status);
    found(&mut paper, &status);
    happened(&mut paper, &status);
    next_steps(&mut paper, &status);
    paper.into_text()
}

/// What each source said, what it means, what each guard says to it, and what would be written.
pub(in crate::cli) fn found(paper: &mut Paper, status: &IncidentStatus) {
    evidence(paper, status);
    if let Some(verdict) = &status.verdict {
        guards(paper, verdict);
    }
    plan(paper, status);
}

fn begin(paper: &mut Paper, incident: &Incident, status: &IncidentStatus) {
    let name = incident.metadata.name.as_deref().unwrap_or_default();
    let namespace = incident.metadata.namespace.as_deref().unwrap_or_default();
    paper.title(&format!("{namespace}/{name}"));
    let spec = &incident.spec;
    let workload = format!(
        "{} {}, revision {} ({})",
        spec.workload.kind, spec.workload.name, spec.revision.number, spec.revision.name
    );
    paper.entry("workload", Ink::Plain, &workload);
    owners(paper, status);
    let mut state = status.phase.clone();
    if !status.outcome.is_empty() {
        let _ = write!(state, ": {}", status.outcome);
    }
    let looks = match status.outcome.as_str() {
        "Recovered" | "RecoveredAlone" | "NotFailing" => Ink::Good,
        "Escalated" => Ink::Bad,
        _ => Ink::Careful,
    };
    paper.entry("state", looks, &state);
    let mut why = status.message.clone();
    if !status.reason.is_empty() {
        why = format!("{}: {why}", status.reason);
    }
    paper.entry("", Ink::Plain, &why);
    let joined = std::iter::once(&spec.alert).chain(
        status
            .alerts
            .iter()
            .filter(|alert| alert.key() != spec.alert.key()),
    );
    let mut label = "alerts";
    for alert in joined {
        let resolved = if alert.resolved { ", resolved" } else { "" };
        let text = format!("{} {}{resolved}", clock(alert.received_at), alert.name);
        paper.entry(label, Ink::Plain, &text);
        label = "";
    }
    let decided = [("mode", &status.mode), ("policy", &status.policy)];
    for (label, text) in decided {
        if !text.is_empty() {
            paper.entry(label, Ink::Plain, text);
        }
    }
}

/// Who else has a say in the template.
pub(in crate::cli) fn owners(paper: &mut Paper, status: &IncidentStatus) {
    let mut label = "owner";
    for owner in &status.owners {
        paper.entry(label, Ink::Plain, owner);
        label = "";
    }
}

fn evidence(paper: &mut Paper, status: &IncidentStatus) {
    let mut label = "evidence";
    for source in [
        Source::Pods,
        Source::Events,
        Source::Logs,
        Source::Prometheus,
    ] {
        let mut name = source.as_str();
        let facts = status.evidence.iter();
        for fact in facts.filter(|fact| fact.source == source.as_str()) {
            let known = fact.state == "Known";
            let ink = if known { Ink::Plain } else { Ink::Faint };
            let cells = [(LABEL, Ink::Label, label), (SOURCE, Ink::Faint, name)];
            paper.row(&cells, ink, &fact.text);
            (label, name) = ("", "");
        }
    }
    for entry in &status.diagnosis {
        let text = format!("{}: {}", entry.cause, entry.because);
        paper.entry("diagnosis", Ink::Plain, &text);
    }
    if let Some(shared) = &status.shared {
        let text = format!("{}: {}", shared.cause, shared.because);
        paper.entry("shared", Ink::Careful, &text);
    }
}

fn guards(paper: &mut Paper, verdict: &VerdictRecord) {
    let text = format!("{} ({})", verdict.decision, verdict.reason);
    paper.entry("decision", Ink::Plain, &text);
    for guard in &verdict.guards {
        let ink = if guard.result == "Pass" {
            Ink::Faint
        } else {
            Ink::Careful
        };
        let cells = [
            (2, Ink::Plain, ""),
            (RESULT, ink, guard.result.as_str()),
            (GUARD, ink, guard.guard.as_str()),
        ];
        paper.row(&cells, ink, &guard.message);
    }
}

fn plan(paper: &mut Paper, status: &IncidentStatus) {
    let Some(plan) = &status.plan else {
        return;
    };
    let validated = match plan.validated_by.as_str() {
        "" => String::new(),
        by => format!(" (validated by the {by})"),
    };
    let text = format!("{} to {}{validated}", plan.remedy, plan.target);
    paper.entry("plan", Ink::Plain, &text);
    paper.entry("", Ink::Plain, &plan.proof);
    let mut label = "diff";
    for line in status.diff.lines() {
        let ink = match line.chars().next() {
            Some('-') => Ink::Bad,
            Some('+') => Ink::Good,
            _ => Ink::Faint,
        };
        paper.entry(label, ink, line);
        label = "";
    }
}

fn happened(paper: &mut Paper, status: &IncidentStatus) {
    let mut label = "written";
    for applied in &status.applied {
        let text = format!(
            "{} {} to {}: {}",
            clock(applied.applied_at),
            applied.remedy,
            applied.target,
            applied.result
        );
        paper.entry(label, Ink::Plain, &text);
        label = "";
    }
    if let Some(verification) = &status.verification {
        let text = format!("{}: {}", verification.judgement, verification.message);
        paper.entry("verification", Ink::Plain, &text);
    }
    let mut label = "timeline";
    for row in &status.timeline {
        let text = format!("{} {}", clock(row.at), row.text);
        paper.entry(label, Ink::Plain, &text);
        label = "";
    }
    if status.timeline_dropped > 0 {
        let text = format!("{} more rows were left out", status.timeline_dropped);
        paper.entry("", Ink::Faint, &text);
    }
}

/// What a person can do.
pub(in crate::cli) fn next_steps(paper: &mut Paper, status: &IncidentStatus) {
    let mut label = "next steps";
    for step in &status.next_steps {
        paper.entry(label, Ink::Careful, step);
        label = "";
    }
}

/// The time of day, in UTC as all of Kubernetes' own.
fn clock(instant: Timestamp) -> String {
    instant.strftime("%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_story_says_why_before_anything_else_and_what_to_do_at_the_end() {
        let incident: Incident = serde_json::from_value(json!({
            "apiVersion": "ripcord.dev/v1alpha1", "kind": "Incident",
            "metadata": {"name": "lab30-web-x", "namespace": "lab30"},
            "spec": {
                "workload": {"kind": "Deployment", "name": "lab30-web", "uid": "u"},
                "revision": {"name": "lab30-web-5d9f", "hash": "5d9f", "number": 2},
                "installation": "default",
                "alert": {"name": "A", "fingerprint": "f", "startsAt": "2026-11-23T04:00:00Z", "receivedAt": "2026-11-23T04:00:05Z"},
            },
            "status": {
                "phase": "Held", "reason": "NoPolicy", "message": "no policy matches",
                "owners": [
                    "Argo CD, application shop (by annotation argocd.argoproj.io/tracking-id) may put its own back, by settings of its own",
                    "template written by kubectl-set (image of web, 2026-11-23T04:05:00Z)",
                ],
                "evidence": [
                    {"source": "Logs", "state": "Absent", "text": "no container has crashed"},
                    {"source": "Pods", "state": "Known", "text": "web waits"},
                    {"source": "Pods", "state": "Known", "text": "web waits too"},
                ],
                "verdict": {"decision": "Hold", "reason": "NoPolicy", "message": "no policy matches", "guards": [
                    {"guard": "NoPolicy", "result": "Hold", "message": "no policy matches"},
                ]},
                "timeline": [{"at": "2026-11-23T04:00:06Z", "text": "held (NoPolicy): no policy matches"}],
                "nextSteps": ["kubectl -n lab30 describe pod web"],
            },
        }))
        .unwrap();
        let told = anstream::adapter::strip_str(&text(&incident)).to_string();
        let expected = "
lab30/lab30-web-x
--------------------------------------------------------------------------------
workload      Deployment lab30-web, revision 2 (lab30-web-5d9f)
owner         Argo CD, application shop (by annotation
              argocd.argoproj.io/tracking-id) may put its own back, by settings
              of its own
              template written by kubectl-set (image of web,
              2026-11-23T04:05:00Z)
state         Held
              NoPolicy: no policy matches
alerts        11-23 04:00:05Z A
evidence      Pods        web waits
                          web waits too
              Logs        no container has crashed
decision      Hold (NoPolicy)
  Hold      NoPolicy             no policy matches
timeline      11-23 04:00:06Z held (NoPolicy): no policy matches
next steps    kubectl -n lab30 describe pod web
";
        assert_eq!(told, expected);
    }
}
