//! What a write and its verification lead to.

use super::closing::{close, take_back};
use super::looked::at;
use super::{Effect, LONGEST_OPEN, Step, Wake, Written};
use crate::domain::identity::TemplateHash;
use crate::domain::incident::{
    AppliedRecord, Condition, Ending, IncidentStatus, Phase, VerificationRecord,
};
use crate::domain::plan::PlanRecord;
use crate::domain::time::{since, whole_seconds};
use crate::domain::verdict::Reason;
use crate::notify::events::Announcement;
use crate::planted::{self, Bug};
use crate::record::crd::Incident;
use crate::verify::Judgement;
use jiff::{SignedDuration, Timestamp};

/// A write whose fate is unknown is looked for again soon: an API server that lost an answer is back within seconds, mostly.
const LOOK_FOR_WRITE: SignedDuration = SignedDuration::from_secs(2);
/// An API server that takes no writes now is not asked again at once: it said that it has too much to do.
const TRY_LATER: SignedDuration = SignedDuration::from_secs(30);
/// Pods take seconds to start; a faster look would only cost requests.
const LOOK_AT_ROLLOUT: SignedDuration = SignedDuration::from_secs(3);
/// While a soak runs, nothing but a restart can be news.
const LOOK_AT_SOAK: SignedDuration = SignedDuration::from_secs(10);

pub(super) fn written(
    incident: &Incident,
    mut next: IncidentStatus,
    written: Written,
    now: Timestamp,
) -> Step {
    let Some(plan) = next.plan.clone() else {
        return close(
            next,
            Ending::Escalated,
            Reason::ActionFailed.as_str(),
            "the record has no plan to act on",
            now,
        );
    };
    match written {
        Written::Accepted { verification } => accepted(incident, next, &plan, *verification, now),
        Written::DecideAfresh => {
            next.set_phase(Phase::Deciding);
            next.plan = None;
            next.diff.clear();
            next.holder = None;
            next.tell(
                now,
                "nothing was written: the workload was changed since the decision; deciding afresh",
            );
            Step {
                status: next,
                effects: Vec::new(),
                // Not at once: something that changes the object all the time would be chased without end.
                wake: at(now, LOOK_FOR_WRITE),
            }
        }
        Written::Refused(why) => refused(next, &why, now),
        Written::Changed(why) => {
            // It was stored, so that it counts, and a person can take it back.
            note_write(&mut next, now);
            next.next_steps = take_back(incident, &next).into_iter().collect();
            escalate(next, &why, now)
        }
        Written::Unknown(why) => {
            let reason = match lost_answer(&next) {
                Some(_) => LOST_AGAIN,
                None => LOST,
            };
            let what = format!("it can't be told yet whether the write happened: {why}");
            next.tell(now, &what);
            // Its time is that of the newest lost answer, also when its status stays.
            next.conditions.retain(|condition| condition.kind != ACTED);
            next.set_condition(ACTED, "Unknown", reason, &what, now);
            look_again(next, now)
        }
        Written::Unseen(_) if since(incident.spec.alert.received_at, now) >= LONGEST_OPEN => {
            let what = "for a day it could not be told whether the write happened";
            escalate(next, what, now)
        }
        Written::Unseen(why) => {
            next.tell(now, &format!("looking for the write: {why}"));
            look_again(next, now)
        }
        Written::GivenUp(why) => escalate(next, &why, now),
        Written::Later(why) => {
            let then = now.checked_add(TRY_LATER).unwrap_or(now);
            next.set_phase(Phase::Waiting);
            next.holder = None;
            next.reason = Reason::Unavailable.as_str().to_owned();
            next.message.clone_from(&why);
            next.next_check = Some(whole_seconds(then));
            next.tell(now, &format!("waiting ({}): {why}", Reason::Unavailable));
            Step {
                status: next,
                effects: Vec::new(),
                wake: Wake::At(then),
            }
        }
    }
}

fn refused(mut next: IncidentStatus, why: &str, now: Timestamp) -> Step {
    next.set_phase(Phase::Held);
    next.holder = None;
    next.reason = Reason::DryRunRefused.as_str().to_owned();
    why.clone_into(&mut next.message);
    let note = format!("{}: {why}", Reason::DryRunRefused);
    next.tell(now, &format!("held ({}): {why}", Reason::DryRunRefused));
    let effects = vec![Effect::Announce {
        what: Announcement::RemediationHeld,
        note,
    }];
    Step {
        status: next,
        effects,
        wake: at(now, super::QUIET_LOOK),
    }
}

/// The condition that says whether Ripcord has written.
const ACTED: &str = "Acted";
/// Its reasons while that can't be told, `Unknown` being its status.
const LOST: &str = "AnswerLost";
const LOST_AGAIN: &str = "AnswerLostAgain";

/// When the newest answer was lost, where one was, and whether it was not the first.
pub(super) fn lost_answer(status: &IncidentStatus) -> Option<(Timestamp, bool)> {
    let lost = |condition: &&Condition| condition.kind == ACTED && condition.status == "Unknown";
    let condition = status.conditions.iter().find(lost)?;
    Some((
        condition.last_transition_time,
        condition.reason == LOST_AGAIN,
    ))
}

