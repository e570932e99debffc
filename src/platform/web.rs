//! One plain HTTP request, for what `check --live` asks of Prometheus, Alertmanager and Ripcord's own routes.

use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// A list of a thousand alert rules has about 1 MB; what is larger is not read.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;
/// To open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// For the whole request: a person waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What came back, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The other side's clock, to the second.
    pub date: Option<Timestamp>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfetched {
    /// No address that can be asked.
    #[error("the address can't be used")]
    Unusable,
    /// No connection, or it broke.
    #[error("no connection")]
    Unreachable,
    /// It took too long.
    #[error("no answer within 5s")]
    TimedOut,
    /// More than is read.
    #[error("the answer is larger than 8 MiB")]
    TooLarge,
}

/// A GET.
///
/// # Errors
/// When nothing comes back.
pub async fn get(url: &str) -> Result<Page, Unfetched> {
    let client = client(url)?;
    fetch(&client, client.get(url)).await
}

/// A POST of JSON, with a bearer token where there is one.
///
/// # Errors
/// When nothing comes back.
pub async fn post(url: &str, token: Option<&str>, body: &Value) -> Result<Page, Unfetched> {
    let client = client(url)?;
    let mut request = client.post(url).json(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    fetch(&client, request).await
}

fn client(url: &str) -> Result<reqwest::Client, Unfetched> {
    super::http::client(url, CONNECT_TIMEOUT, TIMEOUT)
        .build()
        .map_err(|_| Unfetched::Unusable)
}

async fn fetch(
    client: &reqwest::Client,
    request: reqwest::RequestBuilder,
) -> Result<Page, Unfetched> {
    let request = request.build().map_err(|_| Unfetched::Unusable)?;
    let mut response = client
        .execute(request)
        .await
        .map_err(|error| broken(&error))?;
    let mut page = Page {
        status: response.status().as_u16(),
        date: super::http::date(response.headers()),
        body: Vec::new(),
    };
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if page.body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Unfetched::TooLarge);
        }
        page.body.extend_from_slice(&chunk);
    }
    Ok(page)
}

fn broken(error: &reqwest::Error) -> Unfetched {
    if error.is_timeout() {
        Unfetched::TimedOut
    } else {
        Unfetched::Unreachable
    }
}
