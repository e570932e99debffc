//! `metadata.managedFields`: who wrote which field of an object, as the API server keeps it (Kubernetes `staging/src/k8s.io/apimachinery`,
//! `ManagedFieldsEntry`; the sets of fields as `sigs.k8s.io/structured-merge-diff` writes them).

use crate::domain::owners::{FieldManager, Operation, Owners};
use crate::domain::text::safe;
use serde_json::{Map, Value};

/// The API server merges the updates of all but ten managers; those who apply are not limited. Ten times that is nobody's cluster.
const MOST_ENTRIES: usize = 100;
/// What has another shape than the API gives it.
const UNREADABLE: &str = "its managedFields can't be read";
/// A field manager's name is at most 128 characters (Kubernetes `apimachinery/pkg/apis/meta/v1/validation`).
const MANAGER_BYTES: usize = 128;
/// A container's name is a DNS label.
const CONTAINER_BYTES: usize = 63;

/// One entry that is about the object itself, not about its status or its scale.
pub(super) struct Entry<'a> {
    pub(super) manager: &'a str,
    operation: Operation,
    time: Option<&'a str>,
    fields: &'a Map<String, Value>,
}

/// The entries, or why they can't be read. There is always one on an object whose managers are known: none means that nobody kept account
/// (made before Kubernetes 1.18, or taken away), not that nobody wrote.
pub(super) fn entries(list: Option<&Value>) -> Result<Vec<Entry<'_>>, &'static str> {
    let list = match list {
        None | Some(Value::Null) => return Err("it has no managedFields"),
        Some(list) => list.as_array().ok_or(UNREADABLE)?,
    };
    if list.is_empty() {
        return Err("its managedFields are empty");
    }
    if list.len() > MOST_ENTRIES {
        return Err("its managedFields have more than 100 entries");
    }
    let entries: Result<Vec<Option<Entry<'_>>>, &'static str> = list.iter().map(entry).collect();
    Ok(entries?.into_iter().flatten().collect())
}

/// One entry; `None` = it is about a subresource.
fn entry(entry: &Value) -> Result<Option<Entry<'_>>, &'static str> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let operation = match text("operation") {
        Some("Apply") => Operation::Apply,
        Some("Update") => Operation::Update,
        _ => return Err(UNREADABLE),
    };
    if text("subresource").is_some_and(|subresource| !subresource.is_empty()) {
        return Ok(None);
    }
    Ok(Some(Entry {
        manager: text("manager").ok_or(UNREADABLE)?,
        operation,
        time: text("time"),
        fields: entry
            .get("fieldsV1")
            .and_then(Value::as_object)
            .ok_or(UNREADABLE)?,
    }))
}

impl Entry<'_> {
    /// Whether it manages any field of `spec`.
    pub(super) fn writes_spec(&self) -> bool {
        self.fields.contains_key("f:spec")
    }

    /// The part of it that is about `spec.template`; a set that ends above the template holds all of it.
    fn template(&self) -> Option<&Value> {
        let spec = self.fields.get("f:spec")?;
        if spec.as_object().is_none_or(Map::is_empty) {
            return Some(spec);
        }
        spec.get("f:template")
    }

    /// The containers whose image it manages.
    fn images(&self) -> Vec<String> {
        let Some(template) = self.template() else {
            return Vec::new();
        };
        ["f:initContainers", "f:containers"]
            .into_iter()
            .filter_map(|list| template.get("f:spec")?.get(list)?.as_object())
            .flatten()
            .filter(|(_, fields)| fields.get("f:image").is_some())
            .filter_map(|(key, _)| container(key))
            .take(Owners::LIMIT)
            .collect()
    }
}

/// The name in a list item's key: `k:{"name":"web"}`.
fn container(key: &str) -> Option<String> {
    let key: Value = serde_json::from_str(key.strip_prefix("k:")?).ok()?;
    Some(safe(key.get("name")?.as_str()?, CONTAINER_BYTES))
}

/// Who manages fields of the template: those who manage an image first, then the newest first.
pub(super) fn of_template(entries: &[Entry<'_>]) -> Vec<FieldManager> {
    let mut managers: Vec<FieldManager> = entries
        .iter()
        .filter(|entry| entry.template().is_some())
        .map(|entry| FieldManager {
            manager: safe(entry.manager, MANAGER_BYTES),
            operation: entry.operation,
            time: entry.time.and_then(|time| time.parse().ok()),
            images: entry.images(),
        })
        .collect();
    managers.sort_by_key(|manager| {
        (
            manager.images.is_empty(),
            std::cmp::Reverse(manager.time),
            manager.manager.clone(),
        )
    });
    managers.truncate(Owners::LIMIT);
    managers
}
