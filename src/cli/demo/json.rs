//! The same as one JSON document.

use super::story::Told;
use crate::sim::Write;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::time::Duration;

/// The document, with a line end.
pub(super) fn document(
    all: &[Told],
    dry_run: bool,
    passed: SignedDuration,
    took: Duration,
) -> String {
    let document = json!({
        "mode": if dry_run { "dry-run" } else { "enforce" },
        "simulatedSeconds": passed.as_secs(),
        "wallSeconds": took.as_secs_f64(),
        "incidents": all.iter().map(one).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn one(told: &Told) -> Value {
    json!({
        "title": told.title,
        "change": {"at": told.changed_at, "command": told.command, "diff": told.change},
        "registryDown": told.outage.map(|(from, until)| json!({"from": from, "until": until})),
        "alert": {
            "at": told.delivered.at, "payload": told.delivered.payload,
            "status": told.delivered.status, "answer": told.delivered.answer,
        },
        // As it was decided, where it was held: its end is below.
        "held": told.held.as_ref().and_then(|held| held.status.as_ref()),
        "incident": told.object,
        "writes": told.stored().map(write).collect::<Vec<_>>(),
    })
}

/// A write to a workload that was accepted.
fn write(write: &Write) -> Value {
    json!({
        "at": write.at, "verb": write.verb, "path": write.path, "userAgent": write.user_agent,
        "fieldManager": write.field_manager, "status": write.status, "body": write.body,
        "resourceVersion": write.resource_version,
    })
}
