//! What an object that is written must be, kind by kind, as far as it is modelled.

use super::super::json;
use super::call::Objects;
use super::failure::Failure;
use super::resources::{DEPLOYMENTS, INCIDENTS, LEASES, Resource};
use super::{ApiState, defaults, schema, strict};
use serde_json::Value;

/// An object says what it is, or (built-in kinds only) nothing.
pub(super) fn kind(objects: &Objects, object: &mut Value) -> Result<(), Failure> {
    let resource = objects.resource;
    if !object.is_object() {
        return Err(Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {})",
            resource.kind
        )));
    }
    let expected = [
        ("/kind", resource.kind.to_owned()),
        ("/apiVersion", objects.api_version()),
    ];
    for (field, expected) in expected {
        if resource != INCIDENTS {
            json::default(object, field, expected.as_str());
        }
        let found = json::text(object, field);
        if found != expected {
            return Err(Failure::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): {found}",
                resource.kind
            )));
        }
    }
    Ok(())
}

/// Takes the unknown fields out of an object in the shape in which it was sent, and names them.
pub(super) fn pruned(
    api: &ApiState,
    objects: &Objects,
    object: &mut Value,
) -> Result<Vec<String>, Failure> {
    let mut unknown = strict::prune(objects.resource, objects.newer_events, object)?;
    if let (true, Some(schema)) = (objects.resource == INCIDENTS, &api.incidents) {
        unknown.extend(schema::prune(schema, object));
    }
    Ok(unknown)
}

/// `strict decoding error: unknown field "spec.x", unknown field "spec.y"`.
pub(super) fn named(unknown: &[String]) -> String {
    let named: Vec<String> = unknown
        .iter()
        .map(|field| format!("unknown field \"{field}\""))
        .collect();
    format!("strict decoding error: {}", named.join(", "))
}

/// Fills in what was left out.
pub(super) fn defaulted(api: &ApiState, resource: &Resource, object: &mut Value) {
    if resource == DEPLOYMENTS {
        defaults::deployment(object);
    }
    if let (true, Some(schema)) = (resource == INCIDENTS, &api.incidents) {
        schema::default(schema, object);
    }
}

/// Whether it may be stored.
pub(super) fn check(
    api: &ApiState,
    resource: &Resource,
    before: Option<&Value>,
    object: &Value,
) -> Result<(), Failure> {
    let name = json::text(object, "/metadata/name");
    if resource == DEPLOYMENTS {
        defaults::check(object)?;
        let selector = |object: &Value| object.pointer("/spec/selector").cloned();
        if before.is_some_and(|before| selector(before) != selector(object)) {
            let why = "Invalid value: field is immutable";
            return Err(Failure::invalid(resource, name, "spec.selector", why));
        }
    }
    if resource == LEASES {
        let seconds = object.pointer("/spec/leaseDurationSeconds");
        if seconds
            .and_then(Value::as_i64)
            .is_some_and(|seconds| seconds < 1)
        {
            let why = "Invalid value: must be greater than 0";
            return Err(Failure::invalid(
                resource,
                name,
                "spec.leaseDurationSeconds",
                why,
            ));
        }
    }
    if let (true, Some(schema)) = (resource == INCIDENTS, &api.incidents)
        && let Some((field, why)) = schema::violation(schema, object)
    {
        return Err(Failure::invalid(resource, name, &field, &why));
    }
    Ok(())
}

/// RFC 1123: what almost every object may be called.
pub(super) fn is_a_name(name: &str) -> bool {
    const LONGEST: usize = 253;
    let part = |part: &str| {
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        ends(bytes.first())
            && ends(bytes.last())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    };
    name.len() <= LONGEST && name.split('.').all(part)
}

/// The generation counts specifications; a Deployment's moves with its annotations too (Kubernetes `pkg/registry/apps/deployment/strategy.go`).
pub(crate) fn moved_generation(resource: &Resource, before: &Value, next: &mut Value) {
    let moved = |field: &str| before.pointer(field) != next.pointer(field);
    let moved = moved("/spec") || resource == DEPLOYMENTS && moved("/metadata/annotations");
    if resource.has_generation() && moved {
        let generation = json::number(before, "/metadata/generation") + 1;
        json::set(next, "/metadata/generation", generation);
    }
}
