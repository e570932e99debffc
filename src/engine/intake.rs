//! A delivery of alerts to incidents: recorded or counted, each alert, before the answer is sent.

use super::aggregate::Waiting;
use super::board::Standing;
use super::context::Context;
use super::gather::{mark, status};
use super::known::known_to_closed;
use super::ledger::Known;
use super::resolve::{Resolved, resolve};
use crate::config::Config;
use crate::domain::alert::{AlertKey, AlertRecord, AlertSeen, AlertStatus, Hint, UNKNOWN_NAME};
use crate::domain::incident::Phase;
use crate::domain::observed::Observed;
use crate::domain::time::since;
use crate::domain::workload::{Revision, Workload, WorkloadIdentity};
use crate::evidence::live;
use crate::intake::ports::{Delivery, Receipt, Receiver, Unavailable};
use crate::planted::{self, Bug};
use crate::record::crd::{Incident, IncidentSpec};
use crate::record::name::incident as incident_name;
use crate::record::store::{self, Opened, StoreError, is_closed, name_of};
use crate::telemetry::events::{AlertSkipped, IncidentOpened};
use crate::telemetry::labels::{SkipReason, Stage};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Another writer between our reading and our writing is rare, and five in a row mean something else is wrong.
const TRIES: usize = 5;
/// The controller makes a new template's ReplicaSet within milliseconds; alerts come seconds later.
const CONTROLLER_LAG: Duration = Duration::from_millis(300);

/// A look that is due this soon needs no news: the second reading of a failed pull is made after this time too.
const SOON: SignedDuration = SignedDuration::from_secs(10);

/// What Ripcord stands on: without these it would be blind, and an alert about them is for a person. They are known by the recommended label,
/// which their charts and manifests set.
const FOUNDATIONS: [&str; 5] = [
    "alertmanager",
    "kube-state-metrics",
    "prometheus",
    "prometheus-operator",
    "ripcord",
];

fn is_foundation(workload: &Workload) -> bool {
    let name = workload.labels.get("app.kubernetes.io/name");
    name.is_some_and(|name| FOUNDATIONS.contains(&name.as_str()))
}

/// What became of one alert.
enum Fate {
    Recorded,
    Skipped(SkipReason),
}

/// Takes deliveries for the engine.
#[derive(Clone)]
pub struct Intake {
    context: Context,
}

impl Intake {
    /// An intake for a context.
    pub fn new(context: Context) -> Self {
        Self { context }
    }
}

impl Receiver for Intake {
    async fn receive(&self, delivery: Delivery) -> Result<Receipt, Unavailable> {
        if let Some(why) = self.context.health.not_durable() {
            return Err(Unavailable(why));
        }
        let config = self.context.config();
        let mut receipt = Receipt::default();
        // One alert that can't be recorded must not stand before the others, in this delivery and in each repetition of it.
        let mut unavailable = self.all_resolved(&config, &delivery).await.err();
        let mut waiting = Waiting::default();
        for alert in &delivery.alerts {
            match self.one(&config, alert, &mut waiting).await {
                Err(_) if planted::is(Bug::AnsweredBeforeRecorded) => receipt.recorded += 1,
                Err(why) => unavailable = unavailable.or(Some(why)),
                Ok(Fate::Recorded) => receipt.recorded += 1,
                Ok(Fate::Skipped(reason)) => {
                    receipt.skipped += 1;
                    AlertSkipped {
                        reason,
                        count: 1,
                        alert: &alert.name,
                        detail: "",
                    }
                    .emit(&self.context.metrics);
                }
            }
        }
        if delivery.truncated > 0 {
            let asked = self.truncated(&config, &delivery, &mut waiting).await;
            unavailable = unavailable.or(asked.err());
        }
        unavailable.map_or(Ok(receipt), Err)
    }
}

