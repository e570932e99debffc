use super::*;
use crate::domain::alert::AlertRecord;
use crate::domain::diagnosis::{Cause, Entry, Helps};
use crate::domain::identity::{ActionId, Fingerprint, RevisionName, Uid};
use crate::domain::plan::{Target, patch_sha256};
use crate::domain::policy::VerifySpec;
use crate::domain::verdict::{Decision, Reason};
use crate::domain::workload::{WorkloadIdentity, WorkloadKind, WorkloadRef};
use crate::record::crd::{Incident, IncidentSpec};
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn revision(hash: &str) -> RevisionMark {
    RevisionMark {
        name: RevisionName::new(format!("web-{hash}")),
        hash: TemplateHash::new(hash),
        number: 2,
    }
}

fn opened() -> Incident {
    let alert = AlertRecord {
        name: "Lab30PodWaiting".into(),
        fingerprint: Fingerprint::new("f"),
        starts_at: at(0),
        received_at: at(0),
        resolved: false,
    };
    let workload = WorkloadIdentity {
        kind: "Deployment".into(),
        name: "web".into(),
        uid: Uid::new("u"),
    };
    let spec = IncidentSpec {
        workload,
        revision: revision("bad"),
        installation: "default".into(),
        alert,
    };
    let mut incident = Incident::new("web-abc", spec);
    incident.metadata.namespace = Some("lab30".into());
    incident
}

fn with(incident: &Incident, status: IncidentStatus) -> Incident {
    Incident {
        status: Some(status),
        ..incident.clone()
    }
}

fn failing() -> Diagnosis {
    Diagnosis {
        newest: Some(RevisionName::new("web-bad")),
        entries: vec![Entry {
            container: "web".into(),
            init: false,
            cause: Cause::ImageNotFound,
            rollback_helps: Helps::Yes,
            because: "the registry has no such tag".into(),
            facts: vec!["Pods: web waits".into()],
            pods: vec!["web-bad-1".into()],
            longest_run_seconds: 0,
            cured_by: None,
        }],
        shared: None,
        older_failing: vec![],
        pending: vec![],
    }
}

fn quiet() -> Diagnosis {
    Diagnosis {
        newest: None,
        entries: vec![],
        shared: None,
        older_failing: vec![],
        pending: vec![],
    }
}

fn plan() -> Plan {
    Plan {
        step: 1,
        remedy: "rolloutUndo",
        remedy_index: 0,
        workload: WorkloadRef {
            kind: WorkloadKind::Deployment,
            namespace: "lab30".into(),
            name: "web".into(),
        },
        workload_uid: Uid::new("u"),
        action_id: ActionId::new("web-abc-1"),
        target: Target::Revision {
            mark: revision("good"),
            uid: Uid::new("g"),
        },
        template: json!({"spec": {}}),
        change_cause: "ripcord".into(),
        proof: "ready for 5m".into(),
        inverse: revision("bad"),
        diff: "-a\n+b".into(),
        verify: VerifySpec::default(),
        longest_run_seconds: 0,
    }
}

fn look(diagnosis: Diagnosis, decision: Option<(Decision, Reason, Mode)>) -> Input {
    let decided = decision.map(|(decision, reason, mode)| Decided {
        facts: vec![],
        owners: vec![],
        verdict: Verdict {
            decision,
            reason,
            text: "so it is".into(),
            guards: vec![],
        },
        plan: Some(Box::new(plan())),
        rehearsal: Some(Rehearsal::Accepted),
        policy: "p".into(),
        mode,
        next_steps: vec![],
    });
    Input::Looked(Box::new(Looked {
        newest: Some(revision("bad")),
        diagnosis,
        complete: true,
        memory: Memory::default(),
        decided,
        decided_on: "d".into(),
        namespace_mode: Observed::Absent,
        live_causes: BTreeSet::new(),
        quiet_since: None,
    }))
}

fn phase(step: &Step) -> &str {
    &step.status.phase
}

fn act(mode: Mode) -> Step {
    step(
        &opened(),
        look(failing(), Some((Decision::Act, Reason::Clear, mode))),
        at(20),
    )
}

#[test]
fn a_dry_run_never_gets_to_acting() {
    for mode in [Mode::Off, Mode::DryRun, Mode::Approve] {
        let step = act(mode);
        assert_eq!(
            (phase(&step), step.status.outcome.as_str()),
            ("Closed", "DryRun")
        );
        assert_eq!(step.status.diff, "-a\n+b");
        assert!(step.status.applied.is_empty());
    }
}

