//! The namespaces in scope: that they exist, and that Ripcord's account may do in them what it must, verb by verb.

use super::finding::{Category, Finding, Section};
use crate::domain::policy::Mode;
use crate::platform::kube::{ApiError, Cluster, FORBIDDEN, RIGHTS, Right, WRITE};
use futures::StreamExt as _;
use serde_json::Value;
use std::collections::BTreeSet;

/// Reviews that are asked at a time: an API server bears more, a person does not wait longer for fewer.
const AT_ONCE: usize = 8;

/// What was asked about one namespace.
pub(super) struct Facts {
    pub(super) name: String,
    /// The namespace; `None` = there is none.
    pub(super) object: Result<Option<Value>, ApiError>,
    /// Each right of [`RIGHTS`], in that order.
    pub(super) rights: Vec<(Right, Result<bool, ApiError>)>,
    /// Whether the account has a right that Ripcord's own never has.
    pub(super) too_much: Result<bool, ApiError>,
    /// The uids of some of its running pods.
    pub(super) pods: Result<BTreeSet<String>, ApiError>,
}

/// Asks about each.
pub(super) async fn fetch(cluster: &Cluster, namespaces: &BTreeSet<String>) -> Vec<Facts> {
    let mut found = Vec::new();
    for name in namespaces {
        let rights = futures::stream::iter(RIGHTS)
            .map(|right| async move { (right, cluster.may(name, &right).await) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let (object, too_much, pods) = futures::join!(
            cluster.namespace(name),
            cluster.may(name, &FORBIDDEN),
            cluster.some_running_pods(name),
        );
        let uid = |pod: Value| pod.pointer("/metadata/uid")?.as_str().map(str::to_owned);
        found.push(Facts {
            name: name.clone(),
            object,
            rights,
            too_much,
            pods: pods.map(|pods| pods.into_iter().filter_map(uid).collect()),
        });
    }
    found
}

/// Judges; the mode says whether a write is meant at all.
pub(super) fn judge(facts: &[Facts], mode: Mode) -> Category {
    let mut findings: Vec<Finding> = facts.iter().flat_map(|facts| of_one(facts, mode)).collect();
    if facts.is_empty() {
        findings.push(
            Finding::warning(
                "a namespace is in scope",
                "`namespaces:` names none: every alert is out of scope",
                Section::Namespaces,
            )
            .way_out("namespaces: [NAMESPACE]    # in Ripcord's configuration"),
        );
    }
    if facts.iter().any(|facts| facts.too_much == Ok(true)) {
        findings.push(
            Finding::warning(
                "these are the rights of Ripcord's own account",
                "the account may read Secrets, which Ripcord's role does not allow: the answers above are about somebody else's rights, or the account has more than it needs",
                Section::Rights,
            )
            .way_out("ripcord check --live --as system:serviceaccount:ripcord:ripcord FILE"),
        );
    }
    Category {
        name: "namespaces and rights",
        findings,
    }
}

fn of_one(facts: &Facts, mode: Mode) -> Vec<Finding> {
    let name = &facts.name;
    let exists = exists(name, &facts.object);
    if matches!(facts.object, Ok(None)) {
        let why = "the namespace does not exist";
        return vec![exists, Finding::skipped(enough(name), why)];
    }
    let nothing = facts
        .rights
        .iter()
        .all(|(_, allowed)| *allowed == Ok(false));
    if nothing && facts.object.is_err() {
        let why = "it may do nothing there: see the line above";
        return vec![exists, Finding::skipped(enough(name), why)];
    }
    let mut findings = vec![exists];
    findings.extend(rights(name, &facts.rights, mode));
    findings
}

fn exists(name: &str, object: &Result<Option<Value>, ApiError>) -> Finding {
    let description = format!("the namespace {name} exists");
    match object {
        Ok(Some(object)) => match mode_of(object) {
            Some(mode) if mode == Mode::Off.as_str() || Mode::parse(mode).is_none() => {
                Finding::warning(
                    description,
                    format!("its annotation ripcord.dev/mode: {mode:?} keeps Ripcord out of it"),
                    Section::Namespaces,
                )
                .way_out(format!(
                    "kubectl annotate namespace {name} ripcord.dev/mode-    # lets it in"
                ))
            }
            _ => Finding::fine(description),
        },
        Ok(None) => Finding::wrong(
            description,
            "there is no namespace of that name: no alert can be about it. Is it misspelt in `namespaces:`?",
            Section::Namespaces,
        )
        .way_out("kubectl get namespaces")
        .way_out(format!("kubectl create namespace {name}"))
        .way_out(binding(name))
        .way_out(TO_RIPCORD),
        // A RoleBinding can't be in a namespace that does not exist, so its own account is told no more than this.
        Err(error) if error.is_forbidden() => Finding::wrong(
            description,
            "this account may not read it: it does not exist, or it has no RoleBinding for Ripcord",
            Section::Namespaces,
        )
        .way_out(format!("kubectl get namespace {name}"))
        .way_out(binding(name))
        .way_out(TO_RIPCORD),
        Err(error) => Finding::unknown(description, error.to_string(), Section::Namespaces),
    }
}

/// The command that lets Ripcord in; it goes on with [`TO_RIPCORD`].
fn binding(name: &str) -> String {
    format!("kubectl create rolebinding ripcord -n {name} \\")
}

/// The overlay `one-namespace` has a Role in the ClusterRole's place.
const TO_RIPCORD: &str =
    "  --clusterrole=ripcord --serviceaccount=ripcord:ripcord    # or --role=ripcord";

fn mode_of(namespace: &Value) -> Option<&str> {
    namespace
        .pointer("/metadata/annotations")?
        .get("ripcord.dev/mode")?
        .as_str()
}

fn enough(name: &str) -> String {
    format!("it may do in {name} what it must: {} verbs", RIGHTS.len())
}

fn rights(name: &str, rights: &[(Right, Result<bool, ApiError>)], mode: Mode) -> Vec<Finding> {
    let denied: Vec<&Right> = rights
        .iter()
        .filter(|(_, allowed)| *allowed == Ok(false))
        .map(|(right, _)| right)
        .collect();
    if denied.len() == rights.len() && !rights.is_empty() {
        return vec![
            Finding::wrong(
                enough(name),
                "it may do nothing there: the RoleBinding is missing, or it names another account or role",
                Section::Rights,
            )
            .way_out(format!("kubectl get rolebinding ripcord -n {name} -o yaml"))
            .way_out(binding(name))
            .way_out(TO_RIPCORD),
        ];
    }
    let unread = rights
        .iter()
        .find_map(|(_, allowed)| allowed.as_ref().err());
    let mut findings: Vec<Finding> = denied
        .into_iter()
        .map(|right| may_not(name, right, mode))
        .collect();
    if let Some(error) = unread {
        findings.push(Finding::unknown(
            enough(name),
            error.to_string(),
            Section::Rights,
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(enough(name)));
    }
    findings
}

fn may_not(name: &str, right: &Right, mode: Mode) -> Finding {
    let Right {
        group,
        resource,
        verb,
        why,
    } = right;
    let description = format!("it may {verb} {resource} in {name}");
    let finding = if *right == WRITE && mode != Mode::Enforce {
        Finding::warning(
            description,
            "it may not: a dry run shows its diff all the same (Validated By: client), but with `mode: enforce` every incident would be held",
            Section::Rights,
        )
    } else {
        let problem = format!("it may not; it is needed to {why}");
        Finding::wrong(description, problem, Section::Rights)
    };
    finding
        .way_out(format!(
            "- {{apiGroups: [{}], resources: [{resource}], verbs: [{verb}]}}",
            if group.is_empty() { "\"\"" } else { group }
        ))
        .way_out("  # among the rules of: kubectl get clusterrole ripcord -o yaml")
        .way_out("kubectl apply -f deploy/base/clusterrole.yaml    # as it is shipped")
}

#[cfg(test)]
mod tests;
