//! What Prometheus says now about a workload and its live pods.

use crate::domain::evidence::Metrics;
use crate::domain::evidence::{RestartSeries, TerminationSeries, WaitingSeries};
use crate::domain::identity::Uid;
use crate::domain::observed::Observed;
use crate::domain::workload::{WorkloadKind, WorkloadRef};
use crate::platform::prometheus::{MOST_PODS, PrometheusPort, Unanswered};
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// The window of [`Metrics::restarts`]: the lab's own, and as long as a last termination counts as a live symptom.
pub const RESTART_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// Asks all questions at once. Series of pods that are not among the live ones are dropped: names are reused, and anyone can export a metric.
/// `Absent` = there is none, said while kube-state-metrics was up; while it is not, nothing is believed, for what Prometheus still shows is old.
/// Of more than [`MOST_PODS`] pods (oldest first) the newest are asked about.
pub async fn gather(
    port: &dyn PrometheusPort,
    workload: &WorkloadRef,
    pods: &[(String, Uid)],
) -> Metrics {
    let WorkloadRef {
        kind,
        namespace,
        name,
    } = workload;
    let asked = pods
        .get(pods.len().saturating_sub(MOST_PODS)..)
        .unwrap_or_default();
    let names: Vec<String> = asked.iter().map(|(name, _)| name.clone()).collect();
    let live: BTreeSet<(&str, &Uid)> = asked
        .iter()
        .map(|(name, uid)| (name.as_str(), uid))
        .collect();
    // kube-state-metrics has other series for the other kinds; what they say is in the live status too.
    let deployments: Vec<String> = match kind {
        WorkloadKind::Deployment => vec![name.clone()],
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => Vec::new(),
    };
    let (waiting, restarts, terminations, replicas, up) = futures::join!(
        port.waiting(namespace, &names),
        port.restarts(namespace, &names, RESTART_WINDOW),
        port.terminations(namespace, &names),
        port.replicas(namespace, &deployments),
        port.up(),
    );
    let up = up.and_then(|up| {
        if up {
            Ok(())
        } else {
            Err(Unanswered::SourceDown)
        }
    });
    Metrics {
        waiting: observed(of_live_pods(waiting, &live), up),
        restarts: observed(of_live_pods(restarts, &live), up),
        terminations: observed(of_live_pods(terminations, &live), up),
        // One was asked for, so one is there at most.
        replicas: observed(replicas.map(|counts| counts.into_values().next()), up),
    }
}

/// The answer's own failure first: it says more.
fn observed<T>(answer: Result<Option<T>, Unanswered>, up: Result<(), Unanswered>) -> Observed<T> {
    match answer.and_then(|found| up.map(|()| found)) {
        Ok(Some(found)) => Observed::Known(found),
        Ok(None) => Observed::Absent,
        Err(unanswered) => Observed::Unavailable(unanswered.to_string()),
    }
}

/// A row that names a pod.
trait PodSeries {
    fn pod(&self) -> (&str, &Uid);
}

macro_rules! pod_series {
    ($($row:ty),*) => {
        $(impl PodSeries for $row {
            fn pod(&self) -> (&str, &Uid) {
                (&self.pod, &self.uid)
            }
        })*
    };
}

pod_series!(WaitingSeries, RestartSeries, TerminationSeries);

fn of_live_pods<S: PodSeries>(
    answer: Result<Vec<S>, Unanswered>,
    live: &BTreeSet<(&str, &Uid)>,
) -> Result<Option<Vec<S>>, Unanswered> {
    let mut rows = answer?;
    rows.retain(|row| live.contains(&row.pod()));
    Ok((!rows.is_empty()).then_some(rows))
}
