//! Which labels of an alert are read, and in which order.
//!
//! With Prometheus' default `honor_labels: false` a label that both the scrape target and kube-state-metrics have keeps the *target's* value,
//! and kube-state-metrics' own becomes `exported_…`: so `exported_namespace` says where the pod is, and `namespace` where kube-state-metrics is
//! (Prometheus `docs/configuration/configuration.md`, `honor_labels`). With `honor_labels: true` metrics about a Deployment get the target's
//! `pod` and `container`: so a label that names a workload makes those meaningless.

use super::alertmanager::Problem;
use super::names;
use crate::domain::alert::Hint;
use crate::domain::identity::Uid;
use crate::domain::workload::WorkloadKind;
use std::collections::BTreeMap;

type Labels = BTreeMap<String, String>;

/// The namespace that the labels name.
pub(super) fn namespace(labels: &Labels) -> Result<Option<String>, Problem> {
    exported_first(labels, "namespace")
        .map(|name| valid(name, names::is_namespace))
        .transpose()
}

/// What else they name: a workload before a pod, and neither is an aggregate.
pub(super) fn hint(labels: &Labels) -> Result<Hint, Problem> {
    if let Some(hint) = workload(labels)? {
        return Ok(hint);
    }
    let Some(pod) = exported_first(labels, "pod") else {
        return Ok(Hint::Namespace);
    };
    let uid = exported_first(labels, "uid")
        .map(|uid| valid(uid, names::is_uid))
        .transpose()?;
    Ok(Hint::Pod {
        name: valid(pod, names::is_object)?,
        uid: uid.map(Uid::new),
    })
}

/// The workload that the labels name. Exported labels of any kind count before plain ones; two kinds at once name nothing.
fn workload(labels: &Labels) -> Result<Option<Hint>, Problem> {
    for prefix in ["exported_", ""] {
        let mut named = WorkloadKind::ALL.into_iter().filter_map(|kind| {
            let label = format!("{prefix}{}", kind.as_str().to_lowercase());
            Some((kind, non_empty(labels, &label)?))
        });
        let Some((kind, name)) = named.next() else {
            continue;
        };
        if named.next().is_some() {
            return Err(Problem::SeveralWorkloads);
        }
        let name = valid(name, names::is_object)?;
        return Ok(Some(Hint::Workload { kind, name }));
    }
    Ok(None)
}

fn exported_first<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    non_empty(labels, &format!("exported_{name}")).or_else(|| non_empty(labels, name))
}

/// To Prometheus an empty label is no label.
fn non_empty<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    labels
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

fn valid(text: &str, rule: impl Fn(&str) -> bool) -> Result<String, Problem> {
    if rule(text) {
        Ok(text.to_owned())
    } else {
        Err(Problem::NotAName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn pod(name: &str, uid: Option<&str>) -> Hint {
        Hint::Pod {
            name: name.to_owned(),
            uid: uid.map(Uid::new),
        }
    }

    fn deployment(name: &str) -> Hint {
        Hint::Workload {
            kind: WorkloadKind::Deployment,
            name: name.to_owned(),
        }
    }

    #[test]
    fn names_that_are_not_kubernetes_names_are_refused() {
        for (label, value) in [
            ("pod", "a\"} or up{a=\""),
            ("exported_pod", "a\nb"),
            ("deployment", "../../secrets"),
            ("statefulset", "A"),
        ] {
            assert_eq!(
                hint(&labels(&[(label, value)])),
                Err(Problem::NotAName),
                "{label}"
            );
        }
        assert_eq!(
            hint(&labels(&[("pod", "web"), ("uid", "x\ny")])),
            Err(Problem::NotAName)
        );
        assert_eq!(
            namespace(&labels(&[("namespace", "a.b")])),
            Err(Problem::NotAName)
        );
    }

    #[test]
    fn two_kinds_of_workload_at_once_name_nothing() {
        let both = labels(&[("deployment", "web"), ("daemonset", "agent")]);
        assert_eq!(hint(&both), Err(Problem::SeveralWorkloads));
    }

    #[test]
    fn the_exported_label_counts_before_the_scrape_targets() {
        let scraped = labels(&[
            ("namespace", "monitoring"),
            ("exported_namespace", "lab30"),
            ("pod", "kube-state-metrics-0"),
            ("exported_pod", "web-1"),
            ("uid", "u-target"),
            ("exported_uid", "u-1"),
        ]);
        assert_eq!(namespace(&scraped), Ok(Some("lab30".to_owned())));
        assert_eq!(hint(&scraped), Ok(pod("web-1", Some("u-1"))));
        let exported = labels(&[
            ("exported_deployment", "web"),
            ("statefulset", "prometheus"),
        ]);
        assert_eq!(hint(&exported), Ok(deployment("web")));
    }

    #[test]
    fn a_workload_label_makes_pod_and_container_meaningless() {
        let honoured = labels(&[
            ("deployment", "web"),
            ("pod", "kube-state-metrics-0"),
            ("container", "kube-state-metrics"),
        ]);
        assert_eq!(hint(&honoured), Ok(deployment("web")));
        let hostile_pod = labels(&[("deployment", "web"), ("pod", "a b")]);
        assert_eq!(hint(&hostile_pod), Ok(deployment("web")));
    }

    #[test]
    fn an_empty_label_is_no_label() {
        let empty = labels(&[
            ("exported_pod", ""),
            ("pod", "web-1"),
            ("uid", ""),
            ("namespace", ""),
        ]);
        assert_eq!(hint(&empty), Ok(pod("web-1", None)));
        assert_eq!(namespace(&empty), Ok(None));
        assert_eq!(hint(&Labels::new()), Ok(Hint::Namespace));
    }
}
