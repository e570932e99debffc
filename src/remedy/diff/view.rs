//! The reduced view of a template: one row for each field that people compare first.

use super::arguments;
use super::{keys, shown};
use crate::domain::template::CONTAINER_LISTS;
use serde_json::{Map, Value};

/// One line of the view.
#[derive(Debug)]
pub(super) struct Row {
    /// Which field it speaks for.
    pub(super) path: String,
    /// What people see.
    pub(super) text: String,
    /// What they don't: only compared, never shown.
    pub(super) hidden: Vec<String>,
}

pub(super) const REDACTED: &str = "[redacted]";

/// Fields of a container that are shown whole, as JSON.
const PRINTED: [&str; 5] = [
    "resources",
    "ports",
    "startupProbe",
    "readinessProbe",
    "livenessProbe",
];

pub(super) fn rows(template: &Value) -> Vec<Row> {
    let Some(spec) = template.get("spec").and_then(Value::as_object) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    if let Some(account) = spec.get("serviceAccountName").and_then(Value::as_str) {
        rows.push(row(
            "spec.serviceAccountName",
            format!("serviceAccountName: {}", shown(account)),
        ));
    }
    for (key, volume) in elements(spec, "volumes") {
        rows.push(Row {
            hidden: vec![volume.to_string()],
            ..row(
                &format!("spec.volumes[{key}]"),
                format!("volume {}", shown(&key)),
            )
        });
    }
    for list in CONTAINER_LISTS {
        for (key, container) in elements(spec, list) {
            if let Some(container) = container.as_object() {
                rows.extend(container_rows(list, &key, container));
            }
        }
    }
    rows
}

fn row(path: &str, text: String) -> Row {
    Row {
        path: path.to_owned(),
        text,
        hidden: Vec::new(),
    }
}

fn elements<'a>(map: &'a Map<String, Value>, list: &str) -> Vec<(String, &'a Value)> {
    let elements = map
        .get(list)
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    keys(elements).into_iter().zip(elements).collect()
}

fn container_rows(list: &str, name: &str, container: &Map<String, Value>) -> Vec<Row> {
    let path = format!("spec.{list}[{name}]");
    let kind = if list == "initContainers" {
        "init container"
    } else {
        "container"
    };
    let mut rows = vec![row(
        &format!("{path}.name"),
        format!("{kind} {}:", shown(name)),
    )];
    if let Some(image) = container.get("image").and_then(Value::as_str) {
        rows.push(Row {
            hidden: vec![image.to_owned()],
            ..row(
                &format!("{path}.image"),
                format!("  image: {}", shown(image)),
            )
        });
    }
    rows.extend(command_rows(&path, container));
    for field in PRINTED {
        if let Some(value) = container.get(field) {
            let mut hidden = Vec::new();
            let printed = printable(value, &mut hidden);
            let text = format!("  {field}: {printed}");
            rows.push(Row {
                hidden,
                ..row(&format!("{path}.{field}"), text)
            });
        }
    }
    if let Some(sources) = container.get("envFrom") {
        let text = format!("  envFrom: {}", sources_by_name(sources));
        rows.push(Row {
            hidden: vec![sources.to_string()],
            ..row(&format!("{path}.envFrom"), text)
        });
    }
    for (key, variable) in elements(container, "env") {
        let name = variable.get("name").and_then(Value::as_str).unwrap_or(&key);
        rows.push(Row {
            hidden: vec![variable.to_string()],
            ..row(
                &format!("{path}.env[{key}]"),
                format!("  env {}", shown(name)),
            )
        });
    }
    rows
}

/// `command` and `args` are one sentence: a flag may end the one, and its value begin the other.
fn command_rows(path: &str, container: &Map<String, Value>) -> Vec<Row> {
    let words = |field: &str| -> Vec<String> {
        let list = container.get(field).and_then(Value::as_array);
        list.into_iter().flatten().map(as_word).collect()
    };
    let (command, arguments) = (words("command"), words("args"));
    let all: Vec<&str> = command
        .iter()
        .chain(&arguments)
        .map(String::as_str)
        .collect();
    let safe = arguments::redacted(&all);
    let sentence: Vec<(&str, &String)> = all.iter().copied().zip(&safe).collect();
    let (command, arguments) = sentence
        .split_at_checked(command.len())
        .unwrap_or((&sentence, &[]));
    [("command", command), ("args", arguments)]
        .into_iter()
        .filter(|(field, _)| container.contains_key(*field))
        .map(|(field, words)| Row {
            hidden: words
                .iter()
                .filter(|(raw, safe)| raw != safe)
                .map(|(raw, _)| (*raw).to_owned())
                .collect(),
            ..row(
                &format!("{path}.{field}"),
                format!(
                    "  {field}: {}",
                    json_list(words.iter().map(|(_, safe)| safe.as_str()))
                ),
            )
        })
        .collect()
}

fn as_word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn json_list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    Value::Array(words.map(Value::from).collect()).to_string()
}

/// A value with what must not be shown taken out of it, and put into `hidden`.
fn printable(value: &Value, hidden: &mut Vec<String>) -> Value {
    match value {
        Value::Object(map) => {
            // `httpGet.httpHeaders`: a header's value may be a credential.
            let header = map.contains_key("name") && map.contains_key("value");
            map.iter()
                .map(|(key, value)| {
                    let printed = match (key.as_str(), value) {
                        ("value", value) if header => {
                            hidden.push(value.to_string());
                            Value::from(REDACTED)
                        }
                        ("command", Value::Array(words)) => printable_command(words, hidden),
                        _ => printable(value, hidden),
                    };
                    (key.clone(), printed)
                })
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(list) => list.iter().map(|value| printable(value, hidden)).collect(),
        Value::String(text) => printable_command(&[Value::from(text.as_str())], hidden)
            .get_mut(0)
            .map_or(Value::Null, Value::take),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn printable_command(words: &[Value], hidden: &mut Vec<String>) -> Value {
    let words: Vec<String> = words.iter().map(as_word).collect();
    let raw: Vec<&str> = words.iter().map(String::as_str).collect();
    let safe = arguments::redacted(&raw);
    hidden.extend(
        raw.iter()
            .zip(&safe)
            .filter(|(raw, safe)| *raw != safe)
            .map(|(raw, _)| (*raw).to_owned()),
    );
    safe.into_iter().map(Value::from).collect()
}

/// `configMap lab30-web-config, secret token (prefix WEB_)`
fn sources_by_name(sources: &Value) -> String {
    let name = |source: &Value, key: &str| {
        source
            .get(key)
            .and_then(|reference| reference.get("name"))
            .and_then(Value::as_str)
            .map(shown)
    };
    let one = |source: &Value| {
        let what = name(source, "configMapRef")
            .map(|name| format!("configMap {name}"))
            .or_else(|| name(source, "secretRef").map(|name| format!("secret {name}")))
            .unwrap_or_else(|| "(unknown)".to_owned());
        match source.get("prefix").and_then(Value::as_str) {
            Some(prefix) => format!("{what} (prefix {})", shown(prefix)),
            None => what,
        }
    };
    sources
        .as_array()
        .into_iter()
        .flatten()
        .map(one)
        .collect::<Vec<_>>()
        .join(", ")
}
