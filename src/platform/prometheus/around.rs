//! What is asked of the things around a workload: its configuration, its nodes, and who else can't pull an image. Questions and their answers
//! together, for each is about other labels than a container's.

use super::answer::{Sample, Series};
use super::promql::{Name, Selector};
use super::questions::Scope;
use super::tables::{self, label, same_namespace};
use super::{Range, Unanswered};
use crate::domain::surroundings::{
    ConfigHistory, ConfigKind, ConfigName, NodeTrouble, PullFailure,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The label by which a config question's rows are told apart.
const ROW: &str = "ripcord_row";
/// The version is another one than at the step before.
const CHANGED: &str = "changed";
/// There was no sample at the step before.
const BEGAN: &str = "began";
/// Two sources say different versions.
const AMBIGUOUS: &str = "ambiguous";

/// ConfigMaps and Secrets whose changes are asked for, told apart by their label.
pub(super) struct ConfigNames<'a> {
    maps: Vec<Name<'a>>,
    secrets: Vec<Name<'a>>,
}

impl<'a> ConfigNames<'a> {
    /// Checks the names; more than `most` are refused.
    pub(super) fn parse(names: &'a [ConfigName], most: usize) -> Result<Self, Unanswered> {
        if names.len() > most {
            return Err(Unanswered::TooMuchAsked);
        }
        let of = |kind: ConfigKind| -> Result<Vec<Name<'a>>, Unanswered> {
            let names = names.iter().filter(|name| name.kind == kind);
            names.map(|name| Name::parse(&name.name)).collect()
        };
        Ok(Self {
            maps: of(ConfigKind::ConfigMap)?,
            secrets: of(ConfigKind::Secret)?,
        })
    }
}

/// The two questions about configuration.
pub(super) struct ConfigQuestions {
    /// For a range: the steps at which a version changed, began or is ambiguous, and no others, for most never do.
    pub(super) moved: String,
    /// For now: those that there are.
    pub(super) present: String,
}

