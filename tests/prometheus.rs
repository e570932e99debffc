//! The Prometheus port over TCP: every bad answer is none, and nothing hostile is ever asked. Numbers of faults and threats are the reference page's on
//! reliability.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::disallowed_methods)] // tests may spawn

mod fake_prometheus;

use fake_prometheus::{Behaviour, Fake};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use ripcord::domain::evidence::Metrics;
use ripcord::domain::identity::{RevisionName, TemplateHash, Uid};
use ripcord::domain::observed::Observed;
use ripcord::domain::policy::HttpProbe;
use ripcord::domain::surroundings::{ConfigHistory, ConfigKind, ConfigName};
use ripcord::domain::workload::{Revision, Revisions, WorkloadKind, WorkloadRef};
use ripcord::evidence;
use ripcord::platform::CallObserver;
use ripcord::platform::probe::{HttpProber, ProbePort as _, Unprobed};
use ripcord::platform::prometheus::{
    BuildError, MOST_CONFIGS, MOST_PODS, MOST_SETS, PrometheusClient, PrometheusPort, Range,
    SetKind, Settings, Unanswered,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Remembers what was observed.
#[derive(Default)]
struct Calls(Mutex<Vec<(&'static str, Option<&'static str>)>>);

impl CallObserver for Calls {
    fn observed(
        &self,
        dependency: &'static str,
        operation: &'static str,
        seconds: f64,
        failed: Option<&'static str>,
    ) {
        assert_eq!(dependency, "prometheus");
        assert!(seconds >= 0.0);
        self.0.lock().unwrap().push((operation, failed));
    }
}

fn settings(url: &str) -> Settings {
    Settings {
        url: url.to_owned(),
        timeout: Duration::from_secs(5),
        matchers: [("job".to_owned(), "kube-state-metrics".to_owned())].into(),
    }
}

fn client(fake: &Fake) -> PrometheusClient {
    PrometheusClient::new(settings(&fake.url), Arc::new(Calls::default())).unwrap()
}

fn pods() -> Vec<String> {
    vec!["web-1-a".to_owned(), "web-1-b".to_owned()]
}

fn vector(rows: &[(Value, &str)]) -> Value {
    let result: Vec<Value> = rows
        .iter()
        .map(|(metric, value)| json!({"metric": metric, "value": [1_795_413_120.5, value]}))
        .collect();
    json!({"status": "success", "data": {"resultType": "vector", "result": result}})
}

fn row(pod: &str, uid: &str, extra: &[(&str, &str)]) -> Value {
    let mut labels = json!({"namespace": "lab30", "pod": pod, "uid": uid, "container": "web"});
    for (name, value) in extra {
        labels[*name] = json!(value);
    }
    labels
}

/// Answers `waiting` with this, and the rest as an orderly Prometheus would.
fn waiting_is(answer: Value) -> Behaviour {
    Behaviour::json(move |query| {
        if query.contains("waiting_reason") {
            answer.clone()
        } else {
            orderly(query)
        }
    })
}

fn orderly(query: &str) -> Value {
    match query {
        query if query.starts_with("topk") => vector(&[(row("x", "u", &[]), "1")]),
        query if query.starts_with("min(") => vector(&[(json!({}), "1")]),
        _ => vector(&[]),
    }
}

async fn waiting_fails_with(behaviour: Behaviour, why: Unanswered) {
    let fake = Fake::start(behaviour).await;
    assert_eq!(client(&fake).waiting("lab30", &pods()).await, Err(why));
}

#[tokio::test]
async fn fault_21_prometheus_that_is_down_is_unreachable() {
    let fake = Fake::start(Behaviour::json(orderly)).await;
    let url = fake.stop();
    let client = PrometheusClient::new(settings(&url), Arc::new(Calls::default())).unwrap();
    assert_eq!(client.up().await, Err(Unanswered::Unreachable));
}

#[tokio::test]
async fn fault_21_prometheus_that_is_silent_times_out_and_says_so_to_the_observer() {
    for behaviour in [Behaviour::Silent, Behaviour::DripsForever] {
        let fake = Fake::start(behaviour).await;
        let calls = Arc::new(Calls::default());
        let settings = Settings {
            timeout: Duration::from_millis(300),
            ..settings(&fake.url)
        };
        let client = PrometheusClient::new(settings, calls.clone()).unwrap();
        assert_eq!(client.up().await, Err(Unanswered::TimedOut));
        assert_eq!(*calls.0.lock().unwrap(), [("up", Some("timeout"))]);
    }
}

#[tokio::test]
async fn fault_21_a_server_error_is_no_answer() {
    for status in [400, 422, 429, 500, 503] {
        let body = r#"{"status":"error","errorType":"execution","error":"secret words"}"#;
        waiting_fails_with(Behaviour::Status(status, body), Unanswered::Status(status)).await;
    }
    assert!(!Unanswered::Status(503).to_string().contains("secret"));
}

#[tokio::test]
async fn fault_21_a_connection_that_breaks_in_the_body_is_no_answer() {
    waiting_fails_with(Behaviour::BreaksInBody, Unanswered::Unreachable).await;
}

#[tokio::test]
async fn fault_22_an_error_with_status_200_is_no_answer() {
    let answer = json!({"status": "error", "errorType": "timeout", "error": "query timed out"});
    waiting_fails_with(waiting_is(answer), Unanswered::Failed).await;
}

#[tokio::test]
async fn fault_22_an_answer_in_part_is_no_answer() {
    for (key, value) in [
        ("warnings", json!(["a store is away"])),
        ("isPartial", json!(true)),
    ] {
        let mut answer = vector(&[(row("web-1-a", "a", &[("reason", "ErrImagePull")]), "1")]);
        answer[key] = value;
        waiting_fails_with(waiting_is(answer), Unanswered::Partial).await;
    }
}

#[tokio::test]
async fn fault_22_notes_about_style_do_not_spoil_an_answer() {
    let mut answer = vector(&[]);
    answer["infos"] = json!(["metric might not be a counter"]);
    let fake = Fake::start(waiting_is(answer)).await;
    assert_eq!(
        client(&fake).waiting("lab30", &pods()).await,
        Ok(Vec::new())
    );
}

#[tokio::test]
async fn fault_22_another_type_of_result_is_no_answer() {
    for (kind, result) in [
        ("scalar", json!([1, "1"])),
        ("string", json!([1, "x"])),
        ("matrix", json!([])),
    ] {
        let answer = json!({"status": "success", "data": {"resultType": kind, "result": result}});
        waiting_fails_with(waiting_is(answer), Unanswered::WrongType).await;
    }
}

#[tokio::test]
async fn fault_22_what_is_not_the_promised_json_is_no_answer() {
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        "\u{0}",
        r#"{"status":"success","data":{"resultType":"vector","result":[{}]}}"#,
    ] {
        waiting_fails_with(Behaviour::Status(200, body), Unanswered::Unreadable).await;
    }
}

