//! Create, update, patch and delete. Each goes the same way: what was sent is read strictly, who the object is may not change, admission looks
//! at it, it must be valid, and only then it is stored, unless it is a dry run.

use super::super::json;
use super::admission::{self, Operation, Review};
use super::call::{Call, Objects};
use super::failure::Failure;
use super::read::{live, shown};
use super::resources::{DEPLOYMENTS, NAMESPACES, PODS, Resource};
use super::{ApiState, delete, events, managed_fields, patching, validate};
use serde_json::{Value, json};
use std::sync::Arc;

/// One write.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) call: &'a Call,
    pub(super) objects: &'a Objects,
}

impl Request<'_> {
    fn resource(&self) -> &'static Resource {
        self.objects.resource
    }

    fn subresource(&self) -> &str {
        self.objects.subresource.as_deref().unwrap_or_default()
    }
}

pub(super) fn create(api: &mut ApiState, request: Request<'_>) -> Result<Value, Failure> {
    let mut object = sent(api, request)?;
    let resource = request.resource();
    let namespace = request.objects.namespace.as_deref().unwrap_or_default();
    if resource.namespaced {
        json::default(&mut object, "/metadata/namespace", namespace);
        if json::text(&object, "/metadata/namespace") != namespace {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        if api.store.get(NAMESPACES, "", namespace).is_none() {
            return Err(Failure::not_found(NAMESPACES, namespace));
        }
    }
    name(api, resource, &mut object)?;
    if !json::text(&object, "/metadata/resourceVersion").is_empty() {
        let message = "resourceVersion should not be set on objects to be created";
        return Err(Failure::new(500, "", message));
    }
    if resource.has_status {
        json::remove(&mut object, "/status");
    }
    let mut object = admitted(api, request, None, object)?;
    account(api, request, None, &mut object);
    let object = if request.call.dry_run() {
        Arc::new(api.store.prepare(resource, object)?)
    } else {
        api.store.create(resource, object)?
    };
    Ok(shown(request.objects, &object))
}

/// A whole object, or its status, instead of what is there. Also says whether it was made by this.
pub(super) fn replace(
    api: &mut ApiState,
    request: Request<'_>,
    name: &str,
) -> Result<(u16, Value), Failure> {
    let next = sent(api, request)?;
    let resource = request.resource();
    let before = match live(api, request.objects, name) {
        Ok(before) => before.clone(),
        Err(_)
            if resource.is_made_by_updates() && !json::text(&next, "/metadata/uid").is_empty() =>
        {
            let why =
                "StorageError: invalid object, Code: 4, Precondition failed: UID in precondition";
            return Err(Failure::conflict_because(resource, name, why));
        }
        Err(_) if resource.is_made_by_updates() => {
            let mut call = request.call.clone();
            json::remove(&mut call.body, "/metadata/resourceVersion");
            let call = &call;
            return Ok((201, create(api, Request { call, ..request })?));
        }
        Err(failure) => return Err(failure),
    };
    let version = json::text(&next, "/metadata/resourceVersion");
    if version.is_empty() && !resource.takes_unconditional_updates() {
        let why = "Invalid value: 0: must be specified for an update";
        return Err(Failure::invalid(
            resource,
            name,
            "metadata.resourceVersion",
            why,
        ));
    }
    let uid = json::text(&next, "/metadata/uid");
    if !uid.is_empty() && uid != json::text(&before, "/metadata/uid") {
        let why = "StorageError: invalid object, Code: 4, Precondition failed: UID in precondition";
        return Err(Failure::conflict_because(resource, name, why));
    }
    Ok((200, update(api, request, &before, next)?))
}

/// A JSON Patch of an object, or of its status.
pub(super) fn patch(
    api: &mut ApiState,
    request: Request<'_>,
    name: &str,
) -> Result<Value, Failure> {
    let resource = request.resource();
    if !api.may_patch && resource.group == "apps" {
        return Err(Failure::forbidden(resource, name, "patch"));
    }
    if request.call.content_type != "application/json-patch+json" {
        let message = "415: Unsupported Media Type";
        return Err(Failure::new(415, "UnsupportedMediaType", message));
    }
    let before = live(api, request.objects, name)?.clone();
    let mut next = patching::patched(&shown(request.objects, &before), &request.call.body)?;
    let unknown = validate::pruned(api, request.objects, &mut next)?;
    if request.call.parameter("fieldValidation") == "Strict" && !unknown.is_empty() {
        return Err(Failure::patched_badly(&next, &validate::named(&unknown)));
    }
    if request.objects.newer_events {
        next = events::older(&next)?;
    }
    if next.pointer("/metadata/uid") != before.pointer("/metadata/uid") {
        let why = "Invalid value: field is immutable";
        return Err(Failure::invalid(resource, name, "metadata.uid", why));
    }
    update(api, request, &before, next)
}

/// From here on it does not matter how the object came.
fn update(
    api: &mut ApiState,
    request: Request<'_>,
    before: &Value,
    mut next: Value,
) -> Result<Value, Failure> {
    let resource = request.resource();
    let name = json::text(before, "/metadata/name");
    let new_name = json::text(&next, "/metadata/name");
    if new_name != name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({new_name}) does not match the name on the URL ({name})"
        )));
    }
    keep(before, &mut next, "/metadata/uid");
    let version = json::text(&next, "/metadata/resourceVersion");
    if !version.is_empty() && version != json::text(before, "/metadata/resourceVersion") {
        return Err(Failure::conflict(resource, name));
    }
    if request.subresource() == "status" {
        let status = next.get("status").cloned();
        next = before.clone();
        match status {
            Some(status) => json::set(&mut next, "/status", status),
            None => json::remove(&mut next, "/status"),
        }
    } else {
        for field in [
            "namespace",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        ] {
            keep(before, &mut next, &format!("/metadata/{field}"));
        }
        json::set(&mut next, "/apiVersion", resource.api_version());
        json::set(&mut next, "/kind", resource.kind);
        if resource.has_status {
            keep(before, &mut next, "/status");
        }
    }
    let mut next = admitted(api, request, Some(before), next)?;
    account(api, request, Some(before), &mut next);
    validate::moved_generation(resource, before, &mut next);
    let stored = if request.call.dry_run() {
        Arc::new(next)
    } else {
        api.store.put(resource, next)
    };
    Ok(shown(request.objects, &stored))
}

