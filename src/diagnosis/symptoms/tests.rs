#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::super::fixtures::{LIMITS, container, fault, now, pods, read, seconds};
use super::*;
use crate::domain::evidence::Memory;

fn kinds(evidence: &Evidence) -> Vec<SymptomKind> {
    live(evidence, &LIMITS)
        .0
        .into_iter()
        .map(|symptom| symptom.kind)
        .collect()
}

fn pending(evidence: &Evidence) -> Vec<String> {
    live(evidence, &LIMITS).1
}

fn waiting(reason: &str, message: &str) -> ContainerState {
    ContainerState::Waiting {
        reason: reason.to_owned(),
        message: message.to_owned(),
    }
}

/// A fault that nobody has looked at yet.
fn unseen(name: &str) -> Evidence {
    let mut evidence = fault(name);
    evidence.memory = Memory::default();
    evidence
}

#[test]
fn a_failed_pull_is_a_symptom_only_in_two_readings_ten_seconds_apart() {
    let mut evidence = unseen("image-not-found");
    container(&mut evidence).state = waiting("ErrImagePull", "why");
    assert_eq!(
        (kinds(&evidence).len(), pending(&evidence).len()),
        (0, 1),
        "not even remembered"
    );
    for (second, proven) in [(0, false), (0, false), (9, false), (10, true)] {
        read(&mut evidence, now() + seconds(second));
        assert_eq!(
            kinds(&evidence).len(),
            usize::from(proven),
            "after {second}s"
        );
        assert_eq!(
            pending(&evidence).len(),
            usize::from(!proven),
            "after {second}s"
        );
    }
}

#[test]
fn a_reading_by_a_clock_that_was_hours_ahead_is_one_of_now() {
    let mut evidence = unseen("image-not-found");
    container(&mut evidence).state = waiting("ErrImagePull", "why");
    read(&mut evidence, now() + seconds(7_200));
    for (second, proven) in [(0, false), (9, false), (10, true)] {
        read(&mut evidence, now() + seconds(second));
        assert_eq!(
            kinds(&evidence).len(),
            usize::from(proven),
            "after {second}s"
        );
    }
}

#[test]
fn both_names_of_a_failed_pull_are_one_symptom_and_the_first_error_is_kept() {
    let mut evidence = unseen("image-not-found");
    container(&mut evidence).state = waiting("ErrImagePull", "first words");
    read(&mut evidence, now());
    container(&mut evidence).state = waiting(
        "ImagePullBackOff",
        "Back-off pulling image \"x\": ErrImagePull: other words",
    );
    read(&mut evidence, now() + seconds(10));
    let (symptoms, _) = live(&evidence, &LIMITS);
    assert_eq!(
        (symptoms.len(), symptoms[0].message.as_str()),
        (1, "first words")
    );
}

#[test]
fn an_older_kubelets_error_is_read_from_the_event() {
    let mut evidence = unseen("image-not-found");
    container(&mut evidence).state = waiting("ImagePullBackOff", "Back-off pulling image \"x\"");
    read(&mut evidence, now());
    // The event expires; the memory does not.
    evidence.events = Observed::Absent;
    read(&mut evidence, now() + seconds(10));
    let (symptoms, _) = live(&evidence, &LIMITS);
    assert!(
        symptoms[0].message.ends_with("does-not-exist: not found"),
        "{}",
        symptoms[0].message
    );
    // Without either the error is unknown.
    evidence.memory = Memory::default();
    read(&mut evidence, now());
    read(&mut evidence, now() + seconds(10));
    assert_eq!(live(&evidence, &LIMITS).0[0].message, "");
}

#[test]
fn an_answer_of_another_class_begins_anew() {
    let mut evidence = unseen("image-not-found");
    let not_found = container(&mut evidence).state.clone();
    container(&mut evidence).state =
        waiting("ErrImagePull", "failed to do request: connection refused");
    read(&mut evidence, now());
    container(&mut evidence).state = not_found;
    read(&mut evidence, now() + seconds(30));
    assert_eq!(kinds(&evidence), []);
    read(&mut evidence, now() + seconds(40));
    assert!(
        live(&evidence, &LIMITS).0[0]
            .message
            .ends_with(": not found")
    );
}

