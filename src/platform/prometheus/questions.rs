//! The PromQL of each question. Facts about the metrics: the reference page on semantics, section 2.

use super::promql::{LabelNames, Name, Selector};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// How long a waiting reason is remembered: they flap with the kubelet's back-off, whose longest pause is five minutes.
const WAITING_WINDOW_SECONDS: i64 = 300;
/// How old the last scrape may be: the slowest usual interval is a minute; two of them and some time to scrape.
pub(super) const SCRAPED_WITHIN_SECONDS: u32 = 150;
/// The label by which [`restarts`] tells its two kinds of rows apart.
pub(super) const ROW: &str = "ripcord_row";
/// A row with a count.
pub(super) const ROW_COUNT: &str = "count";
/// A row for a container that more than one series speaks about now.
pub(super) const ROW_AMBIGUOUS: &str = "ambiguous";

/// Whose series, and under which names: the same for all questions about one namespace.
pub(super) struct Scope<'a> {
    pub(super) labels: LabelNames,
    pub(super) matchers: &'a BTreeMap<String, String>,
    pub(super) namespace: Name<'a>,
}

impl Scope<'_> {
    pub(super) fn metric(&self, name: &'static str) -> Selector {
        Selector::metric(name, self.matchers).equals(self.labels.namespace, self.namespace)
    }

    pub(super) fn metrics(&self, regex: &'static str) -> Selector {
        Selector::metrics(regex, self.matchers).equals(self.labels.namespace, self.namespace)
    }

    pub(super) fn container_key(&self) -> String {
        let LabelNames {
            namespace,
            pod,
            container,
            uid,
        } = self.labels;
        format!("{namespace},{pod},{uid},{container}")
    }
}

/// Any one series with all the labels of a container: it shows how they are called here.
pub(super) fn labels(matchers: &BTreeMap<String, String>) -> String {
    format!(
        "topk(1, {})",
        Selector::metric("kube_pod_container_info", matchers).finish()
    )
}

/// 1 where every target that the matchers fit was scraped with success, lately; 0 where one was not; no row where there is no target.
pub(super) fn up(matchers: &BTreeMap<String, String>) -> String {
    let up = Selector::metric("up", matchers).finish();
    format!("min({up} * (time() - timestamp({up}) <= bool {SCRAPED_WITHIN_SECONDS}))")
}

/// One row for each container and reason. `pods` = `None`: the whole namespace.
pub(super) fn waiting(scope: &Scope<'_>, pods: Option<&[Name<'_>]>) -> String {
    let mut series = scope.metrics("kube_pod_(init_)?container_status_waiting_reason");
    if let Some(pods) = pods {
        series = series.one_of(scope.labels.pod, pods);
    }
    let series = series
        .fixed(r#"reason!~"ContainerCreating|PodInitializing|""#)
        .finish();
    format!(
        "max by ({},reason) (max_over_time({series}[{WAITING_WINDOW_SECONDS}s])) > 0",
        scope.container_key()
    )
}

/// One row with the count for each container, and one more for each container that is ambiguous. The sum: a new kube-state-metrics begins new series,
/// and a restart is in one of them.
pub(super) fn restarts(scope: &Scope<'_>, pods: &[Name<'_>], window: SignedDuration) -> String {
    let key = scope.container_key();
    let series = scope
        .metrics("kube_pod_(init_)?container_status_restarts_total")
        .one_of(scope.labels.pod, pods)
        .finish();
    let count = format!("sum by ({key}) (increase({series}[{}s]))", window.as_secs());
    let ambiguous = format!("count by ({key}) ({series}) > 1");
    format!(
        r#"label_replace({count}, "{ROW}", "{ROW_COUNT}", "", "") or label_replace({ambiguous}, "{ROW}", "{ROW_AMBIGUOUS}", "", "")"#
    )
}

/// The series as they are: reasons and exit codes are put together by the reader, for the exit code's may be missing.
pub(super) fn terminations(scope: &Scope<'_>, pods: &[Name<'_>]) -> String {
    scope
        .metrics("kube_pod_(init_)?container_status_last_terminated_(reason|exitcode)")
        .one_of(scope.labels.pod, pods)
        .finish()
}

/// The series as they are: one with the wanted replicas, one with the available ones.
pub(super) fn replicas(scope: &Scope<'_>, deployments: &[Name<'_>]) -> String {
    scope
        .metrics("kube_deployment_spec_replicas|kube_deployment_status_replicas_available")
        .one_of("deployment", deployments)
        .finish()
}

/// The four range queries of a history. Each looks at the samples since the step before (`[step]`) and no further: Prometheus' own look-back would carry
/// one sample over five minutes in which nobody looked.
pub(super) struct History {
    /// Wanted replicas where above 0, so that revisions that were not there cost nothing.
    pub(super) wanted: String,
    /// Ready replicas where above 0; the fewer, where two series speak.
    pub(super) ready: String,
    /// Steps at which more than one series speaks about a ReplicaSet; not only of those above 0, else the other cluster's answer is taken for ours.
    pub(super) ambiguous: String,
    /// How many restarts there were since the step before, in all pods of a ReplicaSet.
    pub(super) restarts: String,
}

/// The history of these ReplicaSets.
pub(super) fn history(
    scope: &Scope<'_>,
    replicasets: &[Name<'_>],
    step: SignedDuration,
) -> History {
    let namespace = scope.labels.namespace;
    let step = step.as_secs();
    let of = |metric| {
        scope
            .metric(metric)
            .one_of("replicaset", replicasets)
            .finish()
    };
    let (wanted, ready) = (
        of("kube_replicaset_spec_replicas"),
        of("kube_replicaset_status_ready_replicas"),
    );
    History {
        wanted: format!("max by ({namespace},replicaset) (last_over_time({wanted}[{step}s])) > 0"),
        ready: format!("min by ({namespace},replicaset) (last_over_time({ready}[{step}s])) > 0"),
        ambiguous: format!(
            "count by ({namespace},replicaset) (last_over_time({wanted}[{step}s])) > 1"
        ),
        restarts: restarts_by_replicaset(scope, replicasets, step),
    }
}

/// The change of each counter from the last sample before the step to the last one in it: unlike `increase(…[step])` it loses nothing between two windows,
/// and needs no second sample. A container that was not there before counts from 0. A pod that changed its owner within the step counts for both: it joins
/// from the side that may have many rows, for as the other one it would be an error, and nobody had a history.
fn restarts_by_replicaset(scope: &Scope<'_>, replicasets: &[Name<'_>], step: i64) -> String {
    let LabelNames { namespace, pod, .. } = scope.labels;
    let (key, pod_key) = (scope.container_key(), scope.labels.pod_key());
    let counters = scope
        .metrics("kube_pod_(init_)?container_status_restarts_total")
        .pod_of(pod, replicasets)
        .finish();
    let owners = scope
        .metric("kube_pod_owner")
        .fixed(r#"owner_kind="ReplicaSet",owner_is_controller="true""#)
        .one_of("owner_name", replicasets)
        .finish();
    let now = format!("max by ({key}) (last_over_time({counters}[{step}s]))");
    let before = format!("max by ({key}) (last_over_time({counters}[{step}s] offset {step}s))");
    let owner = format!("max by ({pod_key},owner_name) (last_over_time({owners}[{step}s]))");
    format!(
        "sum by ({namespace},owner_name) ({owner} * on ({pod_key}) group_left () sum by ({pod_key}) (abs({now} - ({before} or {now} * 0))))"
    )
}
