//! The simulated Alertmanager: what it posts has the shape of what real ones posted, and comes when it would.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

use jiff::{SignedDuration, Timestamp};
use ripcord::sim::{Alert, Alertmanager, Answer, Delivery, Peers, Route};
use serde_json::{Value, json};

const OK: Answer = Answer::Status(200);

fn fixture(name: &str) -> Value {
    let path = format!(
        "{}/tests/fixtures/alertmanager/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The alert that a captured one was.
fn alert_of(captured: &Value) -> Alert {
    let pairs = |field: &str| -> Vec<(String, String)> {
        let map = captured[field].as_object().unwrap();
        map.iter()
            .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
            .collect()
    };
    let (labels, annotations) = (pairs("labels"), pairs("annotations"));
    Alert::new(&borrowed(&labels))
        .annotated(&borrowed(&annotations))
        .generated_by(captured["generatorURL"].as_str().unwrap())
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

fn named(name: &str) -> Alert {
    Alert::new(&[
        ("alertname", "NotReady"),
        ("namespace", "lab30"),
        ("deployment", name),
    ])
}

fn at(second: i64) -> Timestamp {
    let begin: Timestamp = "2026-11-23T04:00:00Z".parse().unwrap();
    begin + SignedDuration::from_secs(second)
}

/// Drives it to a time, with one answer for everything: when what was posted by whom, as `firing/resolved` counts.
fn driven(
    alertmanager: &mut Alertmanager,
    from: i64,
    to: i64,
    mut answer: impl FnMut(&Delivery) -> Answer,
) -> Vec<(i64, usize, String)> {
    let mut posted = Vec::new();
    while let Some(due) = alertmanager.next_due().filter(|due| *due <= at(to)) {
        let now = due.max(at(from));
        for delivery in alertmanager.due(now) {
            let body: Value = serde_json::from_str(&delivery.body).unwrap();
            let count = |status: &str| {
                let alerts = body["alerts"].as_array().unwrap().iter();
                alerts.filter(|alert| alert["status"] == status).count()
            };
            let said = format!("{}/{}", count("firing"), count("resolved"));
            posted.push((now.duration_since(at(0)).as_secs(), delivery.peer, said));
            let answer = answer(&delivery);
            alertmanager.answered(&delivery, answer, now);
        }
    }
    posted
}

fn post(second: i64, peer: usize, said: &str) -> (i64, usize, String) {
    (second, peer, said.to_owned())
}

#[test]
fn what_is_refused_with_4xx_comes_again_only_at_the_next_flush() {
    let mut one = Alertmanager::new(Route::default(), Peers::One);
    one.fire(&named("web"), at(0));
    let posted = driven(&mut one, 0, 700, |_| Answer::Status(429));
    assert_eq!(
        posted,
        [post(30, 0, "1/0"), post(330, 0, "1/0"), post(630, 0, "1/0")]
    );
}

#[test]
fn what_fails_with_5xx_is_tried_again_with_growing_pauses() {
    for failure in [Answer::Status(503), Answer::Nothing] {
        let mut one = Alertmanager::new(Route::default(), Peers::One);
        one.fire(&named("web"), at(0));
        let mut attempts = 0;
        let posted = driven(&mut one, 0, 3600, |delivery| {
            attempts += 1;
            assert_eq!(delivery.attempt, attempts);
            if attempts < 6 { failure } else { OK }
        });
        let times: Vec<i64> = posted.iter().map(|(at, ..)| *at).collect();
        // 0.5 s, 0.75, 1.1, 1.7, 2.5
        assert_eq!(times, [30, 30, 31, 32, 34, 36], "{failure:?}");
    }
}

#[test]
fn a_receiver_that_never_answers_is_tried_for_an_interval_and_then_anew() {
    let mut one = Alertmanager::new(Route::default(), Peers::One);
    one.fire(&named("web"), at(0));
    let mut first_attempts = Vec::new();
    let posted = driven(&mut one, 0, 640, |delivery| {
        first_attempts.push(delivery.attempt == 1);
        Answer::Nothing
    });
    let begun: Vec<i64> = posted
        .iter()
        .zip(&first_attempts)
        .filter(|(_, first)| **first)
        .map(|((at, ..), _)| *at)
        .collect();
    assert_eq!(begun, [30, 330, 630]);
    assert!((15..40).contains(&posted.len()), "{posted:?}");
}

#[test]
fn a_group_is_told_once_then_of_news_and_again_after_the_repeat_interval() {
    let mut one = Alertmanager::new(Route::default(), Peers::One);
    one.fire(&named("web"), at(0));
    let posted = driven(&mut one, 0, 1000, |_| OK);
    assert_eq!(posted, [post(30, 0, "1/0")]);
    one.fire(&named("redis"), at(1000));
    one.resolve(&named("web"), at(1001));
    let posted = driven(&mut one, 1001, 5 * 3600, |_| OK);
    // Both in one payload at the next flush; four hours later what still fires.
    assert_eq!(
        posted,
        [post(1230, 0, "1/1"), post(1230 + 4 * 3600, 0, "1/0")]
    );
    one.resolve(&named("redis"), at(5 * 3600));
    let posted = driven(&mut one, 5 * 3600, 6 * 3600, |_| OK);
    assert_eq!(posted, [post(18030, 0, "0/1")]);
    assert_eq!(one.next_due(), None);
}

#[test]
fn what_resolves_before_it_was_told_is_never_told() {
    let mut one = Alertmanager::new(Route::default(), Peers::One);
    one.fire(&named("web"), at(0));
    one.resolve(&named("web"), at(20));
    assert_eq!(driven(&mut one, 20, 3600, |_| OK), []);
    assert_eq!(one.next_due(), None);
}

#[test]
fn what_fires_again_is_a_new_episode_of_the_same_alert() {
    let mut one = Alertmanager::new(Route::default(), Peers::One);
    one.fire(&named("web"), at(0));
    driven(&mut one, 0, 100, |_| OK);
    one.resolve(&named("web"), at(100));
    driven(&mut one, 100, 400, |_| OK);
    one.fire(&named("web"), at(400));
    let mut starts = Vec::new();
    driven(&mut one, 400, 500, |delivery| {
        let body: Value = serde_json::from_str(&delivery.body).unwrap();
        starts.push(body["alerts"][0]["startsAt"].clone());
        OK
    });
    assert_eq!(starts, [json!("2026-11-23T04:06:40Z")]);
}

#[test]
fn the_second_of_a_pair_posts_only_what_the_first_could_not() {
    let mut pair = Alertmanager::new(Route::default(), Peers::Pair);
    pair.fire(&named("web"), at(0));
    assert_eq!(driven(&mut pair, 0, 1000, |_| OK), [post(30, 0, "1/0")]);

    let mut pair = Alertmanager::new(Route::default(), Peers::Pair);
    pair.fire(&named("web"), at(0));
    let posted = driven(&mut pair, 0, 600, |delivery| match delivery.peer {
        0 => Answer::Status(400),
        _ => OK,
    });
    assert_eq!(posted, [post(30, 0, "1/0"), post(45, 1, "1/0")]);
}

#[test]
fn two_that_do_not_hear_of_each_other_post_twice_and_the_second_says_what_was() {
    let mut split = Alertmanager::new(Route::default(), Peers::Split);
    split.fire(&named("web"), at(0));
    let mut posted = driven(&mut split, 0, 40, |_| OK);
    split.resolve(&named("web"), at(40));
    posted.extend(driven(&mut split, 40, 1000, |_| OK));
    // At 45 s the second still says that it fires.
    assert_eq!(
        posted,
        [
            post(30, 0, "1/0"),
            post(45, 1, "1/0"),
            post(330, 0, "0/1"),
            post(345, 1, "0/1")
        ]
    );
}

#[test]
fn a_payload_has_every_field_that_a_captured_one_has_and_the_same_values() {
    for name in [
        "Lab30DeploymentNotReady.firing",
        "Lab30PodRestarts.firing",
        "Lab30PodRestarts.resolved",
    ] {
        let real = fixture(name);
        let mut one = Alertmanager::new(Route::default(), Peers::One);
        let resolves = real["status"] == "resolved";
        for alert in real["alerts"].as_array().unwrap() {
            one.fire(
                &alert_of(alert),
                alert["startsAt"].as_str().unwrap().parse().unwrap(),
            );
        }
        let now = one.next_due().unwrap();
        let mut told = one.due(now).remove(0);
        if resolves {
            one.answered(&told, OK, now);
            for alert in real["alerts"].as_array().unwrap() {
                one.resolve(
                    &alert_of(alert),
                    alert["endsAt"].as_str().unwrap().parse().unwrap(),
                );
            }
            told = one.due(one.next_due().unwrap()).remove(0);
        }
        let body: Value = serde_json::from_str(&told.body).unwrap();
        assert_eq!(body, real, "{name}");
    }
}

#[test]
fn what_is_too_much_for_one_payload_is_counted() {
    let real = fixture("v0.34-truncated.firing");
    let route = Route {
        receiver: "lab.30".to_owned(),
        max_alerts: 2,
        newer_fields: true,
        external_url: real["externalURL"].as_str().unwrap().to_owned(),
        ..Route::default()
    };
    let mut one = Alertmanager::new(route, Peers::One);
    let alerts = real["alerts"].as_array().unwrap();
    let begin: Timestamp = alerts[0]["startsAt"].as_str().unwrap().parse().unwrap();
    for alert in alerts {
        one.fire(&alert_of(alert), begin);
    }
    let left_out = Alert::new(&[
        ("alertname", "Lab30PodRestarts"),
        ("namespace", "lab30"),
        ("pod", "lab30-web-2"),
    ]);
    one.fire(&left_out, begin);
    let told = one.due(one.next_due().unwrap()).remove(0);
    let body: Value = serde_json::from_str(&told.body).unwrap();
    let labels = |value: &Value| -> Vec<Value> {
        let alerts = value["alerts"].as_array().unwrap().iter();
        alerts.map(|alert| alert["labels"].clone()).collect()
    };
    assert_eq!(labels(&body), labels(&real));
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&body), keys(&real));
    assert_eq!(body["receiver"], real["receiver"]);
    assert_eq!(body["truncatedAlerts"], 1);
}
