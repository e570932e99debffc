//! A server on a port of its own, a fake engine behind it, and a client that can be as rude as it likes.

use ripcord::intake::Limits;
use ripcord::intake::authentication::Authentication;
use ripcord::intake::ports::{Delivery, Operations, Readiness, Receipt, Receiver, Unavailable};
use ripcord::intake::routes::{self, Routes, Webhook};
use ripcord::intake::server::Server;
use ripcord::telemetry::Metrics;
use ripcord::telemetry::metrics::Build;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// Longer than any limit that a test waits for, and shorter than the real ones (5 s and more) that it must not wait for.
pub(crate) const SOON: Duration = Duration::from_secs(4);
/// A limit that is waited for.
pub(crate) const SHORT: Duration = Duration::from_millis(500);

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) deliveries: Arc<Mutex<Vec<Delivery>>>,
    pub(crate) away: bool,
    /// Each delivery takes one permit before it is recorded.
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) reloads: Arc<Mutex<u32>>,
    pub(crate) ready: bool,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self {
            deliveries: Arc::default(),
            away: false,
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            reloads: Arc::default(),
            ready: true,
        }
    }

    /// One that records nothing until its gate opens.
    pub(crate) fn held() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            ..Self::new()
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.deliveries.lock().unwrap().len()
    }
}

impl Receiver for Fake {
    async fn receive(&self, delivery: Delivery) -> Result<Receipt, Unavailable> {
        if self.away {
            return Err(Unavailable("the API server does not answer".to_owned()));
        }
        self.gate.acquire().await.unwrap().forget();
        let recorded = delivery.alerts.len() as u64;
        self.deliveries.lock().unwrap().push(delivery);
        Ok(Receipt {
            recorded,
            skipped: 0,
        })
    }
}

impl Operations for Fake {
    fn ready(&self) -> Readiness {
        Readiness {
            ready: self.ready,
            lines: vec!["kubernetes: ok".to_owned(), "prometheus: away".to_owned()],
        }
    }

    async fn reload(&self) -> Result<(), String> {
        let mut reloads = self.reloads.lock().unwrap();
        *reloads += 1;
        if *reloads == 1 {
            Ok(())
        } else {
            Err("line 3 column 1: unknown key `polices`".to_owned())
        }
    }
}

pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) authentication: Authentication,
    pub(crate) fake: Fake,
    pub(crate) grace: Duration,
}

impl Setup {
    pub(crate) fn new(fake: Fake) -> Self {
        Self {
            limits: Limits::default(),
            authentication: Authentication::Insecure,
            fake,
            grace: Duration::from_secs(1),
        }
    }

    pub(crate) fn routes(&self, metrics: &Metrics) -> Routes {
        let webhook = Webhook {
            receiver: self.fake.clone(),
            authentication: self.authentication.clone(),
            limits: self.limits,
        };
        routes::both(webhook, self.fake.clone(), metrics)
    }

    pub(crate) async fn start(self) -> Running {
        let metrics = metrics();
        let routes = self.routes(&metrics);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server {
            limits: self.limits,
            metrics: metrics.clone(),
        };
        let task = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            server.serve(listener, routes, shutdown, self.grace).await;
        });
        Running {
            address,
            metrics,
            fake: self.fake,
            stop,
            task,
        }
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Metrics,
    pub(crate) fake: Fake,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Opens a connection, sends this much, and keeps it open.
    pub(crate) async fn hold(&self, sent: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream
    }

    pub(crate) async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect().await;
        // The server may close before it has read everything; its answer counts all the same.
        let _ = stream.write_all(request.as_ref()).await;
        answer(&mut stream).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ))
        .await
    }

    pub(crate) async fn post(&self, body: &str) -> Answer {
        self.send(post(body)).await
    }

    /// Waits until the metrics say so.
    pub(crate) async fn until(&self, line: &str) {
        let seen = timeout(SOON, async {
            while !self.metrics.render().contains(line) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(seen.await.is_ok(), "never: {line}");
    }
}

pub(crate) fn metrics() -> Metrics {
    Metrics::new(Build {
        version: "test",
        revision: "test",
    })
    .unwrap()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn reason(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["reason"].as_str().unwrap_or_default().to_owned()
    }
}

/// Reads to the end of the connection; status 0 where there was no answer.
pub(crate) async fn answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let read = timeout(SOON, stream.read_to_end(&mut bytes)).await;
    let read = read.unwrap_or_else(|_| panic!("held: {:?}", String::from_utf8_lossy(&bytes)));
    // An answer that a reset follows may be lost on its way.
    assert!(read.is_ok() || bytes.is_empty(), "reset after an answer");
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Answer {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

pub(crate) fn post(body: &str) -> String {
    post_with("", body)
}

pub(crate) fn post_with(headers: &str, body: &str) -> String {
    format!(
        "POST /api/v1/alerts HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) const FIRING: &str =
    include_str!("../fixtures/alertmanager/Lab30PodRestarts.firing.json");
pub(crate) const RESOLVED: &str =
    include_str!("../fixtures/alertmanager/Lab30PodRestarts.resolved.json");
pub(crate) const NEWER: &str = include_str!("../fixtures/alertmanager/v0.34-truncated.firing.json");

pub(crate) fn with_labels(labels: &str) -> String {
    format!(
        r#"{{"version": "4", "alerts": [{{"status": "firing", "labels": {labels}, "startsAt": "2026-11-23T04:00:09Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "ab"}}]}}"#
    )
}
