//! The simulated kubelet: probes, init containers, settings, pulls that hang, evictions, and what becomes of events.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

use ripcord::sim::{Behaviour, Program, Pull, World};
use serde_json::{Value, json};
use std::time::Duration;

const IMAGE: &str = "web:1";

fn world() -> World {
    let world = World::new("2026-11-23T04:00:00Z".parse().unwrap(), None);
    world.namespace("lab30");
    world.registry(|registry| registry.set(IMAGE, Pull::Exists));
    world
}

/// One Deployment with such a pod.
fn apply(world: &World, pod: &Value) {
    let manifest = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "lab30"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": pod}},
    });
    world.apply(&manifest).unwrap();
}

fn container(with: &Value) -> Value {
    let mut container = json!({"name": "web", "image": IMAGE});
    for (key, value) in with.as_object().unwrap() {
        container[key] = value.clone();
    }
    json!({"containers": [container]})
}

async fn seconds(world: &World, seconds: u64) {
    world.advance(Duration::from_secs(seconds)).await;
}

fn pod(world: &World) -> Value {
    let mut pods = world.objects("Pod", "lab30");
    pods.retain(|pod| {
        pod["metadata"]["deletionTimestamp"].is_null() && pod["status"]["phase"] != "Failed"
    });
    assert_eq!(pods.len(), 1, "{pods:#?}");
    pods.remove(0)
}

fn status(world: &World) -> Value {
    pod(world)["status"]["containerStatuses"][0].clone()
}

fn waits_for(world: &World) -> String {
    let reason = &status(world)["state"]["waiting"]["reason"];
    reason.as_str().unwrap_or_default().to_owned()
}

/// The events of a reason, as `message`, with how often.
fn events(world: &World, reason: &str) -> Vec<(String, i64)> {
    let events = world.objects("Event", "lab30");
    let events = events.iter().filter(|event| event["reason"] == reason);
    events
        .map(|event| {
            let message = event["message"].as_str().unwrap().to_owned();
            (message, event["count"].as_i64().unwrap_or(1))
        })
        .collect()
}

fn probe(seconds: i64) -> Value {
    json!({"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": seconds, "failureThreshold": 3})
}