#[tokio::test]
async fn fault_23_a_value_that_is_not_a_number_is_no_answer() {
    for value in ["NaN", "+Inf", "-Inf"] {
        let answer = vector(&[(row("web-1-a", "a", &[("reason", "ErrImagePull")]), value)]);
        waiting_fails_with(waiting_is(answer), Unanswered::NotANumber).await;
    }
}

#[tokio::test]
async fn fault_23_two_series_for_one_key_are_ambiguous() {
    let twice = row("web-1-a", "a", &[("reason", "ErrImagePull")]);
    let answer = vector(&[(twice.clone(), "1"), (twice, "1")]);
    waiting_fails_with(
        waiting_is(answer),
        Unanswered::Ambiguous("waiting container"),
    )
    .await;
}

#[tokio::test]
async fn fault_23_a_container_that_two_sources_count_for_is_ambiguous() {
    let fake = Fake::start(Behaviour::json(|query| {
        if !query.contains("restarts_total") {
            return orderly(query);
        }
        let rows = [("count", "0"), ("ambiguous", "2")];
        vector(&rows.map(|(kind, value)| (row("web-1-a", "a", &[("ripcord_row", kind)]), value)))
    }))
    .await;
    let restarts = client(&fake)
        .restarts("lab30", &pods(), SignedDuration::from_mins(10))
        .await;
    assert_eq!(restarts, Err(Unanswered::Ambiguous("container's restarts")));
}

#[tokio::test]
async fn fault_23_two_deployments_of_one_name_are_ambiguous_and_half_a_count_is_none() {
    let count =
        |metric: &str| json!({"__name__": metric, "namespace": "lab30", "deployment": "web"});
    let spec = count("kube_deployment_spec_replicas");
    let available = count("kube_deployment_status_replicas_available");
    for (rows, expected) in [
        (
            vec![(spec.clone(), "1"), (spec.clone(), "2")],
            Err(Unanswered::Ambiguous("deployment's replicas")),
        ),
        (
            vec![(spec.clone(), "1.5"), (available.clone(), "1")],
            Err(Unanswered::Unreadable),
        ),
        (vec![(spec.clone(), "1")], Ok(BTreeMap::new())),
        (vec![], Ok(BTreeMap::new())),
    ] {
        let fake = Fake::start(Behaviour::json(move |query| {
            if query.contains("kube_deployment") {
                vector(&rows)
            } else {
                orderly(query)
            }
        }))
        .await;
        let web = ["web".to_owned()];
        assert_eq!(client(&fake).replicas("lab30", &web).await, expected);
    }
}

fn live() -> Vec<(String, Uid)> {
    vec![
        ("web-1-a".to_owned(), Uid::new("a")),
        ("web-1-b".to_owned(), Uid::new("b")),
    ]
}

fn web() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: "lab30".to_owned(),
        name: "web".to_owned(),
    }
}

async fn gathered(behaviour: Behaviour) -> Metrics {
    let fake = Fake::start(behaviour).await;
    evidence::prometheus::gather(&client(&fake), &web(), &live()).await
}

#[tokio::test]
async fn fault_23_an_empty_answer_says_something_only_while_the_source_is_up() {
    let metrics = gathered(Behaviour::json(orderly)).await;
    assert_eq!(metrics.waiting, Observed::Absent);
    assert_eq!(
        metrics.restarts,
        Observed::Absent,
        "a missing series is never 0"
    );
    for up in [vector(&[]), vector(&[(json!({}), "0")])] {
        let metrics = gathered(Behaviour::json(move |query| {
            if query.starts_with("min(") {
                up.clone()
            } else {
                orderly(query)
            }
        }))
        .await;
        let down = Some("kube-state-metrics is not up in prometheus");
        assert_eq!(metrics.waiting.unavailable(), down);
        assert_eq!(metrics.restarts.unavailable(), down);
        assert_eq!(metrics.terminations.unavailable(), down);
        assert_eq!(metrics.replicas.unavailable(), down);
    }
}

