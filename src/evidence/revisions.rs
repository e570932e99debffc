//! A workload's revisions, from the API server's raw JSON.

use crate::domain::identity::{RevisionName, TemplateHash, Uid};
use crate::domain::object::{Incomplete, controller_uid, text};
use crate::domain::workload::{
    REVISION_ANNOTATION, Revision, Revisions, TEMPLATE_HASH_LABEL, Workload,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;
use serde_json::Value;

/// The label selector of a workload, as a query parameter.
///
/// # Errors
/// When it has none, or one that can't be read: an empty selector would fit every object.
pub fn selector(workload: &Workload) -> Result<String, Incomplete> {
    let unusable = Incomplete {
        kind: "workload",
        field: "selector",
    };
    let selector = workload
        .spec
        .get("selector")
        .cloned()
        .ok_or_else(|| unusable.clone())?;
    let selector: LabelSelector = serde_json::from_value(selector).map_err(|_| unusable.clone())?;
    let selector = Selector::try_from(selector)
        .map_err(|_| unusable.clone())?
        .to_string();
    if selector.is_empty() {
        Err(unusable)
    } else {
        Ok(selector)
    }
}

/// The revisions of a Deployment from the ReplicaSets that its selector fits: only those that it controls count.
///
/// # Errors
/// When a ReplicaSet of its lacks what every stored one has.
pub fn of_deployment(workload: &Workload, replica_sets: &[Value]) -> Result<Revisions, Incomplete> {
    let revisions: Result<Vec<Revision>, Incomplete> = replica_sets
        .iter()
        .filter(|replica_set| controller_uid(replica_set) == Some(workload.uid.as_str()))
        .map(revision)
        .collect();
    Ok(Revisions::sort(revisions?, workload.template()))
}

/// The revisions of a StatefulSet or a DaemonSet from the ControllerRevisions that its selector fits: only those that it controls count.
///
/// # Errors
/// When a ControllerRevision of its lacks what every stored one has.
pub fn of_controller(workload: &Workload, objects: &[Value]) -> Result<Revisions, Incomplete> {
    let revisions: Result<Vec<Revision>, Incomplete> = objects
        .iter()
        .filter(|object| controller_uid(object) == Some(workload.uid.as_str()))
        .map(|object| controller_revision(&workload.reference.name, object))
        .collect();
    let mut found = Revisions::sort(revisions?, &without_marks(workload.template()));
    if let Some(newest) = &mut found.newest {
        newest.replicas_wanted = workload.replicas_wanted();
    }
    Ok(found)
}

/// A ControllerRevision is called by its workload and a hash of its template (Kubernetes `pkg/controller/history`, `ControllerRevisionName`), and holds
/// the template as a strategic merge patch.
fn controller_revision(workload: &str, object: &Value) -> Result<Revision, Incomplete> {
    let missing = |field| Incomplete {
        kind: "ControllerRevision",
        field,
    };
    let name = text(object, "/metadata/name").ok_or(missing("name"))?;
    let hash = name
        .strip_prefix(workload)
        .and_then(|rest| rest.strip_prefix('-'))
        .unwrap_or(name);
    Ok(Revision {
        name: RevisionName::new(name),
        uid: Uid::new(text(object, "/metadata/uid").ok_or(missing("uid"))?),
        hash: TemplateHash::new(hash),
        number: object
            .get("revision")
            .and_then(Value::as_i64)
            .ok_or(missing("revision"))?,
        created: text(object, "/metadata/creationTimestamp")
            .and_then(|created| created.parse::<Timestamp>().ok())
            .ok_or(missing("creationTimestamp"))?,
        replicas_wanted: 0,
        template: object
            .pointer("/data/spec/template")
            .map(without_marks)
            .ok_or(missing("template"))?,
        change_cause: object
            .pointer("/metadata/annotations")
            .and_then(|annotations| annotations.get("kubernetes.io/change-cause"))
            .and_then(Value::as_str)
            .map(str::to_owned),
    })
}

/// A template without what tells only how it was written down: the patch's directive, and a time that templates never have.
fn without_marks(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut)
        && metadata
            .get("creationTimestamp")
            .is_some_and(Value::is_null)
    {
        metadata.remove("creationTimestamp");
    }
    template
}

