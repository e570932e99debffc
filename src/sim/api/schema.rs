//! A custom resource against its CRD's structural schema: unknown fields, defaults, types, lengths. What the apiextensions server checks and Ripcord
//! relies on; formats, patterns and CEL rules are not looked at.

use serde_json::{Value, json};

/// What is served under `/openapi/v3/apis/ripcord.dev/v1alpha1`.
pub(crate) fn served(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(map) = schema.as_object_mut() {
        map.insert(
            "x-kubernetes-group-version-kind".to_owned(),
            json!([{"group": "ripcord.dev", "kind": "Incident", "version": "v1alpha1"}]),
        );
    }
    json!({"openapi": "3.0.0", "components": {"schemas": {"dev.ripcord.v1alpha1.Incident": schema}}})
}

/// Takes every unknown field out of an object, and names them in order.
pub(crate) fn prune(schema: &Value, object: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    let Some(map) = object.as_object_mut() else {
        return unknown;
    };
    for (name, value) in map.iter_mut() {
        // These belong to every object and not to the schema.
        if !["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
            match schema
                .pointer("/properties")
                .and_then(|known| known.get(name))
            {
                Some(known) => below(known, value, name, &mut unknown),
                None => unknown.push(name.clone()),
            }
        }
    }
    map.retain(|name, _| !unknown.contains(name));
    unknown
}

fn below(schema: &Value, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let Some(known) = schema.get("properties") else {
                return;
            };
            let mut gone = Vec::new();
            for (name, value) in map.iter_mut() {
                let path = format!("{path}.{name}");
                if let Some(known) = known.get(name) {
                    below(known, value, &path, unknown);
                } else {
                    unknown.push(path);
                    gone.push(name.clone());
                }
            }
            map.retain(|name, _| !gone.contains(name));
        }
        Value::Array(items) => {
            let Some(schema) = schema.get("items") else {
                return;
            };
            for (index, item) in items.iter_mut().enumerate() {
                below(schema, item, &format!("{path}[{index}]"), unknown);
            }
        }
        _ => {}
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema.get("nullable").and_then(Value::as_bool) == Some(true)
}

/// Fills in the schema's defaults, in the objects that are there.
pub(crate) fn default(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(map) => {
            let known = schema.get("properties").and_then(Value::as_object);
            for (name, schema) in known.into_iter().flatten() {
                if let Some(default) = schema.get("default") {
                    let value = map.entry(name.clone()).or_insert(Value::Null);
                    if value.is_null() && !is_nullable(schema) {
                        *value = default.clone();
                    }
                }
                if let Some(value) = map.get_mut(name) {
                    self::default(schema, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    default(schema, item);
                }
            }
        }
        _ => {}
    }
}

/// The field that does not fit the schema, and why; `None` = all do.
pub(crate) fn violation(schema: &Value, object: &Value) -> Option<(String, String)> {
    violation_at(schema, object, "")
}

fn violation_at(schema: &Value, value: &Value, path: &str) -> Option<(String, String)> {
    let because = |why: String| Some((path.to_owned(), why));
    let expected = schema.get("type").and_then(Value::as_str);
    if value.is_null() && is_nullable(schema) {
        return None;
    }
    let fits = match expected {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => true,
    };
    if !fits {
        let found = type_of(value);
        let expected = expected.unwrap_or_default();
        return because(format!(
            "Invalid value: \"{found}\": {path} in body must be of type {expected}: \"{found}\""
        ));
    }
    let longer = |limit: &str, length: usize, unit: &str| {
        let most = schema.get(limit).and_then(Value::as_u64)?;
        let too_long = u64::try_from(length).is_ok_and(|length| length > most);
        too_long.then(|| because(format!("Too long: may not be more than {most} {unit}")))?
    };
    let child = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::String(text) => longer("maxLength", text.chars().count(), "bytes"),
        Value::Array(items) => longer("maxItems", items.len(), "items").or_else(|| {
            let below = schema.get("items")?;
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| violation_at(below, item, &format!("{path}[{index}]")))
        }),
        Value::Object(map) => {
            let required = schema.get("required").and_then(Value::as_array);
            let missing = required.into_iter().flatten().filter_map(Value::as_str);
            let missing = missing.into_iter().find(|name| !map.contains_key(*name));
            missing
                .map(|name| (child(name), "Required value".to_owned()))
                .or_else(|| {
                    let known = schema.get("properties")?;
                    map.iter().find_map(|(name, value)| {
                        violation_at(known.get(name)?, value, &child(name))
                    })
                })
        }
        _ => None,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({"type": "object", "required": ["spec"], "properties": {"spec": {"type": "object", "properties": {
            "name": {"type": "string", "maxLength": 3},
            "rows": {"type": "array", "maxItems": 1, "items": {"type": "object", "properties": {"at": {"type": "integer"}}}},
        }}}})
    }

    #[test]
    fn unknown_fields_are_named_and_taken_out() {
        let mut object = json!({"metadata": {"x": 1}, "spec": {"name": "a", "new": 1, "rows": [{"at": 1, "text": ""}]}, "extra": 1});
        let unknown = prune(&schema(), &mut object);
        assert_eq!(unknown, ["extra", "spec.new", "spec.rows[0].text"]);
        assert_eq!(
            object,
            json!({"metadata": {"x": 1}, "spec": {"name": "a", "rows": [{"at": 1}]}})
        );
    }

    #[test]
    fn what_is_too_long_missing_or_of_another_type_does_not_fit() {
        for object in [
            json!({}),
            json!({"spec": {"name": "abcd"}}),
            json!({"spec": {"name": 1}}),
            json!({"spec": {"name": null}}),
            json!({"spec": {"rows": [{}, {}]}}),
            json!({"spec": {"rows": [{"at": "1"}]}}),
        ] {
            assert!(violation(&schema(), &object).is_some(), "{object}");
        }
        assert_eq!(violation(&schema(), &json!({"spec": {"rows": []}})), None);
    }
}
