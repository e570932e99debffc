//! The metrics: names and label sets by the Prometheus conventions, in a registry of their own.
//!
//! [`Metrics`] is a handle: cloning it shares the registry, and nothing is global. Events move the counters ([`super::events`]).

use super::labels::{
    Action, ConnectionProblem, DeferReason, Dependency, ErrorKind, Handler, PayloadProblem,
    STATUS_CODES, SkipReason, Stage,
};
use crate::domain::incident::{Ending, Phase};
use crate::domain::policy::Mode;
use crate::domain::verdict::{Decision, Reason};
use jiff::SignedDuration;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The metrics could not be set up: a name is used twice, or is not a valid one.
#[derive(Debug, thiserror::Error)]
#[error("metrics could not be set up")]
pub struct MetricsError(#[from] prometheus::Error);

/// What `ripcord_build_info` says.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// The version.
    pub version: &'a str,
    /// The commit it was built from; `unknown` where it is not known.
    pub revision: &'a str,
}

/// The label value of a decision that no policy had a part in.
pub const NO_POLICY: &str = "none";
/// The label value of a policy that was never announced by [`Metrics::touch_policies`].
pub const UNKNOWN_POLICY: &str = "other";

/// Every metric of this process; a clone is the same metrics.
#[derive(Clone)]
pub struct Metrics {
    series: Arc<Series>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Metrics")
    }
}

/// The series themselves; only events touch them.
pub(super) struct Series {
    registry: Registry,
    /// The policy names that may be label values: those of every configuration that this process has had.
    policies: Mutex<BTreeSet<String>>,
    pub(super) alerts_received: IntCounter,
    pub(super) alerts_truncated: IntCounter,
    pub(super) alerts_skipped: IntCounterVec,
    pub(super) alerts_invalid: IntCounterVec,
    pub(super) deliveries_deferred: IntCounterVec,
    pub(super) http_requests: IntCounterVec,
    pub(super) connections_refused: IntCounterVec,
    pub(super) decisions: IntCounterVec,
    pub(super) remediations: IntCounterVec,
    pub(super) remediation_duration: HistogramVec,
    pub(super) incidents: IntGaugeVec,
    pub(super) incidents_held: IntGaugeVec,
    pub(super) stage_duration: HistogramVec,
    pub(super) crd_current: IntGauge,
    pub(super) dependency_duration: HistogramVec,
    pub(super) dependency_errors: IntCounterVec,
    pub(super) dependency_up: IntGaugeVec,
    pub(super) config_last_reload_successful: IntGauge,
    pub(super) config_last_reload_success_timestamp: Gauge,
}

/// A rollout is undone in seconds and verified in minutes: Prometheus' default buckets end at 10 s. Upper ends, in seconds, up to 30 min.
const REMEDIATION_BUCKETS: [f64; 12] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0,
];
/// A write takes hundredths of a second, a dwell a minute, a verification many. Upper ends, in seconds, up to 30 min.
const STAGE_BUCKETS: [f64; 13] = [
    0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0,
];
/// Every outside call has a deadline of some seconds; upper ends, in seconds.
const DEPENDENCY_BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

impl Metrics {
    /// All metrics, with every label set that is known at start already there.
    ///
    /// # Errors
    /// When a metric can't be registered: a mistake in this file, found by its tests.
    pub fn new(build: Build<'_>) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let metrics = Self {
            series: Arc::new(Series::register(registry)?),
        };
        metrics.series.register_build(build)?;
        metrics.series.touch();
        Ok(metrics)
    }

    /// Announces the configuration's policies: from now on their names are label values, and their decisions have series.
    /// Called at start and after each reload; the number of policies bounds the number of series.
    pub fn touch_policies<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            self.series.lock_policies().insert(name.to_owned());
            self.series.touch_decisions(name);
        }
    }

    /// Sets how many incidents stand in each phase; a phase that is not named has none.
    pub fn set_incidents(&self, counts: &BTreeMap<Phase, i64>) {
        for phase in Phase::ALL {
            self.series
                .incidents
                .with_label_values(&[phase.as_str()])
                .set(counts.get(&phase).copied().unwrap_or(0));
        }
    }

    /// Sets how many incidents are held for each reason; a reason that is not named holds none.
    pub fn set_held(&self, counts: &BTreeMap<&'static str, i64>) {
        for reason in Reason::ALL {
            let held = counts.get(reason.as_str()).copied().unwrap_or(0);
            let gauge = &self.series.incidents_held;
            gauge.with_label_values(&[reason.as_str()]).set(held);
        }
    }

    /// Notes how long a stage of an incident took. Two clocks that differ can make it negative: then it took no time that can be told.
    pub fn observe_stage(&self, stage: Stage, took: SignedDuration) {
        let histogram = &self.series.stage_duration;
        histogram
            .with_label_values(&[stage.as_str()])
            .observe(took.as_secs_f64().max(0.0));
    }

    /// Sets whether the served CRD has every field that this binary writes.
    pub fn set_crd_current(&self, current: bool) {
        self.series.crd_current.set(i64::from(current));
    }

    /// Counts one answered request.
    pub fn count_request(&self, handler: Handler, status: u16) {
        self.series
            .http_requests
            .with_label_values(&[handler.as_str(), super::labels::status_code(status)])
            .inc();
    }

    /// Everything in the Prometheus text format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if let Err(error) =
            TextEncoder::new().encode_utf8(&self.series.registry.gather(), &mut text)
        {
            tracing::error!(%error, "metrics could not be written in full");
        }
        text
    }

    pub(super) fn series(&self) -> &Series {
        &self.series
    }
}

