//! The requests themselves. Their paths and parameters are the Kubernetes API reference's; answers are raw JSON.

use super::{ApiError, Call, Cluster, FIELD_MANAGER};
use crate::domain::workload::{WorkloadKind, WorkloadRef};
use http::Method;
use serde_json::{Value, json};

/// The Incident resource's path in one namespace.
fn incidents(namespace: &str) -> String {
    format!("/apis/ripcord.dev/v1alpha1/namespaces/{namespace}/incidents")
}

fn workload(reference: &WorkloadRef) -> String {
    let plural = match reference.kind {
        WorkloadKind::Deployment => "deployments",
        WorkloadKind::StatefulSet => "statefulsets",
        WorkloadKind::DaemonSet => "daemonsets",
    };
    let (namespace, name) = (&reference.namespace, &reference.name);
    format!("/apis/apps/v1/namespaces/{namespace}/{plural}/{name}")
}

/// The last lines of a log are asked for, never a whole one: a crash says why at its end.
const LOG_LINES: &str = "20";
/// They must all fit, or the kubelet leaves out the end. Its lines are the runtime's, who cuts them at 16 KiB (containerd's
/// `max_container_log_line_size`), so twenty are no more than this.
const LOG_BYTES: u64 = 20 * 17 * 1024;

/// The kubelet merges a pod's Events: it has a handful, and one page nearly always is all of them.
const EVENTS_A_PAGE: &str = "100";
/// More than five hundred different ones about one pod are noise that somebody makes.
const EVENT_PAGES: usize = 5;

