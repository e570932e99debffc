//! Rows become what the questions promise. Here an answer that speaks about one thing twice is found out.

use super::answer::{Sample, Series, whole};
use super::promql::{LabelNames, Name};
use super::questions::{ROW, ROW_AMBIGUOUS};
use super::{ReplicaHistory, ReplicaSample, Unanswered};
use crate::domain::evidence::{ReplicaSeries, RestartSeries, TerminationSeries, WaitingSeries};
use crate::domain::identity::{RevisionName, Uid};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How long two sources may speak about one ReplicaSet before they are two sources: while a kube-state-metrics takes over from another one, both are
/// there for the old pod's grace period (30 s) and at most Prometheus' look-back (5 minutes). Such steps are gaps; more of them are an answer that
/// nobody can use. Without this, every update of kube-state-metrics would hide the whole history for as long as it reaches back.
const LONGEST_HANDOVER: SignedDuration = SignedDuration::from_mins(10);

/// Which container a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ContainerKey {
    pod: String,
    uid: Uid,
    container: String,
}

impl ContainerKey {
    fn of(row: &Sample, labels: LabelNames, namespace: Name<'_>) -> Result<Self, Unanswered> {
        same_namespace(&row.labels, labels, namespace)?;
        Ok(Self {
            pod: label(&row.labels, labels.pod)?.to_owned(),
            uid: Uid::new(label(&row.labels, labels.uid)?),
            container: label(&row.labels, labels.container)?.to_owned(),
        })
    }
}

/// Waiting containers, in order.
pub(super) fn waiting(
    rows: &[Sample],
    labels: LabelNames,
    namespace: Name<'_>,
) -> Result<Vec<WaitingSeries>, Unanswered> {
    let mut seen = BTreeSet::new();
    for row in rows {
        let key = ContainerKey::of(row, labels, namespace)?;
        if !seen.insert((key, label(&row.labels, "reason")?.to_owned())) {
            return Err(Unanswered::Ambiguous("waiting container"));
        }
    }
    let series = seen.into_iter().map(
        |(
            ContainerKey {
                pod,
                uid,
                container,
            },
            reason,
        )| {
            WaitingSeries {
                pod,
                uid,
                container,
                reason,
            }
        },
    );
    Ok(series.collect())
}

/// Restart counts, in order.
pub(super) fn restarts(
    rows: &[Sample],
    labels: LabelNames,
    namespace: Name<'_>,
) -> Result<Vec<RestartSeries>, Unanswered> {
    const AMBIGUOUS: Unanswered = Unanswered::Ambiguous("container's restarts");
    let mut counts = BTreeMap::new();
    for row in rows {
        let key = ContainerKey::of(row, labels, namespace)?;
        if label(&row.labels, ROW)? == ROW_AMBIGUOUS || counts.insert(key, row.value).is_some() {
            return Err(AMBIGUOUS);
        }
    }
    let series = counts.into_iter().map(
        |(
            ContainerKey {
                pod,
                uid,
                container,
            },
            restarts,
        )| {
            RestartSeries {
                pod,
                uid,
                container,
                restarts,
            }
        },
    );
    Ok(series.collect())
}

/// Reasons joined with exit codes, in order. An exit code without a reason says nothing.
pub(super) fn terminations(
    rows: &[Sample],
    labels: LabelNames,
    namespace: Name<'_>,
) -> Result<Vec<TerminationSeries>, Unanswered> {
    const AMBIGUOUS: Unanswered = Unanswered::Ambiguous("container's last termination");
    let (mut reasons, mut codes) = (BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let key = ContainerKey::of(row, labels, namespace)?;
        let twice = if label(&row.labels, "__name__")?.ends_with("_exitcode") {
            codes.insert(key, whole(row.value)?).is_some()
        } else if row.value > 0.0 {
            reasons
                .insert(key, label(&row.labels, "reason")?.to_owned())
                .is_some()
        } else {
            false
        };
        if twice {
            return Err(AMBIGUOUS);
        }
    }
    let series = reasons.into_iter().map(|(key, reason)| {
        let exit_code = codes.get(&key).copied();
        let ContainerKey {
            pod,
            uid,
            container,
        } = key;
        TerminationSeries {
            pod,
            uid,
            container,
            reason,
            exit_code,
        }
    });
    Ok(series.collect())
}

