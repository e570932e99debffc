//! An explanation for a person: what would be done first, then why.

use crate::cli::paper::{Ink, LABEL, Paper};
use crate::cli::story;
use crate::domain::case::Case;
use crate::domain::evidence::HealthHistory;
use crate::domain::observed::Observed;
use crate::domain::time::human;
use crate::domain::verdict::{Decision, Reason};
use crate::domain::workload::Revision;
use crate::engine::Explained;

/// The width of a revision's number and of its name.
const NUMBER: usize = 4;
const NAME: usize = 26;
/// Older revisions than these are of no use to a person either.
const MOST_REVISIONS: usize = 6;

/// The page.
pub(super) fn text(explained: &Explained) -> String {
    let mut paper = Paper::default();
    let case = &explained.case;
    let workload = &case.workload;
    let title = format!("{} {}/{}", workload.kind, workload.namespace, workload.name);
    paper.title(&title);
    would(&mut paper, explained);
    revisions(&mut paper, case);
    let status = explained.incident.status.clone().unwrap_or_default();
    story::owners(&mut paper, &status);
    story::found(&mut paper, &status);
    story::next_steps(&mut paper, &status);
    paper.into_text()
}

fn would(paper: &mut Paper, explained: &Explained) {
    let verdict = &explained.verdict;
    let status = explained.incident.status.as_ref();
    let (ink, text) = match verdict.decision {
        Decision::Act => {
            let plan = status.and_then(|status| status.plan.as_ref());
            let what = plan.map_or_else(String::new, crate::domain::plan::PlanRecord::in_words);
            (Ink::Good, format!("Ripcord would {what}"))
        }
        Decision::Wait { .. } if verdict.reason == Reason::NotFailing => {
            (Ink::Good, format!("nothing to do: {}", verdict.text))
        }
        Decision::Wait { .. } => (
            Ink::Careful,
            format!("Ripcord would wait: {}: {}", verdict.reason, verdict.text),
        ),
        Decision::Hold | Decision::Escalate => (
            Ink::Careful,
            format!("Ripcord would hold: {}: {}", verdict.reason, verdict.text),
        ),
    };
    paper.entry("verdict", ink, &text);
    let policy = explained.case.policy.policy();
    let policy = policy.map_or("none", |policy| policy.name.as_str());
    let mode = explained.mode;
    let how_far = format!("{mode} by the configuration, policy {policy}; nothing was written");
    paper.entry("mode", Ink::Plain, &how_far);
}

/// What `kubectl rollout history` shows, and what is known of each revision's health.
fn revisions(paper: &mut Paper, case: &Case) {
    let Some(revisions) = case.revisions() else {
        return;
    };
    let mut all: Vec<&Revision> = revisions.all().collect();
    all.sort_by_key(|revision| std::cmp::Reverse(revision.number));
    let mut label = "revisions";
    for revision in all.into_iter().take(MOST_REVISIONS) {
        let number = revision.number.to_string();
        let images: Vec<String> = revision
            .images()
            .into_iter()
            .map(|(_, image)| image)
            .collect();
        let cells = [
            (LABEL, Ink::Label, label),
            (NUMBER, Ink::Plain, number.as_str()),
            (NAME, Ink::Plain, revision.name.as_str()),
        ];
        paper.row(&cells, Ink::Plain, &health(case, revision));
        paper.row(
            &[(LABEL + NUMBER, Ink::Plain, "")],
            Ink::Faint,
            &images.join(", "),
        );
        label = "";
    }
}

fn health(case: &Case, revision: &Revision) -> String {
    let newest = case
        .newest()
        .is_some_and(|newest| newest.name == revision.name);
    let failed = case
        .quarantine()
        .is_some_and(|failed| failed.contains(&revision.hash));
    let mut told = Vec::new();
    if newest {
        told.push("the newest".to_owned());
    }
    if failed {
        told.push("seen failing".to_owned());
    }
    told.push(match &case.evidence.history {
        Observed::Known(history) => seen(history.get(&revision.name)),
        Observed::Absent => "no history".to_owned(),
        Observed::Unavailable(_) => "its history can't be read".to_owned(),
    });
    told.join(", ")
}

fn seen(history: Option<&HealthHistory>) -> String {
    match history {
        Some(HealthHistory {
            unknown: Some(_), ..
        }) => "its history can't be told".to_owned(),
        Some(HealthHistory {
            longest: Some(stretch),
            ..
        }) => {
            let until = stretch.to.strftime("%m-%d %H:%MZ");
            format!("healthy for {} up to {until}", human(stretch.span()))
        }
        Some(_) | None => "never seen healthy".to_owned(),
    }
}
