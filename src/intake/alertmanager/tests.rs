use super::*;
use crate::domain::alert::Hint;
use crate::domain::identity::Uid;
use crate::domain::workload::WorkloadKind;
use proptest::prelude::*;
use serde_json::{Value, json};

const LIMIT: usize = 100;

fn alert(labels: Value) -> Value {
    let mut alert = json!({"status": "firing", "startsAt": "2026-11-23T04:00:09.18Z", "fingerprint": "7fbbdec68edf26a8"});
    alert["labels"] = labels;
    alert
}

fn payload(alerts: &[Value]) -> Vec<u8> {
    json!({"version": "4", "alerts": alerts})
        .to_string()
        .into_bytes()
}

fn problems(parsed: &Parsed) -> Vec<Problem> {
    parsed.rejected.keys().copied().collect()
}

/// Parses the alert beside a good one: the good one must be kept.
fn problem_of(bad: Value) -> Problem {
    let good = alert(json!({"alertname": "Good", "namespace": "lab30", "pod": "web-1"}));
    let parsed = parse(&payload(&[bad, good]), LIMIT).unwrap();
    assert_eq!(parsed.alerts.len(), 1);
    assert_eq!(parsed.rejected_count(), 1);
    problems(&parsed)[0]
}

#[test]
fn another_version_is_refused_by_name() {
    for (version, named) in [
        (json!("5"), "\"5\""),
        (json!(4), "4 (a number)"),
        (Value::Null, "(none)"),
        (json!("4\n\u{1b}[31m"), "(unreadable)"),
        (json!(["4"]), "(unreadable)"),
    ] {
        let body = json!({"alerts": {"not": "a list"}, "version": version}).to_string();
        assert_eq!(
            parse(body.as_bytes(), LIMIT),
            Err(PayloadError::Version(named.to_owned()))
        );
    }
    assert_eq!(
        parse(b"{}", LIMIT).unwrap_err().to_string(),
        "payload version (none) is not supported, only version \"4\" is"
    );
}

#[test]
fn malformed_json_is_refused_with_its_place_and_without_its_text() {
    for (body, text) in [
        (
            "{\"version\": \"4\",\n  \"alerts\": [secret]}",
            "malformed JSON at line 2 column 14",
        ),
        (
            "{\"version\": \"4\"",
            "the body ends too soon at line 1 column 15",
        ),
        ("", "the body ends too soon at line 1 column 0"),
        (
            "\"secret\"",
            "JSON is not an Alertmanager payload at line 1 column 8",
        ),
        (
            "[]",
            "JSON is not an Alertmanager payload at line 1 column 0",
        ),
        ("{} secret", "malformed JSON at line 1 column 4"),
        (
            "{\"alerts\": [], \"alerts\": []}",
            "JSON is not an Alertmanager payload at line 1 column 28",
        ),
    ] {
        assert_eq!(
            parse(body.as_bytes(), LIMIT).unwrap_err().to_string(),
            text,
            "{body}"
        );
    }
}

#[test]
fn deep_nesting_and_broken_text_are_refused_without_a_panic() {
    let deep = format!("{{\"version\":\"4\",\"x\":{}", "[".repeat(100_000));
    assert!(matches!(
        parse(deep.as_bytes(), LIMIT),
        Err(PayloadError::Malformed { .. })
    ));
    let surrogate = br#"{"version":"4","alerts":[{"labels":{"pod":"\ud800"}}]}"#;
    assert!(matches!(
        parse(surrogate, LIMIT),
        Err(PayloadError::Malformed { .. })
    ));
    let not_utf8 = b"{\"version\":\"4\",\"alerts\":[{\"labels\":{\"pod\":\"\xff\"}}]}";
    assert!(matches!(
        parse(not_utf8, LIMIT),
        Err(PayloadError::Malformed { .. })
    ));
}

#[test]
fn alerts_that_are_no_list_are_refused() {
    let body = br#"{"version": "4", "alerts": {"a": 1}}"#;
    assert_eq!(parse(body, LIMIT), Err(PayloadError::NoList));
}