/// When the resource versions of these changed. kube-state-metrics exports them as numbers (`internal/store/configmap.go`, `secret.go`).
pub(super) fn config(scope: &Scope<'_>, names: &ConfigNames<'_>, step: i64) -> ConfigQuestions {
    let series = scope
        .metrics("kube_(configmap|secret)_metadata_resource_version")
        .one_of_or_none("configmap", &names.maps)
        .one_of_or_none("secret", &names.secrets)
        .finish();
    let key = format!("{},configmap,secret", scope.labels.namespace);
    let now = format!("max by ({key}) (last_over_time({series}[{step}s]))");
    let least = format!("min by ({key}) (last_over_time({series}[{step}s]))");
    let before = format!("max by ({key}) (last_over_time({series}[{step}s] offset {step}s))");
    let row =
        |kind: &str, rows: &str| format!(r#"label_replace({rows}, "{ROW}", "{kind}", "", "")"#);
    ConfigQuestions {
        moved: [
            row(CHANGED, &format!("{now} != {before}")),
            row(BEGAN, &format!("({now} unless {before})")),
            row(AMBIGUOUS, &format!("{now} != {least}")),
        ]
        .join(" or "),
        present: format!("group by ({key}) ({series})"),
    }
}

/// The histories of those that are there now. The others are missing: nothing is known of them.
pub(super) fn config_histories(
    moved: &[Series],
    present: &[Sample],
    scope: &Scope<'_>,
    range: Range,
) -> Result<BTreeMap<ConfigName, ConfigHistory>, Unanswered> {
    let mut rows: BTreeMap<ConfigName, BTreeMap<Timestamp, (bool, f64)>> = BTreeMap::new();
    for series in moved {
        let name = config_name(&series.labels, scope)?;
        let kind = label(&series.labels, ROW)?;
        if kind == AMBIGUOUS {
            tables::is_handover(
                series.values.iter().map(|(at, _)| *at),
                range.step,
                "config",
            )?;
            continue;
        }
        let steps = rows.entry(name).or_default();
        for (at, version) in &series.values {
            steps.insert(*at, (kind == BEGAN, *version));
        }
    }
    let mut histories = BTreeMap::new();
    for row in present {
        let name = config_name(&row.labels, scope)?;
        let steps = rows.remove(&name).unwrap_or_default();
        if histories
            .insert(name, history(&steps, range.from))
            .is_some()
        {
            return Err(Unanswered::Ambiguous("config"));
        }
    }
    Ok(histories)
}

/// A version that began is a change where another one was there before the gap.
fn history(steps: &BTreeMap<Timestamp, (bool, f64)>, from: Timestamp) -> ConfigHistory {
    let mut known_since = from;
    let mut changed_at = Vec::new();
    let mut last: Option<f64> = None;
    for (at, (began, version)) in steps {
        match last {
            None if *began => known_since = *at,
            Some(last) if *began && last.to_bits() == version.to_bits() => {}
            Some(_) | None => changed_at.push(*at),
        }
        last = Some(*version);
    }
    ConfigHistory {
        known_since,
        changed_at,
    }
}

fn config_name(
    labels: &BTreeMap<String, String>,
    scope: &Scope<'_>,
) -> Result<ConfigName, Unanswered> {
    same_namespace(labels, scope.labels, scope.namespace)?;
    let of = |key: &str| labels.get(key).filter(|name| !name.is_empty()).cloned();
    let (kind, name) = match (of("configmap"), of("secret")) {
        (Some(name), None) => (ConfigKind::ConfigMap, name),
        (None, Some(name)) => (ConfigKind::Secret, name),
        _ => return Err(Unanswered::Unreadable),
    };
    Ok(ConfigName { kind, name })
}

/// The conditions of these nodes that are so now. A scrape target may have a label `node` of its own: then the node's is `exported_node`.
pub(super) fn nodes(matchers: &BTreeMap<String, String>, nodes: &[Name<'_>]) -> String {
    let of = |label: &str| {
        let series = Selector::metric("kube_node_status_condition", matchers)
            .one_of(label, nodes)
            .fixed(r#"condition=~"Ready|DiskPressure|MemoryPressure|PIDPressure""#)
            .finish();
        format!("max by (node,exported_node,condition,status) ({series} == 1)")
    };
    format!("{} or {}", of("node"), of("exported_node"))
}

/// What is wrong with each of these nodes; a node without a `Ready` condition is missing.
pub(super) fn node_troubles(
    rows: &[Sample],
    asked: &[Name<'_>],
) -> Result<BTreeMap<String, BTreeSet<NodeTrouble>>, Unanswered> {
    let mut status: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for row in rows {
        let exported = row.labels.get("exported_node").map(String::as_str);
        let node = match exported {
            Some(node) if !node.is_empty() => node,
            _ => label(&row.labels, "node")?,
        };
        if !asked.iter().any(|name| name.as_str() == node) {
            continue;
        }
        let key = (node, label(&row.labels, "condition")?);
        if status.insert(key, label(&row.labels, "status")?).is_some() {
            return Err(Unanswered::Ambiguous("node's condition"));
        }
    }
    let mut troubles = BTreeMap::new();
    for (node, condition) in status.keys() {
        if *condition != "Ready" {
            continue;
        }
        let is = |condition, wanted| status.get(&(*node, condition)) == Some(&wanted);
        let found = [
            (NodeTrouble::NotReady, !is("Ready", "true")),
            (NodeTrouble::DiskPressure, is("DiskPressure", "true")),
            (NodeTrouble::MemoryPressure, is("MemoryPressure", "true")),
            (NodeTrouble::PidPressure, is("PIDPressure", "true")),
        ];
        let found = found.into_iter().filter(|(_, so)| *so);
        troubles.insert(
            (*node).to_owned(),
            found.map(|(trouble, _)| trouble).collect(),
        );
    }
    Ok(troubles)
}

/// Every container in these namespaces that waits for its image now, with the image and the owner of its pod. Of now alone: the pull's two
/// reasons alternate without a gap, and what is over is no outage.
///
/// No pod can spoil it for the others. A pod may have many owner references, of which one is the controller's at most; and while one
/// kube-state-metrics takes over from another, a pod that was adopted, or a container whose image was replaced, has two series. So an image joins from the
/// side that may have many rows, and of owners the first will do. Whoever has no owner's series is there without one.
pub(super) fn pulls(scope: &Scope<'_>, namespaces: &[Name<'_>]) -> String {
    let labels = scope.labels;
    let of = |regex| Selector::metrics(regex, scope.matchers).one_of(labels.namespace, namespaces);
    let (container, pod) = (scope.container_key(), labels.pod_key());
    let waiting = of("kube_pod_(init_)?container_status_waiting_reason")
        .fixed(r#"reason=~"ErrImagePull|ImagePullBackOff|RegistryUnavailable""#)
        .finish();
    let info = of("kube_pod_(init_)?container_info").finish();
    let owner = of("kube_pod_owner")
        .fixed(r#"owner_is_controller!="false""#)
        .finish();
    let pulls = format!(
        "max by ({container},image_spec) ({info}) * on ({container}) group_left () max by ({container}) ({waiting} > 0)"
    );
    format!(
        "{pulls} * on ({pod}) group_left (owner_kind,owner_name) topk by ({pod}) (1, max by ({pod},owner_kind,owner_name) ({owner})) or {pulls} unless on ({pod}) {owner}"
    )
}

/// The rows of that.
pub(super) fn pull_failures(
    rows: &[Sample],
    scope: &Scope<'_>,
    namespaces: &[Name<'_>],
) -> Result<Vec<PullFailure>, Unanswered> {
    let of = |row: &Sample, key: &str| row.labels.get(key).cloned().unwrap_or_default();
    let mut failures = BTreeSet::new();
    for row in rows {
        let namespace = label(&row.labels, scope.labels.namespace)?;
        if !namespaces.iter().any(|name| name.as_str() == namespace) {
            return Err(Unanswered::Unreadable);
        }
        failures.insert(PullFailure {
            namespace: namespace.to_owned(),
            pod: label(&row.labels, scope.labels.pod)?.to_owned(),
            container: label(&row.labels, scope.labels.container)?.to_owned(),
            image: of(row, "image_spec"),
            owner_kind: of(row, "owner_kind"),
            owner_name: of(row, "owner_name"),
        });
    }
    Ok(failures.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_second(1_795_413_120 + 60 * number).unwrap()
    }

    fn read(steps: &[(i64, bool, f64)]) -> (i64, Vec<i64>) {
        let steps = steps
            .iter()
            .map(|(at, began, version)| (minute(*at), (*began, *version)));
        let history = history(&steps.collect(), minute(0));
        let number = |at: Timestamp| at.duration_since(minute(0)).as_secs() / 60;
        let changed = history.changed_at.into_iter().map(number).collect();
        (number(history.known_since), changed)
    }

    #[test]
    fn what_began_within_the_history_is_not_known_before() {
        assert_eq!(read(&[(7, true, 12.0)]), (7, vec![]));
        assert_eq!(read(&[(7, true, 12.0), (9, false, 15.0)]), (7, vec![9]));
    }

    #[test]
    fn another_version_after_a_gap_is_a_change_and_the_same_one_is_none() {
        let steps = [(1, false, 12.0), (5, true, 12.0), (8, true, 13.0)];
        assert_eq!(read(&steps), (0, vec![1, 8]));
    }

    #[test]
    fn what_never_moved_is_known_from_the_beginning() {
        assert_eq!(read(&[]), (0, vec![]));
    }

    fn condition(labels: &[(&str, &str)]) -> Sample {
        Sample {
            labels: labels
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            value: 1.0,
        }
    }

    fn of(node: &'static str, condition_: &'static str, status: &'static str) -> Sample {
        condition(&[
            ("node", node),
            ("condition", condition_),
            ("status", status),
        ])
    }

    #[test]
    fn a_node_is_in_trouble_when_it_is_not_ready_or_under_pressure() {
        let asked = [Name::parse("a").unwrap(), Name::parse("b").unwrap()];
        let rows = [
            of("a", "Ready", "unknown"),
            of("a", "DiskPressure", "true"),
            of("a", "PIDPressure", "false"),
            of("b", "Ready", "true"),
            of("other", "Ready", "false"),
        ];
        let found = node_troubles(&rows, &asked).unwrap();
        let bad = BTreeSet::from([NodeTrouble::NotReady, NodeTrouble::DiskPressure]);
        let expected = [("a".to_owned(), bad), ("b".to_owned(), BTreeSet::new())];
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn a_node_without_a_ready_condition_is_not_known_and_two_answers_are_none() {
        let asked = [Name::parse("a").unwrap()];
        let rows = [of("a", "DiskPressure", "false")];
        assert_eq!(node_troubles(&rows, &asked), Ok(BTreeMap::new()));
        let rows = [of("a", "Ready", "true"), of("a", "Ready", "false")];
        assert_eq!(
            node_troubles(&rows, &asked),
            Err(Unanswered::Ambiguous("node's condition"))
        );
    }

    #[test]
    fn a_label_that_the_scrape_renamed_names_the_node() {
        let asked = [Name::parse("a").unwrap()];
        let rows = [condition(&[
            ("node", "where-the-exporter-runs"),
            ("exported_node", "a"),
            ("condition", "Ready"),
            ("status", "true"),
        ])];
        let found = node_troubles(&rows, &asked).unwrap();
        assert_eq!(found, BTreeMap::from([("a".to_owned(), BTreeSet::new())]));
    }
}
