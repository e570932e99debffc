//! The resources that the simulated API server serves: what Ripcord asks for, and no more.

use serde_json::Value;

/// One resource.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespaced: bool,
    /// Whether it has a status subresource: then its main endpoint ignores the status.
    pub(crate) has_status: bool,
}

pub(crate) const NAMESPACES: &Resource = &Resource {
    group: "",
    version: "v1",
    plural: "namespaces",
    kind: "Namespace",
    namespaced: false,
    has_status: true,
};
pub(crate) const PODS: &Resource = &Resource {
    group: "",
    version: "v1",
    plural: "pods",
    kind: "Pod",
    namespaced: true,
    has_status: true,
};
/// Stored in the shape of `core/v1`; `events.k8s.io/v1` is another view of the same objects.
pub(crate) const EVENTS: &Resource = &Resource {
    group: "",
    version: "v1",
    plural: "events",
    kind: "Event",
    namespaced: true,
    has_status: false,
};
pub(crate) const CONFIG_MAPS: &Resource = &Resource {
    group: "",
    version: "v1",
    plural: "configmaps",
    kind: "ConfigMap",
    namespaced: true,
    has_status: false,
};
pub(crate) const NODES: &Resource = &Resource {
    group: "",
    version: "v1",
    plural: "nodes",
    kind: "Node",
    namespaced: false,
    has_status: true,
};
pub(crate) const LEASES: &Resource = &Resource {
    group: "coordination.k8s.io",
    version: "v1",
    plural: "leases",
    kind: "Lease",
    namespaced: true,
    has_status: false,
};
pub(crate) const DEPLOYMENTS: &Resource = &Resource {
    group: "apps",
    version: "v1",
    plural: "deployments",
    kind: "Deployment",
    namespaced: true,
    has_status: true,
};
pub(crate) const REPLICA_SETS: &Resource = &Resource {
    group: "apps",
    version: "v1",
    plural: "replicasets",
    kind: "ReplicaSet",
    namespaced: true,
    has_status: true,
};
pub(crate) const INCIDENTS: &Resource = &Resource {
    group: "ripcord.dev",
    version: "v1alpha1",
    plural: "incidents",
    kind: "Incident",
    namespaced: true,
    has_status: true,
};

const ALL: [&Resource; 9] = [
    NAMESPACES,
    NODES,
    PODS,
    EVENTS,
    CONFIG_MAPS,
    LEASES,
    DEPLOYMENTS,
    REPLICA_SETS,
    INCIDENTS,
];

/// The group under which the newer view of Events is served.
pub(crate) const NEWER_EVENTS: &str = "events.k8s.io";

impl Resource {
    /// The one that is served under these words.
    pub(crate) fn named(group: &str, version: &str, plural: &str) -> Option<&'static Self> {
        if (group, version, plural) == (NEWER_EVENTS, "v1", "events") {
            return Some(EVENTS);
        }
        ALL.into_iter().find(|resource| {
            (resource.group, resource.version, resource.plural) == (group, version, plural)
        })
    }

    /// The one that an object is of.
    pub(crate) fn of(object: &Value) -> Option<&'static Self> {
        let kind = object.get("kind").and_then(Value::as_str)?;
        ALL.into_iter().find(|resource| resource.kind == kind)
    }

    /// Whether its specifications are counted. `ConfigMap`, `Event`, `Lease`, `Namespace` and `Node` have no generation.
    pub(crate) fn has_generation(&self) -> bool {
        let without = [CONFIG_MAPS, EVENTS, LEASES, NAMESPACES, NODES];
        !without.contains(&self)
    }

    /// Whether an update may leave out the version that it is based on (Kubernetes `AllowUnconditionalUpdate`).
    pub(crate) fn takes_unconditional_updates(&self) -> bool {
        ![LEASES, INCIDENTS].contains(&self)
    }

    /// Whether an update of what is not there makes it (Kubernetes `AllowCreateOnUpdate`).
    pub(crate) fn is_made_by_updates(&self) -> bool {
        [LEASES, EVENTS].contains(&self)
    }

    /// Its path, of one namespace where it is in one.
    pub(crate) fn path(&self, namespace: &str) -> String {
        let root = if self.group.is_empty() { "api" } else { "apis" };
        let (version, plural) = (self.api_version(), self.plural);
        if self.namespaced {
            format!("/{root}/{version}/namespaces/{namespace}/{plural}")
        } else {
            format!("/{root}/{version}/{plural}")
        }
    }

    /// `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, as messages name it.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}
