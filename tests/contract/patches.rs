//! JSON Patch: the one way in which Ripcord changes a workload.

use super::objects::{GOOD, OTHER, deployment, image, version};
use super::stage::hold;
use serde_json::json;

#[test]
fn a_patch_whose_test_fails_is_invalid_and_changes_nothing() {
    hold(async |stage| {
        let made = stage.make_map("a", "x").await;
        let path = stage.config_maps() + "/a";
        let change = json!({"op": "replace", "path": "/data/key", "value": "other"});
        for test in [
            json!({"op": "test", "path": "/metadata/uid", "value": "other"}),
            json!({"op": "test", "path": "/metadata/resourceVersion", "value": "1"}),
            json!({"op": "test", "path": "/data/none", "value": "x"}),
            json!({"op": "test", "path": "/none/none", "value": null}),
        ] {
            for patch in [json!([test, change]), json!([change, test])] {
                let answer = stage.send("PATCH", &path, &patch).await;
                assert_eq!(answer.refused(), (422, "Invalid"), "{patch}");
            }
        }
        assert_eq!(stage.get(&path).await.ok(), made);
    });
}

#[test]
fn a_patch_that_can_not_be_applied_is_invalid() {
    hold(async |stage| {
        let made = stage.make_map("a", "x").await;
        let path = stage.config_maps() + "/a";
        for operation in [
            json!({"op": "remove", "path": "/data/none"}),
            json!({"op": "replace", "path": "/data/none", "value": 1}),
            json!({"op": "add", "path": "/none/none", "value": 1}),
            json!({"op": "unheard-of", "path": "/data/key"}),
        ] {
            let answer = stage.send("PATCH", &path, &json!([operation])).await;
            assert_eq!(answer.refused(), (422, "Invalid"), "{operation}");
        }
        let answer = stage.send("PATCH", &path, &json!({"op": "add"})).await;
        assert_eq!(answer.refused(), (400, "BadRequest"));
        assert_eq!(stage.get(&path).await.ok(), made);
    });
}

#[test]
fn a_test_for_null_fits_what_is_not_there() {
    hold(async |stage| {
        stage.make_map("a", "x").await;
        let patch = json!([{"op": "test", "path": "/data/none", "value": null}]);
        let path = stage.config_maps() + "/a";
        stage.send("PATCH", &path, &patch).await.ok();
    });
}

#[test]
fn a_patch_of_what_is_not_there_is_not_found() {
    hold(async |stage| {
        let patch = json!([{"op": "test", "path": "/metadata/uid", "value": "x"}]);
        let answer = stage.send("PATCH", &stage.web(), &patch).await;
        assert_eq!(answer.refused(), (404, "NotFound"));
        assert_eq!(answer.message(), "deployments.apps \"web\" not found");
        let details = json!({"name": "web", "group": "apps", "kind": "deployments"});
        assert_eq!(answer.body["details"], details);
    });
}

#[test]
fn who_an_object_is_can_not_be_patched() {
    hold(async |stage| {
        let before = stage.idle_deployment().await;
        for (field, value, refusal) in [
            ("/metadata/resourceVersion", json!("1"), (409, "Conflict")),
            ("/metadata/uid", json!("other"), (422, "Invalid")),
            ("/metadata/name", json!("other"), (400, "BadRequest")),
            (
                "/spec/selector/matchLabels/app",
                json!("other"),
                (422, "Invalid"),
            ),
        ] {
            let patch = json!([{"op": "replace", "path": field, "value": value}]);
            let answer = stage.send("PATCH", &stage.web(), &patch).await;
            assert_eq!(answer.refused(), refusal, "{field}");
        }
        assert_eq!(stage.deployment().await, before);
    });
}

#[test]
fn a_strict_patch_with_an_unknown_field_is_refused_with_its_name() {
    hold(async |stage| {
        let before = stage.idle_deployment().await;
        let path = stage.web() + "?fieldValidation=Strict";
        let patch = json!([{"op": "add", "path": "/spec/replica", "value": 1}]);
        let answer = stage.send("PATCH", &path, &patch).await;
        assert_eq!(answer.refused(), (422, "Invalid"));
        let words = "strict decoding error: unknown field \"spec.replica\"";
        assert!(answer.message().contains(words), "{}", answer.message());
        assert_eq!(stage.deployment().await, before);
    });
}

