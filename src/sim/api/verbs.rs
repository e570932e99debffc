//! What the API server does with a request.

use super::super::{State, json};
use super::call::{Call, Objects, Target};
use super::failure::Failure;
use super::resources::{DEPLOYMENTS, INCIDENTS, NAMESPACES};
use super::write_log::Write;
use super::{ApiState, Content, defaults, events, logs, schema, selector};
use serde_json::{Value, json};

type Answer = Result<(u16, Content), Failure>;

/// Works on one request and notes it where it asked for a change.
pub(super) fn handle(state: &mut State, call: &Call) -> (u16, Content) {
    let (status, content) = match answer(state, call) {
        Ok(answer) => answer,
        Err(failure) => (failure.code, Content::Json(failure.body())),
    };
    if call.is_write() {
        let kept = status < 400 && !call.dry_run();
        let resource_version = match &content {
            Content::Json(object) if kept => json::text(object, "/metadata/resourceVersion"),
            _ => "",
        };
        state.api.log.note(Write {
            at: state.api.store.now(),
            verb: call.method.clone(),
            path: call.path.clone(),
            user_agent: call.user_agent.clone(),
            field_manager: call.field_manager(),
            dry_run: call.dry_run(),
            body: call.body.clone(),
            status,
            resource_version: resource_version.to_owned(),
        });
    }
    (status, content)
}

fn answer(state: &mut State, call: &Call) -> Answer {
    let api = &mut state.api;
    let json_answer = |status, object| Ok((status, Content::Json(object)));
    match (call.method.as_str(), call.target()?) {
        ("GET", Target::Version) => json_answer(
            200,
            json!({"major": "1", "minor": "34", "gitVersion": "v1.34.4"}),
        ),
        ("GET", Target::Schemas) => match &api.incidents {
            Some(schema) => json_answer(200, schema::served(schema)),
            None => Err(Failure::no_such_path()),
        },
        ("POST", Target::AccessReview) => {
            let mut review = call.body.clone();
            json::set(&mut review, "/status", json!({"allowed": api.may_patch}));
            json_answer(201, review)
        }
        (method, Target::Objects(objects)) => {
            if objects.resource == INCIDENTS && api.incidents.is_none() {
                return Err(Failure::no_such_path());
            }
            let subresource = objects.subresource.as_deref();
            match (method, &objects.name, subresource) {
                ("GET", Some(_), Some("log")) => {
                    let text = logs::read(state, call, &objects)?;
                    Ok((200, Content::Text(text)))
                }
                ("GET", Some(name), None) => json_answer(200, get(api, &objects, name)?),
                ("GET", None, None) => json_answer(200, list(api, call, &objects)?),
                ("POST", None, None) => json_answer(201, create(api, call, &objects)?),
                ("PUT", Some(name), Some("status")) if objects.resource.has_status => {
                    json_answer(200, replace_status(api, call, &objects, name)?)
                }
                ("PATCH", Some(name), None) => json_answer(200, patch(api, call, &objects, name)?),
                (_, _, Some("log" | "status") | None) => Err(Failure::method_not_allowed()),
                _ => Err(Failure::no_such_path()),
            }
        }
        _ => Err(Failure::method_not_allowed()),
    }
}

fn live(api: &ApiState, objects: &Objects, name: &str) -> Result<Value, Failure> {
    let namespace = objects.namespace.as_deref().unwrap_or_default();
    let found = api.store.get(objects.resource, namespace, name);
    found
        .cloned()
        .ok_or_else(|| Failure::not_found(objects.resource, name))
}

fn get(api: &ApiState, objects: &Objects, name: &str) -> Result<Value, Failure> {
    let found = live(api, objects, name)?;
    Ok(if objects.newer_events {
        events::newer(&found)
    } else {
        found
    })
}

fn list(api: &ApiState, call: &Call, objects: &Objects) -> Result<Value, Failure> {
    let labels = selector::labels(call.parameter("labelSelector"))?;
    let field = call.parameter("fieldSelector");
    let mut items = Vec::new();
    for object in api
        .store
        .list(objects.resource, objects.namespace.as_deref())
    {
        if selector::fits(&labels, object)
            && (field.is_empty() || selector::fits_field(field, object)?)
        {
            let mut item = if objects.newer_events {
                events::newer(object)
            } else {
                object.clone()
            };
            // Items of a list of built-in objects come without these two; custom resources keep them.
            if objects.resource != INCIDENTS {
                json::remove(&mut item, "/apiVersion");
                json::remove(&mut item, "/kind");
            }
            items.push(item);
        }
    }
    Ok(json!({
        "kind": format!("{}List", objects.resource.kind),
        "apiVersion": objects.resource.api_version(),
        "metadata": {"resourceVersion": api.store.version().to_string()},
        "items": items,
    }))
}

