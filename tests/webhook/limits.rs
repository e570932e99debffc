//! What clients may hold, and for how long.

use crate::harness::*;
use ripcord::intake::Limits;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn one_delivery_too_many_is_503_and_the_others_end_well() {
    let fake = Fake::held();
    let running = Setup {
        limits: Limits {
            deliveries: 2,
            ..Limits::default()
        },
        ..Setup::new(fake.clone())
    }
    .start()
    .await;
    let mut first = running.hold(&post(FIRING)).await;
    let mut second = running.hold(&post(FIRING)).await;
    running.until("ripcord_alerts_received_total 2").await;
    let third = running.post(FIRING).await;
    assert_eq!((third.status, third.reason().as_str()), (503, "overloaded"));
    // Health and metrics do not stand in that line.
    assert_eq!(running.get("/-/healthy").await.status, 200);
    fake.gate.add_permits(3);
    assert_eq!(answer(&mut first).await.status, 200);
    assert_eq!(answer(&mut second).await.status, 200);
    assert_eq!(running.post(FIRING).await.status, 200);
}

#[tokio::test]
async fn the_same_delivery_forty_times_at_once_is_always_200_or_503() {
    let running = Arc::new(Setup::new(Fake::new()).start().await);
    let body = Arc::new(many_alerts(500));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (running, body) = (Arc::clone(&running), Arc::clone(&body));
        clients.spawn(async move { running.post(&body).await.status });
    }
    let statuses = clients.join_all().await;
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 503)),
        "{statuses:?}"
    );
    let taken = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(taken, running.fake.count());
    assert!(taken > 0);
}

