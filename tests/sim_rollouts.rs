//! The simulated controllers and kubelet: rollouts, undos, crash loops and failed pulls go as the real ones do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use jiff::SignedDuration;
use ripcord::domain::policy::HttpProbe;
use ripcord::platform::probe::Unprobed;
use ripcord::platform::prometheus::{Range, Unanswered};
use ripcord::sim::{Behaviour, Program, Pull, World};
use serde_json::{Value, json};
use std::time::Duration;

fn manifest(image: &str, replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "lab30"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": image, "readinessProbe": {"initialDelaySeconds": 5}}]}}},
    })
}

fn world() -> World {
    let world = World::new("2026-11-23T04:00:00Z".parse().unwrap(), None);
    world.namespace("lab30");
    world.registry(|registry| {
        for image in ["web:1", "web:2", "web:3"] {
            registry.set(image, Pull::Exists);
        }
    });
    world
}

async fn seconds(world: &World, seconds: u64) {
    world.advance(Duration::from_secs(seconds)).await;
}

fn deployment(world: &World) -> Value {
    world.object("Deployment", "lab30", "web").unwrap()
}

/// Those that are not going, with their images.
fn pods(world: &World) -> Vec<Value> {
    let mut pods = world.objects("Pod", "lab30");
    pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    pods
}

fn ready(world: &World) -> usize {
    let status = |pod: &Value| pod["status"]["containerStatuses"][0]["ready"] == true;
    pods(world).iter().filter(|pod| status(pod)).count()
}

