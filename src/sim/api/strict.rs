//! Fields that an object's kind does not have: found by reading the object as the API's own type and looking what is lost. Custom resources
//! have a schema of their own instead (`schema`).

use super::failure::Failure;
use super::resources::{
    CONFIG_MAPS, DEPLOYMENTS, EVENTS, LEASES, NAMESPACES, NODES, PODS, REPLICA_SETS, Resource,
};
use k8s_openapi::api::{apps, coordination, core, events};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde::de::Deserialize;
use serde_json::Value;

/// Takes every unknown field out of an object that was sent, and names them.
///
/// # Errors
/// When a field has a value of another type.
pub(super) fn prune(
    resource: &'static Resource,
    newer_events: bool,
    object: &mut Value,
) -> Result<Vec<String>, Failure> {
    let known = if newer_events {
        read_back::<events::v1::Event>(object)
    } else if resource == CONFIG_MAPS {
        read_back::<core::v1::ConfigMap>(object)
    } else if resource == DEPLOYMENTS {
        read_back::<apps::v1::Deployment>(object)
    } else if resource == EVENTS {
        read_back::<core::v1::Event>(object)
    } else if resource == LEASES {
        read_back::<coordination::v1::Lease>(object)
    } else if resource == NAMESPACES {
        read_back::<core::v1::Namespace>(object)
    } else if resource == NODES {
        read_back::<core::v1::Node>(object)
    } else if resource == PODS {
        read_back::<core::v1::Pod>(object)
    } else if resource == REPLICA_SETS {
        read_back::<apps::v1::ReplicaSet>(object)
    } else {
        return prune_metadata(resource, object);
    };
    let known = known.map_err(|why| Failure::undecodable(resource, &why.to_string()))?;
    let mut unknown = Vec::new();
    below(object, &known, "", &mut unknown);
    Ok(unknown)
}

/// Only the metadata: all that custom resources share.
fn prune_metadata(resource: &Resource, object: &mut Value) -> Result<Vec<String>, Failure> {
    let mut unknown = Vec::new();
    if let Some(metadata) = object.get_mut("metadata") {
        let known = read_back::<ObjectMeta>(metadata)
            .map_err(|why| Failure::undecodable(resource, &why.to_string()))?;
        below(metadata, &known, "metadata", &mut unknown);
    }
    Ok(unknown)
}

fn read_back<'a, T: Deserialize<'a> + Serialize>(
    object: &'a Value,
) -> Result<Value, serde_json::Error> {
    serde_json::to_value(T::deserialize(object)?)
}

/// A field that is null is as good as absent: it is lost although it is known.
fn below(sent: &mut Value, known: &Value, path: &str, unknown: &mut Vec<String>) {
    match (sent, known) {
        (Value::Object(sent), Value::Object(known)) => sent.retain(|name, value| {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            match known.get(name) {
                Some(known) => below(value, known, &path, unknown),
                None if value.is_null() => {}
                None => {
                    unknown.push(path);
                    return false;
                }
            }
            true
        }),
        (Value::Array(sent), Value::Array(known)) => {
            for (index, (sent, known)) in sent.iter_mut().zip(known).enumerate() {
                below(sent, known, &format!("{path}[{index}]"), unknown);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_of_another_type_can_not_be_decoded() {
        let mut lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"leaseDurationSeconds": "x"}});
        assert_eq!(prune(LEASES, false, &mut lease).unwrap_err().code, 400);
    }

    #[test]
    fn unknown_fields_are_named_and_taken_out() {
        let mut object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "creationTimestamp": null, "label": {}},
            "spec": {"replica": 1, "template": {"spec": {"containers": [{"name": "a", "image": "b", "imagePullSecret": "x"}]}}},
        });
        let mut unknown = prune(DEPLOYMENTS, false, &mut object).unwrap();
        unknown.sort();
        assert_eq!(
            unknown,
            [
                "metadata.label",
                "spec.replica",
                "spec.template.spec.containers[0].imagePullSecret"
            ]
        );
        assert_eq!(
            prune(DEPLOYMENTS, false, &mut object).unwrap(),
            [""; 0],
            "they are gone"
        );
        assert!(object["metadata"].get("creationTimestamp").is_some());
    }

    #[test]
    fn what_every_type_knows_is_kept() {
        for fixture in ["bad-args", "mount-missing", "init-crash"] {
            let path = format!(
                "{}/tests/fixtures/faults/{fixture}.json",
                env!("CARGO_MANIFEST_DIR")
            );
            let text = std::fs::read_to_string(path).unwrap();
            let mut pod = serde_json::from_str::<Value>(&text).unwrap()["pod"].take();
            let before = pod.clone();
            assert_eq!(prune(PODS, false, &mut pod).unwrap(), [""; 0], "{fixture}");
            assert_eq!(pod, before);
        }
    }
}