impl Intake {
    async fn one(
        &self,
        config: &Config,
        alert: &AlertSeen,
        waiting: &mut Waiting,
    ) -> Result<Fate, Unavailable> {
        let Some(namespace) = &alert.namespace else {
            return Ok(Fate::Skipped(SkipReason::NoNamespace));
        };
        if self.context.own_namespace.as_ref() == Some(namespace) {
            return Ok(Fate::Skipped(SkipReason::OwnNamespace));
        }
        if !config.namespaces.contains(namespace) && !planted::is(Bug::EmptyMeansAll) {
            return Ok(Fate::Skipped(SkipReason::OutOfScope));
        }
        if alert.status == AlertStatus::Resolved && !planted::is(Bug::ActOnResolved) {
            // Noted already, before anything else.
            return Ok(Fate::Skipped(SkipReason::Resolved));
        }
        match self.context.ledger.get(&alert.key) {
            // An aggregate may be about workloads that did not fail, or could not be recorded, when it was first seen.
            Some(Known::Recorded(_)) if alert.hint != Hint::Namespace => {
                return Ok(Fate::Skipped(SkipReason::AlreadyKnown));
            }
            Some(Known::Resolved) if !planted::is(Bug::ActOnResolved) => {
                return Ok(Fate::Skipped(SkipReason::Resolved));
            }
            Some(Known::Recorded(_) | Known::Resolved) | None => {}
        }
        match &alert.hint {
            Hint::Namespace => self.aggregate(config, namespace, alert, waiting).await,
            hint @ (Hint::Workload { .. } | Hint::Pod { .. }) => {
                let fate = self.follow(config, namespace, hint, alert).await?;
                Ok(fate)
            }
        }
    }

    /// An alert that names no workload: Prometheus says which containers wait in its namespace, and each of their workloads is looked at.
    async fn aggregate(
        &self,
        config: &Config,
        namespace: &str,
        alert: &AlertSeen,
        waiting: &mut Waiting,
    ) -> Result<Fate, Unavailable> {
        let found = waiting.in_namespace(&self.context, config, namespace).await;
        let mut fate = Fate::Skipped(found.skipped.unwrap_or(SkipReason::NoWorkload));
        let mut unavailable = found.unavailable;
        for workload in &found.workloads {
            match self.look_at(config, workload, alert).await {
                Ok(Fate::Recorded) => fate = Fate::Recorded,
                Ok(skipped) if matches!(fate, Fate::Skipped(_)) => fate = skipped,
                Ok(Fate::Skipped(_)) => {}
                Err(why) => unavailable = unavailable.or(Some(why)),
            }
        }
        unavailable.map_or(Ok(fate), Err)
    }

    /// A group that was cut: the namespaces of the alerts that are there are asked for the others. What is found has an alert of the group, but which one
    /// is known only where all have one name.
    async fn truncated(
        &self,
        config: &Config,
        delivery: &Delivery,
        waiting: &mut Waiting,
    ) -> Result<(), Unavailable> {
        let mut asked = BTreeSet::new();
        let mut unavailable = None;
        let name = delivery.group_name.as_deref().unwrap_or(UNKNOWN_NAME);
        for alert in delivery
            .alerts
            .iter()
            .filter(|alert| alert.status == AlertStatus::Firing)
        {
            if let Some(namespace) = &alert.namespace
                && config.namespaces.contains(namespace)
                && self.context.own_namespace.as_ref() != Some(namespace)
                && asked.insert(namespace)
            {
                let cut_off = AlertSeen {
                    name: name.to_owned(),
                    ..alert.clone()
                };
                let answer = self.aggregate(config, namespace, &cut_off, waiting).await;
                unavailable = unavailable.or(answer.err());
            }
        }
        unavailable.map_or(Ok(()), Err)
    }

    async fn follow(
        &self,
        config: &Config,
        namespace: &str,
        hint: &Hint,
        alert: &AlertSeen,
    ) -> Result<Fate, Unavailable> {
        let workload = match resolve(&self.context.cluster, namespace, hint).await? {
            Resolved::Workload(workload) => workload,
            Resolved::Nowhere(reason) => return Ok(Fate::Skipped(reason)),
        };
        self.look_at(config, &workload, alert).await
    }

    async fn look_at(
        &self,
        config: &Config,
        workload: &Workload,
        alert: &AlertSeen,
    ) -> Result<Fate, Unavailable> {
        if is_foundation(workload) {
            return Ok(Fate::Skipped(SkipReason::OwnNamespace));
        }
        let reference = &workload.reference;
        let fits = config.policies.iter().any(|policy| {
            let names = std::iter::once(alert.name.as_str());
            policy
                .matches
                .fits(reference.kind, &reference.namespace, &reference.name, names)
        });
        if !fits {
            return Ok(Fate::Skipped(SkipReason::NoPolicy));
        }
        self.record(config, workload, alert)
            .await
            .map_err(|error| Unavailable(error.to_string()))
    }

