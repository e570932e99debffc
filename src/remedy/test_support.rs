//! Cases for the tests of `remedy` and `decision`: the lab's web Deployment, good yesterday and broken now.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use crate::domain::case::{Case, IncidentFacts, PolicyChoice, StepTaken};
use crate::domain::diagnosis::{Cause, Diagnosis, Entry, Helps};
use crate::domain::evidence::{
    Evidence, HealthHistory, HealthyStretch, Memory, Metrics, PastIncident,
};
use crate::domain::identity::{ActionId, IncidentName, RevisionName, TemplateHash, Uid};
use crate::domain::image::ImageRef;
use crate::domain::observed::Observed;
use crate::domain::owners::Owners;
use crate::domain::policy::{
    Foreign, GuardLimits, Match, Mode, PinFrom, PinImage, Policy, RemedySpec, RolloutUndo, UndoTo,
    VerifySpec,
};
use crate::domain::workload::{
    Container, ContainerState, Pod, ReplicaCounts, Revision, Revisions, Workload, WorkloadKind,
    WorkloadRef,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const NAMESPACE: &str = "lab30";
pub(crate) const INCIDENT: &str = "lab30-web-abc";
/// The names of the two revisions.
pub(crate) const GOOD: &str = "lab30-web-good";
pub(crate) const BAD: &str = "lab30-web-bad";
pub(crate) const GOOD_IMAGE: &str = "ghcr.io/vlrrbn/lab30-web-metrics:0.2.1";
pub(crate) const BAD_IMAGE: &str = "ghcr.io/vlrrbn/lab30-web-metrics:9.9.9";

/// That many seconds after the "now" of every test case.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

pub(crate) fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// A template with one container, `web`.
pub(crate) fn template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "lab30-web"}},
        "spec": {"containers": [{"name": "web", "image": image, "imagePullPolicy": "IfNotPresent"}]},
    })
}

/// A revision of the workload: its name without the workload's is its hash.
pub(crate) fn revision(name: &str, number: i64, template: Value) -> Revision {
    Revision {
        name: RevisionName::new(name),
        uid: Uid::new(format!("uid-{name}")),
        hash: hash(name),
        number,
        created: at(-86_400),
        replicas_wanted: 0,
        template,
        change_cause: None,
    }
}

/// The hash of the revision of that name.
pub(crate) fn hash(name: &str) -> TemplateHash {
    TemplateHash::new(name.strip_prefix("lab30-web-").unwrap_or(name))
}

pub(crate) fn entry(container: &str, cause: Cause) -> Entry {
    Entry {
        container: container.to_owned(),
        init: false,
        cause,
        rollback_helps: Helps::Yes,
        because: "the registry says that there is no such tag".to_owned(),
        facts: vec![],
        pods: vec!["lab30-web-bad-x".to_owned()],
        longest_run_seconds: 0,
        cured_by: None,
    }
}

pub(crate) fn undo(to: UndoTo) -> RemedySpec {
    RemedySpec::RolloutUndo(RolloutUndo {
        to,
        max_revisions_back: 5,
    })
}

pub(crate) fn pin(container: Option<&str>, image: &str) -> RemedySpec {
    RemedySpec::PinImage(PinImage {
        container: container.map(str::to_owned),
        from: PinFrom::Policy(ImageRef::parse(image).unwrap()),
    })
}

pub(crate) fn policy(remedies: Vec<RemedySpec>) -> Policy {
    Policy {
        name: "bad-rollout".to_owned(),
        matches: Match {
            kinds: BTreeSet::from([WorkloadKind::Deployment]),
            ..Match::default()
        },
        causes: Some(BTreeSet::from([
            Cause::ImageNotFound,
            Cause::InvalidImageName,
            Cause::CrashOnStart,
        ])),
        remedies,
        verify: VerifySpec {
            timeout: seconds(300),
            soak: seconds(30),
            http: None,
        },
        foreign: Foreign::default(),
        mode: None,
    }
}

pub(crate) fn stretch(span: i64, samples: u32) -> HealthHistory {
    let longest = HealthyStretch {
        from: at(-3600),
        to: at(-3600 + span),
        samples,
    };
    HealthHistory {
        longest: Some(longest),
        ..HealthHistory::default()
    }
}

/// A healthy stretch of so many minutes, one sample a minute.
pub(crate) fn minutes(span: u32) -> HealthHistory {
    stretch(i64::from(span) * 60, span + 1)
}

pub(crate) fn history(of: &[(&str, HealthHistory)]) -> BTreeMap<RevisionName, HealthHistory> {
    of.iter()
        .map(|(name, history)| (RevisionName::new(*name), history.clone()))
        .collect()
}

/// A pod of a revision with its one container running; not ready.
pub(crate) fn pod(of: &str, name: &str) -> Pod {
    Pod {
        name: name.to_owned(),
        uid: Uid::new(format!("uid-{name}")),
        revision: RevisionName::new(of),
        node: Some("node-1".to_owned()),
        created: at(-3600),
        deleting: false,
        ready_since: None,
        unschedulable: None,
        containers: vec![Container {
            name: "web".to_owned(),
            init: false,
            image: GOOD_IMAGE.to_owned(),
            image_id: String::new(),
            restarts: 0,
            state: ContainerState::Running { since: None },
            last: None,
        }],
    }
}

