//! Causes that a workload shares with others: its nodes are in trouble, or the registry is away for several of them.

use crate::domain::diagnosis::{Cause, Entry, Helps, SharedCause};
use crate::domain::evidence::Evidence;
use crate::domain::image::ImageRef;
use crate::domain::observed::Observed;
use crate::domain::surroundings::PullFailure;
use crate::domain::text;
use crate::domain::workload::{Container, ContainerState, Pod};
use std::collections::{BTreeMap, BTreeSet};

/// A sentence is cut here: half of what a record's field holds.
const SENTENCE_BYTES: usize = 512;
/// Others are named up to here, and counted beyond.
const NAMED: usize = 5;

/// The shared cause, where the facts show one. What is not known shows none: the entries' own doubts see to that.
pub(super) fn find(evidence: &Evidence, entries: &[Entry]) -> Option<SharedCause> {
    let pods: BTreeMap<&str, &Pod> = evidence
        .pods
        .known()?
        .iter()
        .map(|pod| (pod.name.as_str(), pod))
        .collect();
    let (cause, because) = node_trouble(evidence, entries, &pods)
        .map(|because| (Cause::NodeTrouble, because))
        .or_else(|| {
            let because = registry_outage(evidence, entries, &pods)?;
            Some((Cause::RegistryOutage, because))
        })?;
    Some(SharedCause {
        cause,
        because: text::safe(&because, SENTENCE_BYTES),
    })
}

/// Under a shared cause no revision is surely to blame, nor where a source that would show one does not answer.
pub(super) fn weigh(entries: &mut [Entry], shared: Option<&SharedCause>, evidence: &Evidence) {
    let shared = shared.map(|shared| format!("{}: {}", shared.cause, shared.because));
    let Some(doubt) = shared.or_else(|| doubt(evidence, entries)) else {
        return;
    };
    for entry in entries {
        if entry.rollback_helps == Helps::Yes {
            entry.rollback_helps = Helps::Unknown;
            entry.because = text::safe(&format!("{}; {doubt}", entry.because), SENTENCE_BYTES);
        }
    }
}

/// What keeps a shared cause from being ruled out.
fn doubt(evidence: &Evidence, entries: &[Entry]) -> Option<String> {
    let pods = evidence.pods.known()?;
    let failing = || {
        let names = entries.iter().flat_map(|entry| &entry.pods);
        names.filter_map(|name| pods.iter().find(|pod| pod.name == *name))
    };
    let known = evidence.around.nodes.known();
    let healthy = |node: &str| {
        let troubles = known.and_then(|known| known.get(node));
        troubles.is_some_and(BTreeSet::is_empty)
    };
    // One pod that fails on a healthy node, or on none, is enough to clear the nodes.
    if failing().all(|pod| pod.node.as_deref().is_some_and(|node| !healthy(node))) {
        let why = match &evidence.around.nodes {
            Observed::Unavailable(why) => why.as_str(),
            Observed::Known(_) | Observed::Absent => "kube-state-metrics does not export it",
        };
        let node = failing().find_map(|pod| pod.node.as_deref())?;
        return Some(format!(
            "whether node {node} is in trouble can't be told: {why}"
        ));
    }
    let pulls = entries.iter().any(|entry| {
        let of_it = failing().filter(|pod| entry.pods.contains(&pod.name));
        let mut containers = of_it.flat_map(|pod| &pod.containers);
        !blames_the_image(entry.cause)
            && containers.any(|it| it.name == entry.container && waits_for_its_image(it))
    });
    let why = evidence.around.pulls.unavailable().filter(|_| pulls)?;
    Some(format!("whether others can pull can't be told: {why}"))
}

