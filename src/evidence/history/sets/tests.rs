#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;
use crate::domain::evidence::HealthyStretch;
use crate::domain::identity::{TemplateHash, Uid};
use crate::platform::prometheus::{ContainerImage, ImagePods, SetCounts};
use serde_json::json;
use std::ops::Range as Minutes;

const STEP: SignedDuration = SignedDuration::from_mins(1);
const KINDS: [SetKind; 2] = [SetKind::StatefulSet, SetKind::DaemonSet];

fn minute(number: i64) -> Timestamp {
    Timestamp::from_second(1_795_413_120 + 60 * number).unwrap()
}

fn revision(name: &str, number: i64, created: i64, image: &str) -> Revision {
    Revision {
        name: RevisionName::new(name),
        uid: Uid::new(name),
        hash: TemplateHash::new(name),
        number,
        created: minute(created),
        replicas_wanted: 0,
        template: json!({"spec": {"containers": [
            {"name": "app", "image": image}, {"name": "proxy", "image": "proxy:1"},
        ]}}),
        change_cause: None,
    }
}

/// `good` (image app:1) for ten minutes, then `bad` (image app:2).
fn revisions() -> Revisions {
    Revisions {
        newest: Some(revision("bad", 2, 10, "app:2")),
        older: vec![revision("good", 1, -1, "app:1")],
    }
}

fn app(image: &str) -> ContainerImage {
    image_of("app", image)
}

fn image_of(container: &str, image: &str) -> ContainerImage {
    ContainerImage {
        container: container.to_owned(),
        image: image.to_owned(),
    }
}

/// Two pods of one revision alone, all well.
fn alone(past: &mut SetPast, minutes: Minutes<i64>, name: &str, image: &str) {
    for number in minutes {
        let at = minute(number);
        past.counts.insert(
            at,
            SetCounts {
                wanted: 2,
                ready: 2,
                updated: 2,
                total: 2,
            },
        );
        for named in [&mut past.current, &mut past.update] {
            named.insert(at, [RevisionName::new(name)].into());
        }
        for image in [app(image), image_of("proxy", "proxy:1")] {
            let pods = ImagePods {
                pods: 2,
                ready: Some(2),
                restarts: Some(0),
            };
            past.images.entry(image).or_default().insert(at, pods);
        }
    }
}

/// A rollout from `good` to `bad` that is stuck: one pod of each, the new one not ready.
fn stuck(past: &mut SetPast, minutes: Minutes<i64>) {
    for number in minutes {
        let at = minute(number);
        past.counts.insert(
            at,
            SetCounts {
                wanted: 2,
                ready: 1,
                updated: 1,
                total: 2,
            },
        );
        past.current.insert(at, [RevisionName::new("good")].into());
        past.update.insert(at, [RevisionName::new("bad")].into());
        for (image, ready) in [
            (app("app:1"), 1),
            (app("app:2"), 0),
            (image_of("proxy", "proxy:1"), 1),
        ] {
            let pods = ImagePods {
                pods: if image.container == "proxy" { 2 } else { 1 },
                ready: Some(ready),
                restarts: Some(0),
            };
            past.images.entry(image).or_default().insert(at, pods);
        }
    }
}

fn good_then_stuck() -> SetPast {
    let mut past = SetPast::default();
    alone(&mut past, 0..10, "good", "app:1");
    stuck(&mut past, 10..20);
    past
}

fn judged(
    kind: SetKind,
    past: &SetPast,
    revisions: &Revisions,
) -> BTreeMap<RevisionName, HealthHistory> {
    health(kind, past, revisions, minute(20), STEP)
}

fn longest(kind: SetKind, past: &SetPast, name: &str) -> Option<(Timestamp, Timestamp)> {
    let health = judged(kind, past, &revisions());
    let stretch = health[&RevisionName::new(name)].longest;
    stretch.map(|HealthyStretch { from, to, .. }| (from, to))
}

fn unrefuted(kind: SetKind, past: &SetPast, revisions: &Revisions) -> SignedDuration {
    judged(kind, past, revisions)[&RevisionName::new("bad")].unrefuted
}

#[test]
fn what_was_never_seen_proves_nothing_and_excuses_nothing() {
    for kind in KINDS {
        let health = judged(kind, &SetPast::default(), &revisions());
        assert_eq!(health[&RevisionName::new("good")], HealthHistory::default());
        let bad = &health[&RevisionName::new("bad")];
        assert_eq!(
            (bad.longest, bad.unrefuted),
            (None, SignedDuration::from_mins(8))
        );
    }
}

