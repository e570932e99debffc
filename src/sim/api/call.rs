//! One request, taken apart.

use super::failure::Failure;
use super::resources::{NAMESPACES, NEWER_EVENTS, Resource};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// One request as the API server got it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When it left its client; it arrives later, much later where the client's machine slept meanwhile.
    pub sent_at: Timestamp,
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query's parameters, decoded.
    pub query: BTreeMap<String, String>,
    /// Who sent it.
    pub user_agent: String,
    /// The content type, without parameters.
    pub content_type: String,
    /// The body; `Null` where there is none, or none that is JSON.
    pub body: Value,
}

/// What a path leads to.
#[derive(Debug, PartialEq)]
pub(super) enum Target {
    Version,
    Schemas,
    AccessReview,
    Objects(Objects),
}

/// Objects of one resource, or one of them.
#[derive(Debug, PartialEq)]
pub(super) struct Objects {
    pub(super) resource: &'static Resource,
    /// Events as `events.k8s.io/v1` shows them.
    pub(super) newer_events: bool,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
}

impl Objects {
    /// As this path shows them.
    pub(super) fn api_version(&self) -> String {
        if self.newer_events {
            format!("{NEWER_EVENTS}/v1")
        } else {
            self.resource.api_version()
        }
    }
}

impl Call {
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Whether nothing is to be stored. A deletion may say so in its body.
    pub fn dry_run(&self) -> bool {
        let in_options = || {
            let named = super::super::json::list(&self.body, "/dryRun");
            self.method == "DELETE" && named.iter().any(|named| named == "All")
        };
        self.parameter("dryRun") == "All" || in_options()
    }

    pub(super) fn is_watch(&self) -> bool {
        ["1", "true"].contains(&self.parameter("watch"))
    }

    /// Options that are none of those that there are: a misspelt dry run must not become a write.
    pub(super) fn check_options(&self) -> Result<(), Failure> {
        for (option, known) in [
            ("dryRun", &["", "All"][..]),
            ("fieldValidation", &["", "Ignore", "Strict", "Warn"]),
        ] {
            let value = self.parameter(option);
            if self.is_write() && !known.contains(&value) {
                let message = format!(
                    "\"\" is invalid: {option}: Unsupported value: \"{value}\": supported values: {known:?}"
                );
                return Err(Failure::new(422, "Invalid", message));
            }
        }
        Ok(())
    }

    /// Whether it asks for a change that is kept.
    pub fn is_write(&self) -> bool {
        self.method != "GET" && !self.path.ends_with("accessreviews")
    }

    /// `ripcord` of `ripcord/0.1.0`, where no field manager was sent.
    pub(super) fn field_manager(&self) -> String {
        match self.parameter("fieldManager") {
            "" => self
                .user_agent
                .split('/')
                .next()
                .unwrap_or_default()
                .to_owned(),
            sent => sent.to_owned(),
        }
    }

    pub(super) fn target(&self) -> Result<Target, Failure> {
        let parts: Vec<&str> = self.path.trim_matches('/').split('/').collect();
        let (group, version, rest) = match parts.as_slice() {
            ["version"] => return Ok(Target::Version),
            ["openapi", "v3", "apis", "ripcord.dev", "v1alpha1"] => return Ok(Target::Schemas),
            [
                "apis",
                "authorization.k8s.io",
                "v1",
                "selfsubjectaccessreviews",
            ] => {
                return Ok(Target::AccessReview);
            }
            ["api", "v1", rest @ ..] => ("", "v1", rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Err(Failure::no_such_path()),
        };
        let objects = |namespace: Option<&str>, plural: &str, rest: &[&str]| {
            let resource =
                Resource::named(group, version, plural).ok_or_else(Failure::no_such_path)?;
            let part = |index: usize| rest.get(index).map(|part| (*part).to_owned());
            if rest.len() > 2 || resource.namespaced != namespace.is_some() && !rest.is_empty() {
                return Err(Failure::no_such_path());
            }
            Ok(Target::Objects(Objects {
                resource,
                newer_events: group == NEWER_EVENTS,
                namespace: namespace.map(str::to_owned),
                name: part(0),
                subresource: part(1),
            }))
        };
        match rest {
            [plural, rest @ ..] if *plural == NAMESPACES.plural && rest.len() < 2 => {
                objects(None, plural, rest)
            }
            ["namespaces", namespace, plural, rest @ ..] => objects(Some(namespace), plural, rest),
            [plural, rest @ ..] => objects(None, plural, rest),
            [] => Err(Failure::no_such_path()),
        }
    }
}

/// A query's parameters; of a parameter that comes twice the last one counts.
pub(super) fn parameters(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

/// Percent-encoding taken away; what is not well-formed stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (head, tail) = rest.split_at(at);
        bytes.extend_from_slice(head.as_bytes());
        let byte = tail
            .get(1..3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = byte {
            bytes.push(byte);
        }
        let skipped = if byte.is_some() { 3 } else { 1 };
        if byte.is_none() {
            bytes.push(b'%');
        }
        rest = tail.get(skipped..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Result<Target, Failure> {
        let call = Call {
            sent_at: Timestamp::UNIX_EPOCH,
            method: "GET".into(),
            path: path.into(),
            query: BTreeMap::new(),
            user_agent: String::new(),
            content_type: String::new(),
            body: Value::Null,
        };
        call.target()
    }

    #[test]
    fn a_path_that_leads_nowhere_is_not_found() {
        for path in [
            "/",
            "/apis/apps/v1/namespaces/lab30/cronjobs",
            "/apis/apps/v2/namespaces/lab30/deployments",
            "/api/v1/pods/web",
            "/api/v1/namespaces/lab30/pods/a/b/c",
        ] {
            assert_eq!(target(path), Err(Failure::no_such_path()), "{path}");
        }
    }

    #[test]
    fn a_path_names_resource_namespace_name_and_subresource() {
        let Ok(Target::Objects(objects)) = target("/api/v1/namespaces/lab30/pods/web-1/log") else {
            panic!()
        };
        assert_eq!(objects.resource.kind, "Pod");
        assert_eq!(objects.namespace.as_deref(), Some("lab30"));
        assert_eq!(objects.name.as_deref(), Some("web-1"));
        assert_eq!(objects.subresource.as_deref(), Some("log"));
        let Ok(Target::Objects(objects)) = target("/api/v1/namespaces/lab30") else {
            panic!()
        };
        assert_eq!(
            (objects.resource.kind, objects.namespace),
            ("Namespace", None)
        );
    }

    #[test]
    fn parameters_are_decoded() {
        let found = parameters("labelSelector=a%3Db%26c&dryRun=All&odd=100%&x");
        assert_eq!(found["labelSelector"], "a=b&c");
        assert_eq!(found["odd"], "100%");
        assert_eq!(found["x"], "");
    }
}
