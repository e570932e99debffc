//! From an incident to its case: evidence, diagnosis, proposal, verdict. The stages in order, and nothing else.

use super::board;
use super::context::Context;
use super::step::{Decided, Input, Looked};
use crate::action;
use crate::config::Config;
use crate::decision;
use crate::diagnosis;
use crate::domain::case::{Case, IncidentFacts, OpenIncident, PolicyChoice, StepTaken};
use crate::domain::diagnosis::Diagnosis;
use crate::domain::evidence::{Evidence, Memory, Metrics, PastIncident};
use crate::domain::incident::IncidentStatus;
use crate::domain::observed::Observed;
use crate::domain::owners::Owners;
use crate::domain::plan::{Plan, Refusal, Rehearsal, RevisionMark};
use crate::domain::policy::Mode;
use crate::domain::surroundings::Surroundings;
use crate::domain::verdict::Verdict;
use crate::domain::workload::{
    ACTION_ANNOTATION, REVISION_ANNOTATION, Workload, WorkloadKind, WorkloadRef,
};
use crate::evidence::live::{self, Live};
use crate::evidence::{history, prometheus, surroundings};
use crate::planted::{self, Bug};
use crate::platform::prometheus::Range;
use crate::record::crd::Incident;
use crate::record::store;
use crate::remedy;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Everything that a full look found.
pub(super) struct Full {
    pub(super) case: Case,
    pub(super) proposal: Result<Plan, Refusal>,
    pub(super) rehearsal: Option<Rehearsal>,
    pub(super) verdict: Verdict,
    pub(super) mode: Mode,
}

/// Which workload an incident is about; `None` for a kind that this version does not know.
pub(super) fn workload_of(incident: &Incident) -> Option<WorkloadRef> {
    Some(WorkloadRef {
        kind: WorkloadKind::parse(&incident.spec.workload.kind)?,
        namespace: incident.metadata.namespace.clone()?,
        name: incident.spec.workload.name.clone(),
    })
}

/// Whether a reading says that the incident's workload is gone: there is none, or another one has its name. Unread is not gone.
pub(super) fn is_gone(incident: &Incident, workload: &Observed<Workload>) -> bool {
    match workload {
        Observed::Absent => true,
        Observed::Known(workload) => workload.uid != incident.spec.workload.uid,
        Observed::Unavailable(_) => false,
    }
}

/// Asks every source, diagnoses, proposes, and lets the guards decide; where only the rehearsal is missing, rehearses and decides again.
pub(super) async fn full(
    context: &Context,
    config: &Config,
    incident: &Incident,
    reference: &WorkloadRef,
) -> Full {
    let past = past(context, incident, &reference.namespace);
    full_with(context, config, incident, reference, past).await
}

/// The same with what the workload's record says already at hand, or on its way.
pub(super) async fn full_with(
    context: &Context,
    config: &Config,
    incident: &Incident,
    reference: &WorkloadRef,
    past: impl Future<Output = Observed<Vec<PastIncident>>>,
) -> Full {
    // By far the largest of the futures, and it would be a part of every one up to the driver's.
    let evidence = Box::pin(evidence(context, config, incident, reference, past)).await;
    let case = case(context, config, incident, reference, evidence);
    let proposal = remedy::propose(&case);
    let mut verdict = decision::decide(&case, proposal.as_ref(), None);
    let mut rehearsal = None;
    if let (Ok(plan), Some(workload)) = (&proposal, case.workload())
        && decision::only_rehearsal_missing(&verdict)
    {
        let outcome = action::rehearse(&context.cluster, plan, workload).await;
        verdict = decision::decide(&case, proposal.as_ref(), Some(&outcome));
        rehearsal = Some(outcome);
    }
    let mode = decision::effective_mode(&case).unwrap_or(Mode::Off);
    Full {
        case,
        proposal,
        rehearsal,
        verdict,
        mode,
    }
}

