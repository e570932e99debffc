use super::*;
use crate::domain::case::PolicyChoice;
use crate::domain::evidence::Evidence;
use crate::domain::identity::RevisionName;
use crate::domain::observed::Observed;
use crate::domain::owners::{Mark, Owner, Owners, Program, Reverts};
use crate::domain::policy::{Mode, OnForeign, RemedySpec, UndoTo};
use crate::domain::workload::MODE_ANNOTATION;
use crate::remedy;
use crate::remedy::test_support::{
    BAD, GOOD, GOOD_IMAGE, allow, at, broken_web, change_newest, change_policy, entry, failed_step,
    newest_and_older, past, past_failure, pin, policy, serve, undo, workload,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn judge(case: &Case, rehearsal: Option<&Rehearsal>) -> Verdict {
    decide(case, remedy::propose(case).as_ref(), rehearsal)
}

fn after_dry_run(case: &Case) -> Verdict {
    judge(case, Some(&Rehearsal::Accepted))
}

fn changed(change: impl FnOnce(&mut Case)) -> Case {
    let mut case = broken_web();
    change(&mut case);
    case
}

/// One case for every reason that a guard can give, in the order of the guards.
fn one_case_for_each_reason() -> Vec<(Reason, Case)> {
    vec![
        (
            Reason::Unavailable,
            changed(|case| case.evidence.pods = Observed::Unavailable("503".into())),
        ),
        (Reason::NotInScope, changed(|case| case.scope.clear())),
        (Reason::OptedOut, changed(|case| case.mode = Mode::Off)),
        (
            Reason::RolloutPaused,
            changed(|case| workload(case).spec["paused"] = true.into()),
        ),
        (
            Reason::ForeignOwner,
            changed(|case| case.evidence.owners = Observed::Unavailable("no labels".into())),
        ),
        (
            Reason::NoPolicy,
            changed(|case| case.policy = PolicyChoice::NoMatch),
        ),
        (
            Reason::OlderRevision,
            changed(|case| case.diagnosis.older_failing = vec![RevisionName::new(GOOD)]),
        ),
        (
            Reason::NoRecentRollout,
            changed(|case| case.evidence.rolled_out_at = Observed::Absent),
        ),
        (
            Reason::NotFailing,
            changed(|case| case.diagnosis.entries.clear()),
        ),
        (
            Reason::Dwelling,
            changed(|case| case.incident.opened_at = case.now),
        ),
        (
            Reason::PartlyHealthy,
            changed(|case| case.diagnosis.entries[0].pods.clear()),
        ),
        (
            Reason::CauseNotAllowed,
            changed(|case| case.policy = PolicyChoice::CauseNotCovered(vec!["p".into()])),
        ),
        (
            Reason::OtherContainerFails,
            changed(|case| {
                let side = serde_json::json!({"name": "side", "image": "side:1"});
                change_newest(case, |template| {
                    template["spec"]["containers"]
                        .as_array_mut()
                        .unwrap()
                        .push(side.clone());
                });
                newest_and_older(case).1[0].template["spec"]["containers"]
                    .as_array_mut()
                    .unwrap()
                    .push(side);
                case.diagnosis
                    .entries
                    .push(entry("side", crate::domain::diagnosis::Cause::CrashOnStart));
            }),
        ),
        (
            Reason::StepsSpent,
            changed(|case| case.incident.steps = vec![failed_step(0, BAD)]),
        ),
        (
            Reason::TargetUnproven,
            changed(|case| case.evidence.history = Observed::Absent),
        ),
        (
            Reason::NoTarget,
            changed(|case| newest_and_older(case).1.clear()),
        ),
        (
            Reason::Quarantined,
            changed(|case| case.evidence.past = Observed::Known(vec![past_failure(GOOD)])),
        ),
        (
            Reason::ChangedByOther,
            changed(|case| case.evidence.past = Observed::Known(vec![past("a", BAD, &[-600])])),
        ),
        (
            Reason::CoolingDown,
            changed(|case| case.evidence.past = Observed::Known(vec![past("a", GOOD, &[-60])])),
        ),
        (
            Reason::Storm,
            changed(|case| case.open = Observed::Unavailable("not listed yet".into())),
        ),
    ]
}

#[test]
fn every_guard_can_refuse_and_the_first_one_speaks() {
    let reasons = one_case_for_each_reason();
    for (reason, case) in &reasons {
        let verdict = after_dry_run(case);
        assert_eq!(verdict.reason, *reason, "{verdict:#?}");
        assert_ne!(verdict.decision, Decision::Act);
        assert!(!verdict.text.is_empty());
    }
    let order: Vec<Reason> = judge(&broken_web(), None)
        .guards
        .iter()
        .map(|guard| guard.guard)
        .collect();
    let tried: Vec<Reason> = reasons
        .iter()
        .map(|(reason, _)| *reason)
        .chain([Reason::DryRunRefused])
        .collect();
    assert_eq!(order, tried);
    assert_eq!(judge(&broken_web(), None).reason, Reason::DryRunRefused);
}

#[test]
fn every_guard_is_recorded_after_the_first_refusal_too() {
    let case = changed(|case| {
        case.scope.clear();
        case.mode = Mode::Off;
        case.incident.opened_at = case.now;
    });
    let verdict = after_dry_run(&case);
    assert_eq!(verdict.reason, Reason::NotInScope);
    assert_eq!(verdict.guards.len(), 21);
    let refusing: Vec<Reason> = verdict
        .guards
        .iter()
        .filter(|guard| guard.outcome != Outcome::Pass)
        .map(|guard| guard.guard)
        .collect();
    assert_eq!(
        refusing,
        [Reason::NotInScope, Reason::OptedOut, Reason::Dwelling]
    );
    assert!(verdict.record().guards.len() <= 40);
}

#[test]
fn it_acts_when_nothing_stands_against_it() {
    let verdict = after_dry_run(&broken_web());
    assert_eq!(
        (verdict.decision, verdict.reason),
        (Decision::Act, Reason::Clear)
    );
    assert!(
        verdict.text.starts_with("revision 1 (lab30-web-good) "),
        "{}",
        verdict.text
    );
    assert_eq!(
        after_dry_run(&broken_web()),
        verdict,
        "the second time changes nothing"
    );
}

#[test]
fn only_the_rehearsal_is_missing_when_everything_else_passed() {
    assert!(only_rehearsal_missing(&judge(&broken_web(), None)));
    assert!(!only_rehearsal_missing(&after_dry_run(&broken_web())));
    let refused = Rehearsal::Refused("422".into());
    assert!(!only_rehearsal_missing(&judge(
        &broken_web(),
        Some(&refused)
    )));
    for (reason, case) in one_case_for_each_reason() {
        assert!(!only_rehearsal_missing(&judge(&case, None)), "{reason}");
    }
}

#[test]
fn a_guard_behind_the_rehearsal_would_count_too() {
    let mut verdict = judge(&broken_web(), None);
    let behind = verdict
        .guards
        .iter()
        .find(|guard| guard.outcome != Outcome::Pass)
        .unwrap();
    verdict.guards.push(crate::domain::verdict::GuardOutcome {
        guard: Reason::CoolingDown,
        ..behind.clone()
    });
    assert!(!only_rehearsal_missing(&verdict));
}

#[test]
fn a_dry_run_mode_is_rehearsed_and_decided_all_the_same() {
    let case = changed(|case| case.mode = Mode::DryRun);
    assert!(only_rehearsal_missing(&judge(&case, None)));
    assert_eq!(
        judge(&case, Some(&Rehearsal::ClientOnly)).decision,
        Decision::Act
    );
}

#[test]
fn only_enforce_authorizes_a_write() {
    for mode in Mode::ALL {
        let case = changed(|case| case.mode = mode);
        let plan = remedy::propose(&case).unwrap();
        let authorized = authorize(&case, plan.clone(), &Rehearsal::Accepted);
        match mode {
            Mode::Enforce => assert_eq!(authorized.unwrap().get(), &plan),
            Mode::Off | Mode::DryRun | Mode::Approve => {
                let verdict = authorized.unwrap_err();
                assert_eq!(
                    (verdict.decision, verdict.reason),
                    (Decision::Hold, Reason::OptedOut),
                    "{mode}"
                );
            }
        }
    }
}

#[test]
fn nothing_is_authorized_that_a_guard_stands_against() {
    let plan = remedy::propose(&broken_web()).unwrap();
    for (reason, case) in one_case_for_each_reason() {
        // The proof is the proposal's: a case in which nothing is proven has no plan to begin with.
        let plan = remedy::propose(&case).unwrap_or(plan.clone());
        if reason != Reason::TargetUnproven {
            assert!(
                authorize(&case, plan, &Rehearsal::Accepted).is_err(),
                "{reason}"
            );
        }
    }
    for rehearsal in [
        Rehearsal::ClientOnly,
        Rehearsal::Refused("422".into()),
        Rehearsal::Changed("/spec".into()),
        Rehearsal::Unavailable("timeout".into()),
    ] {
        assert!(
            authorize(&broken_web(), plan.clone(), &rehearsal).is_err(),
            "{rehearsal:?}"
        );
    }
}

#[test]
fn an_annotation_that_nobody_understands_holds() {
    let case = changed(|case| {
        let annotations = BTreeMap::from([(MODE_ANNOTATION.to_owned(), "enforce!".to_owned())]);
        workload(case).annotations = Some(annotations);
    });
    let verdict = after_dry_run(&case);
    assert_eq!(
        (verdict.decision, verdict.reason),
        (Decision::Hold, Reason::OptedOut)
    );
}

#[test]
fn a_healthy_workload_waits_as_not_failing_however_old_its_rollout_is() {
    let case = changed(|case| {
        case.diagnosis.entries.clear();
        case.evidence.rolled_out_at = Observed::Absent;
    });
    let verdict = after_dry_run(&case);
    assert_eq!(
        (verdict.decision, verdict.reason),
        (Decision::Wait { next_check: at(30) }, Reason::NotFailing)
    );
}

#[test]
fn a_failed_first_step_leads_to_the_second_and_then_to_a_person() {
    let mut case = changed(|case| {
        allow(case, vec![pin(None, GOOD_IMAGE), undo(UndoTo::Proven)]);
        case.incident.steps = vec![failed_step(0, BAD)];
    });
    assert_eq!(after_dry_run(&case).decision, Decision::Act);
    case.evidence.past = Observed::Known(vec![past_failure(GOOD)]);
    let verdict = after_dry_run(&case);
    assert_eq!(
        (verdict.decision, verdict.reason),
        (Decision::Escalate, Reason::Quarantined)
    );
    case.evidence.past = Observed::Known(vec![]);
    case.incident.steps.push(failed_step(1, BAD));
    let verdict = after_dry_run(&case);
    assert_eq!(
        (verdict.decision, verdict.reason),
        (Decision::Escalate, Reason::StepsSpent)
    );
}

/// Every source that a decision of these cases rests on.
fn lose(evidence: &mut Evidence, source: usize) {
    let away = || "timeout".to_owned();
    match source {
        0 => evidence.workload = Observed::Unavailable(away()),
        1 => evidence.revisions = Observed::Unavailable(away()),
        2 => evidence.pods = Observed::Unavailable(away()),
        3 => evidence.past = Observed::Unavailable(away()),
        4 => evidence.namespace_mode = Observed::Unavailable(away()),
        5 => evidence.rolled_out_at = Observed::Unavailable(away()),
        _ => evidence.history = Observed::Unavailable(away()),
    }
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop::sample::select(&Mode::ALL)
}

fn any_remedies() -> impl Strategy<Value = Vec<RemedySpec>> {
    prop::sample::select(vec![
        vec![undo(UndoTo::Proven)],
        vec![undo(UndoTo::Previous)],
        vec![pin(None, GOOD_IMAGE), undo(UndoTo::Proven)],
        vec![undo(UndoTo::Number(7)), undo(UndoTo::Proven)],
    ])
}

proptest! {
    #[test]
    fn with_any_source_away_nothing_is_done(source in 0usize..7, remedies in any_remedies(), step in any::<bool>()) {
        let proves_by_history = remedies == vec![undo(UndoTo::Proven)];
        let mut case = broken_web();
        case.policy = PolicyChoice::Chosen(Box::new(policy(remedies)));
        if step {
            case.incident.steps = vec![failed_step(1, BAD)];
        }
        prop_assume!(source < 6 || proves_by_history);
        let planned = remedy::propose(&case);
        lose(&mut case.evidence, source);
        let verdict = after_dry_run(&case);
        prop_assert_ne!(verdict.decision, Decision::Act, "{:#?}", verdict);
        // Not even with a plan that was made while the source still answered; only its proof is not asked for twice.
        if source < 6 {
            let verdict = decide(&case, planned.as_ref(), Some(&Rehearsal::Accepted));
            prop_assert_ne!(verdict.decision, Decision::Act, "{:#?}", verdict);
        }
    }

    #[test]
    fn no_wait_ends_in_the_past(
        opened in -100i64..100, rolled_out in -10_000i64..100, acted in prop::option::of(-2000i64..100),
        ready_for in prop::option::of(-100i64..300), mode in any_mode(), millis in 0i64..1000,
    ) {
        let mut case = broken_web();
        case.now = case.now.checked_add(jiff::SignedDuration::from_millis(millis)).unwrap();
        case.mode = mode;
        case.incident.opened_at = at(opened);
        case.evidence.rolled_out_at = Observed::Known(at(rolled_out));
        if let Some(acted) = acted {
            case.evidence.past = Observed::Known(vec![past("a", GOOD, &[acted])]);
        }
        if let Some(ready_for) = ready_for {
            case.evidence.history = Observed::Absent;
            serve(&mut case, GOOD, 1, ready_for);
        }
        let soonest = case.now.checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
        for guard in after_dry_run(&case).guards {
            if let Outcome::Wait { next_check } = guard.outcome {
                prop_assert!(next_check >= soonest, "{} waits until {next_check}", guard.guard);
            }
        }
    }

    #[test]
    fn nothing_is_ever_written_unless_every_word_says_enforce(
        configured in any_mode(), by_policy in prop::option::of(any_mode()),
        on_namespace in prop::option::of("off|dry-run|approve|enforce|[a-z]{0,4}"),
        on_workload in prop::option::of("off|dry-run|approve|enforce|[a-z]{0,4}"),
    ) {
        let mut case = broken_web();
        case.mode = configured;
        crate::remedy::test_support::change_policy(&mut case, |policy| policy.mode = by_policy);
        if let Some(value) = &on_namespace {
            case.evidence.namespace_mode = Observed::Known(value.clone());
        }
        if let Some(value) = &on_workload {
            workload(&mut case).annotations = Some(BTreeMap::from([(MODE_ANNOTATION.to_owned(), value.clone())]));
        }
        let words: BTreeSet<String> = [Some(configured.to_string()), by_policy.map(|mode| mode.to_string()), on_namespace, on_workload]
            .into_iter()
            .flatten()
            .collect();
        let plan = remedy::propose(&case).unwrap();
        let authorized = authorize(&case, plan, &Rehearsal::Accepted).is_ok();
        prop_assert_eq!(authorized, words == BTreeSet::from(["enforce".to_owned()]));
    }
}

/// A step as the runbook has it: with words in place of the names of a case.
fn in_general(step: &str) -> String {
    let names = [
        ("lab30-web-bad-x", "POD"),
        ("-c web", "-c CONTAINER"),
        ("-c side", "-c CONTAINER"),
        ("deployment/lab30-web", "deployment/NAME"),
        ("Deployment lab30-web", "Deployment NAME"),
        ("lab30", "NAMESPACE"),
        ("--to-revision=1", "--to-revision=N"),
        ("--to-revision=2", "--to-revision=N"),
        ("ImageNotFound", "CAUSE"),
        ("bad-rollout", "POLICY"),
        ("(p)", "(POLICY)"),
    ];
    names
        .into_iter()
        .fold(step.to_owned(), |step, (name, word)| {
            step.replace(name, word)
        })
}

/// A case that each program holds. Helm does only where the policy says so.
fn foreign_owners() -> impl Iterator<Item = Case> {
    let controller = Program::Controller {
        kind: "KIND".to_owned(),
        group: String::new(),
    };
    let programs = [
        Program::ArgoCd,
        Program::FluxKustomization,
        Program::FluxHelmRelease,
        Program::Helm,
        Program::ArgoRollouts,
        Program::Flagger,
        controller,
    ];
    programs.into_iter().map(|program| {
        changed(|case| {
            change_policy(case, |policy| policy.foreign.helm = OnForeign::Refuse);
            case.evidence.owners = Observed::Known(Owners {
                programs: vec![Owner {
                    program,
                    name: "NAME".to_owned(),
                    mark: Mark::OwnerReference,
                    reverts: Reverts::Unknown,
                    suspended_by: None,
                }],
                template: Observed::Known(vec![]),
            });
        })
    })
}

#[test]
fn every_next_step_is_in_the_runbook_word_for_word() {
    let runbook = include_str!("../../deploy/runbook.md");
    let mut modes = changed(|case| {
        case.mode = Mode::DryRun;
        case.evidence.namespace_mode = Observed::Known("off".into());
    });
    workload(&mut modes).annotations =
        Some([(MODE_ANNOTATION.to_owned(), "off".to_owned())].into());
    let owned = foreign_owners().map(|case| (Reason::ForeignOwner, case));
    let mut compared = 0;
    for (reason, case) in one_case_for_each_reason()
        .into_iter()
        .chain([(Reason::OptedOut, modes)])
        .chain(owned)
    {
        let section = runbook.split_once(&format!("### {reason}\n")).unwrap().1;
        let section = section.split("\n### ").next().unwrap();
        let proposal = remedy::propose(&case);
        let verdict = after_dry_run(&case);
        for step in next_steps(&case, proposal.as_ref(), &verdict) {
            let step = in_general(&step);
            // Where to look is the same for many reasons, and stands with the causes.
            let looks = step.contains("describe pod") || step.contains("logs POD");
            let place = if looks { runbook } else { section };
            assert!(place.contains(&step), "{reason}: {step}");
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} steps");
}

#[test]
fn where_to_look_for_a_cause_is_in_its_section_of_the_runbook() {
    use crate::domain::diagnosis::Cause;
    let runbook = include_str!("../../deploy/runbook.md");
    let mut compared = 0;
    for cause in Cause::ALL {
        let case = changed(|case| case.diagnosis.entries = vec![entry("web", cause)]);
        let section = runbook.split_once(&format!("### {cause}\n")).unwrap().1;
        let section = section.split("\n### ").next().unwrap();
        let steps = next_steps(
            &case,
            remedy::propose(&case).as_ref(),
            &after_dry_run(&case),
        );
        for step in steps
            .iter()
            .filter(|step| step.contains(" get ") || step.contains("describe"))
        {
            let step = in_general(step);
            assert!(section.contains(&step), "{cause}: {step}");
            compared += 1;
        }
    }
    assert!(compared > 24, "only {compared} steps");
}
