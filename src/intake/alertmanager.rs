//! Alertmanager's webhook payload, version 4, made into [`AlertSeen`]s.
//!
//! Shape: Alertmanager `notify/webhook/webhook.go` and `template/template.go`. Fields that are not read here, newer ones too, are ignored;
//! missing ones have defaults. `receiver`, `groupKey`, the top `status` and the common labels say nothing about one alert and are never
//! read (the common labels are those of the alerts that were not cut off: `webhook.go` cuts first); of the group's labels, which every alert of it has,
//! only `alertname` is. No URL of the payload is ever followed.

use super::labels;
use super::lenient::Scalar;
use super::names;
use super::wire::{self, WireAlert};
use crate::domain::alert::{AlertKey, AlertSeen, AlertStatus};
use crate::domain::identity::Fingerprint;
use crate::telemetry::labels::SkipReason;
use jiff::Timestamp;
use sha2::Digest as _;
use std::collections::BTreeMap;

/// The only payload version that Alertmanager has had since 2017, and the only one that is read.
pub const VERSION: &str = "4";

/// A payload that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The alerts that can be used, in the payload's order.
    pub alerts: Vec<AlertSeen>,
    /// How many alerts were left out: by Alertmanager (`max_alerts`) or beyond Ripcord's own limit.
    pub truncated: u64,
    /// The `alertname` that every alert of the group has, cleaned; `None` where they may have several.
    pub group_name: Option<String>,
    /// The alerts that can't be used, by what is wrong with them.
    pub rejected: BTreeMap<Problem, Rejected>,
}

/// Alerts that can't be used, all for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// How many.
    pub count: u64,
    /// The `alertname` of the first, cleaned.
    pub first: String,
}

impl Parsed {
    /// How many alerts can't be used.
    pub fn rejected_count(&self) -> u64 {
        self.rejected.values().map(|rejected| rejected.count).sum()
    }
}

/// What is wrong with one alert. The others of its delivery are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// It is not a JSON object.
    NotAnObject,
    /// One of its keys is there twice.
    DuplicateKey,
    /// Its labels are not a JSON object.
    LabelsNotAnObject,
    /// One of its labels is there twice.
    DuplicateLabel,
    /// It has more labels than are read.
    TooManyLabels,
    /// A label's name or value is longer than is read.
    LabelTooLong,
    /// A label's value is not a string.
    LabelNotText,
    /// A label that names something is not a name that Kubernetes accepts.
    NotAName,
    /// Its labels name several workloads.
    SeveralWorkloads,
    /// Its `status` is neither `firing` nor `resolved`.
    Status,
    /// Its `fingerprint` is not a hexadecimal number.
    Fingerprint,
    /// Its `startsAt` is missing or can't be read.
    StartsAtUnreadable,
    /// Its `startsAt` is before 2000 or after 2199: zero, or a mistake.
    StartsAtImpossible,
}

impl Problem {
    /// The reason that it is counted under.
    pub fn reason(self) -> SkipReason {
        match self {
            Self::StartsAtUnreadable | Self::StartsAtImpossible => SkipReason::InvalidTime,
            Self::NotAnObject
            | Self::DuplicateKey
            | Self::LabelsNotAnObject
            | Self::DuplicateLabel
            | Self::TooManyLabels
            | Self::LabelTooLong
            | Self::LabelNotText
            | Self::NotAName
            | Self::SeveralWorkloads
            | Self::Status
            | Self::Fingerprint => SkipReason::InvalidLabels,
        }
    }

    /// The same for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotAnObject => "the alert is not an object",
            Self::DuplicateKey => "a key of the alert is there twice",
            Self::LabelsNotAnObject => "labels is not an object",
            Self::DuplicateLabel => "a label is there twice",
            Self::TooManyLabels => "more than 128 labels",
            Self::LabelTooLong => "a label's name is longer than 256 bytes or its value than 4096",
            Self::LabelNotText => "a label's value is not a string",
            Self::NotAName => "a label is not a Kubernetes name",
            Self::SeveralWorkloads => "the labels name several workloads",
            Self::Status => "status is neither firing nor resolved",
            Self::Fingerprint => "fingerprint is not a hexadecimal number",
            Self::StartsAtUnreadable => "startsAt is missing or not an RFC 3339 time",
            Self::StartsAtImpossible => "startsAt is before 2000 or after 2199",
        }
    }
}

/// Why a whole payload can't be read. Nothing of the body is in the texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON, or not of a payload's shape.
    #[error("{what} at line {line} column {column}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// `alerts` is something else than a list.
    #[error("alerts is not a list")]
    NoList,
    /// Another version.
    #[error("payload version {0} is not supported, only version \"4\" is")]
    Version(String),
}

