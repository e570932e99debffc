//! What a look at the workload leads to, from Observing to Held.

use super::closing::{close, take_back};
use super::{Decided, Effect, LONGEST_OPEN, Looked, QUIET_FOR, QUIET_LOOK, Step, Wake};
use crate::domain::diagnosis::{Diagnosis, EntryRecord, SharedRecord};
use crate::domain::identity::TemplateHash;
use crate::domain::incident::{Ending, IncidentStatus, Phase};
use crate::domain::plan::Rehearsal;
use crate::domain::policy::Mode;
use crate::domain::text::truncate;
use crate::domain::time::{human, since, whole_seconds};
use crate::domain::verdict::{Decision, Reason};
use crate::notify::events::Announcement;
use crate::planted::{self, Bug};
use crate::record::crd::{Incident, IncidentSpec};
use jiff::{SignedDuration, Timestamp};

/// There are about twenty causes, and one container that fails in two of them is rare.
const MOST_CAUSES: usize = 40;

pub(super) fn looked(
    incident: &Incident,
    mut next: IncidentStatus,
    look: Looked,
    now: Timestamp,
) -> Step {
    let spec = &incident.spec;
    if let Some(newest) = &look.newest
        && let Some(expected) = expected_revision(spec, &next)
        && newest.hash != expected
    {
        let what = format!(
            "the workload has a newer revision, {}: this incident was about {expected}",
            newest.name
        );
        return close(next, Ending::Superseded, "RevisionReplaced", &what, now);
    }
    remember(&mut next, &look, now);
    if let Some(closed) = quiet(&next, &look, now) {
        return closed;
    }
    if since(spec.alert.received_at, now) >= LONGEST_OPEN {
        let what = format!(
            "open for {} without a way forward: {}",
            human(LONGEST_OPEN),
            next.message
        );
        return close(next, Ending::Held, "OpenTooLong", &what, now);
    }
    let Looked {
        decided,
        decided_on,
        namespace_mode,
        live_causes,
        ..
    } = look;
    match decided {
        Some(decided) => {
            next.decided_on = decided_on;
            next.decided_namespace_mode = namespace_mode.known().cloned().unwrap_or_default();
            next.decided_causes = live_causes.into_iter().take(MOST_CAUSES).collect();
            decide(incident, next, decided, now)
        }
        None => Step {
            status: next,
            effects: Vec::new(),
            wake: at(now, QUIET_LOOK),
        },
    }
}

/// The revision that must be the newest for this incident to go on: the one it began with, or the one that its last write made.
pub(super) fn expected_revision(
    spec: &IncidentSpec,
    status: &IncidentStatus,
) -> Option<TemplateHash> {
    match status.applied.last() {
        Some(applied) => applied.revision.clone(),
        None => Some(spec.revision.hash.clone()),
    }
}

fn remember(next: &mut IncidentStatus, look: &Looked, now: Timestamp) {
    next.memory = look.memory.clone();
    if look.diagnosis.entries.is_empty() {
        return;
    }
    // Never back: two processes whose clocks differ would undo each other's.
    next.last_symptom_at = next.last_symptom_at.max(Some(whole_seconds(now)));
    // A light look has no Events and logs to lean on: it must not replace what a full one found.
    if look.decided.is_some() {
        next.diagnosis = entries(&look.diagnosis);
        next.shared = look.diagnosis.shared.as_ref().map(|shared| SharedRecord {
            cause: shared.cause.as_str().to_owned(),
            because: truncate(&shared.because, 1024),
        });
        next.cause = look
            .diagnosis
            .leading_cause()
            .map(|cause| cause.as_str().to_owned())
            .unwrap_or_default();
    }
    if let Some(newest) = &look.newest
        && !planted::is(Bug::FailureNotRemembered)
        && !next.failed_revisions.contains(&newest.hash)
    {
        next.failed_revisions.push(newest.hash.clone());
        let failing: Vec<String> = look
            .diagnosis
            .entries
            .iter()
            .map(|entry| format!("{} ({}): {}", entry.container, entry.cause, entry.because))
            .collect();
        next.tell(
            now,
            &format!(
                "seen failing: revision {}: {}",
                newest.name,
                failing.join("; ")
            ),
        );
    }
}

/// Closes an incident that was looked at for ten minutes without a live symptom, or when all its alerts are resolved. Only a complete look
/// counts: a pod that can't be read is not a healthy one. Time in which nobody looked is not quiet: a crash loop is silent for minutes.
fn quiet(next: &IncidentStatus, look: &Looked, now: Timestamp) -> Option<Step> {
    let resolved = !next.alerts.is_empty() && next.alerts.iter().all(|alert| alert.resolved);
    let for_long = look
        .quiet_since
        .is_some_and(|quiet_since| since(quiet_since, now) >= QUIET_FOR);
    if !look.is_quiet() || !(resolved || for_long) {
        return None;
    }
    let (ending, reason, what) = match next.last_symptom_at {
        None => (
            Ending::NotFailing,
            "NotFailing",
            "the live pods never showed a symptom",
        ),
        Some(_) => (
            Ending::RecoveredAlone,
            "RecoveredAlone",
            "the symptom is gone without a write of Ripcord's",
        ),
    };
    Some(close(next.clone(), ending, reason, what, now))
}

