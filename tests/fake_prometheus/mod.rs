//! A small Prometheus over TCP that can misbehave in every way that matters here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How it answers.
pub(crate) enum Behaviour {
    /// With the JSON that this makes of the query.
    Json(Box<dyn Fn(&str) -> serde_json::Value + Send + Sync>),
    /// With this status and body, whatever was asked.
    Status(u16, &'static str),
    /// With this status and another address.
    Redirect(u16, String),
    /// Never.
    Silent,
    /// With a head, and then a byte now and again.
    DripsForever,
    /// With a head and a body that never ends.
    FloodsForever,
    /// With half a body.
    BreaksInBody,
    /// With a body that says it is compressed.
    Gzip,
}

impl Behaviour {
    pub(crate) fn json(answer: impl Fn(&str) -> serde_json::Value + Send + Sync + 'static) -> Self {
        Self::Json(Box::new(answer))
    }
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    flooded: AtomicUsize,
    heads: Mutex<Vec<String>>,
    forms: Mutex<Vec<BTreeMap<String, String>>>,
}

pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Seen>,
    listening: JoinHandle<()>,
}

impl Fake {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (behaviour, seen) = (Arc::new(behaviour), Arc::new(Seen::default()));
        let shared = seen.clone();
        let listening = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (behaviour, seen) = (behaviour.clone(), shared.clone());
                tokio::spawn(async move {
                    // A client that goes away ends its own connection, and nothing else.
                    let _ = serve(socket, &behaviour, &seen).await;
                });
            }
        });
        Self {
            url,
            seen,
            listening,
        }
    }

    /// Stops listening; the address stays nobody's for the test's short life.
    pub(crate) fn stop(self) -> String {
        self.listening.abort();
        self.url
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().unwrap().clone()
    }

    pub(crate) fn forms(&self) -> Vec<BTreeMap<String, String>> {
        self.seen.forms.lock().unwrap().clone()
    }

    pub(crate) fn queries(&self) -> Vec<String> {
        self.forms()
            .into_iter()
            .filter_map(|form| form.get("query").cloned())
            .collect()
    }

    /// How many bytes a flood got rid of before the client hung up.
    pub(crate) async fn flooded(&self) -> usize {
        loop {
            let bytes = self.seen.flooded.load(Ordering::SeqCst);
            if bytes > 0 {
                return bytes;
            }
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(mut socket: TcpStream, behaviour: &Behaviour, seen: &Seen) -> std::io::Result<()> {
    while let Some((head, body)) = read_request(&mut socket).await? {
        let form = parse_form(&body);
        let query = form.get("query").cloned().unwrap_or_default();
        seen.heads.lock().unwrap().push(head);
        seen.forms.lock().unwrap().push(form);
        match behaviour {
            Behaviour::Json(answer) => {
                respond(&mut socket, 200, "", &answer(&query).to_string()).await?;
            }
            Behaviour::Status(status, body) => respond(&mut socket, *status, "", body).await?,
            Behaviour::Redirect(status, to) => {
                respond(&mut socket, *status, &format!("location: {to}/\r\n"), "").await?;
            }
            Behaviour::Gzip => {
                respond(&mut socket, 200, "content-encoding: gzip\r\n", "\u{1f}?").await?;
            }
            Behaviour::Silent => std::future::pending().await,
            Behaviour::BreaksInBody => {
                socket
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
                    .await?;
                return Ok(());
            }
            Behaviour::DripsForever => {
                socket
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{")
                    .await?;
                loop {
                    socket.write_all(b" ").await?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Behaviour::FloodsForever => {
                let sent = flood(&mut socket).await;
                seen.flooded.store(sent, Ordering::SeqCst);
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn flood(socket: &mut TcpStream) -> usize {
    let mut sent = 0;
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    if socket.write_all(head).await.is_err() {
        return 1;
    }
    loop {
        let piece = [b"10000\r\n".as_slice(), &vec![b' '; 65_536], b"\r\n"].concat();
        if socket.write_all(&piece).await.is_err() {
            return sent + 1;
        }
        sent += piece.len();
    }
}

async fn respond(
    socket: &mut TcpStream,
    status: u16,
    headers: &str,
    body: &str,
) -> std::io::Result<()> {
    let mut response = String::new();
    write!(
        response,
        "HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    socket.write_all(response.as_bytes()).await
}

/// Head and body of the next request; `None` = there is no more.
async fn read_request(socket: &mut TcpStream) -> std::io::Result<Option<(String, String)>> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.parse().unwrap());
            if body.len() >= length {
                return Ok(Some((format!("{head}\r\n"), body.to_owned())));
            }
        }
        let mut piece = [0; 4_096];
        match socket.read(&mut piece).await? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

fn parse_form(body: &str) -> BTreeMap<String, String> {
    body.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            plain => bytes.push(plain),
        }
    }
    String::from_utf8(bytes).unwrap()
}