#[tokio::test]
async fn fault_24_series_that_outlived_their_source_are_not_believed() {
    let stale = vector(&[(row("web-1-a", "a", &[("reason", "ErrImagePull")]), "1")]);
    let metrics = gathered(Behaviour::json(move |query| match query {
        // The age of the last scrape is part of the question.
        query if query.starts_with("min(") => {
            assert!(query.contains("time() - timestamp("), "{query}");
            vector(&[(json!({}), "0")])
        }
        query if query.contains("waiting_reason") => stale.clone(),
        query => orderly(query),
    }))
    .await;
    assert!(metrics.waiting.unavailable().is_some());
}

#[tokio::test]
async fn fault_25_series_of_pods_that_do_not_live_are_dropped() {
    let reason = &[("reason", "ErrImagePull")];
    let answer = vector(&[
        (row("web-1-a", "a", reason), "1"),
        (row("web-1-a", "old-uid", reason), "1"),
        (row("web-1-b", "a", reason), "1"),
        (row("stranger", "z", reason), "1"),
    ]);
    let metrics = gathered(waiting_is(answer)).await;
    let known = metrics.waiting.known().unwrap();
    let rows: Vec<_> = known
        .iter()
        .map(|row| (row.pod.as_str(), row.uid.as_str()))
        .collect();
    assert_eq!(rows, [("web-1-a", "a")]);
}

#[tokio::test]
async fn fault_25_a_row_about_another_namespace_is_no_answer() {
    let mut elsewhere = row("web-1-a", "a", &[("reason", "ErrImagePull")]);
    elsewhere["namespace"] = json!("kube-system");
    waiting_fails_with(
        waiting_is(vector(&[(elsewhere, "1")])),
        Unanswered::Unreadable,
    )
    .await;
}

#[tokio::test]
async fn fault_26_an_endless_body_is_cut_off() {
    let fake = Fake::start(Behaviour::FloodsForever).await;
    assert_eq!(client(&fake).up().await, Err(Unanswered::TooLarge));
    // What was sent stays near the 8 MiB that are read: the rest is what fits into the sockets' buffers.
    assert!(fake.flooded().await < 64 * 1024 * 1024);
}

#[tokio::test]
async fn fault_26_a_compressed_body_is_neither_asked_for_nor_unpacked() {
    let fake = Fake::start(Behaviour::Gzip).await;
    assert_eq!(client(&fake).up().await, Err(Unanswered::Unreadable));
    assert!(
        !fake
            .heads()
            .concat()
            .to_lowercase()
            .contains("accept-encoding")
    );
}

#[tokio::test]
async fn threat_t6_hostile_names_are_refused_before_anything_is_sent() {
    let fake = Fake::start(Behaviour::json(orderly)).await;
    let client = client(&fake);
    let hostile = r#"lab30"} or vector(1) or up{x=""#;
    let names = vec!["web-1-a".to_owned(), hostile.to_owned()];
    let good = pods();
    let to = Timestamp::from_second(1_795_413_120).unwrap();
    let range = Range {
        from: to - SignedDuration::from_hours(1),
        to,
        step: SignedDuration::from_mins(1),
    };
    let window = SignedDuration::from_mins(10);
    let refused = Some(Unanswered::UnsafeName);
    assert_eq!(client.waiting(hostile, &good).await.err(), refused);
    assert_eq!(client.waiting("lab30", &names).await.err(), refused);
    assert_eq!(client.waiting_in_namespace(hostile).await.err(), refused);
    assert_eq!(
        client.restarts("lab30", &names, window).await.err(),
        refused
    );
    assert_eq!(client.terminations("lab30", &names).await.err(), refused);
    assert_eq!(client.replicas("lab30", &names).await.err(), refused);
    assert_eq!(
        client.replica_history("lab30", &names, range).await.err(),
        refused
    );
    for kind in [SetKind::StatefulSet, SetKind::DaemonSet] {
        let asked = client.set_history(kind, "lab30", &names, range).await;
        assert_eq!(asked.err(), refused);
        let asked = client.set_digests(kind, hostile, &good, window).await;
        assert_eq!(asked.err(), refused);
        let many = vec!["db".to_owned(); MOST_SETS + 1];
        let asked = client.set_history(kind, "lab30", &many, range).await;
        assert_eq!(asked.err(), Some(Unanswered::TooMuchAsked));
    }
    for config in [config_map(hostile), config_map("Settings")] {
        let asked = client.config_changes("lab30", &[config], range).await;
        assert_eq!(asked.err(), refused);
    }
    let settings = [config_map("settings")];
    let asked = client.config_changes(hostile, &settings, range).await;
    assert_eq!(asked.err(), refused);
    assert_eq!(client.node_troubles(&names).await.err(), refused);
    assert_eq!(client.pull_failures(&names).await.err(), refused);
    let many = vec![config_map("settings"); MOST_CONFIGS + 1];
    let asked = client.config_changes("lab30", &many, range).await;
    assert_eq!(asked.err(), Some(Unanswered::TooMuchAsked));
    let many = vec!["web-1-a".to_owned(); MOST_PODS + 1];
    assert_eq!(
        client.waiting("lab30", &many).await.err(),
        Some(Unanswered::TooMuchAsked)
    );
    assert_eq!(fake.queries(), Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn threat_t6_no_text_breaks_out_of_a_matcher(name in "\\PC{0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fake = Fake::start(Behaviour::json(orderly)).await;
            let answer = client(&fake).waiting(&name, &pods()).await;
            for query in fake.queries() {
                assert!(answer.is_ok() && (query.contains(&format!("namespace=\"{name}\"")) || query.starts_with("topk")));
                assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)));
            }
        });
    }
}

