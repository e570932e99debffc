//! What kube-state-metrics would have shown at each scrape, as far as the questions ask for it.

use super::super::api::resources::{CONFIG_MAPS, DEPLOYMENTS, NODES, PODS, REPLICA_SETS};
use super::super::api::store::Store;
use super::super::controllers::Secrets;
use super::super::json;
use super::view::Lie;
use crate::domain::identity::Uid;
use crate::domain::surroundings::{ConfigKind, ConfigName, NodeTrouble};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// One scrape.
#[derive(Clone, Debug, Default)]
pub(super) struct Scrape {
    pub(super) containers: BTreeMap<ContainerKey, ContainerSample>,
    /// By namespace and name.
    pub(super) replica_sets: BTreeMap<(String, String), Sizes>,
    pub(super) deployments: BTreeMap<(String, String), Sizes>,
    /// The resource version of each ConfigMap and Secret, by namespace and name.
    pub(super) config: BTreeMap<(String, ConfigName), u64>,
    pub(super) nodes: BTreeMap<String, BTreeSet<NodeTrouble>>,
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
    /// The image that the pod's spec names (`kube_pod_container_info`).
    pub(super) image: String,
    /// The image that runs (`image_id`); empty before it was pulled.
    pub(super) image_id: String,
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
    /// The last one, and at which version of the store and of the Secrets it was made: as long as nothing changes, it is the same.
    newest: Option<((u64, u64), Arc<Scrape>)>,
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
    pub(crate) fn scrape(&mut self, store: &Store, secrets: &Secrets) {
        if self.down || self.stuck {
            return;
        }
        if self.source_down {
            self.all.insert(store.now(), None);
            return;
        }
        let version = (store.version(), secrets.version());
        let scrape = match &self.newest {
            Some((known, newest)) if *known == version => newest.clone(),
            _ => Arc::new(scrape(store, secrets)),
        };
        self.newest = Some((version, scrape.clone()));
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

fn scrape(store: &Store, secrets: &Secrets) -> Scrape {
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
    for map in store.list(CONFIG_MAPS, None) {
        let (namespace, name) = named(map);
        let version = json::text(map, "/metadata/resourceVersion").parse();
        let kind = ConfigKind::ConfigMap;
        let key = (namespace, ConfigName { kind, name });
        scrape.config.insert(key, version.unwrap_or_default());
    }
    for ((namespace, name), version) in secrets.versions() {
        let (kind, name) = (ConfigKind::Secret, name.clone());
        let key = (namespace.clone(), ConfigName { kind, name });
        scrape.config.insert(key, version);
    }
    for node in store.list(NODES, None) {
        scrape.nodes.insert(named(node).1, troubles(node));
    }
    scrape
}

fn troubles(node: &Value) -> BTreeSet<NodeTrouble> {
    let is = |kind: &str, wanted: &str| {
        let conditions = json::list(node, "/status/conditions");
        conditions.iter().any(|condition| {
            json::text(condition, "/type") == kind && json::text(condition, "/status") == wanted
        })
    };
    let found = [
        (NodeTrouble::NotReady, !is("Ready", "True")),
        (NodeTrouble::DiskPressure, is("DiskPressure", "True")),
        (NodeTrouble::MemoryPressure, is("MemoryPressure", "True")),
        (NodeTrouble::PidPressure, is("PIDPressure", "True")),
    ];
    let found = found.into_iter().filter(|(_, so)| *so);
    found.map(|(trouble, _)| trouble).collect()
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
        image: image(pod, json::text(status, "/name")),
        image_id: json::text(status, "/imageID").to_owned(),
        restarts: json::number(status, "/restartCount"),
        waiting: json::text(status, "/state/waiting/reason").to_owned(),
        last_terminated: last.map(|last| {
            let reason = json::text(last, "/reason").to_owned();
            (reason, json::number(last, "/exitCode"))
        }),
    };
    (key, sample)
}

fn image(pod: &Value, container: &str) -> String {
    ["/spec/initContainers", "/spec/containers"]
        .into_iter()
        .flat_map(|list| json::list(pod, list))
        .find(|spec| json::text(spec, "/name") == container)
        .map(|spec| json::text(spec, "/image").to_owned())
        .unwrap_or_default()
}
