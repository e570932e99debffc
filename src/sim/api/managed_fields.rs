//! `metadata.managedFields` of Deployments: which client wrote which field, as the API server keeps account of it (Kubernetes
//! `staging/src/k8s.io/apimachinery/pkg/util/managedfields`). Of ordinary writes alone: nobody applies on the server's side here, and what the
//! controllers write is nobody's.

use super::super::json;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A field's place, as its parts are written: `f:spec`, `f:containers`, `k:{"name":"web"}`.
type Path = Vec<String>;

/// The lists whose items are told apart by some of their fields (`+listMapKey` in `k8s.io/api`); any other list is one field.
const KEYED: [(&str, &[&str]); 7] = [
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("volumes", &["name"]),
    ("env", &["name"]),
    ("ports", &["containerPort", "protocol"]),
    ("volumeMounts", &["mountPath"]),
    ("ownerReferences", &["uid"]),
];

/// Writes down what a manager has changed. A write that changes nothing leaves the account as it was; what a client sends of it does not count.
pub(crate) fn note(before: Option<&Value>, next: &mut Value, manager: &str, stamp: &str) {
    let was = before.map(fields).unwrap_or_default();
    let is = fields(next);
    let changed: BTreeSet<&Path> = is
        .iter()
        .filter(|(path, value)| was.get(*path) != Some(*value))
        .map(|(path, _)| path)
        .collect();
    let account = before.map_or(&[][..], |before| {
        json::list(before, "/metadata/managedFields")
    });
    let mut entries: Vec<Value> = account
        .iter()
        .filter_map(|entry| kept(entry, manager, &is, &changed))
        .collect();
    if !changed.is_empty() {
        entries.retain(|entry| json::text(entry, "/manager") != manager);
        entries.push(written(account, manager, &is, &changed, stamp));
    }
    if entries.is_empty() {
        json::remove(next, "/metadata/managedFields");
    } else {
        json::set(next, "/metadata/managedFields", entries);
    }
}

/// What is left of an entry: fields that are gone are nobody's, and those that another one has changed are that one's.
fn kept(
    entry: &Value,
    manager: &str,
    is: &BTreeMap<Path, &Value>,
    changed: &BTreeSet<&Path>,
) -> Option<Value> {
    let own = json::text(entry, "/manager") == manager;
    let mut set = paths_of(entry);
    set.retain(|path| is.contains_key(path) && (own || !changed.contains(path)));
    (!set.is_empty()).then(|| {
        let mut entry = entry.clone();
        json::set(&mut entry, "/fieldsV1", tree(&set));
        entry
    })
}

/// The entry of whoever has just written: what it had, and what it has changed.
fn written(
    account: &[Value],
    manager: &str,
    is: &BTreeMap<Path, &Value>,
    changed: &BTreeSet<&Path>,
    stamp: &str,
) -> Value {
    let own = account
        .iter()
        .filter(|entry| json::text(entry, "/manager") == manager);
    let mut set: BTreeSet<Path> = own.flat_map(paths_of).collect();
    set.retain(|path| is.contains_key(path));
    set.extend(changed.iter().map(|path| (*path).clone()));
    json!({
        "manager": manager,
        "operation": "Update",
        "apiVersion": "apps/v1",
        "time": stamp,
        "fieldsType": "FieldsV1",
        "fieldsV1": tree(&set),
    })
}

/// Every field that a client may write, with its value.
fn fields(object: &Value) -> BTreeMap<Path, &Value> {
    let mut found = BTreeMap::new();
    for (part, key) in [
        ("metadata", "labels"),
        ("metadata", "annotations"),
        ("metadata", "ownerReferences"),
    ] {
        if let Some(value) = object.get(part).and_then(|part| part.get(key)) {
            walk(value, key, vec![field(part), field(key)], &mut found);
        }
    }
    if let Some(spec) = object.get("spec") {
        walk(spec, "spec", vec![field("spec")], &mut found);
    }
    found
}

