use super::test_support::{
    self, BAD, GOOD, GOOD_IMAGE, allow, broken_web, failed_step, past_failure, pin, revision,
    template, undo,
};
use super::*;
use crate::domain::case::PolicyChoice;
use crate::domain::identity::TemplateHash;
use crate::domain::observed::Observed;
use crate::domain::policy::{RolloutUndo, UndoTo};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn reason(case: &Case) -> RefusalReason {
    propose(case).unwrap_err().reason
}

#[test]
fn without_a_policy_nothing_is_proposed() {
    let mut case = broken_web();
    for choice in [
        PolicyChoice::NoMatch,
        PolicyChoice::CauseNotCovered(vec!["p".into()]),
    ] {
        case.policy = choice;
        assert_eq!(reason(&case), RefusalReason::NoTarget);
    }
}

#[test]
fn what_could_not_be_read_is_unavailable_and_never_no_target() {
    let away = || "timeout".to_owned();
    let mut case = broken_web();
    case.evidence.workload = Observed::Unavailable(away());
    assert_eq!(reason(&case), RefusalReason::Unavailable);
    let mut case = broken_web();
    case.evidence.revisions = Observed::Unavailable(away());
    assert_eq!(reason(&case), RefusalReason::Unavailable);
    let mut case = broken_web();
    case.evidence.past = Observed::Unavailable(away());
    assert_eq!(reason(&case), RefusalReason::Unavailable);
    allow(&mut case, vec![pin(None, GOOD_IMAGE)]);
    assert_eq!(reason(&case), RefusalReason::Unavailable);
}

#[test]
fn nothing_is_proposed_for_a_healthy_revision_or_another_kind() {
    let mut case = broken_web();
    case.diagnosis.entries.clear();
    assert_eq!(reason(&case), RefusalReason::NoTarget);
    let mut case = broken_web();
    case.workload.kind = WorkloadKind::StatefulSet;
    assert_eq!(reason(&case), RefusalReason::NoTarget);
}

#[test]
fn a_remedy_is_tried_once_and_then_the_next_and_then_none_is_left() {
    let mut case = broken_web();
    allow(
        &mut case,
        vec![pin(Some("web"), GOOD_IMAGE), undo(UndoTo::Proven)],
    );
    let first = propose(&case).unwrap();
    assert_eq!(
        (first.remedy, first.remedy_index, first.step),
        (pin_image::NAME, 0, 1)
    );
    case.incident.steps = vec![failed_step(0, BAD)];
    let second = propose(&case).unwrap();
    assert_eq!(
        (second.remedy, second.remedy_index, second.step),
        (rollout_undo::NAME, 1, 2)
    );
    assert_eq!(second.action_id.as_str(), "lab30-web-abc-2");
    case.incident.steps.push(failed_step(1, GOOD));
    assert_eq!(reason(&case), RefusalReason::Spent);
}

#[test]
fn the_most_hopeful_refusal_speaks_for_all() {
    let mut case = broken_web();
    allow(
        &mut case,
        vec![pin(Some("sidecar"), GOOD_IMAGE), undo(UndoTo::Proven)],
    );
    case.evidence.history = Observed::Known(test_support::history(&[]));
    let refusal = propose(&case).unwrap_err();
    assert_eq!(
        (refusal.remedy, refusal.reason),
        (rollout_undo::NAME, RefusalReason::Unproven)
    );
    assert!(
        refusal
            .text
            .contains("pinImage: the template has no container sidecar"),
        "{}",
        refusal.text
    );
    assert!(
        refusal
            .text
            .contains("rolloutUndo: revision 1 (lab30-web-good) is not proven healthy"),
        "{}",
        refusal.text
    );
}

#[test]
fn hope_is_ordered_as_the_design_says() {
    let later = RefusalReason::UnprovenYet {
        look_again_at: test_support::at(9),
    };
    let all = [
        later,
        RefusalReason::Unavailable,
        RefusalReason::Unproven,
        RefusalReason::Quarantined,
        RefusalReason::NoTarget,
    ];
    assert!(all.is_sorted_by_key(despair));
}

#[test]
fn a_plan_is_complete() {
    let mut case = broken_web();
    case.diagnosis.entries[0].longest_run_seconds = 7;
    let plan = propose(&case).unwrap();
    assert_eq!(plan.workload_uid.as_str(), "uid-web");
    assert_eq!(plan.action_id.as_str(), "lab30-web-abc-1");
    assert_eq!(
        plan.change_cause,
        "ripcord: undo to revision 1, incident lab30-web-abc (ImageNotFound)"
    );
    assert_eq!((plan.inverse.name.as_str(), plan.inverse.number), (BAD, 2));
    assert_eq!(plan.longest_run_seconds, 7);
    assert_eq!(plan.verify.soak, test_support::seconds(30));
    assert!(plan.diff.contains(GOOD_IMAGE), "{}", plan.diff);
    assert_eq!(
        propose(&case).unwrap(),
        plan,
        "the second time changes nothing"
    );
}

