//! `policies:`: what may be done to which workloads.

use super::error::nearest;
use super::findings::{Findings, is_label, place};
use super::foreign::foreign;
use super::raw::{List, RawMatch, RawPolicy, Text};
use super::validate::{mode, namespace_in_scope};
use super::{remedies, verify};
use crate::domain::diagnosis::Cause;
use crate::domain::policy::{Match, Mode, Policy};
use crate::domain::workload::WorkloadKind;
use serde_saphyr::{Location, Spanned};
use std::collections::{BTreeMap, BTreeSet};

/// The causes that no container's entry has: such a policy would never apply. `NoRecentRollout` is told by the guard of that name, whatever the
/// cause; a `RegistryOutage` stands beside the entries of all workloads that share it.
const NOT_DIAGNOSED: [Cause; 2] = [Cause::NoRecentRollout, Cause::RegistryOutage];

/// What people are paged for, and the cause that is meant: a waiting reason says that something fails, a cause why.
const SYMPTOMS: [(&str, &str); 8] = [
    ("ImagePullBackOff", "ImageNotFound"),
    ("ErrImagePull", "ImageNotFound"),
    ("ErrImageNeverPull", "NeverPull"),
    ("CrashLoopBackOff", "CrashOnStart"),
    ("OOMKilled", "OutOfMemory"),
    ("CreateContainerConfigError", "ConfigMissing"),
    ("RunContainerError", "StartError"),
    ("FailedMount", "MountMissing"),
];

pub(super) fn policies(
    findings: &mut Findings<'_>,
    list: Option<&Spanned<Vec<Spanned<RawPolicy>>>>,
    root: Location,
    top_mode: Mode,
    scope: &BTreeSet<String>,
) -> Vec<Policy> {
    let raw = list.map(|list| list.value.as_slice()).unwrap_or_default();
    if raw.is_empty() {
        findings.note(
            "policies",
            list.map_or(root, place),
            "there are none: every alert is skipped (no_policy)",
        );
    }
    let mut names = BTreeMap::new();
    let mut policies = Vec::new();
    for (index, raw) in raw.iter().enumerate() {
        let path = format!("policies[{index}]");
        let name = &raw.value.name;
        if let Some(line) = names.insert(name.value.as_str(), name.defined.line()) {
            findings.mistake(
                &format!("{path}.name"),
                name.defined,
                format!("the policy in line {line} is named `{}` too", name.value),
                "records and metrics tell policies apart by name: give it another one",
            );
        }
        policies.push(policy(findings, &path, raw, top_mode, scope));
    }
    policies
}

fn policy(
    findings: &mut Findings<'_>,
    path: &str,
    raw: &Spanned<RawPolicy>,
    top_mode: Mode,
    scope: &BTreeSet<String>,
) -> Policy {
    let at = place(raw);
    let raw = &raw.value;
    let name = findings.label(&format!("{path}.name"), &raw.name);
    let matches = matches(
        findings,
        &format!("{path}.match"),
        raw.matches.as_ref(),
        scope,
    );
    let causes = causes(findings, &format!("{path}.causes"), raw.causes.as_ref());
    let remedies = remedies::remedies(
        findings,
        &format!("{path}.remedies"),
        raw.remedies.as_ref(),
        at,
    );
    let verify = verify::verify(findings, &format!("{path}.verify"), raw.verify.as_ref());
    let foreign = foreign(findings, &format!("{path}.foreign"), raw.foreign.as_ref());
    let mode = raw
        .mode
        .as_ref()
        .and_then(|text| policy_mode(findings, &format!("{path}.mode"), text, top_mode));
    Policy {
        name: name.unwrap_or_default(),
        matches,
        causes,
        remedies,
        verify,
        foreign,
        mode,
    }
}

fn policy_mode(
    findings: &mut Findings<'_>,
    path: &str,
    text: &Text,
    top_mode: Mode,
) -> Option<Mode> {
    let found = mode(
        findings,
        path,
        text,
        &[Mode::Off, Mode::DryRun, Mode::Enforce],
    )?;
    if found > top_mode {
        findings.mistake(
            path,
            text.defined,
            format!("`{found}` is less strict than the top-level mode, `{top_mode}`"),
            format!("set the top-level mode to `{found}` and every policy that should not go so far to `{top_mode}`"),
        );
    }
    Some(found)
}