#[test]
fn the_plan_is_in_the_record_before_anything_is_written() {
    let step = act(Mode::Enforce);
    assert_eq!((phase(&step), step.wake), ("Acting", Wake::Now));
    let recorded = step.status.plan.unwrap();
    assert_eq!(recorded.patch_sha256, patch_sha256(&plan()));
    assert_eq!(recorded.inverse, revision("bad"));
}

#[test]
fn somebody_elses_newer_revision_ends_the_incident() {
    let Input::Looked(mut looked) = look(
        failing(),
        Some((Decision::Act, Reason::Clear, Mode::Enforce)),
    ) else {
        panic!()
    };
    looked.newest = Some(revision("theirs"));
    let step = step(&opened(), Input::Looked(looked), at(20));
    assert_eq!(step.status.outcome, "Superseded");
}

#[test]
fn what_could_not_be_read_is_not_quiet() {
    let mut status = IncidentStatus::default();
    status.join(AlertRecord {
        resolved: true,
        ..opened().spec.alert
    });
    let Input::Looked(mut looked) = look(quiet(), None) else {
        panic!()
    };
    looked.complete = false;
    let open = step(
        &with(&opened(), status.clone()),
        Input::Looked(looked.clone()),
        at(10_000),
    );
    assert_ne!(phase(&open), "Closed");
    looked.complete = true;
    let closed = step(&with(&opened(), status), Input::Looked(looked), at(10_000));
    assert_eq!(closed.status.outcome, "NotFailing");
}

/// A quiet look by a process that has found nothing since that second.
fn quiet_since(second: i64) -> Input {
    let Input::Looked(mut looked) = look(quiet(), None) else {
        panic!()
    };
    looked.quiet_since = Some(at(second));
    Input::Looked(looked)
}

#[test]
fn without_a_symptom_it_closes_after_ten_minutes_of_looking_and_not_before() {
    let early = step(&opened(), quiet_since(20), at(619));
    assert_ne!(phase(&early), "Closed");
    let unlooked = step(&opened(), look(quiet(), None), at(7_200));
    assert_ne!(phase(&unlooked), "Closed");
    let late = step(&opened(), quiet_since(20), at(620));
    assert_eq!(late.status.outcome, "NotFailing");
}

#[test]
fn one_that_was_seen_failing_has_recovered_alone() {
    let hold = (Decision::Hold, Reason::CauseNotAllowed, Mode::Enforce);
    let held = step(&opened(), look(failing(), Some(hold)), at(20));
    assert_eq!(held.status.failed_revisions, [TemplateHash::new("bad")]);
    let gone = step(&with(&opened(), held.status), quiet_since(50), at(650));
    assert_eq!(gone.status.outcome, "RecoveredAlone");
}

#[test]
fn what_a_verdict_stands_on_is_in_the_record() {
    let hold = (Decision::Hold, Reason::CauseNotAllowed, Mode::Enforce);
    let decided = |mode: &str, cause: &str| {
        let Input::Looked(mut looked) = look(failing(), Some(hold)) else {
            panic!()
        };
        looked.namespace_mode = Observed::Known(mode.to_owned());
        looked.live_causes = BTreeSet::from([cause.to_owned()]);
        Input::Looked(looked)
    };
    let first = step(&opened(), decided("off", "web: Unknown"), at(20));
    assert_eq!(first.status.decided_namespace_mode, "off");
    let second = with(&opened(), first.status);
    let second = step(&second, decided("enforce", "web: ImageNotFound"), at(50));
    assert_eq!(second.status.decided_namespace_mode, "enforce");
    assert_eq!(second.status.decided_causes, ["web: ImageNotFound"]);
}

#[test]
fn a_hold_is_told_once() {
    let hold = (Decision::Hold, Reason::TargetUnproven, Mode::Enforce);
    let first = step(&opened(), look(failing(), Some(hold)), at(20));
    let second = step(
        &with(&opened(), first.status.clone()),
        look(failing(), Some(hold)),
        at(50),
    );
    assert!(
        first
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Announce { .. }))
    );
    assert!(second.effects.is_empty());
    assert_eq!(first.status.timeline, second.status.timeline);
}

#[test]
fn after_a_day_a_held_incident_is_over() {
    let hold = (Decision::Hold, Reason::TargetUnproven, Mode::Enforce);
    let held = step(&opened(), look(failing(), Some(hold)), at(20));
    let over = step(
        &with(&opened(), held.status),
        look(failing(), None),
        at(24 * 3600),
    );
    assert_eq!(over.status.outcome, "Held");
}

