//! Alerts, and the webhook's payload, version 4 (Alertmanager `notify/webhook/webhook.go`, `template/template.go`), as captured in
//! `tests/fixtures/alertmanager`.

use super::{Episode, Route};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An alert, as a rule makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    generator_url: String,
}

impl Alert {
    /// An alert with these labels.
    pub fn new(labels: &[(&str, &str)]) -> Self {
        Self {
            labels: owned(labels),
            annotations: BTreeMap::new(),
            generator_url: String::new(),
        }
    }

    /// With these annotations.
    #[must_use]
    pub fn annotated(self, annotations: &[(&str, &str)]) -> Self {
        Self {
            annotations: owned(annotations),
            ..self
        }
    }

    /// With the address of its expression.
    #[must_use]
    pub fn generated_by(self, url: &str) -> Self {
        Self {
            generator_url: url.to_owned(),
            ..self
        }
    }

    /// One of its labels; empty = it has none of that name.
    pub fn label(&self, name: &str) -> &str {
        self.labels
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// The hash of its labels: FNV-1a of names and values in order, as Prometheus' and Alertmanager's `model.Fingerprint`.
    pub fn fingerprint(&self) -> u64 {
        let words = self.labels.iter().flat_map(|(name, value)| [name, value]);
        words
            .flat_map(|word| word.bytes().chain([0xff]))
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
    }

    /// Those of its labels by which it is grouped.
    pub(super) fn labels_of(&self, names: &[String]) -> BTreeMap<String, String> {
        let own = self.labels.iter();
        own.filter(|(name, _)| names.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// `{}:{alertname="X", namespace="Y"}`: the route's matchers, then the group's labels.
pub(super) fn group_key(labels: &BTreeMap<String, String>) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{{}}:{{{}}}", labels.join(", "))
}

/// What one payload says.
pub(super) struct Notification<'a> {
    pub(super) route: &'a Route,
    pub(super) group_labels: &'a BTreeMap<String, String>,
    pub(super) episodes: &'a [Episode],
    /// Whether an alert fires of which the receiver has not heard.
    pub(super) has_new: bool,
}

impl Notification<'_> {
    /// The payload. What is too much is left out after sorting by job, instance and labels, not firing ones first.
    pub(super) fn body(&self) -> Value {
        let mut episodes: Vec<&Episode> = self.episodes.iter().collect();
        episodes.sort_by_key(|episode| {
            // Who lacks such a label comes after those who have it.
            let label = |name: &str| {
                let value = episode.alert.labels.get(name);
                (value.is_none(), value)
            };
            (label("job"), label("instance"), &episode.alert.labels)
        });
        let most = match self.route.max_alerts {
            0 => episodes.len(),
            most => most,
        };
        let truncated = episodes.len().saturating_sub(most);
        let firing = episodes.iter().any(|episode| episode.ends_at.is_none());
        let shown: Vec<&Episode> = episodes.into_iter().take(most).collect();
        let mut body = json!({
            "receiver": quoted(&self.route.receiver),
            "status": status(firing),
            "alerts": shown.iter().map(|episode| alert(episode)).collect::<Vec<_>>(),
            "groupLabels": self.group_labels,
            "commonLabels": common(shown.iter().map(|episode| &episode.alert.labels)),
            "commonAnnotations": common(shown.iter().map(|episode| &episode.alert.annotations)),
            "externalURL": self.route.external_url,
            "version": "4",
            "groupKey": group_key(self.group_labels),
            "truncatedAlerts": truncated,
        });
        if let (true, Some(fields)) = (self.route.newer_fields, body.as_object_mut()) {
            fields.insert("routeLabels".to_owned(), json!({}));
            // The only one of its values that was captured.
            if self.has_new {
                fields.insert("notification_reason".to_owned(), "new alerts added".into());
            }
        }
        body
    }
}

fn status(firing: bool) -> &'static str {
    if firing { "firing" } else { "resolved" }
}

fn alert(episode: &Episode) -> Value {
    let Episode {
        alert,
        starts_at,
        ends_at,
    } = episode;
    // What fires has no end yet: Go's zero time.
    let ends = ends_at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |end| end.to_string());
    json!({
        "status": status(ends_at.is_none()),
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": starts_at.to_string(),
        "endsAt": ends,
        "generatorURL": alert.generator_url,
        "fingerprint": format!("{:016x}", alert.fingerprint()),
    })
}

/// What all of them say alike.
fn common<'a>(
    mut maps: impl Iterator<Item = &'a BTreeMap<String, String>>,
) -> BTreeMap<&'a str, &'a str> {
    let Some(first) = maps.next() else {
        return BTreeMap::new();
    };
    let mut common: BTreeMap<&str, &str> = first
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    for map in maps {
        common.retain(|name, value| map.get(*name).is_some_and(|other| other == value));
    }
    common
}

/// Go's `regexp.QuoteMeta`.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for letter in text.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted
}
