//! The whole chain, from the facts to the verdict: nothing that is lost, doubled or in another order turns standing aside into acting.

use super::sources::{WAYS, spoken_against, without_source};
use super::*;
use crate::decision::{choose_policy, decide};
use crate::domain::case::Case;
use crate::domain::plan::Rehearsal;
use crate::domain::policy::{Policy, UndoTo};
use crate::domain::verdict::Decision;
use crate::remedy;
use crate::remedy::test_support::{broken_web, policy, undo};
use proptest::prelude::*;

/// The evidence with all that a decision needs beside the diagnosis: the workload, its record, and proof that the good revision was healthy.
fn complete(mut evidence: Evidence) -> Evidence {
    let given = broken_web();
    let mut workload = given.workload().unwrap().clone();
    let revisions = revisions(&mut evidence).clone();
    workload.spec["template"] = revisions.newest.unwrap().template;
    evidence.workload = Observed::Known(workload);
    evidence.owners = given.evidence.owners;
    evidence.past = Observed::Known(vec![]);
    if let (Observed::Known(history), Some(good)) = (&mut evidence.history, revisions.older.first())
    {
        let longest = HealthyStretch {
            from: now() - seconds(7200),
            to: now() - seconds(3600),
            samples: 61,
        };
        history.insert(
            good.name.clone(),
            HealthHistory {
                longest: Some(longest),
                ..HealthHistory::default()
            },
        );
    }
    evidence
}

/// Whether Ripcord would act, where the policy allows any cause and the API server takes the write.
fn acts(evidence: &Evidence) -> bool {
    let mut case: Case = broken_web();
    case.now = evidence.gathered_at;
    case.incident.opened_at = evidence.gathered_at - seconds(600);
    case.limits = LIMITS;
    case.diagnosis = diagnose(evidence, &LIMITS);
    let any_cause = Policy {
        causes: None,
        ..policy(vec![undo(UndoTo::Proven)])
    };
    let alerts = &case.incident.alert_names;
    case.policy = choose_policy(&[any_cause], &case.workload, alerts, &case.diagnosis);
    case.evidence = evidence.clone();
    let proposal = remedy::propose(&case);
    let verdict = decide(&case, proposal.as_ref(), Some(&Rehearsal::Accepted));
    verdict.decision == Decision::Act
}

#[test]
fn it_acts_on_each_fault_that_a_good_revision_cures_and_on_no_other() {
    for (name, _, _, _, helps) in FAULTS {
        let evidence = complete(after_good(name));
        assert_eq!(acts(&evidence), helps == Helps::Yes, "{name}");
        assert!(!acts(&complete(alone(name))), "{name} alone");
    }
}

#[test]
fn one_source_missing_never_turns_standing_aside_into_acting() {
    for (name, ..) in FAULTS {
        for how in 0..WAYS {
            let evidence = complete(spoken_against(name, how));
            for source in 0..8 {
                let mut poorer = evidence.clone();
                without_source(&mut poorer, source);
                assert!(
                    acts(&evidence) || !acts(&poorer),
                    "{name} spoken against in way {how}, without source {source}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn the_same_facts_twice_or_in_another_order_come_to_the_same_verdict(
        name in prop::sample::select(all_faults()), how in 0usize..WAYS, turn in any::<usize>(), twice in any::<bool>(),
    ) {
        let evidence = complete(spoken_against(&name, how));
        let mut mixed = evidence.clone();
        if let Observed::Known(events) = &mut mixed.events {
            if twice {
                events.extend(events.clone());
            }
            let length = events.len().max(1);
            events.rotate_left(turn % length);
        }
        let pods = pods(&mut mixed);
        if twice {
            pods.extend(pods.clone());
        }
        pods.reverse();
        mixed.memory.sightings.reverse();
        mixed.logs.reverse();
        prop_assert_eq!(acts(&mixed), acts(&evidence));
    }
}