/// Asks the live API alone: whether it still fails, and is still the same.
pub(super) async fn light(
    context: &Context,
    config: &Config,
    incident: &Incident,
    reference: &WorkloadRef,
) -> (Live, Looked) {
    let (live, namespace_mode) = tokio::join!(
        live::read(&context.cluster, reference),
        live::namespace_mode(&context.cluster, &reference.namespace),
    );
    let mut looked = light_from(context, config, incident, &live);
    looked.namespace_mode = namespace_mode;
    (live, looked)
}

/// The same from a reading that is already there.
pub(super) fn light_from(
    context: &Context,
    config: &Config,
    incident: &Incident,
    live: &Live,
) -> Looked {
    let mut evidence = of_pods_alone(live.clone(), status(incident).memory, context.clock.now());
    remember(&mut evidence);
    let diagnosis = diagnosis::diagnose(&evidence, &config.limits);
    let live_causes = causes(&diagnosis);
    looked(config, &evidence, diagnosis, live_causes, None)
}

/// What the live API says, and nobody else was asked.
fn of_pods_alone(live: Live, memory: Memory, gathered_at: Timestamp) -> Evidence {
    let unasked = || "not asked in this look".to_owned();
    Evidence {
        gathered_at,
        workload: live.workload,
        owners: live.owners,
        revisions: live.revisions,
        pods: live.pods,
        events: Observed::Unavailable(unasked()),
        logs: Vec::new(),
        metrics: Metrics {
            waiting: Observed::Unavailable(unasked()),
            restarts: Observed::Unavailable(unasked()),
            terminations: Observed::Unavailable(unasked()),
            replicas: Observed::Unavailable(unasked()),
        },
        history: Observed::Unavailable(unasked()),
        rolled_out_at: Observed::Unavailable(unasked()),
        past: Observed::Unavailable(unasked()),
        namespace_mode: Observed::Unavailable(unasked()),
        around: Surroundings::unavailable(&unasked()),
        memory,
    }
}

/// What the live pods alone show: two looks are compared by it, whoever else was asked in them.
fn live_causes(evidence: &Evidence, config: &Config) -> BTreeSet<String> {
    let live = Live {
        workload: evidence.workload.clone(),
        owners: evidence.owners.clone(),
        revisions: evidence.revisions.clone(),
        pods: evidence.pods.clone(),
    };
    let alone = of_pods_alone(live, evidence.memory.clone(), evidence.gathered_at);
    causes(&diagnosis::diagnose(&alone, &config.limits))
}

fn causes(diagnosis: &Diagnosis) -> BTreeSet<String> {
    let entries = diagnosis.entries.iter();
    entries
        .map(|entry| format!("{}: {}", entry.container, entry.cause))
        .collect()
}

impl Full {
    /// The reading of the live API that it was made of.
    pub(super) fn live(&self) -> Live {
        let evidence = &self.case.evidence;
        Live {
            workload: evidence.workload.clone(),
            owners: evidence.owners.clone(),
            revisions: evidence.revisions.clone(),
            pods: evidence.pods.clone(),
        }
    }

    /// The input that it is to the state machine.
    pub(super) fn input(self, incident: &Incident, config: &Config) -> Input {
        if is_gone(incident, &self.case.evidence.workload) {
            Input::Gone
        } else {
            Input::Looked(Box::new(self.looked(config)))
        }
    }

    /// What the state machine is told of it.
    fn looked(self, config: &Config) -> Looked {
        let facts = diagnosis::facts(&self.case.evidence, &self.case.diagnosis);
        let next_steps = decision::next_steps(&self.case, self.proposal.as_ref(), &self.verdict);
        let decided = Decided {
            facts,
            owners: Owners::sentences(&self.case.evidence.owners),
            next_steps,
            verdict: self.verdict,
            plan: self.proposal.ok().map(Box::new),
            rehearsal: self.rehearsal,
            policy: match &self.case.policy {
                PolicyChoice::Chosen(policy) => policy.name.clone(),
                PolicyChoice::CauseNotCovered(_) | PolicyChoice::NoMatch => String::new(),
            },
            mode: self.mode,
        };
        looked(
            config,
            &self.case.evidence,
            self.case.diagnosis.clone(),
            live_causes(&self.case.evidence, config),
            Some(decided),
        )
    }
}