/// Both counts of a Deployment, or none: one alone is no answer.
pub(super) fn replicas(
    rows: &[Sample],
    labels: LabelNames,
    namespace: Name<'_>,
) -> Result<BTreeMap<String, ReplicaSeries>, Unanswered> {
    let mut wanted = BTreeMap::new();
    let mut available = BTreeMap::new();
    for row in rows {
        same_namespace(&row.labels, labels, namespace)?;
        let counts = match label(&row.labels, "__name__")? {
            "kube_deployment_spec_replicas" => &mut wanted,
            "kube_deployment_status_replicas_available" => &mut available,
            _ => return Err(Unanswered::Unreadable),
        };
        let deployment = label(&row.labels, "deployment")?;
        if counts.insert(deployment, whole(row.value)?).is_some() {
            return Err(Unanswered::Ambiguous("deployment's replicas"));
        }
    }
    let both = wanted.into_iter().filter_map(|(deployment, wanted)| {
        let available = available.get(deployment).copied()?;
        let counts = ReplicaSeries { wanted, available };
        Some((deployment.to_owned(), counts))
    });
    Ok(both.collect())
}

/// One number, from an aggregation over everything; `None` = there was nothing.
pub(super) fn single(rows: &[Sample]) -> Result<Option<f64>, Unanswered> {
    match rows {
        [] => Ok(None),
        [row] => Ok(Some(row.value)),
        _ => Err(Unanswered::Ambiguous("number")),
    }
}

/// The four answers of a history, as they came.
pub(super) struct HistoryRows {
    pub(super) wanted: Vec<Series>,
    pub(super) ready: Vec<Series>,
    pub(super) ambiguous: Vec<Series>,
    pub(super) restarts: Vec<Series>,
}

/// Puts them together by ReplicaSet and step.
pub(super) fn history(
    rows: &HistoryRows,
    labels: LabelNames,
    namespace: Name<'_>,
    step: SignedDuration,
) -> Result<ReplicaHistory, Unanswered> {
    let table = |series: &[Series], key: &str| by_replicaset(series, key, labels, namespace);
    let handovers = handovers(&table(&rows.ambiguous, "replicaset")?, step)?;
    let ready = table(&rows.ready, "replicaset")?;
    let restarts = table(&rows.restarts, "owner_name")?;
    let at = |table: &Table, name: &RevisionName, at: Timestamp| {
        table.get(name).and_then(|steps| steps.get(&at)).copied()
    };
    let series = table(&rows.wanted, "replicaset")?
        .into_iter()
        .map(|(name, steps)| {
            let samples = steps
                .into_iter()
                .filter(|(time, wanted)| *wanted > 0 && !handovers.contains(time))
                .map(|(time, wanted)| ReplicaSample {
                    at: time,
                    wanted,
                    ready: at(&ready, &name, time).unwrap_or(0),
                    restarts: at(&restarts, &name, time),
                })
                .collect();
            (name, samples)
        })
        .collect();
    Ok(ReplicaHistory { step, series })
}

type Table = BTreeMap<RevisionName, BTreeMap<Timestamp, i64>>;

fn by_replicaset(
    series: &[Series],
    key: &str,
    labels: LabelNames,
    namespace: Name<'_>,
) -> Result<Table, Unanswered> {
    let mut table = Table::new();
    for row in series {
        same_namespace(&row.labels, labels, namespace)?;
        let steps = table
            .entry(RevisionName::new(label(&row.labels, key)?))
            .or_default();
        for (time, value) in &row.values {
            if steps.insert(*time, whole(*value)?).is_some() {
                return Err(Unanswered::Ambiguous("replicaset"));
            }
        }
    }
    Ok(table)
}

/// The steps at which one kube-state-metrics took over from another, for any ReplicaSet: they prove nothing about any other one either.
fn handovers(ambiguous: &Table, step: SignedDuration) -> Result<BTreeSet<Timestamp>, Unanswered> {
    for steps in ambiguous.values() {
        is_handover(steps.keys().copied(), step, "replicaset")?;
    }
    Ok(ambiguous
        .values()
        .flat_map(BTreeMap::keys)
        .copied()
        .collect())
}