#[test]
fn threat_t6_settings_that_could_break_out_are_refused() {
    let observer = || Arc::new(Calls::default());
    for label in ["", "9", "a-b", "a=\"", "job\n"] {
        let matchers: BTreeMap<_, _> = [(label.to_owned(), "x".to_owned())].into();
        let made = PrometheusClient::new(
            Settings {
                matchers,
                ..settings("http://127.0.0.1")
            },
            observer(),
        );
        assert!(matches!(made, Err(BuildError::Label(_))), "{label:?}");
    }
    for url in [
        "",
        "prometheus:9090",
        "file:///etc/passwd",
        "http://x/?a=b",
        "http://x/#y",
    ] {
        let made = PrometheusClient::new(settings(url), observer());
        assert!(matches!(made, Err(BuildError::Url)), "{url}");
    }
}

#[tokio::test]
async fn threat_t7_every_selector_has_the_configured_matchers() {
    // Ranges are answered as such, or the first one's failure would call the others back.
    let fake = Fake::start(Behaviour::json(|query| {
        if query.starts_with("label_replace") || query.starts_with("sum by") {
            answer(&[])
        } else {
            orderly(query)
        }
    }))
    .await;
    let client = PrometheusClient::new(
        Settings {
            matchers: [
                ("cluster".to_owned(), "a\"b\\".to_owned()),
                ("job".to_owned(), "ksm".to_owned()),
            ]
            .into(),
            ..settings(&fake.url)
        },
        Arc::new(Calls::default()),
    )
    .unwrap();
    evidence::prometheus::gather(&client, &web(), &live()).await;
    let _ = client.waiting_in_namespace("lab30").await;
    let now = Timestamp::from_second(1_795_413_120).unwrap();
    let (hour, step) = (SignedDuration::from_hours(1), SignedDuration::from_mins(1));
    evidence::history::gather(&client, &web(), &revisions(), now, hour, step).await;
    for kind in [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet] {
        evidence::history::gather(&client, &set(kind), &revisions(), now, hour, step).await;
    }
    let range = Range {
        from: now - hour,
        to: now,
        step,
    };
    let settings = [config_map("settings")];
    let _ = client.config_changes("lab30", &settings, range).await;
    let _ = client.node_troubles(&["n1".to_owned()]).await;
    let _ = client.pull_failures(&["lab30".to_owned()]).await;
    let queries = fake.queries();
    assert!(queries.len() >= 24, "{queries:?}");
    for query in queries {
        let selectors = query.matches("{__name__=").count();
        assert!(
            selectors > 0 && selectors == query.matches('{').count(),
            "{query}"
        );
        assert_eq!(
            query.matches(r#",cluster="a\"b\\",job="ksm""#).count(),
            selectors,
            "{query}"
        );
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let canary = Fake::start(Behaviour::json(orderly)).await;
    for status in [301, 302, 303, 307, 308] {
        let fake = Fake::start(Behaviour::Redirect(status, canary.url.clone())).await;
        assert_eq!(client(&fake).up().await, Err(Unanswered::Status(status)));
        let spec = HttpProbe {
            url: fake.url.clone(),
            host: None,
            status: 200,
        };
        assert_eq!(HttpProber.probe(&spec).await.unwrap(), status);
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn the_path_of_the_base_address_is_kept() {
    let fake = Fake::start(Behaviour::json(orderly)).await;
    for base in ["/prometheus/", "/prometheus"] {
        let settings = settings(&format!("{}{base}", fake.url));
        let client = PrometheusClient::new(settings, Arc::new(Calls::default())).unwrap();
        assert_eq!(client.up().await, Ok(true));
    }
    assert!(
        fake.heads()
            .iter()
            .all(|head| head.starts_with("POST /prometheus/api/v1/query HTTP/1.1\r\n"))
    );
}

#[tokio::test]
async fn labels_that_the_scrape_renamed_are_found_out_once() {
    let fake = Fake::start(Behaviour::json(|query| {
        let renamed = |extra: &[(&str, &str)]| {
            let mut labels = json!({
                "namespace": "monitoring", "pod": "kube-state-metrics-0", "container": "kube-state-metrics", "uid": "a",
                "exported_namespace": "lab30", "exported_pod": "web-1-a", "exported_container": "web",
            });
            for (name, value) in extra {
                labels[*name] = json!(value);
            }
            labels
        };
        match query {
            query if query.starts_with("topk") => vector(&[(renamed(&[]), "1")]),
            query if query.contains("waiting_reason") => {
                assert!(query.contains(r#"exported_namespace="lab30""#) && query.contains("exported_pod=~"), "{query}");
                vector(&[(renamed(&[("reason", "ErrImagePull")]), "1")])
            }
            query => orderly(query),
        }
    }))
    .await;
    let client = client(&fake);
    for _ in 0..2 {
        let waiting = client.waiting("lab30", &pods()).await.unwrap();
        assert_eq!(
            (waiting[0].pod.as_str(), waiting[0].container.as_str()),
            ("web-1-a", "web")
        );
    }
    let asked = fake
        .queries()
        .iter()
        .filter(|query| query.starts_with("topk"))
        .count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn labels_that_could_not_be_found_out_are_asked_for_again() {
    let first = Mutex::new(true);
    let fake = Fake::start(Behaviour::json(move |query| {
        let failing = query.starts_with("topk") && std::mem::take(&mut *first.lock().unwrap());
        if failing { vector(&[]) } else { orderly(query) }
    }))
    .await;
    let client = client(&fake);
    assert_eq!(
        client.waiting("lab30", &pods()).await,
        Err(Unanswered::NoSeries)
    );
    // Whoever asks in the same moment gets the same.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(client.waiting("lab30", &pods()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn no_pods_are_no_question() {
    let fake = Fake::start(Behaviour::json(orderly)).await;
    assert_eq!(client(&fake).waiting("lab30", &[]).await, Ok(Vec::new()));
    assert_eq!(fake.queries(), Vec::<String>::new());
}

#[tokio::test]
async fn a_termination_without_an_exit_code_is_still_one() {
    let fake = Fake::start(Behaviour::json(|query| {
        if !query.contains("last_terminated") {
            return orderly(query);
        }
        let reason = [
            (
                "__name__",
                "kube_pod_init_container_status_last_terminated_reason",
            ),
            ("reason", "Error"),
        ];
        let gone = [
            (
                "__name__",
                "kube_pod_container_status_last_terminated_reason",
            ),
            ("reason", "OOMKilled"),
        ];
        let code = [(
            "__name__",
            "kube_pod_container_status_last_terminated_exitcode",
        )];
        vector(&[
            (row("web-1-a", "a", &reason), "1"),
            (row("web-1-a", "a", &gone), "0"),
            (row("web-1-b", "b", &reason), "1"),
            (row("web-1-b", "b", &code), "127"),
        ])
    }))
    .await;
    let rows = client(&fake).terminations("lab30", &pods()).await.unwrap();
    let facts: Vec<_> = rows
        .iter()
        .map(|row| (row.reason.as_str(), row.exit_code))
        .collect();
    assert_eq!(facts, [("Error", None), ("Error", Some(127))]);
}

fn revision(name: &str, number: i64, created: i64) -> Revision {
    Revision {
        name: RevisionName::new(name),
        uid: Uid::new(name),
        hash: TemplateHash::new(name),
        number,
        created: Timestamp::from_second(created).unwrap(),
        replicas_wanted: 1,
        template: Value::Null,
        change_cause: None,
    }
}

fn revisions() -> Revisions {
    Revisions {
        newest: Some(revision("web-2", 2, 1_795_412_900)),
        older: vec![revision("web-1", 1, 1_795_400_000)],
    }
}

fn config_map(name: &str) -> ConfigName {
    ConfigName {
        kind: ConfigKind::ConfigMap,
        name: name.to_owned(),
    }
}

/// What is said of the ConfigMap `settings` over the six minutes: rows of a kind with their steps and versions; and whether it is there now.
async fn config_of(
    rows: &[(&'static str, &[(i64, &'static str)])],
    present: bool,
) -> Result<BTreeMap<ConfigName, ConfigHistory>, Unanswered> {
    let labels = json!({"namespace": "lab30", "configmap": "settings"});
    let moved: Vec<Value> = rows
        .iter()
        .map(|(kind, values)| {
            let mut labels = labels.clone();
            labels["ripcord_row"] = json!(kind);
            let values: Vec<Value> = values
                .iter()
                .map(|(at, version)| json!([at, version]))
                .collect();
            json!({"metric": labels, "values": values})
        })
        .collect();
    let fake = Fake::start(Behaviour::json(move |query| match query {
        query if query.starts_with("label_replace") => answer(&moved),
        query if query.starts_with("group by") && present => vector(&[(labels.clone(), "1")]),
        query => orderly(query),
    }))
    .await;
    let to = Timestamp::from_second(MINUTES[5]).unwrap();
    let range = Range {
        from: to - SignedDuration::from_mins(5),
        to,
        step: SignedDuration::from_mins(1),
    };
    client(&fake)
        .config_changes("lab30", &[config_map("settings")], range)
        .await
}

#[tokio::test]
async fn configuration_that_is_not_exported_is_missing_and_not_unchanged() {
    assert_eq!(config_of(&[], false).await, Ok(BTreeMap::new()));
    let gone: (&str, &[(i64, &str)]) = ("changed", &[(MINUTES[2], "12")]);
    assert_eq!(config_of(&[gone], false).await, Ok(BTreeMap::new()));
}

#[tokio::test]
async fn a_version_that_is_no_number_is_no_answer() {
    let rows: (&str, &[(i64, &str)]) = ("changed", &[(MINUTES[2], "NaN")]);
    assert_eq!(config_of(&[rows], true).await, Err(Unanswered::NotANumber));
}

#[tokio::test]
async fn a_change_is_dated_by_the_step_that_saw_it() {
    let rows: [(&str, &[(i64, &str)]); 2] = [
        ("changed", &[(MINUTES[4], "1.5e+06")]),
        ("began", &[(MINUTES[1], "1200")]),
    ];
    let histories = config_of(&rows, true).await.unwrap();
    let at = |index: usize| Timestamp::from_second(MINUTES[index]).unwrap();
    let expected = ConfigHistory {
        known_since: at(1),
        changed_at: vec![at(4)],
    };
    assert_eq!(histories.get(&config_map("settings")), Some(&expected));
}

#[tokio::test]
async fn two_sources_that_say_different_versions_for_long_are_ambiguous() {
    let handover: (&str, &[(i64, &str)]) = ("ambiguous", &[(MINUTES[1], "9")]);
    assert!(config_of(&[handover], true).await.is_ok());
    let steps: &'static [(i64, &'static str)] = Box::leak(
        (0..20)
            .map(|minute| (MINUTES[0] + 60 * minute, "9"))
            .collect::<Vec<_>>()
            .into_boxed_slice(),
    );
    let ambiguous = config_of(&[("ambiguous", steps)], true).await;
    assert_eq!(ambiguous, Err(Unanswered::Ambiguous("config")));
}

#[tokio::test]
async fn a_pull_that_fails_is_told_with_its_image_and_its_owner() {
    let extra = [
        ("image_spec", "registry.example/web:2"),
        ("owner_kind", "ReplicaSet"),
        ("owner_name", "web-5b94"),
    ];
    let mut elsewhere = row("web-5b94-b", "b", &extra);
    elsewhere["namespace"] = json!("kube-system");
    let asked = ["lab30".to_owned()];
    let fake = Fake::start(waiting_is(vector(&[(row("web-5b94-a", "a", &extra), "1")]))).await;
    let failures = client(&fake).pull_failures(&asked).await.unwrap();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].image, "registry.example/web:2");
    assert_eq!(failures[0].workload(), "lab30/web");
    let fake = Fake::start(waiting_is(vector(&[(elsewhere, "1")]))).await;
    let foreign = client(&fake).pull_failures(&asked).await;
    assert_eq!(foreign, Err(Unanswered::Unreadable));
}

/// Prometheus answers 422 where the one side of a join has two rows; so one pod would cost all the others their answer.
#[tokio::test]
async fn no_pod_with_several_owners_can_spoil_a_join() {
    // Whatever the others make of it: no range query may be given up before it was sent.
    let fake = Fake::start(Behaviour::json(|query| match query {
        query if query.starts_with("topk") => orderly(query),
        _ => answer(&[]),
    }))
    .await;
    let client = client(&fake);
    let asked = ["lab30".to_owned()];
    let sets = ["web-1".to_owned()];
    let now = Timestamp::from_second(1_795_413_120).unwrap();
    let (hour, step) = (SignedDuration::from_hours(1), SignedDuration::from_mins(1));
    let range = Range {
        from: now - hour,
        to: now,
        step,
    };
    let _ = client.pull_failures(&asked).await;
    let _ = client.digests("lab30", &sets, hour).await;
    let _ = client.replica_history("lab30", &sets, range).await;
    let single = [
        "topk by (namespace,pod,uid) (1, ",
        "max by (namespace,pod,uid,container) (",
        "sum by (namespace,pod,uid) (",
        "(max by (namespace,pod,uid,owner_name) (",
    ];
    let mut joins = 0;
    for query in fake.queries() {
        for (_, right) in query
            .match_indices("group_left (")
            .map(|(at, _)| query.split_at(at))
        {
            let (_, right) = right.split_once(") ").unwrap();
            joins += 1;
            assert!(
                single.iter().any(|single| right.starts_with(single)),
                "{right}"
            );
            if right.starts_with("(max") {
                assert!(
                    right.contains(" and on (namespace,pod,uid) count by (namespace,pod,uid) ("),
                    "{right}"
                );
            }
        }
    }
    assert_eq!(joins, 5);
}

fn matrix(key: &str, replicaset: &str, steps: &[i64], value: &str) -> Value {
    let values: Vec<Value> = steps.iter().map(|step| json!([step, value])).collect();
    json!({"metric": {"namespace": "lab30", key: replicaset}, "values": values})
}

fn answer(result: &[Value]) -> Value {
    json!({"status": "success", "data": {"resultType": "matrix", "result": result}})
}

const MINUTES: [i64; 6] = [
    1_795_412_820,
    1_795_412_880,
    1_795_412_940,
    1_795_413_000,
    1_795_413_060,
    1_795_413_120,
];

fn remembers(query: &str) -> Value {
    let one = |key, steps: &[i64], value| answer(&[matrix(key, "web-1", steps, value)]);
    match query {
        query if query.starts_with("count by") => answer(&[]),
        query if query.starts_with("sum by") => one("owner_name", &MINUTES, "0"),
        query if query.contains("kube_replicaset_status_ready_replicas") => {
            one("replicaset", &MINUTES[..4], "1")
        }
        query if query.contains("kube_replicaset_spec_replicas") => answer(&[
            matrix("replicaset", "web-1", &MINUTES, "1"),
            matrix("replicaset", "web-2", &MINUTES[2..], "1"),
        ]),
        query => orderly(query),
    }
}

async fn history_of(
    fake: &Fake,
) -> (
    Observed<BTreeMap<RevisionName, Option<u32>>>,
    Observed<Timestamp>,
) {
    let now = Timestamp::from_second(MINUTES[5]).unwrap();
    let (week, step) = (
        SignedDuration::from_hours(7 * 24),
        SignedDuration::from_mins(1),
    );
    let (health, rolled_out) =
        evidence::history::gather(&client(fake), &web(), &revisions(), now, week, step).await;
    let samples = health.map(|health| {
        let count = |stretch: ripcord::domain::evidence::HealthyStretch| stretch.samples;
        health
            .into_iter()
            .map(|(name, history)| (name, history.longest.map(count)))
            .collect()
    });
    (samples, rolled_out)
}

#[tokio::test]
async fn a_history_proves_the_good_revision_and_dates_the_rollout() {
    let fake = Fake::start(Behaviour::json(remembers)).await;
    let (samples, rolled_out) = history_of(&fake).await;
    let expected = [
        (RevisionName::new("web-1"), Some(4)),
        (RevisionName::new("web-2"), None),
    ];
    assert_eq!(samples, Observed::Known(expected.into()));
    assert_eq!(
        rolled_out,
        Observed::Known(Timestamp::from_second(MINUTES[1]).unwrap())
    );
    let range = fake
        .forms()
        .into_iter()
        .find(|form| form.contains_key("step"))
        .unwrap();
    assert_eq!(
        (
            range["start"].as_str(),
            range["end"].as_str(),
            range["step"].as_str()
        ),
        ("1794808320", "1795413120", "60")
    );
}

#[tokio::test]
async fn a_history_of_which_one_part_failed_is_none_at_all() {
    for part in ["count by", "sum by", "min by", "max by"] {
        let fake = Fake::start(Behaviour::json(move |query| {
            if query.starts_with(part) {
                json!({"status": "error"})
            } else {
                remembers(query)
            }
        }))
        .await;
        let (samples, rolled_out) = history_of(&fake).await;
        assert!(
            samples.unavailable().is_some() && rolled_out.unavailable().is_some(),
            "{part}"
        );
    }
}

#[tokio::test]
async fn an_empty_history_says_something_only_while_the_source_is_up() {
    for (up, unavailable) in [("1", false), ("0", true)] {
        let fake = Fake::start(Behaviour::json(move |query| match query {
            query if query.starts_with("topk") => orderly(query),
            query if query.starts_with("min(") => vector(&[(json!({}), up)]),
            _ => answer(&[]),
        }))
        .await;
        let (samples, rolled_out) = history_of(&fake).await;
        assert_eq!(samples.unavailable().is_some(), unavailable);
        assert_eq!(rolled_out == Observed::Absent, !unavailable);
    }
}

#[tokio::test]
async fn two_series_for_one_replicaset_make_a_history_ambiguous() {
    let fake = Fake::start(Behaviour::json(|query| {
        if query.starts_with("max by") {
            return answer(&[
                matrix("replicaset", "web-1", &MINUTES, "1"),
                matrix("replicaset", "web-1", &MINUTES, "0"),
            ]);
        }
        remembers(query)
    }))
    .await;
    assert_eq!(
        history_of(&fake).await.0.unavailable(),
        Some("ambiguous: two series for one replicaset")
    );
}

fn set(kind: WorkloadKind) -> WorkloadRef {
    WorkloadRef { kind, ..web() }
}

/// A row of a StatefulSet or a DaemonSet: its kind, by the label that a question gives it, and its other labels.
fn set_row(of: &str, extra: &[(&str, &str)], steps: &[i64], value: &str) -> Value {
    let mut row = matrix(of, "web", steps, value);
    for (name, value) in extra {
        row["metric"][*name] = json!(value);
    }
    row
}

/// One pod of `web-1` for four minutes, then one of `web-2` that does not get ready.
fn remembers_sets(query: &str) -> Value {
    let of = if query.contains("kube_statefulset") {
        "statefulset"
    } else {
        "daemonset"
    };
    let count = |row, steps: &[i64]| set_row(of, &[("ripcord_row", row)], steps, "1");
    let named = |row, name, steps: &[i64]| {
        set_row(of, &[("ripcord_row", row), ("revision", name)], steps, "1")
    };
    let image = |image, steps: &[i64], value| {
        let labels = [("container", "web"), ("image_spec", image)];
        set_row("owner_name", &labels, steps, value)
    };
    match query {
        query if query.starts_with("group by") => vector(&[]),
        query if query.contains(r#""wanted""#) => answer(&[
            count("wanted", &MINUTES),
            count("updated", &MINUTES),
            count("total", &MINUTES),
            count("ready", &MINUTES[..4]),
        ]),
        query if query.contains(r#""current""#) => answer(&[
            named("current", "web-1", &MINUTES),
            named("update", "web-1", &MINUTES[..4]),
            named("update", "web-2", &MINUTES[4..]),
        ]),
        query if query.contains("_restarts_total") => answer(&[
            image("web:1", &MINUTES[..4], "0"),
            image("web:2", &MINUTES[4..], "0"),
        ]),
        query if query.contains("kube_pod_status_ready") => answer(&[
            image("web:1", &MINUTES[..4], "1"),
            image("web:2", &MINUTES[4..], "0"),
        ]),
        query if query.starts_with("sum by") => answer(&[
            image("web:1", &MINUTES[..4], "1"),
            image("web:2", &MINUTES[4..], "1"),
        ]),
        query => orderly(query),
    }
}

