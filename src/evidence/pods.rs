//! Pods, as the kubelet reports them.

use crate::domain::identity::{RevisionName, Uid};
use crate::domain::object::{Incomplete, controller, controller_uid};
use crate::domain::text;
use crate::domain::workload::{
    Container, ContainerState, Pod, REVISION_HASH_LABEL, Revisions, Termination, Workload,
    WorkloadKind, WorkloadRef,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as api;
use serde_json::Value;

/// A kubelet's message is seldom longer; the pull error with two image references in it is 300 bytes.
const MESSAGE_BYTES: usize = 1024;

/// The pods of a workload's revisions, oldest first. A pod that another controller owns is not the workload's.
///
/// # Errors
/// When a pod of its can't be read: unknown is not healthy.
pub fn of_revisions(revisions: &Revisions, pods: &[Value]) -> Result<Vec<Pod>, Incomplete> {
    let mut found = Vec::new();
    for object in pods {
        let owner = controller(object)
            .and_then(|owner| owner.get("uid"))
            .and_then(Value::as_str);
        let revision = revisions
            .all()
            .find(|revision| Some(revision.uid.as_str()) == owner);
        if let Some(revision) = revision {
            found.push(pod(object, &revision.name)?);
        }
    }
    by_age(&mut found);
    Ok(found)
}

/// The pods of a StatefulSet or a DaemonSet, oldest first: it controls them itself, and their label names the revision.
///
/// # Errors
/// When a pod of its can't be read, or does not say its revision.
pub fn of_controller(workload: &Workload, pods: &[Value]) -> Result<Vec<Pod>, Incomplete> {
    let mut found = Vec::new();
    for object in pods {
        if controller_uid(object) == Some(workload.uid.as_str()) {
            found.push(pod(object, &named_by_label(workload, object)?)?);
        }
    }
    by_age(&mut found);
    Ok(found)
}

/// A StatefulSet's pods have the revision's whole name in it, a DaemonSet's its hash alone (Kubernetes `pkg/controller/statefulset`,
/// `setPodRevision`; `pkg/controller/daemon/update.go`).
fn named_by_label(workload: &Workload, pod: &Value) -> Result<RevisionName, Incomplete> {
    let value = pod
        .pointer("/metadata/labels")
        .and_then(|labels| labels.get(REVISION_HASH_LABEL))
        .and_then(Value::as_str)
        .filter(|value| !value.is_empty())
        .ok_or(Incomplete {
            kind: "Pod",
            field: REVISION_HASH_LABEL,
        })?;
    let WorkloadRef { kind, name, .. } = &workload.reference;
    Ok(match kind {
        WorkloadKind::DaemonSet => RevisionName::new(format!("{name}-{value}")),
        WorkloadKind::StatefulSet | WorkloadKind::Deployment => RevisionName::new(value),
    })
}

fn by_age(pods: &mut [Pod]) {
    pods.sort_by(|left, right| (left.created, &left.name).cmp(&(right.created, &right.name)));
}

fn pod(object: &Value, revision: &RevisionName) -> Result<Pod, Incomplete> {
    let missing = |field| Incomplete { kind: "Pod", field };
    let typed: api::Pod = serde_json::from_value(object.clone()).map_err(|_| missing("shape"))?;
    let spec = typed.spec.unwrap_or_default();
    let status = typed.status.unwrap_or_default();
    let condition = |kind: &str| {
        status
            .conditions
            .iter()
            .flatten()
            .find(|condition| condition.type_ == kind)
    };
    // Kubernetes `pkg/controller/controller_utils.go`, IsPodActive: a ReplicaSet does not count these.
    let has_ended = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
    let ready_since = condition("Ready")
        .filter(|ready| ready.status == "True")
        .and_then(|ready| ready.last_transition_time.as_ref())
        .map(|time| time.0);
    let unschedulable = condition("PodScheduled")
        .filter(|scheduled| scheduled.status == "False")
        .map(|scheduled| safe(scheduled.message.as_deref().unwrap_or_default()));
    let containers = containers(
        spec.init_containers.as_deref().unwrap_or_default(),
        status.init_container_statuses.as_deref(),
        true,
    )
    .chain(containers(
        &spec.containers,
        status.container_statuses.as_deref(),
        false,
    ))
    .collect();
    Ok(Pod {
        name: typed.metadata.name.ok_or(missing("name"))?,
        uid: Uid::new(typed.metadata.uid.ok_or(missing("uid"))?),
        revision: revision.clone(),
        node: spec.node_name,
        created: typed
            .metadata
            .creation_timestamp
            .ok_or(missing("creationTimestamp"))?
            .0,
        deleting: typed.metadata.deletion_timestamp.is_some() || has_ended,
        ready_since,
        unschedulable,
        containers,
    })
}

fn containers<'a>(
    wanted: &'a [api::Container],
    statuses: Option<&'a [api::ContainerStatus]>,
    init: bool,
) -> impl Iterator<Item = Container> + 'a {
    wanted.iter().map(move |container| {
        let status = statuses
            .into_iter()
            .flatten()
            .find(|status| status.name == container.name);
        Container {
            name: container.name.clone(),
            init,
            image: container.image.clone().unwrap_or_default(),
            image_id: status
                .map(|status| status.image_id.clone())
                .unwrap_or_default(),
            restarts: status.map_or(0, |status| i64::from(status.restart_count)),
            state: state(status.and_then(|status| status.state.as_ref())),
            last: status
                .and_then(|status| status.last_state.as_ref())
                .and_then(|last| last.terminated.as_ref())
                .map(termination),
        }
    })
}

