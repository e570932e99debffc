//! Every answer that is not a 2xx: its status, its reason and its sentence, as JSON.
//!
//! Alertmanager retries 5xx and connections that break, and takes every 4xx, 429 and 408 too, for final (`notify/util.go`, `Retrier.Check`):
//! so what may pass by itself is 503, and 4xx is only what would be refused again.

use super::alertmanager::PayloadError;
use super::authentication::Denied;
use super::ports::Unavailable;
use crate::telemetry::Metrics;
use crate::telemetry::events::{DeliveryDeferred, PayloadRefused};
use crate::telemetry::labels::{DeferReason, PayloadProblem};
use serde_json::json;
use warp::http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use warp::http::{Response as HttpResponse, StatusCode};
use warp::reply::Response;

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// No token, or another one.
    #[error("a bearer token is needed, and this is not the one")]
    Unauthorized,
    /// The token file can't be read.
    #[error("the bearer token file can't be read, so that nobody can be let in")]
    CredentialsUnavailable,
    /// As many deliveries as may be handled at a time are being handled.
    #[error("too many deliveries at a time, come again")]
    Overloaded,
    /// No `Content-Length`.
    #[error("a Content-Length is needed")]
    LengthRequired,
    /// A `Content-Length` that is no number, or several.
    #[error("Content-Length is not one number")]
    InvalidLength,
    /// Larger than a delivery may be.
    #[error(
        "a delivery may have {limit} bytes; max_alerts in Alertmanager's webhook_configs makes it smaller"
    )]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The body broke off.
    #[error("the body broke off")]
    BodyBroken,
    /// The payload can't be read.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Recording took too long.
    #[error("recording took too long, come again")]
    HandlingTimeout,
    /// The alerts can't be recorded now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Under which counter a refusal falls.
enum Counted {
    /// It would be refused again.
    Refused(PayloadProblem),
    /// It may be taken the next time.
    Deferred(DeferReason),
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthorized => Self::Unauthorized,
            Denied::CredentialsUnavailable => Self::CredentialsUnavailable,
        }
    }
}

impl Refusal {
    fn answer(&self) -> (StatusCode, Counted) {
        use Counted::Refused;
        match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                Refused(PayloadProblem::Unauthorized),
            ),
            Self::LengthRequired => (
                StatusCode::LENGTH_REQUIRED,
                Refused(PayloadProblem::LengthRequired),
            ),
            Self::InvalidLength => (
                StatusCode::BAD_REQUEST,
                Refused(PayloadProblem::InvalidLength),
            ),
            Self::TooLarge { .. } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                Refused(PayloadProblem::TooLarge),
            ),
            // Not 408: a slow line may be faster the next time, and Alertmanager would not try.
            Self::BodyTimeout => (
                StatusCode::SERVICE_UNAVAILABLE,
                Refused(PayloadProblem::Timeout),
            ),
            Self::BodyBroken => (StatusCode::BAD_REQUEST, Refused(PayloadProblem::BrokenBody)),
            Self::Payload(PayloadError::Version(_)) => {
                (StatusCode::BAD_REQUEST, Refused(PayloadProblem::Version))
            }
            Self::Payload(PayloadError::Malformed { .. } | PayloadError::NoList) => (
                StatusCode::BAD_REQUEST,
                Refused(PayloadProblem::MalformedJson),
            ),
            Self::Overloaded => unavailable(DeferReason::Overloaded),
            Self::Unavailable(_) => unavailable(DeferReason::Unavailable),
            Self::HandlingTimeout => unavailable(DeferReason::Timeout),
            Self::CredentialsUnavailable => unavailable(DeferReason::CredentialsUnavailable),
        }
    }

    /// Counts and logs it, and makes the answer.
    pub(super) fn respond(&self, metrics: &Metrics) -> Response {
        let (status, counted) = self.answer();
        let sentence = self.to_string();
        let detail = sentence.as_str();
        let reason = match counted {
            Counted::Refused(reason) => {
                PayloadRefused { reason, detail }.emit(metrics);
                reason.as_str()
            }
            Counted::Deferred(reason) => {
                DeliveryDeferred { reason, detail }.emit(metrics);
                reason.as_str()
            }
        };
        let response = error(status, reason, detail);
        if status == StatusCode::UNAUTHORIZED {
            return with_header(
                response,
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"ripcord\""),
            );
        }
        response
    }
}

fn unavailable(reason: DeferReason) -> (StatusCode, Counted) {
    (StatusCode::SERVICE_UNAVAILABLE, Counted::Deferred(reason))
}

/// An answer that says in JSON what is wrong: `{"error": "a sentence", "reason": "a_word"}`.
pub(super) fn error(status: StatusCode, reason: &str, sentence: &str) -> Response {
    json_response(status, &json!({"error": sentence, "reason": reason}))
}

/// 405, and which methods there are.
pub(super) fn method_not_allowed(allowed: &'static str) -> Response {
    let sentence = format!("only {allowed} here");
    let response = error(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        &sentence,
    );
    with_header(response, ALLOW, HeaderValue::from_static(allowed))
}

/// An answer in JSON.
pub(super) fn json_response(status: StatusCode, body: &serde_json::Value) -> Response {
    text_response(status, "application/json", format!("{body}\n"))
}

/// An answer in some other text.
pub(super) fn text_response(
    status: StatusCode,
    content_type: &'static str,
    body: String,
) -> Response {
    let mut response = HttpResponse::new(body.into());
    *response.status_mut() = status;
    with_header(
        response,
        CONTENT_TYPE,
        HeaderValue::from_static(content_type),
    )
}

/// The answer with one header more.
pub(super) fn with_header(
    mut response: Response,
    name: HeaderName,
    value: HeaderValue,
) -> Response {
    response.headers_mut().insert(name, value);
    response
}
