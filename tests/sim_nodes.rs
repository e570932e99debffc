//! Simulated nodes that go away, and the scheduler.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

use ripcord::sim::{Pull, World};
use serde_json::{Value, json};
use std::time::Duration;

fn manifest(replicas: i64, pod: &Value) -> Value {
    let mut pod = pod.clone();
    pod["containers"] = json!([{"name": "web", "image": "web:1", "resources": pod["resources"]}]);
    pod.as_object_mut().unwrap().remove("resources");
    if pod["containers"][0]["resources"].is_null() {
        pod["containers"][0]
            .as_object_mut()
            .unwrap()
            .remove("resources");
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "lab30"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": pod}},
    })
}

fn world(nodes: &[&str]) -> World {
    let world = World::new("2026-11-23T04:00:00Z".parse().unwrap(), None);
    world.namespace("lab30");
    world.registry(|registry| registry.set("web:1", Pull::Exists));
    for node in nodes {
        world.add_node(node);
    }
    world
}

async fn seconds(world: &World, seconds: u64) {
    world.advance(Duration::from_secs(seconds)).await;
}

/// Node, readiness, and whether it is going, of each pod.
fn pods(world: &World) -> Vec<(String, bool, bool)> {
    let mut pods: Vec<(String, bool, bool)> = world
        .objects("Pod", "lab30")
        .iter()
        .map(|pod| {
            let conditions = pod["status"]["conditions"].as_array().unwrap();
            let ready = conditions
                .iter()
                .any(|one| one["type"] == "Ready" && one["status"] == "True");
            let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
            (
                node.to_owned(),
                ready,
                !pod["metadata"]["deletionTimestamp"].is_null(),
            )
        })
        .collect();
    pods.sort();
    pods
}

fn on(node: &str, ready: bool, going: bool) -> (String, bool, bool) {
    (node.to_owned(), ready, going)
}

fn available(world: &World) -> i64 {
    let deployment = world.object("Deployment", "lab30", "web").unwrap();
    deployment["status"]["availableReplicas"]
        .as_i64()
        .unwrap_or(0)
}