fn state(state: Option<&api::ContainerState>) -> ContainerState {
    let Some(state) = state else {
        return ContainerState::Unknown;
    };
    if let Some(waiting) = &state.waiting {
        ContainerState::Waiting {
            reason: safe(waiting.reason.as_deref().unwrap_or_default()),
            message: safe(waiting.message.as_deref().unwrap_or_default()),
        }
    } else if let Some(running) = &state.running {
        ContainerState::Running {
            since: running.started_at.as_ref().map(|time| time.0),
        }
    } else if let Some(terminated) = &state.terminated {
        ContainerState::Terminated(termination(terminated))
    } else {
        ContainerState::Unknown
    }
}

fn termination(terminated: &api::ContainerStateTerminated) -> Termination {
    Termination {
        reason: safe(terminated.reason.as_deref().unwrap_or_default()),
        exit_code: i64::from(terminated.exit_code),
        // A container that never started has no start, or the epoch (semantics page, section 3).
        started: terminated
            .started_at
            .as_ref()
            .map(|time| time.0)
            .filter(|started| *started > Timestamp::UNIX_EPOCH),
        finished: terminated.finished_at.as_ref().map(|time| time.0),
        message: safe(terminated.message.as_deref().unwrap_or_default()),
    }
}

fn safe(message: &str) -> String {
    text::safe(message, MESSAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::TemplateHash;
    use crate::domain::workload::Revision;
    use serde_json::json;

    fn fixture(name: &str) -> Value {
        let path = format!(
            "{}/tests/fixtures/faults/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let whole: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        whole["pod"].clone()
    }

    fn revisions(owner: &str) -> Revisions {
        let revision = Revision {
            name: RevisionName::new("r"),
            uid: Uid::new(owner),
            hash: TemplateHash::new("h"),
            number: 1,
            created: Timestamp::UNIX_EPOCH,
            replicas_wanted: 1,
            template: json!({}),
            change_cause: None,
        };
        Revisions {
            newest: Some(revision),
            older: Vec::new(),
        }
    }

    fn read(name: &str) -> Pod {
        let object = fixture(name);
        let owner = object["metadata"]["ownerReferences"][0]["uid"]
            .as_str()
            .unwrap()
            .to_owned();
        of_revisions(&revisions(&owner), &[object])
            .unwrap()
            .remove(0)
    }

    #[test]
    fn another_owners_pod_is_not_ours() {
        assert_eq!(
            of_revisions(&revisions("someone else"), &[fixture("bad-args")]).unwrap(),
            []
        );
    }

    #[test]
    fn a_pod_that_cannot_be_read_is_an_error_and_not_an_empty_list() {
        let mut object = fixture("bad-args");
        object["status"]["containerStatuses"] = json!("?");
        let owner = object["metadata"]["ownerReferences"][0]["uid"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(of_revisions(&revisions(&owner), &[object]).is_err());
    }

    #[test]
    fn a_crash_loop_keeps_its_last_termination() {
        let pod = read("bad-args");
        let container = &pod.containers[0];
        assert_eq!(container.restarts, 4);
        assert_eq!(container.newest_termination().unwrap().exit_code, 127);
        assert!(
            matches!(&container.state, ContainerState::Waiting { reason, .. } if reason == "CrashLoopBackOff")
        );
        assert_eq!(pod.ready_since, None);
    }

    #[test]
    fn the_pull_error_is_kept_word_for_word() {
        let pod = read("image-not-found");
        let ContainerState::Waiting { message, .. } = &pod.containers[0].state else {
            panic!()
        };
        assert!(
            message.contains("lab30-web-metrics:does-not-exist: not found"),
            "{message}"
        );
    }

    #[test]
    fn a_program_that_never_started_has_no_start() {
        let pod = read("no-entrypoint");
        assert_eq!(
            pod.containers[0].newest_termination().unwrap().started,
            None
        );
    }
}
