//! The Kubernetes adapter over TCP: each call goes out once, is over in time, and its failures carry no object.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

use ripcord::domain::workload::{WorkloadKind, WorkloadRef};
use ripcord::platform::CallObserver;
use ripcord::platform::kube::{ApiError, Cluster, Credentials, connect};
use serde_json::json;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Notes every call's operation and failure.
#[derive(Default)]
struct Calls(Mutex<Vec<(String, Option<&'static str>)>>);

impl CallObserver for Calls {
    fn observed(
        &self,
        dependency: &'static str,
        operation: &'static str,
        seconds: f64,
        failed: Option<&'static str>,
    ) {
        assert!(seconds >= 0.0);
        self.0
            .lock()
            .unwrap()
            .push((format!("{dependency}: {operation}"), failed));
    }
}

/// An API server that answers every request with the same, and keeps what was asked. `None` = it never answers.
struct Server {
    cluster: Cluster,
    asked: Arc<Mutex<Vec<String>>>,
    calls: Arc<Calls>,
    _kubeconfig: tempfile::NamedTempFile,
}

async fn server(answer: Option<(u16, &'static str)>) -> Server {
    server_of_bytes(answer.map(|(status, body)| (status, body.as_bytes()))).await
}

async fn server_of_bytes(answer: Option<(u16, &'static [u8])>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let keep = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let keep = keep.clone();
            tokio::spawn(async move {
                while let Some(request) = read(&mut stream).await {
                    keep.lock().unwrap().push(request);
                    let Some((status, body)) = answer else {
                        std::future::pending::<()>().await;
                        return;
                    };
                    let head = format!(
                        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nretry-after: 1\r\ncontent-length: {}\r\n\r\n",
                        body.len()
                    );
                    // Who has read enough hangs up.
                    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
                }
            });
        }
    });
    let mut kubeconfig = tempfile::NamedTempFile::new().unwrap();
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    });
    kubeconfig.write_all(text.to_string().as_bytes()).unwrap();
    let credentials = Credentials {
        kubeconfig: Some(kubeconfig.path().to_owned()),
        ..Credentials::default()
    };
    let client = connect(&credentials).await.unwrap();
    let calls = Arc::new(Calls::default());
    let cluster = Cluster::new(client, calls.clone()).with_deadline(Duration::from_millis(300));
    Server {
        cluster,
        asked,
        calls,
        _kubeconfig: kubeconfig,
    }
}

/// One request, head and body; `None` when the client has left.
async fn read(stream: &mut tokio::net::TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut buffer = [0_u8; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")
                        .map(|n| n.parse::<usize>().unwrap())
                })
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => text.push_str(std::str::from_utf8(&buffer[..count]).unwrap()),
        }
    }
}

fn web() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: "lab30".into(),
        name: "web".into(),
    }
}

const SECRET: &str = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","code":CODE,"reason":"Invalid","message":"Deployment web is invalid: env PASSWORD=hunter2"}"#;

#[tokio::test]
async fn a_patch_goes_out_once_whatever_the_answer() {
    for status in [409, 422, 429, 500, 503, 504] {
        let body: &'static str =
            Box::leak(SECRET.replace("CODE", &status.to_string()).into_boxed_str());
        let server = server(Some((status, body))).await;
        let answer = server
            .cluster
            .patch_workload(&web(), &json!([]), false)
            .await;
        let error = answer.unwrap_err();
        assert_eq!(server.asked.lock().unwrap().len(), 1, "{status}");
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
        assert_eq!(error.is_ambiguous(), status >= 500, "{status}");
    }
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_deadline() {
    let server = server(None).await;
    let error = server
        .cluster
        .patch_workload(&web(), &json!([]), false)
        .await
        .unwrap_err();
    assert!(matches!(error, ApiError::TimedOut { .. }) && error.is_ambiguous());
    assert_eq!(server.asked.lock().unwrap().len(), 1);
    let calls = server.calls.0.lock().unwrap().clone();
    assert_eq!(
        calls,
        [("kubernetes: patch workload".to_owned(), Some("timeout"))]
    );
}

#[tokio::test]
async fn a_log_need_not_be_utf_8_and_is_read_no_further_than_was_asked_for() {
    let server = server_of_bytes(Some((200, b"before \xff\xfe after\n"))).await;
    let log = server.cluster.log("lab30", "web-1", "web", true).await;
    assert_eq!(log.unwrap(), "before \u{fffd}\u{fffd} after\n");

    let endless: &'static [u8] = vec![b'x'; 10_000_000].leak();
    let server = server_of_bytes(Some((200, endless))).await;
    let log = server.cluster.log("lab30", "web-1", "web", true).await;
    let asked = server.asked.lock().unwrap()[0].clone();
    let (_, limit) = asked.split_once("limitBytes=").unwrap();
    let limit = limit.split([' ', '&']).next().unwrap();
    assert_eq!(log.unwrap().len(), limit.parse::<usize>().unwrap());
}

#[tokio::test]
async fn a_list_without_items_is_not_an_empty_list() {
    let server = server(Some((200, r#"{"kind":"PodList"}"#))).await;
    assert!(server.cluster.pods("lab30", "app=web").await.is_err());
}

#[tokio::test]
async fn no_such_object_is_an_answer() {
    let body = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","code":404,"reason":"NotFound","message":"x"}"#;
    let server = server(Some((404, body))).await;
    assert_eq!(server.cluster.workload(&web()).await, Ok(None));
    assert_eq!(server.calls.0.lock().unwrap().last().unwrap().1, None);
}

#[tokio::test]
async fn a_write_says_who_writes_and_is_validated_strictly_and_a_rehearsal_stores_nothing() {
    let server = server(Some((200, "{}"))).await;
    server
        .cluster
        .patch_workload(&web(), &json!([]), true)
        .await
        .unwrap();
    server
        .cluster
        .patch_workload(&web(), &json!([]), false)
        .await
        .unwrap();
    let asked = server.asked.lock().unwrap().clone();
    for request in &asked {
        let request = request.to_lowercase();
        assert!(
            request.starts_with("patch /apis/apps/v1/namespaces/lab30/deployments/web?"),
            "{request}"
        );
        assert!(
            request.contains("fieldmanager=ripcord") && request.contains("fieldvalidation=strict"),
            "{request}"
        );
        assert!(
            request.contains("content-type: application/json-patch+json"),
            "{request}"
        );
        assert!(request.contains("user-agent: ripcord/"), "{request}");
    }
    assert!(asked[0].contains("dryRun=All") && !asked[1].contains("dryRun"));
}
