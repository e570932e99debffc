//! The addresses of the cluster's network, each with the Deployment whose ready pods answer there.

use super::api::resources::{DEPLOYMENTS, PODS};
use super::api::store::Store;
use super::{Shared, json, locked};
use crate::domain::policy::HttpProbe;
use crate::platform::probe::{ProbePort, Probing, Unprobed};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a service takes to answer.
const ANSWERS_IN: Duration = Duration::from_millis(2);

/// By address, the namespace and name of the Deployment behind it.
#[derive(Default)]
pub(crate) struct Services(BTreeMap<String, (String, String)>);

impl Services {
    pub(crate) fn add(&mut self, url: &str, namespace: &str, deployment: &str) {
        let behind = (namespace.to_owned(), deployment.to_owned());
        self.0.insert(url.to_owned(), behind);
    }

    /// The status of a GET; `None` = nobody has that address.
    fn status(&self, store: &Store, url: &str) -> Option<u16> {
        let (namespace, deployment) = self.0.get(url)?;
        Some(if has_ready_pod(store, namespace, deployment) {
            200
        } else {
            503
        })
    }
}

/// By labels, as a Service picks its pods.
fn has_ready_pod(store: &Store, namespace: &str, deployment: &str) -> bool {
    let Some(deployment) = store.get(DEPLOYMENTS, namespace, deployment) else {
        return false;
    };
    let wanted = json::strings(deployment, "/spec/selector/matchLabels");
    store.list(PODS, Some(namespace)).any(|pod| {
        let labels = json::strings(pod, "/metadata/labels");
        wanted
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
            && pod.pointer("/metadata/deletionTimestamp").is_none()
            && json::condition_since(pod, "Ready").is_some()
    })
}

/// Who makes probes inside one simulated world.
pub(crate) struct SimulatedProber {
    pub(crate) shared: Shared,
}

impl ProbePort for SimulatedProber {
    fn probe<'a>(&'a self, spec: &'a HttpProbe) -> Probing<'a> {
        Box::pin(async move {
            tokio::time::sleep(ANSWERS_IN).await;
            let state = locked(&self.shared);
            let answer = state.services.status(&state.api.store, &spec.url);
            answer.ok_or(Unprobed::Unreachable)
        })
    }
}