fn verifying() -> Incident {
    let acting = act(Mode::Enforce);
    let verification = VerificationRecord {
        started_at: at(21),
        last_progress: at(21),
        seen: String::new(),
        whole_since: None,
        soak_seconds: 30,
        timeout_seconds: 300,
        restarts_at_start: 0,
        best: 0,
        setbacks: 0,
        judgement: "NotYet".into(),
        message: String::new(),
    };
    let written = Input::Written(Written::Accepted {
        verification: Box::new(verification),
    });
    let step = step(&with(&opened(), acting.status), written, at(21));
    with(&opened(), step.status)
}

fn judged(judgement: Judgement) -> Step {
    let incident = verifying();
    let record = incident
        .status
        .as_ref()
        .unwrap()
        .verification
        .clone()
        .unwrap();
    step(
        &incident,
        Input::Judged {
            record,
            judgement,
            revision: Some(TemplateHash::new("good")),
        },
        at(60),
    )
}

#[test]
fn a_write_found_again_is_recorded_once() {
    let incident = verifying();
    let status = incident.status.clone().unwrap();
    assert_eq!(
        (status.phase.as_str(), status.applied.len()),
        ("Verifying", 1)
    );
    let verification = Box::new(status.verification.clone().unwrap());
    let again = step(
        &incident,
        Input::Written(Written::Accepted { verification }),
        at(40),
    );
    assert_eq!(again.status.applied, status.applied);
}

#[test]
fn a_write_whose_fate_is_unknown_stays_in_acting() {
    let acting = act(Mode::Enforce);
    let step = step(
        &with(&opened(), acting.status),
        Input::Written(Written::Unknown("lost".into())),
        at(21),
    );
    assert_eq!(phase(&step), "Acting");
    assert!(step.status.applied.is_empty() && step.status.plan.is_some());
}

#[test]
fn a_target_that_fails_is_quarantined_and_the_next_step_decided() {
    let step = judged(Judgement::Failed("it crashes too".into()));
    assert_eq!((phase(&step), step.wake), ("Deciding", Wake::Now));
    assert!(
        step.status
            .failed_revisions
            .contains(&TemplateHash::new("good"))
    );
    assert_eq!(step.status.applied.last().unwrap().result, "Failed");
    assert_eq!(step.status.holder, None);
}

#[test]
fn a_time_out_escalates_with_the_command_that_takes_the_write_back() {
    for judgement in [
        Judgement::TimedOut("slow".into()),
        Judgement::Unknown("unseen".into()),
    ] {
        let step = judged(judgement);
        assert_eq!(step.status.outcome, "Escalated");
        let command = "kubectl -n lab30 rollout undo deployment/web --to-revision=2";
        assert!(
            step.status
                .next_steps
                .iter()
                .any(|line| line.ends_with(command)),
            "{:?}",
            step.status.next_steps
        );
    }
}

#[test]
fn a_person_who_deploys_after_our_write_wins() {
    let step = step(&verifying(), Input::Overtaken, at(60));
    assert_eq!(step.status.outcome, "Superseded");
    assert_eq!(step.status.applied.last().unwrap().result, "Superseded");
}

#[test]
fn recovery_closes_it_and_leaves_nothing_to_do() {
    let step = judged(Judgement::Recovered("ready for 30s".into()));
    assert_eq!(
        (phase(&step), step.status.outcome.as_str(), step.wake),
        ("Closed", "Recovered", Wake::Never)
    );
    assert!(step.status.next_steps.is_empty() && step.status.holder.is_none());
    let recovered = step
        .status
        .conditions
        .iter()
        .find(|condition| condition.kind == "Recovered")
        .unwrap();
    assert_eq!(recovered.status, "True");
}

#[test]
fn only_the_holder_drives_until_its_deadline() {
    let mut status = verifying().status.unwrap();
    status.holder = Some(Holder {
        id: "a".into(),
        deadline: at(100),
    });
    assert_eq!(may_drive(&status, "b", at(99)), Err(at(100)));
    assert_eq!(may_drive(&status, "b", at(100)), Ok(Claim::Renew));
    assert_eq!(may_drive(&status, "a", at(70)), Ok(Claim::NotNeeded));
    assert_eq!(may_drive(&status, "a", at(90)), Ok(Claim::Renew));
    assert_eq!(may_drive(&status, "a", at(101)), Ok(Claim::Renew));
}

#[test]
fn what_another_clock_has_measured_begins_anew() {
    let mut status = verifying().status.unwrap();
    status.holder = Some(Holder {
        id: "a".into(),
        deadline: at(100),
    });
    let soaking = status.verification.as_mut().unwrap();
    (soaking.whole_since, soaking.last_progress) = (Some(at(40)), at(90));
    let claimed = |holder: &str| {
        let claim = Input::Claimed {
            holder: holder.into(),
        };
        let step = step(&with(&opened(), status.clone()), claim, at(101));
        let verification = step.status.verification.unwrap();
        (verification.whole_since, verification.last_progress)
    };
    assert_eq!(claimed("b"), (None, at(101)));
    assert_eq!(claimed("a"), (Some(at(40)), at(90)));
}

