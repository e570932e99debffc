//! Refusals, as the API server words them: a `metav1.Status`.

use super::resources::Resource;
use serde_json::{Value, json};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: u16,
    reason: &'static str,
    message: String,
}

impl Failure {
    /// Any refusal.
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
        }
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.qualified());
        Self::new(404, "NotFound", message)
    }

    /// A path that leads nowhere.
    pub(crate) fn no_such_path() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(404, "NotFound", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message)
    }

    pub(crate) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Self::new(409, "AlreadyExists", message)
    }

    pub(crate) fn conflict(resource: &Resource, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes to the latest version and try again",
            resource.qualified()
        );
        Self::new(409, "Conflict", message)
    }

    /// 422. Like the real one it carries the whole object, so that a test can see that nobody keeps it.
    pub(crate) fn invalid(resource: &Resource, why: &str, object: &Value) -> Self {
        let message = format!(
            "{} \"{}\" is invalid: {why}: {object}",
            resource.kind,
            super::super::json::text(object, "/metadata/name")
        );
        Self::new(422, "Invalid", message)
    }

    /// A JSON Patch whose `test` fails, or that can't be applied (seen on the rig: the same words for all of them).
    pub(crate) fn patch_failed(object: &Value) -> Self {
        let message =
            format!("the server rejected our request due to an error in our request: {object}");
        Self::new(422, "Invalid", message)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 403: a missing right.
    pub(crate) fn forbidden(resource: &Resource, name: &str, verb: &str) -> Self {
        let resource = resource.qualified();
        let message = format!(
            "{resource} \"{name}\" is forbidden: User can't {verb} resource \"{resource}\""
        );
        Self::new(403, "Forbidden", message)
    }

    /// The answer's body.
    pub(crate) fn body(&self) -> Value {
        json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        })
    }
}
