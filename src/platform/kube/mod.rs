//! The Kubernetes API, as far as Ripcord asks for it. Every call has a deadline, is made once (no retries of the client's own:
//! reliability page, finding 1), is observed, and fails with code and reason only, for the API's texts carry whole objects.

mod connect;
mod discovery;
mod error;
mod requests;
mod rights;

pub use connect::{ConnectError, Credentials, connect};
pub use discovery::Greeting;
pub use error::ApiError;
pub use rights::{FORBIDDEN, RIGHTS, Right, WRITE};

use super::CallObserver;
use futures::AsyncReadExt;
use http::{Method, Request};
use serde_json::Value;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// Longer than a busy API server needs (its own limit for non-streaming requests is 60 s), shorter than the holder's 30 s deadline, so
/// that a stuck write is over before anybody may take over.
pub const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// Our field manager: stable and documented, for it is what `kubectl get --show-managed-fields` tells a person. It must not begin with
/// `kubectl` (Flux strips such managers; semantics page, section 6).
pub const FIELD_MANAGER: &str = "ripcord";

/// A handle to one cluster.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    observer: Arc<dyn CallObserver>,
    deadline: Duration,
}

/// One request, before it is built.
struct Call<'a> {
    operation: &'static str,
    method: Method,
    path: String,
    query: Vec<(&'a str, String)>,
    content_type: &'static str,
    body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    fn get(operation: &'static str, path: String) -> Self {
        Self {
            operation,
            method: Method::GET,
            path,
            query: Vec::new(),
            content_type: "application/json",
            body: None,
        }
    }

    fn query(mut self, key: &'a str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    fn write(operation: &'static str, method: Method, path: String, body: &'a Value) -> Self {
        Self {
            method,
            body: Some(body),
            ..Self::get(operation, path)
        }
        .query("fieldManager", FIELD_MANAGER)
        // A pruned field would mean that what we record is not what we meant.
        .query("fieldValidation", "Strict")
    }

    fn build(&self) -> Result<Request<Vec<u8>>, ApiError> {
        let mut uri = self.path.clone();
        for (index, (key, value)) in self.query.iter().enumerate() {
            uri.push(if index == 0 { '?' } else { '&' });
            uri.push_str(key);
            uri.push('=');
            uri.push_str(&percent_encoded(value));
        }
        let body = self.body.map(|body| body.to_string().into_bytes());
        Request::builder()
            .method(self.method.clone())
            .uri(uri)
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, self.content_type)
            .body(body.unwrap_or_default())
            .map_err(|_| ApiError::Unbuildable {
                operation: self.operation,
            })
    }
}

/// RFC 3986: everything but the unreserved characters.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    encoded
}

impl Cluster {
    /// A handle over any client: a real one from [`connect`], or one over a simulated API server.
    pub fn new(client: kube::Client, observer: Arc<dyn CallObserver>) -> Self {
        Self {
            client,
            observer,
            deadline: CALL_DEADLINE,
        }
    }

    /// The same with another deadline for each call.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    async fn text(&self, call: Call<'_>) -> Result<String, ApiError> {
        let operation = call.operation;
        let request = call.build()?;
        self.answered(operation, self.client.request_text(request))
            .await
    }

    /// A text of which nobody promises that it is UTF-8: what is not becomes `U+FFFD`. No more than `limit` bytes are read.
    async fn raw_text(&self, call: Call<'_>, limit: u64) -> Result<String, ApiError> {
        let operation = call.operation;
        let request = call.build()?;
        let read = async {
            let mut bytes = Vec::new();
            let body = pin!(self.client.request_stream(request).await?);
            let mut body = body.take(limit);
            body.read_to_end(&mut bytes)
                .await
                .map_err(kube::Error::ReadEvents)?;
            Ok(bytes)
        };
        let bytes = self.answered(operation, read).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The answer in time, counted by what became of it.
    async fn answered<T>(
        &self,
        operation: &'static str,
        answer: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, ApiError> {
        let started = tokio::time::Instant::now();
        let result = match tokio::time::timeout(self.deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(ApiError::from_kube(operation, &error)),
            Err(_) => Err(ApiError::TimedOut { operation }),
        };
        let failed = result.as_ref().err().and_then(ApiError::kind);
        let seconds = started.elapsed().as_secs_f64();
        self.observer
            .observed("kubernetes", operation, seconds, failed);
        result
    }

    async fn json(&self, call: Call<'_>) -> Result<Value, ApiError> {
        let operation = call.operation;
        let text = self.text(call).await?;
        serde_json::from_str(&text).map_err(|_| ApiError::Unreadable { operation })
    }

    /// Like [`Cluster::json`], with "there is none" as an answer and not as an error.
    async fn json_or_none(&self, call: Call<'_>) -> Result<Option<Value>, ApiError> {
        match self.json(call).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_values_stay_inside_their_parameter() {
        let call =
            Call::get("test", "/api/v1/pods".to_owned()).query("labelSelector", "a=b&x=y z\n");
        let uri = call.build().unwrap().uri().to_string();
        assert_eq!(uri, "/api/v1/pods?labelSelector=a%3Db%26x%3Dy%20z%0A");
    }
}
