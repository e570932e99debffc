//! What a pod takes from ConfigMaps and Secrets, and the kubelet's words where it can't (Kubernetes `pkg/kubelet/kubelet_pods.go`,
//! makeEnvironmentVariables; `pkg/volume/configmap`, `pkg/volume/secret`).

use super::super::super::api::resources::CONFIG_MAPS;
use super::super::super::api::store::Store;
use super::super::super::json;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The keys of each Secret, by namespace and name. Their values are nobody's business, and the API server shows no Secrets at all.
#[derive(Default)]
pub(crate) struct Secrets {
    all: BTreeMap<(String, String), (BTreeSet<String>, u64)>,
    version: u64,
}

impl Secrets {
    /// Makes one, or changes it.
    pub(crate) fn insert(&mut self, key: (String, String), keys: BTreeSet<String>) {
        self.version += 1;
        self.all.insert(key, (keys, self.version));
    }

    pub(crate) fn remove(&mut self, key: &(String, String)) {
        self.version += 1;
        self.all.remove(key);
    }

    fn keys(&self, key: &(String, String)) -> Option<BTreeSet<String>> {
        self.all.get(key).map(|(keys, _)| keys.clone())
    }

    /// The number of the last change.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The version of each.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (&(String, String), u64)> {
        self.all.iter().map(|(key, (_, version))| (key, *version))
    }
}

/// What there is to take from, for one pod.
pub(crate) struct Configuration<'a> {
    pub(super) store: &'a Store,
    pub(super) secrets: &'a Secrets,
    pub(super) pod: &'a Value,
}

/// Which of the two kinds.
#[derive(Clone, Copy)]
enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    fn lower(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
        }
    }
}

