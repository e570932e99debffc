//! Which pods a revision had, told by their images: kube-state-metrics does not say whose revision a pod is.

use crate::domain::identity::RevisionName;
use crate::domain::workload::Revision;
use crate::platform::prometheus::{
    ContainerImage, ImagePods, ReplicaHistory, ReplicaSample, SetPast,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// The name under which all that is not the newest revision goes: no object is called so.
const OTHERS: &str = "(others)";

/// The containers of a revision's template with their images, init ones among them.
pub(super) fn of(revision: &Revision) -> BTreeSet<ContainerImage> {
    let images = revision.images().into_iter();
    images
        .map(|(container, image)| ContainerImage { container, image })
        .collect()
}

/// An image that of all revisions this one alone names for its container.
pub(super) fn mark(newest: &Revision, older: &[Revision]) -> Option<ContainerImage> {
    let others: BTreeSet<ContainerImage> = older.iter().flat_map(of).collect();
    of(newest).into_iter().find(|image| !others.contains(image))
}

/// What there was of each image at a step.
pub(super) fn at(
    past: &SetPast,
    time: Timestamp,
) -> impl Iterator<Item = (&ContainerImage, &ImagePods)> {
    past.images.iter().filter_map(move |(image, steps)| {
        let pods = steps.get(&time)?;
        (pods.pods > 0).then_some((image, pods))
    })
}

/// How often anything restarted in the workload's pods, of whichever revision; `None` = not known of all of them.
pub(super) fn restarts(past: &SetPast, time: Timestamp) -> Option<i64> {
    let mut all = at(past, time).map(|(_, pods)| pods.restarts).peekable();
    all.peek()?;
    all.sum()
}

/// The newest revision's pods at each step, told by an image that is its alone, beside all others: for [`super::judge::unrefuted`]. What is not known
/// is not held against it.
pub(super) fn beside_others(
    past: &SetPast,
    newest: &RevisionName,
    mark: &ContainerImage,
    step: SignedDuration,
) -> ReplicaHistory {
    let own = past.images.get(mark);
    let mut history = of_two(newest, step);
    for time in past.counts.keys() {
        let sample = |wanted, ready, restarts| ReplicaSample {
            at: *time,
            wanted,
            ready,
            restarts,
        };
        match own.and_then(|own| own.get(time)) {
            Some(pods) if pods.pods > 0 => {
                let ready = pods.ready.unwrap_or(pods.pods);
                push(
                    &mut history,
                    newest,
                    sample(pods.pods, ready, pods.restarts),
                );
            }
            _ if at(past, *time).next().is_some() => {
                push(&mut history, &others(), sample(1, 1, None));
            }
            _ => {}
        }
    }
    history
}

/// An empty history of the newest revision and all others.
pub(super) fn of_two(newest: &RevisionName, step: SignedDuration) -> ReplicaHistory {
    ReplicaHistory {
        step,
        series: [(newest.clone(), Vec::new()), (others(), Vec::new())].into(),
    }
}

/// All that is not the newest revision.
pub(super) fn others() -> RevisionName {
    RevisionName::new(OTHERS)
}

/// Adds a sample.
pub(super) fn push(history: &mut ReplicaHistory, name: &RevisionName, sample: ReplicaSample) {
    let samples = history.series.entry(name.clone()).or_default();
    samples.push(sample);
}