/// Every pod that fails is on a node that is in trouble.
fn node_trouble(
    evidence: &Evidence,
    entries: &[Entry],
    pods: &BTreeMap<&str, &Pod>,
) -> Option<String> {
    let known = evidence.around.nodes.known()?;
    let failing: BTreeSet<&str> = entries
        .iter()
        .flat_map(|entry| entry.pods.iter().map(String::as_str))
        .collect();
    if failing.is_empty() {
        return None;
    }
    let mut nodes = BTreeMap::new();
    for pod in &failing {
        let node = pods.get(pod)?.node.as_deref()?;
        let troubles = known.get(node).filter(|troubles| !troubles.is_empty())?;
        let words: Vec<&str> = troubles.iter().map(|trouble| trouble.as_str()).collect();
        nodes.insert(node, words.join(", "));
    }
    let nodes: Vec<String> = nodes
        .into_iter()
        .take(NAMED)
        .map(|(node, words)| format!("{node} ({words})"))
        .collect();
    Some(format!(
        "all {} failing pods are on nodes in trouble: {}",
        failing.len(),
        nodes.join(", ")
    ))
}

/// A pull fails without the registry having said that there is no such image, and other workloads can't pull from that registry either.
fn registry_outage(
    evidence: &Evidence,
    entries: &[Entry],
    pods: &BTreeMap<&str, &Pod>,
) -> Option<String> {
    let failures = evidence.around.pulls.known()?;
    let registries: BTreeSet<String> = entries
        .iter()
        .filter(|entry| !blames_the_image(entry.cause))
        .flat_map(|entry| entry.pods.iter().map(move |pod| (entry, pod.as_str())))
        .filter_map(|(entry, pod)| {
            let containers = &pods.get(pod)?.containers;
            let container = containers.iter().find(|it| it.name == entry.container)?;
            registry(&container.image).filter(|_| waits_for_its_image(container))
        })
        .collect();
    let namespace = evidence
        .workload
        .known()
        .map(|workload| workload.reference.namespace.as_str());
    // A pod's name is its own only in its namespace.
    let is_own = |failure: &PullFailure| {
        namespace.is_none_or(|namespace| namespace == failure.namespace)
            && pods.contains_key(failure.pod.as_str())
    };
    registries.into_iter().find_map(|registry_| {
        let others: BTreeSet<String> = failures
            .iter()
            .filter(|failure| !is_own(failure))
            .filter(|failure| registry(&failure.image).as_ref() == Some(&registry_))
            .map(PullFailure::workload)
            .collect();
        if others.is_empty() {
            return None;
        }
        let named: Vec<&str> = others.iter().take(NAMED).map(String::as_str).collect();
        let more = match others.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "{} can't pull from {registry_} now either{more}",
            named.join(", ")
        ))
    })
}

/// Causes by which a registry, or the kubelet, has said that this very image is the trouble.
fn blames_the_image(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::ImageNotFound | Cause::InvalidImageName | Cause::WrongPlatform | Cause::NeverPull
    )
}

fn waits_for_its_image(container: &Container) -> bool {
    matches!(
        &container.state,
        ContainerState::Waiting { reason, .. }
            if ["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"].contains(&reason.as_str())
    )
}

