//! The end of an incident: once, with a reason, and with what a person can still do.

use super::{Effect, Step, Wake};
use crate::domain::incident::{Ending, IncidentStatus, Phase};
use crate::domain::text::truncate;
use crate::domain::time::whole_seconds;
use crate::notify::events::Announcement;
use crate::record::crd::Incident;
use jiff::Timestamp;

pub(super) fn close(
    mut next: IncidentStatus,
    ending: Ending,
    reason: &str,
    what: &str,
    now: Timestamp,
) -> Step {
    let mut effects = Vec::new();
    next.set_phase(Phase::Closed);
    next.outcome = ending.as_str().to_owned();
    next.reason = reason.to_owned();
    next.message = truncate(what, 1024);
    next.closed_at = Some(whole_seconds(now));
    next.holder = None;
    next.next_check = None;
    next.tell(
        now,
        &format!("closed ({ending}): {what}", ending = ending.as_str()),
    );
    let recovered = matches!(ending, Ending::Recovered | Ending::RecoveredAlone);
    next.set_condition(
        "Recovered",
        if recovered { "True" } else { "False" },
        reason,
        what,
        now,
    );
    next.set_condition("Closed", "True", ending.as_str(), what, now);
    if let Some(applied) = next.applied.last_mut()
        && applied.result == "Verifying"
    {
        applied.result = match ending {
            Ending::Recovered => "Recovered",
            Ending::Superseded | Ending::Gone => "Superseded",
            _ => "Unknown",
        }
        .to_owned();
    }
    match ending {
        Ending::Recovered => effects.push(announce(Announcement::RemediationSucceeded, what)),
        Ending::Escalated => effects.push(announce(Announcement::RemediationFailed, what)),
        _ => {}
    }
    effects.push(Effect::CountEnding(ending));
    Step {
        status: next,
        effects,
        wake: Wake::Never,
    }
}

fn announce(what: Announcement, note: &str) -> Effect {
    Effect::Announce {
        what,
        note: note.to_owned(),
    }
}

/// The ready command that takes the last write back; `None` where nothing was written. For a person: Ripcord itself never goes back to a
/// revision that failed.
pub(super) fn take_back(incident: &Incident, next: &IncidentStatus) -> Option<String> {
    let inverse = &next.applied.last()?.inverse;
    let namespace = incident.metadata.namespace.as_deref().unwrap_or_default();
    let workload = format!(
        "{}/{}",
        incident.spec.workload.kind.to_lowercase(),
        incident.spec.workload.name
    );
    Some(format!(
        "to take Ripcord's write back: kubectl -n {namespace} rollout undo {workload} --to-revision={}",
        inverse.number
    ))
}
