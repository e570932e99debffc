//! A case told aloud: what the incidents say, for whoever looks for the reason of a difference.

use super::judge::{incidents, list, text};
use super::stage::Stage;
use serde_json::Value;
use std::fmt::{self, Write as _};

/// What the incidents say.
pub(crate) fn story(stage: &Stage) -> String {
    let mut story = String::new();
    for incident in incidents(stage) {
        tell(&mut story, &incident).unwrap();
    }
    story
}

fn tell(story: &mut String, incident: &Value) -> fmt::Result {
    let status = |field: &str| text(incident, &format!("/status/{field}"));
    writeln!(
        story,
        "  incident of {}: {} {} {}: {}",
        text(incident, "/spec/workload/name"),
        status("phase"),
        status("outcome"),
        status("reason"),
        status("message"),
    )?;
    for entry in list(incident, "/status/diagnosis") {
        writeln!(
            story,
            "    {} {} (going back helps: {}): {}",
            text(entry, "/container"),
            text(entry, "/cause"),
            text(entry, "/rollbackHelps"),
            text(entry, "/because"),
        )?;
    }
    for guard in list(incident, "/status/verdict/guards") {
        let result = text(guard, "/result");
        if result != "Pass" {
            let (guard, message) = (text(guard, "/guard"), text(guard, "/message"));
            writeln!(story, "    {guard} {result}: {message}")?;
        }
    }
    for row in list(incident, "/status/timeline") {
        writeln!(story, "    {} {}", text(row, "/at"), text(row, "/text"))?;
    }
    Ok(())
}
