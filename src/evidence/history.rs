//! What Prometheus remembers of a Deployment's revisions: when each was healthy, and when the newest was rolled out.
//!
//! The judging is pure. A missing step means zero replicas or a gap (see [`ReplicaHistory::series`]); both end a healthy stretch.

use crate::domain::evidence::{HealthHistory, HealthyStretch};
use crate::domain::identity::RevisionName;
use crate::domain::observed::Observed;
use crate::domain::workload::{Revision, Revisions};
use crate::platform::prometheus::{
    MOST_REPLICASETS, PrometheusPort, Range, ReplicaHistory, ReplicaSample, Unanswered,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Asks for the history of all revisions and judges it: what each revision's health was, and when the newest one was rolled out.
/// Of more than [`MOST_REPLICASETS`] revisions the newest are asked about; the others count as never seen, which proves nothing and excuses nothing.
pub async fn gather(
    port: &dyn PrometheusPort,
    namespace: &str,
    revisions: &Revisions,
    now: Timestamp,
    lookback: SignedDuration,
    step: SignedDuration,
) -> (
    Observed<BTreeMap<RevisionName, HealthHistory>>,
    Observed<Timestamp>,
) {
    match ask(port, namespace, revisions, now, lookback, step).await {
        Ok(history) => {
            let created = revisions
                .all()
                .map(|revision| (revision.name.clone(), revision.created))
                .collect();
            let mut stretches = healthy_stretches(&history, &created);
            if let Some(newest) = &revisions.newest
                && let Some(health) = stretches.get_mut(&newest.name)
            {
                health.unrefuted = unrefuted(&history, &newest.name, newest.created, now);
            }
            (Observed::Known(stretches), rolled_out(&history, revisions))
        }
        Err(unanswered) => {
            let why = unanswered.to_string();
            (
                Observed::Unavailable(why.clone()),
                Observed::Unavailable(why),
            )
        }
    }
}

async fn ask(
    port: &dyn PrometheusPort,
    namespace: &str,
    revisions: &Revisions,
    now: Timestamp,
    lookback: SignedDuration,
    step: SignedDuration,
) -> Result<ReplicaHistory, Unanswered> {
    let from = now
        .checked_sub(lookback)
        .map_err(|_| Unanswered::TooMuchAsked)?;
    let range = Range {
        from,
        to: now,
        step,
    };
    let names: Vec<String> = revisions
        .all()
        .take(MOST_REPLICASETS)
        .map(|revision| revision.name.as_str().to_owned())
        .collect();
    let history = port.replica_history(namespace, &names, range).await?;
    // A workload without any history is rare enough to ask whether anybody looked.
    let empty = history.series.values().all(Vec::is_empty);
    if empty && !port.up().await? {
        return Err(Unanswered::SourceDown);
    }
    Ok(history)
}

fn rolled_out(history: &ReplicaHistory, revisions: &Revisions) -> Observed<Timestamp> {
    match &revisions.newest {
        Some(Revision {
            name,
            created,
            number,
            ..
        }) => {
            // A workload that keeps no old revisions has one alone too, but its number has moved on.
            let first = revisions.older.is_empty() && *number <= 1;
            rolled_out_at(history, name, *created, first)
        }
        None => Observed::Absent,
    }
}

/// The longest healthy stretch of each revision in `created`: consecutive steps with every wanted replica ready, at least one wanted, no restart and no
/// gap, none before the revision's object was created (a ReplicaSet can be deleted and made again under its name). Of equal ones the latest.
/// Whether a stretch is long enough is for the caller to say, with its samples and its span.
pub fn healthy_stretches(
    history: &ReplicaHistory,
    created: &BTreeMap<RevisionName, Timestamp>,
) -> BTreeMap<RevisionName, HealthHistory> {
    created
        .iter()
        .map(|(name, created)| {
            let samples = history
                .series
                .get(name)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let longest = longest_stretch(samples, *created, history.step);
            let health = HealthHistory {
                longest,
                ..HealthHistory::default()
            };
            (name.clone(), health)
        })
        .collect()
}

fn longest_stretch(
    samples: &[ReplicaSample],
    created: Timestamp,
    step: SignedDuration,
) -> Option<HealthyStretch> {
    let mut longest: Option<HealthyStretch> = None;
    let mut current: Option<HealthyStretch> = None;
    for (at, healthy) in by_time(samples) {
        current = match current {
            _ if !healthy || at < created => None,
            Some(HealthyStretch { from, to, samples }) if at.duration_since(to) <= step => {
                Some(HealthyStretch {
                    from,
                    to: at,
                    samples: samples.saturating_add(1),
                })
            }
            Some(_) | None => Some(HealthyStretch {
                from: at,
                to: at,
                samples: 1,
            }),
        };
        longest = longer(longest, current);
    }
    longest
}

/// The steps in order. Whatever two samples claim for one step, it is healthy only if both say so.
fn by_time(samples: &[ReplicaSample]) -> BTreeMap<Timestamp, bool> {
    let mut steps = BTreeMap::new();
    for sample in samples {
        let healthy =
            sample.wanted > 0 && sample.ready == sample.wanted && sample.restarts == Some(0);
        let all = steps.entry(sample.at).or_insert(true);
        *all = *all && healthy;
    }
    steps
}

/// The one that spans more; the latter of equal ones.
fn longer(one: Option<HealthyStretch>, other: Option<HealthyStretch>) -> Option<HealthyStretch> {
    one.into_iter()
        .chain(other)
        .max_by_key(HealthyStretch::span)
}

/// The longest time since a revision's creation in which no sample says that it was not healthy: too few ready, a restart, or others alone having
/// replicas. While nobody looked it may have been healthy, and what was before the history reaches back too; two samples in which it had no
/// replicas have nothing of interest between them. A sample speaks for its step; the first one may be late by one more.
pub fn unrefuted(
    history: &ReplicaHistory,
    name: &RevisionName,
    created: Timestamp,
    now: Timestamp,
) -> SignedDuration {
    let (mut contradicted, mut own, mut others) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (other, samples) in &history.series {
        for sample in samples.iter().filter(|sample| sample.wanted > 0) {
            if other != name {
                others.insert(sample.at);
                continue;
            }
            own.insert(sample.at);
            if sample.ready < sample.wanted || sample.restarts.is_some_and(|count| count > 0) {
                contradicted.insert(sample.at);
            }
        }
    }
    let idle: BTreeSet<Timestamp> = others.difference(&own).copied().collect();
    let (mut longest, mut last, mut spoken_for) = (SignedDuration::ZERO, created, history.step * 2);
    for at in contradicted
        .union(&idle)
        .copied()
        .filter(|at| *at > created)
        .chain([now])
    {
        if !(idle.contains(&last) && idle.contains(&at)) {
            longest = longest.max(at.duration_since(last) - spoken_for);
        }
        (last, spoken_for) = (at, history.step);
    }
    longest
}

/// When the newest revision was rolled out: the last sample in which others had replicas and it had none. That is true of a first rollout, of an undo that
/// took up an old ReplicaSet, and of a rollout so young that no sample has seen it (the last sample is the answer then). Samples in which nobody had
/// replicas (scaled to zero, a gap) say nothing, so that the answer is rather too early than too late.
///
/// The first revision was rolled out when it was created. `Absent` = no such sample: the rollout is older than the history.
///
/// It rests on one scrape holding all ReplicaSets of a workload, as one kube-state-metrics gives them.
pub fn rolled_out_at(
    history: &ReplicaHistory,
    newest: &RevisionName,
    newest_created: Timestamp,
    is_first_revision: bool,
) -> Observed<Timestamp> {
    if is_first_revision {
        return Observed::Known(newest_created);
    }
    let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
    for (name, samples) in &history.series {
        let steps = if name == newest {
            &mut own
        } else {
            &mut others
        };
        steps.extend(
            samples
                .iter()
                .filter(|sample| sample.wanted > 0)
                .map(|sample| sample.at),
        );
    }
    match others.difference(&own).max() {
        Some(last) => Observed::Known(*last),
        None => Observed::Absent,
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
    use proptest::prelude::*;
    use std::ops::Range as Minutes;

    const STEP: SignedDuration = SignedDuration::from_mins(1);

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_second(1_795_413_120 + 60 * number).unwrap()
    }

    fn name(text: &str) -> RevisionName {
        RevisionName::new(text)
    }

    /// Two replicas, both ready, nothing restarted.
    fn healthy(minutes: Minutes<i64>) -> Vec<ReplicaSample> {
        minutes
            .map(|number| ReplicaSample {
                at: minute(number),
                wanted: 2,
                ready: 2,
                restarts: Some(0),
            })
            .collect()
    }

    fn history(
        series: impl IntoIterator<Item = (&'static str, Vec<ReplicaSample>)>,
    ) -> ReplicaHistory {
        let series = series
            .into_iter()
            .map(|(revision, samples)| (name(revision), samples))
            .collect();
        ReplicaHistory { step: STEP, series }
    }

    fn longest(
        samples: Vec<ReplicaSample>,
        created: Timestamp,
    ) -> Option<(Timestamp, Timestamp, u32)> {
        let created = [(name("good"), created)].into();
        let stretch =
            healthy_stretches(&history([("good", samples)]), &created)[&name("good")].longest;
        stretch.map(|HealthyStretch { from, to, samples }| (from, to, samples))
    }

    fn spoiled(index: usize, spoil: fn(&mut ReplicaSample)) -> Vec<ReplicaSample> {
        let mut samples = healthy(0..10);
        spoil(&mut samples[index]);
        samples
    }

    #[test]
    fn a_restart_ends_a_stretch() {
        let samples = spoiled(3, |sample| sample.restarts = Some(1));
        assert_eq!(
            longest(samples, minute(-9)),
            Some((minute(4), minute(9), 6))
        );
    }

    #[test]
    fn unknown_restarts_are_not_taken_for_none() {
        let samples = spoiled(3, |sample| sample.restarts = None);
        assert_eq!(
            longest(samples, minute(-9)),
            Some((minute(4), minute(9), 6))
        );
        let mut all = healthy(0..10);
        for sample in &mut all {
            sample.restarts = None;
        }
        assert_eq!(longest(all, minute(-9)), None);
    }

    #[test]
    fn one_replica_too_few_ends_a_stretch() {
        let samples = spoiled(6, |sample| sample.ready = 1);
        assert_eq!(
            longest(samples, minute(-9)),
            Some((minute(0), minute(5), 6))
        );
    }

    #[test]
    fn no_replicas_wanted_is_not_healthy() {
        let samples = spoiled(6, |sample| (sample.wanted, sample.ready) = (0, 0));
        assert_eq!(
            longest(samples, minute(-9)),
            Some((minute(0), minute(5), 6))
        );
    }

    #[test]
    fn a_gap_ends_a_stretch() {
        let mut samples = healthy(0..10);
        samples.remove(6);
        assert_eq!(
            longest(samples, minute(-9)),
            Some((minute(0), minute(5), 6))
        );
    }

    #[test]
    fn what_was_before_the_creation_is_another_object_of_the_same_name() {
        assert_eq!(
            longest(healthy(0..10), minute(7)),
            Some((minute(7), minute(9), 3))
        );
        assert_eq!(longest(healthy(0..10), minute(10)), None);
    }

    #[test]
    fn two_samples_are_reported_as_two() {
        assert_eq!(
            longest(healthy(0..2), minute(-9)),
            Some((minute(0), minute(1), 2))
        );
    }

    #[test]
    fn two_claims_for_one_step_must_both_be_healthy() {
        let mut samples = healthy(0..3);
        samples.push(ReplicaSample {
            at: minute(1),
            wanted: 2,
            ready: 0,
            restarts: Some(0),
        });
        assert_eq!(
            longest(samples, minute(-9)),
            Some((minute(2), minute(2), 1))
        );
    }

    #[test]
    fn a_revision_that_was_never_seen_was_never_healthy() {
        let created = [(name("unseen"), minute(0))].into();
        let stretches = healthy_stretches(&history([("good", healthy(0..10))]), &created);
        assert_eq!(
            stretches,
            [(name("unseen"), HealthHistory::default())].into()
        );
    }

    /// Two replicas, none ready.
    fn failing(minutes: Minutes<i64>) -> Vec<ReplicaSample> {
        let mut samples = healthy(minutes);
        for sample in &mut samples {
            sample.ready = 0;
        }
        samples
    }

    #[test]
    fn what_failed_whenever_somebody_looked_is_refuted_all_along() {
        let series = [("old", healthy(-60..0)), ("new", failing(1..10))];
        let longest = unrefuted(&history(series), &name("new"), minute(0), minute(9));
        assert_eq!(longest, SignedDuration::ZERO);
        // Taken up again by an undo: it was not there while others were.
        let series = [("old", healthy(-60..0)), ("new", failing(0..10))];
        let longest = unrefuted(&history(series), &name("new"), minute(-61), minute(9));
        assert_eq!(longest, SignedDuration::ZERO);
    }

    #[test]
    fn a_time_in_which_nobody_looked_refutes_nothing() {
        let minutes = SignedDuration::from_mins;
        // Prometheus was away from the rollout on; it was away for a while; every second sample is missing; restarts are not known.
        let every_second = healthy(1..20).into_iter().step_by(2).chain(failing(20..25));
        let mut unknown = healthy(1..20);
        for sample in &mut unknown {
            sample.restarts = None;
        }
        unknown.extend(failing(20..25));
        let away_twice = failing(1..3).into_iter().chain(failing(18..25));
        for (samples, at_least) in [
            (failing(20..25), 18),
            (away_twice.collect(), 15),
            (every_second.collect(), 18),
            (unknown, 18),
            (vec![], 22),
        ] {
            let series = [("old", healthy(-60..0)), ("new", samples)];
            let longest = unrefuted(&history(series), &name("new"), minute(0), minute(24));
            assert_eq!(longest, minutes(at_least));
        }
        // The history does not reach back to its creation.
        let series = [("old", healthy(-60..0)), ("new", failing(0..5))];
        let longest = unrefuted(&history(series), &name("new"), minute(-90), minute(4));
        assert_eq!(longest, minutes(28));
    }

    fn rollout(
        series: impl IntoIterator<Item = (&'static str, Vec<ReplicaSample>)>,
    ) -> Observed<Timestamp> {
        rolled_out_at(&history(series), &name("newest"), minute(-100), false)
    }

    #[test]
    fn a_rollout_older_than_the_history_is_not_found() {
        assert_eq!(rollout([("newest", healthy(0..10))]), Observed::Absent);
        assert_eq!(
            rollout([("newest", healthy(0..10)), ("old", healthy(0..10))]),
            Observed::Absent
        );
        assert_eq!(rollout([]), Observed::Absent);
    }

    #[test]
    fn a_rollout_is_the_last_sample_with_only_others() {
        let stuck = [("old", healthy(0..10)), ("newest", healthy(6..10))];
        assert_eq!(rollout(stuck), Observed::Known(minute(5)));
        let recreated = [("old", healthy(0..6)), ("newest", healthy(6..10))];
        assert_eq!(rollout(recreated), Observed::Known(minute(5)));
    }

    #[test]
    fn a_rollout_that_no_sample_has_seen_yet_is_as_young_as_the_last_sample() {
        assert_eq!(
            rollout([("old", healthy(0..10))]),
            Observed::Known(minute(9))
        );
    }

    #[test]
    fn an_undo_that_takes_up_an_old_revision_is_a_rollout() {
        let mut newest = healthy(0..3);
        newest.extend(healthy(8..10));
        assert_eq!(
            rollout([("newest", newest), ("bad", healthy(3..8))]),
            Observed::Known(minute(7))
        );
    }

    #[test]
    fn scaling_to_zero_and_back_is_not_a_rollout() {
        let mut newest = healthy(2..4);
        newest.extend(healthy(8..10));
        assert_eq!(
            rollout([("old", healthy(0..2)), ("newest", newest)]),
            Observed::Known(minute(1))
        );
    }

    #[test]
    fn a_gap_over_the_rollout_makes_it_older_never_younger() {
        assert_eq!(
            rollout([("old", healthy(0..3)), ("newest", healthy(8..10))]),
            Observed::Known(minute(2))
        );
    }

    #[test]
    fn the_first_revision_was_rolled_out_when_it_was_created() {
        let first = rolled_out_at(&history([]), &name("newest"), minute(-100), true);
        assert_eq!(first, Observed::Known(minute(-100)));
    }

    fn any_samples() -> impl Strategy<Value = Vec<ReplicaSample>> {
        let sample = (
            0..20_i64,
            0..3_i64,
            0..3_i64,
            proptest::option::of(0..2_i64),
        );
        proptest::collection::vec(sample, 0..40).prop_map(|rows| {
            let sample = |(number, wanted, ready, restarts)| ReplicaSample {
                at: minute(number),
                wanted,
                ready,
                restarts,
            };
            rows.into_iter().map(sample).collect()
        })
    }

    proptest! {
        #[test]
        fn the_order_of_samples_does_not_matter(samples in any_samples()) {
            let mut other = samples.clone();
            other.reverse();
            prop_assert_eq!(longest(samples.clone(), minute(3)), longest(other.clone(), minute(3)));
            let one = [("old", samples.clone()), ("newest", other.clone())];
            let turned = [("newest", samples), ("old", other)];
            prop_assert_eq!(rollout(one), rollout(turned));
        }

        #[test]
        fn every_step_of_a_stretch_is_healthy_and_there(samples in any_samples()) {
            if let Some((from, to, count)) = longest(samples.clone(), minute(3)) {
                prop_assert!(from >= minute(3));
                prop_assert_eq!(to.duration_since(from), STEP * i32::try_from(count - 1).unwrap());
                let inside = samples.iter().filter(|sample| (from..=to).contains(&sample.at));
                let mut steps = BTreeSet::new();
                for sample in inside {
                    prop_assert!(sample.wanted > 0 && sample.ready == sample.wanted && sample.restarts == Some(0));
                    steps.insert(sample.at);
                }
                prop_assert_eq!(steps.len(), usize::try_from(count).unwrap());
            }
        }

        #[test]
        fn a_lost_sample_never_makes_a_stretch_longer(samples in any_samples(), lost in any::<prop::sample::Index>()) {
            // Of one step's samples all must go: one claim alone may be the better one.
            let Some(time) = samples.get(lost.index(samples.len().max(1))).map(|sample| sample.at) else { return Ok(()) };
            let mut fewer = samples.clone();
            fewer.retain(|sample| sample.at != time);
            let span = |stretch: Option<(Timestamp, Timestamp, u32)>| stretch.map(|(from, to, _)| to.duration_since(from));
            prop_assert!(span(longest(fewer, minute(0))) <= span(longest(samples, minute(0))));
        }
    }
}
