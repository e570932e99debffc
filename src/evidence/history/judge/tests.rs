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

fn history(series: impl IntoIterator<Item = (&'static str, Vec<ReplicaSample>)>) -> ReplicaHistory {
    let series = series
        .into_iter()
        .map(|(revision, samples)| (name(revision), samples))
        .collect();
    ReplicaHistory { step: STEP, series }
}

fn longest(samples: Vec<ReplicaSample>, created: Timestamp) -> Option<(Timestamp, Timestamp, u32)> {
    let created = [(name("good"), created)].into();
    let stretch = healthy_stretches(&history([("good", samples)]), &created)[&name("good")].longest;
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

#[test]
fn restarts_before_the_revision_was_made_and_unknown_ones_are_not_counted() {
    let mut samples = healthy(0..10);
    samples[1].restarts = Some(7);
    samples[4].restarts = None;
    samples[5].restarts = Some(2);
    samples[6].restarts = Some(1);
    let created = [(name("good"), minute(3))].into();
    let health = healthy_stretches(&history([("good", samples)]), &created);
    assert_eq!(health[&name("good")].restarts, 3);
}
