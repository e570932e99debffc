//! One struct for each thing that happens; [`emit`](AlertsReceived::emit) writes its log line and moves its metric together.
//!
//! Fields are facts that were validated or that Ripcord made itself: names from the live API, closed enums, numbers, sentences of ours.
//! A raw label value from an alert never comes here.

use super::labels::{
    Action, ConnectionProblem, DeferReason, Dependency, ErrorKind, Operation, PayloadProblem,
    SkipReason,
};
use super::metrics::Metrics;
use crate::domain::identity::{ActionId, IncidentName};
use crate::domain::incident::{Ending, Phase};
use crate::domain::policy::Mode;
use crate::domain::verdict::Verdict;
use crate::domain::workload::WorkloadRef;
use jiff::Timestamp;
use std::time::Duration;
use tracing::{debug, error, info, warn};

/// A delivery was read.
#[derive(Clone, Copy, Debug)]
pub struct AlertsReceived {
    /// How many alerts it holds, those that can't be used too.
    pub alerts: u64,
    /// How many it left out.
    pub truncated: u64,
}

impl AlertsReceived {
    /// Logs and counts it.
    pub fn emit(self, metrics: &Metrics) {
        let Self { alerts, truncated } = self;
        metrics.series().alerts_received.inc_by(alerts);
        metrics.series().alerts_truncated.inc_by(truncated);
        info!(alerts, truncated, "alerts received");
    }
}

/// Alerts opened or joined no incident.
#[derive(Clone, Copy, Debug)]
pub struct AlertSkipped<'a> {
    /// Why.
    pub reason: SkipReason,
    /// How many, for this one reason.
    pub count: u64,
    /// The `alertname` of the first, cleaned.
    pub alert: &'a str,
    /// More about it, in our own words; may be empty.
    pub detail: &'a str,
}

impl AlertSkipped<'_> {
    /// Logs and counts it.
    pub fn emit(self, metrics: &Metrics) {
        let Self {
            reason,
            count,
            alert,
            detail,
        } = self;
        metrics
            .series()
            .alerts_skipped
            .with_label_values(&[reason.as_str()])
            .inc_by(count);
        info!(%reason, count, alert, detail, "alerts skipped");
    }
}

/// A delivery was refused as it came.
#[derive(Clone, Copy, Debug)]
pub struct PayloadRefused<'a> {
    /// Why.
    pub reason: PayloadProblem,
    /// The sentence that its sender gets; nothing of the body is in it.
    pub detail: &'a str,
}

impl PayloadRefused<'_> {
    /// Logs and counts it.
    pub fn emit(self, metrics: &Metrics) {
        let Self { reason, detail } = self;
        metrics
            .series()
            .alerts_invalid
            .with_label_values(&[reason.as_str()])
            .inc();
        warn!(%reason, detail, "delivery refused");
    }
}

/// A good delivery was answered 503; it comes again.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryDeferred<'a> {
    /// Why.
    pub reason: DeferReason,
    /// The sentence that its sender gets.
    pub detail: &'a str,
}

impl DeliveryDeferred<'_> {
    /// Logs and counts it.
    pub fn emit(self, metrics: &Metrics) {
        let Self { reason, detail } = self;
        metrics
            .series()
            .deliveries_deferred
            .with_label_values(&[reason.as_str()])
            .inc();
        warn!(%reason, detail, "delivery deferred");
    }
}

/// A connection was not served, or was ended.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionRefused {
    /// Why.
    pub reason: ConnectionProblem,
}

impl ConnectionRefused {
    /// Logs (at debug: a flood must not become a flood of lines) and counts it.
    pub fn emit(self, metrics: &Metrics) {
        let Self { reason } = self;
        metrics
            .series()
            .connections_refused
            .with_label_values(&[reason.as_str()])
            .inc();
        debug!(%reason, "connection refused");
    }
}

/// An incident was opened.
#[derive(Clone, Copy, Debug)]
pub struct IncidentOpened<'a> {
    /// Its name.
    pub incident: &'a IncidentName,
    /// What it is about.
    pub workload: &'a WorkloadRef,
    /// The `alertname` that opened it, cleaned.
    pub alert: &'a str,
}

impl IncidentOpened<'_> {
    /// Logs it. What is counted is how many there are ([`Metrics::set_incidents`]).
    pub fn emit(self, _metrics: &Metrics) {
        let Self {
            incident,
            workload,
            alert,
        } = self;
        info!(%incident, namespace = workload.namespace, %workload, alert, "incident opened");
    }
}

/// An incident came to another phase.
#[derive(Clone, Copy, Debug)]
pub struct PhaseChanged<'a> {
    /// Its name.
    pub incident: &'a IncidentName,
    /// What it is about.
    pub workload: &'a WorkloadRef,
    /// Where it stood.
    pub from: Phase,
    /// Where it stands.
    pub to: Phase,
    /// Why, in one word.
    pub reason: &'a str,
}

