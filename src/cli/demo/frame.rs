//! What is said before the incidents and after them.

use super::page::ink;
use super::story::Told;
use crate::cli::paper::{Ink, Paper};
use crate::domain::incident::Ending;
use crate::domain::time::{human, since};
use jiff::SignedDuration;
use std::time::Duration;

/// The widths of the last table: the causes of the demo, workloads and actions, outcomes.
const CAUSE: usize = 20;
const WORKLOAD: usize = 13;
const OUTCOME: usize = 15;
const COMMAND: usize = 25;

/// What comes first.
pub(super) fn opening(dry_run: bool) -> String {
    let mut paper = Paper::default();
    let mode = if dry_run {
        "dry run: nothing will be written"
    } else {
        "enforce: it may act"
    };
    paper.row(&[], Ink::Title, &format!("Ripcord's demo ({mode})"));
    paper.row(
        &[],
        Ink::Plain,
        "Simulated: the cluster (API server, controllers, kubelet), its registry, Prometheus, and time. Real: Ripcord, from its webhook to \
         its Kubernetes client, on the lab's own manifests and config/ripcord.yaml. Times are the cluster's (UTC); (+3) means that the \
         Incident holds three more facts.",
    );
    paper.into_text()
}

/// What came of it, how long it took, and where to go from here.
pub(super) fn closing(
    arguments: &super::Demo,
    all: &[Told],
    passed: SignedDuration,
    took: Duration,
) -> String {
    let mut paper = Paper::default();
    paper.title("In short");
    for told in all {
        let status = told.incident.status.clone().unwrap_or_default();
        let wrote = told.stored().next().is_some();
        let after = if wrote {
            let after = human(since(told.delivered.at, told.closed_at()));
            format!("in {after}")
        } else {
            "nothing written".to_owned()
        };
        let action = match status.action.as_str() {
            "" => "-",
            action => action,
        };
        let cells = [
            (WORKLOAD, Ink::Plain, told.deployment.as_str()),
            (CAUSE, Ink::Plain, status.cause.as_str()),
            (WORKLOAD, Ink::Plain, action),
            (OUTCOME, ink(&status.outcome), status.outcome.as_str()),
        ];
        paper.row(&cells, Ink::Faint, &after);
    }
    paper.blank();
    paper.row(&[], Ink::Title, &headline(arguments.dry_run, all));
    let text = format!(
        "{} of the cluster's time took {:.2} s.",
        human(passed),
        took.as_secs_f64()
    );
    paper.row(&[], Ink::Plain, &text);
    if arguments.hold {
        return paper.into_text();
    }
    paper.blank();
    for (command, does) in [
        (
            "ripcord demo --hold",
            "post an alert yourself, see /metrics and the incidents",
        ),
        (
            "ripcord demo --dry-run",
            "what it would do, without doing it",
        ),
        (
            "ripcord demo -o json",
            "everything above, and the whole incidents",
        ),
        ("README.md", "the same on a real cluster, and on yours"),
    ] {
        paper.row(&[(COMMAND, Ink::Label, command)], Ink::Plain, does);
    }
    paper.into_text()
}

/// All of it in one sentence.
fn headline(dry_run: bool, all: &[Told]) -> String {
    let ended = |wanted: Ending| {
        let outcomes = all.iter().filter_map(|told| told.incident.status.as_ref());
        outcomes
            .filter(|status| Ending::parse(&status.outcome) == Some(wanted))
            .count()
    };
    let writes: usize = all.iter().map(|told| told.stored().count()).sum();
    let refused: Vec<String> = all
        .iter()
        .filter(|told| told.held.is_some())
        .map(|told| told.decided().reason)
        .collect();
    let refused = match refused.as_slice() {
        [] => String::new(),
        reasons => format!(" Refused: {} ({}).", reasons.len(), reasons.join(", ")),
    };
    let of = all.len();
    if dry_run {
        let would = ended(Ending::DryRun);
        format!("Would have repaired {would} of {of}; writes to workloads: {writes}.{refused}")
    } else {
        let repaired = ended(Ending::Recovered);
        format!("Repaired {repaired} of {of}; writes to workloads: {writes}.{refused}")
    }
}
