//! The last questions of a verification: restarts by Prometheus, and the policy's HTTP probe.

use super::judge::LastQuestions;
use crate::domain::observed::Observed;
use crate::domain::policy::HttpProbe;
use crate::domain::workload::Pod;
use crate::platform::CallObserver;
use crate::platform::probe::probe;
use crate::platform::prometheus::PrometheusPort;
use std::time::Duration;

/// A probe that answers once may have hit the old pod on its way out.
const PROBES: usize = 3;
/// Far enough apart to be three answers, near enough not to hold the verdict up.
const BETWEEN_PROBES: Duration = Duration::from_secs(2);

/// Asks both.
pub async fn ask_last(
    port: &dyn PrometheusPort,
    observer: &dyn CallObserver,
    namespace: &str,
    target_pods: &[&Pod],
    window: Duration,
    http: Option<&HttpProbe>,
) -> LastQuestions {
    let (restarts, probe) = tokio::join!(
        restarts(port, namespace, target_pods, window),
        probe_in_a_row(observer, http)
    );
    LastQuestions { restarts, probe }
}
