//! How a workload can be repaired: `&Case` in, a complete [`Plan`] or a [`Refusal`] out.
//!
//! A remedy chooses everything: where to go, the whole template, and why that should work. Whether it may be done is `decision`'s business.

pub mod diff;
pub mod pin_image;
pub mod proof;
pub mod rollout_undo;
#[cfg(test)]
pub(crate) mod test_support;

use crate::domain::case::Case;
use crate::domain::identity::ActionId;
use crate::domain::plan::{Plan, Refusal, RefusalReason, RevisionMark, Target};
use crate::domain::policy::{Policy, RemedySpec};
use crate::domain::workload::{Revision, Revisions, TEMPLATE_HASH_LABEL, Workload, WorkloadKind};
use serde_json::Value;

/// A remedy as people read about it.
#[derive(Clone, Copy, Debug)]
pub struct Remedy {
    /// Its name in configurations, records and metrics.
    pub name: &'static str,
    /// When it helps, what it changes, how it is undone, when it is refused.
    pub help: &'static str,
}

/// Every remedy there is.
pub const ALL: [Remedy; 2] = [
    Remedy {
        name: rollout_undo::NAME,
        help: rollout_undo::HELP,
    },
    Remedy {
        name: pin_image::NAME,
        help: pin_image::HELP,
    },
];

/// The plan of the first remedy of the chosen policy that has one and that this incident has not tried yet.
///
/// # Errors
/// When none has: the most hopeful refusal, with all their texts; `Spent` when the incident has tried them all.
pub fn propose(case: &Case) -> Result<Plan, Refusal> {
    let Some(policy) = case.policy.policy() else {
        return Err(refusal(
            "",
            RefusalReason::NoTarget,
            "no policy applies, so nothing is allowed",
        ));
    };
    let mut refusals = Vec::new();
    for (index, spec) in policy.remedies.iter().enumerate() {
        if tried(case, index) {
            continue;
        }
        let proposal = match spec {
            RemedySpec::RolloutUndo(spec) => rollout_undo::propose(case, spec),
            RemedySpec::PinImage(spec) => pin_image::propose(case, spec),
        };
        match proposal {
            Ok(plan) => {
                return Ok(Plan {
                    remedy_index: index,
                    ..plan
                });
            }
            Err(refusal) => refusals.push(refusal),
        }
    }
    Err(most_hopeful(refusals).unwrap_or_else(|| none_left(case, policy)))
}

fn tried(case: &Case, index: usize) -> bool {
    case.incident
        .steps
        .iter()
        .any(|step| step.remedy_index == index)
}

fn none_left(case: &Case, policy: &Policy) -> Refusal {
    if case.incident.steps.is_empty() {
        let text = format!("policy {} allows no remedy", policy.name);
        return refusal("", RefusalReason::NoTarget, text);
    }
    let text = format!(
        "every remedy of policy {} has been tried: {}",
        policy.name,
        policy
            .remedies
            .iter()
            .map(RemedySpec::name)
            .collect::<Vec<_>>()
            .join(", ")
    );
    refusal("", RefusalReason::Spent, text)
}

fn most_hopeful(refusals: Vec<Refusal>) -> Option<Refusal> {
    let text = match refusals.as_slice() {
        [only] => only.text.clone(),
        several => several
            .iter()
            .map(|refusal| format!("{}: {}", refusal.remedy, refusal.text))
            .collect::<Vec<_>>()
            .join("; "),
    };
    let best = refusals
        .into_iter()
        .min_by_key(|refusal| despair(&refusal.reason))?;
    Some(Refusal { text, ..best })
}

/// How little hope a refusal leaves: what time may cure comes first.
fn despair(reason: &RefusalReason) -> u8 {
    match reason {
        RefusalReason::UnprovenYet { .. } => 0,
        RefusalReason::Unavailable => 1,
        RefusalReason::Unproven => 2,
        RefusalReason::Quarantined => 3,
        RefusalReason::NoTarget => 4,
        RefusalReason::Spent => 5,
    }
}

fn refusal(remedy: &'static str, reason: RefusalReason, text: impl Into<String>) -> Refusal {
    Refusal {
        remedy,
        reason,
        text: text.into(),
    }
}

/// What every remedy needs before it can look for a way.
struct Ground<'a> {
    policy: &'a Policy,
    workload: &'a Workload,
    revisions: &'a Revisions,
    newest: &'a Revision,
}

impl<'a> Ground<'a> {
    fn of(case: &'a Case, remedy: &'static str) -> Result<Self, Refusal> {
        let refuse = |reason, text: &str| Err(refusal(remedy, reason, text));
        let away = RefusalReason::Unavailable;
        let Some(policy) = case.policy.policy() else {
            return refuse(RefusalReason::NoTarget, "no policy applies");
        };
        if case.workload.kind != WorkloadKind::Deployment {
            return refuse(
                RefusalReason::NoTarget,
                "only Deployments can be repaired so far",
            );
        }
        let Some(workload) = case.workload() else {
            return refuse(away, "the workload could not be read");
        };
        let Some(revisions) = case.revisions() else {
            return refuse(away, "its revisions could not be read");
        };
        let Some(newest) = revisions.newest.as_ref() else {
            return refuse(away, "the controller has not made the newest revision yet");
        };
        if case.diagnosis.entries.is_empty() {
            return refuse(
                RefusalReason::NoTarget,
                "no container of the newest revision fails, so there is nothing to repair",
            );
        }
        Ok(Self {
            policy,
            workload,
            revisions,
            newest,
        })
    }

    fn plan(&self, case: &Case, way: Way) -> Plan {
        let template = without_hash_label(way.template);
        let step = case.next_step();
        let causes = case
            .diagnosis
            .leading_cause()
            .map_or_else(String::new, |cause| format!(" ({cause})"));
        Plan {
            step,
            remedy: way.remedy,
            remedy_index: 0,
            workload: case.workload.clone(),
            workload_uid: self.workload.uid.clone(),
            action_id: ActionId::new(format!("{}-{step}", case.incident.name)),
            diff: diff::diff(self.workload.template(), &template),
            target: way.target,
            template,
            change_cause: format!(
                "ripcord: {}, incident {}{causes}",
                way.in_words, case.incident.name
            ),
            proof: way.proof,
            inverse: mark(self.newest),
            verify: self.policy.verify.clone(),
            longest_run_seconds: case
                .diagnosis
                .entries
                .iter()
                .map(|entry| entry.longest_run_seconds)
                .max()
                .unwrap_or(0),
        }
    }
}

/// What one remedy has chosen.
struct Way {
    remedy: &'static str,
    target: Target,
    template: Value,
    /// `undo to revision 1`.
    in_words: String,
    proof: String,
}

fn mark(revision: &Revision) -> RevisionMark {
    RevisionMark {
        name: revision.name.clone(),
        hash: revision.hash.clone(),
        number: revision.number,
    }
}

/// The controller's own label must never reach a workload's template: its ReplicaSets would all select the same pods.
/// [`Revision::template`] promises to be without it; here the promise is kept even if it was broken.
fn without_hash_label(mut template: Value) -> Value {
    if let Some(labels) = template
        .pointer_mut("/metadata/labels")
        .and_then(Value::as_object_mut)
    {
        labels.remove(TEMPLATE_HASH_LABEL);
    }
    template
}

#[cfg(test)]
mod tests;
