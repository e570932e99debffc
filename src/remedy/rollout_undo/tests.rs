use super::*;
use crate::domain::diagnosis::Cause;
use crate::domain::observed::Observed;
use crate::remedy::test_support::{
    BAD, BAD_IMAGE, GOOD, GOOD_IMAGE, at, broken_web, change_newest, entry, hash, history, minutes,
    newest_and_older, past_failure, revision, serve, template,
};
use serde_json::json;

fn spec(to: UndoTo) -> RolloutUndo {
    RolloutUndo {
        to,
        max_revisions_back: 5,
    }
}

fn refused(case: &Case, to: UndoTo) -> Refusal {
    propose(case, &spec(to)).unwrap_err()
}

fn goes_to(case: &Case, to: UndoTo) -> String {
    match propose(case, &spec(to)).unwrap().target {
        Target::Revision { mark, .. } => mark.name.to_string(),
        Target::Image(_) => panic!("not an undo"),
    }
}

/// Three revisions: 1 good, 2 of the given template, 3 newest and bad.
fn with_second(second: serde_json::Value) -> Case {
    let mut case = broken_web();
    let (newest, older) = newest_and_older(&mut case);
    newest.number = 3;
    older.insert(0, revision("lab30-web-second", 2, second));
    case
}

#[test]
fn the_only_revision_has_nowhere_to_go() {
    let mut case = broken_web();
    newest_and_older(&mut case).1.clear();
    let refusal = refused(&case, UndoTo::Proven);
    assert_eq!(refusal.reason, RefusalReason::NoTarget);
    assert_eq!(refusal.text, "there is no older revision to go back to");
}

