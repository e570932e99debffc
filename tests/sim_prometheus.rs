//! The simulated Prometheus when it is down, slow, stuck, blind or lying.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

use jiff::SignedDuration;
use ripcord::domain::surroundings::{ConfigKind, ConfigName};
use ripcord::platform::prometheus::{Range, ReplicaHistory, Unanswered};
use ripcord::sim::{Behaviour, Lie, Program, Pull, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

fn manifest(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "lab30"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": name, "image": image}]}}},
    })
}

/// For ten minutes `web` was well, and `worker` crashed.
async fn world() -> World {
    let world = World::new("2026-11-23T04:00:00Z".parse().unwrap(), None);
    world.namespace("lab30");
    world.registry(|registry| {
        registry.set("web:1", Pull::Exists);
        registry.set("worker:1", Pull::Exists);
    });
    world.program(Program::that(Behaviour::crashes(1, "no")).in_image("worker:1"));
    world.apply(&manifest("web", "web:1")).unwrap();
    world.apply(&manifest("worker", "worker:1")).unwrap();
    seconds(&world, 600).await;
    world
}

async fn seconds(world: &World, seconds: u64) {
    world.advance(Duration::from_secs(seconds)).await;
}

fn names(world: &World, kind: &str, of: &str) -> Vec<String> {
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    let objects = world.objects(kind, "lab30");
    let mut names: Vec<String> = objects.iter().map(name).collect();
    names.retain(|name| name.starts_with(&format!("{of}-")));
    names
}

async fn waits(world: &World) -> usize {
    let port = world.prometheus();
    port.waiting_in_namespace("lab30").await.unwrap().len()
}

async fn available(world: &World, deployment: &str) -> Option<i64> {
    let names = [deployment.to_owned()];
    let replicas = world.prometheus().replicas("lab30", &names).await;
    replicas
        .unwrap()
        .get(deployment)
        .map(|replicas| replicas.available)
}