impl Cluster {
    /// A workload; `None` where there is none.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn workload(&self, reference: &WorkloadRef) -> Result<Option<Value>, ApiError> {
        self.json_or_none(Call::get("get workload", workload(reference)))
            .await
    }

    /// One pod; `None` where there is none.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn pod(&self, namespace: &str, name: &str) -> Result<Option<Value>, ApiError> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
        self.json_or_none(Call::get("get pod", path)).await
    }

    /// One ReplicaSet; `None` where there is none.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn replica_set(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ApiError> {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/replicasets/{name}");
        self.json_or_none(Call::get("get replicaset", path)).await
    }

    /// The ReplicaSets that a label selector fits: the list's items.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn replica_sets(
        &self,
        namespace: &str,
        selector: &str,
    ) -> Result<Vec<Value>, ApiError> {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/replicasets");
        self.list(Call::get("list replicasets", path).query("labelSelector", selector))
            .await
    }

    /// The ControllerRevisions that a label selector fits: the list's items. They have the labels of the templates that they hold (Kubernetes
    /// `pkg/controller/history/controller_history.go`).
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn controller_revisions(
        &self,
        namespace: &str,
        selector: &str,
    ) -> Result<Vec<Value>, ApiError> {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/controllerrevisions");
        let call = Call::get("list controllerrevisions", path);
        self.list(call.query("labelSelector", selector)).await
    }

    /// The pods that a label selector fits: the list's items.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<Value>, ApiError> {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        self.list(Call::get("list pods", path).query("labelSelector", selector))
            .await
    }

    /// The Events about one object, by its uid: all of them.
    ///
    /// # Errors
    /// When the API server does not answer or refuses, and where there are more than are read: a part must not look like the whole.
    pub async fn events_about(&self, namespace: &str, uid: &str) -> Result<Vec<Value>, ApiError> {
        let operation = "list events";
        let mut events = Vec::new();
        let mut rest = String::new();
        for _ in 0..EVENT_PAGES {
            let path = format!("/api/v1/namespaces/{namespace}/events");
            let mut call = Call::get(operation, path)
                .query("fieldSelector", format!("involvedObject.uid={uid}"))
                .query("limit", EVENTS_A_PAGE);
            if !rest.is_empty() {
                call = call.query("continue", rest);
            }
            let mut page = self.json(call).await?;
            events.extend(items(operation, &mut page)?);
            let more = page.pointer("/metadata/continue").and_then(Value::as_str);
            rest = more.unwrap_or_default().to_owned();
            if rest.is_empty() {
                return Ok(events);
            }
        }
        Err(ApiError::TooLong { operation })
    }

    /// The end of a container's log.
    ///
    /// # Errors
    /// When the API server does not answer or refuses: 400 where there is no such log (yet).
    pub async fn log(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
    ) -> Result<String, ApiError> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/log");
        let call = Call::get("read log", path)
            .query("container", container)
            .query("previous", previous.to_string())
            .query("tailLines", LOG_LINES)
            .query("limitBytes", LOG_BYTES.to_string());
        self.raw_text(call, LOG_BYTES).await
    }

    /// A namespace; `None` where there is none.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn namespace(&self, name: &str) -> Result<Option<Value>, ApiError> {
        self.json_or_none(Call::get(
            "get namespace",
            format!("/api/v1/namespaces/{name}"),
        ))
        .await
    }

    /// A ConfigMap; `None` where there is none.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn config_map(&self, namespace: &str, name: &str) -> Result<Option<Value>, ApiError> {
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/{name}");
        self.json_or_none(Call::get("get configmap", path)).await
    }

    /// Sends a JSON Patch to a workload; with `dry_run` the API server does all but store it. Returns the object as it is, or would be.
    ///
    /// # Errors
    /// When the API server does not answer or refuses: 409 or 422 where a `test` fails.
    pub async fn patch_workload(
        &self,
        reference: &WorkloadRef,
        patch: &Value,
        dry_run: bool,
    ) -> Result<Value, ApiError> {
        let operation = if dry_run {
            "rehearse patch"
        } else {
            "patch workload"
        };
        let mut call = Call::write(operation, Method::PATCH, workload(reference), patch);
        call.content_type = "application/json-patch+json";
        if dry_run {
            call = call.query("dryRun", "All");
        }
        self.json(call).await
    }

    /// Whether our own account may do something to workloads of a namespace (SelfSubjectAccessReview).
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn may_patch(&self, reference: &WorkloadRef) -> Result<bool, ApiError> {
        self.review(&json!({
            "namespace": reference.namespace,
            "verb": "patch",
            "group": "apps",
            "resource": format!("{}s", reference.kind.as_str().to_lowercase()),
            "name": reference.name,
        }))
        .await
    }

    /// Creates an Event (`events.k8s.io/v1`).
    ///
    /// # Errors
    /// When the API server does not answer or refuses: 409 `AlreadyExists` where it was told before.
    pub async fn create_event(&self, namespace: &str, event: &Value) -> Result<Value, ApiError> {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
        self.json(Call::write("create event", Method::POST, path, event))
            .await
    }

    /// The Incidents of one namespace, those of one label selector where it is not empty: the list's items.
    ///
    /// # Errors
    /// When the API server does not answer or refuses: 404 where the CRD is missing.
    pub async fn incidents(&self, namespace: &str, selector: &str) -> Result<Vec<Value>, ApiError> {
        let mut call = Call::get("list incidents", incidents(namespace));
        if !selector.is_empty() {
            call = call.query("labelSelector", selector);
        }
        self.list(call).await
    }

    /// The Incidents of all namespaces, those of one label selector where it is not empty.
    ///
    /// # Errors
    /// When the API server does not answer or refuses: 404 where the CRD is missing.
    pub async fn incidents_everywhere(&self, selector: &str) -> Result<Vec<Value>, ApiError> {
        let path = "/apis/ripcord.dev/v1alpha1/incidents".to_owned();
        let mut call = Call::get("list incidents", path);
        if !selector.is_empty() {
            call = call.query("labelSelector", selector);
        }
        self.list(call).await
    }

    /// One Incident; `None` where there is none.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn incident(&self, namespace: &str, name: &str) -> Result<Option<Value>, ApiError> {
        let path = format!("{}/{name}", incidents(namespace));
        self.json_or_none(Call::get("get incident", path)).await
    }

    /// Creates an Incident.
    ///
    /// # Errors
    /// When the API server does not answer or refuses: 409 `AlreadyExists` where there is one of that name.
    pub async fn create_incident(
        &self,
        namespace: &str,
        incident: &Value,
    ) -> Result<Value, ApiError> {
        let path = incidents(namespace);
        self.json(Call::write("create incident", Method::POST, path, incident))
            .await
    }

    /// Replaces an Incident's status; the body's `metadata.resourceVersion` is the compare-and-swap.
    ///
    /// # Errors
    /// When the API server does not answer or refuses: 409 where somebody wrote meanwhile, 400 where the CRD lacks a field.
    pub async fn replace_incident_status(
        &self,
        namespace: &str,
        name: &str,
        incident: &Value,
    ) -> Result<Value, ApiError> {
        let path = format!("{}/{name}/status", incidents(namespace));
        self.json(Call::write("save incident", Method::PUT, path, incident))
            .await
    }

    /// Asks for the API server's version: whether it answers us at all (every account may).
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn ping(&self) -> Result<(), ApiError> {
        self.json(Call::get("get version", "/version".to_owned()))
            .await
            .map(|_| ())
    }

    /// The schemas that the API server serves for our group (OpenAPI v3 discovery: every account may read it).
    ///
    /// # Errors
    /// When the API server does not answer or refuses: 404 where the CRD is missing.
    pub async fn served_schemas(&self) -> Result<Value, ApiError> {
        let path = "/openapi/v3/apis/ripcord.dev/v1alpha1".to_owned();
        self.json(Call::get("read schema", path)).await
    }

    pub(super) async fn list(&self, call: Call<'_>) -> Result<Vec<Value>, ApiError> {
        let operation = call.operation;
        items(operation, &mut self.json(call).await?)
    }
}

/// A list's items. An unreadable list must never look like an empty one.
fn items(operation: &'static str, list: &mut Value) -> Result<Vec<Value>, ApiError> {
    match list.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        _ => Err(ApiError::Unreadable { operation }),
    }
}

const _: () = assert!(
    FIELD_MANAGER.len() <= 128,
    "a field manager has 128 characters at most"
);
