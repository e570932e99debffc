//! Calls of the adapters, as metrics: their operations by verb, for a series per object kind would say little more.

use super::events::DependencyCall;
use super::labels::{Dependency, ErrorKind, Operation};
use super::metrics::Metrics;
use crate::platform::CallObserver;
use std::time::Duration;

/// Prometheus' questions that are range queries.
const RANGES: [&str; 3] = ["replica_history", "set_history", "config_changes"];

impl CallObserver for Metrics {
    fn observed(
        &self,
        dependency: &'static str,
        operation: &'static str,
        seconds: f64,
        failed: Option<&'static str>,
    ) {
        let (dependency, operation) = match dependency {
            "kubernetes" => (Dependency::Kubernetes, kubernetes(operation)),
            "prometheus" if RANGES.iter().any(|range| operation.starts_with(range)) => {
                (Dependency::Prometheus, Operation::QueryRange)
            }
            "prometheus" => (Dependency::Prometheus, Operation::Query),
            _ => (Dependency::Probe, Operation::Probe),
        };
        DependencyCall {
            dependency,
            operation,
            took: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
            failed: failed.map(kind),
        }
        .emit(self);
    }
}

fn kubernetes(operation: &str) -> Operation {
    match operation.split(' ').next().unwrap_or_default() {
        "list" => Operation::List,
        "create" => Operation::Create,
        "save" => Operation::Update,
        "patch" => Operation::Patch,
        "rehearse" => Operation::DryRun,
        "review" => Operation::AccessReview,
        "read" if operation == "read log" => Operation::Logs,
        "read" => Operation::Discover,
        _ => Operation::Get,
    }
}

fn kind(failed: &str) -> ErrorKind {
    match failed {
        "timeout" => ErrorKind::Timeout,
        "unreachable" | "connection" => ErrorKind::Connection,
        "unauthorized" => ErrorKind::Unauthorized,
        "forbidden" => ErrorKind::Forbidden,
        "conflict" => ErrorKind::Conflict,
        "rejected" => ErrorKind::Invalid,
        "throttled" => ErrorKind::TooManyRequests,
        "server_error" => ErrorKind::Server,
        "unreadable" => ErrorKind::Unreadable,
        _ => ErrorKind::Other,
    }
}
