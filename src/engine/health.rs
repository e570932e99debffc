//! How this process and what it stands on are: asked in the background, told at once.

use super::context::Context;
use crate::intake::ports::Readiness;
use crate::record::schema;
use crate::telemetry::events::DependencyChanged;
use crate::telemetry::labels::Dependency;
use std::sync::{Arc, Mutex, PoisonError};

/// What was found out last; a clone is the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    /// `None` = the API server answers and has our schema; else why records are not durable.
    not_durable: Option<String>,
    prometheus: Option<String>,
    /// Why the configuration file was refused last; the one before is in force.
    configuration: Option<String>,
    asked: bool,
    rounds: u32,
}

impl Health {
    fn state(&self) -> State {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Why nothing can be recorded now, and so nothing may be done.
    pub(super) fn not_durable(&self) -> Option<String> {
        let state = self.state();
        if state.asked {
            state.not_durable
        } else {
            Some("starting".to_owned())
        }
    }

    /// For `/-/ready`. Prometheus away is ready all the same: a webhook that can't reach us can't be held.
    pub(super) fn readiness(&self) -> Readiness {
        let state = self.state();
        let line = |name: &str, problem: &Option<String>| match problem {
            _ if !state.asked => format!("{name}: not asked yet"),
            None => format!("{name}: ok"),
            Some(why) => format!("{name}: {why}"),
        };
        Readiness {
            ready: state.asked && state.not_durable.is_none(),
            lines: vec![
                match &state.configuration {
                    None => "configuration: ok".to_owned(),
                    Some(why) => format!("configuration: the one before is in force: {why}"),
                },
                line("kubernetes", &state.not_durable),
                line("prometheus", &state.prometheus),
            ],
        }
    }

    /// Notes what became of a reload.
    pub(super) fn reloaded(&self, refused: Option<&str>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.configuration = refused.map(str::to_owned);
    }

    /// Asks both.
    pub(super) async fn ask(&self, context: &Context) {
        let config = context.config();
        let port = context.prometheus(&config);
        let before = self.state();
        let (not_durable, up) = tokio::join!(not_durable(context, &before), port.up());
        let prometheus = match up {
            Ok(true) => None,
            Ok(false) => Some(
                "it answers, but `up` of kube-state-metrics is not 1 (prometheus.matchers)"
                    .to_owned(),
            ),
            Err(error) => Some(error.to_string()),
        };
        let fresh = State {
            not_durable,
            prometheus,
            configuration: self.state().configuration,
            asked: true,
            rounds: before.rounds.wrapping_add(1),
        };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        tell(
            context,
            Dependency::Kubernetes,
            before.asked,
            before.not_durable.as_deref(),
            fresh.not_durable.as_deref(),
        );
        tell(
            context,
            Dependency::Prometheus,
            before.asked,
            before.prometheus.as_deref(),
            fresh.prometheus.as_deref(),
        );
    }
}

/// Why records would not be durable. The schema is 100 KB or more: it is read again once a minute, and at once after trouble.
async fn not_durable(context: &Context, before: &State) -> Option<String> {
    const SCHEMA_EVERY: u32 = 6;
    if before.asked && before.not_durable.is_none() && !before.rounds.is_multiple_of(SCHEMA_EVERY) {
        return context
            .cluster
            .ping()
            .await
            .err()
            .map(|error| error.to_string());
    }
    match context.cluster.served_schemas().await {
        Ok(served) => {
            let missing = schema::missing_fields(&served);
            context.metrics.set_crd_current(missing.is_empty());
            lacking(&missing)
        }
        Err(error) if error.is_not_found() => {
            context.metrics.set_crd_current(false);
            Some(
                "the CRD incidents.ripcord.dev is missing: kubectl apply -f deploy/base/crd.yaml"
                    .to_owned(),
            )
        }
        Err(error) => Some(error.to_string()),
    }
}

fn tell(
    context: &Context,
    dependency: Dependency,
    asked: bool,
    before: Option<&str>,
    after: Option<&str>,
) {
    if !asked || before.is_none() != after.is_none() {
        let detail = after.unwrap_or_default();
        DependencyChanged {
            dependency,
            up: after.is_none(),
            detail,
        }
        .emit(&context.metrics);
    }
}

fn lacking(missing: &[String]) -> Option<String> {
    let first = missing.first()?;
    Some(format!(
        "the cluster's CRD is older than this binary: it lacks {first} and {} more fields (kubectl apply -f deploy/base/crd.yaml)",
        missing.len().saturating_sub(1)
    ))
}