/// Strategy Recreate: revision 1 was healthy by Prometheus' history, revision 2's image does not exist, and nothing stands against an undo.
pub(crate) fn broken_web() -> Case {
    let reference = WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: NAMESPACE.to_owned(),
        name: "lab30-web".to_owned(),
    };
    Case {
        now: at(0),
        workload: reference.clone(),
        incident: IncidentFacts {
            name: IncidentName::new(INCIDENT),
            opened_at: at(-60),
            alert_names: vec!["Lab30PodNotReady".to_owned()],
            failed: vec![hash(BAD)],
            steps: vec![],
        },
        evidence: evidence(reference),
        diagnosis: Diagnosis {
            newest: Some(RevisionName::new(BAD)),
            entries: vec![entry("web", Cause::ImageNotFound)],
            older_failing: vec![],
            shared: None,
            pending: vec![],
        },
        policy: PolicyChoice::Chosen(Box::new(policy(vec![undo(UndoTo::Proven)]))),
        limits: GuardLimits {
            recent_rollout: seconds(7200),
            dwell: seconds(10),
            proven_for: seconds(120),
            failing_share_percent: 50,
            min_crashes: 3,
            cooldown: seconds(900),
            steps: 2,
            storm_workloads: 5,
            storm_within: seconds(600),
        },
        mode: Mode::Enforce,
        scope: BTreeSet::from([NAMESPACE.to_owned()]),
        open: Observed::Known(vec![]),
    }
}

fn evidence(reference: WorkloadRef) -> Evidence {
    let workload = Workload {
        reference,
        uid: Uid::new("uid-web"),
        resource_version: "7".to_owned(),
        generation: 2,
        observed_generation: 2,
        labels: BTreeMap::new(),
        annotations: None,
        spec: json!({"replicas": 1, "template": template(BAD_IMAGE)}),
        counts: ReplicaCounts::default(),
        owner_references: serde_json::Value::Null,
        replica_failure: None,
    };
    let mut newest = revision(BAD, 2, template(BAD_IMAGE));
    newest.replicas_wanted = 1;
    Evidence {
        gathered_at: at(0),
        workload: Observed::Known(workload),
        owners: Observed::Known(Owners {
            programs: vec![],
            template: Observed::Known(vec![]),
        }),
        revisions: Observed::Known(Revisions {
            newest: Some(newest),
            older: vec![revision(GOOD, 1, template(GOOD_IMAGE))],
        }),
        pods: Observed::Known(vec![pod(BAD, "lab30-web-bad-x")]),
        events: Observed::Known(vec![]),
        logs: vec![],
        metrics: Metrics {
            waiting: Observed::Absent,
            restarts: Observed::Absent,
            terminations: Observed::Absent,
            replicas: Observed::Absent,
        },
        history: Observed::Known(history(&[(GOOD, minutes(60))])),
        rolled_out_at: Observed::Known(at(-300)),
        past: Observed::Known(vec![]),
        namespace_mode: Observed::Absent,
        around: crate::domain::surroundings::Surroundings::quiet(),
        memory: Memory::default(),
    }
}

pub(crate) fn workload(case: &mut Case) -> &mut Workload {
    match &mut case.evidence.workload {
        Observed::Known(workload) => workload,
        _ => panic!("the case has no workload"),
    }
}

pub(crate) fn newest_and_older(case: &mut Case) -> (&mut Revision, &mut Vec<Revision>) {
    match &mut case.evidence.revisions {
        Observed::Known(Revisions {
            newest: Some(newest),
            older,
        }) => (newest, older),
        _ => panic!("the case has no newest revision"),
    }
}

/// Changes the template that is live now, and the newest revision's with it.
pub(crate) fn change_newest(case: &mut Case, change: impl FnOnce(&mut Value)) {
    let (newest, _) = newest_and_older(case);
    change(&mut newest.template);
    let template = newest.template.clone();
    workload(case).spec["template"] = template;
}

/// Lets an older revision serve so many pods, ready for so many seconds.
pub(crate) fn serve(case: &mut Case, name: &str, pods: i64, ready_for: i64) {
    let (_, older) = newest_and_older(case);
    older
        .iter_mut()
        .find(|revision| revision.name.as_str() == name)
        .unwrap()
        .replicas_wanted = pods;
    let Observed::Known(all) = &mut case.evidence.pods else {
        panic!("the case has no pods")
    };
    all.extend((0..pods).map(|number| Pod {
        ready_since: Some(at(-ready_for)),
        ..pod(name, &format!("{name}-{number}"))
    }));
}

pub(crate) fn change_policy(case: &mut Case, change: impl FnOnce(&mut Policy)) {
    match &mut case.policy {
        PolicyChoice::Chosen(policy) => change(policy),
        _ => panic!("the case has no policy"),
    }
}

pub(crate) fn allow(case: &mut Case, remedies: Vec<RemedySpec>) {
    change_policy(case, |policy| policy.remedies = remedies);
}

/// A write that this incident has made with the policy's remedy of that place, and that has failed.
pub(crate) fn failed_step(remedy_index: usize, made: &str) -> StepTaken {
    StepTaken {
        action_id: ActionId::new(format!("{INCIDENT}-1")),
        remedy_index,
        revision: Some(hash(made)),
        applied_at: at(-40),
        failed: true,
    }
}

/// A closed incident of the same workload and its newest revision that wrote at those times.
pub(crate) fn past(name: &str, revision: &str, acted_at: &[i64]) -> PastIncident {
    PastIncident {
        name: name.to_owned(),
        closed_at: Some(at(-100)),
        outcome: "Recovered".to_owned(),
        failed: vec![],
        revision: hash(revision),
        acted_at: acted_at.iter().copied().map(at).collect(),
    }
}

/// A closed incident that saw that revision failing.
pub(crate) fn past_failure(of: &str) -> PastIncident {
    PastIncident {
        failed: vec![hash(of)],
        ..past("earlier", of, &[])
    }
}
