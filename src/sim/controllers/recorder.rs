//! Events as client-go's recorder keeps them: one that says the same about the same again is counted, not repeated.

use super::super::api::resources::EVENTS;
use super::super::api::store::Store;
use super::super::json;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Who tells an event.
pub(crate) struct Reporter {
    pub(crate) component: &'static str,
    /// The node, for kubelets.
    pub(crate) host: &'static str,
}

/// What is told.
pub(crate) struct Told<'a> {
    /// The container; empty for events about the whole object.
    pub(crate) container: &'a str,
    /// `Normal` or `Warning`.
    pub(crate) kind: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// Remembers which event says what.
#[derive(Default)]
pub(crate) struct Recorder {
    names: BTreeMap<[String; 5], String>,
}

impl Recorder {
    /// Tells one thing about an object.
    pub(crate) fn tell(
        &mut self,
        store: &mut Store,
        about: &Value,
        by: &Reporter,
        told: &Told<'_>,
    ) {
        let namespace = json::text(about, "/metadata/namespace");
        let key = [
            json::text(about, "/metadata/uid").to_owned(),
            told.container.to_owned(),
            told.kind.to_owned(),
            told.reason.to_owned(),
            told.message.clone(),
        ];
        let now = store.stamp();
        if let Some(name) = self.names.get(&key)
            && let Some(mut event) = store.get(EVENTS, namespace, name).cloned()
        {
            let count = json::number(&event, "/count") + 1;
            json::set(&mut event, "/count", count);
            json::set(&mut event, "/lastTimestamp", now);
            store.put(EVENTS, event);
            return;
        }
        let mut event = base(store, about, told);
        json::set(&mut event, "/count", 1);
        json::set(&mut event, "/eventTime", Value::Null);
        json::set(&mut event, "/firstTimestamp", now.as_str());
        json::set(&mut event, "/lastTimestamp", now);
        json::set(&mut event, "/reportingComponent", by.component);
        json::set(&mut event, "/reportingInstance", by.host);
        json::set(&mut event, "/source", json!({"component": by.component}));
        if !by.host.is_empty() {
            json::set(&mut event, "/source/host", by.host);
        }
        if !told.container.is_empty() {
            let path = format!("spec.containers{{{}}}", told.container);
            json::set(&mut event, "/involvedObject/fieldPath", path);
        }
        let name = json::text(&event, "/metadata/name").to_owned();
        if store.create(EVENTS, event).is_ok() {
            self.names.insert(key, name);
        }
    }
}

/// The scheduler's event about a pod: it has the newer shape of time stamps.
pub(crate) fn scheduled(store: &mut Store, pod: &Value, node: &str) {
    let message = format!(
        "Successfully assigned {}/{} to {node}",
        json::text(pod, "/metadata/namespace"),
        json::text(pod, "/metadata/name")
    );
    let told = Told {
        container: "",
        kind: "Normal",
        reason: "Scheduled",
        message,
    };
    let mut event = base(store, pod, &told);
    json::set(&mut event, "/action", "Binding");
    json::set(&mut event, "/eventTime", format!("{:.6}", store.now()));
    json::set(&mut event, "/firstTimestamp", Value::Null);
    json::set(&mut event, "/lastTimestamp", Value::Null);
    json::set(&mut event, "/reportingComponent", "default-scheduler");
    json::set(&mut event, "/reportingInstance", "default-scheduler-sim");
    json::set(&mut event, "/source", json!({}));
    let _ = store.create(EVENTS, event);
}

fn base(store: &mut Store, about: &Value, told: &Told<'_>) -> Value {
    let name = json::text(about, "/metadata/name");
    let namespace = json::text(about, "/metadata/namespace");
    json!({
        "metadata": {"name": format!("{name}.{}", store.fresh_hex(16)), "namespace": namespace},
        "involvedObject": {
            "apiVersion": json::text(about, "/apiVersion"),
            "kind": json::text(about, "/kind"),
            "name": name,
            "namespace": namespace,
            "resourceVersion": json::text(about, "/metadata/resourceVersion"),
            "uid": json::text(about, "/metadata/uid"),
        },
        "reason": told.reason,
        "message": told.message,
        "type": told.kind,
    })
}