#[test]
fn a_flapping_state_keeps_its_first_sight_until_the_container_has_started() {
    let mut evidence = unseen("image-not-found");
    let back_off = container(&mut evidence).state.clone();
    read(&mut evidence, now());
    container(&mut evidence).state = waiting("ContainerCreating", "");
    read(&mut evidence, now() + seconds(5));
    assert_eq!(kinds(&evidence), []);
    container(&mut evidence).state = back_off.clone();
    read(&mut evidence, now() + seconds(10));
    assert_eq!(kinds(&evidence), [SymptomKind::ImagePull]);
    container(&mut evidence).state = ContainerState::Running {
        since: Some(now() + seconds(11)),
    };
    read(&mut evidence, now() + seconds(20));
    container(&mut evidence).state = back_off;
    read(&mut evidence, now() + seconds(30));
    assert_eq!(kinds(&evidence), []);
}

#[test]
fn what_one_reading_proves_needs_no_memory() {
    for (reason, kind) in [
        ("InvalidImageName", SymptomKind::InvalidImageName),
        ("ErrImageNeverPull", SymptomKind::ErrImageNeverPull),
        ("CreateContainerConfigError", SymptomKind::ContainerError),
        ("CreateContainerError", SymptomKind::ContainerError),
        ("RunContainerError", SymptomKind::ContainerError),
        ("CrashLoopBackOff", SymptomKind::Crash),
    ] {
        let mut evidence = unseen("image-not-found");
        container(&mut evidence).state = waiting(reason, "");
        assert_eq!(kinds(&evidence), [kind], "{reason}");
    }
}

#[test]
fn a_reason_that_nobody_knows_yet_is_survived_and_proves_nothing() {
    for reason in [
        "",
        "ContainerCreating",
        "PodInitializing",
        "SomethingOfTheFuture",
    ] {
        let mut evidence = unseen("image-not-found");
        container(&mut evidence).state = waiting(reason, "");
        assert_eq!(kinds(&evidence), [], "{reason}");
    }
}

#[test]
fn a_container_that_runs_between_crashes_is_still_failing() {
    let mut evidence = unseen("bad-args");
    container(&mut evidence).state = ContainerState::Running {
        since: Some(now() - seconds(1)),
    };
    pods(&mut evidence)[0].ready_since = Some(now() - seconds(1));
    for (restarts, live, pending_count) in [(2, 0, 1), (3, 1, 0)] {
        container(&mut evidence).restarts = restarts;
        assert_eq!(
            (kinds(&evidence).len(), pending(&evidence).len()),
            (live, pending_count),
            "{restarts}"
        );
    }
}

#[test]
fn old_crashes_and_crashes_that_are_over_prove_nothing() {
    let mut evidence = unseen("bad-args");
    container(&mut evidence).state = ContainerState::Running {
        since: Some(now() - seconds(60)),
    };
    let ended = container(&mut evidence)
        .last
        .clone()
        .unwrap()
        .finished
        .unwrap();
    evidence.gathered_at = ended + seconds(600);
    assert_eq!(kinds(&evidence), [SymptomKind::Crash]);
    evidence.gathered_at = ended + seconds(601);
    assert_eq!((kinds(&evidence).len(), pending(&evidence).len()), (0, 0));
    // Ready for as long as makes a revision healthy: it has recovered.
    evidence.gathered_at = ended + seconds(300);
    for (ready, live) in [(119, 1), (120, 0)] {
        pods(&mut evidence)[0].ready_since = Some(ended + seconds(300 - ready));
        assert_eq!(kinds(&evidence).len(), live, "{ready}");
    }
}