#[test]
fn every_remedy_is_registered_and_its_help_has_the_four_headings() {
    for spec in [undo(UndoTo::Proven), pin(None, GOOD_IMAGE)] {
        let remedy = ALL
            .iter()
            .find(|remedy| remedy.name == spec.name())
            .unwrap();
        let places: Vec<usize> = [
            "When it helps\n",
            "What it changes\n",
            "How it is undone\n",
            "When it is refused\n",
        ]
        .into_iter()
        .map(|heading| remedy.help.find(heading).expect(heading))
        .collect();
        assert!(places.is_sorted(), "{}", remedy.name);
    }
}

/// An older revision as the properties make it: of the failing image or another, healthy or not, seen failing or not.
type Former = (bool, bool, bool);

fn with_older(formers: &[Former], to: UndoTo) -> Case {
    let mut case = broken_web();
    let back = formers.len();
    allow(
        &mut case,
        vec![
            RemedySpec::RolloutUndo(RolloutUndo {
                to,
                max_revisions_back: back,
            }),
            pin(Some("web"), "ghcr.io/vlrrbn/lab30-web-metrics:1"),
        ],
    );
    let name = |place: usize| format!("lab30-web-old{place}");
    let mut healthy = std::collections::BTreeMap::new();
    let (newest, older) = test_support::newest_and_older(&mut case);
    newest.number = i64::try_from(back).unwrap() + 1;
    *older = formers
        .iter()
        .enumerate()
        .map(|(place, (differs, whole, _))| {
            let image = format!("ghcr.io/vlrrbn/lab30-web-metrics:{place}");
            let mut template = if *differs {
                template(&image)
            } else {
                newest.template.clone()
            };
            template["metadata"]["labels"][TEMPLATE_HASH_LABEL] = serde_json::json!("old");
            if *whole {
                healthy.insert(name(place), test_support::minutes(10));
            }
            revision(&name(place), i64::try_from(back - place).unwrap(), template)
        })
        .collect();
    case.evidence.history = Observed::Known(
        healthy
            .into_iter()
            .map(|(name, history)| (crate::domain::identity::RevisionName::new(name), history))
            .collect(),
    );
    case.evidence.past = Observed::Known(
        formers
            .iter()
            .enumerate()
            .filter(|(_, (_, _, failed))| *failed)
            .map(|(place, _)| past_failure(&name(place)))
            .collect(),
    );
    case
}

proptest! {
    #[test]
    fn no_proposal_targets_what_was_seen_failing_or_carries_the_controllers_label(
        formers in prop::collection::vec(any::<Former>(), 0..6),
        to in prop_oneof![Just(UndoTo::Proven), Just(UndoTo::Previous), (1i64..7).prop_map(UndoTo::Number)],
    ) {
        let case = with_older(&formers, to);
        let quarantine: BTreeSet<TemplateHash> = case.quarantine().unwrap().into_iter().cloned().collect();
        if let Ok(plan) = propose(&case) {
            if let Target::Revision { mark, .. } = &plan.target {
                prop_assert!(!quarantine.contains(&mark.hash));
            }
            for revision in case.quarantined_revisions().unwrap() {
                prop_assert_ne!(&without_hash_label(revision.template.clone()), &plan.template);
            }
            prop_assert!(!plan.template.to_string().contains(TEMPLATE_HASH_LABEL));
        }
    }

    #[test]
    fn the_order_in_which_older_revisions_were_read_does_not_change_the_plan(
        (formers, order) in prop::collection::vec(any::<Former>(), 1..6)
            .prop_flat_map(|formers| (Just(formers.clone()), Just((0..formers.len()).collect::<Vec<_>>()).prop_shuffle())),
    ) {
        let case = with_older(&formers, UndoTo::Proven);
        let mut shuffled = case.clone();
        let (_, older) = test_support::newest_and_older(&mut shuffled);
        *older = order.iter().map(|place| older[*place].clone()).collect();
        let (left, right) = (propose(&case), propose(&shuffled));
        prop_assert_eq!(left.is_ok(), right.is_ok());
        if let (Ok(left), Ok(right)) = (left, right) {
            prop_assert_eq!(left, right);
        }
    }
}