fn revision(replica_set: &Value) -> Result<Revision, Incomplete> {
    let missing = |field| Incomplete {
        kind: "ReplicaSet",
        field,
    };
    let annotation = |key: &str| {
        replica_set
            .pointer("/metadata/annotations")
            .and_then(|annotations| annotations.get(key))
            .and_then(Value::as_str)
    };
    let hash = replica_set
        .pointer("/metadata/labels")
        .and_then(|labels| labels.get(TEMPLATE_HASH_LABEL))
        .and_then(Value::as_str)
        .ok_or(missing("pod-template-hash"))?;
    Ok(Revision {
        name: RevisionName::new(text(replica_set, "/metadata/name").ok_or(missing("name"))?),
        uid: Uid::new(text(replica_set, "/metadata/uid").ok_or(missing("uid"))?),
        hash: TemplateHash::new(hash),
        // kubectl reads a missing number as 0 (pkg/util/deployment/deployment.go).
        number: annotation(REVISION_ANNOTATION)
            .and_then(|number| number.parse().ok())
            .unwrap_or(0),
        created: text(replica_set, "/metadata/creationTimestamp")
            .and_then(|created| created.parse::<Timestamp>().ok())
            .ok_or(missing("creationTimestamp"))?,
        replicas_wanted: replica_set
            .pointer("/spec/replicas")
            .and_then(Value::as_i64)
            .unwrap_or(1),
        template: template(replica_set).ok_or(missing("template"))?,
        change_cause: annotation("kubernetes.io/change-cause").map(str::to_owned),
    })
}

