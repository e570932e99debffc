//! Events: made as `events.k8s.io/v1`, found again as `core/v1`.

use super::objects::{GOOD, deployment};
use super::stage::{Stage, hold};
use serde_json::{Value, json};

fn event(stage: &Stage, name: &str) -> Value {
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": name, "namespace": stage.namespace},
        "eventTime": "2026-11-23T04:00:00.000000Z",
        "reportingController": "ripcord.dev/ripcord", "reportingInstance": "ripcord",
        "action": "RemediationStarted", "reason": "RemediationStarted", "type": "Normal", "note": "words",
        "regarding": {"apiVersion": "apps/v1", "kind": "Deployment", "uid": "u-1", "name": "web", "namespace": stage.namespace},
    })
}

impl Stage {
    fn newer_events(&self) -> String {
        self.path("/apis/events.k8s.io/v1", "events")
    }
}

#[test]
fn an_event_that_is_not_whole_is_invalid() {
    hold(async |stage| {
        let path = stage.newer_events();
        for field in [
            "action",
            "reason",
            "reportingController",
            "reportingInstance",
            "type",
            "eventTime",
        ] {
            let mut event = event(stage, "web.1");
            event.as_object_mut().unwrap().remove(field);
            let answer = stage.send("POST", &path, &event).await;
            assert_eq!(answer.refused(), (422, "Invalid"), "{field}");
        }
        let mut long = event(stage, "web.1");
        long["note"] = json!("x".repeat(1025));
        assert_eq!(
            stage.send("POST", &path, &long).await.refused(),
            (422, "Invalid")
        );
        let mut unknown = event(stage, "web.1");
        unknown["message"] = json!("words");
        let answer = stage
            .send("POST", &(path + "?fieldValidation=Strict"), &unknown)
            .await;
        assert_eq!(answer.refused(), (400, "BadRequest"));
    });
}

#[test]
fn an_event_is_made_once_and_found_by_whom_it_is_about() {
    hold(async |stage| {
        let made = stage
            .make(&stage.newer_events(), &event(stage, "web.1"))
            .await;
        assert_eq!(made["note"], "words");
        let again = stage
            .send("POST", &stage.newer_events(), &event(stage, "web.1"))
            .await;
        assert_eq!(again.refused(), (409, "AlreadyExists"));
        let path = stage.path("/api/v1", "events");
        let found = stage
            .list(&(path.clone() + "?fieldSelector=involvedObject.uid%3Du-1&limit=100"))
            .await;
        assert_eq!(found.len(), 1);
        assert!(
            stage
                .list(&(path.clone() + "?fieldSelector=involvedObject.uid%3Du-2"))
                .await
                .is_empty()
        );
        let older = stage.get(&(path + "/web.1")).await.ok();
        for (field, value) in [
            ("message", "words"),
            ("reason", "RemediationStarted"),
            ("action", "RemediationStarted"),
            ("type", "Normal"),
            ("reportingComponent", "ripcord.dev/ripcord"),
            ("reportingInstance", "ripcord"),
            ("eventTime", "2026-11-23T04:00:00.000000Z"),
        ] {
            assert_eq!(older[field], value, "{field}");
        }
        assert_eq!(older["involvedObject"], made["regarding"]);
        assert!(older["firstTimestamp"].is_null() && older["count"].is_null());
        assert_eq!(older["metadata"]["uid"], made["metadata"]["uid"]);
    });
}

#[test]
fn what_the_controllers_tell_is_found_in_both_shapes() {
    hold(async |stage| {
        let made = stage.make(&stage.deployments(), &deployment(GOOD)).await;
        let uid = made["metadata"]["uid"].as_str().unwrap();
        let told = stage
            .until("the controller tells", 30, async || {
                stage.events_of(&made, "ScalingReplicaSet").await.pop()
            })
            .await;
        assert_eq!(told["type"], "Normal");
        let set = &stage.replica_sets().await[0]["metadata"]["name"];
        let words = format!(
            "Scaled up replica set {} from 0 to 1",
            set.as_str().unwrap()
        );
        assert_eq!(told["message"], words);
        assert_eq!(told["reportingComponent"], "deployment-controller");
        assert_eq!(
            told["source"],
            json!({"component": "deployment-controller"})
        );
        assert_eq!(told["count"], 1);
        let path = format!(
            "{}?fieldSelector=regarding.uid%3D{uid}",
            stage.newer_events()
        );
        let newer = &stage.list(&path).await[0];
        assert_eq!(newer["note"], words);
        assert_eq!(newer["deprecatedCount"], 1);
        assert_eq!(
            newer["deprecatedSource"],
            json!({"component": "deployment-controller"})
        );
    });
}
