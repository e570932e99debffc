//! `verify:`: when a repaired workload counts as recovered.

use super::findings::{Findings, Zero, place};
use super::raw::{RawHttp, RawVerify, Text};
use crate::domain::policy::{HttpProbe, VerifySpec};
use crate::domain::time::human;
use jiff::SignedDuration;
use serde_saphyr::Spanned;

/// The design's limit: an incident that soaks longer keeps its workload from the next one.
const LONGEST_SOAK: SignedDuration = SignedDuration::from_mins(15);

pub(super) fn verify(
    findings: &mut Findings<'_>,
    path: &str,
    raw: Option<&RawVerify>,
) -> VerifySpec {
    let soak_text = raw.and_then(|raw| raw.soak.as_ref());
    let soak_path = format!("{path}.soak");
    let soak = findings.duration(
        &soak_path,
        soak_text,
        SignedDuration::from_secs(60),
        Zero::Refused,
    );
    if let Some(text) = soak_text.filter(|_| soak > LONGEST_SOAK) {
        findings.mistake(
            &soak_path,
            text.defined,
            format!(
                "`{}` is too long: the workload waits for its next repair meanwhile",
                text.value
            ),
            format!("the longest soak is {}", human(LONGEST_SOAK)),
        );
    }
    VerifySpec {
        timeout: findings.duration(
            &format!("{path}.timeout"),
            raw.and_then(|raw| raw.timeout.as_ref()),
            SignedDuration::from_mins(5),
            Zero::Refused,
        ),
        soak,
        http: raw
            .and_then(|raw| raw.http.as_ref())
            .and_then(|raw| http(findings, &format!("{path}.http"), raw)),
    }
}

fn http(findings: &mut Findings<'_>, path: &str, raw: &Spanned<RawHttp>) -> Option<HttpProbe> {
    let at = place(raw);
    let raw = &raw.value;
    let status = findings.number(
        &format!("{path}.status"),
        raw.status.as_ref(),
        200,
        &(100..=599),
        "HTTP has no such status",
    );
    let host = raw
        .host
        .as_ref()
        .map(|text| host(findings, &format!("{path}.host"), text));
    let url_path = format!("{path}.url");
    if raw.url.is_none() {
        findings.mistake(
            &url_path,
            at,
            "it is not said what to ask",
            "write `url: http://…`, or remove `http`",
        );
    }
    let url = raw
        .url
        .as_ref()
        .and_then(|text| findings.http_url(&url_path, text));
    url.map(|url| HttpProbe { url, host, status })
}

fn host(findings: &mut Findings<'_>, path: &str, text: &Text) -> String {
    let fits = text
        .value
        .parse::<http::uri::Authority>()
        .is_ok_and(|authority| !authority.as_str().contains('@'));
    if !fits {
        findings.mistake(
            path,
            text.defined,
            format!("`{}` is not a host", text.value),
            "write it like `web.example` or `web.example:8080`",
        );
    }
    text.value.clone()
}
