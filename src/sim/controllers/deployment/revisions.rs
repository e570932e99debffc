//! Templates to ReplicaSets: found or made, numbered, with the Deployment's annotations (`sync.go`, `util/deployment_util.go`).

use super::super::super::api::resources::{DEPLOYMENTS, REPLICA_SETS};
use super::super::super::json;
use super::{DESIRED, MOST, Rollout, Sets};
use crate::domain::workload::{REVISION_ANNOTATION, TEMPLATE_HASH_LABEL};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The numbers that a revision had before.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// What is not copied from a Deployment to its ReplicaSets.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION_ANNOTATION,
    HISTORY,
    DESIRED,
    MOST,
    "deprecated.deployment.rollback.to",
];

impl Rollout<'_> {
    /// The ReplicaSets as they are now.
    pub(super) fn sets(&self) -> Sets {
        let uid = json::text(&self.deployment, "/metadata/uid");
        let mut old = self
            .store
            .controlled_by(REPLICA_SETS, self.namespace(), uid);
        let template = self.deployment.pointer("/spec/template");
        let new = old
            .iter()
            .position(|set| template_of(set).as_ref() == template)
            .map(|index| old.remove(index));
        Sets { new, old }
    }

    /// The same, after the new one was made where it may be, renumbered where it was an old one, and given the Deployment's annotations.
    pub(super) fn adopt(&mut self, create: bool) -> Sets {
        let mut sets = self.sets();
        let next = sets.old.iter().map(|set| number(set)).max().unwrap_or(0) + 1;
        sets.new = match sets.new.take() {
            Some(found) => Some(self.renumber(found, next)),
            None if create => self.create(next, &sets.old),
            None => None,
        };
        if let Some(new) = &sets.new {
            self.take_number(number(new));
        }
        sets
    }

    fn renumber(&mut self, mut set: Arc<Value>, next: i64) -> Arc<Value> {
        let mut annotations = json::strings(&set, "/metadata/annotations");
        self.copy_annotations(&mut annotations);
        let before = number(&set);
        if before < next {
            annotations.insert(REVISION_ANNOTATION.to_owned(), next.to_string());
            if before > 0 {
                let history = match annotations.get(HISTORY) {
                    Some(earlier) => format!("{earlier},{before}"),
                    None => before.to_string(),
                };
                annotations.insert(HISTORY.to_owned(), history);
            }
        }
        annotate(&mut set, &annotations);
        self.store.put(REPLICA_SETS, set)
    }

    fn create(&mut self, number: i64, old: &[Arc<Value>]) -> Option<Arc<Value>> {
        let mut template = self.deployment.pointer("/spec/template")?.clone();
        let hash = hash(&template);
        let label = format!("/metadata/labels/{TEMPLATE_HASH_LABEL}");
        json::set(&mut template, &label, hash.as_str());
        let mut selector = self.deployment.pointer("/spec/selector")?.clone();
        json::set(
            &mut selector,
            &format!("/matchLabels/{TEMPLATE_HASH_LABEL}"),
            hash.as_str(),
        );
        let name = json::text(&self.deployment, "/metadata/name");
        let mut annotations = BTreeMap::new();
        self.copy_annotations(&mut annotations);
        annotations.insert(REVISION_ANNOTATION.to_owned(), number.to_string());
        let replicas = self.room_for_new(0, old);
        let mut set = json!({
            "metadata": {
                "name": format!("{name}-{hash}"),
                "namespace": self.namespace(),
                "labels": template.pointer("/metadata/labels"),
                "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "name": name,
                    "uid": json::text(&self.deployment, "/metadata/uid"),
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
            },
            "spec": {"replicas": replicas, "selector": selector, "template": template},
        });
        let least = json::number(&self.deployment, "/spec/minReadySeconds");
        if least > 0 {
            json::set(&mut set, "/spec/minReadySeconds", least);
        }
        self.note_sizes(&mut set);
        let set = self.store.create(REPLICA_SETS, set).ok()?;
        let name = json::text(&set, "/metadata/name");
        if replicas > 0 {
            self.tell(format!("Scaled up replica set {name} from 0 to {replicas}"));
        }
        let message = format!("Created new replica set \"{name}\"");
        self.progress("True", "NewReplicaSetCreated", &message);
        Some(set)
    }

    fn copy_annotations(&self, to: &mut BTreeMap<String, String>) {
        let own = json::strings(&self.deployment, "/metadata/annotations");
        to.extend(
            own.into_iter()
                .filter(|(key, _)| !NOT_COPIED.contains(&key.as_str())),
        );
    }

    /// The Deployment carries its newest revision's number. Written with the status, so that its generation stays.
    fn take_number(&mut self, number: i64) {
        let mut annotations = json::strings(&self.deployment, "/metadata/annotations");
        annotations.insert(REVISION_ANNOTATION.to_owned(), number.to_string());
        annotate(&mut self.deployment, &annotations);
        self.deployment = self.store.put(DEPLOYMENTS, Arc::clone(&self.deployment));
    }
}

/// Gives an object these annotations, where it has others.
fn annotate(object: &mut Arc<Value>, annotations: &BTreeMap<String, String>) {
    if json::strings(object, "/metadata/annotations") != *annotations {
        let object = Arc::make_mut(object);
        json::set(object, "/metadata/annotations", json!(annotations));
    }
}

fn number(set: &Value) -> i64 {
    json::strings(set, "/metadata/annotations")
        .get(REVISION_ANNOTATION)
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// A ReplicaSet's template without the label that the controller adds.
fn template_of(set: &Value) -> Option<Value> {
    let mut template = set.pointer("/spec/template")?.clone();
    json::remove(
        &mut template,
        &format!("/metadata/labels/{TEMPLATE_HASH_LABEL}"),
    );
    Some(template)
}

/// FNV-1a of the template, in the letters that the real controller uses. The same template always has the same; its value is not the real one's,
/// which hashes Go's printing of the struct.
fn hash(template: &Value) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let hash = template
        .to_string()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
    hash.to_string()
        .bytes()
        .filter_map(|digit| LETTERS.get(usize::from(digit) % LETTERS.len()))
        .map(|letter| char::from(*letter))
        .collect()
}
