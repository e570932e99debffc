//! `prometheus:`: where facts come from, and how far back.

use super::PrometheusSettings;
use super::findings::{Findings, Zero, place};
use super::raw::{RawHistory, RawPrometheus, Text};
use crate::domain::time::human;
use jiff::SignedDuration;
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;

/// What Prometheus answers a range query with at most ("exceeded maximum resolution of 11,000 points per timeseries").
const MOST_POINTS: i64 = 11_000;

pub(super) fn prometheus(
    findings: &mut Findings<'_>,
    raw: Option<&Spanned<RawPrometheus>>,
    root: Location,
    proven_for: SignedDuration,
) -> PrometheusSettings {
    let at = raw.map_or(root, place);
    let raw = raw.map(|raw| &raw.value);
    let url_text = raw.and_then(|raw| raw.url.as_ref());
    if url_text.is_none() {
        findings.mistake(
            "prometheus.url",
            at,
            "it is not said where Prometheus is, and nothing is proven without it",
            "write `prometheus: {url: http://127.0.0.1:9090}`",
        );
    }
    let url = url_text.and_then(|text| prometheus_url(findings, text));
    let timeout = findings.duration(
        "prometheus.timeout",
        raw.and_then(|raw| raw.timeout.as_ref()),
        SignedDuration::from_secs(5),
        Zero::Refused,
    );
    let (lookback, step) = history(
        findings,
        raw.and_then(|raw| raw.history.as_ref()),
        at,
        proven_for,
    );
    PrometheusSettings {
        url: url.unwrap_or_default(),
        timeout: timeout.unsigned_abs(),
        matchers: matchers(findings, raw),
        lookback,
        step,
    }
}

fn prometheus_url(findings: &mut Findings<'_>, text: &Text) -> Option<String> {
    let url = findings.http_url("prometheus.url", text)?;
    if url.contains(['?', '#']) {
        findings.mistake(
            "prometheus.url",
            text.defined,
            "the URL has a query or a fragment, which no query to it could keep",
            "end it before the `?` or `#`",
        );
    }
    Some(url.trim_end_matches('/').to_owned())
}

fn history(
    findings: &mut Findings<'_>,
    raw: Option<&RawHistory>,
    at: Location,
    proven_for: SignedDuration,
) -> (SignedDuration, SignedDuration) {
    const PATH: &str = "prometheus.history";
    let step_text = raw.and_then(|raw| raw.step.as_ref());
    let lookback_text = raw.and_then(|raw| raw.lookback.as_ref());
    let before = findings.mistakes.len();
    // Whole seconds and not zero: at least 1s.
    let step = findings.duration(
        "prometheus.history.step",
        step_text,
        SignedDuration::from_mins(1),
        Zero::Refused,
    );
    let lookback = findings.duration(
        "prometheus.history.lookback",
        lookback_text,
        SignedDuration::from_hours(7 * 24),
        Zero::Refused,
    );
    if findings.mistakes.len() > before {
        return (lookback, step);
    }
    let at = lookback_text.or(step_text).map_or(at, |text| text.defined);
    let points = (lookback.as_secs() / step.as_secs().max(1)).saturating_add(1);
    if points > MOST_POINTS {
        // One more than the rounded-down quotient: at most a second too long, never too short.
        let fitting = lookback.as_secs() / (MOST_POINTS - 1) + 1;
        findings.mistake(
            PATH,
            at,
            format!(
                "{} in steps of {} are {points} points, and Prometheus answers at most {MOST_POINTS}",
                human(lookback),
                human(step)
            ),
            format!("make `step` at least {fitting}s, or `lookback` shorter"),
        );
    } else if lookback < proven_for {
        findings.mistake(
            PATH,
            at,
            format!(
                "{} can't prove that a revision was healthy for {} (guards.provenFor)",
                human(lookback),
                human(proven_for)
            ),
            "make `lookback` longer: a day at least, the default is 7d",
        );
    }
    (lookback, step)
}

fn matchers(findings: &mut Findings<'_>, raw: Option<&RawPrometheus>) -> BTreeMap<String, String> {
    let found = raw
        .and_then(|raw| raw.matchers.as_ref())
        .into_iter()
        .flatten();
    let mut matchers = BTreeMap::new();
    for (label, value) in found {
        let path = format!("prometheus.matchers.{label}");
        let first_fits =
            label.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let all_fit = label
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_');
        if label.starts_with("__") || !first_fits || !all_fit {
            findings.mistake(
                &path,
                value.defined,
                format!("`{label}` is not a label that series are told apart by"),
                "letters, digits and `_`, not beginning with a digit or `__`, like `job` or `cluster`",
            );
        }
        matchers.insert(label.clone(), value.value.clone());
    }
    matchers
}
