//! How a Deployment is rolled out, or not.

use super::objects::{GOOD, OTHER, REVISION, annotation, condition, deployment, image};
use super::stage::hold;
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn a_paused_deployment_is_observed_but_not_rolled_out() {
    hold(async |stage| {
        stage.make(&stage.deployments(), &deployment(GOOD)).await;
        stage.rolled_out().await;
        stage
            .change(&json!([{"op": "add", "path": "/spec/paused", "value": true}]))
            .await;
        let changed = stage.roll_out(OTHER).await;
        let generation = changed["metadata"]["generation"].clone();
        let observed = stage
            .until("the controller has seen it", 30, async || {
                let web = stage.deployment().await;
                (web["status"]["observedGeneration"] == generation).then_some(web)
            })
            .await;
        let (status, reason) = condition(&observed, "Progressing").unwrap();
        assert_eq!(
            (status.as_str(), reason.as_str()),
            ("Unknown", "DeploymentPaused")
        );
        stage
            .throughout(5, async || {
                assert_eq!(stage.replica_sets().await.len(), 1);
                assert_eq!(annotation(&stage.deployment().await, REVISION), "1");
            })
            .await;
        stage
            .change(&json!([{"op": "remove", "path": "/spec/paused"}]))
            .await;
        let web = stage.rolled_out().await;
        assert_eq!(annotation(&web, REVISION), "2");
    });
}

#[test]
fn a_recreated_deployment_never_has_old_and_new_pods_at_once() {
    hold(async |stage| {
        let mut manifest = deployment(GOOD);
        manifest["spec"]["strategy"] = json!({"type": "Recreate"});
        let made = stage.make(&stage.deployments(), &manifest).await;
        assert_eq!(made["spec"]["strategy"], json!({"type": "Recreate"}));
        stage.rolled_out().await;
        stage.roll_out(OTHER).await;
        let all = stage.path("/api/v1", "pods");
        stage
            .until("the new pod runs", 60, async || {
                let pods = stage.list(&all).await;
                let running = pods
                    .iter()
                    .filter(|pod| pod["status"]["phase"] == "Running");
                let images: BTreeSet<&str> = running.map(image).collect();
                assert!(images.len() < 2, "{images:?}");
                images.contains(OTHER).then_some(())
            })
            .await;
        let web = stage.rolled_out().await;
        assert_eq!(annotation(&web, REVISION), "2");
    });
}

#[test]
fn a_deployment_that_is_scaled_is_not_a_new_revision() {
    hold(async |stage| {
        stage.make(&stage.deployments(), &deployment(GOOD)).await;
        stage.rolled_out().await;
        for replicas in [3, 0] {
            stage
                .change(&json!([{"op": "replace", "path": "/spec/replicas", "value": replicas}]))
                .await;
            stage
                .until("the pods are there or gone", 60, async || {
                    let web = stage.deployment().await;
                    let available = web["status"]["availableReplicas"].as_u64().unwrap_or(0);
                    let seen = web["status"]["observedGeneration"] == web["metadata"]["generation"];
                    (seen && available == replicas && stage.pods().await.len() as u64 == replicas)
                        .then_some(())
                })
                .await;
            let sets = stage.replica_sets().await;
            assert_eq!(sets.len(), 1);
            assert_eq!(annotation(&sets[0], REVISION), "1");
        }
    });
}

#[test]
fn only_as_many_old_revisions_are_kept_as_are_asked_for() {
    hold(async |stage| {
        let mut manifest = deployment(GOOD);
        manifest["spec"]["revisionHistoryLimit"] = json!(1);
        manifest["spec"]["replicas"] = json!(0);
        stage.make(&stage.deployments(), &manifest).await;
        for (revision, image) in [
            ("1", GOOD),
            ("2", OTHER),
            ("3", "ghcr.io/vlrrbn/lab30-web-metrics:0.3.0"),
        ] {
            stage.roll_out(image).await;
            stage
                .until("it has its number", 30, async || {
                    let web = stage.deployment().await;
                    (annotation(&web, REVISION) == revision).then_some(())
                })
                .await;
        }
        stage
            .until("the oldest is gone", 30, async || {
                let sets = stage.replica_sets().await;
                let kept: Vec<&str> = sets.iter().map(|set| annotation(set, REVISION)).collect();
                (kept == ["2", "3"]).then_some(())
            })
            .await;
    });
}
