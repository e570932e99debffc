//! What the pods of a namespace may ask for together (Kubernetes `apiserver/pkg/admission/plugin/resourcequota`): one quota each, on requests.

use super::super::api::resources::PODS;
use super::super::api::store::Store;
use super::super::json;
use crate::domain::quantity;
use serde_json::Value;
use std::collections::BTreeMap;

/// A `ResourceQuota`.
#[derive(Clone, Debug)]
pub(crate) struct Quota {
    pub(crate) name: String,
    /// `requests.cpu` to `4`.
    pub(crate) hard: BTreeMap<String, String>,
}

/// The API server's words where a pod more would exceed its namespace's quota.
pub(super) fn refusal(store: &Store, pod: &Value) -> Option<String> {
    let namespace = json::text(pod, "/metadata/namespace");
    let quota = store.quotas.get(namespace)?;
    let mut exceeded = Vec::new();
    for (what, hard) in &quota.hard {
        let asked = asked(pod, what);
        let used: f64 = store
            .list(PODS, Some(namespace))
            .map(|other| self::asked(other, what))
            .sum();
        if asked + used > quantity::parse(hard).unwrap_or(0.0) {
            exceeded.push([
                format!("{what}={asked}"),
                format!("{what}={used}"),
                format!("{what}={hard}"),
            ]);
        }
    }
    let column = |place: usize| {
        let cells = exceeded.iter().filter_map(|row| row.get(place).cloned());
        cells.collect::<Vec<_>>().join(",")
    };
    (!exceeded.is_empty()).then(|| {
        format!(
            "pods \"{}\" is forbidden: exceeded quota: {}, requested: {}, used: {}, limited: {}",
            json::text(pod, "/metadata/name"),
            quota.name,
            column(0),
            column(1),
            column(2)
        )
    })
}

/// What a pod asks for of `requests.cpu`.
fn asked(pod: &Value, what: &str) -> f64 {
    let resource = what.trim_start_matches("requests.");
    json::list(pod, "/spec/containers")
        .iter()
        .filter_map(|container| container.get("resources")?.get("requests")?.get(resource))
        .filter_map(|amount| match amount {
            Value::String(text) => quantity::parse(text),
            other => other.as_f64(),
        })
        .sum()
}