#[test]
fn an_init_container_that_came_through_in_the_end_has_not_failed() {
    let mut evidence = unseen("init-crash");
    let mut done = container(&mut evidence).last.clone().unwrap();
    done.exit_code = 0;
    container(&mut evidence).state = ContainerState::Terminated(done);
    assert_eq!((kinds(&evidence).len(), pending(&evidence).len()), (0, 0));
}

#[test]
fn a_pod_that_is_being_deleted_proves_nothing() {
    for name in [
        "bad-args",
        "image-not-found",
        "unschedulable",
        "mount-missing",
    ] {
        let mut evidence = fault(name);
        pods(&mut evidence)[0].deleting = true;
        assert_eq!(
            (kinds(&evidence).len(), pending(&evidence).len()),
            (0, 0),
            "{name}"
        );
    }
}

#[test]
fn a_pod_that_can_not_start_is_a_symptom_after_the_dwell() {
    for (name, kind) in [
        ("unschedulable", SymptomKind::Unscheduled),
        ("mount-missing", SymptomKind::NotCreated),
    ] {
        let mut evidence = fault(name);
        assert_eq!(kinds(&evidence), [kind], "{name}");
        pods(&mut evidence)[0].created = now() - seconds(10);
        assert_eq!(
            (kinds(&evidence).len(), pending(&evidence).len()),
            (0, 1),
            "{name}"
        );
    }
    // Without a word of what is wrong it is only slow.
    let mut evidence = fault("mount-missing");
    evidence.events = Observed::Absent;
    assert_eq!((kinds(&evidence).len(), pending(&evidence).len()), (0, 0));
}

#[test]
fn pods_that_could_not_be_read_are_not_healthy_pods() {
    let mut evidence = fault("bad-args");
    evidence.pods = Observed::Unavailable("timed out".to_owned());
    assert_eq!(kinds(&evidence), []);
    assert!(pending(&evidence)[0].contains("timed out"));
}

#[test]
fn the_same_reading_twice_changes_nothing() {
    for name in super::super::fixtures::all_faults() {
        let evidence = fault(&name);
        let again = remember(
            &evidence.memory,
            evidence.pods.known().unwrap(),
            &evidence.events,
            now(),
        );
        assert_eq!(again, evidence.memory, "{name}");
    }
}

#[test]
fn the_time_to_believe_a_pull_error_begins_when_it_is_first_read() {
    let mut evidence = unseen("image-not-found");
    let events = std::mem::replace(&mut evidence.events, Observed::Absent);
    let said = container(&mut evidence).state.clone();
    container(&mut evidence).state = ContainerState::Waiting {
        reason: "ImagePullBackOff".to_owned(),
        message: String::new(),
    };
    read(&mut evidence, now() - seconds(60));
    assert_eq!(evidence.memory.sightings[0].message, "");
    container(&mut evidence).state = said;
    evidence.events = events;
    read(&mut evidence, now());
    let sighting = &evidence.memory.sightings[0];
    assert!(!sighting.message.is_empty());
    assert_eq!(sighting.first_seen, now());
    read(&mut evidence, now() + seconds(10));
    assert_eq!(evidence.memory.sightings[0].first_seen, now());
}

#[test]
fn of_pods_that_are_gone_the_longest_run_stays() {
    let mut evidence = fault("bad-args");
    container(&mut evidence).last.as_mut().unwrap().started = Some(now() - seconds(100));
    read(&mut evidence, now());
    let longest = evidence.memory.sightings[0].longest_run_seconds;
    assert!(longest > 0);
    for number in 0..60 {
        pods(&mut evidence)[0].uid = Uid::new(format!("pod-{number}"));
        container(&mut evidence).last.as_mut().unwrap().started = None;
        read(&mut evidence, now() + seconds(number));
    }
    let gone = remember(
        &evidence.memory,
        &[],
        &Observed::Absent,
        now() + seconds(60),
    );
    assert_eq!(gone.sightings.len(), 1);
    assert_eq!(gone.sightings[0].longest_run_seconds, longest);
}