#[test]
fn whatever_is_not_whole_at_a_step_ends_the_stretch() {
    type Spoil = fn(&mut SetPast, Timestamp);
    let spoils: [(&str, Spoil); 8] = [
        ("a gap", |past, at| {
            past.counts.retain(|time, _| *time != at);
        }),
        ("one is not ready", |past, at| {
            past.counts.get_mut(&at).unwrap().ready = 1;
        }),
        ("one is not updated", |past, at| {
            past.counts.get_mut(&at).unwrap().updated = 1;
        }),
        ("one too many", |past, at| {
            past.counts.get_mut(&at).unwrap().total = 3;
        }),
        ("scaled meanwhile", |past, at| {
            past.counts.get_mut(&at).unwrap().wanted = 3;
        }),
        ("a restart", |past, at| of_app(past, at).restarts = Some(1)),
        ("restarts that nobody counted", |past, at| {
            of_app(past, at).restarts = None;
        }),
        ("no pods were seen", |past, at| {
            for steps in past.images.values_mut() {
                steps.remove(&at);
            }
        }),
    ];
    for kind in KINDS {
        for (what, spoil) in spoils {
            let mut past = good_then_stuck();
            spoil(&mut past, minute(3));
            let expected = Some((minute(4), minute(9)));
            assert_eq!(longest(kind, &past, "good"), expected, "{kind:?}: {what}");
        }
    }
}

fn of_app(past: &mut SetPast, at: Timestamp) -> &mut ImagePods {
    let steps = past.images.get_mut(&app("app:1")).unwrap();
    steps.get_mut(&at).unwrap()
}

#[test]
fn a_statefulset_s_revision_is_not_whole_while_its_status_names_another_one_too() {
    for current in [true, false] {
        let mut past = good_then_stuck();
        let named = if current {
            &mut past.current
        } else {
            &mut past.update
        };
        named
            .get_mut(&minute(3))
            .unwrap()
            .insert(RevisionName::new("bad"));
        let expected = Some((minute(4), minute(9)));
        assert_eq!(longest(SetKind::StatefulSet, &past, "good"), expected);
        let named = if current {
            &mut past.current
        } else {
            &mut past.update
        };
        named.remove(&minute(3));
        assert_eq!(longest(SetKind::StatefulSet, &past, "good"), expected);
    }
}

#[test]
fn a_rollout_under_way_with_every_pod_ready_proves_neither_revision() {
    let mut past = good_then_stuck();
    for number in 10..20 {
        past.counts.get_mut(&minute(number)).unwrap().ready = 2;
    }
    for kind in KINDS {
        assert_eq!(longest(kind, &past, "good"), Some((minute(0), minute(9))));
        assert_eq!(longest(kind, &past, "bad"), None);
    }
}

#[test]
fn pods_with_another_image_of_one_container_are_not_the_revision_s() {
    let mut past = good_then_stuck();
    let steps = past.images.entry(image_of("proxy", "proxy:2")).or_default();
    steps.insert(
        minute(3),
        ImagePods {
            pods: 1,
            ready: Some(1),
            restarts: Some(0),
        },
    );
    assert_eq!(
        longest(SetKind::DaemonSet, &past, "good"),
        Some((minute(4), minute(9)))
    );
}

#[test]
fn a_container_that_no_revision_names_says_nothing_about_the_revision() {
    let mut past = good_then_stuck();
    let steps = past.images.entry(image_of("mesh", "mesh:7")).or_default();
    for number in 0..10 {
        steps.insert(
            minute(number),
            ImagePods {
                pods: 2,
                ready: Some(2),
                restarts: Some(0),
            },
        );
    }
    assert_eq!(
        longest(SetKind::DaemonSet, &past, "good"),
        Some((minute(0), minute(9)))
    );
    let steps = past.images.get_mut(&image_of("mesh", "mesh:7")).unwrap();
    steps.get_mut(&minute(3)).unwrap().restarts = Some(1);
    assert_eq!(
        longest(SetKind::DaemonSet, &past, "good"),
        Some((minute(4), minute(9)))
    );
}

#[test]
fn what_was_before_the_revision_s_creation_is_not_its_own() {
    let mut revisions = revisions();
    revisions.older[0].created = minute(6);
    for kind in KINDS {
        let health = judged(kind, &good_then_stuck(), &revisions);
        let stretch = health[&RevisionName::new("good")].longest.unwrap();
        assert_eq!((stretch.from, stretch.samples), (minute(6), 4));
    }
}

