//! The Deployment controller: revisions, and what Ripcord reads of them.

use super::objects::{
    GOOD, MISSING, OTHER, REVISION, annotation, condition, deployment, image, name, text,
};
use super::stage::hold;
use serde_json::{Value, json};

const HASH: &str = "/metadata/labels/pod-template-hash";

fn size(set: &Value) -> i64 {
    set["spec"]["replicas"].as_i64().unwrap()
}

#[test]
fn a_rollout_that_fails_keeps_the_old_pods_and_is_reported_when_its_time_is_over() {
    hold(async |stage| {
        let mut web = deployment(GOOD);
        web["spec"]["progressDeadlineSeconds"] = json!(6);
        stage.make(&stage.deployments(), &web).await;
        stage.rolled_out().await;
        stage.roll_out(MISSING).await;
        let failed = stage
            .until("the deadline has passed", 60, async || {
                let web = stage.deployment().await;
                let (_, reason) = condition(&web, "Progressing")?;
                (reason == "ProgressDeadlineExceeded").then_some(web)
            })
            .await;
        assert_eq!(condition(&failed, "Progressing").unwrap().0, "False");
        let available = ("True".to_owned(), "MinimumReplicasAvailable".to_owned());
        assert_eq!(condition(&failed, "Available"), Some(available));
        let status = &failed["status"];
        assert_eq!(
            (&status["replicas"], &status["updatedReplicas"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(
            (&status["availableReplicas"], &status["unavailableReplicas"]),
            (&json!(1), &json!(1))
        );
        let sizes: Vec<i64> = stage.replica_sets().await.iter().map(size).collect();
        assert_eq!(sizes, [1, 1]);
        // The old template comes back: its pod has been there all the time, and the new one goes.
        let kept = stage
            .pods()
            .await
            .into_iter()
            .find(|pod| image(pod) == GOOD)
            .unwrap();
        stage.roll_out(GOOD).await;
        stage.rolled_out().await;
        let pods = stage.pods().await;
        assert_eq!(pods.iter().map(name).collect::<Vec<_>>(), [name(&kept)]);
    });
}

#[test]
fn the_first_rollout_makes_a_replica_set_that_names_its_template_and_its_owner() {
    hold(async |stage| {
        let mut manifest = deployment(GOOD);
        manifest["metadata"]["annotations"] = json!({"why": "so"});
        let made = stage.make(&stage.deployments(), &manifest).await;
        let web = stage.rolled_out().await;
        assert_eq!(annotation(&web, REVISION), "1");
        let sets = stage.replica_sets().await;
        assert_eq!(sets.len(), 1);
        let set = &sets[0];
        let hash = text(set, HASH);
        assert!(!hash.is_empty());
        assert_eq!(name(set), format!("web-{hash}"));
        assert_eq!(
            set["spec"]["selector"]["matchLabels"]["pod-template-hash"],
            hash
        );
        assert_eq!(
            set["spec"]["template"]["metadata"]["labels"],
            json!({"app": "web", "pod-template-hash": hash})
        );
        assert_eq!(annotation(set, REVISION), "1");
        assert_eq!(annotation(set, "why"), "so", "annotations are copied");
        assert_eq!(
            annotation(set, "deployment.kubernetes.io/desired-replicas"),
            "1"
        );
        assert_eq!(
            annotation(set, "deployment.kubernetes.io/max-replicas"),
            "2"
        );
        let owner = |owner: &Value, kind: &str| {
            json!([{
                "apiVersion": "apps/v1", "kind": kind, "name": name(owner), "uid": owner["metadata"]["uid"],
                "controller": true, "blockOwnerDeletion": true,
            }])
        };
        assert_eq!(
            set["metadata"]["ownerReferences"],
            owner(&made, "Deployment")
        );
        let pods = stage.pods().await;
        assert_eq!(pods.len(), 1);
        assert_eq!(
            pods[0]["metadata"]["ownerReferences"],
            owner(set, "ReplicaSet")
        );
        assert_eq!(text(&pods[0], HASH), hash);
        assert!(name(&pods[0]).starts_with(&format!("web-{hash}-")));
        // Apart from the hash the two templates are the same: what an undo takes back is what was there.
        let mut template = set["spec"]["template"].clone();
        template["metadata"]["labels"]
            .as_object_mut()
            .unwrap()
            .remove("pod-template-hash");
        assert_eq!(template, web["spec"]["template"]);
        let status = &web["status"];
        for count in [
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
            "observedGeneration",
        ] {
            assert_eq!(status[count], 1, "{count}");
        }
        assert!(status.get("unavailableReplicas").is_none());
        let available = ("True".to_owned(), "MinimumReplicasAvailable".to_owned());
        assert_eq!(condition(&web, "Available"), Some(available));
    });
}

#[test]
fn a_new_template_is_a_new_revision_and_the_old_pod_stays_until_the_new_one_is_ready() {
    hold(async |stage| {
        stage.make(&stage.deployments(), &deployment(GOOD)).await;
        stage.rolled_out().await;
        let changed = stage.roll_out(OTHER).await;
        assert_eq!(changed["metadata"]["generation"], 2);
        let ready = |pods: &[Value], wanted: &str| {
            let ready = |pod: &&Value| {
                image(pod) == wanted
                    && condition(pod, "Ready").is_some_and(|(status, _)| status == "True")
            };
            pods.iter().filter(ready).count()
        };
        stage
            .until("the new pod is ready", 60, async || {
                let pods = stage.pods().await;
                assert!(
                    ready(&pods, GOOD) + ready(&pods, OTHER) > 0,
                    "somebody serves at all times"
                );
                assert!(pods.len() <= 2);
                (ready(&pods, OTHER) == 1).then_some(())
            })
            .await;
        let web = stage.rolled_out().await;
        assert_eq!(web["status"]["observedGeneration"], 2);
        assert_eq!(annotation(&web, REVISION), "2");
        let sets = stage.replica_sets().await;
        let rows: Vec<(&str, i64)> = sets
            .iter()
            .map(|set| (annotation(set, REVISION), size(set)))
            .collect();
        assert_eq!(rows, [("1", 0), ("2", 1)]);
        assert_ne!(text(&sets[0], HASH), text(&sets[1], HASH));
    });
}

#[test]
fn an_old_template_that_comes_back_takes_up_its_replica_set_under_a_new_number() {
    hold(async |stage| {
        stage.make(&stage.deployments(), &deployment(GOOD)).await;
        stage.rolled_out().await;
        stage.roll_out(OTHER).await;
        stage.rolled_out().await;
        let before = stage.replica_sets().await;
        // As Ripcord does it: the whole template of the ReplicaSet, without the hash.
        let mut template = before[0]["spec"]["template"].clone();
        template["metadata"]["labels"]
            .as_object_mut()
            .unwrap()
            .remove("pod-template-hash");
        let undo = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
        stage.change(&undo).await;
        let web = stage.rolled_out().await;
        assert_eq!(annotation(&web, REVISION), "3");
        let after = stage.replica_sets().await;
        let rows: Vec<(&str, &str, i64)> = after
            .iter()
            .map(|set| (name(set), annotation(set, REVISION), size(set)))
            .collect();
        assert_eq!(
            rows,
            [(name(&before[1]), "2", 0), (name(&before[0]), "3", 1)]
        );
        assert_eq!(
            annotation(&after[1], "deployment.kubernetes.io/revision-history"),
            "1"
        );
        assert_eq!(after[1]["metadata"]["uid"], before[0]["metadata"]["uid"]);
    });
}
