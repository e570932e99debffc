//! What goes wrong around a simulated cluster, and what people change in it: settings, nodes, events, Prometheus.

use super::api::resources::{CONFIG_MAPS, EVENTS, NODES};
use super::controllers::{Quota, evict};
use super::prometheus::Lie;
use super::verbs::note;
use super::{State, World, json, locked};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

impl World {
    /// Makes a ConfigMap, or gives one that is there this data. What a container took from it counts from its next start on.
    pub fn config_map(&self, namespace: &str, name: &str, data: &[(&str, &str)]) {
        let mut state = locked(&self.shared);
        let store = &mut state.api.store;
        let data: Map<String, Value> = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
            .collect();
        let after = if let Some(mut there) = store.get(CONFIG_MAPS, namespace, name).cloned() {
            json::set(&mut there, "/data", data.clone());
            Ok(store.put(CONFIG_MAPS, there))
        } else {
            let made = json!({"metadata": {"name": name, "namespace": namespace}, "data": data});
            store.create(CONFIG_MAPS, made)
        };
        // Nothing of that name is there, so it is made.
        let Ok(after) = after else {
            return;
        };
        let body = Value::Object(data);
        note(&mut state, "APPLY", CONFIG_MAPS, &body, 200, Some(&after));
    }

    /// Deletes a ConfigMap.
    pub fn delete_config_map(&self, namespace: &str, name: &str) {
        let mut state = locked(&self.shared);
        if let Some(gone) = state.api.store.delete(CONFIG_MAPS, namespace, name) {
            note(&mut state, "DELETE", CONFIG_MAPS, &gone, 200, None);
        }
    }

    /// Makes a Secret with these keys, or gives one that is there these keys. Only kubelets see Secrets; the API server shows none.
    pub fn secret(&self, namespace: &str, name: &str, keys: &[&str]) {
        let key = (namespace.to_owned(), name.to_owned());
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        locked(&self.shared).kubelet.secrets.insert(key, keys);
    }

    /// Deletes a Secret.
    pub fn delete_secret(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        locked(&self.shared).kubelet.secrets.remove(&key);
    }

    /// Limits what the pods of a namespace may ask for together: `requests.cpu` to `4`. Nothing named lifts it.
    pub fn quota(&self, namespace: &str, name: &str, hard: &BTreeMap<String, String>) {
        let State { api, settled, .. } = &mut *locked(&self.shared);
        if hard.is_empty() {
            api.store.quotas.remove(namespace);
        } else {
            let quota = Quota {
                name: name.to_owned(),
                hard: hard.clone(),
            };
            api.store.quotas.insert(namespace.to_owned(), quota);
        }
        settled.stir();
    }

    /// Adds a node: 4 processors, 8 GiB. Every world begins with one, `lab`.
    pub fn add_node(&self, name: &str) {
        let State { api, nodes, .. } = &mut *locked(&self.shared);
        nodes.add(&mut api.store, name);
    }

    /// The network to a node breaks. What runs there goes on, but nobody hears of it. After 50 s the node counts as not ready, and its pods
    /// too; after five minutes more they are asked to go, and others are made elsewhere. They themselves stay, going, until the node is found
    /// again or removed.
    pub fn lose_node(&self, name: &str) {
        let State {
            api,
            nodes,
            settled,
            ..
        } = &mut *locked(&self.shared);
        nodes.lose(name, api.store.now());
        settled.stir();
    }

    /// The network to a lost node works again.
    pub fn find_node(&self, name: &str) {
        let State { nodes, settled, .. } = &mut *locked(&self.shared);
        nodes.find(name);
        settled.stir();
    }

    /// Takes a node away for good. Its pods go 40 s later.
    pub fn remove_node(&self, name: &str) {
        let State { api, nodes, .. } = &mut *locked(&self.shared);
        nodes.remove(&mut api.store, name);
    }

    /// Closes a node for new pods (`kubectl cordon`), or opens it again.
    pub fn cordon(&self, name: &str, closed: bool) {
        let mut state = locked(&self.shared);
        let Some(mut node) = state.api.store.get(NODES, "", name).cloned() else {
            return;
        };
        if closed {
            json::set(&mut node, "/spec/unschedulable", true);
        } else {
            json::remove(&mut node, "/spec/unschedulable");
        }
        let after = state.api.store.put(NODES, node);
        let body = json!({"spec": {"unschedulable": closed}});
        note(&mut state, "CORDON", NODES, &body, 200, Some(&after));
    }

    /// A node runs short of memory and gives up a pod: it stays as a failed one, and its owner makes another.
    pub fn evict(&self, namespace: &str, pod: &str) {
        evict(&mut locked(&self.shared), namespace, pod);
    }

    /// The next so many events are lost, counted repetitions among them.
    pub fn lose_next_events(&self, count: u64) {
        locked(&self.shared).recorder.lose_next = count;
    }

    /// All events of a namespace are lost from now on, or no more. Those that are there stay.
    pub fn lose_events_in(&self, namespace: &str, lose: bool) {
        let recorder = &mut locked(&self.shared).recorder;
        if lose {
            recorder.lose_in.insert(namespace.to_owned());
        } else {
            recorder.lose_in.remove(namespace);
        }
    }

    /// Deletes all events of a namespace, as if they had expired.
    pub fn forget_events(&self, namespace: &str) {
        let mut state = locked(&self.shared);
        let store = &mut state.api.store;
        let events = store.list(EVENTS, Some(namespace));
        let names: Vec<String> = events
            .map(|event| json::text(event, "/metadata/name").to_owned())
            .collect();
        for name in names {
            store.delete(EVENTS, namespace, &name);
        }
    }

    /// Prometheus goes away, or comes back. While it is away nothing is scraped.
    pub fn prometheus_down(&self, down: bool) {
        locked(&self.shared).scrapes.down = down;
    }

    /// Prometheus stays, but scrapes kube-state-metrics in vain, or with success again. Its series are stale with the first failed scrape.
    pub fn scrapes_stop(&self, stop: bool) {
        locked(&self.shared).scrapes.source_down = stop;
    }

    /// Prometheus answers as before, but takes no new samples in, or does so again. No series is declared stale: what it knew it says for five
    /// minutes more; that its source is up, for two and a half.
    pub fn prometheus_stuck(&self, stuck: bool) {
        locked(&self.shared).scrapes.stuck = stuck;
    }

    /// Each answer of Prometheus takes so long; zero = as usual. A caller who waits no longer than that is not answered in time.
    pub fn prometheus_slow(&self, takes: Duration) {
        locked(&self.shared).scrapes.slow = takes;
    }

    /// Prometheus lies from now on, or (`None`) tells the truth again. What is scraped meanwhile is true.
    pub fn prometheus_lies(&self, lie: Option<Lie>) {
        let mut state = locked(&self.shared);
        let now = state.api.store.now();
        state.scrapes.lie = lie.map(|lie| (lie, now));
    }
}
