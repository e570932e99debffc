//! Raw shape -> [`Config`]. All mistakes are collected: a default stands in for a wrong value until the end, where one mistake is enough
//! for there to be no configuration.

use super::error::{Mistake, nearest};
use super::findings::{Findings, Zero, place};
use super::listen::{listen, webhook_auth};
use super::prometheus::prometheus;
use super::raw::{RawConfig, Text};
use super::structure::header_mistakes;
use super::{Approval, Config, Retention, WebhookAuth, guards, policies};
use crate::domain::policy::Mode;
use data_encoding::HEXLOWER;
use jiff::SignedDuration;
use serde_saphyr::Spanned;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Checks everything.
pub(super) fn validate(root: &Spanned<RawConfig>, text: &str) -> Result<Config, Vec<Mistake>> {
    let raw = &root.value;
    let mut findings = Findings::about(text);
    findings.mistakes.extend(header_mistakes(
        Some(&raw.api_version),
        Some(&raw.kind),
        text,
    ));

    // A wrong mode or namespace is one mistake: what stands in for it until the end must not make mistakes of the policies.
    let mode = match &raw.mode {
        Some(text) => top_mode(&mut findings, text).unwrap_or(Mode::Enforce),
        None => Mode::DryRun,
    };
    let listen = listen(&mut findings, raw.listen.as_ref());
    let webhook_auth = webhook_auth(&mut findings, raw.webhook.as_ref(), place(root));
    if webhook_auth == WebhookAuth::Insecure && !listen.webhook.ip().is_loopback() {
        let at = raw.webhook.as_ref().map_or(place(root), place);
        let text = format!(
            "anybody who reaches {} can post alerts: use bearerTokenFile there",
            listen.webhook
        );
        findings.note("webhook.insecure", at, text);
    }
    let guards = guards::guards(&mut findings, raw.guards.as_ref());
    let prometheus = prometheus(
        &mut findings,
        raw.prometheus.as_ref(),
        place(root),
        guards.limits.proven_for,
    );
    let before = findings.mistakes.len();
    let mut namespaces = namespaces(&mut findings, raw);
    if findings.mistakes.len() > before {
        namespaces.clear();
    }
    let installation = raw
        .installation
        .as_ref()
        .and_then(|text| findings.label("installation", text))
        .unwrap_or_else(|| "default".to_owned());
    let policies = policies::policies(
        &mut findings,
        raw.policies.as_ref(),
        place(root),
        mode,
        &namespaces,
    );
    let retention = retention(&mut findings, raw);
    let approval = approval(&mut findings, raw);

    let Findings {
        text: _,
        mut mistakes,
        mut not_enforced,
        mut notes,
    } = findings;
    if !mistakes.is_empty() {
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        return Err(mistakes);
    }
    not_enforced.sort_by_key(|key| key.line);
    notes.sort_by_key(|note| note.line);
    Ok(Config {
        mode,
        listen,
        webhook_auth,
        prometheus,
        namespaces,
        installation,
        limits: guards.limits,
        budget: guards.budget,
        retention,
        approval,
        policies,
        not_enforced,
        notes,
        digest: HEXLOWER.encode(&Sha256::digest(text.as_bytes())),
    })
}

fn top_mode(findings: &mut Findings<'_>, text: &Text) -> Option<Mode> {
    if text.value == Mode::Off.as_str() {
        findings.mistake(
            "mode",
            text.defined,
            "`off` switches single policies, namespaces and workloads off, not the whole",
            "to write nothing anywhere, say `mode: dry-run`",
        );
        return None;
    }
    mode(findings, "mode", text, &[Mode::DryRun, Mode::Enforce])
}

/// A mode out of those that fit here; `approve` is known and refused, for it does not exist yet.
pub(super) fn mode(
    findings: &mut Findings<'_>,
    path: &str,
    text: &Text,
    fitting: &[Mode],
) -> Option<Mode> {
    if text.value == Mode::Approve.as_str() {
        findings.mistake(
            path,
            text.defined,
            "`approve` is not built yet: nobody could approve anything",
            "until then: `dry-run` shows what would be done, `enforce` does it",
        );
        return None;
    }
    let words: Vec<(&str, Mode)> = fitting.iter().map(|mode| (mode.as_str(), *mode)).collect();
    findings.word(path, text, "a mode", &words)
}

fn namespaces(findings: &mut Findings<'_>, raw: &RawConfig) -> BTreeSet<String> {
    const PATH: &str = "namespaces";
    let Some(list) = &raw.namespaces else {
        findings.note(
            PATH,
            raw.kind.defined,
            "none are named: every alert is out of scope",
        );
        return BTreeSet::new();
    };
    if list.value.is_empty() {
        findings.note(
            PATH,
            list.defined,
            "the list is empty: every alert is out of scope",
        );
    }
    let mut check =
        |findings: &mut Findings<'_>, path: &str, text: &Text| findings.label(path, text);
    findings
        .items(PATH, &list.value, &mut check)
        .into_iter()
        .collect()
}

/// A namespace that a policy names must be in scope, for otherwise the policy would never fit it. Where nothing is in scope yet, the
/// note about that says enough.
pub(super) fn namespace_in_scope(
    findings: &mut Findings<'_>,
    path: &str,
    text: &Text,
    scope: &BTreeSet<String>,
) -> Option<String> {
    let name = findings.label(path, text)?;
    if !scope.is_empty() && !scope.contains(&name) {
        let help = match nearest(&name, scope.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("add `{name}` to the top-level `namespaces`, or remove it here"),
        };
        findings.mistake(
            path,
            text.defined,
            format!("`{name}` is not among the top-level `namespaces`"),
            help,
        );
    }
    Some(name)
}

fn retention(findings: &mut Findings<'_>, raw: &RawConfig) -> Retention {
    if let Some(raw) = &raw.retention {
        findings.not_enforced(
            "retention",
            raw.defined,
            "closed incidents are not deleted yet",
        );
    }
    let raw = raw.retention.as_ref().map(|raw| &raw.value);
    Retention {
        closed: findings.duration(
            "retention.closed",
            raw.and_then(|raw| raw.closed.as_ref()),
            SignedDuration::from_hours(30 * 24),
            Zero::Refused,
        ),
        per_workload: findings.number(
            "retention.perWorkload",
            raw.and_then(|raw| raw.per_workload.as_ref()),
            20,
            // The last one must stay, for it says what not to repeat; etcd should not hold thousands for one workload.
            &(1..=1_000),
            "the last incident must stay, and thousands are too many for etcd",
        ),
    }
}

fn approval(findings: &mut Findings<'_>, raw: &RawConfig) -> Approval {
    if let Some(raw) = &raw.approval {
        findings.not_enforced("approval", raw.defined, "`mode: approve` is not built yet");
    }
    let raw = raw.approval.as_ref().map(|raw| &raw.value);
    Approval {
        expires: findings.duration(
            "approval.expires",
            raw.and_then(|raw| raw.expires.as_ref()),
            SignedDuration::from_hours(1),
            Zero::Refused,
        ),
    }
}
