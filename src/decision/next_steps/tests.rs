use super::*;
use crate::decision::decide;
use crate::domain::observed::Observed;
use crate::domain::plan::Rehearsal;
use crate::domain::workload::Termination;
use crate::remedy;
use crate::remedy::test_support::{
    BAD, GOOD, GOOD_IMAGE, allow, broken_web, change_policy, entry, failed_step, newest_and_older,
    past, pin, revision, template, workload,
};
use std::collections::BTreeMap;

fn steps(case: &Case) -> Vec<String> {
    let proposal = remedy::propose(case);
    let verdict = decide(case, proposal.as_ref(), Some(&Rehearsal::Accepted));
    next_steps(case, proposal.as_ref(), &verdict)
}

fn says(case: &Case, wanted: &str) {
    let steps = steps(case);
    assert!(
        steps.iter().any(|step| step.contains(wanted)),
        "{wanted}: {steps:#?}"
    );
}

#[test]
fn a_dry_run_gives_the_command_and_the_word_that_would_allow_it() {
    let mut case = broken_web();
    case.mode = Mode::DryRun;
    says(
        &case,
        "kubectl -n lab30 rollout undo deployment/lab30-web --to-revision=1",
    );
    says(&case, "`mode: enforce` in Ripcord's configuration");
    says(&case, "kubectl -n lab30 describe pod lab30-web-bad-x");
    allow(&mut case, vec![pin(None, GOOD_IMAGE)]);
    says(
        &case,
        &format!("kubectl -n lab30 set image deployment/lab30-web web={GOOD_IMAGE}"),
    );
}

#[test]
fn whoever_restricts_is_named() {
    let mut case = broken_web();
    case.evidence.namespace_mode = Observed::Known("off".into());
    workload(&mut case).annotations = Some(BTreeMap::from([(
        MODE_ANNOTATION.to_owned(),
        "what".to_owned(),
    )]));
    change_policy(&mut case, |policy| policy.mode = Some(Mode::Approve));
    says(&case, "kubectl annotate namespace lab30 ripcord.dev/mode-");
    says(
        &case,
        "kubectl -n lab30 annotate deployment/lab30-web ripcord.dev/mode-",
    );
    says(&case, "`mode: enforce` in policy bad-rollout");
}

#[test]
fn a_program_that_ran_has_last_words_and_an_image_that_never_came_has_none() {
    let mut case = broken_web();
    assert!(!steps(&case).iter().any(|step| step.contains("--previous")));
    case.diagnosis.entries = vec![entry("web", Cause::Unknown)];
    assert!(!steps(&case).iter().any(|step| step.contains("--previous")));
    let Observed::Known(pods) = &mut case.evidence.pods else {
        panic!()
    };
    for container in pods.iter_mut().flat_map(|pod| &mut pod.containers) {
        container.last = Some(Termination {
            reason: "Error".into(),
            exit_code: 1,
            started: None,
            finished: None,
            message: String::new(),
        });
    }
    says(
        &case,
        "kubectl -n lab30 logs lab30-web-bad-x -c web --previous",
    );
}

#[test]
fn nobody_is_told_to_allow_what_nobody_understands() {
    let mut case = broken_web();
    case.policy = PolicyChoice::CauseNotCovered(vec!["bad-rollout".into()]);
    case.diagnosis.entries = vec![entry("web", Cause::Unknown)];
    assert!(!steps(&case).iter().any(|step| step.contains("`causes:`")));
    case.diagnosis
        .entries
        .push(entry("side", Cause::OutOfMemory));
    says(&case, "add OutOfMemory to `causes:`");
}

#[test]
fn no_undo_is_offered_where_it_would_not_help() {
    let mut case = broken_web();
    case.diagnosis.entries = vec![entry("web", Cause::OutOfMemory)];
    case.policy = PolicyChoice::CauseNotCovered(vec!["bad-rollout".into()]);
    says(
        &case,
        "add OutOfMemory to `causes:` of one policy (bad-rollout)",
    );
    assert!(!steps(&case).iter().any(|step| step.contains("undo")));
}

#[test]
fn an_escalation_says_how_to_take_the_last_step_back() {
    let mut case = broken_web();
    case.incident.steps = vec![failed_step(0, BAD)];
    newest_and_older(&mut case)
        .1
        .insert(0, revision("lab30-web-zero", 0, template("web:0")));
    says(
        &case,
        "kubectl -n lab30 rollout undo deployment/lab30-web --to-revision=1  # takes Ripcord's last step back",
    );
}

#[test]
fn every_refusal_has_a_hint() {
    let mut case = broken_web();
    workload(&mut case).spec["paused"] = true.into();
    says(
        &case,
        "kubectl -n lab30 rollout resume deployment/lab30-web",
    );
    case.policy = PolicyChoice::NoMatch;
    workload(&mut case).spec["paused"] = false.into();
    says(
        &case,
        "add a policy whose `match:` fits Deployment lab30-web in lab30",
    );
    case.scope.clear();
    says(&case, "add lab30 to `namespaces:`");
    let mut case = broken_web();
    case.evidence.past = Observed::Known(vec![past("a", BAD, &[-1])]);
    says(&case, "--show-managed-fields");
    case.evidence.past = Observed::Known(vec![past("a", GOOD, &[-1])]);
    says(&case, "guards.cooldown");
    case.evidence.past = Observed::Known(vec![]);
    case.evidence.history = Observed::Absent;
    says(
        &case,
        "kubectl -n lab30 rollout history deployment/lab30-web",
    );
}

#[test]
fn there_are_never_more_than_twenty_and_none_twice() {
    let mut case = broken_web();
    case.diagnosis.entries = (0..30)
        .map(|number| {
            let pods = (0..9).map(|pod| format!("pod-{number}-{pod}")).collect();
            Entry {
                pods,
                ..entry("web", Cause::CrashOnStart)
            }
        })
        .collect();
    let steps = steps(&case);
    assert_eq!(steps.len(), LIMIT);
    assert_eq!(steps.iter().collect::<BTreeSet<_>>().len(), LIMIT);
}