#[test]
fn a_take_over_is_part_of_the_story() {
    let mut status = verifying().status.unwrap();
    status.holder = Some(Holder {
        id: "a".into(),
        deadline: at(100),
    });
    let step = step(
        &with(&opened(), status),
        Input::Claimed { holder: "b".into() },
        at(101),
    );
    assert!(
        step.status
            .timeline
            .last()
            .unwrap()
            .text
            .contains("taken over")
    );
    assert_eq!(step.status.holder.unwrap().deadline, at(131));
}

fn acting() -> Incident {
    with(&opened(), act(Mode::Enforce).status)
}

fn written(incident: &Incident, written: Written, second: i64) -> Step {
    step(incident, Input::Written(written), at(second))
}

#[test]
fn a_write_that_somebody_has_overtaken_or_changed_is_counted_all_the_same() {
    let changed = written(&acting(), Written::Changed("not what was meant".into()), 30);
    let overtaken = step(&acting(), Input::Overtaken, at(30));
    for (step, outcome, result) in [
        (&changed, "Escalated", "Unknown"),
        (&overtaken, "Superseded", "Superseded"),
    ] {
        assert_eq!(step.status.outcome, outcome);
        let applied = &step.status.applied;
        assert_eq!((applied.len(), applied[0].result.as_str()), (1, result));
    }
    assert!(changed.status.next_steps[0].contains("rollout undo"));
}

#[test]
fn a_write_that_nobody_can_look_for_any_more_is_counted_as_unknown() {
    let gone = step(&acting(), Input::Gone, at(30)).status;
    assert_eq!(gone.outcome, "Gone");
    assert!(gone.message.contains("can't be told"), "{}", gone.message);
    let results: Vec<&str> = gone
        .applied
        .iter()
        .map(|applied| applied.result.as_str())
        .collect();
    assert_eq!(results, ["Unknown"]);
    assert_eq!(step(&opened(), Input::Gone, at(30)).status.applied, []);
}

#[test]
fn a_lost_answer_is_waited_out_before_anything_else() {
    let lost = with(
        &opened(),
        written(&acting(), Written::Unknown("lost".into()), 30).status,
    );
    let status = lost.status.clone().unwrap();
    assert!(may_still_land(&status, at(94)) && !may_still_land(&status, at(95)));
    assert!(!lost_twice(&status));
    // Looking in vain does not prolong it.
    let looked = written(&lost, Written::Unseen("not there".into()), 60);
    assert_eq!(phase(&looked), "Acting");
    assert!(!may_still_land(&looked.status, at(95)));
    // A second lost answer begins it anew, and is the last.
    let again = written(&lost, Written::Unknown("lost".into()), 100).status;
    assert!(may_still_land(&again, at(164)) && lost_twice(&again));
    let given_up = written(
        &with(&opened(), again),
        Written::GivenUp("twice".into()),
        170,
    );
    assert_eq!(given_up.status.outcome, "Escalated");
}

#[test]
fn a_found_write_ends_the_doubt() {
    let lost = with(
        &opened(),
        written(&acting(), Written::Unknown("lost".into()), 30).status,
    );
    let verification = Box::new(verifying().status.unwrap().verification.unwrap());
    let found = written(&lost, Written::Accepted { verification }, 40);
    assert_eq!(phase(&found), "Verifying");
    assert!(!may_still_land(&found.status, at(41)) && !lost_twice(&found.status));
}

#[test]
fn a_write_that_can_not_be_looked_for_in_a_day_is_for_a_person() {
    let early = written(&acting(), Written::Unseen("403".into()), 24 * 3600 - 1);
    assert_eq!(phase(&early), "Acting");
    let late = written(&acting(), Written::Unseen("403".into()), 24 * 3600);
    assert_eq!(late.status.outcome, "Escalated");
}

#[test]
fn an_api_server_that_takes_no_writes_is_asked_again_later() {
    let step = written(&acting(), Written::Later("429".into()), 30);
    assert_eq!((phase(&step), step.wake), ("Waiting", Wake::At(at(60))));
    assert!(step.status.applied.is_empty() && step.status.holder.is_none());
}

#[test]
fn a_workload_that_never_stands_still_is_not_chased_without_pause() {
    let step = written(&acting(), Written::DecideAfresh, 30);
    assert_eq!((phase(&step), step.wake), ("Deciding", Wake::At(at(32))));
}
