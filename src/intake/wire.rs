//! The payload as JSON says it, read in one pass and bounded while it is read.
//!
//! Nothing in an alert is an error here: what is wrong with one is noted ([`Problem`]), and the others are read on. Only JSON that can't be
//! read, or a payload that is not an object, is an error.

use super::alertmanager::Problem;
use super::lenient::{Any, Bounded, Reader, Scalar};
use serde::Deserializer as _;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// How many labels an alert may have. Prometheus' own alerts have ten or twenty.
const LABELS: usize = 128;
/// How long a label's name may be, in bytes.
const LABEL_NAME: usize = 256;
/// How long a label's value may be, in bytes: a Kubernetes name has at most 253, and sentences in labels stay far below.
const LABEL_VALUE: usize = 4096;
/// How long any other text that is read may be, in bytes: a key, `status`, `version`, `startsAt`, `fingerprint`.
const SCALAR: usize = 64;

/// An alert as it came.
#[derive(Debug, Default)]
pub(super) struct WireAlert {
    pub(super) status: Scalar,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) starts_at: Scalar,
    pub(super) fingerprint: Scalar,
    /// The first thing that is wrong with its shape.
    pub(super) problem: Option<Problem>,
}

/// A payload as it came; each alert has already been made into what the caller wants of it.
#[derive(Debug)]
pub(super) struct WirePayload<T> {
    pub(super) version: Scalar,
    /// `None` where `alerts` is there and is not a list.
    pub(super) alerts: Option<Vec<T>>,
    pub(super) truncated: Scalar,
    /// How many alerts are beyond the limit.
    pub(super) beyond_limit: u64,
    /// What all alerts of the group have, also those that were cut off; empty where it can't be read in full.
    pub(super) group_labels: BTreeMap<String, String>,
}

/// Reads a payload, each alert through `convert`, at most `limit` of them.
///
/// # Errors
/// When it is not JSON (nested at most 128 deep, serde_json's limit), not an object, or says a key that matters twice.
pub(super) fn read<T>(
    body: &[u8],
    limit: usize,
    convert: impl FnMut(WireAlert) -> T,
) -> Result<WirePayload<T>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let payload = reader.deserialize_map(PayloadVisitor { limit, convert })?;
    reader.end()?;
    Ok(payload)
}

struct PayloadVisitor<F> {
    limit: usize,
    convert: F,
}

impl<'de, T, F: FnMut(WireAlert) -> T> Visitor<'de> for PayloadVisitor<F> {
    type Value = WirePayload<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an Alertmanager payload")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut alerts = None;
        let mut version = None;
        let mut truncated = None;
        let mut group = None;
        let mut beyond_limit = 0;
        while let Some(key) = map.next_key_seed(Any(Bounded(SCALAR)))? {
            let Scalar::Text(key) = key else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let twice = match key.as_str() {
                "version" => version
                    .replace(map.next_value_seed(Any(Bounded(SCALAR)))?)
                    .is_some(),
                "truncatedAlerts" => truncated
                    .replace(map.next_value_seed(Any(Bounded(SCALAR)))?)
                    .is_some(),
                "groupLabels" => group
                    .replace(map.next_value_seed(Any(Labels(LabelsRead::default())))?)
                    .is_some(),
                "alerts" => alerts
                    .replace(map.next_value_seed(Any(AlertList {
                        limit: self.limit,
                        convert: &mut self.convert,
                        beyond_limit: &mut beyond_limit,
                    }))?)
                    .is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if twice {
                return Err(A::Error::custom("a key is there twice"));
            }
        }
        Ok(WirePayload {
            version: version.unwrap_or_default(),
            alerts: alerts.unwrap_or_else(|| Some(Vec::new())),
            truncated: truncated.unwrap_or_default(),
            beyond_limit,
            group_labels: match group {
                Some(LabelsRead {
                    kept,
                    problem: None,
                }) => kept,
                _ => BTreeMap::new(),
            },
        })
    }
}

/// `alerts`.
struct AlertList<'a, F> {
    limit: usize,
    convert: &'a mut F,
    beyond_limit: &'a mut u64,
}

