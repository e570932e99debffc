//! Admission: what a cluster's own rules refuse is refused in a rehearsal too. A real cluster gets a `ValidatingAdmissionPolicy`.

use super::objects::{OTHER, text};
use super::stage::{Stage, hold};
use ripcord::sim::{Operation, Ruling};
use serde_json::json;
use std::sync::Arc;

const WORDS: &str = "no changes in this window";
const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";

/// Refuses every update of a Deployment in the case's namespace.
async fn close_the_window(stage: &Stage) {
    if let Some(world) = stage.world() {
        world.admission(Some(Arc::new(|review| {
            let change = review.kind == "Deployment" && review.operation == Operation::Update;
            if change && review.subresource.is_empty() {
                Ruling::forbid(WORDS)
            } else {
                Ruling::Admit
            }
        })));
        return;
    }
    let name = &stage.namespace;
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}]},
            "validations": [{"expression": "false", "message": WORDS, "reason": "Forbidden"}],
        },
    });
    stage
        .make_for_now(&format!("{GROUP}/validatingadmissionpolicies"), &policy)
        .await;
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
        "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"contract": name}}},
        },
    });
    stage
        .make_for_now(
            &format!("{GROUP}/validatingadmissionpolicybindings"),
            &binding,
        )
        .await;
}

#[test]
fn what_a_rule_refuses_is_refused_in_a_rehearsal_too() {
    hold(async |stage| {
        stage.idle_deployment().await;
        close_the_window(stage).await;
        let patch = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": OTHER}]);
        let rehearsal = stage.web() + "?dryRun=All";
        let refused = stage
            .until("the rule holds", 60, async || {
                let answer = stage.send("PATCH", &rehearsal, &patch).await;
                (answer.code >= 400).then_some(answer)
            })
            .await;
        let in_earnest = stage.send("PATCH", &stage.web(), &patch).await;
        for answer in [refused, in_earnest] {
            assert_eq!(answer.refused(), (403, "Forbidden"));
            assert!(answer.message().contains(WORDS), "{}", answer.message());
        }
        let web = stage.deployment().await;
        assert_ne!(text(&web, "/spec/template/spec/containers/0/image"), OTHER);
    });
}
