//! The live API's part of the evidence, read in as few sequential round trips as there are dependencies: the workload, then its
//! revisions and pods, then what its failing pods say.

use super::{events, logs, owners, pods, revisions};
use crate::domain::evidence::{EventFact, LogTail};
use crate::domain::object;
use crate::domain::observed::Observed;
use crate::domain::owners::Owners;
use crate::domain::workload::{
    Container, ContainerState, MODE_ANNOTATION, Pod, Revisions, Workload, WorkloadKind, WorkloadRef,
};
use crate::platform::kube::Cluster;
use serde_json::Value;

/// A workload with its revisions and pods, of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// The workload.
    pub workload: Observed<Workload>,
    /// Who else has a say in its template.
    pub owners: Observed<Owners>,
    /// Its revisions.
    pub revisions: Observed<Revisions>,
    /// Its pods.
    pub pods: Observed<Vec<Pod>>,
}

impl Live {
    fn unavailable(workload: Observed<Workload>, owners: Observed<Owners>, why: &str) -> Self {
        Self {
            workload,
            owners,
            revisions: Observed::Unavailable(why.to_owned()),
            pods: Observed::Unavailable(why.to_owned()),
        }
    }
}

/// Reads a workload, its revisions and its pods.
pub async fn read(cluster: &Cluster, reference: &WorkloadRef) -> Live {
    let object = object(cluster, reference).await;
    let workload = workload_of(reference, &object);
    let owners = match &object {
        Observed::Known(object) => owners::of(object),
        Observed::Absent => Observed::Absent,
        Observed::Unavailable(why) => Observed::Unavailable(why.clone()),
    };
    let Observed::Known(found) = &workload else {
        return Live::unavailable(workload, owners, "the workload could not be read");
    };
    let selector = match revisions::selector(found) {
        Ok(selector) => selector,
        Err(error) => return Live::unavailable(workload, owners, &error.to_string()),
    };
    let (revisions, pod_list) = tokio::join!(
        revisions_of(cluster, found, &selector),
        cluster.pods(&reference.namespace, &selector),
    );
    let pods = match (&revisions, pod_list) {
        (Observed::Known(revisions), Ok(pod_list)) => {
            let pods = match reference.kind {
                WorkloadKind::Deployment => pods::of_revisions(revisions, &pod_list),
                WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
                    pods::of_controller(found, &pod_list)
                }
            };
            match pods {
                Ok(pods) => Observed::Known(pods),
                Err(error) => Observed::Unavailable(error.to_string()),
            }
        }
        (Observed::Absent | Observed::Unavailable(_), Ok(_)) => {
            Observed::Unavailable("the revisions could not be read".to_owned())
        }
        (_, Err(error)) => Observed::Unavailable(error.to_string()),
    };
    Live {
        workload,
        owners,
        revisions,
        pods,
    }
}

/// A Deployment's revisions are its ReplicaSets; those of the other kinds are ControllerRevisions.
async fn revisions_of(
    cluster: &Cluster,
    workload: &Workload,
    selector: &str,
) -> Observed<Revisions> {
    let WorkloadRef {
        kind, namespace, ..
    } = &workload.reference;
    let revisions = match kind {
        WorkloadKind::Deployment => cluster
            .replica_sets(namespace, selector)
            .await
            .map(|objects| revisions::of_deployment(workload, &objects)),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => cluster
            .controller_revisions(namespace, selector)
            .await
            .map(|objects| revisions::of_controller(workload, &objects)),
    };
    match revisions {
        Ok(Ok(revisions)) => Observed::Known(revisions),
        Ok(Err(error)) => Observed::Unavailable(error.to_string()),
        Err(error) => Observed::Unavailable(error.to_string()),
    }
}

/// Reads a workload alone.
pub async fn workload(cluster: &Cluster, reference: &WorkloadRef) -> Observed<Workload> {
    workload_of(reference, &object(cluster, reference).await)
}

async fn object(cluster: &Cluster, reference: &WorkloadRef) -> Observed<Value> {
    match cluster.workload(reference).await {
        Ok(Some(found)) => Observed::Known(found),
        Ok(None) => Observed::Absent,
        Err(error) => Observed::Unavailable(error.to_string()),
    }
}

fn workload_of(reference: &WorkloadRef, object: &Observed<Value>) -> Observed<Workload> {
    match object {
        Observed::Known(found) => match object::workload(reference, found) {
            Ok(workload) => Observed::Known(workload),
            Err(error) => Observed::Unavailable(error.to_string()),
        },
        Observed::Absent => Observed::Absent,
        Observed::Unavailable(why) => Observed::Unavailable(why.clone()),
    }
}