/// Counts the plan's write among those that were made, once: a write that is not in the record would not count for the cooldown, and nobody
/// could take it back.
pub(super) fn note_write(next: &mut IncidentStatus, now: Timestamp) {
    let Some(plan) = &next.plan else { return };
    let known = |applied: &AppliedRecord| applied.action_id == plan.action_id;
    if !next.applied.iter().any(known) && !planted::is(Bug::WriteNotNoted) {
        next.applied.push(AppliedRecord {
            action_id: plan.action_id.clone(),
            remedy: plan.remedy.clone(),
            remedy_index: plan.remedy_index,
            target: plan.target.clone(),
            revision: None,
            inverse: plan.inverse.clone(),
            applied_at: now,
            result: "Verifying".to_owned(),
        });
    }
}

/// Counts the plan's write as one that may have been made, where the record does not have it; whether that was so. Only the workload could
/// tell, and it is gone: a process before this one may have written and died.
pub(super) fn note_unknown_write(next: &mut IncidentStatus, now: Timestamp) -> bool {
    let known = next.applied.len();
    note_write(next, now);
    let noted = next.applied.len() > known;
    if let (true, Some(applied)) = (noted, next.applied.last_mut()) {
        "Unknown".clone_into(&mut applied.result);
    }
    noted
}

fn escalate(next: IncidentStatus, why: &str, now: Timestamp) -> Step {
    let reason = Reason::ActionFailed.as_str();
    close(next, Ending::Escalated, reason, why, now)
}

fn look_again(next: IncidentStatus, now: Timestamp) -> Step {
    Step {
        status: next,
        effects: Vec::new(),
        wake: at(now, LOOK_FOR_WRITE),
    }
}

fn accepted(
    incident: &Incident,
    mut next: IncidentStatus,
    plan: &PlanRecord,
    verification: VerificationRecord,
    now: Timestamp,
) -> Step {
    note_write(&mut next, now);
    next.set_phase(Phase::Verifying);
    next.verification = Some(verification);
    next.next_steps = take_back(incident, &next).into_iter().collect();
    let what = format!(
        "wrote step {}: {} (action {})",
        plan.step,
        plan.in_words(),
        plan.action_id
    );
    next.tell(now, &what);
    next.set_condition(ACTED, "True", "Applied", &what, now);
    let effects = vec![Effect::Announce {
        what: Announcement::RemediationStarted,
        note: what,
    }];
    Step {
        status: next,
        effects,
        wake: Wake::Now,
    }
}

pub(super) fn judged(
    mut next: IncidentStatus,
    record: VerificationRecord,
    judgement: &Judgement,
    revision: Option<TemplateHash>,
    now: Timestamp,
) -> Step {
    if let (Some(applied), Some(revision)) = (next.applied.last_mut(), &revision)
        && applied.revision.is_none()
    {
        applied.revision = Some(revision.clone());
    }
    if record.whole_since.is_some()
        && next
            .verification
            .as_ref()
            .is_none_or(|before| before.whole_since.is_none())
    {
        next.tell(now, &format!("verifying: {}", record.message));
    }
    next.verification = Some(record);
    match judgement {
        Judgement::Recovered(what) => {
            next.next_steps.clear();
            close(next, Ending::Recovered, "Verified", what, now)
        }
        Judgement::NotYet(_) | Judgement::AskLast => {
            let whole_since = next
                .verification
                .as_ref()
                .and_then(|record| record.whole_since);
            let wake = match whole_since {
                None => at(now, LOOK_AT_ROLLOUT),
                Some(whole_since) => soak_wake(&next, whole_since, now),
            };
            Step {
                status: next,
                effects: Vec::new(),
                wake,
            }
        }
        Judgement::Failed(why) => {
            if let Some(applied) = next.applied.last_mut() {
                applied.result = "Failed".to_owned();
            }
            if let Some(revision) = revision
                && !next.failed_revisions.contains(&revision)
            {
                next.failed_revisions.push(revision);
            }
            next.set_phase(Phase::Deciding);
            next.holder = None;
            next.plan = None;
            next.tell(now, &format!("what was restored fails too: {why}"));
            let effects = vec![Effect::Announce {
                what: Announcement::RemediationFailed,
                note: why.clone(),
            }];
            Step {
                status: next,
                effects,
                wake: Wake::Now,
            }
        }
        Judgement::TimedOut(why) => close(
            next,
            Ending::Escalated,
            Reason::VerifyTimedOut.as_str(),
            why,
            now,
        ),
        Judgement::Unknown(why) => close(
            next,
            Ending::Escalated,
            Reason::VerifyUnknown.as_str(),
            why,
            now,
        ),
    }
}

/// The next look in a soak: at its end, or earlier.
fn soak_wake(next: &IncidentStatus, whole_since: Timestamp, now: Timestamp) -> Wake {
    let soak = next
        .verification
        .as_ref()
        .map_or(0, |record| record.soak_seconds);
    let end = whole_since
        .checked_add(SignedDuration::from_secs(soak))
        .unwrap_or(now);
    let soon = now.checked_add(LOOK_AT_SOAK).unwrap_or(now);
    // After the soak only the last questions are open: Prometheus' next scrape may answer them.
    let retry = now.checked_add(LOOK_AT_ROLLOUT).unwrap_or(now);
    Wake::At(if end > now { end.min(soon) } else { retry })
}