impl Series {
    fn register(registry: Registry) -> Result<Self, prometheus::Error> {
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let make = Maker(&registry);
        Ok(Self {
            policies: Mutex::new(BTreeSet::new()),
            alerts_received: make.counter(
                "alerts_received_total",
                "Alerts in deliveries that were read.",
            )?,
            alerts_truncated: make.counter(
                "alerts_truncated_total",
                "Alerts that deliveries left out, by truncatedAlerts or by Ripcord's own limit.",
            )?,
            alerts_skipped: make.counters(
                "alerts_skipped_total",
                "Alerts that opened or joined no incident, by reason.",
                &["reason"],
            )?,
            alerts_invalid: make.counters(
                "alerts_invalid_total",
                "Deliveries refused as they came, by reason.",
                &["reason"],
            )?,
            deliveries_deferred: make.counters(
                "deliveries_deferred_total",
                "Deliveries answered 503 so that Alertmanager comes again, by reason.",
                &["reason"],
            )?,
            http_requests: make.counters(
                "http_requests_total",
                "Answered HTTP requests, by handler and status code.",
                &["handler", "code"],
            )?,
            connections_refused: make.counters(
                "http_connections_refused_total",
                "Connections not served or ended by Ripcord, by reason.",
                &["reason"],
            )?,
            decisions: make.counters(
                "decisions_total",
                "Decisions, by policy, decision and reason.",
                &["policy", "decision", "reason"],
            )?,
            remediations: make.counters(
                "remediations_total",
                "Closed incidents, by action, outcome and mode.",
                &["action", "outcome", "mode"],
            )?,
            remediation_duration: make.histograms(
                "remediation_duration_seconds",
                "Time from the first write of an incident to its close.",
                &["action"],
                &REMEDIATION_BUCKETS,
            )?,
            incidents: make.gauges("incidents", "Incidents that exist, by phase.", &["phase"])?,
            incidents_held: make.gauges(
                "incidents_held",
                "Open incidents that are held, by reason.",
                &["reason"],
            )?,
            stage_duration: make.histograms(
                "incident_stage_duration_seconds",
                "Time that the stages of incidents took: notice, decide, write, verify.",
                &["stage"],
                &STAGE_BUCKETS,
            )?,
            crd_current: make.gauge(
                "crd_current",
                "Whether the served Incident CRD has every field that this binary writes (1) or not (0).",
            )?,
            dependency_duration: make.histograms(
                "dependency_request_duration_seconds",
                "Time that requests to dependencies took, failed ones too.",
                &["dependency", "operation"],
                &DEPENDENCY_BUCKETS,
            )?,
            dependency_errors: make.counters(
                "dependency_errors_total",
                "Failed requests to dependencies, by kind of failure.",
                &["dependency", "operation", "kind"],
            )?,
            dependency_up: make.gauges(
                "dependency_up",
                "Whether a dependency answered when it was last asked (1) or not (0).",
                &["dependency"],
            )?,
            config_last_reload_successful: make.gauge(
                "config_last_reload_successful",
                "Whether the last attempt to load the configuration succeeded (1) or not (0).",
            )?,
            config_last_reload_success_timestamp: make.seconds(
                "config_last_reload_success_timestamp_seconds",
                "When the configuration in force was loaded, in seconds since the epoch.",
            )?,
            registry,
        })
    }

    fn register_build(&self, build: Build<'_>) -> Result<(), prometheus::Error> {
        let info = GaugeVec::new(
            Opts::new(
                "ripcord_build_info",
                "A constant 1, labelled with the version and the commit it was built from.",
            ),
            &["version", "revision"],
        )?;
        self.registry.register(Box::new(info.clone()))?;
        info.with_label_values(&[build.version, build.revision])
            .set(1.0);
        Ok(())
    }