fn create(api: &mut ApiState, call: &Call, objects: &Objects) -> Result<Value, Failure> {
    let resource = objects.resource;
    let namespace = objects.namespace.clone().unwrap_or_default();
    let mut object = if objects.newer_events {
        events::older(&call.body)?
    } else {
        call.body.clone()
    };
    if resource.namespaced {
        json::set(&mut object, "/metadata/namespace", namespace);
    }
    let within = json::text(&object, "/metadata/namespace");
    if resource.namespaced && api.store.get(NAMESPACES, "", within).is_none() {
        return Err(Failure::not_found(NAMESPACES, within));
    }
    if json::text(&object, "/metadata/name").is_empty() {
        return Err(Failure::invalid(
            resource,
            "metadata.name: Required value",
            &object,
        ));
    }
    if resource.has_status {
        json::remove(&mut object, "/status");
    }
    checked(api, call, objects, &mut object)?;
    let object = if call.dry_run() {
        api.store.prepare(resource, object)?
    } else {
        api.store.create(resource, object)?
    };
    Ok(if objects.newer_events {
        events::newer(&object)
    } else {
        object
    })
}

/// The status subresource: nothing but the status changes.
fn replace_status(
    api: &mut ApiState,
    call: &Call,
    objects: &Objects,
    name: &str,
) -> Result<Value, Failure> {
    let resource = objects.resource;
    let mut sent = call.body.clone();
    checked(api, call, objects, &mut sent)?;
    let mut next = live(api, objects, name)?;
    let version = json::text(&sent, "/metadata/resourceVersion");
    if version.is_empty() {
        let why = "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update";
        return Err(Failure::invalid(resource, why, &sent));
    }
    let uid = json::text(&sent, "/metadata/uid");
    let other = !uid.is_empty() && uid != json::text(&next, "/metadata/uid");
    if other || version != json::text(&next, "/metadata/resourceVersion") {
        return Err(Failure::conflict(resource, name));
    }
    match sent.get("status") {
        Some(status) => json::set(&mut next, "/status", status.clone()),
        None => json::remove(&mut next, "/status"),
    }
    Ok(if call.dry_run() {
        next
    } else {
        api.store.put(resource, next)
    })
}

/// A JSON Patch of the main resource.
fn patch(api: &mut ApiState, call: &Call, objects: &Objects, name: &str) -> Result<Value, Failure> {
    let resource = objects.resource;
    if !api.may_patch {
        return Err(Failure::forbidden(resource, name, "patch"));
    }
    if call.content_type != "application/json-patch+json" {
        let message = "the body of the request was in an unknown format";
        return Err(Failure::new(415, "UnsupportedMediaType", message));
    }
    let before = live(api, objects, name)?;
    let operations: json_patch::Patch = serde_json::from_value(call.body.clone())
        .map_err(|_| Failure::bad_request("the patch could not be read"))?;
    let mut next = before.clone();
    json_patch::patch(&mut next, &operations).map_err(|_| Failure::patch_failed(&before))?;
    let kept = |field: &str| next.pointer(field) == before.pointer(field);
    if !kept("/metadata/resourceVersion") {
        return Err(Failure::conflict(resource, name));
    }
    if ![
        "/metadata/uid",
        "/metadata/name",
        "/metadata/namespace",
        "/spec/selector",
    ]
    .into_iter()
    .all(kept)
    {
        return Err(Failure::invalid(resource, "field is immutable", &next));
    }
    if resource.has_status {
        match before.get("status") {
            Some(status) => json::set(&mut next, "/status", status.clone()),
            None => json::remove(&mut next, "/status"),
        }
    }
    if resource == DEPLOYMENTS {
        defaults::deployment(&mut next);
        defaults::check(&next)?;
        moved_generation(&before, &mut next);
    }
    Ok(if call.dry_run() {
        next
    } else {
        api.store.put(resource, next)
    })
}

/// A Deployment's generation moves with its annotations too (Kubernetes `pkg/registry/apps/deployment/strategy.go`).
pub(crate) fn moved_generation(before: &Value, next: &mut Value) {
    let moved = ["/spec", "/metadata/annotations"]
        .into_iter()
        .any(|field| before.pointer(field) != next.pointer(field));
    if moved {
        let generation = json::number(before, "/metadata/generation") + 1;
        json::set(next, "/metadata/generation", generation);
    }
}

/// Validation of what was sent, as far as it is modelled: Incidents against their CRD.
fn checked(
    api: &ApiState,
    call: &Call,
    objects: &Objects,
    object: &mut Value,
) -> Result<(), Failure> {
    let (true, Some(schema)) = (objects.resource == INCIDENTS, &api.incidents) else {
        return Ok(());
    };
    let unknown = schema::prune(schema, object);
    if call.parameter("fieldValidation") == "Strict" && !unknown.is_empty() {
        let named: Vec<String> = unknown
            .iter()
            .map(|field| format!("unknown field \"{field}\""))
            .collect();
        return Err(Failure::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: strict decoding error: {}",
            objects.resource.kind,
            objects.resource.version,
            objects.resource.kind,
            named.join(", ")
        )));
    }
    match schema::violation(schema, object) {
        Some(why) => Err(Failure::invalid(objects.resource, &why, object)),
        None => Ok(()),
    }
}
