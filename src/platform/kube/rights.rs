//! What Ripcord's account must be allowed, verb by verb: the one list. `deploy/base/clusterrole.yaml` and the README's table are compared with it.

use super::{ApiError, Call, Cluster};
use http::Method;
use serde_json::{Value, json};

/// One verb on one resource, in a namespace that Ripcord looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The API group; empty for the oldest one.
    pub group: &'static str,
    /// The resource, with its subresource where it is one: `pods/log`.
    pub resource: &'static str,
    /// The verb.
    pub verb: &'static str,
    /// What it is needed to do.
    pub why: &'static str,
}

const fn right(
    group: &'static str,
    resource: &'static str,
    verb: &'static str,
    why: &'static str,
) -> Right {
    Right {
        group,
        resource,
        verb,
        why,
    }
}

/// Everything that is needed, in the order of the README's table.
pub const RIGHTS: [Right; 17] = [
    right("apps", "deployments", "get", "read the workload"),
    right("apps", "deployments", "patch", PATCH_WHY),
    right("apps", "statefulsets", "get", "read the workload"),
    right("apps", "daemonsets", "get", "read the workload"),
    right("apps", "replicasets", "get", "find a pod's owner"),
    right("apps", "replicasets", "list", "read the revisions"),
    right("apps", "controllerrevisions", "list", "read the revisions"),
    right("", "pods", "get", "find an alert's pod"),
    right("", "pods", "list", "see what fails and what is ready"),
    right(
        "",
        "pods/log",
        "get",
        "read a crashed container's last lines",
    ),
    right("", "events", "list", "read why the kubelet says so"),
    right(
        "",
        "namespaces",
        "get",
        "read the annotation ripcord.dev/mode",
    ),
    right("events.k8s.io", "events", "create", "say what it does"),
    right("ripcord.dev", "incidents", "get", "read its record"),
    right("ripcord.dev", "incidents", "list", "take up open incidents"),
    right("ripcord.dev", "incidents", "create", "record an alert"),
    right(
        "ripcord.dev",
        "incidents/status",
        "update",
        "save every step",
    ),
];

const PATCH_WHY: &str = "repair, and rehearse the repair";

/// The one right without which a dry run still says what it would do.
pub const WRITE: Right = right("apps", "deployments", "patch", PATCH_WHY);

/// A right that Ripcord's account never has: who has it is somebody else.
pub const FORBIDDEN: Right = right("", "secrets", "get", "do nothing that Ripcord does");

impl Cluster {
    /// Whether our own account has a right in a namespace (SelfSubjectAccessReview: every account may ask).
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn may(&self, namespace: &str, right: &Right) -> Result<bool, ApiError> {
        let (resource, subresource) = right
            .resource
            .split_once('/')
            .unwrap_or((right.resource, ""));
        // To read a namespace is asked with its name: in such a request it is the request's namespace too.
        let name = if right.resource == "namespaces" {
            namespace
        } else {
            ""
        };
        self.review(&json!({
            "namespace": namespace,
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
            "name": name,
        }))
        .await
    }

    pub(super) async fn review(&self, attributes: &Value) -> Result<bool, ApiError> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned();
        let mut call = Call::write("review access", Method::POST, path, &review);
        call.query.clear();
        let answer = self.json(call).await?;
        Ok(answer
            .pointer("/status/allowed")
            .and_then(Value::as_bool)
            .unwrap_or(false))
    }
}