#[tokio::test(start_paused = true)]
async fn a_program_that_never_is_ready_stays_unready_and_is_left_alone() {
    let world = world();
    world.program(Program::that(Behaviour::never_ready()));
    apply(&world, &container(&json!({"readinessProbe": probe(10)})));
    seconds(&world, 120).await;
    let status = status(&world);
    assert_eq!(
        (status["ready"] == true, status["started"] == true),
        (false, true)
    );
    assert_eq!(status["restartCount"], 0);
    let told = events(&world, "Unhealthy");
    assert_eq!(
        told[0].0,
        "Readiness probe failed: HTTP probe failed with statuscode: 503"
    );
    assert!((11..=13).contains(&told[0].1), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn readiness_that_is_lost_later_shows_after_three_failures() {
    let world = world();
    world.program(Program::that(Behaviour::loses_readiness(60)));
    apply(&world, &container(&json!({"readinessProbe": probe(10)})));
    seconds(&world, 70).await;
    assert_eq!(status(&world)["ready"], true);
    seconds(&world, 30).await;
    assert_eq!(status(&world)["ready"], false);
    assert_eq!(status(&world)["restartCount"], 0);
}

#[tokio::test(start_paused = true)]
async fn what_answers_no_more_is_killed_for_its_liveness_probe() {
    let world = world();
    world.program(Program::that(Behaviour::Ails {
        ready_after: Some(0),
        unready_after: None,
        deaf_after: Some(60),
        stops_with: 137,
    }));
    apply(&world, &container(&json!({"livenessProbe": probe(10)})));
    seconds(&world, 100).await;
    assert_eq!(status(&world)["restartCount"], 0);
    let killed = "Container web failed liveness probe, will be restarted".to_owned();
    assert_eq!(events(&world, "Killing"), [(killed, 1)]);
    assert_eq!(events(&world, "Unhealthy")[0].1, 3);
    // It does not listen to being asked either: its grace period of 30 s passes first.
    seconds(&world, 30).await;
    let status = status(&world);
    assert_eq!(status["restartCount"], 1);
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 137);
    assert_eq!(status["lastState"]["terminated"]["reason"], "Error");
}

#[tokio::test(start_paused = true)]
async fn without_a_liveness_probe_nobody_notices_that_a_program_is_deaf() {
    let world = world();
    world.program(Program::that(Behaviour::goes_deaf(10)));
    apply(&world, &container(&json!({})));
    seconds(&world, 300).await;
    assert_eq!(status(&world)["ready"], true);
    assert_eq!(status(&world)["restartCount"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_takes_longer_than_its_probe_allows_is_cut_short() {
    let world = world();
    world.program(Program::that(Behaviour::Serves { ready_after: 45 }));
    let probes = json!({"startupProbe": probe(10), "livenessProbe": probe(1)});
    apply(&world, &container(&probes));
    seconds(&world, 30).await;
    let status = status(&world);
    assert_eq!(status["started"], false);
    assert!(
        events(&world, "Unhealthy")[0]
            .0
            .starts_with("Startup probe failed: Get")
    );
    assert_eq!(
        events(&world, "Killing")[0].0,
        "Container web failed startup probe, will be restarted"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_that_is_allowed_keeps_the_other_probes_waiting() {
    let world = world();
    world.program(Program::that(Behaviour::Serves { ready_after: 25 }));
    let probes =
        json!({"startupProbe": probe(10), "livenessProbe": probe(1), "readinessProbe": probe(5)});
    apply(&world, &container(&probes));
    // It fails twice; the third time is at 21 s, and would be the last: this one has more patience.
    let mut patient = container(&probes);
    patient["containers"][0]["startupProbe"]["failureThreshold"] = json!(10);
    apply(&world, &patient);
    seconds(&world, 60).await;
    let status = status(&world);
    assert_eq!(
        (&status["started"], &status["ready"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(status["restartCount"], 0);
}

#[tokio::test(start_paused = true)]
async fn init_containers_run_one_after_the_other_before_the_rest() {
    let world = world();
    let job = |after: i64| Behaviour::Exits {
        after,
        code: 0,
        lines: vec!["done".to_owned()],
    };
    world.program(Program::that(job(10)).in_container("first"));
    world.program(Program::that(job(20)).in_container("second"));
    let mut pod_spec = container(&json!({}));
    pod_spec["initContainers"] =
        json!([{"name": "first", "image": IMAGE}, {"name": "second", "image": IMAGE}]);
    apply(&world, &pod_spec);
    seconds(&world, 20).await;
    let now = pod(&world)["status"].clone();
    assert_eq!(now["phase"], "Pending");
    assert_eq!(
        now["initContainerStatuses"][0]["state"]["terminated"]["reason"],
        "Completed"
    );
    assert!(now["initContainerStatuses"][1]["state"]["running"].is_object());
    assert_eq!(waits_for(&world), "PodInitializing");
    assert_eq!(
        now["conditions"][1]["message"],
        "containers with incomplete status: [second]"
    );
    seconds(&world, 20).await;
    let now = pod(&world)["status"].clone();
    assert_eq!(now["phase"], "Running");
    assert_eq!(now["initContainerStatuses"][1]["ready"], true);
    assert_eq!(status(&world)["ready"], true);
}

#[tokio::test(start_paused = true)]
async fn an_init_container_that_never_ends_keeps_its_pod_pending() {
    let world = world();
    let mut pod_spec = container(&json!({}));
    pod_spec["initContainers"] = json!([{"name": "waits", "image": IMAGE}]);
    apply(&world, &pod_spec);
    seconds(&world, 900).await;
    assert_eq!(pod(&world)["status"]["phase"], "Pending");
    assert_eq!(waits_for(&world), "PodInitializing");
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_is_missing_is_waited_for_and_optional_ones_are_not() {
    let world = world();
    let key = |optional: bool| json!({"env": [{"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "mode", "optional": optional}}}]});
    world.config_map("lab30", "settings", &[("colour", "blue")]);
    apply(&world, &container(&key(false)));
    seconds(&world, 60).await;
    assert_eq!(waits_for(&world), "CreateContainerConfigError");
    assert_eq!(
        status(&world)["state"]["waiting"]["message"],
        "couldn't find key mode in ConfigMap lab30/settings"
    );
    world.config_map("lab30", "settings", &[("mode", "fast")]);
    seconds(&world, 15).await;
    assert_eq!(status(&world)["ready"], true);
    world.delete_config_map("lab30", "settings");
    apply(&world, &container(&key(true)));
    seconds(&world, 60).await;
    assert_eq!(status(&world)["ready"], true);
}

#[tokio::test(start_paused = true)]
async fn a_changed_setting_counts_from_the_next_start() {
    let world = world();
    world.config_map("lab30", "settings", &[("mode", "good")]);
    world.program(
        Program::that(Behaviour::crashes(1, "bad mode")).with_config("settings", "mode", "bad"),
    );
    let from = json!({"envFrom": [{"configMapRef": {"name": "settings"}}]});
    apply(&world, &container(&from));
    seconds(&world, 60).await;
    world.config_map("lab30", "settings", &[("mode", "bad")]);
    seconds(&world, 120).await;
    assert_eq!(status(&world)["restartCount"], 0);
    let template = world.object("Deployment", "lab30", "web").unwrap();
    // A new pod of the same program.
    let mut again = template["spec"]["template"]["spec"].clone();
    again["terminationGracePeriodSeconds"] = json!(31);
    apply(&world, &again);
    seconds(&world, 30).await;
    let newest = world.objects("Pod", "lab30");
    let crashed = newest
        .iter()
        .filter(|pod| pod["status"]["containerStatuses"][0]["restartCount"] != 0);
    assert_eq!(crashed.count(), 1);
    world.config_map("lab30", "settings", &[("mode", "good")]);
    seconds(&world, 60).await;
    assert_eq!(status(&world)["ready"], true);
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_can_not_be_mounted_is_tried_again() {
    let world = world();
    let mut pod_spec = container(&json!({"volumeMounts": [{"name": "s", "mountPath": "/s"}]}));
    pod_spec["volumes"] = json!([{"name": "s", "configMap": {"name": "settings"}}]);
    apply(&world, &pod_spec);
    seconds(&world, 30).await;
    assert_eq!(waits_for(&world), "ContainerCreating");
    assert_eq!(
        events(&world, "FailedMount")[0].0,
        "MountVolume.SetUp failed for volume \"s\" : configmap \"settings\" not found"
    );
    world.config_map("lab30", "settings", &[]);
    seconds(&world, 40).await;
    assert_eq!(status(&world)["ready"], true);
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_hangs_says_nothing_until_the_registry_wakes_up() {
    let world = world();
    world.registry(|registry| registry.set_host("docker.io", Pull::Hangs));
    apply(&world, &container(&json!({})));
    seconds(&world, 900).await;
    assert_eq!(waits_for(&world), "ContainerCreating");
    assert_eq!(events(&world, "Failed"), []);
    assert_eq!(events(&world, "Pulling")[0].1, 1);
    world.registry(|registry| registry.set_host("docker.io", Pull::Exists));
    seconds(&world, 20).await;
    assert_eq!(status(&world)["ready"], true);
}

#[tokio::test(start_paused = true)]
async fn an_image_for_another_platform_fails_in_containerds_words() {
    let world = world();
    world.registry(|registry| registry.set(IMAGE, Pull::WrongPlatform));
    apply(&world, &container(&json!({})));
    seconds(&world, 30).await;
    let message = status(&world)["state"]["waiting"]["message"].clone();
    let message = message.as_str().unwrap();
    assert!(
        message.ends_with("no match for platform in manifest: not found"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_evicted_pod_stays_as_a_failed_one_and_another_takes_its_place() {
    let world = world();
    apply(&world, &container(&json!({})));
    seconds(&world, 30).await;
    let first = pod(&world)["metadata"]["name"].as_str().unwrap().to_owned();
    world.evict("lab30", &first);
    seconds(&world, 10).await;
    assert_eq!(status(&world)["ready"], true);
    let gone = world.object("Pod", "lab30", &first).unwrap();
    assert_eq!(gone["status"]["phase"], "Failed");
    assert_eq!(gone["status"]["reason"], "Evicted");
    assert_eq!(
        gone["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"],
        137
    );
    assert_ne!(pod(&world)["metadata"]["name"], first.as_str());
}

#[tokio::test(start_paused = true)]
async fn events_are_lost_when_a_person_says_so() {
    let world = world();
    // The two controllers' first ones, the scheduler's, and the kubelet's first.
    world.lose_next_events(4);
    apply(&world, &container(&json!({})));
    seconds(&world, 30).await;
    let reasons: Vec<Value> = world
        .objects("Event", "lab30")
        .iter()
        .map(|event| event["reason"].clone())
        .collect();
    assert!(!reasons.contains(&json!("Scheduled")), "{reasons:?}");
    assert!(reasons.contains(&json!("Started")), "{reasons:?}");
    world.lose_events_in("lab30", true);
    world.forget_events("lab30");
    apply(&world, &container(&json!({"image": "web:missing"})));
    seconds(&world, 60).await;
    assert_eq!(world.objects("Event", "lab30"), Vec::<Value>::new());
    world.lose_events_in("lab30", false);
    seconds(&world, 60).await;
    assert!(!events(&world, "BackOff").is_empty());
}

#[tokio::test(start_paused = true)]
async fn events_expire_an_hour_after_they_were_last_told() {
    let world = world();
    apply(&world, &container(&json!({"image": "web:missing"})));
    seconds(&world, 3590).await;
    assert_eq!(events(&world, "Scheduled").len(), 1);
    seconds(&world, 60).await;
    assert_eq!(events(&world, "Scheduled"), []);
    assert!(!events(&world, "BackOff").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_stops_badly_takes_its_whole_grace_period() {
    let world = world();
    world.program(Program::that(Behaviour::Ails {
        ready_after: Some(0),
        unready_after: None,
        deaf_after: None,
        stops_with: 137,
    }));
    apply(&world, &container(&json!({})));
    seconds(&world, 30).await;
    apply(&world, &container(&json!({"args": ["other"]})));
    seconds(&world, 25).await;
    assert_eq!(world.objects("Pod", "lab30").len(), 2);
    seconds(&world, 15).await;
    assert_eq!(world.objects("Pod", "lab30").len(), 1);
}