#[test]
fn one_bad_alert_never_costs_the_others() {
    let labelled = |name: &str, value: &str| alert(json!({name: value}));
    let with = |key: &str, value: Value| {
        let mut alert = alert(json!({"pod": "web-1"}));
        alert[key] = value;
        alert
    };
    for (bad, problem) in [
        (json!("an alert"), Problem::NotAnObject),
        (json!(null), Problem::NotAnObject),
        (json!([[1]]), Problem::NotAnObject),
        (with("labels", json!("pod")), Problem::LabelsNotAnObject),
        (with("labels", json!(true)), Problem::LabelsNotAnObject),
        (
            with("labels", json!({"pod": {"a": 1}})),
            Problem::LabelNotText,
        ),
        (
            with("labels", json!({"severity": 3})),
            Problem::LabelNotText,
        ),
        (
            labelled("summary", &"x".repeat(1024 * 1024)),
            Problem::LabelTooLong,
        ),
        (labelled(&"x".repeat(64 * 1024), "a"), Problem::LabelTooLong),
        (labelled("pod", "web\"} or vector(1) #"), Problem::NotAName),
        (labelled("pod", "web\nlevel=error"), Problem::NotAName),
        (
            labelled("namespace", "kube-system/../lab30"),
            Problem::NotAName,
        ),
        (with("status", json!("pending")), Problem::Status),
        (with("fingerprint", json!("not hex")), Problem::Fingerprint),
        (
            with("fingerprint", json!("a".repeat(65))),
            Problem::Fingerprint,
        ),
        (
            with("startsAt", json!("yesterday")),
            Problem::StartsAtUnreadable,
        ),
        (
            with("startsAt", json!(1_700_000_000)),
            Problem::StartsAtUnreadable,
        ),
        (
            with("startsAt", json!("2026-11-23T04:00:09")),
            Problem::StartsAtUnreadable,
        ),
        (with("startsAt", Value::Null), Problem::StartsAtUnreadable),
        (
            with("startsAt", json!("0001-01-01T00:00:00Z")),
            Problem::StartsAtImpossible,
        ),
        (
            with("startsAt", json!("9998-12-31T00:00:00Z")),
            Problem::StartsAtImpossible,
        ),
    ] {
        assert_eq!(
            problem_of(bad.clone()),
            problem,
            "{}",
            bad.to_string().chars().take(80).collect::<String>()
        );
    }
    let many: serde_json::Map<String, Value> = (0..10_000)
        .map(|number| (format!("l{number}"), json!("v")))
        .collect();
    assert_eq!(
        problem_of(alert(Value::Object(many))),
        Problem::TooManyLabels
    );
}