/// A ReplicaSet's template as its Deployment had it: without the label that the controller adds.
fn template(replica_set: &Value) -> Option<Value> {
    let mut template = replica_set.pointer("/spec/template")?.clone();
    if let Some(labels) = template
        .pointer_mut("/metadata/labels")
        .and_then(Value::as_object_mut)
    {
        labels.remove(TEMPLATE_HASH_LABEL);
    }
    Some(template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::object::workload;
    use crate::domain::workload::{WorkloadKind, WorkloadRef};
    use serde_json::json;

    fn reference() -> WorkloadRef {
        WorkloadRef {
            kind: WorkloadKind::Deployment,
            namespace: "lab30".into(),
            name: "web".into(),
        }
    }

    fn deployment(image: &str) -> Workload {
        let object = json!({
            "metadata": {"uid": "d1", "resourceVersion": "7", "generation": 2},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image, "futureField": 1}]}},
            },
            "status": {"observedGeneration": 2, "readyReplicas": 1},
        });
        workload(&reference(), &object).unwrap()
    }

    fn replica_set(name: &str, number: &str, owner: &str, image: &str) -> Value {
        json!({
            "metadata": {
                "name": name, "uid": name, "creationTimestamp": "2026-11-23T04:00:00Z",
                "labels": {"app": "web", "pod-template-hash": name},
                "annotations": {"deployment.kubernetes.io/revision": number},
                "ownerReferences": [{"controller": true, "uid": owner}],
            },
            "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "web", "pod-template-hash": name}}, "spec": {"containers": [{"name": "web", "image": image, "futureField": 1}]}}},
        })
    }

    #[test]
    fn a_selector_that_would_fit_everything_is_refused() {
        let mut workload = deployment("a");
        workload.spec = json!({"selector": {}});
        assert!(selector(&workload).is_err());
        workload.spec = json!({});
        assert!(selector(&workload).is_err());
    }

    #[test]
    fn the_newest_revision_is_the_one_that_carries_the_template() {
        let sets = [
            replica_set("r9", "9", "d1", "web:9"),
            replica_set("r10", "10", "d1", "web:10"),
            replica_set("foreign", "11", "other", "web:10"),
        ];
        let revisions = of_deployment(&deployment("web:10"), &sets).unwrap();
        assert_eq!(revisions.newest.unwrap().name.as_str(), "r10");
        let older: Vec<_> = revisions
            .older
            .iter()
            .map(|revision| revision.name.as_str())
            .collect();
        assert_eq!(older, ["r9"]);
    }

    #[test]
    fn while_the_controller_has_not_caught_up_there_is_no_newest() {
        let sets = [
            replica_set("r1", "1", "d1", "web:1"),
            replica_set("r2", "2", "d1", "web:2"),
        ];
        assert_eq!(
            of_deployment(&deployment("web:3"), &sets).unwrap().newest,
            None
        );
        // An undo to r1 that the controller has not renumbered yet: r1 has the template, but not the highest number.
        assert_eq!(
            of_deployment(&deployment("web:1"), &sets).unwrap().newest,
            None
        );
    }

    fn of_kind(kind: WorkloadKind, image: &str) -> Workload {
        let mut workload = deployment(image);
        workload.reference.kind = kind;
        workload
    }

    /// As the controllers write them.
    fn controller_revision_of(hash: &str, number: i64, owner: &str, image: &str) -> Value {
        json!({
            "metadata": {
                "name": format!("web-{hash}"), "uid": hash, "creationTimestamp": "2026-11-23T04:00:00Z",
                "labels": {"app": "web", "controller.kubernetes.io/hash": hash},
                "ownerReferences": [{"controller": true, "uid": owner}],
            },
            "data": {"spec": {"template": {"$patch": "replace", "metadata": {"creationTimestamp": null, "labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image, "futureField": 1}]}}}},
            "revision": number,
        })
    }

    #[test]
    fn a_controller_revision_that_can_t_be_read_is_no_missing_one() {
        let mut broken = controller_revision_of("a1", 1, "d1", "web:1");
        broken.as_object_mut().unwrap().remove("data");
        let workload = of_kind(WorkloadKind::StatefulSet, "web:1");
        assert!(of_controller(&workload, &[broken]).is_err());
    }

    #[test]
    fn the_newest_controller_revision_is_the_one_that_carries_the_template() {
        let objects = [
            controller_revision_of("a1", 1, "d1", "web:1"),
            controller_revision_of("b2", 2, "d1", "web:2"),
            controller_revision_of("c3", 3, "other", "web:2"),
        ];
        for kind in [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet] {
            let revisions = of_controller(&of_kind(kind, "web:2"), &objects).unwrap();
            let newest = revisions.newest.unwrap();
            assert_eq!(
                (newest.name.as_str(), newest.hash.as_str()),
                ("web-b2", "b2")
            );
            assert_eq!(newest.replicas_wanted, 1);
            assert_eq!(revisions.older.len(), 1);
            // Not caught up: neither carries it.
            let behind = of_controller(&of_kind(kind, "web:3"), &objects).unwrap();
            assert_eq!((behind.newest, behind.older.len()), (None, 2));
        }
    }

    #[test]
    fn a_template_keeps_fields_that_no_type_of_ours_knows_and_loses_the_hash_label() {
        let revisions = of_deployment(
            &deployment("web:1"),
            &[replica_set("r1", "1", "d1", "web:1")],
        )
        .unwrap();
        let newest = revisions.newest.unwrap();
        assert_eq!(
            newest.template.pointer("/spec/containers/0/futureField"),
            Some(&json!(1))
        );
        assert_eq!(
            newest.template.pointer("/metadata/labels"),
            Some(&json!({"app": "web"}))
        );
    }

    #[test]
    fn expressions_of_a_selector_count_too() {
        assert_eq!(selector(&deployment("a")).unwrap(), "app=web,tier in (a,b)");
    }
}
