//! Reading and writing Incidents. Every change of a status is a compare-and-swap on the resource version.

use super::crd::{Incident, IncidentSpec};
use super::name;
use crate::domain::evidence::PastIncident;
use crate::domain::identity::{IncidentName, TemplateHash, Uid};
use crate::domain::incident::Phase;
use crate::platform::kube::{ApiError, Cluster};
use serde_json::Value;

/// The label by which a workload's incidents are found.
pub const WORKLOAD_LABEL: &str = "ripcord.dev/workload-uid";

/// Why a record could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody wrote it meanwhile: read it again.
    #[error("incident {name} was changed by somebody else meanwhile")]
    Conflict {
        /// Which one.
        name: String,
    },
    /// The API server would drop or refuse part of it: the CRD is older than this binary. Nothing may be done on such a record.
    #[error("incident {name} can't be recorded whole")]
    NotDurable {
        /// Which one.
        name: String,
        /// What the API server said.
        #[source]
        source: ApiError,
    },
    /// It was recorded by a newer version in a way that this one does not understand.
    #[error("incident {name} can't be understood by this version")]
    NotUnderstood {
        /// Which one.
        name: String,
    },
    /// The API server did not answer or refused.
    #[error("incidents can't be reached")]
    Api(#[from] ApiError),
}

/// What became of opening an incident.
#[derive(Clone, Debug, PartialEq)]
pub enum Opened {
    /// It is new.
    Created(Box<Incident>),
    /// There is one of that name: another delivery or process was first.
    Existed(Box<Incident>),
}

/// The incidents of one cluster.
#[derive(Clone)]
pub struct Store {
    cluster: Cluster,
}

impl Store {
    /// A store on a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// All incidents of a namespace that this version understands; one that it does not is logged and left alone, for it must not stand
    /// before the others.
    ///
    /// # Errors
    /// When they can't be reached.
    pub async fn in_namespace(&self, namespace: &str) -> Result<Vec<Incident>, StoreError> {
        let objects = self.cluster.incidents(namespace, "").await?;
        let understood = objects
            .into_iter()
            .filter_map(|object| match parse_item(object) {
                Ok(incident) => Some(incident),
                Err(error) => {
                    tracing::warn!(namespace, %error, "an incident is left alone");
                    None
                }
            });
        Ok(understood.collect())
    }

    /// All incidents of one workload, newest first.
    ///
    /// # Errors
    /// When they can't be reached or understood.
    pub async fn of_workload(
        &self,
        namespace: &str,
        uid: &Uid,
    ) -> Result<Vec<Incident>, StoreError> {
        let selector = format!("{WORKLOAD_LABEL}={uid}");
        let objects = self.cluster.incidents(namespace, &selector).await?;
        // One that can't be understood may hold a write: nothing may be decided without it.
        let incidents: Result<Vec<Incident>, StoreError> =
            objects.into_iter().map(parse_item).collect();
        let mut incidents = incidents?;
        // The label only finds; the spec decides.
        incidents.retain(|incident| &incident.spec.workload.uid == uid);
        incidents.sort_by_key(|incident| std::cmp::Reverse(incident.spec.alert.received_at));
        Ok(incidents)
    }

    /// One incident; `None` where there is none.
    ///
    /// # Errors
    /// When it can't be reached or understood.
    pub async fn get(&self, namespace: &str, name: &str) -> Result<Option<Incident>, StoreError> {
        match self.cluster.incident(namespace, name).await? {
            Some(object) => Ok(Some(parse(object)?)),
            None => Ok(None),
        }
    }

