//! The watch over a write that stands.

use super::context::Context;
use super::gather::{self, status};
use super::step::{Input, Written};
use crate::action::{self, Recognised};
use crate::config::Config;
use crate::domain::diagnosis::Entry;
use crate::domain::identity::TemplateHash;
use crate::domain::incident::{IncidentStatus, VerificationRecord};
use crate::domain::observed::Observed;
use crate::domain::policy::VerifySpec;
use crate::domain::time::since;
use crate::domain::workload::{Pod, WorkloadRef};
use crate::evidence::live::{self, Live};
#[cfg(feature = "planted-bugs")]
use crate::planted::{self, Bug};
use crate::record::crd::Incident;
use crate::verify::{self, Judgement, LastQuestions, Look};
use jiff::Timestamp;

/// How recovery is verified by a policy; the defaults where a reload has taken the policy away.
pub(super) fn verify_spec(config: &Config, policy: &str) -> VerifySpec {
    let found = config.policies.iter().find(|found| found.name == policy);
    found.map(|found| found.verify.clone()).unwrap_or_default()
}

/// Looks once and judges: what the incident is told, and the incident as it is told so, with what this look remembers.
pub(super) async fn watch(
    context: &Context,
    config: &Config,
    incident: Incident,
    reference: &WorkloadRef,
    looked_before: Option<Timestamp>,
) -> (Incident, Input) {
    let status = status(&incident);
    let (Some(plan), Some(record)) = (&status.plan, &status.verification) else {
        let why = "the record has no plan or verification";
        return (incident, Input::Written(Written::Changed(why.to_owned())));
    };
    let read_at = context.clock.now();
    let live = live::read(&context.cluster, reference).await;
    let looked = gather::light_from(context, config, &incident, &live);
    let made = status
        .applied
        .last()
        .and_then(|applied| applied.revision.as_ref());
    let applied = match (&live.workload, &live.revisions) {
        (Observed::Absent, _) => return (incident, Input::Gone),
        (Observed::Known(workload), _) if workload.uid != incident.spec.workload.uid => {
            return (incident, Input::Gone);
        }
        (Observed::Known(workload), Observed::Known(revisions)) => {
            match action::recognise(workload, revisions, plan, made) {
                Some(Recognised::Ours(applied)) => Some(applied),
                #[cfg(feature = "planted-bugs")]
                Some(_) if planted::is(Bug::OvertakenUnnoticed) => {
                    Some(Box::new(action::Applied::unproven(workload)))
                }
                Some(Recognised::NotWritten | Recognised::Superseded) => {
                    return (incident, Input::Overtaken);
                }
                None => None,
            }
        }
        // Not readable now: judged as unseen, so that the time-out goes on counting and the watch ends some day.
        _ => None,
    };
    let target: Option<TemplateHash> = looked.newest.as_ref().map(|newest| newest.hash.clone());
    let mut look = Look {
        now: context.clock.now(),
        read_at,
        looked_before,
        applied: applied.as_deref(),
        revisions: &live.revisions,
        pods: &live.pods,
        target_failing: looked.diagnosis.entries.first().map(failing),
        last_questions: None,
    };
    let (mut record_after, mut judgement) = verify::judge(record, &look);
    let answers: LastQuestions;
    if judgement == Judgement::AskLast {
        answers = ask_last(context, config, &status, reference, &live, record).await;
        look.now = context.clock.now();
        look.last_questions = Some(&answers);
        (record_after, judgement) = verify::judge(record, &look);
    }
    let mut next = incident;
    if let Some(status) = &mut next.status {
        status.memory = looked.memory;
        status.decided_on = looked.decided_on;
    }
    let judged = Input::Judged {
        record: record_after,
        judgement,
        revision: target,
    };
    (next, judged)
}

/// What fails, by the live pods: the sentence of a whole diagnosis would lean on sources that this look does not ask.
fn failing(entry: &Entry) -> String {
    let fact = entry.facts.first().map_or("", String::as_str);
    format!("{} ({}): {fact}", entry.container, entry.cause)
}

async fn ask_last(
    context: &Context,
    config: &Config,
    status: &IncidentStatus,
    reference: &WorkloadRef,
    live: &Live,
    record: &VerificationRecord,
) -> LastQuestions {
    let now = context.clock.now();
    let newest = live
        .revisions
        .known()
        .and_then(|revisions| revisions.newest.as_ref());
    let pods: Vec<&Pod> = live
        .pods
        .known()
        .into_iter()
        .flatten()
        .filter(|pod| !pod.deleting && newest.is_some_and(|newest| newest.name == pod.revision))
        .collect();
    let whole_for = since(record.whole_since.unwrap_or(now), now);
    let spec = verify_spec(config, &status.policy);
    let port = context.prometheus(config);
    verify::watch::ask_last(
        &*port,
        &reference.namespace,
        &pods,
        whole_for,
        spec.http
            .as_ref()
            .map(|http| (context.probe.as_ref(), http)),
        &context.metrics,
    )
    .await
}
