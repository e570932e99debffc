//! The intake over real TCP: what Alertmanager posts, and what anybody else might.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

#[path = "webhook/harness.rs"]
mod harness;
#[path = "webhook/limits.rs"]
mod limits;

use harness::*;
use ripcord::domain::alert::{AlertStatus, Hint};
use ripcord::intake::Limits;
use ripcord::intake::authentication::Authentication;
use ripcord::intake::routes::{self, Routes, Webhook};
use tokio::io::AsyncWriteExt;

/// Sends a request to a server of its own, which must be none the worse for it, and must have counted it so.
async fn answered(name: &str, request: &str, counted: &str) -> Answer {
    let running = Setup::new(Fake::new()).start().await;
    let answer = running.send(request).await;
    running.until(counted).await;
    assert!(!answer.body.contains("secret"), "{name}: {answer:?}");
    assert_eq!(running.post(FIRING).await.status, 200, "{name}");
    answer
}

fn raw(headers: &str) -> String {
    format!("POST /api/v1/alerts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n")
}

#[tokio::test]
async fn a_delivery_that_can_not_be_read_is_refused_for_one_counted_reason() {
    let spaces = " ".repeat(5_000_000);
    let chunked = "Transfer-Encoding: chunked\r\n";
    let both = raw("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n");
    let table = [
        (post("{\"version\": \"4\", secret"), 400, "malformed_json"),
        (post("[\"secret\"]"), 400, "malformed_json"),
        (post(""), 400, "malformed_json"),
        (post(&"[".repeat(100_000)), 400, "malformed_json"),
        (post("{\"version\": \"5\", \"alerts\": []}"), 400, "version"),
        (post("{\"alerts\": []}"), 400, "version"),
        (post(&spaces), 413, "too_large"),
        (raw("Content-Length: 5000000\r\n"), 413, "too_large"),
        (
            raw("Content-Length: 9999999999999999999\r\n"),
            413,
            "too_large",
        ),
        (raw(""), 411, "length_required"),
        (
            raw(chunked) + "2\r\n{}\r\n0\r\n\r\n",
            411,
            "length_required",
        ),
        (both + "{}", 411, "length_required"),
    ];
    for (request, status, reason) in table {
        let name: String = request.chars().take(200).collect();
        let counted = format!("ripcord_alerts_invalid_total{{reason=\"{reason}\"}} 1");
        let answer = answered(&name, &request, &counted).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert_eq!(answer.reason(), reason, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn what_is_no_proper_http_is_refused_and_counted() {
    let table = [
        (
            raw("Content-Length: 2\r\nContent-Length: 3\r\n") + "{}",
            400,
        ),
        (raw("Content-Length : 2\r\n") + "{}", 400),
        (raw(&"A: b\r\n".repeat(150)), 431),
        (raw(&format!("A: {}\r\n", "b".repeat(600_000))), 431),
        ("secret\r\n\r\n".to_owned(), 400),
    ];
    for (request, status) in table {
        let name: String = request.chars().take(200).collect();
        let counted = "ripcord_http_connections_refused_total{reason=\"protocol\"} 1";
        assert_eq!(
            answered(&name, &request, counted).await.status,
            status,
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_alert_that_can_not_be_used_is_answered_200_and_counted() {
    let long = format!("{{\"pod\": \"{}\"}}", "x".repeat(900_000));
    let many: Vec<String> = (0..10_000)
        .map(|number| format!("\"l{number}\": \"\""))
        .collect();
    let many = format!("{{{}}}", many.join(","));
    let no_start = r#"{"version": "4", "alerts": [{"labels": {}}]}"#.to_owned();
    let table = [
        (
            with_labels(r#"{"pod": "a\"} or vector(1)"}"#),
            "invalid_labels",
        ),
        (
            with_labels(r#"{"namespace": "a\nlevel=error"}"#),
            "invalid_labels",
        ),
        (with_labels(r#"{"pod": "a", "pod": "b"}"#), "invalid_labels"),
        (with_labels(&long), "invalid_labels"),
        (with_labels(&many), "invalid_labels"),
        (no_start, "invalid_time"),
    ];
    for (body, reason) in table {
        let name: String = body.chars().take(200).collect();
        let counted = format!("ripcord_alerts_skipped_total{{reason=\"{reason}\"}} 1");
        let answer = answered(&name, &post(&body), &counted).await;
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(answer.body, "{\"recorded\":0,\"skipped\":1}\n", "{name}");
    }
}

#[tokio::test]
async fn missing_labels_and_resolved_first_are_delivered_as_they_are() {
    for (body, status) in [
        (with_labels("{}").as_str(), AlertStatus::Firing),
        (RESOLVED, AlertStatus::Resolved),
    ] {
        let running = Setup::new(Fake::new()).start().await;
        assert_eq!(running.post(body).await.status, 200);
        assert_eq!(
            running.fake.deliveries.lock().unwrap()[0].alerts[0].status,
            status
        );
    }
}

#[tokio::test]
async fn malformed_json_is_told_with_its_line_and_column() {
    let running = Setup::new(Fake::new()).start().await;
    let answer = running.post("{\"version\": \"4\",\n  secret").await;
    assert_eq!(
        answer.body,
        "{\"error\":\"malformed JSON at line 2 column 3\",\"reason\":\"malformed_json\"}\n"
    );
}

#[tokio::test]
async fn without_the_token_nothing_of_the_body_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "right\n").unwrap();
    let running = Setup {
        authentication: Authentication::BearerTokenFile(token.clone()),
        ..Setup::new(Fake::new())
    }
    .start()
    .await;
    for header in [
        "",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Basic cmlnaHQ=\r\n",
    ] {
        // Only the head is sent: an answer means that no byte of the body was needed.
        let head = format!(
            "POST /api/v1/alerts HTTP/1.1\r\nHost: a\r\n{header}Content-Length: 1000\r\n\r\n"
        );
        let refused = running.send(head).await;
        assert_eq!(
            (refused.status, refused.reason().as_str()),
            (401, "unauthorized"),
            "{header}"
        );
        assert!(
            refused.head.contains("www-authenticate: bearer"),
            "{refused:?}"
        );
        // And who is in the middle of a large one still sees the answer, not a reset.
        let refused = running
            .send(post_with(header, &"x".repeat(5_000_000)))
            .await;
        assert_eq!(refused.status, 401, "{header}");
    }
    assert_eq!(running.fake.count(), 0);
    let right = "Authorization: Bearer right\r\n";
    assert_eq!(running.send(post_with(right, FIRING)).await.status, 200);

    std::fs::write(&token, "rotated").unwrap();
    assert_eq!(running.send(post_with(right, FIRING)).await.status, 401);
    let rotated = "Authorization: Bearer rotated\r\n";
    assert_eq!(running.send(post_with(rotated, FIRING)).await.status, 200);

    std::fs::remove_file(&token).unwrap();
    let answer = running.send(post_with(rotated, FIRING)).await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (503, "credentials_unavailable")
    );
}

#[tokio::test]
async fn a_newer_alertmanagers_payload_is_taken_with_what_it_left_out() {
    let running = Setup::new(Fake::new()).start().await;
    let answer = running.post(NEWER).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "{\"recorded\":2,\"skipped\":0}\n")
    );
    let deliveries = running.fake.deliveries.lock().unwrap();
    assert_eq!(
        (deliveries[0].alerts.len(), deliveries[0].truncated),
        (2, 1)
    );
    assert!(
        running
            .metrics
            .render()
            .contains("ripcord_alerts_truncated_total 1")
    );
}

#[tokio::test]
async fn bad_alerts_are_counted_and_the_others_delivered() {
    let running = Setup::new(Fake::new()).start().await;
    let body = r#"{"version": "4", "alerts": [
        {"labels": {"pod": "a b"}, "startsAt": "2026-11-23T04:00:09Z"},
        {"labels": {"exported_namespace": "lab30", "namespace": "monitoring", "exported_pod": "web-1", "pod": "ksm"}, "startsAt": "2026-11-23T04:00:09Z"},
        {"labels": {"pod": "web-2"}, "startsAt": "soon"}]}"#;
    let answer = running.post(body).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "{\"recorded\":1,\"skipped\":2}\n")
    );
    let deliveries = running.fake.deliveries.lock().unwrap();
    let alert = &deliveries[0].alerts[0];
    assert_eq!(alert.namespace.as_deref(), Some("lab30"));
    assert_eq!(
        alert.hint,
        Hint::Pod {
            name: "web-1".to_owned(),
            uid: None
        }
    );
    assert_eq!(alert.status, AlertStatus::Firing);
}

#[tokio::test]
async fn what_can_not_be_recorded_now_is_503_and_never_429() {
    let away = Setup::new(Fake {
        away: true,
        ..Fake::new()
    })
    .start()
    .await;
    let answer = away.post(FIRING).await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (503, "unavailable")
    );
    away.until("ripcord_deliveries_deferred_total{reason=\"unavailable\"} 1")
        .await;

    let slow = Setup {
        limits: Limits {
            handling: SHORT,
            ..Limits::default()
        },
        ..Setup::new(Fake::held())
    }
    .start()
    .await;
    let answer = slow.post(FIRING).await;
    assert_eq!((answer.status, answer.reason().as_str()), (503, "timeout"));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_delivered() {
    let running = Setup::new(Fake::new()).start().await;
    let mut broken = running
        .hold(&post(FIRING).replace("\"version\": \"4\"", ""))
        .await;
    broken.shutdown().await.unwrap();
    drop(broken);
    assert_eq!(running.post(FIRING).await.status, 200);
    assert_eq!(running.fake.count(), 1);
}

#[tokio::test]
async fn nothing_is_ever_redirected() {
    let running = Setup::new(Fake::new()).start().await;
    for (path, status) in [
        ("/api/v1/alerts/", 200),
        ("/api/v1/alerts//", 404),
        ("//api/v1/alerts", 404),
        ("/api/v1/alerts/x", 404),
        ("/api/v1", 404),
        ("/API/v1/alerts", 404),
        ("/api/v1/alerts?x=http://elsewhere", 200),
        ("/", 404),
    ] {
        let request = post(FIRING).replacen("/api/v1/alerts", path, 1);
        let answer = running.send(request).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(!answer.head.contains("location:"), "{path}");
        if status == 404 {
            assert_eq!(answer.reason(), "not_found", "{path}");
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_meant_is_405_and_told_which_is() {
    let running = Setup::new(Fake::new()).start().await;
    for (method, path, allowed) in [
        ("GET", "/api/v1/alerts", "allow: post"),
        ("PUT", "/api/v1/alerts", "allow: post"),
        ("POST", "/metrics", "allow: get, head"),
        ("DELETE", "/-/healthy", "allow: get, head"),
        ("POST", "/-/ready", "allow: get, head"),
        ("GET", "/-/reload", "allow: post"),
    ] {
        let answer = running
            .send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
            .await;
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (405, "method_not_allowed"),
            "{method} {path}"
        );
        assert!(answer.head.contains(allowed), "{answer:?}");
    }
    assert_eq!(*running.fake.reloads.lock().unwrap(), 0);
}

#[tokio::test]
async fn health_readiness_and_reload_say_how_it_stands() {
    let running = Setup::new(Fake::new()).start().await;
    assert_eq!(running.get("/-/healthy").await.body, "Ripcord is healthy\n");
    let ready = running.get("/-/ready").await;
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (200, "kubernetes: ok\nprometheus: away\n")
    );
    let head = running
        .send("HEAD /-/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));

    let reload = "POST /-/reload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(running.send(reload).await.status, 200);
    let refused = running.send(reload).await;
    assert_eq!(
        (refused.status, refused.reason().as_str()),
        (400, "configuration")
    );
    assert!(refused.body.contains("unknown key"), "{refused:?}");

    let away = Setup::new(Fake {
        ready: false,
        ..Fake::new()
    })
    .start()
    .await;
    assert_eq!(away.get("/-/ready").await.status, 503);
    assert_eq!(away.get("/-/healthy").await.status, 200);
}

#[tokio::test]
async fn requests_are_counted_by_route_and_metrics_are_text() {
    let running = Setup::new(Fake::new()).start().await;
    running.get("/-/healthy").await;
    running.get("/no/such/path").await;
    running.post(FIRING).await;
    let metrics = running.get("/metrics").await;
    assert!(
        metrics
            .head
            .contains("content-type: text/plain; version=0.0.4"),
        "{}",
        metrics.head
    );
    for line in [
        "ripcord_http_requests_total{code=\"200\",handler=\"/-/healthy\"} 1",
        "ripcord_http_requests_total{code=\"404\",handler=\"other\"} 1",
        "ripcord_http_requests_total{code=\"200\",handler=\"/api/v1/alerts\"} 1",
    ] {
        assert!(metrics.body.contains(line), "{line}");
    }
}

#[tokio::test]
async fn one_connection_carries_several_requests() {
    let running = Setup::new(Fake::new()).start().await;
    let keep = post(FIRING).replace("Connection: close\r\n", "");
    let mut stream = running.hold(&(keep.clone() + &keep + &post(FIRING))).await;
    let all = answer(&mut stream).await;
    assert_eq!(all.status, 200);
    assert_eq!(running.fake.count(), 3);
}

/// Calls filters without sockets.
async fn call(routes: &Routes, method: &str, path: &str, body: &'static str) -> u16 {
    use tower::Service;
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-length", body.len())
        .body(http_body_util::Full::new(bytes::Bytes::from_static(
            body.as_bytes(),
        )))
        .unwrap();
    warp::service(routes.clone())
        .call(request)
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test(start_paused = true)]
async fn the_filters_are_a_service_without_sockets_under_paused_time() {
    let setup = Setup::new(Fake::held());
    let routes = setup.routes(&metrics());
    // Nobody opens the gate: the real limit of 20 s passes in no time.
    assert_eq!(call(&routes, "POST", "/api/v1/alerts", FIRING).await, 503);
    setup.fake.gate.add_permits(1);
    assert_eq!(call(&routes, "POST", "/api/v1/alerts", FIRING).await, 200);
}

#[tokio::test]
async fn the_two_halves_can_have_addresses_of_their_own() {
    let (fake, metrics) = (Fake::new(), metrics());
    let webhook = routes::webhook(
        Webhook {
            receiver: fake.clone(),
            authentication: Authentication::Insecure,
            limits: Limits::default(),
        },
        &metrics,
    );
    let admin = routes::admin(fake, &metrics);
    assert_eq!(call(&webhook, "POST", "/api/v1/alerts", FIRING).await, 200);
    assert_eq!(call(&webhook, "GET", "/metrics", "").await, 404);
    assert_eq!(call(&webhook, "POST", "/-/reload", "").await, 404);
    assert_eq!(call(&admin, "GET", "/metrics", "").await, 200);
    assert_eq!(call(&admin, "POST", "/api/v1/alerts", FIRING).await, 404);
}