fn reasons(world: &World, namespace: &str) -> Vec<String> {
    let events = world.objects("Event", namespace);
    let reasons = events.iter().map(|event| event["reason"].as_str().unwrap());
    reasons.map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_lost_node_are_not_ready_after_a_while_and_made_anew_elsewhere() {
    let world = world(&["other"]);
    world.apply(&manifest(2, &json!({}))).unwrap();
    seconds(&world, 60).await;
    assert_eq!(
        pods(&world),
        [on("lab", true, false), on("other", true, false)]
    );
    world.lose_node("other");
    seconds(&world, 45).await;
    assert_eq!(available(&world), 2);
    seconds(&world, 10).await;
    assert_eq!(available(&world), 1);
    assert_eq!(pods(&world)[1], on("other", false, false));
    let node = world.object("Node", "", "other").unwrap();
    assert_eq!(node["status"]["conditions"][3]["status"], "Unknown");
    assert_eq!(
        node["spec"]["taints"][1]["key"],
        "node.kubernetes.io/unreachable"
    );
    assert!(reasons(&world, "default").contains(&"NodeNotReady".to_owned()));
    seconds(&world, 280).await;
    assert_eq!(pods(&world).len(), 2);
    seconds(&world, 30).await;
    assert_eq!(
        pods(&world),
        [
            on("lab", true, false),
            on("lab", true, false),
            on("other", false, true)
        ]
    );
    assert!(reasons(&world, "lab30").contains(&"TaintManagerEviction".to_owned()));
    assert_eq!(available(&world), 2);
    world.find_node("other");
    seconds(&world, 5).await;
    assert_eq!(
        pods(&world),
        [on("lab", true, false), on("lab", true, false)]
    );
    let node = world.object("Node", "", "other").unwrap();
    assert_eq!(node["status"]["conditions"][3]["status"], "True");
    assert!(node["spec"]["taints"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_found_in_time_loses_nothing() {
    let world = world(&[]);
    world.apply(&manifest(1, &json!({}))).unwrap();
    seconds(&world, 60).await;
    let before = world.objects("Pod", "lab30");
    world.lose_node("lab");
    seconds(&world, 120).await;
    assert_eq!(available(&world), 0);
    world.find_node("lab");
    seconds(&world, 5).await;
    assert_eq!(available(&world), 1);
    let name = |pods: &[Value]| pods[0]["metadata"]["name"].clone();
    assert_eq!(name(&world.objects("Pod", "lab30")), name(&before));
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_removed_node_are_collected() {
    let world = world(&["other"]);
    world.apply(&manifest(2, &json!({}))).unwrap();
    seconds(&world, 60).await;
    world.remove_node("other");
    seconds(&world, 60).await;
    assert_eq!(
        pods(&world),
        [on("lab", true, false), on("lab", true, false)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_fits_nowhere_waits_until_it_does() {
    let world = world(&[]);
    world.cordon("lab", true);
    world.apply(&manifest(1, &json!({}))).unwrap();
    seconds(&world, 30).await;
    let pod = world.objects("Pod", "lab30").remove(0);
    assert_eq!(pod["status"]["phase"], "Pending");
    assert_eq!(pod["status"]["conditions"][0]["reason"], "Unschedulable");
    assert!(pod["status"]["containerStatuses"].is_null());
    let failed = |world: &World| {
        let reasons = reasons(world, "lab30");
        reasons
            .iter()
            .filter(|reason| *reason == "FailedScheduling")
            .count()
    };
    assert_eq!(failed(&world), 1);
    seconds(&world, 300).await;
    assert_eq!(failed(&world), 2);
    world.cordon("lab", false);
    seconds(&world, 10).await;
    assert_eq!(pods(&world), [on("lab", true, false)]);
    // To be bound to a node is no new generation.
    assert_eq!(
        world.objects("Pod", "lab30")[0]["metadata"]["generation"],
        1
    );
}

#[tokio::test(start_paused = true)]
async fn requests_and_selectors_are_kept() {
    let world = world(&["other"]);
    let half = json!({"resources": {"requests": {"cpu": "2500m"}}});
    world.apply(&manifest(3, &half)).unwrap();
    seconds(&world, 30).await;
    assert_eq!(
        pods(&world),
        [
            on("", false, false),
            on("lab", true, false),
            on("other", true, false)
        ]
    );
    let picky = json!({"nodeSelector": {"kubernetes.io/hostname": "other"}});
    world.apply(&manifest(2, &picky)).unwrap();
    seconds(&world, 60).await;
    assert_eq!(
        pods(&world),
        [on("other", true, false), on("other", true, false)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_deleted_takes_its_pods_along_and_can_be_made_again() {
    let world = world(&[]);
    world.apply(&manifest(1, &json!({}))).unwrap();
    seconds(&world, 30).await;
    let before = world.objects("Pod", "lab30")[0]["metadata"]["uid"].clone();
    world.delete("lab30", "web");
    seconds(&world, 5).await;
    assert_eq!(pods(&world), []);
    world.apply(&manifest(1, &json!({}))).unwrap();
    seconds(&world, 30).await;
    assert_eq!(available(&world), 1);
    assert_ne!(world.objects("Pod", "lab30")[0]["metadata"]["uid"], before);
}

#[tokio::test(start_paused = true)]
async fn events_that_differ_in_their_words_alone_are_combined_from_the_tenth_on() {
    let world = world(&[]);
    world.apply(&manifest(12, &json!({}))).unwrap();
    seconds(&world, 30).await;
    let events = world.objects("Event", "lab30");
    let mut made: Vec<(bool, Value)> = events
        .iter()
        .filter(|event| event["reason"] == "SuccessfulCreate")
        .map(|event| {
            let message = event["message"].as_str().unwrap();
            let combined = message.starts_with("(combined from similar events): Created pod: web-");
            (combined, event["count"].clone())
        })
        .collect();
    made.sort_by_key(|(combined, _)| *combined);
    assert_eq!(made.len(), 10, "{made:?}");
    assert!(
        made[..9]
            .iter()
            .all(|(combined, count)| !combined && count == 1)
    );
    assert_eq!(made[9], (true, json!(3)));
}
