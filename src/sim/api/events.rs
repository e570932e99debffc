//! Events in their two shapes: stored as `core/v1`, also served as `events.k8s.io/v1` (Kubernetes `pkg/apis/events/v1/conversion.go`).

use super::super::json;
use super::failure::Failure;
use super::resources::EVENTS;
use serde_json::{Map, Value};

/// The limit for a note (Kubernetes `pkg/apis/core/validation/events.go`).
const NOTE_BYTES: usize = 1024;
/// Field of `core/v1`, field of `events.k8s.io/v1`.
const RENAMED: [(&str, &str); 7] = [
    ("message", "note"),
    ("involvedObject", "regarding"),
    ("reportingComponent", "reportingController"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("source", "deprecatedSource"),
];

fn renamed(
    object: &Value,
    version: &str,
    names: impl Iterator<Item = (&'static str, &'static str)>,
) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        for (from, to) in names {
            if let Some(value) = map.remove(from) {
                map.insert(to.to_owned(), value);
            }
        }
        map.insert("apiVersion".to_owned(), version.into());
    }
    object
}

/// A stored event as `events.k8s.io/v1` shows it.
pub(super) fn newer(object: &Value) -> Value {
    renamed(object, "events.k8s.io/v1", RENAMED.into_iter())
}

/// An event that was sent as `events.k8s.io/v1`, as it is stored.
pub(super) fn older(sent: &Value) -> Result<Value, Failure> {
    let name = json::text(sent, "/metadata/name");
    for field in [
        "/eventTime",
        "/type",
        "/reason",
        "/action",
        "/reportingController",
        "/reportingInstance",
    ] {
        if json::text(sent, field).is_empty() {
            let field = field.trim_start_matches('/');
            return Err(Failure::invalid(EVENTS, name, field, "Required value"));
        }
    }
    if json::text(sent, "/note").len() > NOTE_BYTES {
        let why = "Invalid value: \"\": can have at most 1024 characters";
        return Err(Failure::invalid(EVENTS, name, "message", why));
    }
    let names = RENAMED.into_iter().map(|(core, newer)| (newer, core));
    let mut older = renamed(sent, "v1", names);
    json::default(&mut older, "/source", Value::Object(Map::new()));
    for time in ["/firstTimestamp", "/lastTimestamp"] {
        json::default(&mut older, time, Value::Null);
    }
    Ok(older)
}