fn field(name: &str) -> String {
    format!("f:{name}")
}

fn walk<'a>(value: &'a Value, name: &str, path: Path, found: &mut BTreeMap<Path, &'a Value>) {
    let below = |part: String| path.iter().cloned().chain([part]).collect::<Path>();
    let keys = KEYED.iter().find(|(list, _)| *list == name);
    match (value, keys) {
        (Value::Object(fields), _) if !fields.is_empty() => {
            for (name, value) in fields {
                walk(value, name, below(field(name)), found);
            }
        }
        (Value::Array(items), Some((_, keys))) if !items.is_empty() => {
            for item in items {
                let key: Map<String, Value> = keys
                    .iter()
                    .filter_map(|key| Some(((*key).to_owned(), item.get(*key)?.clone())))
                    .collect();
                let at = below(format!("k:{}", Value::Object(key)));
                walk(item, "", at, found);
            }
        }
        _ => {
            found.insert(path, value);
        }
    }
}

fn paths_of(entry: &Value) -> BTreeSet<Path> {
    fn collect(tree: &Value, path: &[String], found: &mut BTreeSet<Path>) {
        match tree.as_object() {
            Some(parts) if !parts.is_empty() => {
                for (part, below) in parts {
                    let path: Path = path.iter().cloned().chain([part.clone()]).collect();
                    collect(below, &path, found);
                }
            }
            _ => {
                found.insert(path.to_vec());
            }
        }
    }
    let mut found = BTreeSet::new();
    if let Some(tree) = entry.get("fieldsV1") {
        collect(tree, &[], &mut found);
    }
    found
}

fn tree(set: &BTreeSet<Path>) -> Value {
    let mut root = json!({});
    for path in set {
        let mut place = &mut root;
        for part in path {
            if !place.is_object() {
                *place = json!({});
            }
            let Some(parts) = place.as_object_mut() else {
                break;
            };
            place = parts.entry(part.clone()).or_insert_with(|| json!({}));
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(image: &str) -> Value {
        json!({"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"replicas": 1, "template": {"spec": {"containers": [
            {"name": "web", "image": image, "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}}}})
    }

    fn image<'a>(object: &'a Value, manager: &str) -> Option<&'a Value> {
        let entries = json::list(object, "/metadata/managedFields").iter();
        let mut entries = entries.filter(|entry| json::text(entry, "/manager") == manager);
        let containers = "/fieldsV1/f:spec/f:template/f:spec/f:containers";
        entries
            .next()?
            .pointer(containers)?
            .get("k:{\"name\":\"web\"}")?
            .get("f:image")
    }

    #[test]
    fn a_write_that_changes_nothing_leaves_the_account_as_it_was() {
        let mut made = web("web:1");
        note(None, &mut made, "kubectl", "2026-11-23T04:00:00Z");
        let mut again = made.clone();
        // What a client sends of it is not believed.
        json::set(&mut again, "/metadata/managedFields", json!([]));
        note(Some(&made), &mut again, "other", "2026-11-23T05:00:00Z");
        assert_eq!(again, made);
    }

    #[test]
    fn a_field_is_its_last_writer_s() {
        let mut made = web("web:1");
        note(None, &mut made, "kubectl", "2026-11-23T04:00:00Z");
        assert!(image(&made, "kubectl").is_some());
        let mut next = web("web:2");
        note(Some(&made), &mut next, "ci", "2026-11-23T05:00:00Z");
        assert!(image(&next, "ci").is_some() && image(&next, "kubectl").is_none());
        let of_kubectl = json::at(
            &next,
            "/metadata/managedFields/0/fieldsV1/f:spec/f:replicas",
        );
        assert!(of_kubectl.is_some());
        let mut back = web("web:1");
        note(Some(&next), &mut back, "kubectl", "2026-11-23T06:00:00Z");
        assert!(image(&back, "kubectl").is_some() && image(&back, "ci").is_none());
        assert_eq!(json::list(&back, "/metadata/managedFields").len(), 1);
    }
}
