//! What `ripcord check FILE` prints: what was understood, so that its author sees whether it is what was meant.

use super::error::{counted, printable, wrapped};
use super::{Config, ConfigError, WebhookAuth};
use crate::domain::policy::{Foreign, HttpProbe, Match, PinFrom, Policy, RemedySpec, UndoTo};
use crate::domain::time::human;

/// The exit code of a configuration that is fine.
const FINE: u8 = 0;
/// The exit code of a usage or configuration error.
const REFUSED: u8 = 2;

/// The report about a configuration file, for at most 80 columns where its words allow, and the exit code: 0 = fine, 2 = refused.
pub fn report(file_name: &str, result: &Result<Config, ConfigError>) -> (String, u8) {
    match result {
        Ok(config) => (accepted(file_name, config), FINE),
        Err(error) => (format!("{error}\n"), REFUSED),
    }
}

fn accepted(file_name: &str, config: &Config) -> String {
    let mut lines = vec![format!("{file_name}: fine"), String::new()];
    lines.extend(settings(config));
    lines.push(String::new());
    lines.push(match config.policies.len() {
        0 => "no policies".to_owned(),
        count => format!("{}, the first that fits is taken", counted(count, "policy")),
    });
    lines.extend(config.policies.iter().flat_map(policy));
    if !config.not_enforced.is_empty() {
        lines.push(String::new());
        lines.push("set, but without effect in this version".to_owned());
        lines.extend(
            config
                .not_enforced
                .iter()
                .map(|key| place(&key.path, key.line, &key.why)),
        );
    }
    if !config.notes.is_empty() {
        lines.push(String::new());
        lines.push("is this meant?".to_owned());
        lines.extend(
            config
                .notes
                .iter()
                .map(|note| place(&note.path, note.line, &note.text)),
        );
    }
    lines.push(String::new());
    lines.join("\n")
}

fn place(path: &str, line: u64, text: &str) -> String {
    format!("  line {line}: {path}\n{}", wrapped("    ", text))
}

fn settings(config: &Config) -> Vec<String> {
    let row = |name: &str, value: &str| wrapped(&format!("{name:<13} "), &printable(value));
    let prometheus = &config.prometheus;
    let matchers = prometheus
        .matchers
        .iter()
        .map(|(label, value)| format!("{label}={value:?}"));
    let matchers = words(matchers)
        .map(|matchers| format!(", {matchers}"))
        .unwrap_or_default();
    let limits = &config.limits;
    vec![
        row("mode", config.mode.as_str()),
        row(
            "namespaces",
            &words(&config.namespaces)
                .unwrap_or_else(|| "none: every alert is out of scope".to_owned()),
        ),
        row("installation", &config.installation),
        row(
            "webhook",
            &match &config.webhook_auth {
                WebhookAuth::BearerTokenFile(file) => format!(
                    "{}, with the token in {}",
                    config.listen.webhook,
                    file.display()
                ),
                WebhookAuth::Insecure => format!(
                    "{}, INSECURE: anybody may post alerts",
                    config.listen.webhook
                ),
            },
        ),
        row("admin", &config.listen.admin.to_string()),
        row(
            "prometheus",
            &format!(
                "{}{matchers}, {} of history in steps of {}",
                prometheus.url,
                human(prometheus.lookback),
                human(prometheus.step)
            ),
        ),
        row(
            "guards",
            &format!(
                "recentRollout {}, dwell {}, provenFor {}, minCrashes {}, cooldown {}, steps {}",
                human(limits.recent_rollout),
                human(limits.dwell),
                human(limits.proven_for),
                limits.min_crashes,
                human(limits.cooldown),
                limits.steps
            ),
        ),
    ]
}

fn policy(policy: &Policy) -> Vec<String> {
    let row = |name: &str, value: &str| wrapped(&format!("    {name:<9} "), &printable(value));
    let causes = policy
        .causes
        .as_ref()
        .and_then(words)
        .unwrap_or_else(|| "any".to_owned());
    let remedies: Vec<String> = policy.remedies.iter().map(remedy).collect();
    let verify = format!(
        "timeout {}, soak {}{}",
        human(policy.verify.timeout),
        human(policy.verify.soak),
        policy.verify.http.as_ref().map(probe).unwrap_or_default()
    );
    let mut lines = vec![format!("  {}", policy.name)];
    if let Some(mode) = policy.mode {
        lines.push(row("mode", mode.as_str()));
    }
    lines.push(row("covers", &covers(&policy.matches)));
    lines.push(row("causes", &causes));
    lines.push(row("remedies", &remedies.join(", then ")));
    if policy.foreign != Foreign::default() {
        let Foreign { default, helm } = policy.foreign;
        let foreign = format!("{}, Helm's: {}", default.as_str(), helm.as_str());
        lines.push(row("foreign", &foreign));
    }
    lines.push(row("verify", &verify));
    lines
}

fn probe(probe: &HttpProbe) -> String {
    let host = probe.host.as_ref().map(|host| format!(" (Host {host})"));
    let host = host.unwrap_or_default();
    format!(", GET {}{host} answers {}", probe.url, probe.status)
}

fn covers(matches: &Match) -> String {
    let names = matches
        .names
        .as_ref()
        .and_then(words)
        .map(|names| format!(" named {names}"));
    let namespaces = matches.namespaces.as_ref().and_then(words);
    let alerts = matches
        .alerts
        .as_ref()
        .and_then(words)
        .map(|alerts| format!(", alerts {alerts}"));
    format!(
        "{}{} in {}{}",
        words(&matches.kinds).unwrap_or_default(),
        names.unwrap_or_default(),
        namespaces.unwrap_or_else(|| "every namespace in scope".to_owned()),
        alerts.unwrap_or_default()
    )
}

fn remedy(remedy: &RemedySpec) -> String {
    match remedy {
        RemedySpec::RolloutUndo(undo) => {
            let to = match undo.to {
                UndoTo::Proven => "the newest revision proven healthy".to_owned(),
                UndoTo::Previous => "the previous revision, unproven".to_owned(),
                UndoTo::Number(number) => format!("revision {number}, unproven"),
            };
            format!(
                "rolloutUndo to {to} (at most {} back)",
                undo.max_revisions_back
            )
        }
        RemedySpec::PinImage(pin) => {
            let container = pin.container.as_deref().unwrap_or("the failing container");
            match &pin.from {
                PinFrom::Policy(image) => format!("pinImage of {container} to {image}"),
                PinFrom::LastHealthy => {
                    format!("pinImage of {container} to the last healthy digest")
                }
            }
        }
    }
}

/// The items with commas between them; `None` = there are none.
fn words<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> Option<String> {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    (!items.is_empty()).then(|| items.join(", "))
}
