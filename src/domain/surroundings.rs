//! What was observed around a workload: the configuration that its template names, the nodes of its pods, and who else can't pull an image.

use super::observed::Observed;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Everything around one workload, all of it from Prometheus.
#[derive(Clone, Debug, PartialEq)]
pub struct Surroundings {
    /// When each ConfigMap and Secret that the newest template names last changed. One that is missing here is one of which Prometheus
    /// knows nothing: never one that did not change.
    pub config: Observed<BTreeMap<ConfigName, ConfigHistory>>,
    /// What is wrong with the nodes of the newest revision's pods; an empty set = nothing. A node that is missing here is not known.
    pub nodes: Observed<BTreeMap<String, BTreeSet<NodeTrouble>>>,
    /// Which containers in all configured namespaces can't pull their image now, this workload's own among them.
    pub pulls: Observed<Vec<PullFailure>>,
}

impl Surroundings {
    /// None of it could be asked for.
    pub fn unavailable(why: &str) -> Self {
        Self {
            config: Observed::Unavailable(why.to_owned()),
            nodes: Observed::Unavailable(why.to_owned()),
            pulls: Observed::Unavailable(why.to_owned()),
        }
    }

    /// Everything was asked for, nothing is known to have changed or to fail: what tests begin with.
    pub fn quiet() -> Self {
        Self {
            config: Observed::Known(BTreeMap::new()),
            nodes: Observed::Known(BTreeMap::new()),
            pulls: Observed::Known(Vec::new()),
        }
    }
}

/// The two kinds of object that a template takes configuration from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigKind {
    /// `v1` ConfigMap.
    ConfigMap,
    /// `v1` Secret. Only its name and the number of its version are ever read.
    Secret,
}

/// A ConfigMap or Secret of the workload's namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigName {
    /// Which kind.
    pub kind: ConfigKind,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ConfigName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ConfigKind::ConfigMap => "ConfigMap",
            ConfigKind::Secret => "Secret",
        };
        write!(formatter, "{kind} {}", self.name)
    }
}

/// How one of them changed, as Prometheus saw it step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigHistory {
    /// From when on Prometheus knows it without a doubt: the beginning of the history, or the first sample in it.
    pub known_since: Timestamp,
    /// The steps by which its version had become another one, oldest first. The change itself was up to two steps earlier, or within a
    /// gap that ended there.
    pub changed_at: Vec<Timestamp>,
}

/// What may be wrong with a node (`status.conditions`, Kubernetes `pkg/kubelet/nodestatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeTrouble {
    /// `Ready` is false or unknown.
    NotReady,
    /// `DiskPressure`.
    DiskPressure,
    /// `MemoryPressure`.
    MemoryPressure,
    /// `PIDPressure`.
    PidPressure,
}

impl NodeTrouble {
    /// Its name, as `kubectl describe node` shows the condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "NotReady",
            Self::DiskPressure => "DiskPressure",
            Self::MemoryPressure => "MemoryPressure",
            Self::PidPressure => "PIDPressure",
        }
    }
}

/// A container that can't pull its image now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PullFailure {
    /// Its pod's namespace.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The image, as the pod's spec names it.
    pub image: String,
    /// The kind of the pod's owner; empty = it has none.
    pub owner_kind: String,
    /// The owner's name.
    pub owner_name: String,
}

impl PullFailure {
    /// The workload that it belongs to, as people name it: a Deployment's ReplicaSet has the Deployment's name and a hash.
    pub fn workload(&self) -> String {
        let Self {
            namespace,
            pod,
            owner_kind,
            owner_name,
            ..
        } = self;
        match (owner_kind.as_str(), owner_name.rsplit_once('-')) {
            ("ReplicaSet", Some((deployment, _))) => format!("{namespace}/{deployment}"),
            ("", _) => format!("{namespace}/{pod}"),
            _ => format!("{namespace}/{owner_name}"),
        }
    }
}

/// Where a place in a template may name one of them.
const NAMES: [(&str, ConfigKind); 8] = [
    ("/configMapRef/name", ConfigKind::ConfigMap),
    ("/secretRef/name", ConfigKind::Secret),
    ("/valueFrom/configMapKeyRef/name", ConfigKind::ConfigMap),
    ("/valueFrom/secretKeyRef/name", ConfigKind::Secret),
    ("/configMap/name", ConfigKind::ConfigMap),
    ("/secret/secretName", ConfigKind::Secret),
    // In a projected volume a Secret's name is called so.
    ("/secret/name", ConfigKind::Secret),
    ("/csi/nodePublishSecretRef/name", ConfigKind::Secret),
];

