//! Pods that never came to run anything: `Unschedulable`, `MountMissing`, `NodeTrouble` and `Quota`, in the words of the scheduler
//! (`pkg/scheduler/framework/types.go` and its plugins), the kubelet and the API server's quota admission
//! (`apiserver/pkg/admission/plugin/resourcequota`).

use super::Finding;
use super::cure::Cure;
use super::demands::{Demand, Side};
use super::missing::Missing;
use super::signs::CRASH_IS_RECENT;
use super::start::{is_the_nodes, node_trouble};
use super::symptoms::{Symptom, SymptomKind};
use crate::domain::diagnosis::Cause;
use crate::domain::evidence::Evidence;
use crate::domain::time::since;
use std::collections::BTreeSet;

/// What a symptom of this family means; `None` = it belongs to another.
pub(super) fn judge(symptom: &Symptom, evidence: &Evidence) -> Option<Finding> {
    match symptom.kind {
        SymptomKind::Unscheduled => Some(unscheduled(symptom, evidence)),
        SymptomKind::NotCreated => Some(not_created(symptom, evidence)),
        SymptomKind::NoPods => Some(no_pods(symptom)),
        SymptomKind::ImagePull
        | SymptomKind::InvalidImageName
        | SymptomKind::ErrImageNeverPull
        | SymptomKind::ContainerError
        | SymptomKind::Crash => None,
    }
}

fn unscheduled(symptom: &Symptom, evidence: &Evidence) -> Finding {
    let words = &symptom.message;
    let finding = Finding::new(
        Cause::Unschedulable,
        format!("{} is not scheduled: {words}", symptom.pod_name),
    );
    let demands = scheduling_demands(words);
    let doubt = nodes_fall_out(words)
        .or_else(|| node_on_its_way(symptom, evidence))
        .or_else(|| {
            demands
                .is_empty()
                .then(|| "the scheduler does not say what is asked too much".to_owned())
        });
    finding
        .cured(Cure::Asks {
            demands,
            every: false,
        })
        .unless(doubt)
}

/// What the scheduler says is not to be had. Each node gives a reason of its own, so one that the older revision does not meet is enough.
fn scheduling_demands(words: &str) -> Vec<Demand> {
    const FIELDS: [(&str, &[&str]); 6] = [
        ("node affinity/selector", &["nodeSelector", "affinity"]),
        ("node selector", &["nodeSelector"]),
        ("anti-affinity", &["affinity"]),
        ("untolerated taint", &["tolerations"]),
        (
            "topology spread constraints",
            &["topologySpreadConstraints"],
        ),
        ("persistentvolumeclaim", &["volumes"]),
    ];
    // What is said after "preemption:" repeats the count of nodes.
    let words = words.split("preemption:").next().unwrap_or_default();
    let resources = words
        .split("Insufficient ")
        .skip(1)
        .filter_map(|rest| rest.split([' ', ',']).next())
        .map(|resource| Demand::Resource {
            side: Side::Requests,
            resource: resource.trim_end_matches('.').to_owned(),
        });
    let fields = FIELDS
        .iter()
        .filter(|(text, _)| words.contains(text))
        .map(|(_, fields)| Demand::Fields(fields));
    resources.chain(fields).collect()
}

/// Cordons and the taints that the node controller sets (`pkg/apis/core/v1/well_known_taints.go`): then nodes have become fewer.
fn nodes_fall_out(words: &str) -> Option<String> {
    let away = words.contains("node.kubernetes.io/") || words.contains("were unschedulable");
    away.then(|| "nodes are in trouble or cordoned: the pods may lack only them".to_owned())
}

/// An autoscaler that has taken the pod up (cluster-autoscaler, Karpenter): then waiting cures it.
fn node_on_its_way(symptom: &Symptom, evidence: &Evidence) -> Option<String> {
    evidence
        .events
        .known()?
        .iter()
        .filter(|event| event.regarding == symptom.pod)
        .filter(|event| matches!(event.reason.as_str(), "TriggeredScaleUp" | "Nominated"))
        .map(|event| format!("a node is on its way: {}", event.message))
        .min()
}

