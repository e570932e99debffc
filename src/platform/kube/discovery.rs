//! What the API server says of itself: every account may ask.

use super::{ApiError, Call, Cluster};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::Value;

/// The API server's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// `gitVersion`: `v1.34.2`, with whatever a distribution adds to it.
    pub version: String,
    /// The second number of it; `None` = there is none that can be read.
    pub minor: Option<u32>,
    /// Its clock, to the second.
    pub date: Option<Timestamp>,
}

impl Cluster {
    /// Asks for version and time.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn greeting(&self) -> Result<Greeting, ApiError> {
        const OPERATION: &str = "get version";
        let request = Call::get(OPERATION, "/version".to_owned()).build()?;
        let asked = async {
            let sent = self
                .client
                .send(request.map(kube::client::Body::from))
                .await;
            let answer = sent.map_err(|error| ApiError::from_kube(OPERATION, &error))?;
            let (head, body) = answer.into_parts();
            if !head.status.is_success() {
                return Err(ApiError::Refused {
                    operation: OPERATION,
                    code: head.status.as_u16(),
                    reason: head
                        .status
                        .canonical_reason()
                        .unwrap_or_default()
                        .to_owned(),
                    detail: String::new(),
                });
            }
            let body = body.collect().await.map_err(|_| ApiError::Unreachable {
                operation: OPERATION,
            })?;
            let version: Value =
                serde_json::from_slice(&body.to_bytes()).map_err(|_| ApiError::Unreadable {
                    operation: OPERATION,
                })?;
            Ok(Greeting {
                version: text(&version, "gitVersion"),
                minor: leading_number(&text(&version, "minor")),
                date: crate::platform::http::date(&head.headers),
            })
        };
        tokio::time::timeout(self.deadline, asked)
            .await
            .unwrap_or(Err(ApiError::TimedOut {
                operation: OPERATION,
            }))
    }

    /// The versions of an API group that are served; empty where there is no such group.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn served_versions(&self, group: &str) -> Result<Vec<String>, ApiError> {
        let call = Call::get("get group", format!("/apis/{group}"));
        let found = self.json_or_none(call).await?.unwrap_or_default();
        let versions = found.get("versions").and_then(Value::as_array);
        Ok(versions
            .into_iter()
            .flatten()
            .map(|version| text(version, "version"))
            .collect())
    }

    /// Some running pods of a namespace, at most twenty: enough to compare with.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn some_running_pods(&self, namespace: &str) -> Result<Vec<Value>, ApiError> {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let call = Call::get("list pods", path)
            .query("fieldSelector", "status.phase=Running")
            .query("limit", "20");
        self.list(call).await
    }
}

fn text(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// `27+` is 27: so some distributions say it.
fn leading_number(text: &str) -> Option<u32> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