const SETS: [WorkloadKind; 2] = [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet];

async fn history_of_set(
    kind: WorkloadKind,
    behaviour: impl Fn(&str) -> Value + Send + Sync + 'static,
) -> evidence::history::Told {
    let fake = Fake::start(Behaviour::json(behaviour)).await;
    let image = |revision: &mut Revision, image: &str| {
        revision.template = json!({"spec": {"containers": [{"name": "web", "image": image}]}});
    };
    let mut revisions = revisions();
    revisions
        .newest
        .iter_mut()
        .for_each(|newest| image(newest, "web:2"));
    revisions
        .older
        .iter_mut()
        .for_each(|older| image(older, "web:1"));
    let now = Timestamp::from_second(MINUTES[5]).unwrap();
    let (hour, step) = (SignedDuration::from_hours(1), SignedDuration::from_mins(1));
    evidence::history::gather(&client(&fake), &set(kind), &revisions, now, hour, step).await
}

#[tokio::test]
async fn a_set_s_history_of_which_one_part_failed_or_is_no_number_is_none_at_all() {
    let parts = [
        r#""wanted""#,
        "_restarts_total",
        "kube_pod_status_ready",
        "sum by",
    ];
    for (kind, part) in SETS.iter().flat_map(|kind| parts.map(|part| (*kind, part))) {
        for bad in [
            json!({"status": "error"}),
            answer(&[set_row("owner_name", &[], &MINUTES, "NaN")]),
            json!({"status": "success", "warnings": ["x"], "data": {"resultType": "matrix", "result": []}}),
        ] {
            let (health, rolled_out) = history_of_set(kind, move |query| {
                if query.contains(part) {
                    bad.clone()
                } else {
                    remembers_sets(query)
                }
            })
            .await;
            assert!(health.unavailable().is_some(), "{kind} {part}");
            assert!(rolled_out.unavailable().is_some(), "{kind} {part}");
        }
    }
}