/// Whether steps at which two sources spoke, in order, are short enough stretches for one to have taken over from the other.
///
/// # Errors
/// Where they are not.
pub(super) fn is_handover(
    steps: impl Iterator<Item = Timestamp>,
    step: SignedDuration,
    what: &'static str,
) -> Result<(), Unanswered> {
    let mut begin: Option<(Timestamp, Timestamp)> = None;
    for time in steps {
        let first = match begin {
            Some((first, last)) if time.duration_since(last) <= step => first,
            Some(_) | None => time,
        };
        if time.duration_since(first) > LONGEST_HANDOVER {
            return Err(Unanswered::Ambiguous(what));
        }
        begin = Some((first, time));
    }
    Ok(())
}

pub(super) fn label<'a>(
    labels: &'a BTreeMap<String, String>,
    name: &str,
) -> Result<&'a str, Unanswered> {
    labels
        .get(name)
        .map(String::as_str)
        .ok_or(Unanswered::Unreadable)
}

/// A row about another namespace is not an answer to what was asked.
pub(super) fn same_namespace(
    row: &BTreeMap<String, String>,
    labels: LabelNames,
    namespace: Name<'_>,
) -> Result<(), Unanswered> {
    if label(row, labels.namespace)? == namespace.as_str() {
        Ok(())
    } else {
        Err(Unanswered::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )]
    use super::*;

    const PLAIN: LabelNames = LabelNames {
        namespace: "namespace",
        pod: "pod",
        container: "container",
        uid: "uid",
    };

    fn lab() -> Name<'static> {
        Name::parse("lab30").unwrap()
    }

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_second(1_795_413_120 + 60 * number).unwrap()
    }

    fn series(key: &str, values: impl IntoIterator<Item = (i64, f64)>) -> Series {
        let labels = [("namespace", "lab30"), (key, "web-1")];
        Series {
            labels: labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            values: values
                .into_iter()
                .map(|(number, value)| (minute(number), value))
                .collect(),
        }
    }

    fn read(ambiguous: Vec<Series>) -> Result<ReplicaHistory, Unanswered> {
        let rows = HistoryRows {
            wanted: vec![series("replicaset", (0..30).map(|number| (number, 2.0)))],
            ready: vec![series("replicaset", (1..30).map(|number| (number, 2.0)))],
            ambiguous,
            restarts: vec![series("owner_name", (2..30).map(|number| (number, 0.0)))],
        };
        history(&rows, PLAIN, lab(), SignedDuration::from_mins(1))
    }

    #[test]
    fn what_is_missing_is_not_ready_and_its_restarts_are_unknown() {
        let history = read(Vec::new()).unwrap();
        let samples = &history.series[&RevisionName::new("web-1")];
        let facts: Vec<_> = samples
            .iter()
            .take(3)
            .map(|sample| (sample.ready, sample.restarts))
            .collect();
        assert_eq!(facts, [(0, None), (2, None), (2, Some(0))]);
    }

    #[test]
    fn a_handover_between_two_sources_is_a_gap() {
        let history = read(vec![series("replicaset", [(5, 2.0), (6, 2.0), (20, 2.0)])]).unwrap();
        let samples = &history.series[&RevisionName::new("web-1")];
        assert_eq!(samples.len(), 27);
        assert!(
            samples
                .iter()
                .all(|sample| ![minute(5), minute(6), minute(20)].contains(&sample.at))
        );
    }

    #[test]
    fn two_sources_for_longer_than_a_handover_are_no_answer() {
        let ambiguous = vec![series("replicaset", (5..=16).map(|number| (number, 2.0)))];
        assert_eq!(read(ambiguous), Err(Unanswered::Ambiguous("replicaset")));
    }

    #[test]
    fn a_count_with_a_fraction_is_no_answer() {
        let rows = HistoryRows {
            wanted: vec![series("replicaset", [(0, 1.5)])],
            ready: Vec::new(),
            ambiguous: Vec::new(),
            restarts: Vec::new(),
        };
        assert_eq!(
            history(&rows, PLAIN, lab(), SignedDuration::from_mins(1)),
            Err(Unanswered::Unreadable)
        );
    }
}
