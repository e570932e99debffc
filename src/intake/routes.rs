//! The routes, as warp filters: they are served over TCP by [`super::server`], and called without sockets through `warp::service`.
//!
//! | route | answers |
//! |---|---|
//! | `POST /api/v1/alerts` | 200 once every alert is recorded or counted; 503 when that can't be, so that Alertmanager comes again; 4xx |
//! | `GET /metrics` | 200 |
//! | `GET /-/healthy` | 200 |
//! | `GET /-/ready` | 200 or 503, one line a dependency |
//! | `POST /-/reload` | 200, or 400 with the configuration's report |
//!
//! A slash at the end changes nothing: a redirect would turn Alertmanager's POST into a GET. Any other method is 405, any other path 404;
//! each error says why in JSON.

use super::administration;
use super::alertmanager::{self, Parsed};
use super::authentication::Authentication;
use super::limits::Limits;
use super::ports::{Delivery, Operations, Receipt, Receiver};
use super::refusal::{self, Refusal};
use crate::telemetry::Metrics;
use crate::telemetry::events::{AlertSkipped, AlertsReceived};
use crate::telemetry::labels::Handler;
use futures::{Stream, StreamExt as _};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use warp::filters::BoxedFilter;
use warp::http::header::CONTENT_LENGTH;
use warp::http::{HeaderMap, Method, StatusCode};
use warp::reply::Response;
use warp::{Buf, Filter, Rejection};

/// Filters that answer every request.
pub type Routes = BoxedFilter<(Response,)>;

/// What the webhook's route needs.
#[derive(Clone, Debug)]
pub struct Webhook<R> {
    /// Where deliveries go.
    pub receiver: R,
    /// Who may deliver.
    pub authentication: Authentication,
    /// What a delivery may cost.
    pub limits: Limits,
}

/// The webhook's route alone, for an address of its own.
pub fn webhook<R: Receiver>(webhook: Webhook<R>, metrics: &Metrics) -> Routes {
    finish(alerts(webhook, metrics), metrics)
}

/// The administrative routes alone, for an address of their own.
pub fn admin<O: Operations>(operations: O, metrics: &Metrics) -> Routes {
    finish(administration::routes(operations, metrics), metrics)
}

/// All routes, for one address.
pub fn both<R: Receiver, O: Operations>(
    webhook: Webhook<R>,
    operations: O,
    metrics: &Metrics,
) -> Routes {
    let routes = alerts(webhook, metrics)
        .or(administration::routes(operations, metrics))
        .unify()
        .boxed();
    finish(routes, metrics)
}

/// Answers what no route has answered, and counts every answer.
fn finish(routes: Routes, metrics: &Metrics) -> Routes {
    let metrics = metrics.clone();
    routes
        .recover(unanswered)
        .unify()
        .with(warp::log::custom(move |request| {
            metrics.count_request(handler(request.path()), request.status().as_u16());
        }))
        .map(warp::Reply::into_response)
        .boxed()
}

fn handler(path: &str) -> Handler {
    let path = path.strip_suffix('/').unwrap_or(path);
    Handler::ALL
        .iter()
        .copied()
        .find(|handler| handler.as_str() == path)
        .unwrap_or(Handler::Other)
}

/// The routes look at methods themselves, so that only unknown paths come here; anything else would be a mistake of ours.
async fn unanswered(rejection: Rejection) -> Result<Response, Infallible> {
    Ok(if rejection.is_not_found() {
        refusal::error(StatusCode::NOT_FOUND, "not_found", "there is no such route")
    } else {
        refusal::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "this request was not understood",
        )
    })
}

fn alerts<R: Receiver>(webhook: Webhook<R>, metrics: &Metrics) -> Routes {
    let desk = Arc::new(Desk {
        deliveries: Semaphore::new(webhook.limits.deliveries),
        webhook,
        metrics: metrics.clone(),
    });
    warp::path!("api" / "v1" / "alerts")
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method: Method, headers: HeaderMap, body| {
            let desk = Arc::clone(&desk);
            async move {
                if method == Method::POST {
                    desk.answer(&headers, body).await
                } else {
                    refusal::method_not_allowed("POST")
                }
            }
        })
        .boxed()
}

