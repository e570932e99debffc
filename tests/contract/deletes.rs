//! Deletions: only of the object that is meant.

use super::objects::{GOOD, deployment};
use super::stage::hold;
use serde_json::json;

#[test]
fn another_object_of_the_same_name_is_not_deleted() {
    hold(async |stage| {
        let made = stage.make_map("a", "x").await;
        let path = stage.config_maps() + "/a";
        for precondition in [
            json!({"uid": "other"}),
            json!({"resourceVersion": "1"}),
            json!({"uid": made["metadata"]["uid"], "resourceVersion": "1"}),
        ] {
            let answer = stage
                .send("DELETE", &path, &json!({"preconditions": precondition}))
                .await;
            assert_eq!(answer.refused(), (409, "Conflict"), "{precondition}");
        }
        assert_eq!(stage.get(&path).await.ok(), made);
    });
}

#[test]
fn what_is_not_there_can_not_be_deleted() {
    hold(async |stage| {
        let answer = stage
            .send("DELETE", &(stage.config_maps() + "/a"), &json!({}))
            .await;
        assert_eq!(answer.refused(), (404, "NotFound"));
    });
}

#[test]
fn a_rehearsed_deletion_deletes_nothing() {
    hold(async |stage| {
        stage.make_map("a", "x").await;
        let path = stage.config_maps() + "/a";
        let by_query = path.clone() + "?dryRun=All";
        stage.send("DELETE", &by_query, &json!(null)).await.ok();
        stage
            .send("DELETE", &path, &json!({"dryRun": ["All"]}))
            .await
            .ok();
        stage.get(&path).await.ok();
    });
}

#[test]
fn the_object_that_is_meant_is_deleted() {
    hold(async |stage| {
        let made = stage.make_map("a", "x").await;
        let path = stage.config_maps() + "/a";
        let meant = json!({"preconditions": {"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]}});
        let answer = stage.send("DELETE", &path, &meant).await.ok();
        assert_eq!(answer["status"], "Success");
        let details = json!({"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]});
        assert_eq!(answer["details"], details);
        assert_eq!(stage.get(&path).await.refused(), (404, "NotFound"));
    });
}

#[test]
fn a_deployment_takes_its_replica_sets_and_pods_along() {
    hold(async |stage| {
        stage.make(&stage.deployments(), &deployment(GOOD)).await;
        stage.rolled_out().await;
        stage.send("DELETE", &stage.web(), &json!({})).await.ok();
        stage
            .until("everything is gone", 60, async || {
                let pods = stage.list(&stage.path("/api/v1", "pods")).await;
                (pods.is_empty() && stage.replica_sets().await.is_empty()).then_some(())
            })
            .await;
        assert_eq!(stage.get(&stage.web()).await.refused(), (404, "NotFound"));
    });
}