#[test]
fn a_key_or_a_label_that_is_there_twice_rejects_its_alert_only() {
    let good = alert(json!({"namespace": "lab30", "pod": "web-1"}));
    for (twice, problem) in [
        (
            r#"{"labels": {"pod": "web-1", "pod": "web-2"}, "startsAt": "2026-11-23T04:00:09Z"}"#,
            Problem::DuplicateLabel,
        ),
        (
            r#"{"labels": {}, "labels": {}, "startsAt": "2026-11-23T04:00:09Z"}"#,
            Problem::DuplicateKey,
        ),
        (
            r#"{"startsAt": "2026-11-23T04:00:09Z", "startsAt": "2026-11-23T04:00:09Z"}"#,
            Problem::DuplicateKey,
        ),
    ] {
        let body = format!(r#"{{"version": "4", "alerts": [{twice}, {good}]}}"#);
        let parsed = parse(body.as_bytes(), LIMIT).unwrap();
        assert_eq!(problems(&parsed), [problem]);
        assert_eq!(parsed.alerts.len(), 1);
    }
}

#[test]
fn alerts_beyond_the_limit_count_as_truncated() {
    let alerts = vec![alert(json!({"pod": "web-1"})); 7];
    let body = json!({"version": "4", "alerts": alerts, "truncatedAlerts": 5}).to_string();
    let parsed = parse(body.as_bytes(), 4).unwrap();
    assert_eq!((parsed.alerts.len(), parsed.truncated), (4, 8));
}

#[test]
fn rejects_are_counted_together_and_the_first_is_named() {
    let bad = |name: &str| alert(json!({"alertname": name, "pod": "no name"}));
    let parsed = parse(
        &payload(&[bad("One\u{1b}"), bad("Two"), bad("Three")]),
        LIMIT,
    )
    .unwrap();
    let rejected = &parsed.rejected[&Problem::NotAName];
    assert_eq!((rejected.count, rejected.first.as_str()), (3, "One"));
    assert_eq!(Problem::NotAName.reason(), SkipReason::InvalidLabels);
    assert_eq!(
        Problem::StartsAtImpossible.reason(),
        SkipReason::InvalidTime
    );
}

#[test]
fn missing_fields_have_defaults() {
    let parsed = parse(br#"{"version": "4"}"#, LIMIT).unwrap();
    assert_eq!(parsed, Parsed::default());
    let parsed = parse(
        br#"{"version": "4", "alerts": null, "truncatedAlerts": -3}"#,
        LIMIT,
    )
    .unwrap();
    assert_eq!(parsed, Parsed::default());
    let body = br#"{"version": "4", "alerts": [{"startsAt": "2026-11-23T04:00:09Z"}]}"#;
    let parsed = parse(body, LIMIT).unwrap();
    let seen = &parsed.alerts[0];
    assert_eq!(seen.status, AlertStatus::Firing);
    assert_eq!(
        (seen.name.as_str(), &seen.namespace, &seen.hint),
        ("(unnamed)", &None, &Hint::Namespace)
    );
    assert_eq!(seen.key.fingerprint.as_str().len(), 64);
}

#[test]
fn a_fingerprint_that_is_made_here_follows_the_labels_and_nothing_else() {
    let made = |labels: Value, starts_at: &str| {
        let body = json!({"version": "4", "alerts": [{"labels": labels, "startsAt": starts_at}]})
            .to_string();
        parse(body.as_bytes(), LIMIT).unwrap().alerts[0]
            .key
            .fingerprint
            .clone()
    };
    let first = made(
        json!({"pod": "a", "namespace": "b"}),
        "2026-11-23T04:00:09Z",
    );
    assert_eq!(
        first,
        made(
            json!({"namespace": "b", "pod": "a"}),
            "2026-11-24T04:00:09Z"
        )
    );
    assert_ne!(
        first,
        made(
            json!({"namespace": "b", "pod": "c"}),
            "2026-11-23T04:00:09Z"
        )
    );
    assert_ne!(
        first,
        made(
            json!({"namespaceb": "", "pod": "a"}),
            "2026-11-23T04:00:09Z"
        )
    );
}

#[test]
fn real_payloads_are_read() {
    let deployments = parse(
        include_bytes!("../../../tests/fixtures/alertmanager/Lab30DeploymentNotReady.firing.json"),
        LIMIT,
    )
    .unwrap();
    let hints: Vec<_> = deployments
        .alerts
        .iter()
        .map(|alert| alert.hint.clone())
        .collect();
    let deployment = |name: &str| Hint::Workload {
        kind: WorkloadKind::Deployment,
        name: name.to_owned(),
    };
    assert_eq!(hints, [deployment("lab30-redis"), deployment("lab30-web")]);

    let restarts = parse(
        include_bytes!("../../../tests/fixtures/alertmanager/Lab30PodRestarts.firing.json"),
        LIMIT,
    )
    .unwrap();
    assert_eq!(
        restarts.alerts,
        [AlertSeen {
            key: AlertKey {
                fingerprint: Fingerprint::new("7fbbdec68edf26a8"),
                starts_at: "2026-11-23T04:00:09.18Z".parse().unwrap(),
            },
            status: AlertStatus::Firing,
            name: "Lab30PodRestarts".to_owned(),
            namespace: Some("lab30".to_owned()),
            hint: Hint::Pod {
                name: "lab30-redis-766bcf59fb-mdtpb".to_owned(),
                uid: Some(Uid::new("cc63c394-a435-41ff-8723-5118f7b318d7")),
            },
        }]
    );

    let resolved = parse(
        include_bytes!("../../../tests/fixtures/alertmanager/Lab30PodRestarts.resolved.json"),
        LIMIT,
    )
    .unwrap();
    assert_eq!(resolved.alerts[0].status, AlertStatus::Resolved);
    assert_eq!(resolved.alerts[0].key, restarts.alerts[0].key);

    let newer = parse(
        include_bytes!("../../../tests/fixtures/alertmanager/v0.34-truncated.firing.json"),
        LIMIT,
    )
    .unwrap();
    assert_eq!(
        (newer.alerts.len(), newer.truncated, newer.rejected_count()),
        (2, 1, 0)
    );
}

/// Whether a text is an RFC 1123 subdomain, by the regular expression of the Kubernetes documentation and not by our own code.
fn is_kubernetes_name(text: &str) -> bool {
    let rule =
        regex::Regex::new(r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z")
            .unwrap();
    text.len() <= 253 && rule.is_match(text)
}

fn label_name() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 12] = [
        "alertname",
        "namespace",
        "exported_namespace",
        "pod",
        "exported_pod",
        "uid",
        "exported_uid",
        "deployment",
        "exported_deployment",
        "statefulset",
        "daemonset",
        "container",
    ];
    prop_oneof![
        4 => proptest::sample::select(&KNOWN[..]).prop_map(str::to_owned),
        1 => ".{0,20}",
    ]
}

fn label_value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?",
        2 => "[a-z\"{}\\\\\n.-]{0,12}",
        1 => ".{0,40}",
        1 => "[a-z]{250,260}",
    ]
}

