//! Whether the cluster's CRD has every field that this binary writes. An older one would drop fields silently, and a record that is not
//! durable must not lead to an action.

use super::crd::Incident;
use kube::CustomResourceExt;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The fields that this binary writes and the served schemas lack, as paths; empty = all there.
pub fn missing_fields(served: &Value) -> Vec<String> {
    let Some(served) = served
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .and_then(|schemas| schemas.values().find(|schema| is_incident(schema)))
    else {
        return vec!["the whole Incident".to_owned()];
    };
    let mut there = BTreeSet::new();
    paths(served, "", &mut there);
    ours().difference(&there).cloned().collect()
}

fn is_incident(schema: &Value) -> bool {
    schema
        .pointer("/x-kubernetes-group-version-kind/0/kind")
        .and_then(Value::as_str)
        == Some("Incident")
}

/// The paths that this binary writes: made once, for it is asked every minute.
fn ours() -> &'static BTreeSet<String> {
    static OURS: OnceLock<BTreeSet<String>> = OnceLock::new();
    OURS.get_or_init(|| {
        let mut found = BTreeSet::new();
        if let Some(schema) = our_schema() {
            paths(&schema, "", &mut found);
        }
        found
    })
}

fn our_schema() -> Option<Value> {
    let crd = serde_json::to_value(Incident::crd()).ok()?;
    crd.pointer("/spec/versions/0/schema/openAPIV3Schema")
        .cloned()
}

/// The paths of all properties below `spec` and `status`.
fn paths(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(items) = schema.get("items") {
        paths(items, path, found);
    }
    for (name, property) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let ours = !path.is_empty() || name == "spec" || name == "status";
        if ours {
            let below = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            paths(property, &below, found);
            found.insert(below);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn served(schema: Value) -> Value {
        let mut schema = schema;
        schema["x-kubernetes-group-version-kind"] =
            json!([{"group": "ripcord.dev", "kind": "Incident", "version": "v1alpha1"}]);
        json!({"components": {"schemas": {"dev.ripcord.v1alpha1.Incident": schema}}})
    }

    #[test]
    fn a_missing_crd_lacks_everything() {
        assert_eq!(missing_fields(&json!({})), ["the whole Incident"]);
    }

    #[test]
    fn an_older_crd_is_told_by_the_field_that_it_lacks() {
        let mut older = our_schema().unwrap();
        let timeline = older
            .pointer_mut("/properties/status/properties/timeline/items/properties")
            .unwrap();
        timeline.as_object_mut().unwrap().remove("text");
        assert_eq!(missing_fields(&served(older)), ["status.timeline.text"]);
    }

    #[test]
    fn our_own_crd_and_a_newer_one_lack_nothing() {
        let mut newer = our_schema().unwrap();
        newer["properties"]["status"]["properties"]["future"] = json!({"type": "string"});
        assert!(our_schema().unwrap().to_string().len() > 1_000);
        assert_eq!(missing_fields(&served(newer)), Vec::<String>::new());
    }
}