/// Deletes an object, if it is the one that is meant. Objects that it owns go with it.
pub(super) fn remove(
    api: &mut ApiState,
    request: Request<'_>,
    name: &str,
) -> Result<Value, Failure> {
    let resource = request.resource();
    if resource == NAMESPACES {
        return Err(Failure::method_not_allowed());
    }
    let before = live(api, request.objects, name)?.clone();
    delete::preconditions(resource, &before, &request.call.body)?;
    admission::review(
        api.admission.as_ref(),
        resource,
        &reviewed(request, Operation::Delete, Some(&before), None),
    )?;
    let grace = delete::grace_seconds(request.call, &before);
    if resource == PODS && grace > 0 {
        let mut pod = before;
        delete::mark(&api.store, &mut pod, grace);
        let stored = if request.call.dry_run() {
            Arc::new(pod)
        } else {
            api.store.put(resource, pod)
        };
        return Ok(Value::clone(&stored));
    }
    if !request.call.dry_run() {
        delete::with_dependents(&mut api.store, resource, &before);
    }
    let mut details = json!({
        "name": name,
        "kind": resource.plural,
        "uid": json::text(&before, "/metadata/uid"),
    });
    if !resource.group.is_empty() {
        json::set(&mut details, "/group", resource.group);
    }
    Ok(
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}),
    )
}

/// The body, read strictly if that is asked for, in the shape in which it is stored.
fn sent(api: &ApiState, request: Request<'_>) -> Result<Value, Failure> {
    let Request { call, objects } = request;
    let mut object = call.body.clone();
    validate::kind(objects, &mut object)?;
    let unknown = validate::pruned(api, objects, &mut object)?;
    if call.parameter("fieldValidation") == "Strict" && !unknown.is_empty() {
        let why = validate::named(&unknown);
        return Err(Failure::undecodable(objects.resource, &why));
    }
    if objects.newer_events {
        events::older(&object)
    } else {
        Ok(object)
    }
}

/// What shall be stored: defaults filled in, admitted, and valid.
fn admitted(
    api: &ApiState,
    request: Request<'_>,
    before: Option<&Value>,
    mut next: Value,
) -> Result<Value, Failure> {
    let resource = request.resource();
    validate::defaulted(api, resource, &mut next);
    let operation = match before {
        None => Operation::Create,
        Some(_) => Operation::Update,
    };
    let review = reviewed(request, operation, before, Some(&next));
    if let Some(mut changed) = admission::review(api.admission.as_ref(), resource, &review)? {
        validate::defaulted(api, resource, &mut changed);
        next = changed;
    }
    validate::check(api, resource, before, &next)?;
    Ok(next)
}

/// Who wrote what, of the one resource of which somebody asks it.
fn account(api: &ApiState, request: Request<'_>, before: Option<&Value>, next: &mut Value) {
    if request.resource() == DEPLOYMENTS && request.subresource().is_empty() {
        let manager = request.call.field_manager();
        managed_fields::note(before, next, &manager, &api.store.stamp());
    }
}

fn reviewed<'a>(
    request: Request<'a>,
    operation: Operation,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
) -> Review<'a> {
    Review {
        operation,
        kind: request.objects.resource.kind,
        subresource: request.objects.subresource.as_deref().unwrap_or_default(),
        user_agent: &request.call.user_agent,
        dry_run: request.call.dry_run(),
        before,
        after,
    }
}

/// Its name: given, or made of a prefix.
fn name(api: &mut ApiState, resource: &Resource, object: &mut Value) -> Result<(), Failure> {
    let name = json::text(object, "/metadata/name").to_owned();
    let prefix = json::text(object, "/metadata/generateName").to_owned();
    if name.is_empty() {
        if prefix.is_empty() {
            let why = "Required value: name or generateName is required";
            return Err(Failure::invalid(resource, "", "metadata.name", why));
        }
        let suffix = api.store.fresh_suffix();
        json::set(object, "/metadata/name", format!("{prefix}{suffix}"));
    } else if !validate::is_a_name(&name) {
        let why = format!(
            "Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
        );
        return Err(Failure::invalid(resource, &name, "metadata.name", &why));
    }
    Ok(())
}

fn keep(before: &Value, next: &mut Value, pointer: &str) {
    match before.pointer(pointer) {
        Some(value) => json::set(next, pointer, value.clone()),
        None => json::remove(next, pointer),
    }
}
