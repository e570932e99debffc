//! What the daemon would find and decide about a workload now, for a person who asks: the same stages on an incident that is never stored.

use super::board::Standing;
use super::context::Context;
use super::gather::{self, Full, mark};
use super::step::step;
use crate::config::Config;
use crate::diagnosis::symptoms::{self, PULL_READINGS_APART};
use crate::domain::alert::AlertRecord;
use crate::domain::case::Case;
use crate::domain::evidence::{EventFact, Memory, PastIncident};
use crate::domain::identity::Fingerprint;
use crate::domain::incident::Phase;
use crate::domain::observed::Observed;
use crate::domain::policy::Mode;
use crate::domain::verdict::Verdict;
use crate::domain::workload::{Pod, Revision, Workload, WorkloadIdentity, WorkloadRef};
use crate::evidence::live;
use crate::record::crd::{Incident, IncidentSpec};
use crate::record::store::{self, StoreError};
use jiff::Timestamp;

/// What was found, and what would be done.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The incident as the daemon would record it; or the open one that there is, as it would go on.
    pub incident: Incident,
    /// Everything that it stands on.
    pub case: Case,
    /// The verdict.
    pub verdict: Verdict,
    /// How far the daemon may go; an explanation itself never writes.
    pub mode: Mode,
}

/// Why there is nothing to explain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexplained {
    /// There is no such workload.
    #[error("there is no such workload")]
    Gone,
    /// It can't be read.
    #[error("the workload can't be read: {0}")]
    Unreadable(String),
    /// Its controller has made no revision yet.
    #[error("the workload has no revision yet")]
    NoRevision,
}

/// Looks at a workload as if an alert about it had come long enough ago.
///
/// # Errors
/// See [`Unexplained`].
pub async fn explain(context: &Context, reference: &WorkloadRef) -> Result<Explained, Unexplained> {
    let config = as_if_alerted(&context.config());
    let read = live::read(&context.cluster, reference).await;
    let workload = match read.workload {
        Observed::Known(workload) => workload,
        Observed::Absent => return Err(Unexplained::Gone),
        Observed::Unavailable(why) => return Err(Unexplained::Unreadable(why)),
    };
    let newest = match read.revisions {
        Observed::Known(revisions) => revisions.newest.ok_or(Unexplained::NoRevision)?,
        Observed::Absent => return Err(Unexplained::NoRevision),
        Observed::Unavailable(why) => return Err(Unexplained::Unreadable(why)),
    };
    let now = context.clock.now();
    let incidents = context
        .store
        .of_workload(&reference.namespace, &workload.uid)
        .await;
    let incident = if let Some(open) = open_one(&incidents, &newest) {
        open
    } else {
        let mut fresh = imagined(&config, reference, &workload, &newest, now);
        let (events, _) = live::voices(&context.cluster, &reference.namespace, &read.pods).await;
        let memory = seen_before(read.pods.known(), &events, now);
        fresh.status.get_or_insert_default().memory = memory;
        fresh
    };
    list_open(context, &config).await;
    let past = past(&incidents, &incident);
    let full = gather::full_with(context, &config, &incident, reference, async { past }).await;
    Ok(explained(context, &config, incident, full, now))
}

/// Nobody else fills the board here. A namespace that can't be read leaves it as it is: not counted.
async fn list_open(context: &Context, config: &Config) {
    let mut all = Vec::new();
    for namespace in &config.namespaces {
        match context.store.in_namespace(namespace).await {
            Ok(incidents) => all.extend(incidents),
            Err(StoreError::Api(error)) if error.is_not_found() => {}
            Err(_) => return,
        }
    }
    let all = all.iter().filter_map(|incident| {
        let standing = Standing::of(&gather::status(incident))?;
        Some((incident, standing))
    });
    context.board.replace(all, &context.metrics);
}

/// The open incident about the newest revision, unless it has written already: then another one is expected than it began with.
fn open_one(incidents: &Result<Vec<Incident>, StoreError>, newest: &Revision) -> Option<Incident> {
    let open = incidents.as_ref().ok()?.iter().find(|incident| {
        let acts = [Phase::Acting, Phase::Verifying, Phase::Closed];
        let phase = store::phase(incident);
        phase.is_some_and(|phase| !acts.contains(&phase))
            && incident.spec.revision.hash == newest.hash
    });
    open.cloned()
}

/// What the workload's own record says. A cluster without the Incident resource has none for certain; a record that can't be read is unknown.
fn past(
    incidents: &Result<Vec<Incident>, StoreError>,
    this: &Incident,
) -> Observed<Vec<PastIncident>> {
    match incidents {
        Ok(incidents) => {
            let others = incidents
                .iter()
                .filter(|other| other.metadata.name != this.metadata.name);
            Observed::Known(others.map(store::past).collect())
        }
        Err(StoreError::Api(error)) if error.is_not_found() => Observed::Known(Vec::new()),
        Err(error) => Observed::Unavailable(error.to_string()),
    }
}

fn explained(
    context: &Context,
    config: &Config,
    mut incident: Incident,
    full: Full,
    now: Timestamp,
) -> Explained {
    let (case, verdict) = (full.case.clone(), full.verdict.clone());
    let taken = step(&incident, full.input(&incident, config), now);
    let mut status = taken.status;
    if incident.spec.alert.name.is_empty() {
        // Nothing has happened: nobody has alerted.
        status.alerts.clear();
        status.timeline.clear();
    }
    incident.status = Some(status);
    Explained {
        incident,
        case,
        verdict,
        mode: context.config().mode,
    }
}

/// The configuration without what only an alert can answer, and without a write: every policy counts, whichever alerts it waits for.
fn as_if_alerted(config: &Config) -> Config {
    let mut config = config.clone();
    config.mode = config.mode.min(Mode::DryRun);
    for policy in &mut config.policies {
        policy.matches.alerts = None;
    }
    config
}

/// An incident whose alert came so long ago that no time is missing.
fn imagined(
    config: &Config,
    reference: &WorkloadRef,
    workload: &Workload,
    newest: &Revision,
    now: Timestamp,
) -> Incident {
    let long_ago = now.checked_sub(config.limits.dwell).unwrap_or(now);
    let spec = IncidentSpec {
        workload: WorkloadIdentity {
            kind: reference.kind.as_str().to_owned(),
            name: reference.name.clone(),
            uid: workload.uid.clone(),
        },
        revision: mark(newest),
        installation: config.installation.clone(),
        alert: AlertRecord {
            name: String::new(),
            fingerprint: Fingerprint::new(""),
            starts_at: long_ago,
            received_at: long_ago,
            resolved: false,
        },
    };
    let mut incident = Incident::new(&reference.name, spec);
    incident.metadata.namespace = Some(reference.namespace.clone());
    incident
}

/// What an earlier look would have seen: of the pods that the kubelet has called failed before, by its Events. A pull that fails is proven by two
/// readings.
fn seen_before(
    pods: Option<&Vec<Pod>>,
    events: &Observed<Vec<EventFact>>,
    now: Timestamp,
) -> Memory {
    let Some(earlier) = now.checked_sub(PULL_READINGS_APART).ok() else {
        return Memory::default();
    };
    let told = |pod: &&Pod| {
        let of_it = events.known().into_iter().flatten();
        of_it
            .filter(|event| event.regarding == pod.uid && event.reason == "Failed")
            .any(|event| event.count > 1 || event.last_seen <= earlier)
    };
    let pods: Vec<Pod> = pods.into_iter().flatten().filter(told).cloned().collect();
    symptoms::remember(&Memory::default(), &pods, events, earlier)
}
