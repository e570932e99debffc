//! The API server, as a service that kube's client calls: every request is really built, sent, parsed and answered.

mod admission;
mod call;
mod defaults;
mod delete;
mod events;
pub(crate) mod failure;
mod field_selector;
mod history;
mod interference;
mod logs;
mod managed_fields;
mod patching;
mod read;
pub(crate) mod resources;
mod schema;
mod selector;
pub(crate) mod store;
mod strict;
mod validate;
mod verbs;
mod watch;
mod write;
mod write_log;

pub(crate) use admission::review as admit;
pub use admission::{AdmissionRule, Operation, Review, Ruling};
pub use call::Call;
pub(crate) use defaults::{
    check as check_deployment, deployment as default_deployment, pod as admit_pod,
};
pub use interference::{After, Before, Interference};
pub(crate) use managed_fields::note as note_fields;
pub(crate) use validate::moved_generation;
pub use write_log::{Write, WriteLog};

use super::{Shared, State, locked};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use serde_json::Value;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::BoxError;

/// One way: long enough that two requests at once overlap, short beside every deadline.
const ONE_WAY: Duration = Duration::from_millis(2);

/// What only the API server knows.
pub(crate) struct ApiState {
    pub(crate) store: store::Store,
    pub(crate) log: WriteLog,
    /// The schema of Incidents; `None` = the CRD is not installed.
    pub(crate) incidents: Option<Value>,
    /// Whether the caller may patch workloads.
    pub(crate) may_patch: bool,
    pub(crate) interference: Option<std::sync::Arc<dyn Interference>>,
    pub(crate) admission: Option<AdmissionRule>,
    /// How often all watches were broken.
    pub(crate) interruptions: u64,
    /// Requests that are on their way although nobody waits for them, with the time at which they arrive.
    pub(crate) stranded: Vec<(Timestamp, Call)>,
}

/// Works on the stranded requests that have arrived by now.
pub(crate) fn work_on_stranded(state: &mut State) {
    let now = state.api.store.now();
    let (arrived, on_the_way) = std::mem::take(&mut state.api.stranded)
        .into_iter()
        .partition(|(due, _)| *due <= now);
    state.api.stranded = on_the_way;
    let arrived: Vec<(Timestamp, Call)> = arrived;
    for (_, call) in arrived {
        verbs::handle(state, &call);
    }
}

/// An answer's body.
pub(crate) enum Content {
    Json(Value),
    Text(String),
    Watch(Box<watch::Watch>),
}

type Answer = Result<Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

/// The connection broke.
#[derive(Debug, thiserror::Error)]
#[error("connection reset by peer")]
struct ConnectionLost;

/// The service behind one client.
#[derive(Clone)]
pub(crate) struct ApiServer {
    pub(crate) shared: Shared,
    pub(crate) user_agent: String,
}

impl tower::Service<Request<Body>> for ApiServer {
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move { server.answer(request).await })
    }
}

impl ApiServer {
    async fn answer(self, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let call = self.call_of(&parts, &body);
        let interference = locked(&self.shared).api.interference.clone();
        tokio::time::sleep(ONE_WAY).await;
        match interference.as_ref().map(|faults| faults.before(&call)) {
            None | Some(Before::Proceed) => {}
            Some(Before::Delay(delay)) => tokio::time::sleep(delay).await,
            Some(Before::Strand(delay)) => {
                self.strand(call, delay);
                return std::future::pending().await;
            }
            Some(Before::Answer(status, body)) => {
                return self.response(status, Content::Json(body));
            }
            Some(Before::Lose) => return Err(ConnectionLost.into()),
        }
        let (status, content) = verbs::handle(&mut locked(&self.shared), &call);
        if let (Some(faults), Content::Json(body)) = (&interference, &content) {
            faults.answered(&call, status, body);
        }
        match interference.map(|faults| faults.after(&call, status)) {
            None | Some(After::Deliver) => {}
            Some(After::Delay(delay)) => tokio::time::sleep(delay).await,
            Some(After::Lose) => return Err(ConnectionLost.into()),
        }
        tokio::time::sleep(ONE_WAY).await;
        self.response(status, content)
    }

    fn response(self, status: u16, content: Content) -> Answer {
        let mut response = Response::builder().status(status);
        let whole = |text: String| {
            let body = Full::new(Bytes::from(text));
            body.map_err(|never| match never {}).boxed_unsync()
        };
        let (kind, body) = match content {
            Content::Json(value) => {
                if let Some(seconds) = value.pointer("/details/retryAfterSeconds") {
                    response = response.header(RETRY_AFTER, seconds.to_string());
                }
                ("application/json", whole(value.to_string()))
            }
            Content::Text(text) => ("text/plain", whole(text)),
            Content::Watch(watch) => {
                let events = watch::body(self.shared, *watch);
                ("application/json", StreamBody::new(events).boxed_unsync())
            }
        };
        Ok(response.header(CONTENT_TYPE, kind).body(body)?)
    }

    /// Leaves a request on its way.
    fn strand(&self, call: Call, delay: Duration) {
        let mut state = locked(&self.shared);
        let now = state.api.store.now();
        let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        let due = now.checked_add(delay).unwrap_or(Timestamp::MAX);
        state.api.stranded.push((due, call));
    }

    fn call_of(&self, parts: &http::request::Parts, body: &[u8]) -> Call {
        let agent = header(&parts.headers, &USER_AGENT);
        let content_type = header(&parts.headers, &CONTENT_TYPE);
        Call {
            sent_at: locked(&self.shared).api.store.now(),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(call::parameters).unwrap_or_default(),
            user_agent: if agent.is_empty() {
                self.user_agent.clone()
            } else {
                agent
            },
            content_type: content_type
                .split(';')
                .next()
                .unwrap_or_default()
                .to_owned(),
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
        }
    }
}

fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}
