//! What people, probes and Prometheus ask for: metrics, health, readiness, and reading the configuration again.

use super::ports::Operations;
use super::refusal;
use super::routes::Routes;
use crate::telemetry::Metrics;
use warp::Filter;
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// The administrative routes.
pub(super) fn routes<O: Operations>(operations: O, metrics: &Metrics) -> Routes {
    let metrics = metrics.clone();
    let rendered = warp::path!("metrics")
        .and(warp::method())
        .map(move |method: Method| {
            read_only(&method, || {
                refusal::text_response(StatusCode::OK, prometheus::TEXT_FORMAT, metrics.render())
            })
        });
    let healthy = warp::path!("-" / "healthy")
        .and(warp::method())
        .map(|method: Method| {
            read_only(&method, || {
                lines(StatusCode::OK, &["Ripcord is healthy".to_owned()])
            })
        });
    let asked = operations.clone();
    let ready = warp::path!("-" / "ready")
        .and(warp::method())
        .map(move |method: Method| {
            read_only(&method, || {
                let readiness = asked.ready();
                let status = if readiness.ready {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                };
                lines(status, &readiness.lines)
            })
        });
    let reload = warp::path!("-" / "reload")
        .and(warp::method())
        .then(move |method: Method| {
            let operations = operations.clone();
            async move { reload(&method, operations).await }
        });
    rendered
        .or(healthy)
        .unify()
        .or(ready)
        .unify()
        .or(reload)
        .unify()
        .boxed()
}

fn read_only(method: &Method, answer: impl FnOnce() -> Response) -> Response {
    if method == Method::GET || method == Method::HEAD {
        answer()
    } else {
        refusal::method_not_allowed("GET, HEAD")
    }
}

async fn reload(method: &Method, operations: impl Operations) -> Response {
    if method != Method::POST {
        return refusal::method_not_allowed("POST");
    }
    match operations.reload().await {
        Ok(()) => lines(StatusCode::OK, &["configuration loaded".to_owned()]),
        Err(report) => refusal::error(StatusCode::BAD_REQUEST, "configuration", &report),
    }
}

fn lines(status: StatusCode, lines: &[String]) -> Response {
    let mut body = lines.join("\n");
    body.push('\n');
    refusal::text_response(status, "text/plain; charset=utf-8", body)
}
