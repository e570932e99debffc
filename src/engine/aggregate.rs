//! Alerts that name no workload: whose containers wait in their namespace, asked once for a delivery, one workload once.

use super::context::Context;
use super::resolve::{Resolved, resolve};
use crate::config::Config;
use crate::domain::alert::Hint;
use crate::domain::evidence::WaitingSeries;
use crate::domain::identity::Uid;
use crate::domain::workload::Workload;
use crate::intake::ports::Unavailable;
use crate::telemetry::labels::SkipReason;
use std::collections::BTreeMap;

/// So many groups of pods of one namespace are followed. Each costs up to three requests while the sender waits, and a storm holds everything long before.
const MOST_GROUPS: usize = 200;
/// A pod may be gone since Prometheus saw it; if so many of one owner are, so are the others, or they come again with the next delivery.
const TRIES: usize = 3;

/// Names that the API server generates are cut at 58 bytes before their five random ones (Kubernetes
/// `staging/src/k8s.io/apiserver/pkg/storage/names/generate.go`): in a name this long the owner's is not whole.
const CUT_NAME: usize = 63;

/// What one delivery has found out, by namespace.
#[derive(Default)]
pub(super) struct Waiting(BTreeMap<String, Found>);

/// What waits in a namespace.
#[derive(Clone, Default)]
pub(super) struct Found {
    /// The workloads, each once.
    pub(super) workloads: Vec<Workload>,
    /// Why a pod led nowhere, where one did.
    pub(super) skipped: Option<SkipReason>,
    /// Why it is not known of all.
    pub(super) unavailable: Option<Unavailable>,
}

impl Waiting {
    /// What waits in this namespace.
    pub(super) async fn in_namespace(
        &mut self,
        context: &Context,
        config: &Config,
        namespace: &str,
    ) -> Found {
        if let Some(found) = self.0.get(namespace) {
            return found.clone();
        }
        let found = find(context, config, namespace).await;
        self.0.insert(namespace.to_owned(), found.clone());
        found
    }
}

async fn find(context: &Context, config: &Config, namespace: &str) -> Found {
    let waiting = context
        .prometheus(config)
        .waiting_in_namespace(namespace)
        .await;
    let mut found = Found::default();
    let groups = match waiting {
        Ok(waiting) => groups(waiting),
        Err(error) => {
            found.unavailable = Some(Unavailable(error.to_string()));
            return found;
        }
    };
    if groups.len() > MOST_GROUPS {
        let left_out = groups.len().saturating_sub(MOST_GROUPS);
        tracing::warn!(
            namespace,
            left_out,
            "an alert names no workload, and more wait in its namespace than are followed"
        );
    }
    for pods in groups.into_values().take(MOST_GROUPS) {
        found.follow(context, namespace, pods).await;
    }
    found
}

impl Found {
    /// From the pods of one owner to its workload.
    async fn follow(&mut self, context: &Context, namespace: &str, pods: BTreeMap<String, Uid>) {
        for (name, uid) in pods.into_iter().take(TRIES) {
            let hint = Hint::Pod {
                name,
                uid: Some(uid),
            };
            match resolve(&context.cluster, namespace, &hint).await {
                Ok(Resolved::Workload(workload)) => {
                    if self.workloads.iter().all(|known| known.uid != workload.uid) {
                        self.workloads.push(*workload);
                    }
                    return;
                }
                Ok(Resolved::Nowhere(reason)) => self.skipped = Some(reason),
                Err(why) => {
                    self.unavailable.get_or_insert(why);
                    return;
                }
            }
        }
    }
}

/// The pods that have one owner, judging by their names: what comes before the last dash, and whether a number follows it (a StatefulSet's) or not. Only
/// to ask less: where two owners look like one, the other's alert comes when it names it.
fn groups(waiting: Vec<WaitingSeries>) -> BTreeMap<(String, bool), BTreeMap<String, Uid>> {
    let mut groups: BTreeMap<_, BTreeMap<String, Uid>> = BTreeMap::new();
    for WaitingSeries { pod, uid, .. } in waiting {
        let owner = match pod.rsplit_once('-') {
            Some((owner, rest)) if pod.len() < CUT_NAME => {
                let is_number = rest.bytes().all(|byte| byte.is_ascii_digit());
                (owner.to_owned(), is_number)
            }
            _ => (pod.clone(), false),
        };
        groups.entry(owner).or_default().insert(pod, uid);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(pods: &[String]) -> usize {
        let waiting = pods.iter().map(|pod| WaitingSeries {
            pod: pod.clone(),
            uid: Uid::new(pod.clone()),
            container: "web".to_owned(),
            reason: "ImagePullBackOff".to_owned(),
        });
        groups(waiting.collect()).len()
    }

    #[test]
    fn owners_that_may_differ_are_followed_each() {
        let long = "a".repeat(58);
        let names = [
            "web-5b94-abcde".to_owned(),
            "web-6c05-abcde".to_owned(),
            "web-0".to_owned(),
            "web-xq2zb".to_owned(),
            "bare".to_owned(),
            format!("{long}abcde"),
            format!("{long}fghij"),
        ];
        assert_eq!(count(&names), names.len());
    }

    #[test]
    fn five_hundred_pods_of_one_owner_are_followed_once() {
        let pods: Vec<String> = (0..500).map(|pod| format!("web-5b94-x{pod:04}")).collect();
        assert_eq!(count(&pods), 1);
    }
}
