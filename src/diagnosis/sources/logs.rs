//! What the crashed containers said last.

use super::super::crash::last_words;
use super::{Focus, Rank, State, Telling, known, silent};
use crate::domain::evidence::{Evidence, LogTail, Source};
use crate::domain::observed::Observed;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn tell(said: &mut BTreeSet<Telling>, evidence: &Evidence, focus: &Focus<'_>) {
    if evidence.logs.is_empty() {
        silent(
            said,
            Source::Logs,
            State::Absent,
            "no container has crashed, so none were asked for",
        );
    }
    // One answer for each container; a pod of many replicas that all say the same says it once.
    let mut tails: BTreeMap<(&str, &str), &LogTail> = BTreeMap::new();
    for tail in &evidence.logs {
        tails.insert((&tail.container, &tail.pod_name), tail);
    }
    for ((container, pod), tail) in tails {
        let place = format!("{container} in {pod}");
        match &tail.lines {
            Observed::Known(lines) => {
                if let Some(line) = last_words(lines) {
                    said.insert(known(
                        focus.rank(pod, container),
                        Source::Logs,
                        &format!("{place}: {line}"),
                    ));
                }
                if lines.len() > 1 && focus.is_on(pod, container) {
                    let last: Vec<&str> = lines.iter().rev().take(5).map(String::as_str).collect();
                    let last: Vec<&str> = last.into_iter().rev().collect();
                    said.insert(known(
                        Rank::Beside,
                        Source::Logs,
                        &format!("{place}, the end: {}", last.join(" | ")),
                    ));
                }
            }
            Observed::Absent => silent(
                said,
                Source::Logs,
                State::Absent,
                &format!("{place}: wrote nothing"),
            ),
            Observed::Unavailable(why) => {
                silent(
                    said,
                    Source::Logs,
                    State::Unavailable,
                    &format!("{place}: could not be read: {why}"),
                );
            }
        }
    }
}