fn many_alerts(count: usize) -> String {
    let alerts: Vec<String> = (0..count)
        .map(|number| format!(r#"{{"labels": {{"pod": "web-{number}", "namespace": "lab30"}}, "startsAt": "2026-11-23T04:00:09Z"}}"#))
        .collect();
    format!(r#"{{"version": "4", "alerts": [{}]}}"#, alerts.join(","))
}

#[tokio::test]
async fn slow_headers_and_silent_sockets_are_closed_in_time() {
    let running = Setup {
        limits: Limits {
            headers: SHORT,
            ..Limits::default()
        },
        ..Setup::new(Fake::new())
    }
    .start()
    .await;
    let mut silent = running.connect().await;
    let mut slow = running.hold("POST /api/v1/alerts HTTP/1.1\r\nHost: ").await;
    assert_eq!(running.post(FIRING).await.status, 200);
    assert_eq!(answer(&mut silent).await.status, 0);
    assert_eq!(answer(&mut slow).await.status, 0);
    running
        .until("ripcord_http_connections_refused_total{reason=\"slow_headers\"} 2")
        .await;
}

#[tokio::test]
async fn a_slow_body_is_given_up_in_time_and_may_come_again() {
    let running = Setup {
        limits: Limits {
            body: SHORT,
            ..Limits::default()
        },
        ..Setup::new(Fake::new())
    }
    .start()
    .await;
    let mut slow = running
        .hold("POST /api/v1/alerts HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"version")
        .await;
    assert_eq!(running.post(FIRING).await.status, 200);
    let answer = answer(&mut slow).await;
    assert_eq!((answer.status, answer.reason().as_str()), (503, "timeout"));
    running
        .until("ripcord_alerts_invalid_total{reason=\"timeout\"} 1")
        .await;
}

#[tokio::test]
async fn any_request_ends_in_time() {
    let running = Setup {
        limits: Limits {
            request: SHORT,
            ..Limits::default()
        },
        ..Setup::new(Fake::held())
    }
    .start()
    .await;
    let answer = running.post(FIRING).await;
    assert_eq!((answer.status, answer.reason().as_str()), (503, "timeout"));
    running
        .until("ripcord_http_connections_refused_total{reason=\"slow_request\"} 1")
        .await;
}

#[tokio::test]
async fn a_client_that_never_reads_its_answers_loses_its_place() {
    let running = Setup {
        limits: Limits {
            lifetime: SHORT,
            headers: SHORT,
            request: SHORT,
            connections: 1,
            ..Limits::default()
        },
        ..Setup::new(Fake::new())
    }
    .start()
    .await;
    let mut deaf = running.connect().await;
    let request = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    // More answers than the buffers of both sockets hold; the server stops reading when it can't write.
    let flood = timeout(SHORT, async {
        while deaf.write_all(request.repeat(100).as_bytes()).await.is_ok() {}
    });
    let _ = flood.await;
    running
        .until("ripcord_http_connections_refused_total{reason=\"overdue\"} 1")
        .await;
    assert_eq!(running.get("/-/healthy").await.status, 200);
}

#[tokio::test]
async fn connections_over_the_cap_are_refused_and_places_come_back() {
    let running = Setup {
        limits: Limits {
            connections: 4,
            ..Limits::default()
        },
        ..Setup::new(Fake::new())
    }
    .start()
    .await;
    let mut held = Vec::new();
    for _ in 0..4 {
        // An answered request proves that the connection has its place.
        let mut stream = running
            .hold("GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        held.push(stream);
    }
    for _ in 0..3 {
        let mut refused = running.connect().await;
        let mut bytes = Vec::new();
        let read = timeout(SOON, refused.read_to_end(&mut bytes))
            .await
            .unwrap();
        assert!(read.is_err() || bytes.is_empty());
    }
    running
        .until("ripcord_http_connections_refused_total{reason=\"over_cap\"} 3")
        .await;
    drop(held);
    timeout(SOON, async {
        loop {
            let mut stream = running.connect().await;
            let _ = stream.write_all(post(FIRING).as_bytes()).await;
            let mut bytes = Vec::new();
            if stream.read_to_end(&mut bytes).await.is_ok() && bytes.starts_with(b"HTTP/1.1 200") {
                break;
            }
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn good_clients_are_served_while_bad_ones_are_held() {
    let running = Setup::new(Fake::new()).start().await;
    let mut held = Vec::new();
    for _ in 0..15 {
        held.push(running.connect().await);
        held.push(
            running
                .hold("POST /api/v1/alerts HTTP/1.1\r\nHost: a\r\nX: ")
                .await,
        );
        held.push(
            running
                .hold("POST /api/v1/alerts HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
                .await,
        );
    }
    for _ in 0..20 {
        assert_eq!(running.post(FIRING).await.status, 200);
        assert_eq!(running.get("/metrics").await.status, 200);
    }
    assert_eq!(running.fake.count(), 20);
}

#[tokio::test]
async fn shutdown_waits_for_a_running_delivery_and_takes_no_new_one() {
    let fake = Fake::held();
    let running = Setup {
        grace: Duration::from_secs(60),
        ..Setup::new(fake.clone())
    }
    .start()
    .await;
    let mut delivery = running.hold(&post(FIRING)).await;
    running.until("ripcord_alerts_received_total 1").await;
    running.stop.send(()).unwrap();
    timeout(SOON, async {
        while TcpStream::connect(running.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    fake.gate.add_permits(1);
    assert_eq!(answer(&mut delivery).await.status, 200);
    drop(delivery);
    timeout(SOON, running.task).await.unwrap().unwrap();
    assert_eq!(fake.count(), 1);
}

#[tokio::test]
async fn shutdown_is_over_by_its_deadline_whatever_clients_do() {
    let running = Setup {
        grace: SHORT,
        ..Setup::new(Fake::held())
    }
    .start()
    .await;
    let _slow_header = running.hold("POST /api/v1/alerts HTTP/1.1\r\nHost: ").await;
    let _slow_body = running
        .hold("POST /api/v1/alerts HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        .await;
    let mut unanswered = running.hold(&post(FIRING)).await;
    running.until("ripcord_alerts_received_total 1").await;
    running.stop.send(()).unwrap();
    timeout(SOON, running.task).await.unwrap().unwrap();
    assert_eq!(answer(&mut unanswered).await.status, 0);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_a_shutdown() {
    let running = Setup {
        grace: Duration::from_secs(60),
        ..Setup::new(Fake::new())
    }
    .start()
    .await;
    let _silent = running.connect().await;
    let mut kept = running
        .hold("GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let mut first = [0; 12];
    kept.read_exact(&mut first).await.unwrap();
    running.stop.send(()).unwrap();
    timeout(SOON, running.task).await.unwrap().unwrap();
}

/// Runs the next test in a process that may open only few files.
#[test]
fn accepting_goes_on_after_file_descriptors_ran_out() {
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --ignored --exact --nocapture limits::in_a_process_with_few_file_descriptors"])
        .arg(std::env::current_exe().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
#[ignore = "needs a process of its own: see accepting_goes_on_after_file_descriptors_ran_out"]
async fn in_a_process_with_few_file_descriptors() {
    let running = Setup::new(Fake::new()).start().await;
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
        assert!(files.len() < 1000, "the limit is not in force");
    }
    // One is left for the client's own socket, none for the server's.
    files.pop();
    let mut waiting = running.hold(&post(FIRING)).await;
    let failed = timeout(SOON, async {
        while running
            .metrics
            .render()
            .contains("reason=\"accept_failed\"} 0")
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    failed.await.unwrap();
    drop(files);
    assert_eq!(answer(&mut waiting).await.status, 200);
    assert_eq!(running.post(FIRING).await.status, 200);
}
