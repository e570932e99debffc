//! What happened, to the log, the metrics and the Events. Telling never fails an incident: what can't be told is logged.

use super::board::Standing;
use super::context::Context;
use super::gather::{status, workload_of};
use crate::domain::incident::{Ending, IncidentStatus, Phase};
use crate::domain::policy::Mode;
use crate::domain::time::since;
use crate::domain::verdict::Verdict;
use crate::notify::events::{Announcement, Subject, announce as announce_event};
use crate::record::crd::Incident;
use crate::record::store::{StoreError, name_of};
use crate::telemetry::events::{ActionApplied, DecisionMade, IncidentClosed, PhaseChanged};
use crate::telemetry::labels::Stage;

/// An incident was saved in a new state.
pub(super) fn moved(context: &Context, before: &IncidentStatus, saved: &Incident) {
    let after = status(saved);
    let (Some(from), Some(to)) = (Phase::parse(&before.phase), Phase::parse(&after.phase)) else {
        return;
    };
    let Some(workload) = workload_of(saved) else {
        return;
    };
    let incident = name_of(saved);
    if let Some(standing) = Standing::of(&after) {
        context.board.set(saved, standing, &context.metrics);
    }
    if from != to {
        if to == Phase::Acting && after.applied.is_empty() {
            let took = since(saved.spec.alert.received_at, context.clock.now());
            context.metrics.observe_stage(Stage::Decide, took);
        }
        let reason = &after.reason;
        PhaseChanged {
            incident: &incident,
            workload: &workload,
            from,
            to,
            reason,
        }
        .emit(&context.metrics);
    }
    if let Some(applied) = after.applied.last()
        && before.applied.len() < after.applied.len()
    {
        let (remedy, action_id, target) = (&applied.remedy, &applied.action_id, &applied.target);
        ActionApplied {
            incident: &incident,
            workload: &workload,
            remedy,
            action_id,
            target,
        }
        .emit(&context.metrics);
    }
}

/// A decision that differs from the one before.
pub(super) fn decided(
    context: &Context,
    incident: &Incident,
    policy: &str,
    mode: Mode,
    verdict: &Verdict,
) {
    if let Some(workload) = workload_of(incident) {
        let policy = (!policy.is_empty()).then_some(policy);
        DecisionMade {
            incident: &name_of(incident),
            workload: &workload,
            policy,
            mode,
            verdict,
        }
        .emit(&context.metrics);
    }
}

/// An incident is over.
pub(super) fn ended(context: &Context, incident: &Incident, ending: Ending) {
    let status = status(incident);
    // What a closed incident knows depends on what is there now: another revision, another configuration. Only the record can tell.
    context.ledger.forget(&name_of(incident));
    if let Some(workload) = workload_of(incident) {
        let now = context.clock.now();
        if let (Ending::Recovered, Some(applied)) = (ending, status.applied.last()) {
            let took = since(applied.applied_at, now);
            context.metrics.observe_stage(Stage::Verify, took);
        }
        let since_first_write = status
            .applied
            .first()
            .and_then(|applied| std::time::Duration::try_from(since(applied.applied_at, now)).ok());
        IncidentClosed {
            incident: &name_of(incident),
            workload: &workload,
            remedy: (!status.action.is_empty()).then_some(status.action.as_str()),
            ending,
            mode: Mode::parse(&status.mode).unwrap_or(context.config().mode),
            message: &status.message,
            since_first_write,
        }
        .emit(&context.metrics);
    }
}

/// Tells people through Events.
pub(super) async fn announce(
    context: &Context,
    incident: &Incident,
    what: Announcement,
    note: &str,
) {
    let Some(workload) = workload_of(incident) else {
        return;
    };
    let name = name_of(incident);
    let subject = Subject {
        workload,
        workload_uid: incident.spec.workload.uid.as_str().to_owned(),
        incident: name.as_str().to_owned(),
        incident_uid: incident.metadata.uid.clone().unwrap_or_default(),
    };
    let step = status(incident).applied.len();
    if let Err(error) = announce_event(
        &context.cluster,
        &subject,
        what,
        step,
        note,
        context.clock.now(),
    )
    .await
    {
        tracing::warn!(incident = %name, error = %error, "an Event could not be told");
    }
}

/// An incident could not be read or written; it is tried again.
pub(super) fn record_failed(namespace: &str, name: &str, error: &StoreError) {
    let cause = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    tracing::warn!(namespace, incident = name, %error, cause, "the record could not be reached or kept");
}