#[tokio::test]
async fn two_sources_for_one_set_make_a_history_ambiguous() {
    for (kind, of) in SETS.into_iter().zip(["statefulset", "daemonset"]) {
        let steps: Vec<i64> = (0..20).map(|minute| MINUTES[0] + 60 * minute).collect();
        let (health, _) = history_of_set(kind, move |query| {
            if query.contains(r#""wanted""#) {
                let row = |row, value| set_row(of, &[("ripcord_row", row)], &steps, value);
                return answer(&[row("wanted", "1"), row("ambiguous", "2")]);
            }
            remembers_sets(query)
        })
        .await;
        assert_eq!(
            health.unavailable(),
            Some("ambiguous: two series for one workload")
        );
    }
}

#[tokio::test]
async fn a_set_s_empty_history_says_something_only_while_the_source_is_up() {
    for (kind, up) in SETS.into_iter().flat_map(|kind| [(kind, "1"), (kind, "0")]) {
        let (health, _) = history_of_set(kind, move |query| match query {
            query if query.starts_with("topk") => orderly(query),
            query if query.starts_with("min(") => vector(&[(json!({}), up)]),
            _ => answer(&[]),
        })
        .await;
        assert_eq!(health.unavailable().is_some(), up == "0", "{kind}");
    }
}

