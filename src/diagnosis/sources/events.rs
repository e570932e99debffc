//! What the Events said.

use super::{Focus, Rank, Telling, each};
use crate::domain::evidence::{EventFact, Evidence, Source};
use std::collections::BTreeSet;

pub(super) fn tell(said: &mut BTreeSet<Telling>, evidence: &Evidence, focus: &Focus<'_>) {
    each(said, Source::Events, "events", &evidence.events, |event| {
        Some((
            event_rank(event, focus),
            format!(
                "{} {}: {}{}",
                event.regarding_name,
                event.reason,
                event.message,
                match event.count {
                    ..=1 => String::new(),
                    count => format!(" (x{count})"),
                }
            ),
        ))
    });
}

/// Pull errors, kills and what can't be created say why; `Error: ImagePullBackOff` and back-offs only go with it.
fn event_rank(event: &EventFact, focus: &Focus<'_>) -> Rank {
    let is_on = focus.pods.contains(event.regarding_name.as_str())
        && event
            .container
            .as_deref()
            .is_none_or(|container| focus.is_on(&event.regarding_name, container));
    if !is_on {
        return Rank::Else;
    }
    let says_why = match event.reason.as_str() {
        "Failed" => !matches!(
            event.message.as_str(),
            "Error: ErrImagePull" | "Error: ImagePullBackOff"
        ),
        "BackOff" => false,
        "Killing" => true,
        _ => event.kind == "Warning",
    };
    match (says_why, event.kind.as_str()) {
        (true, _) => Rank::Why,
        (false, "Warning") => Rank::Beside,
        (false, _) => Rank::Around,
    }
}
