//! Small tools for raw API objects: the simulated cluster keeps everything as JSON, as etcd does.

use jiff::Timestamp;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a JSON Pointer leads to. Everything in the cluster is looked up through it, thousands of times in a simulated minute, so it makes no
/// copies; [`Value::pointer`] makes two for each part of the path.
pub(crate) fn at<'a>(object: &'a Value, pointer: &str) -> Option<&'a Value> {
    let mut parts = pointer.split('/');
    // Before the first slash there is nothing.
    parts.next();
    parts.try_fold(object, |object, part| match object {
        Value::Object(map) => map.get(&*unescaped(part)),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A text; empty where there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A whole number; 0 where there is none, as the API reads absent counts.
pub(crate) fn number(object: &Value, pointer: &str) -> i64 {
    at(object, pointer)
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// A switch; off where there is none.
pub(crate) fn flag(object: &Value, pointer: &str) -> bool {
    at(object, pointer)
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

/// A list; empty where there is none.
pub(crate) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    at(object, pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// A map of texts (labels, annotations); empty where there is none.
pub(crate) fn strings(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    at(object, pointer)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// A time.
pub(crate) fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

/// Sets a field; objects that are missing on the way are made. Lists are not walked into.
pub(crate) fn set(object: &mut Value, pointer: &str, value: impl Into<Value>) {
    *place(object, pointer) = value.into();
}

/// Sets a field where it is missing or null.
pub(crate) fn default(object: &mut Value, pointer: &str, value: impl Into<Value>) {
    let place = place(object, pointer);
    if place.is_null() {
        *place = value.into();
    }
}

/// Takes a field away.
pub(crate) fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(&*unescaped(key));
    }
}

fn place<'a>(object: &'a mut Value, pointer: &str) -> &'a mut Value {
    pointer.split('/').skip(1).fold(object, |place, part| {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        match place {
            Value::Object(map) => map
                .entry(unescaped(part).into_owned())
                .or_insert(Value::Null),
            other => other,
        }
    })
}

fn unescaped(part: &str) -> Cow<'_, str> {
    if part.contains('~') {
        part.replace("~1", "/").replace("~0", "~").into()
    } else {
        part.into()
    }
}

/// The uid of the controlling owner; empty where there is none.
pub(crate) fn owner_uid(object: &Value) -> &str {
    list(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| flag(owner, "/controller"))
        .map(|owner| text(owner, "/uid"))
        .unwrap_or_default()
}

/// Whether a condition of the status is `True`, and since when.
pub(crate) fn condition_since(object: &Value, kind: &str) -> Option<Timestamp> {
    list(object, "/status/conditions")
        .iter()
        .find(|condition| text(condition, "/type") == kind && text(condition, "/status") == "True")
        .and_then(|condition| time(condition, "/lastTransitionTime"))
}
