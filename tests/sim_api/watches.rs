//! Watches under the real client: in order, complete, and over in time.

use super::*;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use tokio::time::Instant;

type Events = BoxStream<'static, kube::Result<WatchEvent<ConfigMap>>>;

fn maps(world: &World) -> Api<ConfigMap> {
    Api::namespaced(world.client("test/1"), "lab30")
}

async fn watch(world: &World, parameters: &WatchParams, from: &str) -> Events {
    maps(world).watch(parameters, from).await.unwrap().boxed()
}

fn short() -> WatchParams {
    WatchParams::default().timeout(10).disable_bookmarks()
}

async fn make(world: &World, name: &str, label: &str) -> String {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.to_owned());
    map.metadata.labels = Some([("app".to_owned(), label.to_owned())].into());
    let made = maps(world).create(&PostParams::default(), &map).await;
    made.unwrap().metadata.resource_version.unwrap()
}

async fn label(world: &World, name: &str, label: &str) {
    let patch = json!([{"op": "replace", "path": "/metadata/labels/app", "value": label}]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).unwrap());
    let patched = maps(world)
        .patch(name, &PatchParams::default(), &patch)
        .await;
    patched.unwrap();
}

/// `ADDED map-0`, or what else came.
fn told(event: &WatchEvent<ConfigMap>) -> String {
    let name = |map: &ConfigMap| map.metadata.name.clone().unwrap();
    match event {
        WatchEvent::Added(map) => format!("ADDED {}", name(map)),
        WatchEvent::Modified(map) => format!("MODIFIED {}", name(map)),
        WatchEvent::Deleted(map) => format!("DELETED {}", name(map)),
        WatchEvent::Bookmark(mark) => format!("BOOKMARK {}", mark.metadata.resource_version),
        WatchEvent::Error(status) => format!("ERROR {} {}", status.code, status.reason),
    }
}

async fn all(events: Events) -> Vec<String> {
    let events: Vec<_> = events.try_collect().await.unwrap();
    events.iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_forgotten_is_gone() {
    let (world, _) = world().await;
    let version = make(&world, "a", "x").await;
    assert_eq!(all(watch(&world, &short(), &version).await).await, [""; 0]);
    make(&world, "b", "x").await;
    world.forget_history();
    for old in ["1", &version] {
        assert_eq!(
            all(watch(&world, &short(), old).await).await,
            ["ERROR 410 Expired"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_falls_behind_what_is_remembered_is_gone() {
    let (world, _) = world().await;
    let version = make(&world, "a", "x").await;
    let mut events = watch(&world, &short(), &version).await;
    make(&world, "b", "x").await;
    world.forget_history();
    let first = events.try_next().await.unwrap().unwrap();
    assert_eq!(told(&first), "ERROR 410 Expired");
}

#[tokio::test(start_paused = true)]
async fn a_broken_watch_ends_with_an_error_and_a_new_one_goes_on() {
    let (world, _) = world().await;
    let version = make(&world, "a", "x").await;
    let mut events = watch(&world, &short(), &version).await;
    world.break_watches();
    assert!(events.try_next().await.is_err());
    make(&world, "b", "x").await;
    let events = watch(&world, &short(), &version).await;
    assert_eq!(all(events).await, ["ADDED b"]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_no_number_is_refused() {
    let (world, _) = world().await;
    let refused = maps(&world).watch(&short(), "abc").await;
    match refused.err() {
        Some(kube::Error::Api(status)) => assert_eq!(status.code, 500),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_time_is_over() {
    let (world, _) = world().await;
    let began = Instant::now();
    let events = watch(&world, &short(), "0").await;
    assert_eq!(all(events).await, [""; 0]);
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_what_is_there_and_then_what_happens() {
    let (world, _) = world().await;
    make(&world, "a", "x").await;
    let events = watch(&world, &short(), "0").await;
    let changes = async {
        make(&world, "b", "x").await;
        label(&world, "a", "y").await;
        let deleted = maps(&world).delete("b", &DeleteParams::default()).await;
        deleted.unwrap();
    };
    let (told, ()) = tokio::join!(all(events), changes);
    assert_eq!(told, ["ADDED a", "ADDED b", "MODIFIED a", "DELETED b"]);
}

#[tokio::test(start_paused = true)]
async fn who_comes_to_fit_a_selector_is_new_and_who_ceases_to_is_gone() {
    let (world, _) = world().await;
    let version = make(&world, "a", "x").await;
    make(&world, "b", "y").await;
    label(&world, "a", "y").await;
    label(&world, "b", "x").await;
    let events = watch(&world, &short().labels("app=x"), &version).await;
    assert_eq!(all(events).await, ["DELETED a", "ADDED b"]);
    let events = watch(&world, &short().fields("metadata.name=b"), &version).await;
    assert_eq!(all(events).await, ["ADDED b", "MODIFIED b"]);
}

#[tokio::test(start_paused = true)]
async fn a_bookmark_tells_how_far_a_watch_has_come() {
    let (world, _) = world().await;
    let version = make(&world, "a", "x").await;
    let parameters = WatchParams::default().timeout(130);
    let events = watch(&world, &parameters, &version).await;
    let later = world.clone();
    let changes = async {
        later.advance(Duration::from_secs(70)).await;
        let mut other = manifest();
        other["metadata"]["name"] = json!("other");
        later.apply(&other).unwrap();
        later.advance(Duration::from_secs(100)).await;
    };
    let (told, ()) = tokio::join!(all(events), changes);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], format!("BOOKMARK {version}"));
    let second: u64 = told[1].strip_prefix("BOOKMARK ").unwrap().parse().unwrap();
    assert!(
        second > version.parse().unwrap(),
        "other resources move it on"
    );
}
