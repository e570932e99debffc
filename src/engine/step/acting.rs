//! What a write and its verification lead to.

use super::closing::{close, take_back};
use super::looked::at;
use super::{Effect, Step, Wake, Written};
use crate::domain::identity::TemplateHash;
use crate::domain::incident::{AppliedRecord, Ending, IncidentStatus, Phase, VerificationRecord};
use crate::domain::verdict::Reason;
use crate::notify::events::Announcement;
use crate::record::crd::Incident;
use crate::verify::Judgement;
use jiff::{SignedDuration, Timestamp};

/// A write whose fate is unknown is looked for again soon: an API server that lost an answer is back within seconds, mostly.
const LOOK_FOR_WRITE: SignedDuration = SignedDuration::from_secs(2);
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
        Written::Accepted { verification } => {
            if next
                .applied
                .iter()
                .all(|applied| applied.action_id != plan.action_id)
            {
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
            next.set_phase(Phase::Verifying);
            next.verification = Some(*verification);
            next.next_steps = take_back(incident, &next).into_iter().collect();
            let what = format!(
                "wrote step {}: {} to {} (action {})",
                plan.step, plan.remedy, plan.target, plan.action_id
            );
            next.tell(now, &what);
            next.set_condition("Acted", "True", "Applied", &what, now);
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
                wake: Wake::Now,
            }
        }
        Written::Refused(why) => {
            next.set_phase(Phase::Held);
            next.holder = None;
            next.reason = Reason::DryRunRefused.as_str().to_owned();
            next.message.clone_from(&why);
            next.tell(now, &format!("held ({}): {why}", Reason::DryRunRefused));
            let note = format!("{}: {why}", Reason::DryRunRefused);
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
        Written::Changed(why) => close(
            next,
            Ending::Escalated,
            Reason::ActionFailed.as_str(),
            &why,
            now,
        ),
        Written::Unknown(why) => {
            next.tell(
                now,
                &format!("it can't be told yet whether the write happened: {why}"),
            );
            Step {
                status: next,
                effects: Vec::new(),
                wake: at(now, LOOK_FOR_WRITE),
            }
        }
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