    /// Joins the open incident of the workload, or opens one.
    async fn record(
        &self,
        config: &Config,
        workload: &Workload,
        alert: &AlertSeen,
    ) -> Result<Fate, StoreError> {
        let namespace = &workload.reference.namespace;
        let record = AlertRecord {
            name: alert.name.clone(),
            fingerprint: alert.key.fingerprint.clone(),
            starts_at: alert.key.starts_at,
            received_at: self.context.clock.now(),
            resolved: false,
        };
        // A closed one that the listing does not show (somebody took its label off) has its name all the same.
        let mut unlisted = 0;
        for _ in 0..TRIES {
            let incidents = self
                .context
                .store
                .of_workload(namespace, &workload.uid)
                .await?;
            if let Some(open) = incidents.iter().find(|incident| !is_closed(incident)) {
                match self.join(open, &record).await {
                    Err(StoreError::Conflict { .. }) => continue,
                    joined => return joined,
                }
            }
            let newest = match self.newest(workload).await {
                Newest::Is(newest) => newest,
                Newest::NeverMade => return Ok(Fate::Skipped(SkipReason::NoRevision)),
                Newest::Unknown => break,
            };
            let namespace_mode = if incidents.is_empty() {
                Observed::Absent
            } else {
                live::namespace_mode(&self.context.cluster, namespace).await
            };
            if let Some(reason) = known_to_closed(
                &incidents,
                workload,
                &newest,
                &namespace_mode,
                config,
                &alert.key,
            ) {
                return Ok(Fate::Skipped(reason));
            }
            if let Some(fate) = self
                .open(config, workload, &newest, (&incidents, unlisted), &record)
                .await?
            {
                return Ok(fate);
            }
            unlisted += 1;
        }
        Err(StoreError::Conflict {
            name: workload.reference.to_string(),
        })
    }

    async fn join(&self, open: &Incident, record: &AlertRecord) -> Result<Fate, StoreError> {
        let name = name_of(open);
        let known = open.spec.alert.key() == record.key();
        let mut next = status(open);
        if next.alerts.is_empty() {
            next.join(open.spec.alert.clone());
        }
        // Policies match by an alert's name: what has one that is known here changes no decision.
        let another_name = next.alerts.iter().all(|alert| alert.name != record.name);
        if known || !next.join(record.clone()) {
            self.context.ledger.put(record.key(), Known::Recorded(name));
            return Ok(Fate::Skipped(SkipReason::AlreadyKnown));
        }
        let held = store::phase(open) == Some(Phase::Held);
        if held && another_name {
            // It may bring another policy, so that a hold is decided again.
            next.decided_on.clear();
        }
        let looked_at_late = next
            .next_check
            .is_some_and(|at| since(record.received_at, at) > SOON);
        next.tell(record.received_at, &format!("alert {} joined", record.name));
        let mut changed = open.clone();
        changed.status = Some(next);
        self.context.store.save(&changed).await?;
        self.context.ledger.put(record.key(), Known::Recorded(name));
        // Else a look is due anyway: ten alerts about one workload are no reason for ten.
        if another_name && held || looked_at_late {
            self.context.news(open);
        }
        Ok(Fate::Recorded)
    }

    /// Opens an incident; `None` where there is a closed one of that name.
    async fn open(
        &self,
        config: &Config,
        workload: &Workload,
        newest: &Revision,
        (incidents, unlisted): (&[Incident], usize),
        record: &AlertRecord,
    ) -> Result<Option<Fate>, StoreError> {
        let reference = &workload.reference;
        let closed_before = unlisted + closed_before(incidents, workload, newest);
        let spec = IncidentSpec {
            workload: WorkloadIdentity {
                kind: reference.kind.as_str().to_owned(),
                name: reference.name.clone(),
                uid: workload.uid.clone(),
            },
            revision: mark(newest),
            installation: config.installation.clone(),
            alert: record.clone(),
        };
        match self
            .context
            .store
            .open(&reference.namespace, spec, closed_before)
            .await?
        {
            Opened::Created(incident) => {
                let name = name_of(&incident);
                IncidentOpened {
                    incident: &name,
                    workload: reference,
                    alert: &record.name,
                }
                .emit(&self.context.metrics);
                let took = since(record.starts_at, record.received_at);
                self.context.metrics.observe_stage(Stage::Notice, took);
                self.context.ledger.put(record.key(), Known::Recorded(name));
                // Before its driver has looked at it: of workloads that fail together each must see the others.
                if let Some(standing) = Standing::of(&status(&incident)) {
                    let metrics = &self.context.metrics;
                    self.context.board.set(&incident, standing, metrics);
                }
                self.context.news(&incident);
                Ok(Some(Fate::Recorded))
            }
            Opened::Existed(incident) if is_closed(&incident) => Ok(None),
            Opened::Existed(incident) => match self.join(&incident, record).await {
                Err(StoreError::Conflict { .. }) => Ok(None),
                joined => joined.map(Some),
            },
        }
    }