fn looked(
    config: &Config,
    evidence: &Evidence,
    diagnosis: Diagnosis,
    live_causes: BTreeSet<String>,
    decided: Option<Decided>,
) -> Looked {
    let newest = evidence
        .revisions
        .known()
        .and_then(|revisions| revisions.newest.as_ref());
    Looked {
        newest: newest.map(mark),
        diagnosis,
        complete: newest.is_some() && evidence.pods.known().is_some(),
        memory: evidence.memory.clone(),
        decided,
        decided_on: evidence
            .workload
            .known()
            .map(|workload| decided_on(workload, &config.digest))
            .unwrap_or_default(),
        namespace_mode: evidence.namespace_mode.clone(),
        live_causes,
        quiet_since: None,
    }
}

/// A revision's mark.
pub(super) fn mark(revision: &crate::domain::workload::Revision) -> RevisionMark {
    RevisionMark {
        name: revision.name.clone(),
        hash: revision.hash.clone(),
        number: revision.number,
    }
}

/// Whether the namespace's mode is another one than that of the last verdict. What can't be read now has not moved.
pub(super) fn namespace_moved(decided: &IncidentStatus, mode: &Observed<String>) -> bool {
    match mode {
        Observed::Known(mode) => *mode != decided.decided_namespace_mode,
        Observed::Absent => !decided.decided_namespace_mode.is_empty(),
        Observed::Unavailable(_) => false,
    }
}

