//! Refusals, as the API server words them: a `metav1.Status`.

use super::resources::Resource;
use serde_json::{Map, Value, json};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: u16,
    reason: &'static str,
    message: String,
    details: Value,
}

/// Which object a refusal is about: its resource's plural, or its kind where the object itself is judged.
fn about(resource: &Resource, name: &str, kind: &str) -> Map<String, Value> {
    let mut details = Map::new();
    if !name.is_empty() {
        details.insert("name".to_owned(), name.into());
    }
    if !resource.group.is_empty() {
        details.insert("group".to_owned(), resource.group.into());
    }
    details.insert("kind".to_owned(), kind.into());
    details
}

impl Failure {
    /// Any refusal.
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: Value::Null,
        }
    }

    /// With what it is about.
    fn of(self, resource: &Resource, name: &str) -> Self {
        Self {
            details: about(resource, name, resource.plural).into(),
            ..self
        }
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.qualified());
        Self::new(404, "NotFound", message).of(resource, name)
    }

    /// A path that leads nowhere.
    pub(crate) fn no_such_path() -> Self {
        let message = "the server could not find the requested resource";
        Self {
            details: json!({}),
            ..Self::new(404, "NotFound", message)
        }
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self {
            details: json!({}),
            ..Self::new(405, "MethodNotAllowed", message)
        }
    }

    pub(crate) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Self::new(409, "AlreadyExists", message).of(resource, name)
    }

    /// A stale resource version.
    pub(crate) fn conflict(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict_because(resource, name, why)
    }

    /// 409.
    pub(crate) fn conflict_because(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {why}",
            resource.qualified()
        );
        Self::new(409, "Conflict", message).of(resource, name)
    }

    /// 422: a field's value. `why` begins as the field errors do: `Required value`, `Too long: …`, `Invalid value: …`.
    pub(crate) fn invalid(resource: &Resource, name: &str, field: &str, why: &str) -> Self {
        let reason = match why.split(':').next().unwrap_or_default() {
            "Required value" => "FieldValueRequired",
            "Too long" => "FieldValueTooLong",
            "Unsupported value" => "FieldValueNotSupported",
            _ => "FieldValueInvalid",
        };
        let mut kind = resource.kind.to_owned();
        if !resource.group.is_empty() {
            kind = format!("{kind}.{}", resource.group);
        }
        let mut details = about(resource, name, resource.kind);
        let cause = json!({"reason": reason, "message": why, "field": field});
        details.insert("causes".to_owned(), json!([cause]));
        Self {
            details: details.into(),
            ..Self::new(
                422,
                "Invalid",
                format!("{kind} \"{name}\" is invalid: {field}: {why}"),
            )
        }
    }

    /// A JSON Patch whose `test` fails, or that can't be applied: the same words for all of them.
    pub(crate) fn patch_failed() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self {
            details: json!({}),
            ..Self::new(422, "Invalid", message)
        }
    }

    /// A JSON Patch whose outcome can't be decoded. Like the real one it carries the whole object, so that a test can see that nobody
    /// keeps it.
    pub(crate) fn patched_badly(object: &Value, why: &str) -> Self {
        let object = Value::String(object.to_string());
        let message = format!(" \"\" is invalid: patch: Invalid value: {object}: {why}");
        Self::new(422, "Invalid", message)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// An object that can't be decoded as what it should be.
    pub(crate) fn undecodable(resource: &Resource, why: &str) -> Self {
        Self::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {kind}: {why}",
            resource.version,
            kind = resource.kind
        ))
    }

    /// A resource version that is forgotten.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 403: a missing right.
    pub(crate) fn forbidden(resource: &Resource, name: &str, verb: &str) -> Self {
        let plural = resource.qualified();
        let message =
            format!("{plural} \"{name}\" is forbidden: User can't {verb} resource \"{plural}\"");
        Self::new(403, "Forbidden", message).of(resource, name)
    }

    /// An admission rule's word.
    pub(crate) fn not_admitted(resource: &Resource, name: &str, code: u16, why: &str) -> Self {
        let reason = match code {
            400 => "BadRequest",
            403 => "Forbidden",
            422 => "Invalid",
            _ => "",
        };
        let message = format!("{} \"{name}\" is forbidden: {why}", resource.qualified());
        Self::new(code, reason, message).of(resource, name)
    }

    /// The answer's body.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if let Some(body) = body.as_object_mut() {
            if !self.reason.is_empty() {
                body.insert("reason".to_owned(), self.reason.into());
            }
            if !self.details.is_null() {
                body.insert("details".to_owned(), self.details.clone());
            }
        }
        body
    }
}