fn matches(
    findings: &mut Findings<'_>,
    path: &str,
    raw: Option<&RawMatch>,
    scope: &BTreeSet<String>,
) -> Match {
    let alerts = findings.restricting(
        &format!("{path}.alerts"),
        raw.and_then(|raw| raw.alerts.as_ref()),
        |findings, path, text| {
            if text.value.trim().is_empty() {
                findings.mistake(
                    path,
                    text.defined,
                    "no alert has an empty name",
                    "write a name, `*` fits any text",
                );
            }
            Some(text.value.clone())
        },
    );
    let namespaces = findings.restricting(
        &format!("{path}.namespaces"),
        raw.and_then(|raw| raw.namespaces.as_ref()),
        |findings, path, text| namespace_in_scope(findings, path, text, scope),
    );
    let names = findings.restricting(
        &format!("{path}.names"),
        raw.and_then(|raw| raw.names.as_ref()),
        workload_name,
    );
    Match {
        alerts,
        namespaces: namespaces.map(BTreeSet::from_iter),
        kinds: kinds(
            findings,
            &format!("{path}.kinds"),
            raw.and_then(|raw| raw.kinds.as_ref()),
        ),
        names: names.map(BTreeSet::from_iter),
    }
}

/// A workload's name is a DNS subdomain (RFC 1123): labels with dots between them, 253 characters in all.
fn workload_name(findings: &mut Findings<'_>, path: &str, text: &Text) -> Option<String> {
    let fits = text.value.len() <= 253 && text.value.split('.').all(is_label);
    if fits {
        Some(text.value.clone())
    } else {
        findings.label(path, text)
    }
}

fn kinds(findings: &mut Findings<'_>, path: &str, list: Option<&List>) -> BTreeSet<WorkloadKind> {
    let words = WorkloadKind::ALL.map(|kind| (kind.as_str(), kind));
    let kinds = findings.restricting(path, list, |findings, path, text| {
        let kind = findings.word(path, text, "a kind of workload", &words)?;
        if kind != WorkloadKind::Deployment {
            findings.not_enforced(
                path,
                text.defined,
                format!("{kind}s are not repaired yet, only Deployments"),
            );
        }
        Some(kind)
    });
    kinds.map_or_else(
        || BTreeSet::from([WorkloadKind::Deployment]),
        BTreeSet::from_iter,
    )
}

fn causes(findings: &mut Findings<'_>, path: &str, list: Option<&List>) -> Option<BTreeSet<Cause>> {
    let causes = findings.restricting(path, list, cause)?;
    let missing: Vec<&str> = causes
        .iter()
        .filter(|cause| NOT_DIAGNOSED.contains(cause))
        .map(|cause| cause.as_str())
        .collect();
    if let (Some(list), false) = (list, missing.is_empty()) {
        let are = if missing.len() == 1 { "is" } else { "are" };
        findings.not_enforced(
            path,
            list.defined,
            format!(
                "{} {are} not diagnosed yet: such failures are Unknown, and held",
                missing.join(", ")
            ),
        );
    }
    Some(BTreeSet::from_iter(causes))
}

fn cause(findings: &mut Findings<'_>, path: &str, text: &Text) -> Option<Cause> {
    match Cause::parse(&text.value) {
        Some(Cause::Unknown) => {
            findings.mistake(
                path,
                text.defined,
                "`Unknown` means that the facts do not say why: nothing is done then",
                "name the causes that the remedies are meant for",
            );
            None
        }
        Some(cause) => Some(cause),
        None => {
            let symptom = SYMPTOMS.iter().find(|(symptom, _)| *symptom == text.value);
            let names = || {
                Cause::ALL
                    .into_iter()
                    .filter(|cause| *cause != Cause::Unknown)
                    .map(Cause::as_str)
            };
            let (what, help) = match (symptom, nearest(&text.value, names())) {
                (Some((symptom, meant)), _) => (
                    format!("`{symptom}` is a symptom, not a cause"),
                    format!("did you mean `{meant}`?"),
                ),
                (None, Some(meant)) => (
                    format!("`{}` is not a cause", text.value),
                    format!("did you mean `{meant}`?"),
                ),
                (None, None) => (
                    format!("`{}` is not a cause", text.value),
                    format!("the causes are: {}", names().collect::<Vec<_>>().join(", ")),
                ),
            };
            findings.mistake(path, text.defined, what, help);
            None
        }
    }
}
