//! Admission: a rule that somebody installed looks at every write that clients and people ask for, dry runs included.

use super::failure::Failure;
use super::resources::Resource;
use crate::sim::json;
use serde_json::Value;
use std::sync::Arc;

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It makes an object.
    Create,
    /// It changes one.
    Update,
    /// It takes one away.
    Delete,
}

/// A write that is about to be made.
#[derive(Clone, Copy, Debug)]
pub struct Review<'a> {
    /// What it does.
    pub operation: Operation,
    /// The object's kind.
    pub kind: &'a str,
    /// `status`, or empty.
    pub subresource: &'a str,
    /// Who asks for it.
    pub user_agent: &'a str,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// The object as it is; `None` = there is none.
    pub before: Option<&'a Value>,
    /// The object as it shall be; `None` = it shall be gone.
    pub after: Option<&'a Value>,
}

/// What a rule says of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling {
    /// It may happen.
    Admit,
    /// It may happen with this object instead. Who the object is (name, namespace, uid, version) stays.
    Change(Value),
    /// It may not.
    Refuse {
        /// The answer's status: 400, 403 or 422, as webhooks and policies choose.
        code: u16,
        /// Why.
        message: String,
    },
}

impl Ruling {
    /// As a `ValidatingAdmissionPolicy` with `reason: Forbidden` refuses.
    pub fn forbid(message: &str) -> Self {
        Self::Refuse {
            code: 403,
            message: message.to_owned(),
        }
    }
}

/// A rule.
pub type AdmissionRule = Arc<dyn Fn(&Review<'_>) -> Ruling + Send + Sync>;

/// What shall be stored after the rule has looked at it.
pub(crate) fn review(
    rule: Option<&AdmissionRule>,
    resource: &Resource,
    request: &Review<'_>,
) -> Result<Option<Value>, Failure> {
    let after = request.after.cloned();
    let Some(rule) = rule else {
        return Ok(after);
    };
    let named = request.after.or(request.before).unwrap_or(&Value::Null);
    match rule(request) {
        Ruling::Admit => Ok(after),
        Ruling::Change(mut changed) => {
            for field in ["name", "namespace", "uid", "resourceVersion"] {
                let field = format!("/metadata/{field}");
                match named.pointer(&field) {
                    Some(value) => json::set(&mut changed, &field, value.clone()),
                    None => json::remove(&mut changed, &field),
                }
            }
            Ok(after.map(|_| changed))
        }
        Ruling::Refuse { code, message } => {
            let name = json::text(named, "/metadata/name");
            Err(Failure::not_admitted(resource, name, code, &message))
        }
    }
}