/// The ConfigMaps and Secrets that a pod template names: in `env`, `envFrom`, and in its volumes, projected ones too.
pub fn config_of(template: &Value) -> BTreeSet<ConfigName> {
    references(template).map(|(name, _)| name).collect()
}

/// Those of them without which its pods can't start: what is named with `optional: true` alone need not be there.
pub fn needed_config_of(template: &Value) -> BTreeSet<ConfigName> {
    let needed = references(template).filter(|(_, optional)| !optional);
    needed.map(|(name, _)| name).collect()
}

/// Each reference, and whether it is optional.
fn references(template: &Value) -> impl Iterator<Item = (ConfigName, bool)> {
    let list = |at: &Value, path: &str| -> Vec<Value> {
        let found = at.pointer(path).and_then(Value::as_array);
        found.cloned().unwrap_or_default()
    };
    let containers = ["/spec/initContainers", "/spec/containers"]
        .into_iter()
        .flat_map(|path| list(template, path));
    let mut places = Vec::new();
    for container in containers {
        places.extend(list(&container, "/envFrom"));
        places.extend(list(&container, "/env"));
    }
    for volume in list(template, "/spec/volumes") {
        places.extend(list(&volume, "/projected/sources"));
        places.push(volume);
    }
    places.into_iter().flat_map(|place| {
        NAMES.iter().filter_map(move |(path, kind)| {
            let name = place.pointer(path)?.as_str()?.to_owned();
            let (parent, _) = path.rsplit_once('/')?;
            let optional = place.pointer(parent)?.get("optional") == Some(&Value::Bool(true));
            Some((ConfigName { kind: *kind, name }, optional))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_a_template_names_nothing() {
        for text in [
            json!(null),
            json!({"spec": 1}),
            json!({"spec": {"volumes": {}}}),
        ] {
            assert_eq!(config_of(&text), BTreeSet::new());
        }
    }

    #[test]
    fn every_place_in_which_a_template_names_configuration_is_found() {
        let template = json!({"spec": {
            "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "s1"}}]}],
            "containers": [{"name": "c",
                "envFrom": [{"configMapRef": {"name": "m1"}}],
                "env": [
                    {"name": "A", "value": "m9"},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "m2", "key": "k"}}},
                    {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s2", "key": "k"}}},
                    {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ]}],
            "volumes": [
                {"name": "v1", "configMap": {"name": "m3"}},
                {"name": "v2", "secret": {"secretName": "s3"}},
                {"name": "v3", "projected": {"sources": [{"configMap": {"name": "m4"}}, {"secret": {"name": "s4"}}]}},
                {"name": "v4", "emptyDir": {}},
            ],
        }});
        let names: Vec<String> = config_of(&template)
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [
            "ConfigMap m1",
            "ConfigMap m2",
            "ConfigMap m3",
            "ConfigMap m4",
        ]
        .into_iter()
        .chain(["Secret s1", "Secret s2", "Secret s3", "Secret s4"]);
        assert!(names.iter().map(String::as_str).eq(expected), "{names:?}");
    }

    #[test]
    fn what_is_optional_wherever_it_is_named_is_not_needed() {
        let reference =
            |optional: bool| json!({"configMapRef": {"name": "m", "optional": optional}});
        for (from, needed) in [
            (json!([reference(true)]), 0),
            (json!([reference(false)]), 1),
            (json!([reference(true), reference(false)]), 1),
            (json!([{"configMapRef": {"name": "m"}}]), 1),
        ] {
            let template = json!({"spec": {"containers": [{"name": "c", "envFrom": from}]}});
            assert_eq!(config_of(&template).len(), 1);
            assert_eq!(needed_config_of(&template).len(), needed, "{from}");
        }
    }

    #[test]
    fn a_pull_failure_is_counted_for_its_deployment() {
        let failure = |kind: &str, name: &str| PullFailure {
            namespace: "shop".into(),
            pod: "p".into(),
            container: "web".into(),
            image: "web:1".into(),
            owner_kind: kind.into(),
            owner_name: name.into(),
        };
        assert_eq!(
            failure("ReplicaSet", "cart-web-5b94").workload(),
            "shop/cart-web"
        );
        assert_eq!(failure("StatefulSet", "cart-db").workload(), "shop/cart-db");
        assert_eq!(failure("", "").workload(), "shop/p");
    }
}
