//! Rows become the past of StatefulSets and DaemonSets.

use super::super::Unanswered;
use super::super::answer::{Sample, Series, whole};
use super::super::digests::by_digest;
use super::super::promql::Name;
use super::super::questions::{ROW, Scope};
use super::super::tables::{is_handover, label, same_namespace};
use super::questions::row;
use super::{ContainerImage, SetCounts, SetHistory, SetImage, SetKind, SetPast};
use crate::domain::identity::RevisionName;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The answers of a history, as they came.
pub(in super::super) struct Rows {
    pub(in super::super) counts: Vec<Series>,
    pub(in super::super) revisions: Vec<Series>,
    pub(in super::super) pods: Vec<Series>,
    pub(in super::super) ready: Vec<Series>,
    pub(in super::super) restarts: Vec<Series>,
}

/// One number a step.
type Steps = BTreeMap<Timestamp, i64>;

/// Puts them together by workload and step.
pub(in super::super) fn history(
    rows: &Rows,
    kind: SetKind,
    scope: &Scope<'_>,
    namespace: Name<'_>,
    step: SignedDuration,
) -> Result<SetHistory, Unanswered> {
    let mut sets = counts(&rows.counts, kind, scope, namespace, step)?;
    for row in &rows.revisions {
        same_namespace(&row.labels, scope.labels, namespace)?;
        let Some(past) = sets.get_mut(label(&row.labels, kind.label())?) else {
            continue;
        };
        let steps = match label(&row.labels, ROW)? {
            row::CURRENT => &mut past.current,
            row::UPDATE => &mut past.update,
            _ => return Err(Unanswered::Unreadable),
        };
        let revision = RevisionName::new(label(&row.labels, "revision")?);
        for (time, _) in &row.values {
            steps.entry(*time).or_default().insert(revision.clone());
        }
    }
    let table = |series: &[Series]| by_image(series, scope, namespace);
    let (ready, restarts) = (table(&rows.ready)?, table(&rows.restarts)?);
    for ((workload, image), steps) in table(&rows.pods)? {
        let key = (workload, image);
        let at = |table: &Images, time| table.get(&key)?.get(time).copied();
        let seen = steps.iter().map(|(time, pods)| {
            let pods = super::ImagePods {
                pods: *pods,
                ready: at(&ready, time),
                restarts: at(&restarts, time),
            };
            (*time, pods)
        });
        let seen = seen.collect();
        let (workload, image) = key;
        if let Some(past) = sets.get_mut(&workload) {
            past.images.insert(image, seen);
        }
    }
    Ok(SetHistory { step, sets })
}

/// The steps of each workload that was ever asked for pods, without those at which one source took over from another, for any of them.
fn counts(
    series: &[Series],
    kind: SetKind,
    scope: &Scope<'_>,
    namespace: Name<'_>,
    step: SignedDuration,
) -> Result<BTreeMap<String, SetPast>, Unanswered> {
    const AMBIGUOUS: Unanswered = Unanswered::Ambiguous("workload");
    let mut tables: BTreeMap<(&str, &str), Steps> = BTreeMap::new();
    for row in series {
        same_namespace(&row.labels, scope.labels, namespace)?;
        let kind_of_row = label(&row.labels, ROW)?;
        let workload = label(&row.labels, kind.label())?;
        let steps = tables.entry((kind_of_row, workload)).or_default();
        for (time, value) in &row.values {
            if steps.insert(*time, whole(*value)?).is_some() {
                return Err(AMBIGUOUS);
            }
        }
    }
    let mut handovers: BTreeSet<Timestamp> = BTreeSet::new();
    for (_, steps) in tables.iter().filter(|((row, _), _)| *row == row::AMBIGUOUS) {
        is_handover(steps.keys().copied(), step, "workload")?;
        handovers.extend(steps.keys());
    }
    let at = |row, workload, time| {
        let steps = tables.get(&(row, workload))?;
        steps.get(time).copied()
    };
    let wanted = tables.iter().filter(|((row, _), _)| *row == row::WANTED);
    Ok(wanted
        .map(|((_, workload), steps)| {
            let steps = steps
                .iter()
                .filter(|(time, wanted)| **wanted > 0 && !handovers.contains(time));
            let counts = steps.map(|(time, wanted)| {
                let of = |row| at(row, *workload, time).unwrap_or(0);
                let counts = SetCounts {
                    wanted: *wanted,
                    ready: of(row::READY),
                    updated: of(row::UPDATED),
                    total: of(row::TOTAL),
                };
                (*time, counts)
            });
            let past = SetPast {
                counts: counts.collect(),
                ..SetPast::default()
            };
            ((*workload).to_owned(), past)
        })
        .collect())
}

type Images = BTreeMap<(String, ContainerImage), Steps>;

fn by_image(
    series: &[Series],
    scope: &Scope<'_>,
    namespace: Name<'_>,
) -> Result<Images, Unanswered> {
    let mut images = Images::new();
    for row in series {
        same_namespace(&row.labels, scope.labels, namespace)?;
        let steps = images.entry(key(&row.labels, scope)?).or_default();
        for (time, value) in &row.values {
            if steps.insert(*time, whole(*value)?).is_some() {
                return Err(Unanswered::Ambiguous("image of a workload"));
            }
        }
    }
    Ok(images)
}

fn key(
    labels: &BTreeMap<String, String>,
    scope: &Scope<'_>,
) -> Result<(String, ContainerImage), Unanswered> {
    let image = ContainerImage {
        container: label(labels, scope.labels.container)?.to_owned(),
        image: label(labels, "image_spec")?.to_owned(),
    };
    Ok((label(labels, "owner_name")?.to_owned(), image))
}

/// The images by digest; see [`super::super::digests`].
pub(in super::super) fn digests(
    rows: &[Sample],
    scope: &Scope<'_>,
    namespace: Name<'_>,
) -> Result<Vec<SetImage>, Unanswered> {
    let mut images = BTreeSet::new();
    for row in rows {
        same_namespace(&row.labels, scope.labels, namespace)?;
        if let Some(image) = by_digest(label(&row.labels, "image_id")?) {
            let (workload, asked) = key(&row.labels, scope)?;
            images.insert(SetImage {
                workload,
                asked,
                image,
            });
        }
    }
    Ok(images.into_iter().collect())
}