/// Takes deliveries one by one, at most so many at a time.
struct Desk<R> {
    webhook: Webhook<R>,
    deliveries: Semaphore,
    metrics: Metrics,
}

impl<R: Receiver> Desk<R> {
    async fn answer(
        &self,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    ) -> Response {
        match self.take(headers, body).await {
            Ok(Receipt { recorded, skipped }) => refusal::json_response(
                StatusCode::OK,
                &json!({"recorded": recorded, "skipped": skipped}),
            ),
            Err(refusal) => refusal.respond(&self.metrics),
        }
    }

    /// The order is the contract: nothing of the body is read before its sender is known and its length is fit.
    async fn take(
        &self,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    ) -> Result<Receipt, Refusal> {
        let limits = self.webhook.limits;
        self.webhook.authentication.check(headers).await?;
        let _place = self
            .deliveries
            .try_acquire()
            .map_err(|_| Refusal::Overloaded)?;
        let length = content_length(headers, limits.body_bytes)?;
        let body = timeout(limits.body, collect(body, length))
            .await
            .map_err(|_| Refusal::BodyTimeout)??;
        let parsed = alertmanager::parse(&body, limits.alerts)?;
        drop(body);
        let rejected = self.tell(&parsed);
        let delivery = Delivery {
            alerts: parsed.alerts,
            truncated: parsed.truncated,
            group_name: parsed.group_name,
        };
        if delivery.alerts.is_empty() && delivery.truncated == 0 {
            return Ok(Receipt {
                recorded: 0,
                skipped: rejected,
            });
        }
        let receipt = timeout(limits.handling, self.webhook.receiver.receive(delivery))
            .await
            .map_err(|_| Refusal::HandlingTimeout)??;
        Ok(Receipt {
            skipped: receipt.skipped.saturating_add(rejected),
            ..receipt
        })
    }

    /// Logs and counts what was read; says how many alerts can't be used.
    fn tell(&self, parsed: &Parsed) -> u64 {
        let rejected = parsed.rejected_count();
        let usable = u64::try_from(parsed.alerts.len()).unwrap_or(u64::MAX);
        AlertsReceived {
            alerts: usable.saturating_add(rejected),
            truncated: parsed.truncated,
        }
        .emit(&self.metrics);
        for (problem, alerts) in &parsed.rejected {
            AlertSkipped {
                reason: problem.reason(),
                count: alerts.count,
                alert: &alerts.first,
                detail: problem.text(),
            }
            .emit(&self.metrics);
        }
        rejected
    }
}

/// How long the body says it is; a body of unknown length is not read at all.
fn content_length(headers: &HeaderMap, limit: usize) -> Result<usize, Refusal> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = values.next() else {
        return Err(Refusal::LengthRequired);
    };
    if values.next().is_some() {
        return Err(Refusal::InvalidLength);
    }
    let digits = value
        .to_str()
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or(Refusal::InvalidLength)?;
    // A number that does not fit is too large as well.
    match digits.parse::<usize>() {
        Ok(length) if length <= limit => Ok(length),
        Ok(_) | Err(_) => Err(Refusal::TooLarge { limit }),
    }
}

/// Reads a body of at most `length` bytes; one that is shorter or longer than it says is broken.
async fn collect(
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    length: usize,
) -> Result<Vec<u8>, Refusal> {
    let mut body = std::pin::pin!(body);
    let mut bytes = Vec::new();
    while let Some(part) = body.next().await {
        let mut part = part.map_err(|_| Refusal::BodyBroken)?;
        while part.has_remaining() {
            let chunk = part.chunk();
            if bytes.len() + chunk.len() > length {
                return Err(Refusal::BodyBroken);
            }
            bytes.extend_from_slice(chunk);
            let read = chunk.len();
            part.advance(read);
        }
    }
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(Refusal::BodyBroken)
    }
}
