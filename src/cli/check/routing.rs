//! Alertmanager's own configuration, as far as it says where an alert goes: the tree of routes, and the receivers with a webhook.
//!
//! Alertmanager's rules (its documentation, "route"): the first child that matches takes the alert, and those after it too while `continue`
//! is set; a route none of whose children match takes it itself; a child without a receiver has its parent's.

use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// The labels of an alert.
pub(super) type Labels = BTreeMap<String, String>;

/// What Alertmanager shows instead of a secret; since 0.26 the addresses of webhooks are secrets too.
const SECRET: &str = "<secret>";

/// A configuration.
#[derive(Debug)]
pub(super) struct Routing {
    root: Route,
    pub(super) receivers: Vec<Receiver>,
}

#[derive(Debug)]
struct Route {
    receiver: String,
    matchers: Vec<Matcher>,
    goes_on: bool,
    routes: Vec<Route>,
}

/// A receiver that has webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Receiver {
    pub(super) name: String,
    pub(super) webhooks: Vec<Webhook>,
}

/// One of its webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Webhook {
    /// `None` = Alertmanager does not show it.
    pub(super) url: Option<String>,
    /// Whether it shows a bearer token; which one is never told.
    pub(super) shows_token: bool,
}

#[derive(Debug)]
struct Matcher {
    label: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Equal(String),
    Unequal(String),
    Fits(Regex),
    FitsNot(Regex),
}

impl Routing {
    /// Reads `config.original` of `/api/v2/status`; `None` = it is not what Alertmanager writes.
    pub(super) fn read(yaml: &str) -> Option<Self> {
        let file: Value = serde_saphyr::from_str(yaml).ok()?;
        let root = Route::read(file.get("route")?, "")?;
        let receivers = file.get("receivers").and_then(Value::as_array);
        let receivers = receivers.into_iter().flatten().filter_map(receiver);
        Some(Self {
            root,
            receivers: receivers.collect(),
        })
    }

    /// The receivers that an alert with these labels reaches.
    pub(super) fn receivers_of(&self, labels: &Labels) -> Vec<&str> {
        self.root.receivers_of(labels)
    }
}

fn receiver(value: &Value) -> Option<Receiver> {
    let webhooks = value.get("webhook_configs").and_then(Value::as_array);
    Some(Receiver {
        name: value.get("name")?.as_str()?.to_owned(),
        webhooks: webhooks.into_iter().flatten().map(webhook).collect(),
    })
}

fn webhook(value: &Value) -> Webhook {
    let url = value.get("url").and_then(Value::as_str);
    let http = value.get("http_config");
    let has = |key: &str| {
        http.and_then(|http| http.get(key))
            .is_some_and(|value| !value.is_null())
    };
    Webhook {
        url: url.filter(|url| *url != SECRET).map(str::to_owned),
        shows_token: ["authorization", "bearer_token", "bearer_token_file"]
            .into_iter()
            .any(has),
    }
}

impl Route {
    fn read(value: &Value, parent: &str) -> Option<Self> {
        let receiver = value.get("receiver").and_then(Value::as_str);
        let receiver = receiver.unwrap_or(parent).to_owned();
        let mut matchers = Vec::new();
        for (key, pattern) in [("match", false), ("match_re", true)] {
            for (label, text) in value
                .get(key)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let operator = if pattern { "=~" } else { "=" };
                matchers.push(Matcher::new(label, operator, text.as_str()?)?);
            }
        }
        for text in value
            .get("matchers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            matchers.extend(Matcher::read_all(text.as_str()?)?);
        }
        let routes = value.get("routes").and_then(Value::as_array);
        let routes = routes.into_iter().flatten();
        Some(Self {
            matchers,
            goes_on: value
                .get("continue")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            routes: routes
                .map(|route| Self::read(route, &receiver))
                .collect::<Option<_>>()?,
            receiver,
        })
    }

    /// Those of this route; empty = it does not match.
    fn receivers_of(&self, labels: &Labels) -> Vec<&str> {
        if !self.matchers.iter().all(|matcher| matcher.fits(labels)) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for route in &self.routes {
            let reached = route.receivers_of(labels);
            let stop = !reached.is_empty() && !route.goes_on;
            found.extend(reached);
            if stop {
                break;
            }
        }
        if found.is_empty() {
            found.push(self.receiver.as_str());
        }
        found
    }
}

impl Matcher {
    fn new(label: &str, operator: &str, value: &str) -> Option<Self> {
        let pattern = || Regex::new(&format!("^(?:{value})$")).ok();
        Some(Self {
            label: label.to_owned(),
            test: match operator {
                "=" => Test::Equal(value.to_owned()),
                "!=" => Test::Unequal(value.to_owned()),
                "=~" => Test::Fits(pattern()?),
                "!~" => Test::FitsNot(pattern()?),
                _ => return None,
            },
        })
    }

    /// `label="value"`, or several between braces, with commas.
    fn read_all(text: &str) -> Option<Vec<Self>> {
        let text = text.trim();
        let inner = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
            .unwrap_or(text);
        split(inner)
            .into_iter()
            .filter(|part| !part.trim().is_empty())
            .map(|part| Self::read(part.trim()))
            .collect()
    }

    fn read(text: &str) -> Option<Self> {
        // A label may be quoted too, and then have any character in it.
        let (label, rest) = if let Some(quoted) = text.strip_prefix('"') {
            quoted.split_once('"')?
        } else {
            text.split_at_checked(text.find(['=', '!'])?)?
        };
        let rest = rest.trim_start();
        let operator = ["=~", "!~", "!=", "="]
            .into_iter()
            .find(|operator| rest.starts_with(operator))?;
        let value = rest.strip_prefix(operator)?.trim();
        let value = match value.strip_prefix('"') {
            Some(quoted) => unescaped(quoted.strip_suffix('"')?),
            None => value.to_owned(),
        };
        Self::new(label.trim(), operator, &value)
    }

    /// A label that an alert does not have is an empty one.
    fn fits(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.label).map_or("", String::as_str);
        match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::Unequal(wanted) => value != wanted,
            Test::Fits(pattern) => pattern.is_match(value),
            Test::FitsNot(pattern) => !pattern.is_match(value),
        }
    }
}

/// The parts between commas, none of which is inside quotes.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut begin, mut quoted, mut escaped) = (0, false, false);
    for (place, character) in text.char_indices() {
        match character {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                parts.extend(text.get(begin..place));
                begin = place + 1;
            }
            _ => {}
        }
        escaped = character == '\\' && !escaped;
    }
    parts.extend(text.get(begin..));
    parts
}

/// `\"`, `\\` and `\n`, as Alertmanager reads them; any other backslash stays, for a pattern.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match (character, rest.peek()) {
            ('\\', Some('"' | '\\')) => plain.extend(rest.next()),
            ('\\', Some('n')) => {
                rest.next();
                plain.push('\n');
            }
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