impl<'a> Configuration<'a> {
    fn namespace(&self) -> &'a str {
        json::text(self.pod, "/metadata/namespace")
    }

    fn config_map(&self, name: &str) -> Option<&'a Value> {
        self.store.get(CONFIG_MAPS, self.namespace(), name)
    }

    /// The keys of one of them; `None` = there is none.
    fn keys(&self, kind: Kind, name: &str) -> Option<BTreeSet<String>> {
        match kind {
            Kind::ConfigMap => {
                let data = json::strings(self.config_map(name)?, "/data");
                Some(data.into_keys().collect())
            }
            Kind::Secret => {
                let key = (self.namespace().to_owned(), name.to_owned());
                self.secrets.keys(&key)
            }
        }
    }

    fn found(&self, kind: Kind, name: &str) -> Result<BTreeSet<String>, String> {
        self.keys(kind, name)
            .ok_or_else(|| format!("{} \"{name}\" not found", kind.lower()))
    }

    /// Whether everything is there that a container's environment is made of.
    ///
    /// # Errors
    /// The kubelet's words.
    pub(super) fn environment(&self, container: &Value) -> Result<(), String> {
        for from in json::list(container, "/envFrom") {
            for (field, kind) in [
                ("/configMapRef", Kind::ConfigMap),
                ("/secretRef", Kind::Secret),
            ] {
                if let Some(reference) = from.pointer(field).filter(|it| !is_optional(it)) {
                    self.found(kind, json::text(reference, "/name"))?;
                }
            }
        }
        for variable in json::list(container, "/env") {
            for (field, kind, name) in [
                ("/valueFrom/configMapKeyRef", Kind::ConfigMap, "ConfigMap"),
                ("/valueFrom/secretKeyRef", Kind::Secret, "Secret"),
            ] {
                let Some(reference) = variable.pointer(field).filter(|it| !is_optional(it)) else {
                    continue;
                };
                let (from, key) = (
                    json::text(reference, "/name"),
                    json::text(reference, "/key"),
                );
                if !self.found(kind, from)?.contains(key) {
                    let namespace = self.namespace();
                    return Err(format!(
                        "couldn't find key {key} in {name} {namespace}/{from}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What is wrong with the pod's volumes, in the words of the kubelet's events.
    pub(super) fn mount_failures(&self) -> Vec<String> {
        let volumes = json::list(self.pod, "/spec/volumes").iter();
        volumes
            .filter_map(|volume| {
                let why = self.mount_failure(volume)?;
                let name = json::text(volume, "/name");
                Some(format!(
                    "MountVolume.SetUp failed for volume \"{name}\" : {why}"
                ))
            })
            .collect()
    }

    fn mount_failure(&self, volume: &Value) -> Option<String> {
        for (field, kind, name, word) in [
            ("/configMap", Kind::ConfigMap, "/name", "config"),
            ("/secret", Kind::Secret, "/secretName", "secret"),
        ] {
            let Some(source) = volume.pointer(field).filter(|it| !is_optional(it)) else {
                continue;
            };
            let keys = match self.found(kind, json::text(source, name)) {
                Ok(keys) => keys,
                Err(why) => return Some(why),
            };
            let mut items = json::list(source, "/items").iter();
            let missing = items.find(|item| !keys.contains(json::text(item, "/key")));
            if let Some(item) = missing {
                let key = json::text(item, "/key");
                return Some(format!("references non-existent {word} key: {key}"));
            }
        }
        None
    }

    /// The value of a ConfigMap's key, where a container takes it.
    pub(in super::super) fn value_for(
        &self,
        container: &Value,
        config_map: &str,
        key: &str,
    ) -> Option<&'a str> {
        if !self.takes(container, config_map, key) {
            return None;
        }
        let data = self.config_map(config_map)?.get("data")?;
        data.get(key)?.as_str()
    }

    fn takes(&self, container: &Value, config_map: &str, key: &str) -> bool {
        let whole = json::list(container, "/envFrom")
            .iter()
            .any(|from| json::text(from, "/configMapRef/name") == config_map);
        let one = json::list(container, "/env").iter().any(|variable| {
            let reference = "/valueFrom/configMapKeyRef";
            json::text(variable, &format!("{reference}/name")) == config_map
                && json::text(variable, &format!("{reference}/key")) == key
        });
        whole || one || self.mounts(container, config_map)
    }

    fn mounts(&self, container: &Value, config_map: &str) -> bool {
        let of_it = |mount: &Value| {
            json::list(self.pod, "/spec/volumes").iter().any(|volume| {
                json::text(volume, "/name") == json::text(mount, "/name")
                    && json::text(volume, "/configMap/name") == config_map
            })
        };
        json::list(container, "/volumeMounts").iter().any(of_it)
    }
}

fn is_optional(reference: &Value) -> bool {
    json::flag(reference, "/optional")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::clock::Clock;
    use serde_json::json;

    fn store() -> Store {
        let mut store = Store::new(Clock::starting_at("2026-11-23T04:00:00Z".parse().unwrap()));
        let settings = json!({"metadata": {"name": "settings", "namespace": "lab30"}, "data": {"mode": "fast"}});
        store.create(CONFIG_MAPS, settings).unwrap();
        store
    }

    fn asked(container: &Value) -> Result<(), String> {
        let pod = json!({"metadata": {"namespace": "lab30"}});
        let configuration = Configuration {
            store: &store(),
            secrets: &Secrets::default(),
            pod: &pod,
        };
        configuration.environment(container)
    }

    #[test]
    fn what_is_missing_is_named_unless_it_is_optional() {
        let key = |key: &str, optional: bool| json!({"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": key, "optional": optional}}}]});
        assert_eq!(
            asked(&key("colour", false)).unwrap_err(),
            "couldn't find key colour in ConfigMap lab30/settings"
        );
        assert_eq!(asked(&key("colour", true)), Ok(()));
        assert_eq!(asked(&key("mode", false)), Ok(()));
        let from = |kind: &str| json!({"envFrom": [{kind: {"name": "nothing"}}]});
        assert_eq!(
            asked(&from("configMapRef")).unwrap_err(),
            "configmap \"nothing\" not found"
        );
        assert_eq!(
            asked(&from("secretRef")).unwrap_err(),
            "secret \"nothing\" not found"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_counts_only_for_a_container_that_takes_it() {
        let pod = json!({"metadata": {"namespace": "lab30"}, "spec": {"volumes": [{"name": "v", "configMap": {"name": "settings"}}]}});
        let store = store();
        let configuration = Configuration {
            store: &store,
            secrets: &Secrets::default(),
            pod: &pod,
        };
        let value = |container: &Value| configuration.value_for(container, "settings", "mode");
        assert_eq!(value(&json!({})), None);
        assert_eq!(
            value(&json!({"volumeMounts": [{"name": "v"}]})),
            Some("fast")
        );
        assert_eq!(
            value(&json!({"envFrom": [{"configMapRef": {"name": "settings"}}]})),
            Some("fast")
        );
        let other = json!({"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "other"}}}]});
        assert_eq!(value(&other), None);
    }
}