async fn history(world: &World, of: &str) -> Result<ReplicaHistory, Unanswered> {
    let to = world.clock().now();
    let range = Range {
        from: to - SignedDuration::from_mins(30),
        to,
        step: SignedDuration::from_mins(1),
    };
    let sets = names(world, "ReplicaSet", of);
    let port = world.prometheus();
    port.replica_history("lab30", &sets, range).await
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_longer_than_the_caller_waits_is_none() {
    let world = world().await;
    world.prometheus_slow(Duration::from_secs(3));
    let port = world.prometheus_within(Duration::from_secs(2));
    let began = world.clock().now();
    assert_eq!(port.up().await, Err(Unanswered::TimedOut));
    let waited = world.clock().now().duration_since(began);
    assert_eq!(waited.as_secs(), 2);
    assert_eq!(world.prometheus().up().await, Ok(true));
    world.prometheus_slow(Duration::ZERO);
    assert_eq!(port.up().await, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn what_goes_down_while_it_is_slow_is_unreachable() {
    let world = world().await;
    world.prometheus_slow(Duration::from_secs(60));
    world.prometheus_down(true);
    assert_eq!(world.prometheus().up().await, Err(Unanswered::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn a_scrape_in_vain_makes_series_stale_at_once() {
    let world = world().await;
    assert_eq!(available(&world, "web").await, Some(1));
    world.scrapes_stop(true);
    seconds(&world, 5).await;
    assert_eq!(world.prometheus().up().await, Ok(false));
    assert_eq!(available(&world, "web").await, None);
    // `max_over_time` still sees what there was.
    assert_eq!(waits(&world).await, 1);
    seconds(&world, 300).await;
    assert_eq!(waits(&world).await, 0);
    world.scrapes_stop(false);
    seconds(&world, 5).await;
    assert_eq!(available(&world, "web").await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_stuck_prometheus_says_what_it_knew_for_five_minutes() {
    let world = world().await;
    world.prometheus_stuck(true);
    world.delete("lab30", "web");
    seconds(&world, 140).await;
    assert_eq!(world.prometheus().up().await, Ok(true));
    assert_eq!(available(&world, "web").await, Some(1));
    seconds(&world, 20).await;
    assert_eq!(world.prometheus().up().await, Ok(false));
    assert_eq!(available(&world, "web").await, Some(1));
    seconds(&world, 140).await;
    assert_eq!(available(&world, "web").await, None);
}

#[tokio::test(start_paused = true)]
async fn time_in_which_nobody_scraped_is_a_gap_in_the_history() {
    let world = world().await;
    world.prometheus_stuck(true);
    seconds(&world, 300).await;
    world.prometheus_stuck(false);
    seconds(&world, 120).await;
    let history = history(&world, "web").await.unwrap();
    let samples = history.series.values().next().unwrap();
    let gaps = samples
        .windows(2)
        .map(|pair| pair[1].at.duration_since(pair[0].at).as_secs());
    assert_eq!(gaps.filter(|gap| *gap > 60).collect::<Vec<_>>().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn restarts_are_extrapolated_and_unknown_for_a_pod_that_was_seen_once() {
    let world = world().await;
    let window = SignedDuration::from_mins(10);
    let pods = names(&world, "Pod", "worker");
    let port = world.prometheus();
    let restarts = port.restarts("lab30", &pods, window).await.unwrap();
    let counted = world.objects("Pod", "lab30");
    let counted = counted
        .iter()
        .filter_map(|pod| pod["status"]["containerStatuses"][0]["restartCount"].as_i64())
        .max()
        .unwrap();
    let exact = f64::from(i32::try_from(counted).unwrap());
    assert!((restarts[0].restarts - exact).abs() < 1.0, "{restarts:?}");
    world.apply(&manifest("young", "web:1")).unwrap();
    seconds(&world, 6).await;
    let pods = names(&world, "Pod", "young");
    assert_eq!(port.restarts("lab30", &pods, window).await, Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn each_lie_is_told_readily_and_ends() {
    let world = world().await;
    let truth = history(&world, "worker").await.unwrap();
    assert_eq!(
        (waits(&world).await, available(&world, "worker").await),
        (1, Some(0))
    );
    let told = |waiting: usize, web: Option<i64>, worker: Option<i64>| (waiting, web, worker);
    for (lie, expected) in [
        (Lie::AllWell, told(0, Some(1), Some(1))),
        (Lie::AllBroken, told(2, Some(0), Some(0))),
        (Lie::NothingWaits, told(0, Some(1), Some(0))),
        (Lie::Empty, told(0, None, None)),
    ] {
        world.prometheus_lies(Some(lie));
        let said = told(
            waits(&world).await,
            available(&world, "web").await,
            available(&world, "worker").await,
        );
        assert_eq!(said, expected, "{lie:?}");
        assert_eq!(world.prometheus().up().await, Ok(true), "{lie:?}");
    }
    world.prometheus_lies(Some(Lie::AllWell));
    let lie = history(&world, "worker").await.unwrap();
    let samples: Vec<_> = lie.series.into_values().flatten().collect();
    assert!(samples.len() >= 8, "{samples:?}");
    assert!(
        samples
            .iter()
            .all(|sample| sample.ready == 1 && sample.restarts == Some(0))
    );
    world.prometheus_lies(None);
    assert_eq!(history(&world, "worker").await.unwrap(), truth);
}

#[tokio::test(start_paused = true)]
async fn two_sources_make_what_is_not_aggregated_ambiguous() {
    let world = world().await;
    world.prometheus_lies(Some(Lie::Twice));
    let port = world.prometheus();
    let pods = names(&world, "Pod", "worker");
    assert_eq!(port.waiting("lab30", &pods).await.unwrap().len(), 1);
    let window = SignedDuration::from_mins(10);
    for failure in [
        port.restarts("lab30", &pods, window).await.unwrap_err(),
        port.terminations("lab30", &pods).await.unwrap_err(),
        port.replicas("lab30", &["web".to_owned()])
            .await
            .unwrap_err(),
        history(&world, "web").await.unwrap_err(),
    ] {
        assert_eq!(failure.kind(), "ambiguous");
    }
    assert_eq!(
        port.replicas("lab30", &["nobody".to_owned()]).await,
        Ok(BTreeMap::new())
    );
}

#[tokio::test(start_paused = true)]
async fn old_news_stay_as_they_were_for_good() {
    let world = world().await;
    world.prometheus_lies(Some(Lie::OldNews));
    world.delete("lab30", "worker");
    seconds(&world, 1200).await;
    assert_eq!(world.prometheus().up().await, Ok(true));
    assert_eq!(
        (waits(&world).await, available(&world, "worker").await),
        (1, Some(0))
    );
    world.prometheus_lies(None);
    assert_eq!(
        (waits(&world).await, available(&world, "worker").await),
        (0, None)
    );
}

#[tokio::test(start_paused = true)]
async fn the_images_that_ran_are_known_by_their_digests_when_their_pods_are_gone() {
    let world = world().await;
    let sets = names(&world, "ReplicaSet", "web");
    world.delete("lab30", "web");
    seconds(&world, 120).await;
    let port = world.prometheus();
    let hour = SignedDuration::from_hours(1);
    let images = port.digests("lab30", &sets, hour).await.unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].container, "web");
    assert!(images[0].image.contains("web@sha256:"), "{images:?}");
    let minute = SignedDuration::from_mins(1);
    assert_eq!(port.digests("lab30", &sets, minute).await, Ok(Vec::new()));
}

async fn changes(world: &World, name: &str) -> Option<(i64, Vec<i64>)> {
    let to = world.clock().now();
    let range = Range {
        from: to - SignedDuration::from_hours(1),
        to,
        step: SignedDuration::from_mins(1),
    };
    let names = [ConfigName {
        kind: ConfigKind::ConfigMap,
        name: name.to_owned(),
    }];
    let port = world.prometheus();
    let histories = port.config_changes("lab30", &names, range).await.unwrap();
    let ago = |at: jiff::Timestamp| to.duration_since(at).as_secs();
    let history = histories.into_values().next()?;
    let changed = history.changed_at.into_iter().map(ago).collect();
    Some((ago(history.known_since), changed))
}

#[tokio::test(start_paused = true)]
async fn a_config_map_is_known_from_its_first_scrape_on_and_each_change_is_seen_once() {
    let world = world().await;
    assert_eq!(changes(&world, "settings").await, None);
    world.config_map("lab30", "settings", &[("A", "1")]);
    seconds(&world, 300).await;
    world.config_map("lab30", "settings", &[("A", "2")]);
    seconds(&world, 150).await;
    let (known, changed) = changes(&world, "settings").await.unwrap();
    assert!((390..=450).contains(&known), "{known}");
    assert_eq!(changed.len(), 1);
    assert!((90..=150).contains(&changed[0]), "{changed:?}");
    world.prometheus_lies(Some(Lie::Empty));
    assert_eq!(changes(&world, "settings").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_change_while_nobody_scraped_is_seen_when_somebody_does_again() {
    let world = world().await;
    world.config_map("lab30", "settings", &[("A", "1")]);
    seconds(&world, 120).await;
    world.prometheus_stuck(true);
    world.config_map("lab30", "settings", &[("A", "2")]);
    seconds(&world, 300).await;
    world.prometheus_stuck(false);
    seconds(&world, 120).await;
    let (_, changed) = changes(&world, "settings").await.unwrap();
    assert_eq!(changed.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_nobody_hears_from_is_not_ready_and_one_that_is_not_there_is_not_known() {
    let world = world().await;
    let nodes = ["lab".to_owned(), "nobody".to_owned()];
    let port = world.prometheus();
    let troubles = port.node_troubles(&nodes).await.unwrap();
    assert_eq!(troubles.keys().collect::<Vec<_>>(), ["lab"]);
    assert!(troubles["lab"].is_empty());
    world.lose_node("lab");
    seconds(&world, 60).await;
    let troubles = port.node_troubles(&nodes).await.unwrap();
    let troubles: Vec<_> = troubles["lab"]
        .iter()
        .map(|trouble| trouble.as_str())
        .collect();
    assert_eq!(troubles, ["NotReady"]);
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_fails_is_told_with_its_image_and_workload() {
    let world = world().await;
    let namespaces = ["lab30".to_owned()];
    let port = world.prometheus();
    assert_eq!(port.pull_failures(&namespaces).await, Ok(Vec::new()));
    world.apply(&manifest("late", "late:2")).unwrap();
    seconds(&world, 60).await;
    let failures = port.pull_failures(&namespaces).await.unwrap();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].image, "late:2");
    assert_eq!(failures[0].workload(), "lab30/late");
    let elsewhere = ["default".to_owned()];
    assert_eq!(port.pull_failures(&elsewhere).await, Ok(Vec::new()));
}
