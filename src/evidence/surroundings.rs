//! What is around a workload, asked of Prometheus: a handful of questions, however many pods and alerts there are.

use crate::domain::observed::Observed;
use crate::domain::surroundings::{ConfigName, Surroundings, config_of};
use crate::domain::workload::{Pod, Revisions};
use crate::platform::prometheus::{MOST_NODES, PrometheusPort, Range, Unanswered};
use std::collections::{BTreeMap, BTreeSet};

/// Asks about the configuration that the newest template names, the nodes of its revision's pods, and the pulls that fail in `namespaces`.
/// While kube-state-metrics is not up nothing is believed: what Prometheus still shows is old.
pub async fn gather(
    port: &dyn PrometheusPort,
    namespace: &str,
    revisions: &Observed<Revisions>,
    pods: &Observed<Vec<Pod>>,
    namespaces: &[String],
    range: Range,
) -> Surroundings {
    let newest = revisions
        .known()
        .and_then(|revisions| revisions.newest.as_ref());
    let Some(newest) = newest else {
        return Surroundings::unavailable("the revisions could not be read");
    };
    let names: Vec<ConfigName> = config_of(&newest.template).into_iter().collect();
    let nodes: BTreeSet<&str> = pods
        .known()
        .into_iter()
        .flatten()
        .filter(|pod| pod.revision == newest.name && !pod.deleting)
        .filter_map(|pod| pod.node.as_deref())
        .collect();
    let nodes: Vec<String> = nodes
        .into_iter()
        .take(MOST_NODES)
        .map(str::to_owned)
        .collect();
    let (config, nodes, pulls, up) = futures::join!(
        port.config_changes(namespace, &names, range),
        port.node_troubles(&nodes),
        port.pull_failures(namespaces),
        port.up(),
    );
    let up = up.and_then(|up| {
        if up {
            Ok(())
        } else {
            Err(Unanswered::SourceDown)
        }
    });
    Surroundings {
        // Nothing was asked where the template names nothing: nobody need answer.
        config: if names.is_empty() {
            Observed::Known(BTreeMap::new())
        } else {
            observed(config, up)
        },
        nodes: observed(nodes, up),
        pulls: observed(pulls, up),
    }
}

/// The answer's own failure first: it says more.
fn observed<T>(answer: Result<T, Unanswered>, up: Result<(), Unanswered>) -> Observed<T> {
    match answer.and_then(|found| up.map(|()| found)) {
        Ok(found) => Observed::Known(found),
        Err(unanswered) => Observed::Unavailable(unanswered.to_string()),
    }
}
