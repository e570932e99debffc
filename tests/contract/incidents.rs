//! The Incident resource: what its CRD holds to.

use super::objects::{text, version};
use super::stage::hold;
use serde_json::{Value, json};

fn incident() -> Value {
    json!({
        "apiVersion": "ripcord.dev/v1alpha1", "kind": "Incident",
        "metadata": {"name": "web-1", "labels": {"ripcord.dev/workload-uid": "u"}},
        "spec": {
            "workload": {"kind": "Deployment", "name": "web", "uid": "u"},
            "revision": {"name": "web-5d", "hash": "5d", "number": 1},
            "installation": "default",
            "alert": {"name": "A", "fingerprint": "f", "startsAt": "2026-11-23T04:00:00Z", "receivedAt": "2026-11-23T04:00:00Z"},
        },
    })
}

#[test]
fn a_field_that_the_crd_lacks_is_refused_with_its_name_or_lost() {
    hold(async |stage| {
        let mut newer = incident();
        newer["spec"]["approval"] = json!(1);
        let strict = stage.incidents() + "?fieldValidation=Strict";
        let answer = stage.send("POST", &strict, &newer).await;
        assert_eq!(answer.refused(), (400, "BadRequest"));
        assert_eq!(
            answer.message(),
            "Incident in version \"v1alpha1\" cannot be handled as a Incident: strict decoding error: unknown field \"spec.approval\""
        );
        newer["metadata"]["label"] = json!({});
        let made = stage
            .make(&(stage.incidents() + "?dryRun=All"), &newer)
            .await;
        assert!(made["spec"].get("approval").is_none());
        assert!(made["metadata"].get("label").is_none());
        assert!(stage.list(&stage.incidents()).await.is_empty());
    });
}

#[test]
fn a_value_that_the_crd_forbids_is_invalid() {
    hold(async |stage| {
        let mut long = incident();
        long["spec"]["installation"] = json!("x".repeat(64));
        let mut typed = incident();
        typed["spec"]["installation"] = json!(5);
        let mut missing = incident();
        missing["spec"]
            .as_object_mut()
            .unwrap()
            .remove("installation");
        for (body, words) in [
            (long, "Too long: may not be more than 63 bytes"),
            (
                typed,
                "Invalid value: \"integer\": spec.installation in body must be of type string: \"integer\"",
            ),
            (missing, "Required value"),
        ] {
            let answer = stage.send("POST", &stage.incidents(), &body).await;
            assert_eq!(answer.refused(), (422, "Invalid"), "{words}");
            assert_eq!(
                answer.message(),
                format!("Incident.ripcord.dev \"web-1\" is invalid: spec.installation: {words}")
            );
            assert_eq!(
                answer.body["details"]["causes"][0]["field"],
                "spec.installation"
            );
        }
    });
}

#[test]
fn a_status_is_only_written_through_its_subresource_and_only_on_the_newest_version() {
    hold(async |stage| {
        let mut body = incident();
        body["status"] = json!({"phase": "Observing"});
        let made = stage.make(&stage.incidents(), &body).await;
        assert!(made.get("status").is_none(), "a create's status is dropped");
        assert_eq!(made["metadata"]["generation"], 1);
        let path = stage.incidents() + "/web-1";
        let status = path.clone() + "/status?fieldValidation=Strict&fieldManager=ripcord";

        let mut next = made.clone();
        next["status"] = json!({"phase": "Observing"});
        next["spec"]["installation"] = json!("another");
        next["metadata"]["labels"]["more"] = json!("x");
        let saved = stage.send("PUT", &status, &next).await.ok();
        assert_eq!(saved["status"]["phase"], "Observing");
        assert_eq!(saved["spec"], made["spec"]);
        assert_eq!(saved["metadata"]["labels"], made["metadata"]["labels"]);
        assert_eq!(saved["metadata"]["generation"], 1);

        let stale = stage.send("PUT", &status, &next).await;
        assert_eq!(stale.refused(), (409, "Conflict"));
        let mut blind = next.clone();
        blind["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("resourceVersion");
        assert_eq!(
            stage.send("PUT", &status, &blind).await.refused(),
            (422, "Invalid")
        );
        let mut unknown = saved.clone();
        unknown["status"]["mood"] = json!("good");
        assert_eq!(
            stage.send("PUT", &status, &unknown).await.refused(),
            (400, "BadRequest")
        );
        assert_eq!(stage.get(&path).await.ok(), saved);

        let same = stage.send("PUT", &status, &saved).await.ok();
        assert_eq!(
            version(&same),
            version(&saved),
            "the same again is no write"
        );
        let mut main = saved.clone();
        main["status"]["phase"] = json!("Acting");
        main["metadata"]["labels"]["more"] = json!("x");
        let main = stage.send("PUT", &path, &main).await.ok();
        assert_eq!(text(&main, "/status/phase"), "Observing");
        assert_eq!(text(&main, "/metadata/labels/more"), "x");
    });
}

#[test]
fn what_a_status_leaves_out_is_filled_in_by_the_crd() {
    hold(async |stage| {
        let mut made = stage.make(&stage.incidents(), &incident()).await;
        made["status"] = json!({"phase": "Observing"});
        let path = stage.incidents() + "/web-1/status";
        let saved = stage.send("PUT", &path, &made).await.ok();
        let status = &saved["status"];
        assert_eq!(
            (&status["message"], &status["timeline"]),
            (&json!(""), &json!([]))
        );
        assert_eq!(status["timelineDropped"], 0);
        assert_eq!(status["memory"], json!({"sightings": []}));
        assert!(status.get("plan").is_none(), "{status}");
    });
}

#[test]
fn who_asks_sees_the_schema_and_whether_it_may_patch() {
    hold(async |stage| {
        let served = stage
            .get("/openapi/v3/apis/ripcord.dev/v1alpha1")
            .await
            .ok();
        let schemas = served["components"]["schemas"].as_object().unwrap();
        let kind = json!([{"group": "ripcord.dev", "kind": "Incident", "version": "v1alpha1"}]);
        let ours = schemas
            .values()
            .find(|schema| schema["x-kubernetes-group-version-kind"] == kind)
            .unwrap();
        assert!(
            ours["properties"]["status"]["properties"]
                .get("phase")
                .is_some()
        );
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"namespace": stage.namespace, "verb": "patch", "group": "apps", "resource": "deployments", "name": "web"}},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = stage.make(path, &review).await;
        assert_eq!(answer["status"]["allowed"], true);
    });
}