/// The registry that an image comes from, as containerd normalises it.
fn registry(image: &str) -> Option<String> {
    let image = ImageRef::parse(image).ok()?;
    let (registry, _) = image.repository().split_once('/')?;
    Some(registry.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::diagnose;
    use super::super::fixtures::{LIMITS, fault, pods};
    use super::*;
    use crate::domain::surroundings::NodeTrouble;

    fn on_node(evidence: &mut Evidence, troubles: &[NodeTrouble]) {
        for pod in pods(evidence) {
            pod.node = Some("n1".to_owned());
        }
        let troubles = troubles.iter().copied().collect();
        evidence.around.nodes = Observed::Known([("n1".to_owned(), troubles)].into());
    }

    fn failing_elsewhere(evidence: &mut Evidence, image: &str, pod: &str) {
        let failure = PullFailure {
            namespace: "other".to_owned(),
            pod: pod.to_owned(),
            container: "c".to_owned(),
            image: image.to_owned(),
            owner_kind: "ReplicaSet".to_owned(),
            owner_name: "search-5b94".to_owned(),
        };
        evidence.around.pulls = Observed::Known(vec![failure]);
    }

    /// The captured pull from a registry that nobody answers at.
    fn unreachable() -> (Evidence, String) {
        let mut evidence = fault("registry-refused");
        let image = pods(&mut evidence)[0].containers[0].image.clone();
        (evidence, image)
    }

    #[test]
    fn what_is_not_known_of_a_node_is_no_shared_cause_and_leaves_doubt() {
        let mut evidence = fault("bad-args");
        for nodes in [
            Observed::Unavailable("away".to_owned()),
            Observed::Known([].into()),
        ] {
            evidence.around.nodes = nodes;
            let diagnosis = diagnose(&evidence, &LIMITS);
            assert_eq!(diagnosis.shared, None);
            let entry = &diagnosis.entries[0];
            assert_eq!(entry.rollback_helps, Helps::Unknown);
            assert!(
                entry.because.contains("is in trouble can't be told"),
                "{}",
                entry.because
            );
        }
    }

    #[test]
    fn one_pod_that_fails_without_a_node_clears_the_nodes() {
        let mut evidence = fault("bad-args");
        evidence.around.nodes = Observed::Known([].into());
        pods(&mut evidence)[0].node = None;
        let diagnosis = diagnose(&evidence, &LIMITS);
        assert_eq!(diagnosis.entries[0].rollback_helps, Helps::Yes);
    }

    #[test]
    fn a_healthy_node_is_no_trouble() {
        let mut evidence = fault("bad-args");
        on_node(&mut evidence, &[]);
        assert_eq!(diagnose(&evidence, &LIMITS).shared, None);
    }

    #[test]
    fn where_all_failing_pods_are_on_nodes_in_trouble_no_revision_is_surely_to_blame() {
        let mut evidence = fault("bad-args");
        assert_eq!(
            diagnose(&evidence, &LIMITS).entries[0].rollback_helps,
            Helps::Yes
        );
        on_node(
            &mut evidence,
            &[NodeTrouble::NotReady, NodeTrouble::DiskPressure],
        );
        let diagnosis = diagnose(&evidence, &LIMITS);
        let shared = diagnosis.shared.unwrap();
        assert_eq!(shared.cause, Cause::NodeTrouble);
        assert_eq!(
            shared.because,
            "all 1 failing pods are on nodes in trouble: n1 (NotReady, DiskPressure)"
        );
        assert_eq!(diagnosis.entries[0].cause, Cause::CrashOnStart);
        assert_eq!(diagnosis.entries[0].rollback_helps, Helps::Unknown);
    }

    #[test]
    fn a_registry_that_is_away_for_another_workload_too_is_an_outage() {
        let (mut evidence, image) = unreachable();
        let registry = registry(&image).unwrap();
        failing_elsewhere(
            &mut evidence,
            &format!("{registry}/search:2"),
            "search-5b94-x",
        );
        let shared = diagnose(&evidence, &LIMITS).shared.unwrap();
        assert_eq!(shared.cause, Cause::RegistryOutage);
        assert_eq!(
            shared.because,
            format!("other/search can't pull from {registry} now either")
        );
    }

    #[test]
    fn another_registry_is_no_outage_of_this_one() {
        let (mut evidence, _) = unreachable();
        failing_elsewhere(&mut evidence, "registry.example/search:2", "search-5b94-x");
        assert_eq!(diagnose(&evidence, &LIMITS).shared, None);
    }

    #[test]
    fn its_own_pods_are_no_other_workload() {
        let (mut evidence, image) = unreachable();
        let own = pods(&mut evidence)[0].name.clone();
        failing_elsewhere(&mut evidence, &image, &own);
        assert_eq!(diagnose(&evidence, &LIMITS).shared, None);
    }

    #[test]
    fn a_registry_that_says_that_there_is_no_such_image_is_there() {
        let mut evidence = fault("image-not-found");
        let image = pods(&mut evidence)[0].containers[0].image.clone();
        failing_elsewhere(&mut evidence, &image, "search-5b94-x");
        let diagnosis = diagnose(&evidence, &LIMITS);
        assert_eq!(diagnosis.shared, None);
        assert_eq!(diagnosis.entries[0].rollback_helps, Helps::Yes);
    }
}
