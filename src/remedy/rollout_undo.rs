//! `rolloutUndo`: back to an older revision, as `kubectl rollout undo` means it, without its traps (semantics page, section 4):
//! the target is chosen explicitly, by proof and not by its number; "previous" alone is never good enough.

use super::proof::{self, Proof};
use super::{Ground, Way, mark, refusal};
use crate::domain::case::Case;
use crate::domain::identity::TemplateHash;
use crate::domain::plan::{Plan, Refusal, RefusalReason, Target};
use crate::domain::policy::{RolloutUndo, UndoTo};
use crate::domain::template;
use crate::domain::workload::Revision;
use std::collections::BTreeSet;

/// Its name in configurations, records and metrics.
pub const NAME: &str = "rolloutUndo";

/// What people read about it.
pub const HELP: &str = "\
When it helps
  The newest revision's own pods fail, and an older revision was healthy.
What it changes
  The Deployment's whole pod template: it becomes the template of the newest older revision that is proven healthy (fully ready for
  guards.provenFor without a restart, now or in Prometheus' history) and that differs in what fails. Replicas, labels and annotations stay.
How it is undone
  kubectl rollout undo takes the Deployment back to the revision that failed; the Incident names it.
When it is refused
  No older revision within maxRevisionsBack differs in what fails; none of those is proven healthy; or they were seen failing.
  `to: previous` and `to: N` are the owner's word: they replace the proof, and nothing else.
";

/// Plans an undo.
///
/// # Errors
/// Says why there is no revision to go back to.
pub fn propose(case: &Case, spec: &RolloutUndo) -> Result<Plan, Refusal> {
    let ground = Ground::of(case, NAME)?;
    let Some(quarantine) = case.quarantine() else {
        return Err(refusal(
            NAME,
            RefusalReason::Unavailable,
            "Ripcord's own record could not be read, so it can't be told which revisions were seen failing",
        ));
    };
    let candidates = newest_first(&ground.revisions.older, spec.max_revisions_back);
    let (revision, proof) = match spec.to {
        UndoTo::Proven => proven(case, &ground, &candidates, &quarantine)?,
        UndoTo::Previous => {
            let previous = candidates.first().copied();
            named(
                case,
                &ground,
                previous,
                &quarantine,
                "the one before the newest",
            )?
        }
        UndoTo::Number(number) => {
            let numbered = candidates
                .iter()
                .copied()
                .find(|revision| revision.number == number);
            named(
                case,
                &ground,
                numbered,
                &quarantine,
                &format!("revision {number}"),
            )?
        }
    };
    let way = Way {
        remedy: NAME,
        target: Target::Revision {
            mark: mark(revision),
            uid: revision.uid.clone(),
        },
        template: revision.template.clone(),
        in_words: format!("undo to revision {}", revision.number),
        proof,
    };
    Ok(ground.plan(case, way))
}

/// Sorted here although the type promises it: going back to the wrong revision is too high a price for a broken promise.
fn newest_first(older: &[Revision], most: usize) -> Vec<&Revision> {
    let mut sorted: Vec<&Revision> = older.iter().collect();
    sorted.sort_by(|left, right| (right.number, &right.name).cmp(&(left.number, &left.name)));
    sorted.truncate(most);
    sorted
}

/// Whether it differs in what fails, and is one that the diagnosis thinks a cure, where it restricts them.
fn differs(case: &Case, ground: &Ground<'_>, revision: &Revision) -> bool {
    let entries = &case.diagnosis.entries;
    let changes = entries.iter().any(|entry| {
        template::changes_what_fails(entry, ground.workload.template(), &revision.template)
    });
    changes
        && entries
            .iter()
            .all(|entry| entry.may_be_cured_by(&revision.name))
}

/// The newest that is proven. A newer candidate that lacks only time, or that can't be judged now, ends the search: going further back
/// than needed would undo somebody's good change, and such a candidate is serving while it is waited for.
fn proven<'a>(
    case: &Case,
    ground: &Ground<'_>,
    candidates: &[&'a Revision],
    quarantine: &BTreeSet<&TemplateHash>,
) -> Result<(&'a Revision, String), Refusal> {
    let (mut seen_failing, mut unproven) = (Vec::new(), Vec::new());
    for revision in candidates
        .iter()
        .copied()
        .filter(|revision| differs(case, ground, revision))
    {
        let name = format!("revision {} ({})", revision.number, revision.name);
        if quarantine.contains(&revision.hash) {
            seen_failing.push(format!("{name} was seen failing"));
            continue;
        }
        match proof::of(case, revision) {
            Proof::Proven(text) => return Ok((revision, format!("{name} {text}"))),
            Proof::NotYet {
                look_again_at,
                text,
            } => {
                let reason = RefusalReason::UnprovenYet { look_again_at };
                return Err(refusal(NAME, reason, format!("{name} is {text}")));
            }
            Proof::Unavailable(text) => {
                let text = format!("whether {name} was healthy can't be told: {text}");
                return Err(refusal(NAME, RefusalReason::Unavailable, text));
            }
            Proof::Not(text) => unproven.push(format!("{name} is not proven healthy: {text}")),
        }
    }
    let reason = match (unproven.is_empty(), seen_failing.is_empty()) {
        (false, _) => RefusalReason::Unproven,
        (true, false) => RefusalReason::Quarantined,
        (true, true) => {
            return Err(refusal(
                NAME,
                RefusalReason::NoTarget,
                nowhere(case, candidates.len()),
            ));
        }
    };
    unproven.append(&mut seen_failing);
    Err(refusal(NAME, reason, unproven.join("; ")))
}

/// The owner's word: it replaces the proof, never the quarantine, and it must change what fails.
fn named<'a>(
    case: &Case,
    ground: &Ground<'_>,
    revision: Option<&'a Revision>,
    quarantine: &BTreeSet<&TemplateHash>,
    wish: &str,
) -> Result<(&'a Revision, String), Refusal> {
    let Some(revision) = revision else {
        let text = format!("the policy names {wish}, and there is none within its reach");
        return Err(refusal(NAME, RefusalReason::NoTarget, text));
    };
    let name = format!("revision {} ({})", revision.number, revision.name);
    if quarantine.contains(&revision.hash) {
        let text = format!("the policy names {wish}, and {name} was seen failing");
        return Err(refusal(NAME, RefusalReason::Quarantined, text));
    }
    if !differs(case, ground, revision) {
        let text = format!("the policy names {wish}, and {name} is the same in what fails");
        return Err(refusal(NAME, RefusalReason::NoTarget, text));
    }
    let proof = format!(
        "the owner's word: policy {} names {wish}; health was not asked for",
        ground.policy.name
    );
    Ok((revision, proof))
}

fn nowhere(case: &Case, within_reach: usize) -> String {
    if within_reach == 0 {
        return "there is no older revision to go back to".to_owned();
    }
    let containers: BTreeSet<&str> = case
        .diagnosis
        .entries
        .iter()
        .map(|entry| entry.container.as_str())
        .collect();
    format!(
        "none of the {within_reach} older revisions within reach differs in what fails (container {})",
        containers.into_iter().collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests;
