//! What holds for every fault, whatever the sources do.

use super::*;
use crate::domain::evidence::Memory;
use crate::domain::incident::IncidentStatus;
use proptest::prelude::*;

/// One of the sources gone.
fn without_source(evidence: &mut Evidence, source: usize) {
    match source {
        0 => evidence.events = away(),
        1 => evidence.history = away(),
        2 => {
            evidence.metrics.waiting = away();
            evidence.metrics.restarts = away();
            evidence.metrics.terminations = away();
            evidence.metrics.replicas = away();
            evidence.rolled_out_at = away();
        }
        3 => evidence.logs.iter_mut().for_each(|log| log.lines = away()),
        4 => evidence.revisions = away(),
        5 => evidence.pods = away(),
        6 => evidence.workload = away(),
        _ => evidence.past = away(),
    }
}

/// The ways in which a fault can be spoken against.
fn spoken_against(name: &str, how: usize) -> Evidence {
    let mut evidence = fault(name);
    match how {
        0 => {}
        1 => was_healthy(&mut evidence, 600, 11),
        2 => {
            let event = killing(&evidence);
            evidence.events = Observed::Known(vec![event]);
        }
        3 => {
            another_pod(&mut evidence, "old");
            pods(&mut evidence)[1].revision = RevisionName::new("older");
        }
        4 => revisions(&mut evidence).older.clear(),
        5 => {
            another_pod(&mut evidence, "stuck");
            let stuck = &mut pods(&mut evidence)[1];
            stuck.containers[0].state = ContainerState::Waiting {
                reason: "ContainerCreating".to_owned(),
                message: String::new(),
            };
            stuck.containers[0].last = None;
            let event = EventFact {
                regarding: stuck.uid.clone(),
                container: None,
                reason: "FailedMount".to_owned(),
                ..killing(&evidence)
            };
            evidence.events = Observed::Known(vec![event]);
        }
        _ => {
            another_pod(&mut evidence, "whole");
            let whole = &mut pods(&mut evidence)[1];
            whole.ready_since = Some(now() - seconds(600));
            whole.containers[0].state = ContainerState::Running {
                since: Some(now() - seconds(600)),
            };
            whole.containers[0].restarts = 0;
            whole.containers[0].last = None;
        }
    }
    read(&mut evidence, now() - seconds(10));
    read(&mut evidence, now());
    evidence
}

fn going_back_helps(evidence: &Evidence) -> bool {
    let entries = diagnose(evidence, &LIMITS).entries;
    !entries.is_empty()
        && entries
            .iter()
            .all(|entry| entry.rollback_helps == Helps::Yes)
}

#[test]
fn a_source_that_goes_away_never_makes_going_back_look_good() {
    for name in all_faults() {
        for how in 0..7 {
            let evidence = spoken_against(&name, how);
            for source in 0..8 {
                let mut poorer = evidence.clone();
                without_source(&mut poorer, source);
                let gains = going_back_helps(&poorer) && !going_back_helps(&evidence);
                assert!(
                    !gains,
                    "{name} spoken against in way {how}, without source {source}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn the_order_and_number_of_the_same_facts_changes_nothing(
        name in prop::sample::select(all_faults()), how in 0usize..7, seed in any::<[usize; 6]>(), twice in any::<bool>(),
    ) {
        fn mix<T: Clone>(items: &mut Vec<T>, seed: usize, twice: bool) {
            if twice {
                items.extend(items.clone());
            }
            let length = items.len().max(1);
            items.rotate_left(seed % length);
            if seed % 2 == 1 {
                items.reverse();
            }
        }
        fn mix_known<T: Clone>(items: &mut Observed<Vec<T>>, seed: usize, twice: bool) {
            if let Observed::Known(items) = items {
                mix(items, seed, twice);
            }
        }
        let evidence = spoken_against(&name, how);
        let mut mixed = evidence.clone();
        mix_known(&mut mixed.pods, seed[0], twice);
        mix_known(&mut mixed.events, seed[1], twice);
        mix_known(&mut mixed.metrics.waiting, seed[2], twice);
        mix_known(&mut mixed.metrics.restarts, seed[3], twice);
        mix_known(&mut mixed.metrics.terminations, seed[4], twice);
        mix(&mut mixed.logs, seed[5], twice);
        mix(&mut mixed.memory.sightings, seed[0], false);
        let diagnosis = diagnose(&evidence, &LIMITS);
        prop_assert_eq!(&diagnose(&mixed, &LIMITS), &diagnosis);
        prop_assert_eq!(facts(&mixed, &diagnosis), facts(&evidence, &diagnosis));
        read(&mut mixed, now());
        prop_assert_eq!(mixed.memory, evidence.memory);
    }
}

#[test]
fn the_record_holds_all_four_sources_within_its_bounds() {
    for name in all_faults() {
        for silent in [false, true] {
            let mut evidence = fault(&name);
            if silent {
                without_source(&mut evidence, 0);
                without_source(&mut evidence, 1);
                without_source(&mut evidence, 2);
                evidence.pods = away();
            }
            let records = facts(&evidence, &diagnose(&evidence, &LIMITS));
            for source in ["Prometheus", "Pods", "Events", "Logs"] {
                let of_source: Vec<_> = records
                    .iter()
                    .filter(|record| record.source == source)
                    .collect();
                assert!(!of_source.is_empty(), "{name} {source}");
                assert!(
                    !silent
                        || source == "Logs"
                        || of_source.iter().any(|record| record.state == "Unavailable"),
                    "{name} {source} {of_source:?}"
                );
            }
        }
    }
}

#[test]
fn many_pods_with_long_messages_stay_within_the_bounds_of_the_record() {
    let mut evidence = fault("image-not-found");
    for number in 0..200 {
        another_pod(&mut evidence, &format!("pod-{number}"));
        pods(&mut evidence)[number + 1].containers[0].state = ContainerState::Waiting {
            reason: "ErrImagePull".to_owned(),
            message: format!("{number} {}", "long ".repeat(400)),
        };
    }
    read(&mut evidence, now());
    read(&mut evidence, now() + seconds(10));
    assert!(evidence.memory.sightings.len() <= Memory::LIMIT);
    let diagnosis = diagnose(&evidence, &LIMITS);
    let records = facts(&evidence, &diagnosis);
    let bytes: usize = records.iter().map(|record| record.text.len()).sum();
    assert!(
        records.len() <= 60
            && bytes <= IncidentStatus::EVIDENCE_BYTES
            && records.iter().all(|record| record.text.len() <= 1024)
    );
    for source in ["Prometheus", "Pods", "Events", "Logs"] {
        assert!(
            records.iter().any(|record| record.source == source),
            "{source}"
        );
    }
}

#[test]
fn a_secret_in_a_log_or_an_event_reaches_neither_entry_nor_record() {
    let mut evidence = fault("bad-env");
    evidence.logs[0].lines =
        Observed::Known(vec!["fatal: DB_PASSWORD=canary7Qx is invalid".to_owned()]);
    let Observed::Known(events) = &mut evidence.events else {
        panic!("events are known")
    };
    events[0].message = "Error: postgres://web:canary7Qx@db/web".to_owned();
    let diagnosis = diagnose(&evidence, &LIMITS);
    let told = format!("{diagnosis:?} {:?}", facts(&evidence, &diagnosis));
    assert!(
        told.contains("[redacted]") && !told.contains("canary7Qx"),
        "{told}"
    );
}