impl<'de, T, F: FnMut(WireAlert) -> T> Reader<'de> for AlertList<'_, F> {
    type Out = Option<Vec<T>>;

    fn other(self) -> Self::Out {
        None
    }

    /// Go writes a list that was never made as null.
    fn missing(self) -> Self::Out {
        Some(Vec::new())
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Out, A::Error> {
        let mut alerts = Vec::new();
        while alerts.len() < self.limit {
            match list.next_element_seed(Any(OneAlert))? {
                Some(alert) => alerts.push((self.convert)(alert)),
                None => return Ok(Some(alerts)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            *self.beyond_limit += 1;
        }
        Ok(Some(alerts))
    }
}

/// One alert.
struct OneAlert;

impl<'de> Reader<'de> for OneAlert {
    type Out = WireAlert;

    fn other(self) -> WireAlert {
        WireAlert {
            problem: Some(Problem::NotAnObject),
            ..WireAlert::default()
        }
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<WireAlert, A::Error> {
        let mut status = None;
        let mut starts_at = None;
        let mut fingerprint = None;
        let mut labels = None;
        let mut problem = None;
        while let Some(key) = object.next_key_seed(Any(Bounded(SCALAR)))? {
            let field = match &key {
                Scalar::Text(key) => key.as_str(),
                _ => "",
            };
            let slot = match field {
                "status" => &mut status,
                "startsAt" => &mut starts_at,
                "fingerprint" => &mut fingerprint,
                "labels" => {
                    let read = object.next_value_seed(Any(Labels(LabelsRead::default())))?;
                    if labels.replace(read).is_some() {
                        problem.get_or_insert(Problem::DuplicateKey);
                    }
                    continue;
                }
                _ => {
                    object.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let value = object.next_value_seed(Any(Bounded(SCALAR)))?;
            if slot.replace(value).is_some() {
                problem.get_or_insert(Problem::DuplicateKey);
            }
        }
        let labels = labels.unwrap_or_default();
        Ok(WireAlert {
            status: status.unwrap_or_default(),
            labels: labels.kept,
            starts_at: starts_at.unwrap_or_default(),
            fingerprint: fingerprint.unwrap_or_default(),
            problem: problem.or(labels.problem),
        })
    }
}

#[derive(Default)]
struct LabelsRead {
    kept: BTreeMap<String, String>,
    problem: Option<Problem>,
}

/// An alert's labels. serde_json's own maps keep the last of two equal keys and say nothing: a label that is there twice could show one
/// name to one reader and another to the next.
struct Labels(LabelsRead);

impl Labels {
    fn note(&mut self, problem: Problem) {
        self.0.problem.get_or_insert(problem);
    }

    fn keep(&mut self, name: Scalar, value: Scalar) {
        match (name, value) {
            (Scalar::TooLong, _) | (_, Scalar::TooLong) => self.note(Problem::LabelTooLong),
            (Scalar::Text(name), Scalar::Text(value)) => {
                if self.0.kept.contains_key(&name) {
                    self.note(Problem::DuplicateLabel);
                } else if self.0.kept.len() >= LABELS {
                    self.note(Problem::TooManyLabels);
                } else {
                    self.0.kept.insert(name, value);
                }
            }
            _ => self.note(Problem::LabelNotText),
        }
    }
}

impl<'de> Reader<'de> for Labels {
    type Out = LabelsRead;

    fn other(mut self) -> LabelsRead {
        self.note(Problem::LabelsNotAnObject);
        self.0
    }

    /// No labels at all, as Go writes them.
    fn missing(self) -> LabelsRead {
        self.0
    }

    fn object<A: MapAccess<'de>>(mut self, mut object: A) -> Result<LabelsRead, A::Error> {
        while let Some(name) = object.next_key_seed(Any(Bounded(LABEL_NAME)))? {
            let value = object.next_value_seed(Any(Bounded(LABEL_VALUE)))?;
            self.keep(name, value);
        }
        Ok(self.0)
    }
}