#[test]
fn a_daemonset_s_revisions_with_the_same_images_can_t_be_told_and_say_so() {
    let mut revisions = revisions();
    let mut twin = revision("twin", 3, 5, "app:1");
    twin.template["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "1"}]);
    revisions.older.insert(0, twin);
    let health = judged(SetKind::DaemonSet, &good_then_stuck(), &revisions);
    for (name, other) in [("good", "twin"), ("twin", "good")] {
        let history = &health[&RevisionName::new(name)];
        assert_eq!(history.longest, None);
        assert!(history.unknown.as_ref().unwrap().contains(other));
    }
    assert_eq!(health[&RevisionName::new("bad")].unknown, None);
    // A StatefulSet's status names them.
    let health = judged(SetKind::StatefulSet, &good_then_stuck(), &revisions);
    assert_eq!(health[&RevisionName::new("twin")], HealthHistory::default());
    assert_eq!(
        health[&RevisionName::new("good")].longest.unwrap().samples,
        10
    );
}

#[test]
fn a_revision_that_dropped_a_container_is_not_the_one_that_has_it() {
    let mut revisions = revisions();
    let mut fewer = revision("fewer", 3, -1, "app:1");
    fewer.template["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .pop();
    revisions.older.insert(0, fewer);
    let health = judged(SetKind::DaemonSet, &good_then_stuck(), &revisions);
    assert_eq!(
        health[&RevisionName::new("fewer")],
        HealthHistory::default()
    );
    assert_eq!(
        health[&RevisionName::new("good")].longest.unwrap().samples,
        10
    );
}

#[test]
fn a_newest_revision_that_failed_whenever_somebody_looked_is_refuted_all_along() {
    for kind in KINDS {
        assert_eq!(
            unrefuted(kind, &good_then_stuck(), &revisions()),
            SignedDuration::ZERO
        );
    }
}

#[test]
fn a_newest_revision_whose_own_pods_were_ready_or_not_known_is_not_refuted() {
    for kind in KINDS {
        for ready in [Some(1), None] {
            let mut past = good_then_stuck();
            for pods in past.images.get_mut(&app("app:2")).unwrap().values_mut() {
                pods.ready = ready;
            }
            assert_eq!(
                unrefuted(kind, &past, &revisions()),
                SignedDuration::from_mins(8)
            );
        }
    }
}

/// The newest revision differs in its arguments alone.
fn unmarked() -> Revisions {
    let mut revisions = revisions();
    revisions.newest = Some(revision("bad", 2, 10, "app:1"));
    revisions
}

#[test]
fn without_an_image_of_its_own_the_unready_pod_may_be_another_s() {
    for kind in KINDS {
        let mut past = good_then_stuck();
        assert_eq!(
            unrefuted(kind, &past, &unmarked()),
            SignedDuration::from_mins(8)
        );
        // Fewer are ready than it has pods: one of them is not.
        for number in 10..20 {
            past.counts.get_mut(&minute(number)).unwrap().ready = 0;
        }
        assert_eq!(unrefuted(kind, &past, &unmarked()), SignedDuration::ZERO);
    }
}

#[test]
fn without_an_image_of_its_own_a_revision_of_a_daemonset_that_was_taken_up_again_is_not_refuted() {
    let mut revisions = unmarked();
    revisions.older[0].created = minute(12);
    let mut past = good_then_stuck();
    for counts in past.counts.values_mut() {
        counts.ready = 0;
    }
    assert!(unrefuted(SetKind::DaemonSet, &past, &revisions) >= SignedDuration::from_mins(8));
}

#[test]
fn a_statefulset_s_rollout_is_dated_by_its_status_and_an_undo_is_one() {
    let newest = |revisions: &Revisions| revisions.newest.clone().unwrap();
    let dated = |past: &SetPast, revisions: &Revisions| {
        rolled_out(
            SetKind::StatefulSet,
            past,
            revisions,
            &newest(revisions),
            STEP,
        )
    };
    assert_eq!(dated(&SetPast::default(), &revisions()), Observed::Absent);
    let mut past = good_then_stuck();
    assert_eq!(dated(&past, &revisions()), Observed::Known(minute(9)));
    // One that is gone from the history counts as another one; the newest was there before it too.
    alone(&mut past, 20..25, "gone", "app:9");
    alone(&mut past, 25..30, "bad", "app:2");
    assert_eq!(dated(&past, &revisions()), Observed::Known(minute(24)));
}

#[test]
fn a_daemonset_s_rollout_is_dated_by_the_creation_unless_it_was_taken_up_again() {
    let mut revisions = revisions();
    let dated = |revisions: &Revisions| {
        let newest = revisions.newest.clone().unwrap();
        rolled_out(
            SetKind::DaemonSet,
            &good_then_stuck(),
            revisions,
            &newest,
            STEP,
        )
    };
    assert_eq!(dated(&revisions), Observed::Known(minute(10)));
    revisions.older[0].created = minute(11);
    assert!(
        dated(&revisions)
            .unavailable()
            .unwrap()
            .contains("taken up again")
    );
}

#[test]
fn what_ran_under_an_image_counts_for_every_revision_that_names_it() {
    let mut health = judged(SetKind::DaemonSet, &good_then_stuck(), &revisions());
    let digest = format!("app@sha256:{}", "a".repeat(64));
    let ran = |asked| SetImage {
        workload: "agent".to_owned(),
        asked,
        image: digest.clone(),
    };
    let ran = vec![
        ran(app("app:1")),
        ran(image_of("proxy", "proxy:1")),
        ran(image_of("mesh", "mesh:7")),
    ];
    add_digests(&mut health, &revisions(), ran);
    let containers = |name: &str| -> Vec<String> {
        health[&RevisionName::new(name)]
            .digests
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(containers("good"), ["app", "proxy"]);
    assert_eq!(containers("bad"), ["proxy"]);
}
