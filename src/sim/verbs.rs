//! What people and the outside do to a simulated cluster.

use super::api::failure::Failure;
use super::api::resources::{DEPLOYMENTS, NAMESPACES, PODS, REPLICA_SETS, Resource};
use super::api::{
    AdmissionRule, Interference, Operation, Review, Write, admit, check_deployment,
    default_deployment, moved_generation, note_fields,
};
use super::controllers::{Program, Registry};
use super::{State, World, json, locked};
use serde_json::{Value, json};
use std::sync::Arc;

/// Who a person is, in the write log.
const PERSON: &str = "kubectl/v1.34.4";

/// Why a person's change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulated API server refuses it: {0}")]
pub struct Refused(String);

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self(json::text(&failure.body(), "/message").to_owned())
    }
}

impl World {
    /// Makes a namespace.
    pub fn namespace(&self, name: &str) {
        let object =
            json!({"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}});
        // One that is there stays.
        let _ = locked(&self.shared).api.store.create(NAMESPACES, object);
    }

    /// Applies a Deployment's manifest, as `kubectl apply` does: what the manifest says counts, other labels and annotations stay.
    ///
    /// # Errors
    /// When it is not a usable Deployment.
    pub fn apply(&self, manifest: &Value) -> Result<Value, Refused> {
        let mut state = locked(&self.shared);
        let applied = apply(&mut state, manifest);
        let status = applied
            .as_ref()
            .map_or_else(|failure| failure.code, |_| 200);
        let after = applied.as_deref().ok();
        note(&mut state, "APPLY", DEPLOYMENTS, manifest, status, after);
        Ok(Value::clone(&*applied?))
    }

    /// Sets an annotation (`None` takes it away) of a Deployment or, where no Deployment is named, of the namespace.
    ///
    /// # Errors
    /// When there is no such object.
    pub fn annotate(
        &self,
        namespace: &str,
        deployment: Option<&str>,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), Refused> {
        let mut state = locked(&self.shared);
        let (resource, within, name) = match deployment {
            Some(name) => (DEPLOYMENTS, namespace, name),
            None => (NAMESPACES, "", namespace),
        };
        let before = state.api.store.get(resource, within, name).cloned();
        let before = before.ok_or_else(|| Failure::not_found(resource, name))?;
        let mut next = before.clone();
        let mut annotations = json::strings(&before, "/metadata/annotations");
        match value {
            Some(value) => annotations.insert(key.to_owned(), value.to_owned()),
            None => annotations.remove(key),
        };
        json::set(&mut next, "/metadata/annotations", json!(annotations));
        if resource == DEPLOYMENTS {
            moved_generation(resource, &before, &mut next);
        }
        let body = json!({key: value});
        let admitted = admitted(&state, resource, Some(&before), &next);
        let status = admitted
            .as_ref()
            .map_or_else(|failure| failure.code, |_| 200);
        let after = admitted.map(|next| state.api.store.put(resource, next));
        let stored = after.as_deref().ok();
        note(&mut state, "ANNOTATE", resource, &body, status, stored);
        after?;
        Ok(())
    }

    /// Deletes a Deployment and everything that it owns, at once.
    pub fn delete(&self, namespace: &str, deployment: &str) {
        let mut state = locked(&self.shared);
        let Some(gone) = state.api.store.delete(DEPLOYMENTS, namespace, deployment) else {
            return;
        };
        let store = &mut state.api.store;
        for set in store.controlled_by(REPLICA_SETS, namespace, json::text(&gone, "/metadata/uid"))
        {
            for pod in store.controlled_by(PODS, namespace, json::text(&set, "/metadata/uid")) {
                store.delete(PODS, namespace, json::text(&pod, "/metadata/name"));
            }
            store.delete(REPLICA_SETS, namespace, json::text(&set, "/metadata/name"));
        }
        note(&mut state, "DELETE", DEPLOYMENTS, &gone, 200, None);
    }

    /// Changes what the image registries do.
    pub fn registry(&self, change: impl FnOnce(&mut Registry)) {
        change(&mut locked(&self.shared).registry);
    }

    /// Says what a program does; the last one that fits counts.
    pub fn program(&self, program: Program) {
        locked(&self.shared).programs.add(program);
    }

    /// Puts a Deployment's ready pods behind an address, as a Service does: a GET of exactly this address is answered 200 while there is
    /// one, and 503 while there is none. Nothing else in the simulated network answers.
    pub fn serve(&self, url: &str, namespace: &str, deployment: &str) {
        locked(&self.shared)
            .services
            .add(url, namespace, deployment);
    }

    /// Whether clients may patch workloads.
    pub fn may_patch(&self, allowed: bool) {
        locked(&self.shared).api.may_patch = allowed;
    }

    /// Lets somebody interfere with every request from now on.
    pub fn interfere(&self, with: Option<Arc<dyn Interference>>) {
        locked(&self.shared).api.interference = with;
    }

    /// Lets a rule look at every write that clients and people ask for from now on; those of the controllers go past it.
    pub fn admission(&self, rule: Option<AdmissionRule>) {
        locked(&self.shared).api.admission = rule;
    }

    /// Breaks every watch that is open, as an API server that restarts does.
    pub fn break_watches(&self) {
        let mut state = locked(&self.shared);
        state.api.interruptions += 1;
        state.api.store.wake_watches();
    }

    /// Forgets what has changed so far (etcd's compaction): a watch that would go on from an older version is answered 410.
    pub fn forget_history(&self) {
        locked(&self.shared).api.store.forget_history();
    }

    /// A number that grows with every change of anything that is stored: as long as it stays, another look shows nothing new.
    pub fn version(&self) -> u64 {
        locked(&self.shared).api.store.version()
    }

    /// All objects of a kind in a namespace, as they are stored.
    pub fn objects(&self, kind: &str, namespace: &str) -> Vec<Value> {
        let state = locked(&self.shared);
        let resource = Resource::of(&json!({"kind": kind}));
        resource
            .into_iter()
            .flat_map(|resource| state.api.store.list(resource, Some(namespace)))
            .cloned()
            .collect()
    }

    /// One object, as it is stored.
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let resource = Resource::of(&json!({"kind": kind}))?;
        let state = locked(&self.shared);
        state.api.store.get(resource, namespace, name).cloned()
    }
}

fn apply(state: &mut State, manifest: &Value) -> Result<Arc<Value>, Failure> {
    if Resource::of(manifest) != Some(DEPLOYMENTS) {
        return Err(Failure::no_such_path());
    }
    let mut object = manifest.clone();
    json::remove(&mut object, "/status");
    default_deployment(&mut object);
    check_deployment(&object)?;
    let store = &state.api.store;
    let namespace = json::text(&object, "/metadata/namespace");
    let name = json::text(&object, "/metadata/name");
    if store.get(NAMESPACES, "", namespace).is_none() {
        return Err(Failure::not_found(NAMESPACES, namespace));
    }
    let Some(before) = store.get(DEPLOYMENTS, namespace, name).cloned() else {
        let object = admitted(state, DEPLOYMENTS, None, &object)?;
        return state.api.store.create(DEPLOYMENTS, object);
    };
    let mut next = before.clone();
    for field in ["/metadata/labels", "/metadata/annotations"] {
        let mut merged = json::strings(&before, field);
        merged.extend(json::strings(&object, field));
        if !merged.is_empty() {
            json::set(&mut next, field, json!(merged));
        }
    }
    let spec = object.pointer("/spec").cloned().unwrap_or_default();
    json::set(&mut next, "/spec", spec);
    let mut next = admitted(state, DEPLOYMENTS, Some(&before), &next)?;
    moved_generation(DEPLOYMENTS, &before, &mut next);
    Ok(state.api.store.put(DEPLOYMENTS, next))
}

/// What the admission rule makes of a person's change, and whose the fields are then.
fn admitted(
    state: &State,
    resource: &Resource,
    before: Option<&Value>,
    after: &Value,
) -> Result<Value, Failure> {
    let operation = match before {
        None => Operation::Create,
        Some(_) => Operation::Update,
    };
    let review = Review {
        operation,
        kind: resource.kind,
        subresource: "",
        user_agent: PERSON,
        dry_run: false,
        before,
        after: Some(after),
    };
    let admitted = admit(state.api.admission.as_ref(), resource, &review)?;
    let mut admitted = admitted.unwrap_or_default();
    if resource == DEPLOYMENTS {
        note_fields(before, &mut admitted, "kubectl", &state.api.store.stamp());
    }
    Ok(admitted)
}

/// Notes what a person did.
pub(super) fn note(
    state: &mut State,
    verb: &str,
    resource: &'static Resource,
    body: &Value,
    status: u16,
    after: Option<&Value>,
) {
    let named = after.unwrap_or(body);
    let namespace = json::text(named, "/metadata/namespace");
    let name = json::text(named, "/metadata/name");
    let path = format!("{}/{name}", resource.path(namespace));
    let resource_version = after.map(|after| json::text(after, "/metadata/resourceVersion"));
    state.api.log.note(Write {
        at: state.api.store.now(),
        verb: verb.to_owned(),
        path,
        user_agent: PERSON.to_owned(),
        field_manager: "kubectl".to_owned(),
        dry_run: false,
        body: body.clone(),
        status,
        resource_version: resource_version.unwrap_or_default().to_owned(),
    });
}