impl PhaseChanged<'_> {
    /// Logs it. What is counted is how many there are ([`Metrics::set_incidents`]).
    pub fn emit(self, _metrics: &Metrics) {
        let Self {
            incident,
            workload,
            from,
            to,
            reason,
        } = self;
        info!(%incident, namespace = workload.namespace, %workload, %from, %to, reason, "incident moved");
    }
}

/// It was decided what to do.
#[derive(Clone, Copy, Debug)]
pub struct DecisionMade<'a> {
    /// The incident.
    pub incident: &'a IncidentName,
    /// What it is about.
    pub workload: &'a WorkloadRef,
    /// The policy, where one was chosen.
    pub policy: Option<&'a str>,
    /// The mode it was decided in.
    pub mode: Mode,
    /// The verdict.
    pub verdict: &'a Verdict,
}

impl DecisionMade<'_> {
    /// Logs and counts it.
    pub fn emit(self, metrics: &Metrics) {
        let Self {
            incident,
            workload,
            policy,
            mode,
            verdict,
        } = self;
        let series = metrics.series();
        let policy = series.policy_label(policy);
        let decision = verdict.decision.as_str();
        let reason = verdict.reason.as_str();
        series
            .decisions
            .with_label_values(&[policy, decision, reason])
            .inc();
        info!(
            %incident, namespace = workload.namespace, %workload, policy, %mode, decision, reason,
            detail = verdict.text, "decided"
        );
    }
}

/// A write to a workload was accepted.
#[derive(Clone, Copy, Debug)]
pub struct ActionApplied<'a> {
    /// The incident.
    pub incident: &'a IncidentName,
    /// What was written to.
    pub workload: &'a WorkloadRef,
    /// The remedy's name.
    pub remedy: &'a str,
    /// The write's name.
    pub action_id: &'a ActionId,
    /// Where it went, in words.
    pub target: &'a str,
}

impl ActionApplied<'_> {
    /// Logs it. It is counted when its incident closes, for only then is its outcome known.
    pub fn emit(self, _metrics: &Metrics) {
        let Self {
            incident,
            workload,
            remedy,
            action_id,
            target,
        } = self;
        info!(
            // `target` is a name of tracing's own.
            %incident, namespace = workload.namespace, %workload, remedy, %action_id, to = target,
            "action applied"
        );
    }
}

/// An incident was closed.
#[derive(Clone, Copy, Debug)]
pub struct IncidentClosed<'a> {
    /// Its name.
    pub incident: &'a IncidentName,
    /// What it was about.
    pub workload: &'a WorkloadRef,
    /// The remedy that was written or would have been; `None` = there was none.
    pub remedy: Option<&'a str>,
    /// How it ended.
    pub ending: Ending,
    /// The mode it was decided in.
    pub mode: Mode,
    /// Why, in one sentence of ours.
    pub message: &'a str,
    /// From its first write to now; `None` = nothing was written.
    pub since_first_write: Option<Duration>,
}

impl IncidentClosed<'_> {
    /// Logs and counts it.
    pub fn emit(self, metrics: &Metrics) {
        let Self {
            incident,
            workload,
            remedy,
            ending,
            mode,
            message,
            since_first_write,
        } = self;
        let series = metrics.series();
        let action = Action::of_remedy(remedy).as_str();
        let outcome = ending.as_str();
        series
            .remediations
            .with_label_values(&[action, outcome, mode.as_str()])
            .inc();
        if let Some(duration) = since_first_write {
            series
                .remediation_duration
                .with_label_values(&[action])
                .observe(duration.as_secs_f64());
        }
        info!(
            %incident, namespace = workload.namespace, %workload, action, outcome, %mode,
            seconds = since_first_write.map(|duration| duration.as_secs_f64()), detail = message,
            "incident closed"
        );
    }
}

/// A dependency was asked.
#[derive(Clone, Copy, Debug)]
pub struct DependencyCall {
    /// Which.
    pub dependency: Dependency,
    /// What for.
    pub operation: Operation,
    /// How long it took, deadline included.
    pub took: Duration,
    /// How it failed, where it did.
    pub failed: Option<ErrorKind>,
}

impl DependencyCall {
    /// Logs (at debug) and counts it.
    pub fn emit(self, metrics: &Metrics) {
        let Self {
            dependency,
            operation,
            took,
            failed,
        } = self;
        let series = metrics.series();
        let asked = [dependency.as_str(), operation.as_str()];
        let seconds = took.as_secs_f64();
        series
            .dependency_duration
            .with_label_values(&asked)
            .observe(seconds);
        if let Some(kind) = failed {
            series
                .dependency_errors
                .with_label_values(&[dependency.as_str(), operation.as_str(), kind.as_str()])
                .inc();
        }
        debug!(%dependency, %operation, seconds, failed = failed.map(ErrorKind::as_str), "dependency asked");
    }
}

/// A dependency went away or came back. Emitted when that changes, and once at start.
#[derive(Clone, Copy, Debug)]
pub struct DependencyChanged<'a> {
    /// Which.
    pub dependency: Dependency,
    /// Whether it answers.
    pub up: bool,
    /// Why it is believed to be away, in our own words; empty where it answers.
    pub detail: &'a str,
}

