//! A DaemonSet's revisions, told by the images of its pods: its status names none.
//!
//! It rests on the revisions that there are now. One that had the same images and is gone from the history (`revisionHistoryLimit`, 10 unless set) is taken
//! for its likeness where that was made before it and taken up again after it.

use super::images::{self, of_two, others, push};
use super::stateful_set::{all_updated, of_updated};
use crate::domain::identity::RevisionName;
use crate::domain::workload::{Revision, Revisions};
use crate::platform::prometheus::{
    ContainerImage, ReplicaHistory, ReplicaSample, SetCounts, SetPast,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The revisions that have the very images of another one, each with the reason why nothing can be said of it.
pub(super) fn not_told(revisions: &Revisions) -> BTreeMap<RevisionName, String> {
    let alike = |one: &Revision| {
        let images = images::of(one);
        revisions
            .all()
            .find(|other| other.name != one.name && images::of(other) == images)
    };
    let untold = revisions.all().filter_map(|one| {
        let other = alike(one)?;
        let why = format!(
            "it has the images of revision {}, and Prometheus tells a DaemonSet's revisions by their images alone",
            other.name
        );
        Some((one.name.clone(), why))
    });
    untold.collect()
}

/// A series for each revision that has images of its own: the steps at which every pod had them. It is whole where those pods are all that were asked
/// for, all Ready, and the DaemonSet took them for its newest revision's.
///
/// Containers that no revision knows (a service mesh adds some) say nothing about the revision; their restarts count.
pub(super) fn by_images(
    past: &SetPast,
    revisions: &Revisions,
    step: SignedDuration,
) -> ReplicaHistory {
    let untold = not_told(revisions);
    let known: Vec<(&RevisionName, BTreeSet<ContainerImage>)> = revisions
        .all()
        .map(|revision| (&revision.name, images::of(revision)))
        .collect();
    let containers: BTreeSet<&str> = known
        .iter()
        .flat_map(|(_, images)| images.iter().map(|image| image.container.as_str()))
        .collect();
    let mut history = ReplicaHistory {
        step,
        series: [].into(),
    };
    for (time, counts) in &past.counts {
        let there: BTreeSet<&ContainerImage> = images::at(past, *time)
            .map(|(image, _)| image)
            .filter(|image| containers.contains(image.container.as_str()))
            .collect();
        let its = known.iter().find(|(name, images)| {
            !untold.contains_key(name) && images.iter().eq(there.iter().copied())
        });
        if let Some((name, images)) = its {
            let whole = is_whole(past, *time, counts, images);
            let sample = ReplicaSample {
                at: *time,
                wanted: counts.wanted,
                ready: if whole { counts.ready } else { 0 },
                restarts: images::restarts(past, *time),
            };
            push(&mut history, name, sample);
        }
    }
    history
}

fn is_whole(
    past: &SetPast,
    time: Timestamp,
    counts: &SetCounts,
    images: &BTreeSet<ContainerImage>,
) -> bool {
    let each = images::at(past, time).filter(|(image, _)| images.contains(*image));
    all_updated(counts)
        && each
            .map(|(_, pods)| pods)
            .all(|pods| pods.pods == counts.wanted && pods.ready == Some(counts.wanted))
}

/// Whether a revision is an older one that was taken up again: another one was made after it.
pub(super) fn is_reused(newest: &Revision, older: &[Revision]) -> bool {
    older.iter().any(|other| other.created >= newest.created)
}

/// The newest revision beside all others, for [`super::judge::unrefuted`], where no image tells its pods: since its creation it has been the one that
/// `updated` is about, unless it was taken up again; then nothing is known.
pub(super) fn beside_others(
    past: &SetPast,
    revisions: &Revisions,
    newest: &Revision,
    step: SignedDuration,
) -> ReplicaHistory {
    let mut history = of_two(&newest.name, step);
    if is_reused(newest, &revisions.older) {
        return history;
    }
    for (time, counts) in past
        .counts
        .iter()
        .filter(|(time, _)| **time > newest.created)
    {
        let name = if counts.updated > 0 {
            newest.name.clone()
        } else {
            others()
        };
        push(&mut history, &name, of_updated(past, *time, counts));
    }
    history
}
