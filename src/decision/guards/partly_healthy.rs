//! `PartlyHealthy`: a revision that serves from some of its pods is not simply bad, and what fails on one node alone may be the node's doing.

use super::{Finding, Question, pass};
use crate::domain::workload::Pod;
use std::collections::BTreeSet;

/// A rollout that goes on brings more pods, and one that recovers fewer failing ones: either shows within half a minute.
const LOOK_AGAIN_SECONDS: i64 = 30;

pub(super) fn check(question: &Question<'_>) -> Finding {
    let case = question.case;
    let (Some(newest), Some(pods)) = (case.newest(), case.evidence.pods.known()) else {
        return question.away("the newest revision's pods could not be read");
    };
    let own: Vec<&Pod> = pods
        .iter()
        .filter(|pod| pod.revision == newest.name && !pod.deleting)
        .collect();
    if own.is_empty() || case.diagnosis.entries.is_empty() {
        return pass("no pod of the newest revision is known to fail");
    }
    let entries = &case.diagnosis.entries;
    let (failing, others): (Vec<&Pod>, Vec<&Pod>) = own
        .iter()
        .partition(|pod| entries.iter().any(|entry| entry.pods.contains(&pod.name)));
    let (bad, all, least) = (failing.len(), own.len(), case.limits.failing_share_percent);
    let text = format!("{bad} of {all} pods of {} fail", newest.name);
    if bad * 100 < usize::from(least) * all {
        let ready = others
            .iter()
            .filter(|pod| pod.ready_since.is_some())
            .count();
        return question.wait_seconds(
            LOOK_AGAIN_SECONDS,
            format!("{text}, {ready} are ready; {least} % must fail"),
        );
    }
    if let Some(node) = only_node(&failing)
        && others.iter().any(|pod| is_ready_elsewhere(pod, node))
    {
        let text = format!("{text}, all of them on node {node}; on other nodes it is ready");
        return question.wait_seconds(LOOK_AGAIN_SECONDS, text);
    }
    pass(format!("{text}, {least} % needed"))
}

/// The node that all of them are on, where that is one.
fn only_node<'a>(pods: &[&'a Pod]) -> Option<&'a str> {
    let nodes: BTreeSet<Option<&str>> = pods.iter().map(|pod| pod.node.as_deref()).collect();
    match (nodes.len(), nodes.first()) {
        (1, Some(node)) => *node,
        _ => None,
    }
}

fn is_ready_elsewhere(pod: &Pod, node: &str) -> bool {
    pod.ready_since.is_some() && pod.node.as_deref().is_some_and(|other| other != node)
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask, outcome, wait};
    use crate::domain::case::Case;
    use crate::domain::observed::Observed;
    use crate::domain::verdict::{Outcome, Reason::PartlyHealthy};
    use crate::remedy::test_support::{at, broken_web};

    /// The newest revision's pods by node, and whether each fails; those that don't are ready.
    fn with_pods(pods: &[(&str, bool)]) -> Case {
        let mut case = broken_web();
        let newest = case.newest().unwrap().name.clone();
        let Observed::Known(known) = &mut case.evidence.pods else {
            panic!("no pods");
        };
        let like = known.iter().find(|pod| pod.revision == newest);
        let like = like.unwrap().clone();
        known.retain(|pod| pod.revision != newest);
        let mut failing = Vec::new();
        for (number, (node, fails)) in pods.iter().enumerate() {
            let mut pod = like.clone();
            pod.name = format!("lab30-web-bad-{number}");
            pod.node = Some((*node).to_owned());
            pod.ready_since = (!fails).then(|| at(-300));
            if *fails {
                failing.push(pod.name.clone());
            }
            known.push(pod);
        }
        case.diagnosis.entries[0].pods = failing;
        case
    }

    #[test]
    fn waits_where_pods_can_not_be_read() {
        let mut case = broken_web();
        case.evidence.pods = Observed::Unavailable("away".to_owned());
        assert_eq!(outcome(PartlyHealthy, &case), wait(at(30)));
    }

    #[test]
    fn waits_while_fewer_fail_than_the_share_that_is_needed() {
        let case = with_pods(&[("a", true), ("b", false), ("c", false)]);
        let (outcome, text) = ask(PartlyHealthy, &case);
        assert_eq!(outcome, wait(at(30)));
        assert_eq!(
            text,
            "1 of 3 pods of lab30-web-bad fail, 2 are ready; 50 % must fail"
        );
    }

    #[test]
    fn waits_where_it_fails_on_one_node_alone_and_is_ready_on_another() {
        let case = with_pods(&[("a", true), ("a", true), ("b", false)]);
        let (outcome, text) = ask(PartlyHealthy, &case);
        assert_eq!(outcome, wait(at(30)));
        assert!(text.contains("all of them on node a"), "{text}");
    }

    #[test]
    fn passes_where_the_share_fails_on_more_than_one_node_or_nothing_is_ready_elsewhere() {
        for pods in [
            &[("a", true), ("b", true), ("b", false)][..],
            &[("a", true), ("a", false)],
            &[("a", true)],
        ] {
            assert_eq!(outcome(PartlyHealthy, &with_pods(pods)), Outcome::Pass);
        }
    }
}
