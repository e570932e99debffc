//! The last questions of a verification: restarts by Prometheus, and the policy's HTTP probe.

use super::judge::LastQuestions;
use crate::domain::observed::Observed;
use crate::domain::policy::HttpProbe;
use crate::domain::workload::Pod;
use crate::platform::CallObserver;
use crate::platform::probe::ProbePort;
use crate::platform::prometheus::PrometheusPort;
use jiff::SignedDuration;
use std::time::Duration;

/// One answer may be the old pod's, on its way out.
const PROBES: usize = 3;
/// Far enough apart to be three answers, near enough not to hold the verdict up.
const BETWEEN_PROBES: Duration = Duration::from_secs(2);
/// `increase` needs two samples, and most clusters are scraped every 30 or 60 s: a shorter window would have none.
const SHORTEST_WINDOW: SignedDuration = SignedDuration::from_mins(2);

/// Asks both. `http` is the policy's probe and who makes it; `whole_for` is how long the target has been whole: the window in which Prometheus must not have seen a restart.
pub async fn ask_last(
    port: &dyn PrometheusPort,
    namespace: &str,
    target_pods: &[&Pod],
    whole_for: SignedDuration,
    http: Option<(&dyn ProbePort, &HttpProbe)>,
    observer: &dyn CallObserver,
) -> LastQuestions {
    let (restarts, probe) = tokio::join!(
        restarts(port, namespace, target_pods, whole_for.max(SHORTEST_WINDOW)),
        probe_in_a_row(http, observer)
    );
    LastQuestions { restarts, probe }
}

/// The restarts of all containers together; `Absent` where a container has no series: unknown is never 0.
async fn restarts(
    port: &dyn PrometheusPort,
    namespace: &str,
    pods: &[&Pod],
    window: SignedDuration,
) -> Observed<i64> {
    let names: Vec<String> = pods.iter().map(|pod| pod.name.clone()).collect();
    let series = match port.restarts(namespace, &names, window).await {
        Ok(series) => series,
        Err(error) => return Observed::Unavailable(error.to_string()),
    };
    let mut total = 0;
    for pod in pods {
        for container in pod.containers.iter().filter(|container| !container.init) {
            let own = series
                .iter()
                .find(|series| series.uid == pod.uid && series.container == container.name);
            match own {
                // Prometheus extrapolates, so that one restart may read 0.8 or 1.2.
                Some(series) => total += i64::from(series.restarts > 0.1),
                None => return Observed::Absent,
            }
        }
    }
    Observed::Known(total)
}

async fn probe_in_a_row(
    http: Option<(&dyn ProbePort, &HttpProbe)>,
    observer: &dyn CallObserver,
) -> Option<Result<(), String>> {
    let (port, http) = http?;
    for number in 0..PROBES {
        if number > 0 {
            tokio::time::sleep(BETWEEN_PROBES).await;
        }
        let started = tokio::time::Instant::now();
        let answer = port.probe(http).await;
        let failed = answer.as_ref().err().map(|_| "unreachable");
        observer.observed("probe", "probe", started.elapsed().as_secs_f64(), failed);
        match answer {
            Ok(status) if status == http.status => {}
            Ok(status) => return Some(Err(format!("status {status}, expected {}", http.status))),
            Err(error) => return Some(Err(error.to_string())),
        }
    }
    Some(Ok(()))
}