    async fn newest(&self, workload: &Workload) -> Newest {
        for _ in 0..TRIES {
            let live = live::read(&self.context.cluster, &workload.reference).await;
            if let (Observed::Known(workload), Observed::Known(revisions)) =
                (live.workload, live.revisions)
            {
                match revisions.newest {
                    Some(newest) => return Newest::Is(newest),
                    // Asking Alertmanager to come again would be asking without end.
                    None if workload.paused() => return Newest::NeverMade,
                    None => {}
                }
            }
            tokio::time::sleep(CONTROLLER_LAG).await;
        }
        Newest::Unknown
    }

    /// Notes every resolved alert of a delivery: one listing a namespace, however many there are.
    async fn all_resolved(&self, config: &Config, delivery: &Delivery) -> Result<(), Unavailable> {
        let mut keys: BTreeMap<&String, BTreeSet<&AlertKey>> = BTreeMap::new();
        for alert in &delivery.alerts {
            if let Some(namespace) = &alert.namespace
                && alert.status == AlertStatus::Resolved
                && config.namespaces.contains(namespace)
                && self.context.own_namespace.as_ref() != Some(namespace)
                && self.context.ledger.get(&alert.key) != Some(Known::Resolved)
            {
                keys.entry(namespace).or_default().insert(&alert.key);
            }
        }
        let mut unavailable = None;
        for (namespace, keys) in keys {
            let noted = self.resolved(namespace, &keys).await;
            unavailable = unavailable.or(noted.err());
        }
        unavailable.map_or(Ok(()), Err)
    }

    /// Notes on open incidents that some of their alerts have resolved. Not proof of recovery: the live pods decide.
    async fn resolved(
        &self,
        namespace: &str,
        keys: &BTreeSet<&AlertKey>,
    ) -> Result<(), Unavailable> {
        for _ in 0..TRIES {
            let incidents = self.context.store.in_namespace(namespace).await;
            let incidents = incidents.map_err(|error| Unavailable(error.to_string()))?;
            let open = incidents.iter().filter(|incident| !is_closed(incident));
            let mut lost_a_race = false;
            for incident in open {
                let mut next = status(incident);
                if next.alerts.is_empty() {
                    next.join(incident.spec.alert.clone());
                }
                let mut told = Vec::new();
                for alert in &mut next.alerts {
                    if !alert.resolved && keys.contains(&alert.key()) {
                        alert.resolved = true;
                        told.push(format!("alert {} resolved", alert.name));
                    }
                }
                if told.is_empty() {
                    continue;
                }
                for row in told {
                    next.tell(self.context.clock.now(), &row);
                }
                let mut changed = incident.clone();
                changed.status = Some(next);
                match self.context.store.save(&changed).await {
                    Ok(_) => self.context.news(incident),
                    Err(StoreError::Conflict { .. }) => lost_a_race = true,
                    Err(error) => return Err(Unavailable(error.to_string())),
                }
            }
            if !lost_a_race {
                for key in keys {
                    self.context.ledger.put((*key).clone(), Known::Resolved);
                }
                return Ok(());
            }
        }
        Err(Unavailable(
            "an incident changed faster than it could be updated".to_owned(),
        ))
    }
}

/// The newest revision, as far as it can be told.
enum Newest {
    Is(Revision),
    /// The rollout is paused, so that the controller makes none.
    NeverMade,
    Unknown,
}

/// The first number whose name is free, beginning with how many closed incidents the pair has: somebody may have deleted some of them, and
/// then the count alone would name one that exists, for ever.
fn closed_before(incidents: &[Incident], workload: &Workload, newest: &Revision) -> usize {
    let of_pair = |incident: &&Incident| incident.spec.revision.hash == newest.hash;
    let count = incidents.iter().filter(of_pair).count();
    let taken: BTreeSet<_> = incidents.iter().map(name_of).collect();
    let free = |number: &usize| {
        let name = &workload.reference.name;
        !taken.contains(&incident_name(name, &workload.uid, &newest.hash, *number))
    };
    // At most as many names are taken as there are incidents.
    (count..=count + incidents.len())
        .find(free)
        .unwrap_or(count)
}
