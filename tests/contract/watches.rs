//! Watches: complete and in order, or an error that says so.

use super::objects::{name, version};
use super::stage::hold;
use serde_json::{Value, json};

/// `ADDED a`.
fn told(events: &[(String, Value)]) -> Vec<String> {
    events
        .iter()
        .map(|(kind, object)| format!("{kind} {}", name(object)))
        .collect()
}

#[test]
fn a_version_that_is_too_old_is_answered_with_an_error_event() {
    hold(async |stage| {
        let path = stage.incidents() + "?watch=true&timeoutSeconds=5&resourceVersion=1";
        let events = stage.watch(&path).await;
        assert_eq!(events.len(), 1, "{events:?}");
        let (kind, status) = &events[0];
        assert_eq!(kind, "ERROR");
        assert_eq!(status["kind"], "Status");
        assert_eq!(status["code"], 410);
        assert_eq!(status["reason"], "Expired");
        let words = status["message"].as_str().unwrap();
        assert!(
            words.starts_with("too old resource version: 1 ("),
            "{words}"
        );
    });
}

#[test]
fn a_version_that_is_none_is_refused() {
    hold(async |stage| {
        let path = stage.config_maps() + "?watch=true&timeoutSeconds=1&resourceVersion=abc";
        assert_eq!(stage.get(&path).await.refused(), (500, ""));
        let path = stage.config_maps() + "?watch=true&timeoutSeconds=1&fieldSelector=data.key%3Dx";
        assert_eq!(stage.get(&path).await.refused(), (400, "BadRequest"));
    });
}

#[test]
fn what_has_changed_since_a_version_is_told_in_order() {
    hold(async |stage| {
        let first = stage.make_map("a", "x").await;
        stage.make_map("b", "x").await;
        let patch = json!([{"op": "replace", "path": "/data/key", "value": "other"}]);
        let path = stage.config_maps();
        let patched = stage.send("PATCH", &format!("{path}/a"), &patch).await.ok();
        stage
            .send("DELETE", &format!("{path}/b"), &json!({}))
            .await
            .ok();
        let watch = format!(
            "{path}?watch=true&timeoutSeconds=2&resourceVersion={}",
            version(&first)
        );
        let events = stage.watch(&(watch.clone() + "&labelSelector=app")).await;
        assert_eq!(told(&events), ["ADDED b", "MODIFIED a", "DELETED b"]);
        let versions: Vec<u64> = events
            .iter()
            .map(|(_, object)| version(object).parse().unwrap())
            .collect();
        assert!(
            versions.is_sorted_by(|earlier, later| earlier < later),
            "{versions:?}"
        );
        let modified = &events[1].1;
        assert_eq!(
            modified, &patched,
            "with kind and version, unlike a list's items"
        );
        let events = stage
            .watch(&(watch + "&fieldSelector=metadata.name%3Db"))
            .await;
        assert_eq!(told(&events), ["ADDED b", "DELETED b"]);
    });
}

#[test]
fn what_comes_while_it_is_open_is_told_until_its_time_is_over() {
    hold(async |stage| {
        let first = stage.make_map("a", "x").await;
        let path = format!(
            "{}?watch=true&timeoutSeconds=4&resourceVersion={}&labelSelector=app%3Dx",
            stage.config_maps(),
            version(&first)
        );
        let change = async {
            stage.pass(std::time::Duration::from_secs(1)).await;
            stage.make_map("b", "x").await;
            stage.make_map("c", "y").await;
            let patch = json!([{"op": "replace", "path": "/metadata/labels/app", "value": "x"}]);
            let map = stage.config_maps() + "/c";
            stage.send("PATCH", &map, &patch).await.ok();
            let patch = json!([{"op": "replace", "path": "/metadata/labels/app", "value": "y"}]);
            stage
                .send("PATCH", &(stage.config_maps() + "/b"), &patch)
                .await
                .ok();
        };
        let (events, ()) = tokio::join!(stage.watch(&path), change);
        assert_eq!(
            told(&events),
            ["ADDED b", "ADDED c", "DELETED b"],
            "who comes to fit is new, who ceases to is gone"
        );
    });
}
