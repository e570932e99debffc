//! The PromQL of a StatefulSet's and a DaemonSet's past. As with ReplicaSets, each selector looks at the samples since the step before and no further.

use super::super::promql::{LabelNames, Name};
use super::super::questions::{ROW, Scope};
use super::SetKind;
use jiff::SignedDuration;

/// The rows of [`History::counts`] and [`History::revisions`], by the label [`ROW`].
pub(in super::super) mod row {
    pub(in super::super::super) const WANTED: &str = "wanted";
    pub(in super::super::super) const READY: &str = "ready";
    pub(in super::super::super) const UPDATED: &str = "updated";
    pub(in super::super::super) const TOTAL: &str = "total";
    /// More than one series speaks about a workload.
    pub(in super::super::super) const AMBIGUOUS: &str = "ambiguous";
    pub(in super::super::super) const CURRENT: &str = "current";
    pub(in super::super::super) const UPDATE: &str = "update";
}

/// The names of one kind's series.
struct Metrics {
    wanted: &'static str,
    ready: &'static str,
    updated: &'static str,
    total: &'static str,
    owner: &'static str,
}

impl SetKind {
    /// The label that names the workload.
    pub(in super::super) fn label(self) -> &'static str {
        match self {
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
        }
    }

    /// `docs/metrics/workload` of kube-state-metrics; all of them stable.
    fn metrics(self) -> Metrics {
        match self {
            Self::StatefulSet => Metrics {
                wanted: "kube_statefulset_replicas",
                ready: "kube_statefulset_status_replicas_ready",
                updated: "kube_statefulset_status_replicas_updated",
                total: "kube_statefulset_status_replicas",
                owner: r#"owner_kind="StatefulSet",owner_is_controller="true""#,
            },
            Self::DaemonSet => Metrics {
                wanted: "kube_daemonset_status_desired_number_scheduled",
                ready: "kube_daemonset_status_number_ready",
                updated: "kube_daemonset_status_updated_number_scheduled",
                total: "kube_daemonset_status_current_number_scheduled",
                owner: r#"owner_kind="DaemonSet",owner_is_controller="true""#,
            },
        }
    }
}

/// The range queries of a history.
pub(in super::super) struct History {
    /// The counts, where above 0, and the steps at which two sources spoke: a row for each kind.
    pub(in super::super) counts: String,
    /// The revisions that a StatefulSet's status named.
    pub(in super::super) revisions: Option<String>,
    /// By workload, container and image, how many pods there were.
    pub(in super::super) pods: String,
    /// How many of them were Ready; 0 is a row too, for a missing one is unknown.
    pub(in super::super) ready: String,
    /// How often that container restarted in them since the step before.
    pub(in super::super) restarts: String,
}

