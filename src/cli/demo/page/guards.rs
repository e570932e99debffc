//! The guards of an incident, as a table, and what was waited for before they passed.

use super::super::story::Told;
use super::{brief, clock};
use crate::cli::paper::{COLUMNS, Ink, LABEL, Paper, cut, pinch};
use crate::domain::incident::{IncidentStatus, TimelineRow};
use crate::domain::verdict::GuardRecord;
use std::collections::BTreeSet;

/// The widths of a guard's result and name.
const RESULT: usize = 6;
const GUARD: usize = 21;

/// Every guard with its numbers; those that stand against it in full, those whose sentence is `known` by name.
pub(super) fn all(
    paper: &mut Paper,
    told: &Told,
    status: &IncidentStatus,
    known: &BTreeSet<String>,
) {
    for row in waits(status) {
        let text = format!("{} {}", clock(row.at), brief(told, &row.text));
        paper.entry(
            "at first",
            Ink::Careful,
            &cut(&text, 3 * (COLUMNS - LABEL) - 12),
        );
    }
    let Some(verdict) = &status.verdict else {
        return;
    };
    let (all, decision) = (verdict.guards.len(), &verdict.decision);
    let passed = verdict.guards.iter().filter(|guard| guard.result == "Pass");
    let passed = passed.count();
    let (ink, text) = if passed == all {
        (Ink::Good, format!("{decision}: all {all} pass"))
    } else {
        (
            Ink::Bad,
            format!("{decision} ({}): {passed} of {all} pass", verdict.reason),
        )
    };
    let time = status.timeline.iter().rev().find(|row| is_decision(row));
    let time = time.map(|row| clock(row.at) + " ").unwrap_or_default();
    paper.entry("guards", ink, &(time + &text));
    let (as_before, new): (Vec<_>, Vec<_>) = verdict
        .guards
        .iter()
        .partition(|guard| known.contains(&sentence(told, guard)));
    for guard in new {
        one_guard(paper, told, guard);
    }
    let names: Vec<&str> = as_before.iter().map(|guard| guard.guard.as_str()).collect();
    let cells = [(2, Ink::Plain, ""), (RESULT, Ink::Good, "Pass")];
    if !names.is_empty() {
        let text = format!("as before: {}", names.join(", "));
        paper.row(&cells, Ink::Faint, &text);
    }
}

fn one_guard(paper: &mut Paper, told: &Told, guard: &GuardRecord) {
    let passes = guard.result == "Pass";
    let ink = if passes { Ink::Good } else { Ink::Bad };
    let cells = [
        (2, Ink::Plain, ""),
        (RESULT, ink, guard.result.as_str()),
        (GUARD, Ink::Plain, guard.guard.as_str()),
    ];
    let text = brief(told, &guard.message);
    if passes {
        let room = COLUMNS - 2 - RESULT - GUARD;
        paper.row(&cells, Ink::Faint, &pinch(&text, room));
    } else {
        paper.row(&cells, Ink::Plain, &text);
    }
}

/// What the guards that passed said of an incident.
pub(super) fn sentences(told: &Told) -> BTreeSet<String> {
    let verdict = told.decided().verdict.unwrap_or_default();
    let passed = verdict.guards.iter().filter(|guard| guard.result == "Pass");
    passed.map(|guard| sentence(told, guard)).collect()
}

fn sentence(told: &Told, guard: &GuardRecord) -> String {
    format!(
        "{} {} {}",
        guard.result,
        guard.guard,
        brief(told, &guard.message)
    )
}

/// The timeline's rows about what was waited for.
fn waits(status: &IncidentStatus) -> impl Iterator<Item = &TimelineRow> {
    let rows = status.timeline.iter();
    rows.filter(|row| row.text.starts_with("waiting"))
}

/// The timeline's row that says what came of the guards.
fn is_decision(row: &TimelineRow) -> bool {
    ["decided", "held", "escalated", "would"]
        .iter()
        .any(|word| row.text.starts_with(word))
}