impl DependencyChanged<'_> {
    /// Logs it and sets the gauge.
    pub fn emit(self, metrics: &Metrics) {
        let Self {
            dependency,
            up,
            detail,
        } = self;
        metrics
            .series()
            .dependency_up
            .with_label_values(&[dependency.as_str()])
            .set(i64::from(up));
        if up {
            info!(%dependency, "dependency answers");
        } else {
            warn!(%dependency, detail, "dependency is away");
        }
    }
}

/// The configuration was loaded, or could not be. The first load at start counts too.
#[derive(Clone, Copy, Debug)]
pub struct ConfigReloaded<'a> {
    /// When.
    pub at: Timestamp,
    /// How many mistakes it has, and the first of them; `None` = it is in force.
    pub refused: Option<&'a str>,
}

impl ConfigReloaded<'_> {
    /// Logs it and sets the gauges.
    pub fn emit(self, metrics: &Metrics) {
        let Self { at, refused } = self;
        let series = metrics.series();
        series
            .config_last_reload_successful
            .set(i64::from(refused.is_none()));
        if let Some(detail) = refused {
            error!(detail, "configuration refused, the old one stays");
        } else {
            series
                .config_last_reload_success_timestamp
                .set(at.as_duration().as_secs_f64());
            info!("configuration loaded");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::verdict::{Decision, Reason};
    use crate::domain::workload::WorkloadKind;
    use crate::telemetry::metrics::Build;

    fn metrics() -> Metrics {
        Metrics::new(Build {
            version: "0",
            revision: "0",
        })
        .unwrap()
    }

    fn workload() -> WorkloadRef {
        WorkloadRef {
            kind: WorkloadKind::Deployment,
            namespace: "lab30".to_owned(),
            name: "web".to_owned(),
        }
    }

    #[test]
    fn a_refused_configuration_keeps_the_time_of_the_last_good_one() {
        let metrics = metrics();
        let at = |second| Timestamp::from_second(second).unwrap();
        ConfigReloaded {
            at: at(100),
            refused: None,
        }
        .emit(&metrics);
        ConfigReloaded {
            at: at(200),
            refused: Some("line 3: no"),
        }
        .emit(&metrics);
        let text = metrics.render();
        assert!(text.contains("ripcord_config_last_reload_successful 0"));
        assert!(text.contains("ripcord_config_last_reload_success_timestamp_seconds 100"));
    }

    #[test]
    fn ten_thousand_policy_names_make_one_series() {
        let metrics = metrics();
        let verdict = Verdict {
            decision: Decision::Hold,
            reason: Reason::NoTarget,
            text: String::new(),
            guards: Vec::new(),
        };
        for number in 0..10_000 {
            DecisionMade {
                incident: &IncidentName::new("web-1"),
                workload: &workload(),
                policy: Some(&format!("policy-{number}")),
                mode: Mode::DryRun,
                verdict: &verdict,
            }
            .emit(&metrics);
        }
        let text = metrics.render();
        assert!(text.contains(
            "ripcord_decisions_total{decision=\"Hold\",policy=\"other\",reason=\"NoTarget\"} 10000"
        ));
        assert!(!text.contains("policy-"));
    }

    #[test]
    fn an_incident_without_a_write_has_no_duration() {
        let metrics = metrics();
        let closed = IncidentClosed {
            incident: &IncidentName::new("web-1"),
            workload: &workload(),
            remedy: Some("rolloutUndo"),
            ending: Ending::DryRun,
            mode: Mode::DryRun,
            message: "would have gone to revision 1",
            since_first_write: None,
        };
        closed.emit(&metrics);
        IncidentClosed {
            ending: Ending::Recovered,
            mode: Mode::Enforce,
            since_first_write: Some(Duration::from_secs(42)),
            ..closed
        }
        .emit(&metrics);
        let text = metrics.render();
        for line in [
            "ripcord_remediations_total{action=\"rolloutUndo\",mode=\"dry-run\",outcome=\"DryRun\"} 1",
            "ripcord_remediations_total{action=\"rolloutUndo\",mode=\"enforce\",outcome=\"Recovered\"} 1",
            "ripcord_remediation_duration_seconds_count{action=\"rolloutUndo\"} 1",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }

    #[test]
    fn a_failed_call_is_timed_and_counted_by_its_kind() {
        let metrics = metrics();
        DependencyCall {
            dependency: Dependency::Kubernetes,
            operation: Operation::Patch,
            took: Duration::from_millis(30),
            failed: Some(ErrorKind::from_status(409)),
        }
        .emit(&metrics);
        let text = metrics.render();
        for line in [
            "ripcord_dependency_request_duration_seconds_count{dependency=\"kubernetes\",operation=\"patch\"} 1",
            "ripcord_dependency_errors_total{dependency=\"kubernetes\",kind=\"conflict\",operation=\"patch\"} 1",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }
}