/// A digest of everything that makes a hold worth deciding again: the workload's owners, spec, labels and annotations (not what controllers
/// and Ripcord itself write there) and the configuration.
pub(super) fn decided_on(workload: &Workload, configuration: &str) -> String {
    let machine_made = [
        REVISION_ANNOTATION,
        ACTION_ANNOTATION,
        "kubernetes.io/change-cause",
    ];
    let annotations: Vec<_> = workload
        .annotations
        .iter()
        .flatten()
        .filter(|(key, _)| !machine_made.contains(&key.as_str()))
        .collect();
    let mut spec = workload.spec.clone();
    if let Some(fields) = spec.as_object_mut() {
        // Scaling (an autoscaler does it all the time) changes nothing that a hold stands on.
        fields.remove("replicas");
    }
    let owners = &workload.owner_references;
    let text =
        serde_json::json!([spec, workload.labels, annotations, owners, configuration]).to_string();
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

async fn evidence(
    context: &Context,
    config: &Config,
    incident: &Incident,
    reference: &WorkloadRef,
    past: impl Future<Output = Observed<Vec<PastIncident>>>,
) -> Evidence {
    let namespace = &reference.namespace;
    let gathered_at = context.clock.now();
    let (live, namespace_mode, past) = tokio::join!(
        live::read(&context.cluster, reference),
        live::namespace_mode(&context.cluster, namespace),
        past,
    );
    let Live {
        workload,
        owners,
        revisions,
        pods,
    } = live;
    let port = context.prometheus(config);
    let named: Vec<_> = pods
        .known()
        .into_iter()
        .flatten()
        .map(|pod| (pod.name.clone(), pod.uid.clone()))
        .collect();
    let in_scope: Vec<String> = config.namespaces.iter().cloned().collect();
    let settings = &config.prometheus;
    let range = Range {
        from: gathered_at
            .checked_sub(settings.lookback)
            .unwrap_or(Timestamp::UNIX_EPOCH),
        to: gathered_at,
        step: settings.step,
    };
    let (voices, metrics, around, (history, rolled_out_at)) = tokio::join!(
        live::voices(&context.cluster, namespace, &pods),
        prometheus::gather(&*port, reference, &named),
        surroundings::gather(&*port, namespace, &revisions, &pods, &in_scope, range),
        async {
            match &revisions {
                Observed::Known(revisions) => {
                    history::gather(
                        &*port,
                        reference,
                        revisions,
                        gathered_at,
                        settings.lookback,
                        settings.step,
                    )
                    .await
                }
                Observed::Absent | Observed::Unavailable(_) => {
                    let why = "the revisions could not be read".to_owned();
                    (
                        Observed::Unavailable(why.clone()),
                        Observed::Unavailable(why),
                    )
                }
            }
        },
    );
    let (events, logs) = voices;
    let mut evidence = Evidence {
        gathered_at,
        workload,
        owners,
        revisions,
        pods,
        events,
        logs,
        metrics,
        history,
        rolled_out_at,
        past,
        namespace_mode,
        around,
        memory: status(incident).memory,
    };
    remember(&mut evidence);
    evidence
}

fn remember(evidence: &mut Evidence) {
    if let Observed::Known(pods) = &evidence.pods {
        evidence.memory = diagnosis::symptoms::remember(
            &evidence.memory,
            pods,
            &evidence.events,
            evidence.gathered_at,
        );
    }
}

async fn past(
    context: &Context,
    incident: &Incident,
    namespace: &str,
) -> Observed<Vec<PastIncident>> {
    match context
        .store
        .of_workload(namespace, &incident.spec.workload.uid)
        .await
    {
        Ok(incidents) => Observed::Known(
            incidents
                .iter()
                .filter(|other| other.metadata.name != incident.metadata.name)
                .map(store::past)
                .collect(),
        ),
        Err(_) if planted::is(Bug::UnreadablePastIsEmpty) => Observed::Known(Vec::new()),
        Err(error) => Observed::Unavailable(error.to_string()),
    }
}

fn case(
    context: &Context,
    config: &Config,
    incident: &Incident,
    reference: &WorkloadRef,
    evidence: Evidence,
) -> Case {
    let status = status(incident);
    let diagnosis = diagnosis::diagnose(&evidence, &config.limits);
    let mut alert_names: Vec<String> = status
        .alerts
        .iter()
        .map(|alert| alert.name.clone())
        .collect();
    alert_names.push(incident.spec.alert.name.clone());
    alert_names.sort();
    alert_names.dedup();
    let policy = decision::choose_policy(&config.policies, reference, &alert_names, &diagnosis);
    let now = context.clock.now();
    Case {
        now,
        workload: reference.clone(),
        incident: IncidentFacts {
            name: store::name_of(incident),
            opened_at: opened_at(incident, now),
            alert_names,
            failed: status.failed_revisions.clone(),
            steps: steps(&status),
        },
        evidence,
        diagnosis,
        policy,
        limits: config.limits.clone(),
        mode: config.mode,
        scope: config.namespaces.clone(),
        open: open(context, incident),
    }
}

/// All open incidents, this one among them: one that is only imagined is on no list.
fn open(context: &Context, incident: &Incident) -> Observed<Vec<OpenIncident>> {
    context.board.open().map(|mut open| {
        let own = board::about(incident);
        if !open.iter().any(|other| other.workload == own.workload) {
            open.push(own);
        }
        open
    })
}

/// When its alert arrived. The clock of the process that took it may have been hours ahead of ours: then the API server's word counts.
fn opened_at(incident: &Incident, now: Timestamp) -> Timestamp {
    let received_at = incident.spec.alert.received_at;
    if received_at <= now {
        return received_at;
    }
    let created = incident.metadata.creation_timestamp.as_ref();
    created.map_or(now, |created| created.0.min(now))
}

fn steps(status: &IncidentStatus) -> Vec<StepTaken> {
    status
        .applied
        .iter()
        .map(|applied| StepTaken {
            action_id: applied.action_id.clone(),
            remedy_index: usize::try_from(applied.remedy_index).unwrap_or(usize::MAX),
            revision: applied.revision.clone(),
            applied_at: applied.applied_at,
            failed: applied.result == "Failed",
        })
        .collect()
}

/// An incident's status; empty for one that was only just created.
pub(super) fn status(incident: &Incident) -> IncidentStatus {
    incident.status.clone().unwrap_or_default()
}