/// Reads the mode annotation of a namespace.
pub async fn namespace_mode(cluster: &Cluster, namespace: &str) -> Observed<String> {
    match cluster.namespace(namespace).await {
        Ok(Some(object)) => object
            .pointer("/metadata/annotations")
            .and_then(|annotations| annotations.get(MODE_ANNOTATION))
            .and_then(Value::as_str)
            .map_or(Observed::Absent, |mode| Observed::Known(mode.to_owned())),
        Ok(None) => Observed::Unavailable("the namespace is gone".to_owned()),
        Err(error) => Observed::Unavailable(error.to_string()),
    }
}

/// A diagnosis needs a few examples, not every pod of a large workload: what fails in three pods fails in the others too.
const PODS_ASKED: usize = 3;

/// The pods to ask about: those with a crash first, for only Events tell the kubelet's kill from the program's own end; of those the newest.
fn troubled(pods: &[Pod]) -> Vec<&Pod> {
    let has_crashed = |pod: &Pod| pod.containers.iter().any(crashed);
    let mut troubled: Vec<&Pod> = pods
        .iter()
        .rev()
        .filter(|pod| !pod.deleting && (pod.ready_since.is_none() || has_crashed(pod)))
        .collect();
    troubled.sort_by_key(|pod| !has_crashed(pod));
    troubled.truncate(PODS_ASKED);
    troubled
}

/// Reads the Events and the logs of the newest pods that look troubled.
pub async fn voices(
    cluster: &Cluster,
    namespace: &str,
    pods: &Observed<Vec<Pod>>,
) -> (Observed<Vec<EventFact>>, Vec<LogTail>) {
    let pods = match pods {
        Observed::Known(pods) => pods,
        Observed::Absent => return (Observed::Absent, Vec::new()),
        Observed::Unavailable(why) => return (Observed::Unavailable(why.clone()), Vec::new()),
    };
    let troubled = troubled(pods);
    let about = futures::future::join_all(
        troubled
            .iter()
            .map(|pod| cluster.events_about(namespace, pod.uid.as_str())),
    );
    let crashes = troubled.iter().flat_map(|pod| {
        let crashed = pod.containers.iter().filter(|container| crashed(container));
        crashed.map(|container| logs::tail(cluster, namespace, pod, &container.name))
    });
    let (about, logs) = tokio::join!(about, futures::future::join_all(crashes));
    let about: Result<Vec<Vec<Value>>, _> = about.into_iter().collect();
    let events = match about {
        Ok(objects) => Observed::Known(events::sorted(&objects.concat())),
        Err(error) => Observed::Unavailable(error.to_string()),
    };
    (events, logs)
}

/// Whether a container has ended at least once: only then is there a log of a crash. A completed init container has not crashed.
fn crashed(container: &Container) -> bool {
    container.last.is_some()
        || matches!(&container.state, ContainerState::Terminated(end) if end.exit_code != 0 || !container.init)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::{RevisionName, Uid};
    use crate::domain::workload::Termination;
    use jiff::Timestamp;

    fn pod(name: &str, restarts: i64) -> Pod {
        let ended = Termination {
            reason: "Error".to_owned(),
            exit_code: 1,
            started: None,
            finished: None,
            message: String::new(),
        };
        Pod {
            name: name.to_owned(),
            uid: Uid::new(name),
            revision: RevisionName::new("r"),
            node: None,
            created: Timestamp::UNIX_EPOCH,
            deleting: false,
            ready_since: None,
            unschedulable: None,
            containers: vec![Container {
                name: "web".to_owned(),
                init: false,
                image: String::new(),
                image_id: String::new(),
                restarts,
                state: ContainerState::Running { since: None },
                last: (restarts > 0).then_some(ended),
            }],
        }
    }

    #[test]
    fn pods_that_are_only_starting_do_not_take_the_place_of_one_that_crashed() {
        let pods = [
            pod("oldest", 0),
            pod("crashed", 4),
            pod("starting-1", 0),
            pod("starting-2", 0),
            pod("starting-3", 0),
        ];
        let names: Vec<&str> = troubled(&pods)
            .iter()
            .map(|pod| pod.name.as_str())
            .collect();
        assert_eq!(names, ["crashed", "starting-3", "starting-2"]);
    }
}
