//! Selectors on fields: on the few that each resource has an index for (Kubernetes' `AddFieldLabelConversionFunc`s).

use super::failure::Failure;
use super::resources::{EVENTS, NAMESPACES, NODES, PODS, REPLICA_SETS, Resource};
use serde_json::Value;

/// One requirement: `status.phase!=Running`.
#[derive(Clone, Debug)]
pub(super) struct Requirement {
    /// Where it is in the stored object.
    pointer: String,
    value: String,
    equal: bool,
}

/// Reads a field selector.
///
/// # Errors
/// When it can't be read or names a field that can't be selected by.
pub(super) fn parse(
    resource: &Resource,
    newer_events: bool,
    text: &str,
) -> Result<Vec<Requirement>, Failure> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (field, value, equal) = split(part).ok_or_else(|| {
                Failure::bad_request(format!(
                    "invalid selector: '{text}'; can't understand '{part}'"
                ))
            })?;
            let stored = stored(resource, newer_events, field).ok_or_else(|| {
                Failure::bad_request(format!("field label not supported: {field}"))
            })?;
            Ok(Requirement {
                pointer: format!("/{}", stored.replace('.', "/")),
                value: value.to_owned(),
                equal,
            })
        })
        .collect()
}

fn split(part: &str) -> Option<(&str, &str, bool)> {
    if let Some((field, value)) = part.split_once("!=") {
        return Some((field, value, false));
    }
    let (field, value) = part.split_once("==").or_else(|| part.split_once('='))?;
    Some((field, value, true))
}

/// The field as it is stored; `None` = it can't be selected by.
fn stored(resource: &Resource, newer_events: bool, field: &str) -> Option<String> {
    if ["metadata.name", "metadata.namespace"].contains(&field) {
        return Some(field.to_owned());
    }
    if resource == EVENTS {
        let about = if newer_events {
            "regarding."
        } else {
            "involvedObject."
        };
        let reporter = if newer_events {
            "reportingController"
        } else {
            "reportingComponent"
        };
        return match field.strip_prefix(about) {
            Some(part) => EVENT_PARTS
                .contains(&part)
                .then(|| format!("involvedObject.{part}")),
            None if field == reporter => Some("reportingComponent".to_owned()),
            None => ["reason", "type"]
                .contains(&field)
                .then(|| field.to_owned()),
        };
    }
    let known: &[&str] = if resource == PODS {
        &POD_FIELDS
    } else if resource == NODES {
        &["spec.unschedulable"]
    } else if resource == NAMESPACES {
        &["status.phase"]
    } else if resource == REPLICA_SETS {
        &["status.replicas"]
    } else {
        &[]
    };
    known.contains(&field).then(|| field.to_owned())
}

const EVENT_PARTS: [&str; 7] = [
    "kind",
    "namespace",
    "name",
    "uid",
    "apiVersion",
    "resourceVersion",
    "fieldPath",
];
const POD_FIELDS: [&str; 7] = [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
];

impl Requirement {
    /// Whether an object fits. A field that is absent is as good as empty.
    pub(super) fn fits(&self, object: &Value) -> bool {
        let is = match object.pointer(&self.pointer) {
            None | Some(Value::Null) => self.value.is_empty(),
            Some(Value::String(text)) => *text == self.value,
            Some(other) => format!("{other}") == self.value,
        };
        is == self.equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_without_an_index_is_refused_and_not_taken_for_everything() {
        for text in ["spec.x=1", "involvedObject.uid=u", "status.phase"] {
            assert!(parse(PODS, false, text).is_err(), "{text}");
        }
        assert!(parse(EVENTS, true, "involvedObject.uid=u").is_err());
    }

    #[test]
    fn all_requirements_must_fit() {
        let pod = json!({"metadata": {"name": "a"}, "status": {"phase": "Running"}});
        for (text, fit) in [
            ("", true),
            ("metadata.name=a,status.phase==Running", true),
            ("metadata.name=a,status.phase!=Running", false),
            ("spec.nodeName=", true),
            ("spec.nodeName=n", false),
        ] {
            let parsed = parse(PODS, false, text).unwrap();
            assert_eq!(parsed.iter().all(|one| one.fits(&pod)), fit, "{text}");
        }
    }
}