    /// Makes every series of the closed label sets.
    fn touch(&self) {
        for reason in SkipReason::ALL {
            self.alerts_skipped.with_label_values(&[reason.as_str()]);
        }
        for reason in PayloadProblem::ALL {
            self.alerts_invalid.with_label_values(&[reason.as_str()]);
        }
        for reason in DeferReason::ALL {
            self.deliveries_deferred
                .with_label_values(&[reason.as_str()]);
        }
        for reason in ConnectionProblem::ALL {
            self.connections_refused
                .with_label_values(&[reason.as_str()]);
        }
        for handler in Handler::ALL {
            for (_, code) in STATUS_CODES {
                self.http_requests
                    .with_label_values(&[handler.as_str(), code]);
            }
        }
        for phase in Phase::ALL {
            self.incidents.with_label_values(&[phase.as_str()]);
        }
        for reason in Reason::ALL {
            self.incidents_held.with_label_values(&[reason.as_str()]);
        }
        for stage in Stage::ALL {
            self.stage_duration.with_label_values(&[stage.as_str()]);
        }
        self.touch_remediations();
        self.touch_dependencies();
        self.touch_decisions(NO_POLICY);
    }

    fn touch_remediations(&self) {
        for action in Action::ALL {
            self.remediation_duration
                .with_label_values(&[action.as_str()]);
            for ending in Ending::ALL {
                for mode in Mode::ALL {
                    self.remediations.with_label_values(&[
                        action.as_str(),
                        ending.as_str(),
                        mode.as_str(),
                    ]);
                }
            }
        }
    }

    fn touch_dependencies(&self) {
        for dependency in Dependency::ALL {
            self.dependency_up.with_label_values(&[dependency.as_str()]);
            for operation in dependency.operations() {
                let asked = [dependency.as_str(), operation.as_str()];
                self.dependency_duration.with_label_values(&asked);
                for kind in ErrorKind::ALL {
                    self.dependency_errors.with_label_values(&[
                        dependency.as_str(),
                        operation.as_str(),
                        kind.as_str(),
                    ]);
                }
            }
        }
    }

    fn touch_decisions(&self, policy: &str) {
        for reason in Reason::ALL {
            for decision in decisions_of(reason) {
                self.decisions
                    .with_label_values(&[policy, decision, reason.as_str()]);
            }
        }
    }

    /// The label value for a policy's name.
    pub(super) fn policy_label<'a>(&self, policy: Option<&'a str>) -> &'a str {
        match policy {
            None => NO_POLICY,
            Some(name) if self.lock_policies().contains(name) => name,
            Some(_) => UNKNOWN_POLICY,
        }
    }

    fn lock_policies(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        // A set of names is whole after every step: a panic elsewhere can't have left it half changed.
        self.policies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The decisions that a reason is expected to come with, so that their series are there before the first one. Others get theirs when they happen.
fn decisions_of(reason: Reason) -> &'static [&'static str] {
    const ACT: &str = Decision::NAMES[0];
    const WAIT: &str = Decision::NAMES[1];
    const HOLD: &str = Decision::NAMES[2];
    const ESCALATE: &str = Decision::NAMES[3];
    match reason {
        Reason::Clear => &[ACT],
        Reason::Unavailable
        | Reason::NotFailing
        | Reason::Dwelling
        | Reason::PartlyHealthy
        | Reason::Storm => &[WAIT],
        Reason::TargetUnproven
        | Reason::CoolingDown
        | Reason::OlderRevision
        | Reason::RolloutPaused
        | Reason::DryRunRefused => &[WAIT, HOLD],
        Reason::NotInScope
        | Reason::OptedOut
        | Reason::NoPolicy
        | Reason::NoRecentRollout
        | Reason::CauseNotAllowed
        | Reason::OtherContainerFails => &[HOLD],
        Reason::ForeignOwner | Reason::NoTarget | Reason::Quarantined | Reason::ChangedByOther => {
            &[HOLD, ESCALATE]
        }
        Reason::StepsSpent
        | Reason::ActionFailed
        | Reason::VerifyTimedOut
        | Reason::VerifyUnknown
        | Reason::TargetFailed => &[ESCALATE],
    }
}

/// Makes metrics of our prefix and registers them.
struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn options(name: &str, help: &str) -> Opts {
        Opts::new(format!("ripcord_{name}"), help)
    }

    fn keep<C: prometheus::core::Collector + Clone + 'static>(
        &self,
        collector: C,
    ) -> Result<C, prometheus::Error> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.keep(IntCounter::with_opts(Self::options(name, help))?)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.keep(IntCounterVec::new(Self::options(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.keep(IntGauge::with_opts(Self::options(name, help))?)
    }

    fn seconds(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        self.keep(Gauge::with_opts(Self::options(name, help))?)
    }

    fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        self.keep(IntGaugeVec::new(Self::options(name, help), labels)?)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::from(Self::options(name, help)).buckets(buckets.to_vec());
        self.keep(HistogramVec::new(options, labels)?)
    }
}

#[cfg(test)]
mod tests;