fn images(world: &World) -> Vec<String> {
    let image = |pod: &Value| {
        pod["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    pods(world).iter().map(image).collect()
}

/// Image, number and size of each ReplicaSet, by image.
fn sets(world: &World) -> Vec<(String, String, i64)> {
    let mut sets: Vec<(String, String, i64)> = world
        .objects("ReplicaSet", "lab30")
        .iter()
        .map(|set| {
            let text = |pointer: &str| set.pointer(pointer).unwrap().as_str().unwrap().to_owned();
            (
                text("/spec/template/spec/containers/0/image"),
                text("/metadata/annotations/deployment.kubernetes.io~1revision"),
                set["spec"]["replicas"].as_i64().unwrap(),
            )
        })
        .collect();
    sets.sort();
    sets
}

fn condition(world: &World, kind: &str) -> String {
    let deployment = deployment(world);
    let conditions = deployment["status"]["conditions"].as_array().unwrap();
    let found = conditions
        .iter()
        .find(|condition| condition["type"] == kind)
        .unwrap();
    found["reason"].as_str().unwrap().to_owned()
}

fn row(image: &str, number: &str, size: i64) -> (String, String, i64) {
    (image.to_owned(), number.to_owned(), size)
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_fails_leaves_the_old_pods_that_were_promised_and_runs_out_of_patience() {
    let world = world();
    world.apply(&manifest("web:1", 4)).unwrap();
    seconds(&world, 60).await;
    world.apply(&manifest("web:missing", 4)).unwrap();
    seconds(&world, 120).await;
    assert_eq!(ready(&world), 3);
    assert_eq!(
        sets(&world),
        [row("web:1", "1", 3), row("web:missing", "2", 2)]
    );
    assert_eq!(condition(&world, "Available"), "MinimumReplicasAvailable");
    assert_eq!(condition(&world, "Progressing"), "ReplicaSetUpdated");
    seconds(&world, 600).await;
    assert_eq!(condition(&world, "Progressing"), "ProgressDeadlineExceeded");
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_keeps_its_promises_at_every_second() {
    let world = world();
    world.apply(&manifest("web:1", 4)).unwrap();
    seconds(&world, 60).await;
    assert_eq!(condition(&world, "Progressing"), "NewReplicaSetAvailable");
    world.apply(&manifest("web:2", 4)).unwrap();
    for _ in 0..60 {
        seconds(&world, 1).await;
        assert!(
            ready(&world) >= 3 && pods(&world).len() <= 5,
            "{:?}",
            images(&world)
        );
    }
    assert_eq!(images(&world), ["web:2"; 4]);
    let status = deployment(&world)["status"].clone();
    assert_eq!(status["observedGeneration"], 2);
    assert_eq!(status["updatedReplicas"], 4);
    assert_eq!(status["availableReplicas"], 4);
    assert!(status["unavailableReplicas"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_template_that_comes_back_takes_up_its_replica_set_under_a_new_number() {
    let world = world();
    for image in ["web:1", "web:2", "web:3", "web:1"] {
        world.apply(&manifest(image, 1)).unwrap();
        seconds(&world, 60).await;
    }
    assert_eq!(
        sets(&world),
        [
            row("web:1", "4", 1),
            row("web:2", "2", 0),
            row("web:3", "3", 0)
        ]
    );
    let revision = "/metadata/annotations/deployment.kubernetes.io~1revision";
    assert_eq!(deployment(&world).pointer(revision).unwrap(), "4");
    let history = "/metadata/annotations/deployment.kubernetes.io~1revision-history";
    let first = world.objects("ReplicaSet", "lab30");
    let first = first
        .iter()
        .find(|set| set["spec"]["replicas"] == 1)
        .unwrap();
    assert_eq!(first.pointer(history).unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn annotations_move_the_generation_and_are_copied_to_the_replica_set() {
    let world = world();
    world.apply(&manifest("web:1", 1)).unwrap();
    seconds(&world, 30).await;
    world
        .annotate("lab30", Some("web"), "ripcord.dev/action", Some("a-1"))
        .unwrap();
    assert_eq!(deployment(&world)["metadata"]["generation"], 2);
    seconds(&world, 2).await;
    assert_eq!(deployment(&world)["status"]["observedGeneration"], 2);
    let sets = world.objects("ReplicaSet", "lab30");
    assert_eq!(
        sets[0]["metadata"]["annotations"]["ripcord.dev/action"],
        "a-1"
    );
}

#[tokio::test(start_paused = true)]
async fn a_recreated_deployment_never_has_old_and_new_pods_at_once() {
    let world = world();
    let recreated = |image: &str| {
        let mut manifest = manifest(image, 2);
        manifest["spec"]["strategy"] = json!({"type": "Recreate"});
        manifest
    };
    world.apply(&recreated("web:1")).unwrap();
    seconds(&world, 30).await;
    world.apply(&recreated("web:2")).unwrap();
    for _ in 0..30 {
        seconds(&world, 1).await;
        let all = world.objects("Pod", "lab30");
        let new = all
            .iter()
            .filter(|pod| pod["spec"]["containers"][0]["image"] == "web:2")
            .count();
        assert!(new == 0 || new == all.len());
    }
    assert_eq!(images(&world), ["web:2"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_keeps_the_kubelets_pace() {
    let world = world();
    world.program(Program::that(Behaviour::crashes(1, "no")).in_image("web:1"));
    world.apply(&manifest("web:1", 1)).unwrap();
    let mut starts = Vec::new();
    for second in 0..900 {
        seconds(&world, 1).await;
        let pod = &pods(&world)[0];
        let started = &pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"];
        if !started.is_null() && starts.last().is_none_or(|(_, last)| last != started) {
            starts.push((second, started.clone()));
        }
    }
    let pauses: Vec<i32> = starts
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].0)
        .collect();
    // One second to notice, then at once; later pauses are 10 s doubling to 300 s, each up to 12 s late (the worker's own rhythm).
    assert!(pauses[0] <= 3, "{pauses:?}");
    for (pause, least) in pauses[1..].iter().zip([10, 20, 40, 80, 160, 300]) {
        assert!((least..least + 15).contains(pause), "{pauses:?}");
    }
    assert!(pauses.len() >= 6, "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_pull_alternates_and_heals_when_the_registry_does() {
    let world = world();
    world.registry(|registry| registry.set_host("docker.io", Pull::Unavailable));
    world.apply(&manifest("web:1", 1)).unwrap();
    let mut reasons: Vec<String> = Vec::new();
    for _ in 0..120 {
        seconds(&world, 1).await;
        let waiting = &pods(&world)[0]["status"]["containerStatuses"][0]["state"]["waiting"];
        let reason = waiting["reason"].as_str().unwrap_or_default().to_owned();
        if reasons.last() != Some(&reason) {
            reasons.push(reason);
        }
    }
    assert_eq!(
        reasons[..5],
        [
            "ContainerCreating",
            "ErrImagePull",
            "ImagePullBackOff",
            "ErrImagePull",
            "ImagePullBackOff"
        ]
    );
    world.registry(|registry| registry.set_host("docker.io", Pull::Exists));
    seconds(&world, 300).await;
    assert_eq!(ready(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn prometheus_knows_what_was_and_says_when_it_can_not() {
    let world = world();
    world.apply(&manifest("web:1", 1)).unwrap();
    seconds(&world, 300).await;
    let port = world.prometheus();
    let names: Vec<String> = world
        .objects("ReplicaSet", "lab30")
        .iter()
        .map(|set| set["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    let to = world.clock().now();
    let minute = SignedDuration::from_mins(1);
    let range = Range {
        from: to - SignedDuration::from_mins(60),
        to,
        step: minute,
    };
    let history = port.replica_history("lab30", &names, range).await.unwrap();
    let samples = &history.series.values().next().unwrap();
    assert!((4..=5).contains(&samples.len()), "{samples:?}");
    assert!(
        samples
            .iter()
            .all(|sample| (sample.wanted, sample.ready, sample.restarts) == (1, 1, Some(0)))
    );
    assert_eq!(port.up().await, Ok(true));
    world.scrapes_stop(true);
    seconds(&world, 5).await;
    assert_eq!(port.up().await, Ok(false));
    world.prometheus_down(true);
    assert_eq!(port.up().await, Err(Unanswered::Unreachable));
    let replicas = port.replicas("lab30", &["web".to_owned()]).await;
    assert_eq!(replicas, Err(Unanswered::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn an_address_answers_while_a_ready_pod_stands_behind_it() {
    let world = world();
    let prober = world.probe();
    let spec = HttpProbe {
        url: "http://web.lab30.svc:8080/health".to_owned(),
        host: None,
        status: 200,
    };
    assert!(matches!(
        prober.probe(&spec).await,
        Err(Unprobed::Unreachable)
    ));
    world.serve(&spec.url, "lab30", "web");
    assert_eq!(prober.probe(&spec).await.unwrap(), 503);
    world.apply(&manifest("web:1", 1)).unwrap();
    seconds(&world, 3).await;
    assert_eq!(prober.probe(&spec).await.unwrap(), 503);
    seconds(&world, 30).await;
    assert_eq!(prober.probe(&spec).await.unwrap(), 200);
}