proptest! {
    #[test]
    fn no_label_map_panics_or_yields_a_name_that_kubernetes_would_refuse(
        maps in proptest::collection::vec(proptest::collection::btree_map(label_name(), label_value(), 0..8), 1..5)
    ) {
        let alerts: Vec<Value> = maps.iter().map(|labels| alert(json!(labels))).collect();
        let parsed = parse(&payload(&alerts), LIMIT).unwrap();
        prop_assert_eq!(parsed.alerts.len() as u64 + parsed.rejected_count(), alerts.len() as u64);
        for seen in parsed.alerts {
            if let Some(namespace) = &seen.namespace {
                prop_assert!(is_kubernetes_name(namespace) && !namespace.contains('.') && namespace.len() <= 63);
            }
            match &seen.hint {
                Hint::Workload { name, .. } | Hint::Pod { name, uid: None } => prop_assert!(is_kubernetes_name(name)),
                Hint::Pod { name, uid: Some(uid) } => {
                    prop_assert!(is_kubernetes_name(name));
                    prop_assert!(uid.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
                }
                Hint::Namespace => {}
            }
            prop_assert!(seen.name.len() <= 256 && !seen.name.chars().any(char::is_control));
        }
    }

    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&body, LIMIT);
    }

    #[test]
    fn no_cut_or_changed_payload_panics(place in 0usize..2000, byte in any::<u8>(), cut in any::<bool>()) {
        let mut body = include_bytes!("../../../tests/fixtures/alertmanager/v0.34-truncated.firing.json").to_vec();
        let place = place % body.len();
        if cut {
            body.truncate(place);
        } else {
            body[place] = byte;
        }
        let _ = parse(&body, LIMIT);
    }
}

#[test]
fn the_name_of_a_group_is_its_labels_and_not_what_the_alerts_that_are_left_have_in_common() {
    let named = |body: serde_json::Value| parse(body.to_string().as_bytes(), 4).unwrap().group_name;
    let common = json!({"version": "4", "alerts": [], "groupLabels": {}, "commonLabels": {"alertname": "A"}});
    assert_eq!(named(common), None);
    let group = json!({"version": "4", "alerts": [], "groupLabels": {"alertname": "A\u{1b}B"}});
    assert_eq!(named(group), Some("AB".to_owned()));
    for odd in [
        json!(3),
        json!(null),
        json!({"alertname": 3}),
        json!({"alertname": "a".repeat(5000)}),
    ] {
        assert_eq!(
            named(json!({"version": "4", "alerts": [], "groupLabels": odd})),
            None
        );
    }
}