#[tokio::test]
async fn a_set_s_history_proves_the_good_revision_with_its_digest_and_dates_the_rollout() {
    for kind in SETS {
        let digest = format!("web@sha256:{}", "a".repeat(64));
        let ran = digest.clone();
        let (health, rolled_out) = history_of_set(kind, move |query| {
            if query.starts_with("group by") {
                let labels = json!({"namespace": "lab30", "owner_name": "web", "container": "web", "image_spec": "web:1", "image_id": ran});
                return vector(&[(labels, "1")]);
            }
            remembers_sets(query)
        })
        .await;
        let health = health.known().unwrap().clone();
        let (good, bad) = (
            &health[&RevisionName::new("web-1")],
            &health[&RevisionName::new("web-2")],
        );
        assert_eq!(good.longest.unwrap().samples, 4, "{kind}");
        assert!(good.digests["web"].contains(&digest) && bad.digests.is_empty());
        assert_eq!(
            (bad.longest, bad.unrefuted >= SignedDuration::from_mins(2)),
            (None, false)
        );
        // By the status that named it last, and by the creation.
        let expected = match kind {
            WorkloadKind::StatefulSet => MINUTES[3],
            _ => 1_795_412_900,
        };
        let expected = Timestamp::from_second(expected).unwrap();
        assert_eq!(rolled_out, Observed::Known(expected), "{kind}");
    }
}