fn not_created(symptom: &Symptom, evidence: &Evidence) -> Finding {
    let name = &symptom.container.name;
    let said = mount_words(symptom, evidence);
    let words = if said.is_empty() {
        symptom.message.clone()
    } else {
        said.iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let because = format!("{name} can't be created: {words}");
    if words.contains("pod sandbox") || is_the_nodes(&words) {
        return node_trouble(because);
    }
    if !words.contains("olume") {
        return Finding::unknown(because);
    }
    let finding = Finding::new(Cause::MountMissing, because);
    let missing: Vec<Missing> = said.iter().filter_map(|words| Missing::of(words)).collect();
    match missing.first() {
        Some(_) => finding.cured(Cure::Without(missing)),
        None => finding.unless(Some(
            "a volume that can't be attached or mounted may be the node's or the storage's trouble"
                .to_owned(),
        )),
    }
}

/// Of several things that are said of its volumes now, those that name what is missing: the first words are often only of a time-out.
fn mount_words(symptom: &Symptom, evidence: &Evidence) -> BTreeSet<String> {
    let events = evidence.events.known().into_iter().flatten();
    events
        .filter(|event| since(event.last_seen, evidence.gathered_at) <= CRASH_IS_RECENT)
        .filter(|event| event.regarding == symptom.pod && event.reason == "FailedMount")
        .filter(|event| Missing::of(&event.message).is_some())
        .map(|event| event.message.clone())
        .collect()
}

fn no_pods(symptom: &Symptom) -> Finding {
    let words = &symptom.message;
    let because = format!(
        "no pod of revision {} can be made: {words}",
        symptom.revision
    );
    if !words.contains("exceeded quota") && !words.contains("failed quota") {
        return Finding::unknown(because);
    }
    let demands = quota_demands(words);
    let doubt = demands
        .is_empty()
        .then(|| "the refusal does not say what is asked too much".to_owned());
    Finding::new(Cause::Quota, because)
        .cured(Cure::Asks {
            demands,
            every: true,
        })
        .unless(doubt)
}

/// `exceeded quota: team, requested: limits.memory=4Gi,pods=1, used: …`: the quota is exceeded in each of those.
fn quota_demands(words: &str) -> Vec<Demand> {
    words
        .split("requested: ")
        .skip(1)
        .filter_map(|rest| rest.split(", used:").next())
        .flat_map(|list| list.split(','))
        .filter_map(|item| item.split_once('='))
        .map(|(what, _)| match what.trim().split_once('.') {
            Some(("requests", resource)) => Demand::resource(Side::Requests, resource),
            Some(("limits", resource)) => Demand::resource(Side::Limits, resource),
            _ => match what.trim() {
                resource @ ("cpu" | "memory" | "ephemeral-storage") => {
                    Demand::resource(Side::Requests, resource)
                }
                other => Demand::Count(other.to_owned()),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_ask_for_nothing_are_no_demands() {
        for words in [
            "",
            "0/1 nodes are available",
            "no nodes available to schedule pods",
        ] {
            assert_eq!(scheduling_demands(words), [], "{words}");
        }
        for words in ["", "exceeded quota: q", "must specify limits.cpu for: web"] {
            assert_eq!(quota_demands(words), [], "{words}");
        }
    }

    #[test]
    fn the_scheduler_names_resources_and_rules() {
        let words = "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Insufficient ephemeral-storage.";
        assert_eq!(
            scheduling_demands(words),
            [
                Demand::resource(Side::Requests, "cpu"),
                Demand::resource(Side::Requests, "memory"),
                Demand::Fields(&["nodeSelector", "affinity"]),
            ]
        );
    }

    #[test]
    fn a_cordon_and_a_node_that_is_away_are_told_from_a_wish_that_no_node_meets() {
        for words in [
            "0/2 nodes are available: 2 node(s) were unschedulable.",
            "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.",
        ] {
            assert!(nodes_fall_out(words).is_some(), "{words}");
        }
        let words = "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }";
        assert_eq!(nodes_fall_out(words), None);
    }

    #[test]
    fn a_quota_names_what_is_asked_too_much() {
        let words = "pods \"web-1-x\" is forbidden: exceeded quota: team, requested: limits.memory=4Gi,pods=1,cpu=2, used: limits.memory=1Gi,pods=4,cpu=1, limited: limits.memory=4Gi,pods=4,cpu=2";
        assert_eq!(
            quota_demands(words),
            [
                Demand::resource(Side::Limits, "memory"),
                Demand::Count("pods".into()),
                Demand::resource(Side::Requests, "cpu"),
            ]
        );
    }
}
