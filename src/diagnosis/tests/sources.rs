//! What holds for every fault, whatever the sources do.

use super::*;
use crate::domain::evidence::Memory;
use crate::domain::incident::IncidentStatus;
use crate::domain::surroundings::{
    ConfigHistory, ConfigKind, ConfigName, NodeTrouble, PullFailure,
};
use proptest::prelude::*;

/// One of the sources gone.
pub(super) fn without_source(evidence: &mut Evidence, source: usize) {
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
        7 => evidence.past = away(),
        8 => evidence.around.config = away(),
        9 => evidence.around.nodes = away(),
        10 => evidence.around.pulls = away(),
        // kube-state-metrics exports less than it should.
        11 => evidence.around.config = Observed::Known([].into()),
        _ => evidence.around.nodes = Observed::Known([].into()),
    }
}

/// How many of them there are.
pub(super) const WAYS: usize = 14;

/// The ways in which a fault can be spoken against.
pub(super) fn spoken_against(name: &str, how: usize) -> Evidence {
    let mut evidence = after_good(name);
    match how {
        0 => {}
        1 => was_healthy(&mut evidence, 600, 11),
        2 => {
            let event = killing(&evidence);
            evidence.events = Observed::Known(vec![event]);
        }
        3 => {
            another_pod(&mut evidence, "old");
            pods(&mut evidence)[2].revision = RevisionName::new("older");
        }
        4 => revisions(&mut evidence).older.clear(),
        5 => {
            another_pod(&mut evidence, "stuck");
            let stuck = &mut pods(&mut evidence)[2];
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
        6 => {
            // A node is on its way for a pod that has no place yet.
            let event = EventFact {
                container: None,
                reason: "TriggeredScaleUp".to_owned(),
                ..killing(&evidence)
            };
            evidence.events = Observed::Known(vec![event]);
        }
        7 => pods(&mut evidence)[1].ready_since = None,
        8 => pods(&mut evidence)[1].node = Some("another".to_owned()),
        9 => {
            let newest = revisions(&mut evidence).newest.clone().unwrap();
            revisions(&mut evidence).older[0].template = newest.template;
        }
        10 => in_trouble(&mut evidence),
        11 => nobody_else_can_pull(&mut evidence),
        12 => configuration_changed(&mut evidence),
        _ => {
            another_pod(&mut evidence, "whole");
            let whole = &mut pods(&mut evidence)[2];
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

/// Every node of its pods is in trouble.
fn in_trouble(evidence: &mut Evidence) {
    let Observed::Known(nodes) = &mut evidence.around.nodes else {
        panic!("nodes are known")
    };
    for troubles in nodes.values_mut() {
        troubles.insert(NodeTrouble::DiskPressure);
    }
}

/// Another workload can't pull from the same registry.
fn nobody_else_can_pull(evidence: &mut Evidence) {
    let image = pods(evidence)[0].containers[0].image.clone();
    evidence.around.pulls = Observed::Known(vec![PullFailure {
        namespace: "other".to_owned(),
        pod: "search-5b94-x".to_owned(),
        container: "c".to_owned(),
        image,
        owner_kind: "ReplicaSet".to_owned(),
        owner_name: "search-5b94".to_owned(),
    }]);
}

/// Both templates name a ConfigMap that changed a minute ago; the older revision was healthy before.
fn configuration_changed(evidence: &mut Evidence) {
    let revisions = revisions(evidence);
    let newest = revisions.newest.as_mut().unwrap();
    for template in [&mut newest.template, &mut revisions.older[0].template] {
        template["spec"]["volumes"] = serde_json::json!([{"configMap": {"name": "settings"}}]);
    }
    let name = ConfigName {
        kind: ConfigKind::ConfigMap,
        name: "settings".to_owned(),
    };
    let history = ConfigHistory {
        known_since: now() - seconds(86_400),
        changed_at: vec![now() - seconds(60)],
    };
    evidence.around.config = Observed::Known([(name, history)].into());
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
        for how in 0..WAYS {
            let evidence = spoken_against(&name, how);
            for source in 0..13 {
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
        name in prop::sample::select(all_faults()), how in 0usize..WAYS, seed in any::<[usize; 6]>(), twice in any::<bool>(),
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
