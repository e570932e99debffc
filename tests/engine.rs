//! The whole engine over the real Kubernetes client and a small API server in this process, in paused time: what may go wrong between a
//! decision and its write, at each step, and that there is one write at most, with its intent in the record before it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

#[path = "engine/api.rs"]
mod api;
#[path = "engine/prometheus.rs"]
mod prometheus;

use api::{Api, Fault};
use jiff::{SignedDuration, Timestamp};
use prometheus::Prometheus;
use ripcord::config::{self, Config};
use ripcord::domain::alert::{AlertKey, AlertSeen, AlertStatus, Hint};
use ripcord::domain::identity::Fingerprint;
use ripcord::domain::workload::WorkloadKind;
use ripcord::engine::{self, Context, Intake, Parts, TaskDied};
use ripcord::intake::ports::{Delivery, Receipt, Receiver, Unavailable};
use ripcord::platform::clock::Clock;
use ripcord::platform::kube::Cluster;
use ripcord::platform::probe::HttpProber;
use ripcord::platform::prometheus::{PrometheusPort, Range, Together, Unanswered};
use ripcord::telemetry::Metrics;
use ripcord::telemetry::metrics::Build;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const CONFIG: &str = r"
apiVersion: ripcord.dev/v1alpha1
kind: Config
mode: enforce
listen: {webhook: 127.0.0.1:9, admin: 127.0.0.1:9}
webhook: {insecure: true}
prometheus: {url: http://127.0.0.1:9, timeout: 5s, history: {lookback: 1h, step: 1m}}
namespaces: [lab30]
guards: {recentRollout: 2h, dwell: 10s, provenFor: 2m, minCrashes: 3, cooldown: 15m, steps: 2}
policies:
  - name: undo
    match: {namespaces: [lab30]}
    causes: [InvalidImageName]
    remedies: [{rolloutUndo: {}}]
    verify: {timeout: 5m, soak: 30s}
";

fn config(mode: &str) -> Arc<Config> {
    let text = CONFIG.replace("mode: enforce", &format!("mode: {mode}"));
    Arc::new(config::parse(&text, "test.yaml").unwrap())
}

struct World {
    api: Api,
    clock: Clock,
    prometheus: Prometheus,
    config: watch::Sender<Arc<Config>>,
}

/// One process.
struct Process {
    intake: Intake,
    stop: CancellationToken,
    running: JoinHandle<Result<(), TaskDied>>,
}

impl World {
    fn new(mode: &str, broken: bool) -> Self {
        let start: Timestamp = "2026-11-23T04:00:00Z".parse().unwrap();
        let clock = Clock::starting_at(start);
        let api = Api::new(clock, broken);
        let rolled_out = start.checked_sub(SignedDuration::from_mins(2)).unwrap();
        let prometheus = Prometheus {
            api: api.clone(),
            away: Arc::default(),
            hangs: Arc::default(),
            rolled_out,
        };
        Self {
            api,
            clock,
            prometheus,
            config: watch::Sender::new(config(mode)),
        }
    }

    async fn start(&self, name: &str) -> Process {
        let build = Build {
            version: "0",
            revision: "test",
        };
        let metrics = Metrics::new(build).unwrap();
        let port: Arc<dyn PrometheusPort> = Arc::new(self.prometheus.clone());
        let (context, news) = Context::new(Parts {
            cluster: Cluster::new(self.api.client(), Arc::new(metrics.clone())),
            prometheus: Arc::new(move |_| port.clone()),
            probe: Arc::new(HttpProber),
            clock: self.clock,
            config: self.config.subscribe(),
            metrics,
            process: name.to_owned(),
            own_namespace: None,
        });
        let stop = CancellationToken::new();
        let intake = Intake::new(context.clone());
        let running = tokio::spawn(engine::run(context, news, stop.clone()));
        tokio::time::sleep(Duration::from_millis(10)).await;
        Process {
            intake,
            stop,
            running,
        }
    }

    /// The only incident's status.
    fn status(&self) -> Value {
        let state = self.api.state();
        assert!(state.incidents.len() <= 1, "more than one incident");
        state
            .incidents
            .values()
            .next()
            .map_or(Value::Null, |incident| incident["status"].clone())
    }

    async fn until(&self, what: &str, reached: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..20_000 {
            let status = self.status();
            if reached(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("never reached {what}: {:#}", self.status());
    }

    async fn until_phase(&self, phase: &str) -> Value {
        self.until(phase, |status| status["phase"] == phase).await
    }

    /// Waits for the end; then nothing may be written any more, and everything that was must have had its intent.
    async fn ends(&self, outcome: &str) -> Value {
        self.ends_and_rests(outcome, Duration::from_secs(600)).await
    }

    async fn ends_and_rests(&self, outcome: &str, rest: Duration) -> Value {
        let status = self.until_phase("Closed").await;
        assert_eq!(status["outcome"], outcome, "{status:#}");
        let saves = self.api.count("save incident");
        tokio::time::sleep(rest).await;
        assert_eq!(
            self.api.count("save incident"),
            saves,
            "a closed incident is written to"
        );
        self.api.check_writes();
        let text = format!("{:?}", self.api.state().incidents);
        assert!(
            !text.contains("hunter2"),
            "an API error's text is in the record"
        );
        status
    }
}

fn about_web(fingerprint: &str, status: AlertStatus) -> AlertSeen {
    AlertSeen {
        key: AlertKey {
            fingerprint: Fingerprint::new(fingerprint),
            starts_at: "2026-11-23T03:59:00Z".parse().unwrap(),
        },
        status,
        name: format!("Alert{fingerprint}"),
        namespace: Some("lab30".to_owned()),
        hint: Hint::Workload {
            kind: WorkloadKind::Deployment,
            name: "web".to_owned(),
        },
    }
}

impl Process {
    async fn post(&self, fingerprints: &[&str]) -> Result<Receipt, Unavailable> {
        self.deliver(fingerprints, AlertStatus::Firing).await
    }

    async fn deliver(
        &self,
        fingerprints: &[&str],
        status: AlertStatus,
    ) -> Result<Receipt, Unavailable> {
        Self::deliver_to(&self.intake, fingerprints, status).await
    }

    async fn deliver_to(
        intake: &Intake,
        fingerprints: &[&str],
        status: AlertStatus,
    ) -> Result<Receipt, Unavailable> {
        let alert = |fingerprint: &&str| about_web(fingerprint, status);
        let delivery = Delivery {
            alerts: fingerprints.iter().map(alert).collect(),
            ..Delivery::default()
        };
        intake.receive(delivery).await
    }

    /// `kill -9`.
    async fn kill(self) {
        self.running.abort();
        let _ = self.running.await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_writes_nothing() {
    let world = World::new("dry-run", true);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    let status = world.ends("DryRun").await;
    assert_eq!(world.api.count("patch"), 0);
    assert!(world.api.count("dry-run") > 0);
    assert!(
        status["diff"].as_str().unwrap().contains("web:1"),
        "{status:#}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_healthy_workload_is_left_alone_and_its_incident_ends() {
    let world = World::new("enforce", false);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.ends("NotFailing").await;
    assert_eq!(world.api.count("patch") + world.api.count("dry-run"), 0);
}

#[tokio::test(start_paused = true)]
async fn without_prometheus_nothing_is_written_until_it_is_back() {
    use std::sync::atomic::Ordering;
    let world = World::new("enforce", true);
    world.prometheus.away.store(true, Ordering::SeqCst);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(
        (world.api.count("patch"), world.status()["phase"].as_str()),
        (0, Some("Waiting"))
    );
    world.prometheus.away.store(false, Ordering::SeqCst);
    world.ends("Recovered").await;
}

/// A delivery of one alert that is about something else, cut off from its group; what was recorded about `web` then.
async fn cut_off(only: &str, group_name: Option<&str>) -> Value {
    let world = World::new("dry-run", true);
    let text = CONFIG.replace(
        "match: {namespaces: [lab30]}",
        &format!("match: {{namespaces: [lab30]{only}}}"),
    );
    let config = config::parse(&text, "test.yaml").unwrap();
    world.config.send_replace(Arc::new(config));
    let process = world.start("a").await;
    let alert = AlertSeen {
        hint: Hint::Workload {
            kind: WorkloadKind::Deployment,
            name: "other".to_owned(),
        },
        ..about_web("f", AlertStatus::Firing)
    };
    let delivery = Delivery {
        alerts: vec![alert],
        truncated: 3,
        group_name: group_name.map(str::to_owned),
    };
    process.intake.receive(delivery).await.unwrap();
    assert_eq!(
        world.api.count("get pod"),
        1,
        "one of five hundred is enough"
    );
    let state = world.api.state();
    let incident = state.incidents.values().next();
    incident.map_or(Value::Null, |incident| {
        incident["spec"]["alert"]["name"].clone()
    })
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_off_has_no_name_that_a_policy_asks_for() {
    assert_eq!(cut_off(", alerts: [Alertf]", None).await, Value::Null);
    assert_eq!(cut_off(", alerts: ['*']", None).await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_off_has_the_name_that_its_whole_group_has() {
    let name = cut_off(", alerts: [Alertf]", Some("Alertf")).await;
    assert_eq!(name, "Alertf");
    let name = cut_off(", alerts: [Alertf]", Some("Another")).await;
    assert_eq!(name, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_off_is_recorded_where_any_alert_will_do() {
    assert_eq!(cut_off("", None).await, "(one that was cut off)");
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_owners_lead_nowhere_is_skipped_after_a_few_requests() {
    let owner = |kind: &str, name: &str, uid: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": true, "uid": uid}]);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "name": "web-web2-x", "controller": true, "uid": "web-web2-x"});
    for (of_pod, of_set) in [
        // itself, something foreign, nothing
        (json!([pod]), Value::Null),
        (owner("Rollout", "web", "r"), Value::Null),
        (json!([]), Value::Null),
        // a set that is gone, and one that is another by now
        (owner("ReplicaSet", "gone", "gone"), Value::Null),
        (owner("ReplicaSet", "web-web2", "before"), Value::Null),
        // a set that owns itself, one that nobody owns, one whose Deployment is another by now
        (Value::Null, owner("ReplicaSet", "web-web2", "web-web2")),
        (Value::Null, json!([])),
        (Value::Null, owner("Deployment", "web", "before")),
        (owner("StatefulSet", "web", "s"), Value::Null),
    ] {
        let world = World::new("enforce", true);
        {
            let mut state = world.api.state();
            if !of_pod.is_null() {
                state.pods[0]["metadata"]["ownerReferences"] = of_pod.clone();
            }
            if !of_set.is_null() {
                let set = &mut state.replica_sets[1];
                assert_eq!(set["metadata"]["name"], "web-web2");
                set["metadata"]["ownerReferences"] = of_set.clone();
            }
        }
        let process = world.start("a").await;
        let before = world.api.state().log.len();
        let alert = AlertSeen {
            hint: Hint::Pod {
                name: "web-web2-x".to_owned(),
                uid: None,
            },
            ..about_web("f", AlertStatus::Firing)
        };
        let delivery = Delivery {
            alerts: vec![alert],
            ..Delivery::default()
        };
        let receipt = process.intake.receive(delivery).await.unwrap();
        assert_eq!(
            (receipt.recorded, receipt.skipped),
            (0, 1),
            "{of_pod} {of_set}"
        );
        assert_eq!(world.status(), Value::Null);
        let asked = world.api.state().log.len() - before;
        assert!(asked <= 3, "{asked} requests: {of_pod} {of_set}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_prometheus_that_hangs_keeps_no_new_incident_waiting_for_its_driver() {
    use std::sync::atomic::Ordering;
    let world = World::new("enforce", true);
    let process = world.start("a").await;
    world.prometheus.hangs.store(true, Ordering::SeqCst);
    // The dependencies are asked every ten seconds: now they are.
    tokio::time::sleep(Duration::from_secs(11)).await;
    process.post(&["f"]).await.unwrap();
    assert_eq!(world.api.count("get incident"), 0);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(world.api.count("get incident"), 1, "no driver");
    process.stop.cancel();
    let begun = tokio::time::Instant::now();
    process.running.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "a stop waits");
}

#[tokio::test(start_paused = true)]
async fn two_hundred_who_ask_a_prometheus_that_hangs_have_no_answer_within_two_time_outs() {
    use std::sync::atomic::Ordering;
    let world = World::new("enforce", true);
    world.prometheus.hangs.store(true, Ordering::SeqCst);
    let together = Together::new(Arc::new(world.prometheus.clone()));
    let now = world.clock.now();
    let range = Range {
        from: now - SignedDuration::from_hours(1),
        to: now,
        step: SignedDuration::from_mins(1),
    };
    let namespaces = ["lab30".to_owned()];
    let workloads = (0..200).map(|number| {
        let (together, namespaces) = (&together, &namespaces);
        // Four of them fill a question.
        let sets: Vec<String> = (0..5).map(|set| format!("web-{number}-{set}")).collect();
        let pods = vec![format!("web-{number}-0-x")];
        let nodes = vec![format!("node-{number}")];
        async move {
            let (up, pulls, waiting, history, troubles) = tokio::join!(
                together.up(),
                together.pull_failures(namespaces),
                together.waiting("lab30", &pods),
                together.replica_history("lab30", &sets, range),
                together.node_troubles(&nodes),
            );
            let late = Some(Unanswered::TimedOut);
            let history = history.err();
            assert_eq!((up.err(), pulls.err(), history), (late, late, late));
            assert_eq!((waiting.err(), troubles.err()), (late, late));
        }
    });
    let begun = tokio::time::Instant::now();
    futures::future::join_all(workloads).await;
    let took = begun.elapsed();
    assert!(took <= 2 * prometheus::TIMEOUT, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_write_with_its_intent_before_it_and_then_recovery() {
    let world = World::new("enforce", true);
    let process = world.start("a").await;
    assert_eq!(process.post(&["f"]).await.unwrap().recorded, 1);
    assert_eq!(process.post(&["f", "f"]).await.unwrap().skipped, 2);
    let status = world.ends("Recovered").await;
    assert_eq!(
        (world.api.count("patch"), world.api.state().image().as_str()),
        (1, "web:1")
    );
    assert_eq!(status["applied"].as_array().unwrap().len(), 1);
    // The same group once more, and another alert about what is repaired.
    process.post(&["f"]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        (world.api.count("patch"), world.api.count("create incident")),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_account_that_may_not_write_is_held_and_does_not_try_again() {
    let world = World::new("enforce", true);
    world.api.on("patch", 99, Fault::Refuse(403, "Forbidden"));
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.until_phase("Held").await;
    let saves = world.api.count("save incident");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.status()["phase"], "Held");
    assert_eq!(world.api.count("patch"), 1);
    // The time of the last symptom is kept to the minute, and nothing else moves.
    assert!(world.api.count("save incident") <= saves + 61);
    world.api.check_writes();
}

#[tokio::test(start_paused = true)]
async fn a_throttled_write_is_not_held_but_done_later() {
    let world = World::new("enforce", true);
    world
        .api
        .on("patch", 2, Fault::Refuse(429, "TooManyRequests"));
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.ends("Recovered").await;
    assert_eq!(
        (world.api.count("patch"), world.api.accepted("patch")),
        (3, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_write_that_was_stored_leads_to_no_second_one() {
    let world = World::new("enforce", true);
    world.api.on("patch", 1, Fault::LoseAnswer);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.ends("Recovered").await;
    assert_eq!(world.api.count("patch"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_write_is_repeated_only_when_it_can_not_land_any_more() {
    let world = World::new("enforce", true);
    world.api.on("patch", 1, Fault::LoseRequest);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.until_phase("Acting").await;
    tokio::time::sleep(Duration::from_secs(70)).await;
    assert_eq!(world.api.count("patch"), 1);
    world.ends("Recovered").await;
    assert_eq!(
        (world.api.count("patch"), world.api.state().image().as_str()),
        (2, "web:1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_that_could_not_be_recorded_is_not_forgotten() {
    let world = World::new("enforce", true);
    world.api.on("patch", 1, Fault::LoseRequest);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    while world.api.count("patch") == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Long enough for its own hold to end.
    let away = Fault::Refuse(503, "ServiceUnavailable");
    world.api.on("save incident", 6, away);
    tokio::time::sleep(Duration::from_secs(64)).await;
    assert_eq!(world.api.count("patch"), 1);
    world.ends("Recovered").await;
    assert_eq!(world.api.count("patch"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_could_not_be_recorded_is_recorded_even_when_somebody_has_undone_it() {
    let world = World::new("enforce", true);
    let away = Fault::Refuse(503, "ServiceUnavailable");
    world.api.after("patch", "save incident", 1, away);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    while world.api.accepted("patch") == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    {
        let mut state = world.api.state();
        state.deployment["metadata"]["annotations"] = json!({});
        state.deploy("web:3");
    }
    let status = world.ends("Superseded").await;
    assert_eq!(status["applied"].as_array().unwrap().len(), 1);
    assert_eq!(status["applied"][0]["result"], "Superseded");
}

#[tokio::test(start_paused = true)]
async fn after_two_lost_answers_a_person_must_look() {
    let world = World::new("enforce", true);
    world.api.on("patch", 99, Fault::Refuse(504, "Timeout"));
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.ends("Escalated").await;
    assert_eq!(world.api.count("patch"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_moves_all_the_time_is_no_conflict() {
    let world = World::new("enforce", true);
    world
        .api
        .on("patch", 3, Fault::First(Box::new(api::State::touch)));
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.ends("Recovered").await;
    assert_eq!(
        (world.api.count("patch"), world.api.accepted("patch")),
        (4, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_person_who_deploys_before_the_write_wins() {
    let world = World::new("enforce", true);
    let deploy = Fault::First(Box::new(|state| state.deploy("web:3")));
    world.api.on("patch", 1, deploy);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.ends("Superseded").await;
    assert_eq!(
        (
            world.api.accepted("patch"),
            world.api.state().image().as_str()
        ),
        (0, "web:3")
    );
}

#[tokio::test(start_paused = true)]
async fn a_person_who_deploys_after_the_write_wins_and_the_write_counts() {
    let world = World::new("enforce", true);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.until_phase("Verifying").await;
    world.api.state().deploy("web:3");
    let status = world.ends("Superseded").await;
    assert_eq!(
        (world.api.count("patch"), world.api.state().image().as_str()),
        (1, "web:3")
    );
    assert_eq!(status["applied"][0]["result"], "Superseded");
}

#[tokio::test(start_paused = true)]
async fn killed_between_the_write_and_its_record_it_is_found_again_even_when_revisions_can_not_be_read()
 {
    let world = World::new("enforce", true);
    world.api.on("patch", 1, Fault::LoseAnswer);
    let first = world.start("a").await;
    first.post(&["f"]).await.unwrap();
    world
        .until("the patch", |_| world.api.count("patch") == 1)
        .await;
    first.kill().await;
    assert_eq!(world.status()["phase"], "Acting");
    world.api.on(
        "list replicasets",
        3,
        Fault::Refuse(503, "ServiceUnavailable"),
    );
    let second = world.start("b").await;
    let status = world.ends("Recovered").await;
    assert_eq!(world.api.count("patch"), 1);
    assert_eq!(status["applied"].as_array().unwrap().len(), 1);
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn killed_in_the_watch_another_process_goes_on_after_the_hold() {
    let world = World::new("enforce", true);
    let first = world.start("a").await;
    first.post(&["f"]).await.unwrap();
    world.until_phase("Verifying").await;
    first.kill().await;
    let _second = world.start("b").await;
    let status = world.ends("Recovered").await;
    assert_eq!(world.api.count("patch"), 1);
    assert!(status["timeline"].to_string().contains("taken over"));
}

#[tokio::test(start_paused = true)]
async fn two_processes_side_by_side_write_once() {
    let world = World::new("enforce", true);
    let (first, second) = (world.start("a").await, world.start("b").await);
    let (one, other) = tokio::join!(first.post(&["f"]), second.post(&["f"]));
    assert!(one.is_ok() && other.is_ok());
    let status = world.ends("Recovered").await;
    assert_eq!(world.api.count("patch"), 1);
    assert_eq!(status["applied"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stood_still_before_its_write_does_not_write_on_its_old_decision() {
    let world = World::new("enforce", true);
    // The last reading before the write comes right after the rehearsal; nothing on the workload itself moves meanwhile.
    let frozen = Fault::Freeze(Duration::from_secs(60), |state| {
        state.namespace_annotations = json!({"ripcord.dev/mode": "off"});
    });
    world.api.after("dry-run", "get deployment", 1, frozen);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    let status = world.until_phase("Held").await;
    assert_eq!(
        (status["reason"].as_str(), world.api.count("patch")),
        (Some("OptedOut"), 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_reload_between_decision_and_write_counts() {
    let world = World::new("enforce", true);
    let sender = world.config.clone();
    let reload = Fault::First(Box::new(move |_| {
        sender.send_replace(config("dry-run"));
    }));
    world.api.after("dry-run", "get deployment", 1, reload);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.ends("DryRun").await;
    assert_eq!(world.api.count("patch"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_a_running_write_end_and_be_recorded() {
    let world = World::new("enforce", true);
    world
        .api
        .on("patch", 1, Fault::Slow(Duration::from_secs(5)));
    let first = world.start("a").await;
    first.post(&["f"]).await.unwrap();
    world.until_phase("Acting").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.stop.cancel();
    assert!(first.running.await.unwrap().is_ok());
    assert_eq!(world.status()["phase"], "Verifying");
    let _second = world.start("b").await;
    world.ends("Recovered").await;
    assert_eq!(world.api.count("patch"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_joins_during_the_write_costs_neither_record_nor_a_second_write() {
    let world = World::new("enforce", true);
    let joins = Fault::First(Box::new(|state| {
        let incident = state.incidents.values_mut().next().unwrap();
        incident["metadata"]["resourceVersion"] = "joined".into();
    }));
    world.api.on("patch", 1, joins);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    let status = world.ends("Recovered").await;
    assert_eq!(world.api.count("patch"), 1);
    assert_eq!(status["applied"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_too_is_for_a_person_and_never_gone_back_to() {
    let world = World::new("enforce", true);
    world.api.state().good_images.clear();
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    let status = world.ends("Escalated").await;
    assert_eq!(world.api.count("patch"), 1);
    assert_eq!(status["applied"][0]["result"], "Failed");
    assert!(
        status["nextSteps"].to_string().contains("rollout undo"),
        "{status:#}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_step_follows_the_failure_of_the_first_and_only_that() {
    let mut world = World::new("enforce", true);
    let two = CONFIG.replace(
        "[{rolloutUndo: {}}]",
        "[{pinImage: {container: web, image: \"web:9\"}}, {rolloutUndo: {}}]",
    );
    world.config = watch::Sender::new(Arc::new(config::parse(&two, "test.yaml").unwrap()));
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    let status = world.ends("Recovered").await;
    let result = |step: usize| status["applied"][step]["result"].clone();
    assert_eq!(
        (result(0), result(1)),
        (json!("Failed"), json!("Recovered"))
    );
    assert_eq!(
        (world.api.count("patch"), world.api.state().image().as_str()),
        (2, "web:1")
    );
}

#[tokio::test(start_paused = true)]
async fn killed_before_its_write_arrived_another_process_asks_everything_again_and_writes() {
    let world = World::new("enforce", true);
    world.api.on("patch", 1, Fault::LoseRequest);
    let first = world.start("a").await;
    first.post(&["f"]).await.unwrap();
    world
        .until("the patch", |_| world.api.count("patch") == 1)
        .await;
    first.kill().await;
    let rehearsed = world.api.count("dry-run");
    let _second = world.start("b").await;
    world.ends("Recovered").await;
    assert!(world.api.count("dry-run") > rehearsed);
    assert_eq!(world.api.count("patch"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_can_not_see_ends() {
    let world = World::new("enforce", true);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.until_phase("Verifying").await;
    world.api.on(
        "list replicasets",
        usize::MAX,
        Fault::Refuse(403, "Forbidden"),
    );
    let status = world.ends("Escalated").await;
    assert_eq!(
        (status["reason"].as_str(), world.api.count("patch")),
        (Some("VerifyUnknown"), 1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_incident_that_nobody_understands_stands_before_no_other() {
    let world = World::new("enforce", true);
    let strange = json!({"metadata": {"name": "strange", "resourceVersion": "1"}, "spec": {}, "status": {"phase": "Dreaming"}});
    let first = world.start("a").await;
    first.post(&["f"]).await.unwrap();
    first.kill().await;
    // Only the listing after the restart can find the open one.
    world
        .api
        .state()
        .incidents
        .insert("strange".to_owned(), strange);
    let second = world.start("b").await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(world.api.accepted("patch"), 1);
    assert!(second.deliver(&["f"], AlertStatus::Resolved).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_incident_makes_its_alerts_news_again() {
    let world = World::new("dry-run", true);
    let process = world.start("a").await;
    process.post(&["f"]).await.unwrap();
    world.ends("DryRun").await;
    assert_eq!(process.post(&["f"]).await.unwrap().recorded, 0);
    world.api.state().incidents.clear();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(process.post(&["f"]).await.unwrap().recorded, 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_does_not_stop_the_next_incident() {
    let world = World::new("enforce", false);
    let process = world.start("a").await;
    for (number, fingerprint) in ["f", "g", "h"].iter().enumerate() {
        assert_eq!(process.post(&[fingerprint]).await.unwrap().recorded, 1);
        tokio::time::sleep(Duration::from_secs(900)).await;
        assert_eq!(world.api.state().incidents.len(), number + 1);
    }
    // Somebody deletes the oldest: the count of those that are left is the name of one of them.
    let oldest = {
        let state = world.api.state();
        let by_age = |incident: &&Value| {
            incident["spec"]["alert"]["receivedAt"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let oldest = state.incidents.values().min_by_key(by_age).unwrap();
        oldest["metadata"]["name"].as_str().unwrap().to_owned()
    };
    world.api.state().incidents.remove(&oldest);
    assert_eq!(process.post(&["i"]).await.unwrap().recorded, 1);
    // And one whose label somebody took off, so that no listing shows it.
    tokio::time::sleep(Duration::from_secs(900)).await;
    for incident in world.api.state().incidents.values_mut() {
        incident["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("labels");
    }
    assert_eq!(
        process.post(&["j"]).await.map(|receipt| receipt.recorded),
        Ok(1)
    );
}

#[tokio::test(start_paused = true)]
async fn one_alert_that_can_not_be_recorded_does_not_stand_before_the_next() {
    let world = World::new("enforce", true);
    let process = world.start("a").await;
    world
        .api
        .on("get deployment", 1, Fault::Refuse(500, "InternalError"));
    assert!(process.post(&["f", "g"]).await.is_err());
    assert_eq!(world.api.count("create incident"), 1);
    let receipt = process.post(&["f", "g"]).await.unwrap();
    assert_eq!((receipt.recorded, receipt.skipped), (1, 1));
    world.ends("Recovered").await;
}

/// Enough for a sweep: what writes on after the end does so at every look.
const SHORT_REST: Duration = Duration::from_secs(35);

/// Kills the process at its n-th request, before or after that is carried out, and starts another one.
async fn killed_at(place: usize, carried_out: bool) -> bool {
    let world = World::new("enforce", true);
    world.api.state().halt = Some((place, carried_out));
    let first = world.start("a").await;
    let posted = tokio::spawn({
        let intake = first.intake.clone();
        async move { Process::deliver_to(&intake, &["f"], AlertStatus::Firing).await }
    });
    let mut closed = false;
    while !world.api.state().halted && !closed {
        tokio::time::sleep(Duration::from_millis(100)).await;
        closed = world.status()["phase"] == "Closed";
    }
    first.kill().await;
    posted.abort();
    let second = world.start("b").await;
    // Alertmanager comes again until it is told that all is well.
    while second.post(&["f"]).await.is_err() {
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    world.ends_and_rests("Recovered", SHORT_REST).await;
    assert_eq!(world.api.state().image(), "web:1");
    let accepted = world.api.state().deployment["metadata"]["generation"].clone();
    assert_eq!(accepted, 3, "one rollout by a person, one by Ripcord");
    closed
}

async fn killed_at_every(stride: usize) {
    for carried_out in [false, true] {
        let mut place = usize::from(carried_out);
        while !killed_at(place, carried_out).await {
            place += stride;
        }
        assert!(place > 50, "only {place} requests were tried");
    }
}

async fn unanswered_at_every(stride: usize) {
    for carried_out in [false, true] {
        let mut place = usize::from(carried_out);
        loop {
            let world = World::new("enforce", true);
            let process = world.start("a").await;
            world.api.state().halt = Some((place, carried_out));
            while process.post(&["f"]).await.is_err() {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            world.ends_and_rests("Recovered", SHORT_REST).await;
            let generation = world.api.state().deployment["metadata"]["generation"].clone();
            assert_eq!(generation, 3, "one rollout by a person, one by Ripcord");
            if !world.api.state().halted {
                break;
            }
            place += stride;
        }
        assert!(place > 50, "only {place} requests were tried");
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_some_requests_there_is_one_write_and_recovery() {
    killed_at_every(9).await;
}

#[tokio::test(start_paused = true)]
async fn without_the_answer_to_some_requests_there_is_one_write_and_recovery() {
    unanswered_at_every(9).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "minutes: tests/full runs it"]
async fn killed_at_any_request_there_is_one_write_and_recovery() {
    killed_at_every(1).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "minutes: tests/full runs it"]
async fn without_the_answer_to_any_one_request_there_is_one_write_and_recovery() {
    unanswered_at_every(1).await;
}