/// The history of these workloads.
pub(in super::super) fn history(
    scope: &Scope<'_>,
    kind: SetKind,
    names: &[Name<'_>],
    step: SignedDuration,
) -> History {
    let LabelNames {
        namespace,
        pod,
        container,
        uid,
    } = scope.labels;
    let step = step.as_secs();
    let having = containers(scope, kind, names, "", step);
    let each = format!("{namespace},owner_name,{container},image_spec");
    let ready = scope
        .metric("kube_pod_status_ready")
        .pod_of(pod, names)
        .fixed(r#"condition="true""#)
        .finish();
    let ready = format!("min by ({namespace},{pod},{uid}) (last_over_time({ready}[{step}s]))");
    let restarted = restarted(scope, names, step);
    let key = scope.container_key();
    History {
        counts: counts(scope, kind, names, step),
        revisions: (kind == SetKind::StatefulSet).then(|| revisions(scope, names, step)),
        pods: format!("sum by ({each}) ({having})"),
        ready: format!(
            "sum by ({each}) ({having} * on ({namespace},{pod},{uid}) group_left () {ready})"
        ),
        restarts: format!("sum by ({each}) ({having} * on ({key}) group_left () {restarted})"),
    }
}

/// Which images these workloads' pods had within so many seconds, with their ids.
pub(in super::super) fn digests(
    scope: &Scope<'_>,
    kind: SetKind,
    names: &[Name<'_>],
    seconds: i64,
) -> String {
    let LabelNames {
        namespace,
        container,
        ..
    } = scope.labels;
    let having = containers(scope, kind, names, r#"image_id!="""#, seconds);
    format!("group by ({namespace},owner_name,{container},image_spec,image_id) ({having})")
}

fn counts(scope: &Scope<'_>, kind: SetKind, names: &[Name<'_>], step: i64) -> String {
    let (namespace, label) = (scope.labels.namespace, kind.label());
    let Metrics {
        wanted,
        ready,
        updated,
        total,
        ..
    } = kind.metrics();
    let of = |metric| {
        let series = scope.metric(metric).one_of(label, names).finish();
        format!("by ({namespace},{label}) (last_over_time({series}[{step}s]))")
    };
    // Where two series speak, the fewer are ready and updated.
    let rows = [
        (row::WANTED, format!("max {} > 0", of(wanted))),
        (row::READY, format!("min {} > 0", of(ready))),
        (row::UPDATED, format!("min {} > 0", of(updated))),
        (row::TOTAL, format!("max {} > 0", of(total))),
        (row::AMBIGUOUS, format!("count {} > 1", of(wanted))),
    ];
    marked(&rows)
}

/// Every revision that was named since the step before: two of one kind are a change, or two sources, which `counts` finds out.
fn revisions(scope: &Scope<'_>, names: &[Name<'_>], step: i64) -> String {
    let (namespace, label) = (scope.labels.namespace, SetKind::StatefulSet.label());
    let of = |metric| {
        let series = scope.metric(metric).one_of(label, names).finish();
        format!("group by ({namespace},{label},revision) (last_over_time({series}[{step}s]))")
    };
    let rows = [
        (row::CURRENT, of("kube_statefulset_status_current_revision")),
        (row::UPDATE, of("kube_statefulset_status_update_revision")),
    ];
    marked(&rows)
}

fn marked(rows: &[(&str, String)]) -> String {
    let rows: Vec<String> = rows
        .iter()
        .map(|(row, query)| format!(r#"label_replace({query}, "{ROW}", "{row}", "", "")"#))
        .collect();
    rows.join(" or ")
}

/// 1 for each container and image (and id) of these workloads' pods within so many seconds, with the pod's owner.
fn containers(
    scope: &Scope<'_>,
    kind: SetKind,
    names: &[Name<'_>],
    matcher: &str,
    seconds: i64,
) -> String {
    let LabelNames {
        namespace,
        pod,
        uid,
        ..
    } = scope.labels;
    let mut info = scope
        .metrics("kube_pod_(init_)?container_info")
        .pod_of(pod, names);
    let mut key = format!("{},image_spec", scope.container_key());
    if !matcher.is_empty() {
        info = info.fixed(matcher);
        key.push_str(",image_id");
    }
    let info = info.finish();
    let owners = scope
        .metric("kube_pod_owner")
        .fixed(kind.metrics().owner)
        .one_of("owner_name", names)
        .finish();
    format!(
        "group by ({key}) (last_over_time({info}[{seconds}s])) * on ({namespace},{pod},{uid}) group_left (owner_name) max by ({namespace},{pod},{uid},owner_name) (last_over_time({owners}[{seconds}s]))"
    )
}

/// The change of each container's counter since the step before; one that was not there before counts from 0.
fn restarted(scope: &Scope<'_>, names: &[Name<'_>], step: i64) -> String {
    let key = scope.container_key();
    let counters = scope
        .metrics("kube_pod_(init_)?container_status_restarts_total")
        .pod_of(scope.labels.pod, names)
        .finish();
    let now = format!("max by ({key}) (last_over_time({counters}[{step}s]))");
    let before = format!("max by ({key}) (last_over_time({counters}[{step}s] offset {step}s))");
    format!("abs({now} - ({before} or {now} * 0))")
}