    /// Opens an incident under the name that follows from what it is about.
    ///
    /// # Errors
    /// When it can't be recorded.
    pub async fn open(
        &self,
        namespace: &str,
        spec: IncidentSpec,
        closed_before: usize,
    ) -> Result<Opened, StoreError> {
        let name = name::incident(
            &spec.workload.name,
            &spec.workload.uid,
            &spec.revision.hash,
            closed_before,
        );
        let uid = spec.workload.uid.clone();
        let mut incident = Incident::new(name.as_str(), spec);
        incident.metadata.namespace = Some(namespace.to_owned());
        incident.metadata.labels =
            Some([(WORKLOAD_LABEL.to_owned(), uid.as_str().to_owned())].into());
        let body = body(&incident)?;
        match self.cluster.create_incident(namespace, &body).await {
            Ok(object) => Ok(Opened::Created(Box::new(parse(object)?))),
            Err(error) if error.is_already_exists() => {
                let existing = self.get(namespace, name.as_str()).await?;
                let existing = existing.filter(|existing| existing.spec.workload.uid == uid);
                existing
                    .map(|existing| Opened::Existed(Box::new(existing)))
                    .ok_or(StoreError::Conflict {
                        name: name.to_string(),
                    })
            }
            Err(error) => Err(refused(name.as_str(), error)),
        }
    }

    /// Replaces an incident's status, if nobody wrote since it was read. Returns it as stored.
    ///
    /// # Errors
    /// `Conflict` when somebody did; `NotDurable` when the API server would not keep all of it.
    pub async fn save(&self, incident: &Incident) -> Result<Incident, StoreError> {
        let name = incident.metadata.name.clone().unwrap_or_default();
        let namespace = incident.metadata.namespace.clone().unwrap_or_default();
        let mut bounded = incident.clone();
        if let Some(status) = &mut bounded.status {
            status.bound();
        }
        let body = body(&bounded)?;
        match self
            .cluster
            .replace_incident_status(&namespace, &name, &body)
            .await
        {
            Ok(object) => parse(object),
            Err(error) => Err(refused(&name, error)),
        }
    }
}

fn refused(name: &str, error: ApiError) -> StoreError {
    let name = name.to_owned();
    if error.is_conflict() {
        StoreError::Conflict { name }
    } else if error.is_rejected() || error.is_not_found() {
        StoreError::NotDurable {
            name,
            source: error,
        }
    } else {
        StoreError::Api(error)
    }
}

fn body(incident: &Incident) -> Result<Value, StoreError> {
    serde_json::to_value(incident).map_err(|_| StoreError::NotUnderstood {
        name: incident.metadata.name.clone().unwrap_or_default(),
    })
}

fn parse_item(mut object: Value) -> Result<Incident, StoreError> {
    // Items of a list come without their own apiVersion and kind.
    if let Some(fields) = object.as_object_mut() {
        fields
            .entry("apiVersion")
            .or_insert_with(|| "ripcord.dev/v1alpha1".into());
        fields.entry("kind").or_insert_with(|| "Incident".into());
    }
    parse(object)
}

fn parse(object: Value) -> Result<Incident, StoreError> {
    let name = object
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let incident: Incident = serde_json::from_value(object)
        .map_err(|_| StoreError::NotUnderstood { name: name.clone() })?;
    match phase(&incident) {
        Some(_) => Ok(incident),
        None => Err(StoreError::NotUnderstood { name }),
    }
}

/// Where an incident stands; `None` for a phase that this version does not know.
pub fn phase(incident: &Incident) -> Option<Phase> {
    Phase::parse(
        incident
            .status
            .as_ref()
            .map_or("", |status| status.phase.as_str()),
    )
}

/// Whether an incident is over.
pub fn is_closed(incident: &Incident) -> bool {
    phase(incident) == Some(Phase::Closed)
}

/// An incident's name.
pub fn name_of(incident: &Incident) -> IncidentName {
    IncidentName::new(incident.metadata.name.clone().unwrap_or_default())
}

/// What decisions need to know of an incident of the same workload.
pub fn past(incident: &Incident) -> PastIncident {
    let status = incident.status.clone().unwrap_or_default();
    let failed: Vec<TemplateHash> = status.failed_revisions;
    PastIncident {
        name: name_of(incident).as_str().to_owned(),
        closed_at: status.closed_at,
        outcome: status.outcome,
        failed,
        revision: incident.spec.revision.hash.clone(),
        acted_at: status
            .applied
            .iter()
            .map(|applied| applied.applied_at)
            .collect(),
    }
}
