//! Parts of a raw pod template, and whether one template changes what fails in another.

use super::diagnosis::{Cause, Entry};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where a template keeps its containers, init containers first.
pub const CONTAINER_LISTS: [&str; 2] = ["initContainers", "containers"];

/// Pod-level fields that decide where, when and how long a pod runs, not whether its containers can start:
/// going back for one of them alone would help nobody.
const NO_BEARING: [&str; 6] = [
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "schedulerName",
    "terminationGracePeriodSeconds",
    "topologySpreadConstraints",
];

/// One container of a template by its name, init containers too.
pub fn container<'a>(template: &'a Value, name: &str) -> Option<&'a Value> {
    CONTAINER_LISTS
        .into_iter()
        .filter_map(|list| template.get("spec")?.get(list)?.as_array())
        .flatten()
        .find(|container| container.get("name").and_then(Value::as_str) == Some(name))
}

/// The image that a template names for one container.
pub fn image<'a>(template: &'a Value, name: &str) -> Option<&'a str> {
    container(template, name)?.get("image")?.as_str()
}

/// Whether going from one template to the other changes what an entry blames: the image for an image that does not exist or does not
/// parse; for everything else the container, or a pod-level field that bears on it. Labels and annotations of the template never count
/// (`kubectl rollout restart` writes one), nor do the other containers.
pub fn changes_what_fails(entry: &Entry, from: &Value, to: &Value) -> bool {
    changes(entry.cause, &entry.container, from, to)
}

/// The same for one cause and one container.
pub fn changes(cause: Cause, name: &str, from: &Value, to: &Value) -> bool {
    match cause {
        Cause::ImageNotFound | Cause::InvalidImageName => image(from, name) != image(to, name),
        _ => container(from, name) != container(to, name) || pod_level(from) != pod_level(to),
    }
}

fn pod_level(template: &Value) -> BTreeMap<&str, &Value> {
    template
        .get("spec")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value))
        .filter(|(key, _)| !CONTAINER_LISTS.contains(key) && !NO_BEARING.contains(key))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::diagnosis::Helps;
    use serde_json::json;

    fn entry(container: &str, cause: Cause) -> Entry {
        Entry {
            container: container.to_owned(),
            init: false,
            cause,
            rollback_helps: Helps::Yes,
            because: String::new(),
            facts: vec![],
            pods: vec![],
            longest_run_seconds: 0,
        }
    }

    fn template(image: &str, args: &[&str]) -> Value {
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {
            "initContainers": [{"name": "migrate", "image": "migrate:1"}],
            "containers": [{"name": "web", "image": image, "args": args}],
            "terminationGracePeriodSeconds": 30,
        }})
    }

    #[test]
    fn labels_annotations_other_containers_and_grace_periods_change_nothing_that_fails() {
        let from = template("web:2", &[]);
        let mut to = from.clone();
        to["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "now"});
        to["spec"]["initContainers"][0]["image"] = json!("migrate:2");
        to["spec"]["terminationGracePeriodSeconds"] = json!(5);
        assert!(!changes_what_fails(
            &entry("web", Cause::CrashOnStart),
            &from,
            &to
        ));
    }

    #[test]
    fn other_arguments_do_not_bring_back_an_image() {
        let (from, to) = (template("web:2", &["a"]), template("web:2", &["b"]));
        assert!(!changes_what_fails(
            &entry("web", Cause::ImageNotFound),
            &from,
            &to
        ));
        assert!(changes_what_fails(
            &entry("web", Cause::CrashOnStart),
            &from,
            &to
        ));
        assert!(changes_what_fails(
            &entry("web", Cause::ImageNotFound),
            &from,
            &template("web:1", &["a"])
        ));
    }

    #[test]
    fn a_volume_and_a_container_that_is_not_there_any_more_are_changes() {
        let from = template("web:2", &[]);
        let mut to = from.clone();
        to["spec"]["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
        assert!(changes_what_fails(
            &entry("web", Cause::CrashOnStart),
            &from,
            &to
        ));
        let mut to = from.clone();
        to["spec"]["initContainers"] = json!([]);
        assert!(changes_what_fails(
            &entry("migrate", Cause::InitFailed),
            &from,
            &to
        ));
    }

    #[test]
    fn what_is_not_a_template_has_no_containers() {
        for text in [
            json!(null),
            json!({"spec": 1}),
            json!({"spec": {"containers": {"name": "web"}}}),
        ] {
            assert_eq!(container(&text, "web"), None);
        }
    }
}