fn decide(incident: &Incident, mut next: IncidentStatus, decided: Decided, now: Timestamp) -> Step {
    let Decided {
        facts,
        owners,
        verdict,
        plan,
        rehearsal,
        policy,
        mode,
        next_steps,
    } = decided;
    let before = next.verdict.take();
    let record = verdict.record();
    let changed = before.as_ref().is_none_or(|before| {
        (&before.decision, &before.reason) != (&record.decision, &record.reason)
    });
    // A quiet look has less to say than the one that saw it fail: what was seen stays.
    if next.diagnosis.is_empty() || verdict.reason != Reason::NotFailing {
        next.evidence = facts;
    }
    next.owners = owners;
    next.mode = mode.as_str().to_owned();
    next.policy = policy.clone();
    next.reason = verdict.reason.as_str().to_owned();
    next.message = truncate(&verdict.text, 1024);
    next.next_steps = next_steps;
    next.verdict = Some(record);
    if let Some(plan) = &plan {
        next.action = plan.remedy.to_owned();
        next.plan = Some(plan.record(rehearsal.as_ref()));
        next.diff.clone_from(&plan.diff);
    }
    let mut effects = Vec::new();
    if changed {
        effects.push(Effect::CountDecision {
            policy,
            mode,
            verdict: Box::new(verdict.clone()),
        });
    }
    match verdict.decision {
        Decision::Act => act(next, plan.is_some(), rehearsal.as_ref(), mode, effects, now),
        Decision::Wait { next_check } => {
            next.set_phase(Phase::Waiting);
            next.next_check = Some(whole_seconds(next_check));
            if changed {
                next.tell(
                    now,
                    &format!("waiting ({}): {}", verdict.reason, verdict.text),
                );
            }
            Step {
                status: next,
                effects,
                wake: Wake::At(next_check.max(now)),
            }
        }
        Decision::Hold => {
            next.set_phase(Phase::Held);
            next.next_check = None;
            if changed {
                next.tell(now, &format!("held ({}): {}", verdict.reason, verdict.text));
                effects.push(Effect::Announce {
                    what: Announcement::RemediationHeld,
                    note: format!("{}: {}", verdict.reason, verdict.text),
                });
            }
            Step {
                status: next,
                effects,
                wake: at(now, QUIET_LOOK),
            }
        }
        Decision::Escalate => {
            next.next_steps.extend(take_back(incident, &next));
            let mut step = close(
                next,
                Ending::Escalated,
                verdict.reason.as_str(),
                &verdict.text,
                now,
            );
            effects.append(&mut step.effects);
            Step { effects, ..step }
        }
    }
}

fn act(
    mut next: IncidentStatus,
    planned: bool,
    rehearsal: Option<&Rehearsal>,
    mode: Mode,
    mut effects: Vec<Effect>,
    now: Timestamp,
) -> Step {
    let plan = next.plan.clone();
    let Some(plan) = plan.filter(|_| planned) else {
        // A verdict to act without a plan can't be made; if it is, a person must look.
        let mut step = close(
            next,
            Ending::Escalated,
            Reason::ActionFailed.as_str(),
            "there was no plan to act on",
            now,
        );
        effects.append(&mut step.effects);
        return Step { effects, ..step };
    };
    if mode != Mode::Enforce {
        let validated = match rehearsal {
            Some(Rehearsal::Accepted) => "the API server accepts it",
            _ => "validated by the client only: this account may not patch",
        };
        let what = format!(
            "dry run: would {} ({validated}): {}",
            plan.in_words(),
            plan.proof
        );
        effects.push(Effect::Announce {
            what: Announcement::RemediationPlanned,
            note: what.clone(),
        });
        let mut step = close(next, Ending::DryRun, "DryRun", &what, now);
        effects.append(&mut step.effects);
        return Step { effects, ..step };
    }
    next.set_phase(Phase::Acting);
    next.next_check = None;
    next.tell(
        now,
        &format!(
            "decided to {}, by policy {}: {}",
            plan.in_words(),
            next.policy,
            plan.proof
        ),
    );
    Step {
        status: next,
        effects,
        wake: Wake::Now,
    }
}

pub(super) fn at(now: Timestamp, after: SignedDuration) -> Wake {
    Wake::At(now.checked_add(after).unwrap_or(now))
}

/// The diagnosis as an Incident stores it.
fn entries(diagnosis: &Diagnosis) -> Vec<EntryRecord> {
    diagnosis
        .entries
        .iter()
        .map(|entry| EntryRecord {
            container: entry.container.clone(),
            cause: entry.cause.as_str().to_owned(),
            rollback_helps: entry.rollback_helps.as_str().to_owned(),
            because: truncate(&entry.because, 1024),
            facts: entry
                .facts
                .iter()
                .take(10)
                .map(|fact| truncate(fact, 512))
                .collect(),
            pods: entry.pods.iter().take(10).cloned().collect(),
        })
        .collect()
}
