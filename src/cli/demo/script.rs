//! The three incidents, as people and the outside make them.

use super::DemoError;
use super::alertmanager::Rule;
use super::lab;
use serde_json::Value;
use std::time::Duration;

/// One incident of the demo.
pub(super) struct Chapter {
    /// What it is about, for people.
    pub(super) title: &'static str,
    /// The command that a person types.
    pub(super) command: &'static str,
    /// What it applies.
    pub(super) manifest: Value,
    /// What works.
    pub(super) good: Value,
    /// The rule that finds it.
    pub(super) rule: Rule,
    /// Whether the registry is down, from just before until the incident has been held for a while.
    pub(super) registry_down: bool,
    /// How long nothing happens before.
    pub(super) quiet: Duration,
}

/// Between two incidents.
const A_WHILE: Duration = Duration::from_secs(5 * 60);
/// The third is about the same workload as the first: the cooldown of 15 minutes must be over, or it would be one more reason.
const LONGER_THAN_COOLDOWN: Duration = Duration::from_secs(20 * 60);

/// The lab's two incidents, and a third that is nobody's fault.
pub(super) fn chapters() -> Result<[Chapter; 3], DemoError> {
    Ok([
        Chapter {
            title: "a tag that does not exist",
            command: "kubectl apply -f web-bad-image.yaml",
            manifest: lab::web_with_a_bad_image()?,
            good: lab::web()?,
            rule: Rule::PodWaiting,
            registry_down: false,
            quiet: Duration::ZERO,
        },
        Chapter {
            title: "an argument that is taken for a command",
            command: "kubectl apply -f bad-redis-arg.yaml",
            manifest: lab::redis_with_a_bad_argument()?,
            good: lab::redis()?,
            rule: Rule::PodRestarts,
            registry_down: false,
            quiet: A_WHILE,
        },
        Chapter {
            title: "a good release while the registry is down",
            command: "kubectl apply -f web-release.yaml",
            manifest: lab::web_release()?,
            good: lab::web_release()?,
            rule: Rule::PodWaiting,
            registry_down: true,
            quiet: LONGER_THAN_COOLDOWN,
        },
    ])
}
