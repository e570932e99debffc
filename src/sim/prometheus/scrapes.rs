//! What kube-state-metrics would have shown at each scrape, as far as the questions ask for it.

use super::super::api::resources::{DEPLOYMENTS, PODS, REPLICA_SETS};
use super::super::api::store::Store;
use super::super::json;
use super::view::Lie;
use crate::domain::identity::Uid;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// One scrape.
#[derive(Clone, Debug, Default)]
pub(super) struct Scrape {
    pub(super) containers: BTreeMap<ContainerKey, ContainerSample>,
    /// By namespace and name.
    pub(super) replica_sets: BTreeMap<(String, String), Sizes>,
    pub(super) deployments: BTreeMap<(String, String), Sizes>,
}

/// Which container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ContainerKey {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) uid: Uid,
    pub(super) container: String,
}

/// One container's series.
#[derive(Clone, Debug)]
pub(super) struct ContainerSample {
    /// The ReplicaSet that owns its pod (`kube_pod_owner`).
    pub(super) owner: String,
    pub(super) restarts: i64,
    /// Empty while it does not wait.
    pub(super) waiting: String,
    /// Reason and exit code.
    pub(super) last_terminated: Option<(String, i64)>,
}

/// How many pods are asked for, and how many are ready (of a Deployment: available).
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) wanted: i64,
    pub(super) have: i64,
}

/// All scrapes, oldest first.
#[derive(Default)]
pub(crate) struct Scrapes {
    /// `None` = it was tried in vain: whatever there was before is stale from then on.
    all: BTreeMap<Timestamp, Option<Arc<Scrape>>>,
    /// The last one, and at which version of the store it was made: as long as nothing changes, it is the same.
    newest: Option<(u64, Arc<Scrape>)>,
    /// Nobody answers, and nobody scrapes.
    pub(crate) down: bool,
    /// Prometheus answers, but scrapes kube-state-metrics in vain.
    pub(crate) source_down: bool,
    /// Prometheus answers, but takes no new samples in.
    pub(crate) stuck: bool,
    /// How long an answer takes.
    pub(crate) slow: Duration,
    /// In which way it lies, and since when.
    pub(crate) lie: Option<(Lie, Timestamp)>,
}

impl Scrapes {
    /// Scrapes, unless there is nobody to do it.
    pub(crate) fn scrape(&mut self, store: &Store) {
        if self.down || self.stuck {
            return;
        }
        if self.source_down {
            self.all.insert(store.now(), None);
            return;
        }
        let scrape = match &self.newest {
            Some((version, newest)) if *version == store.version() => newest.clone(),
            _ => Arc::new(scrape(store)),
        };
        self.newest = Some((store.version(), scrape.clone()));
        self.all.insert(store.now(), Some(scrape));
    }

    /// The scrapes after one time, up to another.
    pub(super) fn between(
        &self,
        after: Timestamp,
        to: Timestamp,
    ) -> impl DoubleEndedIterator<Item = (Timestamp, Option<&Scrape>)> {
        use std::ops::Bound::{Excluded, Included};
        // A range that ends before it begins would panic.
        let range = (Excluded(after), Included(to.max(after)));
        let range = (after < to).then(|| self.all.range(range));
        let all = range.into_iter().flatten();
        all.map(|(at, scrape)| (*at, scrape.as_deref()))
    }
}

fn scrape(store: &Store) -> Scrape {
    let mut scrape = Scrape::default();
    for pod in store.list(PODS, None) {
        for statuses in ["/status/containerStatuses", "/status/initContainerStatuses"] {
            for status in json::list(pod, statuses) {
                let (key, sample) = container(pod, status);
                scrape.containers.insert(key, sample);
            }
        }
    }
    for set in store.list(REPLICA_SETS, None) {
        let sizes = sizes(set, "/status/readyReplicas");
        scrape.replica_sets.insert(named(set), sizes);
    }
    for deployment in store.list(DEPLOYMENTS, None) {
        let sizes = sizes(deployment, "/status/availableReplicas");
        scrape.deployments.insert(named(deployment), sizes);
    }
    scrape
}

fn named(object: &Value) -> (String, String) {
    let part = |pointer| json::text(object, pointer).to_owned();
    (part("/metadata/namespace"), part("/metadata/name"))
}

fn sizes(object: &Value, have: &str) -> Sizes {
    Sizes {
        wanted: json::number(object, "/spec/replicas"),
        have: json::number(object, have),
    }
}

fn container(pod: &Value, status: &Value) -> (ContainerKey, ContainerSample) {
    let (namespace, name) = named(pod);
    let key = ContainerKey {
        namespace,
        pod: name,
        uid: Uid::new(json::text(pod, "/metadata/uid")),
        container: json::text(status, "/name").to_owned(),
    };
    let last = status.pointer("/lastState/terminated");
    let sample = ContainerSample {
        owner: json::list(pod, "/metadata/ownerReferences")
            .first()
            .map(|owner| json::text(owner, "/name").to_owned())
            .unwrap_or_default(),
        restarts: json::number(status, "/restartCount"),
        waiting: json::text(status, "/state/waiting/reason").to_owned(),
        last_terminated: last.map(|last| {
            let reason = json::text(last, "/reason").to_owned();
            (reason, json::number(last, "/exitCode"))
        }),
    };
    (key, sample)
}
