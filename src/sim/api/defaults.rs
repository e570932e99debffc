//! What the API server adds on the way in: defaults of Deployments (Kubernetes `pkg/apis/apps/v1/defaults.go`, `pkg/apis/core/v1/defaults.go`)
//! and what admission adds to pods.

use super::super::json;
use super::failure::Failure;
use super::resources::DEPLOYMENTS;
use serde_json::{Value, json};

/// Fills in what a Deployment's manifest leaves out. A second time changes nothing.
pub(crate) fn deployment(object: &mut Value) {
    json::default(object, "/spec/replicas", 1);
    json::default(object, "/spec/revisionHistoryLimit", 10);
    json::default(object, "/spec/progressDeadlineSeconds", 600);
    json::default(object, "/spec/strategy/type", "RollingUpdate");
    if json::text(object, "/spec/strategy/type") == "RollingUpdate" {
        json::default(object, "/spec/strategy/rollingUpdate/maxUnavailable", "25%");
        json::default(object, "/spec/strategy/rollingUpdate/maxSurge", "25%");
    }
    if let Some(template) = object.pointer_mut("/spec/template") {
        pod_spec(template);
    }
}

/// What every Deployment must have.
pub(crate) fn check(object: &Value) -> Result<(), Failure> {
    let wanted = json::strings(object, "/spec/selector/matchLabels");
    let labels = json::strings(object, "/spec/template/metadata/labels");
    let fits = !wanted.is_empty()
        && wanted
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value));
    let name = json::text(object, "/metadata/name");
    let invalid = |field: &str, why: &str| Err(Failure::invalid(DEPLOYMENTS, name, field, why));
    if !fits {
        let why = "Invalid value: `selector` does not match template `labels`";
        return invalid("spec.template.metadata.labels", why);
    }
    let containers = json::list(object, "/spec/template/spec/containers");
    if containers.is_empty() {
        return invalid("spec.template.spec.containers", "Required value");
    }
    for (index, container) in containers.iter().enumerate() {
        for field in ["name", "image"] {
            if json::text(container, &format!("/{field}")).is_empty() {
                let field = format!("spec.template.spec.containers[{index}].{field}");
                return invalid(&field, "Required value");
            }
        }
    }
    Ok(())
}

fn pod_spec(template: &mut Value) {
    json::default(template, "/spec/restartPolicy", "Always");
    json::default(template, "/spec/terminationGracePeriodSeconds", 30);
    json::default(template, "/spec/dnsPolicy", "ClusterFirst");
    json::default(template, "/spec/securityContext", json!({}));
    json::default(template, "/spec/schedulerName", "default-scheduler");
    for list in CONTAINERS {
        for container in items(template, list) {
            container_spec(container);
        }
    }
    for volume in items(template, "/spec/volumes") {
        for source in ["/configMap", "/secret"] {
            if let Some(source) = volume.pointer_mut(source) {
                json::default(source, "/defaultMode", 420);
            }
        }
    }
}

/// Where a pod's containers are.
const CONTAINERS: [&str; 2] = ["/spec/containers", "/spec/initContainers"];

fn items<'a>(object: &'a mut Value, list: &str) -> impl Iterator<Item = &'a mut Value> {
    let list = object.pointer_mut(list).and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

fn container_spec(container: &mut Value) {
    let policy = if is_latest(json::text(container, "/image")) {
        "Always"
    } else {
        "IfNotPresent"
    };
    json::default(container, "/imagePullPolicy", policy);
    json::default(container, "/resources", json!({}));
    json::default(container, "/terminationMessagePath", "/dev/termination-log");
    json::default(container, "/terminationMessagePolicy", "File");
    for port in items(container, "/ports") {
        json::default(port, "/protocol", "TCP");
    }
    for probe in ["/readinessProbe", "/livenessProbe", "/startupProbe"] {
        if let Some(probe) = container.pointer_mut(probe) {
            json::default(probe, "/timeoutSeconds", 1);
            json::default(probe, "/periodSeconds", 10);
            json::default(probe, "/successThreshold", 1);
            json::default(probe, "/failureThreshold", 3);
            if probe.pointer("/httpGet").is_some() {
                json::default(probe, "/httpGet/scheme", "HTTP");
            }
        }
    }
}

fn is_latest(image: &str) -> bool {
    let name = image.split('@').next().unwrap_or_default();
    match name.rsplit('/').next().unwrap_or_default().split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => !image.contains('@'),
    }
}

/// What defaults and admission add to a pod: requests where there are only limits, the service account's volume, tolerations.
pub(crate) fn pod(pod: &mut Value, suffix: &str) {
    let volume = format!("kube-api-access-{suffix}");
    let mount = json!({
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        "name": volume,
        "readOnly": true,
    });
    for list in CONTAINERS {
        for container in items(pod, list) {
            push(container, "/volumeMounts", mount.clone());
            for (name, limit) in json::strings(container, "/resources/limits") {
                json::default(container, &format!("/resources/requests/{name}"), limit);
            }
        }
    }
    push(
        pod,
        "/spec/volumes",
        json!({
            "name": volume,
            "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
                {"downwardAPI": {"items": [{"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}]}},
            ]},
        }),
    );
    for condition in ["not-ready", "unreachable"] {
        push(
            pod,
            "/spec/tolerations",
            json!({
                "effect": "NoExecute",
                "key": format!("node.kubernetes.io/{condition}"),
                "operator": "Exists",
                "tolerationSeconds": 300,
            }),
        );
    }
    json::default(pod, "/spec/enableServiceLinks", true);
    json::default(pod, "/spec/preemptionPolicy", "PreemptLowerPriority");
    json::default(pod, "/spec/priority", 0);
    json::default(pod, "/spec/serviceAccount", "default");
    json::default(pod, "/spec/serviceAccountName", "default");
}

fn push(object: &mut Value, pointer: &str, item: Value) {
    json::default(object, pointer, json!([]));
    if let Some(items) = object.pointer_mut(pointer).and_then(Value::as_array_mut) {
        items.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(image: &str) -> Value {
        json!({"spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}}})
    }

    #[test]
    fn a_selector_that_does_not_fit_its_template_is_refused() {
        let mut object = manifest("web:1");
        assert_eq!(check(&object), Ok(()));
        json::set(&mut object, "/spec/template/metadata/labels/app", "other");
        assert!(check(&object).is_err());
    }

    #[test]
    fn defaults_a_second_time_change_nothing() {
        let mut once = manifest("web:1");
        deployment(&mut once);
        let mut twice = once.clone();
        deployment(&mut twice);
        assert_eq!(once, twice);
        assert_eq!(json::number(&once, "/spec/replicas"), 1);
    }

    #[test]
    fn only_the_latest_tag_is_always_pulled() {
        for (image, latest) in [
            ("web", true),
            ("web:latest", true),
            ("registry:5000/web", true),
            ("web:1", false),
            ("web@sha256:00", false),
        ] {
            assert_eq!(is_latest(image), latest, "{image}");
        }
    }
}