#[tokio::test]
async fn a_probe_reads_the_status_alone_and_sends_the_host_it_is_told() {
    let fake = Fake::start(Behaviour::FloodsForever).await;
    let spec = HttpProbe {
        url: format!("{}/health", fake.url),
        host: Some("lab30.test".to_owned()),
        status: 200,
    };
    assert_eq!(HttpProber.probe(&spec).await.unwrap(), 200);
    let head = fake.heads().concat().to_lowercase();
    assert!(
        head.starts_with("get /health http/1.1\r\n") && head.contains("host: lab30.test\r\n"),
        "{head}"
    );
    assert_eq!(head.matches("host:").count(), 1, "{head}");
}

#[tokio::test]
async fn a_probe_without_an_answer_has_no_status() {
    let spec = |url: &str, host: Option<&str>| HttpProbe {
        url: url.to_owned(),
        host: host.map(str::to_owned),
        status: 200,
    };
    let silent = Fake::start(Behaviour::Silent).await;
    assert!(matches!(
        HttpProber.probe(&spec(&silent.url, None)).await,
        Err(Unprobed::TimedOut)
    ));
    let gone = Fake::start(Behaviour::Silent).await.stop();
    assert!(matches!(
        HttpProber.probe(&spec(&gone, None)).await,
        Err(Unprobed::Unreachable)
    ));
    for (url, host) in [("not an address", None), (gone.as_str(), Some("a\nb"))] {
        assert!(matches!(
            HttpProber.probe(&spec(url, host)).await,
            Err(Unprobed::Unusable(_))
        ));
    }
}
