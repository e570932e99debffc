//! The kubelet, the scheduler and the controllers when something is missing, sick or taken away.

use super::objects::{GOOD, condition, deployment, name, text};
use super::stage::hold;
use serde_json::{Value, json};

fn with(field: &str, value: Value) -> Value {
    let mut web = deployment(GOOD);
    web["spec"]["template"]["spec"]["containers"][0][field] = value;
    web
}

#[test]
fn a_container_whose_settings_are_missing_waits_until_they_are_there() {
    hold(async |stage| {
        let settings = json!([{"configMapRef": {"name": "settings"}}]);
        stage
            .make(&stage.deployments(), &with("envFrom", settings))
            .await;
        let (pod, status) = stage
            .container("it waits", 40, |status| {
                text(status, "/state/waiting/reason") == "CreateContainerConfigError"
            })
            .await;
        let words = "configmap \"settings\" not found";
        assert_eq!(text(&status, "/state/waiting/message"), words);
        assert_eq!(text(&pod, "/status/phase"), "Pending");
        let event = stage
            .until("the kubelet tells", 30, async || {
                stage.events_of(&pod, "Failed").await.pop()
            })
            .await;
        assert_eq!(text(&event, "/message"), format!("Error: {words}"));
        assert_eq!(text(&event, "/type"), "Warning");
        stage.make_map("settings", "x").await;
        stage.rolled_out().await;
        let now = &stage.pods().await[0];
        assert_eq!(name(now), name(&pod), "it is the same pod");
        assert_eq!(now["status"]["containerStatuses"][0]["restartCount"], 0);
    });
}

#[test]
fn a_container_that_fails_its_liveness_probe_is_started_again() {
    hold(async |stage| {
        let mut web = with("env", json!([{"name": "CONTRACT", "value": "deaf"}]));
        web["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = json!({"httpGet": {"path": "/health", "port": 9}, "periodSeconds": 2, "failureThreshold": 1});
        stage.make(&stage.deployments(), &web).await;
        let (pod, status) = stage
            .container("it was started again", 60, |status| {
                status["restartCount"].as_i64() > Some(0)
                    && status["lastState"].get("terminated").is_some()
            })
            .await;
        assert_eq!(text(&status, "/lastState/terminated/reason"), "Error");
        for (reason, kind, words) in [
            ("Unhealthy", "Warning", "Liveness probe failed: "),
            (
                "Killing",
                "Normal",
                "Container app failed liveness probe, will be restarted",
            ),
        ] {
            let event = stage
                .until(words, 30, async || {
                    let mut events = stage.events_of(&pod, reason).await;
                    events.retain(|event| text(event, "/message").starts_with(words));
                    events.pop()
                })
                .await;
            assert_eq!(text(&event, "/type"), kind, "{words}");
        }
    });
}

#[test]
fn a_pod_that_fits_nowhere_is_not_scheduled() {
    hold(async |stage| {
        let mut web = deployment(GOOD);
        web["spec"]["template"]["spec"]["nodeSelector"] = json!({"contract": "none"});
        stage.make(&stage.deployments(), &web).await;
        let pod = stage
            .until("the scheduler has looked", 40, async || {
                let pods = stage.pods().await;
                pods.into_iter()
                    .find(|pod| condition(pod, "PodScheduled").is_some())
            })
            .await;
        let unschedulable = ("False".to_owned(), "Unschedulable".to_owned());
        assert_eq!(condition(&pod, "PodScheduled"), Some(unschedulable));
        assert_eq!(text(&pod, "/status/phase"), "Pending");
        assert!(pod["spec"].get("nodeName").is_none());
        assert!(pod["status"].get("containerStatuses").is_none());
        let event = stage
            .until("the scheduler tells", 30, async || {
                stage.events_of(&pod, "FailedScheduling").await.pop()
            })
            .await;
        assert_eq!(text(&event, "/type"), "Warning");
        let words = "didn't match Pod's node affinity/selector";
        assert!(text(&event, "/message").contains(words), "{event}");
        let message = text(&event, "/message");
        assert!(message.starts_with("0/"), "{message}");
    });
}

#[test]
fn a_pod_that_is_deleted_is_replaced_by_one_of_the_same_revision() {
    hold(async |stage| {
        stage.make(&stage.deployments(), &deployment(GOOD)).await;
        stage.rolled_out().await;
        let first = stage.pods().await.remove(0);
        let path = format!("{}/{}", stage.path("/api/v1", "pods"), name(&first));
        let other = json!({"preconditions": {"uid": "other"}});
        let answer = stage.send("DELETE", &path, &other).await;
        assert_eq!(answer.refused(), (409, "Conflict"));
        let going = stage.send("DELETE", &path, &json!({})).await.ok();
        assert_eq!(text(&going, "/kind"), "Pod", "it is told to end in time");
        assert!(going["metadata"]["deletionTimestamp"].is_string());
        assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 1);
        stage
            .until("it is gone", 40, async || {
                (stage.get(&path).await.code == 404).then_some(())
            })
            .await;
        stage.rolled_out().await;
        let pods = stage.pods().await;
        assert_eq!(pods.len(), 1);
        assert_ne!(name(&pods[0]), name(&first));
        let owner = "/metadata/ownerReferences/0/uid";
        assert_eq!(text(&pods[0], owner), text(&first, owner));
        assert_eq!(stage.replica_sets().await.len(), 1);
    });
}

#[test]
fn a_change_of_the_settings_starts_nothing_again() {
    hold(async |stage| {
        stage.make_map("settings", "x").await;
        let settings = json!([{"configMapRef": {"name": "settings"}}]);
        stage
            .make(&stage.deployments(), &with("envFrom", settings))
            .await;
        stage.rolled_out().await;
        let before = stage.pods().await.remove(0);
        let patch = json!([{"op": "replace", "path": "/data/key", "value": "other"}]);
        let path = stage.config_maps() + "/settings";
        stage.send("PATCH", &path, &patch).await.ok();
        stage
            .throughout(5, async || {
                let pods = stage.pods().await;
                assert_eq!(pods.len(), 1);
                assert_eq!(name(&pods[0]), name(&before));
                assert_eq!(pods[0]["status"]["containerStatuses"][0]["restartCount"], 0);
            })
            .await;
    });
}