#[test]
fn a_patch_that_makes_a_workload_unusable_is_invalid() {
    hold(async |stage| {
        let before = stage.idle_deployment().await;
        let patch = json!([{"op": "remove", "path": "/spec/template/spec/containers/0"}]);
        let answer = stage.send("PATCH", &stage.web(), &patch).await;
        assert_eq!(answer.refused(), (422, "Invalid"));
        assert_eq!(stage.deployment().await, before);
    });
}

#[test]
fn a_rehearsed_patch_answers_what_would_be_stored_and_stores_nothing() {
    hold(async |stage| {
        let before = stage.idle_deployment().await;
        let patch = json!([
            {"op": "test", "path": "/metadata/uid", "value": before["metadata"]["uid"]},
            {"op": "test", "path": "/metadata/resourceVersion", "value": version(&before)},
            {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": OTHER},
            {"op": "add", "path": "/metadata/annotations/ripcord.dev~1action", "value": "a-1"},
        ]);
        let rehearsal = stage.web() + "?dryRun=All&fieldValidation=Strict&fieldManager=ripcord";
        let would = stage.send("PATCH", &rehearsal, &patch).await.ok();
        assert_eq!(stage.deployment().await, before);
        let did = stage.change(&patch).await;
        assert_eq!(would["spec"], did["spec"]);
        assert_eq!(
            would["metadata"]["annotations"],
            did["metadata"]["annotations"]
        );
        assert_eq!(
            would["metadata"]["generation"],
            did["metadata"]["generation"]
        );
        assert_eq!(would["metadata"]["uid"], did["metadata"]["uid"]);
        assert_eq!(
            version(&would),
            version(&before),
            "nothing got a new version"
        );
        assert_ne!(version(&did), version(&before));
        assert_eq!(image(&did["spec"]["template"]), OTHER);
        let answer = stage.send("PATCH", &stage.web(), &patch).await;
        assert_eq!(answer.refused(), (422, "Invalid"), "it fits only once");
    });
}

#[test]
fn a_patch_that_changes_nothing_keeps_the_version() {
    hold(async |stage| {
        let before = stage.idle_deployment().await;
        let patch = json!([{"op": "replace", "path": "/spec/replicas", "value": 0}]);
        assert_eq!(version(&stage.change(&patch).await), version(&before));
        assert_eq!(stage.deployment().await, before);
    });
}

#[test]
fn the_generation_moves_with_the_specification_and_a_deployments_annotations() {
    hold(async |stage| {
        stage.idle_deployment().await;
        for (patch, moved) in [
            (
                json!({"op": "add", "path": "/metadata/labels/team", "value": "web"}),
                0,
            ),
            (
                json!({"op": "add", "path": "/metadata/annotations/why", "value": "so"}),
                1,
            ),
            (
                json!({"op": "add", "path": "/spec/minReadySeconds", "value": 1}),
                1,
            ),
            (
                json!({"op": "replace", "path": "/metadata/generation", "value": 99}),
                0,
            ),
        ] {
            let generation = |object: &serde_json::Value| object["metadata"]["generation"].as_i64();
            let before = generation(&stage.at_rest().await).unwrap();
            let after = generation(&stage.change(&json!([patch])).await).unwrap();
            assert_eq!(after - before, moved, "{patch}");
        }
    });
}

#[test]
fn a_whole_template_that_is_put_back_is_the_same_object() {
    hold(async |stage| {
        let made = stage.make(&stage.deployments(), &deployment(GOOD)).await;
        let patch = json!([{"op": "replace", "path": "/spec/template", "value": deployment(GOOD)["spec"]["template"]}]);
        let after = stage.change(&patch).await;
        assert_eq!(after["spec"], made["spec"], "defaults are filled in again");
        assert_eq!(
            after["metadata"]["generation"],
            made["metadata"]["generation"]
        );
    });
}