/// Reads a payload. At most `limit` alerts are read; more count as truncated.
///
/// # Errors
/// When it is not JSON, not of a payload's shape, or not of version 4.
pub fn parse(body: &[u8], limit: usize) -> Result<Parsed, PayloadError> {
    let payload = wire::read(body, limit, |alert| {
        let name = names::clean_alert_name(alert.labels.get("alertname").map_or("", |name| name));
        seen(alert, &name).map_err(|problem| (problem, name))
    })
    .map_err(|error| malformed(&error))?;
    check_version(&payload.version)?;
    let mut parsed = Parsed {
        truncated: match payload.truncated {
            Scalar::Number(count) => count,
            _ => 0,
        }
        .saturating_add(payload.beyond_limit),
        group_name: payload
            .group_labels
            .get("alertname")
            .map(|name| names::clean_alert_name(name)),
        ..Parsed::default()
    };
    for alert in payload.alerts.ok_or(PayloadError::NoList)? {
        match alert {
            Ok(alert) => parsed.alerts.push(alert),
            Err((problem, first)) => {
                parsed
                    .rejected
                    .entry(problem)
                    .or_insert(Rejected { count: 0, first })
                    .count += 1;
            }
        }
    }
    Ok(parsed)
}

/// serde_json's own messages quote the body: only the kind of error and its place are kept.
fn malformed(error: &serde_json::Error) -> PayloadError {
    use serde_json::error::Category;
    PayloadError::Malformed {
        what: match error.classify() {
            Category::Eof => "the body ends too soon",
            Category::Data => "JSON is not an Alertmanager payload",
            Category::Syntax | Category::Io => "malformed JSON",
        },
        line: error.line(),
        column: error.column(),
    }
}

fn check_version(version: &Scalar) -> Result<(), PayloadError> {
    let named = match version {
        Scalar::Text(text) if text == VERSION => return Ok(()),
        Scalar::Text(text) if is_version(text) => format!("{text:?}"),
        Scalar::Missing => "(none)".to_owned(),
        Scalar::Number(number) => format!("{number} (a number)"),
        Scalar::Text(_) | Scalar::TooLong | Scalar::Other => "(unreadable)".to_owned(),
    };
    Err(PayloadError::Version(named))
}

/// Whether a version is plain enough to be said back to its sender and to the log.
fn is_version(text: &str) -> bool {
    text.len() <= 16
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

fn seen(alert: WireAlert, name: &str) -> Result<AlertSeen, Problem> {
    if let Some(problem) = alert.problem {
        return Err(problem);
    }
    Ok(AlertSeen {
        status: status(&alert.status)?,
        namespace: labels::namespace(&alert.labels)?,
        hint: labels::hint(&alert.labels)?,
        key: AlertKey {
            fingerprint: fingerprint(alert.fingerprint, &alert.labels)?,
            starts_at: starts_at(&alert.starts_at)?,
        },
        name: name.to_owned(),
    })
}

/// Without a status it is taken for firing: that makes Ripcord look, and what it sees decides.
fn status(status: &Scalar) -> Result<AlertStatus, Problem> {
    match status {
        Scalar::Missing => Ok(AlertStatus::Firing),
        Scalar::Text(text) if text == "firing" => Ok(AlertStatus::Firing),
        Scalar::Text(text) if text == "resolved" => Ok(AlertStatus::Resolved),
        Scalar::Text(_) | Scalar::Number(_) | Scalar::TooLong | Scalar::Other => {
            Err(Problem::Status)
        }
    }
}

/// Without a fingerprint one is made of all labels, as Alertmanager's is, though not by the same hash.
fn fingerprint(given: Scalar, labels: &BTreeMap<String, String>) -> Result<Fingerprint, Problem> {
    match given {
        Scalar::Text(text) if names::is_fingerprint(&text) => Ok(Fingerprint::new(text)),
        Scalar::Missing => {
            let mut digest = sha2::Sha256::new();
            for text in labels.iter().flat_map(|(name, value)| [name, value]) {
                // Lengths first: no two label sets have the same bytes.
                digest.update(text.len().to_be_bytes());
                digest.update(text.as_bytes());
            }
            Ok(Fingerprint::new(
                data_encoding::HEXLOWER.encode(&digest.finalize()),
            ))
        }
        Scalar::Text(_) | Scalar::Number(_) | Scalar::TooLong | Scalar::Other => {
            Err(Problem::Fingerprint)
        }
    }
}

/// `startsAt` is half of an episode's identity and never a clock. Times outside these years (zero is the usual one) are no identity either,
/// and the Incident that would store them must be readable for every client.
fn starts_at(text: &Scalar) -> Result<Timestamp, Problem> {
    /// 2000-01-01T00:00:00Z and 2200-01-01T00:00:00Z, in seconds since the epoch.
    const POSSIBLE: std::ops::Range<i64> = 946_684_800..7_258_118_400;
    let Scalar::Text(text) = text else {
        return Err(Problem::StartsAtUnreadable);
    };
    let instant: Timestamp = text.parse().map_err(|_| Problem::StartsAtUnreadable)?;
    if POSSIBLE.contains(&instant.as_second()) {
        Ok(instant)
    } else {
        Err(Problem::StartsAtImpossible)
    }
}

#[cfg(test)]
mod tests;
