//! Lists and their selectors: one that can't be understood must never look like one that nothing fits.

use super::objects::name;
use super::stage::hold;
use serde_json::json;

#[test]
fn a_selector_that_can_not_be_understood_is_refused() {
    hold(async |stage| {
        for (path, selector) in [
            (stage.config_maps(), "labelSelector=a%20in%20b"),
            (stage.config_maps(), "labelSelector=a%20near%20%28b%29"),
            (stage.config_maps(), "fieldSelector=data.key%3Dvalue"),
            (
                stage.path("/api/v1", "pods"),
                "fieldSelector=involvedObject.uid%3Du",
            ),
            (
                stage.path("/api/v1", "events"),
                "fieldSelector=regarding.uid%3Du",
            ),
            (stage.config_maps(), "continue=nonsense"),
        ] {
            let answer = stage.get(&format!("{path}?{selector}")).await;
            assert_eq!(answer.refused(), (400, "BadRequest"), "{selector}");
        }
    });
}

#[test]
fn selectors_choose() {
    hold(async |stage| {
        for (name, label) in [("a", "x"), ("b", "y"), ("c", "x")] {
            stage.make_map(name, label).await;
        }
        for (selector, names) in [
            ("labelSelector=app%3Dx", &["a", "c"][..]),
            ("labelSelector=app%3D%3Dy", &["b"]),
            ("labelSelector=app%21%3Dx,app", &["b"]),
            ("labelSelector=app%20in%20%28x%2Cy%29", &["a", "b", "c"]),
            ("labelSelector=app%20notin%20%28x%29,app", &["b"]),
            ("labelSelector=app,%21none", &["a", "b", "c"]),
            ("labelSelector=app%3Dz", &[]),
            ("fieldSelector=metadata.name%3Db", &["b"]),
            (
                "fieldSelector=metadata.name%21%3Db&labelSelector=app",
                &["a", "c"],
            ),
        ] {
            let found = stage
                .list(&format!("{}?{selector}", stage.config_maps()))
                .await;
            let found: Vec<&str> = found.iter().map(name).collect();
            assert_eq!(found, names, "{selector}");
        }
    });
}

#[test]
fn a_list_has_a_version_and_its_items_are_bare() {
    hold(async |stage| {
        let made = stage.make_map("a", "x").await;
        let list = stage
            .get(&(stage.config_maps() + "?labelSelector=app"))
            .await
            .ok();
        assert_eq!(
            (&list["kind"], &list["apiVersion"]),
            (&json!("ConfigMapList"), &json!("v1"))
        );
        let number = |object: &serde_json::Value| -> u64 {
            let version = object["metadata"]["resourceVersion"].as_str().unwrap();
            version.parse().unwrap()
        };
        assert!(number(&list) >= number(&made));
        let item = &list["items"][0];
        assert!(item.get("kind").is_none() && item.get("apiVersion").is_none());
        assert_eq!(item["metadata"], made["metadata"]);
    });
}

#[test]
fn a_list_where_nothing_is_is_empty() {
    hold(async |stage| {
        assert!(stage.list(&stage.incidents()).await.is_empty());
        let elsewhere = "/api/v1/namespaces/contract-none/pods";
        assert!(stage.list(elsewhere).await.is_empty());
    });
}

#[test]
fn a_limited_list_says_whether_there_may_be_more() {
    hold(async |stage| {
        for (name, label) in [("a", "x"), ("b", "x"), ("c", "x"), ("z", "y")] {
            stage.make_map(name, label).await;
        }
        let path = stage.config_maps() + "?labelSelector=app%3Dx&limit=";
        let list = stage.get(&(path.clone() + "2")).await.ok();
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
        assert_ne!(
            list["metadata"]["continue"].as_str().unwrap_or_default(),
            ""
        );
        for (limit, more) in [("3", true), ("4", false)] {
            let list = stage.get(&(path.clone() + limit)).await.ok();
            assert_eq!(list["items"].as_array().unwrap().len(), 3);
            let token = list["metadata"]["continue"].as_str().unwrap_or_default();
            assert_eq!(
                !token.is_empty(),
                more,
                "whether the rest fits is not known"
            );
        }
    });
}