#[test]
fn a_restarted_copy_of_the_failing_template_is_no_target() {
    let mut copy = template(BAD_IMAGE);
    copy["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "yesterday"});
    let mut case = with_second(copy);
    case.evidence.history = Observed::Known(history(&[
        (GOOD, minutes(9)),
        ("lab30-web-second", minutes(9)),
    ]));
    assert_eq!(goes_to(&case, UndoTo::Proven), GOOD);
    newest_and_older(&mut case).1.pop();
    let refusal = refused(&case, UndoTo::Proven);
    assert_eq!(refusal.reason, RefusalReason::NoTarget);
    assert!(refusal.text.contains("container web"), "{}", refusal.text);
    assert_eq!(
        refused(&case, UndoTo::Previous).reason,
        RefusalReason::NoTarget
    );
}

#[test]
fn previous_is_passed_over_where_it_was_never_healthy() {
    let case = with_second(template("ghcr.io/vlrrbn/lab30-web-metrics:8"));
    assert_eq!(goes_to(&case, UndoTo::Proven), GOOD);
}

#[test]
fn nothing_proven_is_unproven_and_says_what_is_missing() {
    let mut case = broken_web();
    case.evidence.history = Observed::Known(history(&[(GOOD, minutes(1))]));
    let refusal = refused(&case, UndoTo::Proven);
    assert_eq!(refusal.reason, RefusalReason::Unproven);
    assert!(
        refusal.text.contains("at most healthy for 1m"),
        "{}",
        refusal.text
    );
    assert!(
        refusal.text.contains("2m and 3 samples needed"),
        "{}",
        refusal.text
    );
}

#[test]
fn a_newer_candidate_that_lacks_only_time_is_waited_for() {
    let mut case = with_second(template("ghcr.io/vlrrbn/lab30-web-metrics:8"));
    serve(&mut case, "lab30-web-second", 1, 100);
    assert_eq!(
        refused(&case, UndoTo::Proven).reason,
        RefusalReason::UnprovenYet {
            look_again_at: at(20)
        }
    );
    case.now = at(20);
    assert_eq!(goes_to(&case, UndoTo::Proven), "lab30-web-second");
}

#[test]
fn a_history_that_is_away_leaves_the_choice_open() {
    let mut case = broken_web();
    case.evidence.history = Observed::Unavailable("connection refused".into());
    let refusal = refused(&case, UndoTo::Proven);
    assert_eq!(refusal.reason, RefusalReason::Unavailable);
    assert!(
        refusal.text.contains("connection refused"),
        "{}",
        refusal.text
    );
}

#[test]
fn a_revision_seen_failing_is_never_the_target_whoever_names_it() {
    let mut case = broken_web();
    case.evidence.past = Observed::Known(vec![past_failure(GOOD)]);
    for to in [UndoTo::Proven, UndoTo::Previous, UndoTo::Number(1)] {
        assert_eq!(
            refused(&case, to).reason,
            RefusalReason::Quarantined,
            "{to:?}"
        );
    }
    let mut case = broken_web();
    case.incident.failed = vec![hash(BAD), hash(GOOD)];
    assert_eq!(
        refused(&case, UndoTo::Previous).reason,
        RefusalReason::Quarantined
    );
}

#[test]
fn it_goes_no_further_back_than_allowed() {
    let case = with_second(template("ghcr.io/vlrrbn/lab30-web-metrics:8"));
    let near = RolloutUndo {
        to: UndoTo::Proven,
        max_revisions_back: 1,
    };
    assert_eq!(
        propose(&case, &near).unwrap_err().reason,
        RefusalReason::Unproven
    );
    let near = RolloutUndo {
        to: UndoTo::Number(1),
        max_revisions_back: 1,
    };
    assert_eq!(
        propose(&case, &near).unwrap_err().reason,
        RefusalReason::NoTarget
    );
    let far = RolloutUndo {
        to: UndoTo::Number(1),
        max_revisions_back: 2,
    };
    assert!(propose(&case, &far).is_ok());
}

#[test]
fn the_owners_word_replaces_the_proof() {
    let mut case = broken_web();
    case.evidence.history = Observed::Absent;
    assert_eq!(goes_to(&case, UndoTo::Previous), GOOD);
    assert_eq!(goes_to(&case, UndoTo::Number(1)), GOOD);
    assert!(
        propose(&case, &spec(UndoTo::Previous))
            .unwrap()
            .proof
            .starts_with("the owner's word")
    );
    for number in [0, 2, 7] {
        assert_eq!(
            refused(&case, UndoTo::Number(number)).reason,
            RefusalReason::NoTarget,
            "{number}"
        );
    }
}

#[test]
fn the_template_is_the_revisions_own() {
    let plan = propose(&broken_web(), &spec(UndoTo::Proven)).unwrap();
    assert_eq!(plan.template, template(GOOD_IMAGE));
    assert!(
        plan.proof
            .contains("revision 1 (lab30-web-good) was healthy for 1h"),
        "{}",
        plan.proof
    );
}

#[test]
fn other_arguments_are_reason_enough_for_a_crash_and_not_for_an_image() {
    let mut case = broken_web();
    change_newest(&mut case, |template| {
        template["spec"]["containers"][0]["image"] = json!(GOOD_IMAGE);
        template["spec"]["containers"][0]["args"] = json!(["9090"]);
    });
    assert_eq!(
        refused(&case, UndoTo::Proven).reason,
        RefusalReason::NoTarget
    );
    case.diagnosis.entries = vec![entry("web", Cause::CrashOnStart)];
    assert_eq!(goes_to(&case, UndoTo::Proven), GOOD);
}

#[test]
fn a_revision_that_the_diagnosis_does_not_think_a_cure_is_passed_over_on_the_owners_word_too() {
    let mut case = with_second(template("ghcr.io/vlrrbn/lab30-web-metrics:8"));
    case.evidence.history = Observed::Known(history(&[
        (GOOD, minutes(9)),
        ("lab30-web-second", minutes(9)),
    ]));
    assert_eq!(goes_to(&case, UndoTo::Proven), "lab30-web-second");
    case.diagnosis.entries[0].cured_by =
        Some([crate::domain::identity::RevisionName::new(GOOD)].into());
    assert_eq!(goes_to(&case, UndoTo::Proven), GOOD);
    assert_eq!(
        refused(&case, UndoTo::Previous).reason,
        RefusalReason::NoTarget
    );
    // A second container that any difference cures does not widen it.
    case.diagnosis
        .entries
        .push(entry("web", Cause::CrashOnStart));
    assert_eq!(goes_to(&case, UndoTo::Proven), GOOD);
    case.diagnosis.entries[0].cured_by = Some([].into());
    assert_eq!(
        refused(&case, UndoTo::Proven).reason,
        RefusalReason::NoTarget
    );
}
