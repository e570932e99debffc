#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::fixtures::{
    LIMITS, after_good, all_faults, alone, container, fault, now, pods, read, revisions, seconds,
};
use super::*;
use crate::domain::evidence::{EventFact, HealthHistory, HealthyStretch};
use crate::domain::identity::Uid;
use crate::domain::observed::Observed;
use crate::domain::workload::{ContainerState, Termination};
use serde_json::json;

mod causes;
mod chain;
mod sources;

fn only_entry(evidence: &Evidence) -> Entry {
    let diagnosis = diagnose(evidence, &LIMITS);
    assert_eq!(diagnosis.entries.len(), 1, "{diagnosis:?}");
    diagnosis.entries[0].clone()
}

fn away<T>() -> Observed<T> {
    Observed::Unavailable("no answer within 5s".to_owned())
}

/// A pod of the same revision like the first one, under another name.
fn another_pod(evidence: &mut Evidence, name: &str) {
    let mut pod = pods(evidence)[0].clone();
    pod.name = name.to_owned();
    pod.uid = Uid::new(format!("uid-of-{name}"));
    pods(evidence).push(pod);
}

fn terminated(reason: &str, exit_code: i64, run: i64) -> Termination {
    Termination {
        reason: reason.to_owned(),
        exit_code,
        started: Some(now() - seconds(20 + run)),
        finished: Some(now() - seconds(20)),
        message: String::new(),
    }
}

fn was_healthy(evidence: &mut Evidence, span: i64, samples: u32) {
    let stretch = HealthyStretch {
        from: now() - seconds(3600),
        to: now() - seconds(3600 - span),
        samples,
    };
    let newest = revisions(evidence).newest.clone().unwrap().name;
    evidence.history = Observed::Known(
        [(
            newest,
            HealthHistory {
                longest: Some(stretch),
                ..HealthHistory::default()
            },
        )]
        .into(),
    );
}

/// Lets the older revision be the newest one again but for `restartedAt`, and an even older one differ in what fails.
fn restarted(name: &str) -> Evidence {
    let mut evidence = fault(name);
    let revisions = revisions(&mut evidence);
    let newest = revisions.newest.as_mut().unwrap();
    let mut different = revisions.older[0].clone();
    different.name = RevisionName::new("the-one-before");
    different.number = 0;
    revisions.older[0].template = newest.template.clone();
    newest.template["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/restartedAt": "now"});
    revisions.older.push(different);
    evidence
}

fn killing(evidence: &Evidence) -> EventFact {
    let pod = &evidence.pods.known().unwrap()[0];
    EventFact {
        regarding: pod.uid.clone(),
        regarding_name: pod.name.clone(),
        container: Some("app".to_owned()),
        kind: "Normal".to_owned(),
        reason: "Killing".to_owned(),
        message: "Container app failed liveness probe, will be restarted".to_owned(),
        count: 3,
        last_seen: now(),
    }
}

/// Every fault of the lab: its failing container, its cause, words of why, and whether going back helps when a good revision serves beside.
const FAULTS: [(&str, &str, Cause, &str, Helps); 22] = [
    (
        "bad-args",
        "app",
        Cause::CrashOnStart,
        "9090: not found",
        Helps::Yes,
    ),
    (
        "bad-env",
        "app",
        Cause::CrashOnStart,
        "invalid REDIS_PORT",
        Helps::Yes,
    ),
    (
        "config-missing",
        "app",
        Cause::ConfigMissing,
        "configmap \"no-such-config\" not found",
        Helps::Yes,
    ),
    (
        "ds-image-not-found",
        "app",
        Cause::ImageNotFound,
        "does-not-exist",
        Helps::Yes,
    ),
    (
        "exit-zero",
        "app",
        Cause::ExitedZero,
        "exit code 0",
        Helps::Yes,
    ),
    (
        "image-not-found",
        "app",
        Cause::ImageNotFound,
        "does-not-exist",
        Helps::Yes,
    ),
    (
        "init-crash",
        "setup",
        Cause::InitFailed,
        "cannot migrate",
        Helps::Yes,
    ),
    (
        "invalid-image-name",
        "app",
        Cause::InvalidImageName,
        "ghcr.io/Upper/CASE:tag",
        Helps::Yes,
    ),
    (
        "liveness-kill",
        "app",
        Cause::ProbeKilled,
        "Liveness probe failed: Get",
        Helps::Yes,
    ),
    (
        "mount-missing",
        "app",
        Cause::MountMissing,
        "secret \"no-such-secret\" not found",
        Helps::Yes,
    ),
    ("never-pull", "app", Cause::NeverPull, "Never", Helps::Yes),
    (
        "no-entrypoint",
        "app",
        Cause::StartError,
        "/no/such/program: no such file",
        Helps::Yes,
    ),
    ("oom", "app", Cause::OutOfMemory, "OOMKilled", Helps::Yes),
    // Another registry: this one may be said to need credentials, or to have no such repository.
    (
        "registry-401",
        "app",
        Cause::ImageAccessDenied,
        "refuses access",
        Helps::Yes,
    ),
    (
        "registry-403",
        "app",
        Cause::ImageAccessDenied,
        "refuses access",
        Helps::Yes,
    ),
    // These pass by themselves: the revision is not to blame.
    (
        "registry-429",
        "app",
        Cause::RegistryRateLimited,
        "too many requests",
        Helps::Unknown,
    ),
    (
        "registry-500",
        "app",
        Cause::RegistryUnreachable,
        "can't be reached",
        Helps::Unknown,
    ),
    (
        "registry-503",
        "app",
        Cause::RegistryUnreachable,
        "can't be reached",
        Helps::Unknown,
    ),
    // There is no such host: that does not pass.
    (
        "registry-no-such-host",
        "app",
        Cause::RegistryUnreachable,
        "can't be reached",
        Helps::Yes,
    ),
    (
        "registry-refused",
        "app",
        Cause::RegistryUnreachable,
        "can't be reached",
        Helps::Unknown,
    ),
    (
        "sts-image-not-found",
        "app",
        Cause::ImageNotFound,
        "does-not-exist",
        Helps::Yes,
    ),
    (
        "unschedulable",
        "app",
        Cause::Unschedulable,
        "Insufficient cpu",
        Helps::Yes,
    ),
];

#[test]
fn every_fault_of_the_lab_has_its_cause_and_is_told_from_all_sources() {
    assert_eq!(all_faults(), FAULTS.map(|(name, ..)| name));
    for (name, container, cause, because, _) in FAULTS {
        for evidence in [alone(name), fault(name), after_good(name)] {
            let entry = only_entry(&evidence);
            assert_eq!(
                (entry.container.as_str(), entry.cause),
                (container, cause),
                "{name}: {entry:?}"
            );
            assert!(entry.because.contains(because), "{name}: {}", entry.because);
            assert_eq!(entry.init, container == "setup", "{name}");
            for source in ["Pods: ", "Events: ", "Logs: ", "Prometheus: "] {
                assert!(
                    entry.facts.iter().any(|fact| fact.starts_with(source)),
                    "{name} {source}"
                );
            }
            assert!(entry.facts.len() <= 10, "{name}");
        }
    }
}

#[test]
fn a_fault_without_an_older_revision_is_never_said_to_be_cured_by_going_back() {
    for (name, ..) in FAULTS {
        let entry = only_entry(&alone(name));
        assert_eq!(
            entry.rollback_helps,
            Helps::Unknown,
            "{name}: {}",
            entry.because
        );
        assert!(
            entry.because.contains("no older revision"),
            "{name}: {}",
            entry.because
        );
    }
}

#[test]
fn a_fault_after_a_good_revision_is_cured_by_going_back_where_that_is_known() {
    for (name, _, _, _, helps) in FAULTS {
        let entry = only_entry(&after_good(name));
        assert_eq!(entry.rollback_helps, helps, "{name}: {}", entry.because);
    }
}

/// Where it counts that the good revision has what it needs now, and none of its pods is there to show it.
#[test]
fn what_a_good_revision_needs_now_is_not_taken_for_granted() {
    let needs_a_pod = [
        "never-pull",
        "registry-401",
        "registry-403",
        "registry-no-such-host",
        "unschedulable",
    ];
    for (name, _, _, _, helps) in FAULTS {
        let expected = if needs_a_pod.contains(&name) {
            Helps::Unknown
        } else {
            helps
        };
        let entry = only_entry(&fault(name));
        assert_eq!(entry.rollback_helps, expected, "{name}: {}", entry.because);
    }
}

#[test]
fn without_a_difference_at_all_no_fault_is_cured_by_going_back() {
    for (name, ..) in FAULTS {
        let mut evidence = after_good(name);
        let newest = revisions(&mut evidence).newest.clone().unwrap();
        revisions(&mut evidence).older[0].template = newest.template;
        let entry = only_entry(&evidence);
        assert_ne!(
            entry.rollback_helps,
            Helps::Yes,
            "{name}: {}",
            entry.because
        );
    }
}

#[test]
fn a_crash_tells_its_exit_code_and_the_line_that_says_why() {
    let entry = only_entry(&fault("bad-args"));
    assert!(
        entry
            .because
            .contains("exit code 127 (a shell did not find the program)"),
        "{}",
        entry.because
    );
    assert!(
        entry
            .because
            .contains("/bin/entrypoint.sh: exec: line 5: 9090: not found"),
        "{}",
        entry.because
    );
    assert!(
        entry
            .facts
            .iter()
            .any(|fact| fact.starts_with("Prometheus: ") && fact.contains("exit code 127")),
        "{:?}",
        entry.facts
    );
}

#[test]
fn an_end_that_is_not_the_programs_own_is_no_crash_on_start() {
    for (reason, code, cause) in [
        ("Completed", 0, Cause::ExitedZero),
        ("Error", 0, Cause::ExitedZero),
        ("Error", 137, Cause::Unknown),
        ("Error", 143, Cause::Unknown),
        ("OOMKilled", 1, Cause::OutOfMemory),
        ("StartError", 128, Cause::StartError),
        ("Unknown", 255, Cause::Unknown),
        ("ContainerStatusUnknown", 137, Cause::Unknown),
    ] {
        let mut evidence = fault("bad-env");
        container(&mut evidence).last = Some(terminated(reason, code, 1));
        assert_eq!(only_entry(&evidence).cause, cause, "{reason} {code}");
        // Nor is it one when the present end looks like one and the last did not.
        container(&mut evidence).state = ContainerState::Terminated(terminated("Error", 1, 1));
        assert_eq!(
            only_entry(&evidence).cause,
            Cause::Unknown,
            "{reason} {code}"
        );
    }
    for code in [1, 2, 126, 127, 134, 139, 255] {
        let mut evidence = fault("bad-env");
        container(&mut evidence).last = Some(terminated("Error", code, 1));
        assert_eq!(only_entry(&evidence).cause, Cause::CrashOnStart, "{code}");
    }
}

#[test]
fn a_container_that_the_kubelet_killed_is_not_said_to_crash_by_itself() {
    let mut evidence = fault("bad-env");
    let event = killing(&evidence);
    evidence.events = Observed::Known(vec![event.clone()]);
    assert_eq!(only_entry(&evidence).cause, Cause::ProbeKilled);
    evidence.events = Observed::Known(vec![EventFact {
        container: Some("other".to_owned()),
        ..event.clone()
    }]);
    assert_eq!(only_entry(&evidence).cause, Cause::CrashOnStart);
    evidence.events = Observed::Known(vec![EventFact {
        container: None,
        ..event.clone()
    }]);
    assert_eq!(only_entry(&evidence).cause, Cause::ProbeKilled);
    // For something else, or in a run before the last: nothing says what that has to do with it.
    evidence.events = Observed::Known(vec![EventFact {
        message: "Stopping container app".to_owned(),
        ..event.clone()
    }]);
    assert_eq!(only_entry(&evidence).cause, Cause::Unknown);
    evidence.events = Observed::Known(vec![EventFact {
        last_seen: now() - seconds(300),
        ..event
    }]);
    assert_eq!(only_entry(&evidence).cause, Cause::Unknown);
    evidence.events = away();
    assert_eq!(only_entry(&evidence).cause, Cause::Unknown);
    evidence.events = Observed::Absent;
    assert_eq!(only_entry(&evidence).cause, Cause::CrashOnStart);
}

#[test]
fn a_long_run_is_no_crash_on_start_and_is_remembered() {
    let mut evidence = fault("bad-env");
    container(&mut evidence).last = Some(terminated("Error", 1, 120));
    assert_eq!(only_entry(&evidence).cause, Cause::Unknown);
    // The next crash was quick, but the long run was seen.
    read(&mut evidence, now());
    container(&mut evidence).last = Some(terminated("Error", 1, 1));
    read(&mut evidence, now() + seconds(10));
    let entry = only_entry(&evidence);
    assert_eq!(
        (entry.cause, entry.longest_run_seconds),
        (Cause::Unknown, 120)
    );
    let mut endless = terminated("Error", 1, 1);
    endless.finished = None;
    container(&mut evidence).last = Some(endless);
    assert_eq!(only_entry(&evidence).cause, Cause::Unknown);
}

#[test]
fn a_revision_that_was_healthy_is_not_to_blame_and_going_back_is_no_help() {
    for name in ["bad-args", "image-not-found", "invalid-image-name", "oom"] {
        let mut evidence = fault(name);
        was_healthy(&mut evidence, 120, 3);
        let entry = only_entry(&evidence);
        assert_eq!(
            (entry.cause, entry.rollback_helps),
            (Cause::WasHealthy, Helps::No),
            "{name}"
        );
        // Too short, or too few samples: it was not.
        for (span, samples) in [(119, 3), (600, 2)] {
            was_healthy(&mut evidence, span, samples);
            assert_ne!(only_entry(&evidence).cause, Cause::WasHealthy, "{name}");
        }
    }
}

#[test]
fn a_revision_that_may_have_been_healthy_while_nobody_looked_is_not_blamed() {
    for name in ["bad-args", "image-not-found"] {
        let mut evidence = fault(name);
        let newest = revisions(&mut evidence).newest.clone().unwrap().name;
        for (unrefuted, helps) in [(119, Helps::Yes), (120, Helps::Unknown)] {
            let health = HealthHistory {
                unrefuted: seconds(unrefuted),
                ..HealthHistory::default()
            };
            evidence.history = Observed::Known([(newest.clone(), health)].into());
            assert_eq!(only_entry(&evidence).rollback_helps, helps, "{name}");
        }
    }
}

#[test]
fn without_a_difference_in_what_fails_going_back_is_no_help() {
    for name in ["bad-args", "image-not-found", "invalid-image-name"] {
        let mut evidence = fault(name);
        let revisions = revisions(&mut evidence);
        let mut same = revisions.newest.as_ref().unwrap().template.clone();
        same["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "now"});
        same["spec"]["containers"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "beside", "image": "beside:1"}));
        same["spec"]["terminationGracePeriodSeconds"] = json!(5);
        revisions.older[0].template = same;
        assert_eq!(only_entry(&evidence).rollback_helps, Helps::No, "{name}");
    }
    // Other arguments make another container, but bring no image back.
    let mut evidence = fault("image-not-found");
    let newest = revisions(&mut evidence).newest.clone().unwrap();
    revisions(&mut evidence).older[0].template = newest.template;
    revisions(&mut evidence).older[0].template["spec"]["containers"][0]["args"] =
        json!(["--other"]);
    assert_eq!(only_entry(&evidence).rollback_helps, Helps::No);
}

#[test]
fn a_restart_of_what_was_healthy_is_not_undone_to_an_even_older_revision() {
    for name in ["bad-args", "image-not-found"] {
        let mut evidence = restarted(name);
        // It never worked: the change before the restart is to blame as much as ever.
        assert_eq!(only_entry(&evidence).rollback_helps, Helps::Yes, "{name}");
        let copy = revisions(&mut evidence).older[0].name.clone();
        let healthy_for = |span: i64, samples: u32| HealthHistory {
            longest: Some(HealthyStretch {
                from: now() - seconds(3600),
                to: now() - seconds(3600 - span),
                samples,
            }),
            ..HealthHistory::default()
        };
        evidence.history = Observed::Known([(copy.clone(), healthy_for(119, 3))].into());
        assert_eq!(only_entry(&evidence).rollback_helps, Helps::Yes, "{name}");
        evidence.history = Observed::Known([(copy.clone(), healthy_for(120, 3))].into());
        let entry = only_entry(&evidence);
        assert_eq!(entry.rollback_helps, Helps::No, "{name}: {}", entry.because);
        assert!(entry.because.contains(copy.as_str()), "{}", entry.because);
        // Or whole right now, as the old pods are while a rolling update is stuck.
        evidence.history = Observed::Known([].into());
        another_pod(&mut evidence, "of-the-copy");
        let pod = &mut pods(&mut evidence)[1];
        pod.revision = copy;
        pod.ready_since = Some(now() - seconds(120));
        pod.containers[0].state = ContainerState::Running { since: None };
        pod.containers[0].last = None;
        pod.containers[0].restarts = 0;
        assert_eq!(only_entry(&evidence).rollback_helps, Helps::No, "{name}");
    }
}

#[test]
fn a_first_rollout_has_nothing_to_compare_with() {
    for name in ["bad-args", "image-not-found"] {
        let mut evidence = fault(name);
        revisions(&mut evidence).older.clear();
        assert_eq!(
            only_entry(&evidence).rollback_helps,
            Helps::Unknown,
            "{name}"
        );
    }
}

#[test]
fn a_container_that_something_put_into_the_pod_is_nobodys_rollout() {
    for name in ["bad-args", "image-not-found"] {
        let mut evidence = fault(name);
        container(&mut evidence).name = "istio-proxy".to_owned();
        read(&mut evidence, now());
        read(&mut evidence, now() + seconds(10));
        let entry = only_entry(&evidence);
        assert_eq!(
            (entry.cause, entry.rollback_helps),
            (Cause::Unknown, Helps::Unknown),
            "{name}"
        );
        assert!(
            entry.because.contains("not in the workload's template"),
            "{}",
            entry.because
        );
    }
}

#[test]
fn pods_of_an_older_revision_that_fail_too_clear_the_newest() {
    for name in ["bad-args", "image-not-found"] {
        let mut evidence = fault(name);
        another_pod(&mut evidence, "old");
        pods(&mut evidence)[1].revision = RevisionName::new("older");
        read(&mut evidence, now());
        read(&mut evidence, now() + seconds(10));
        let diagnosis = diagnose(&evidence, &LIMITS);
        assert_eq!(
            diagnosis.older_failing,
            [RevisionName::new("older")],
            "{name}"
        );
        assert_eq!(
            (
                diagnosis.entries[0].cause,
                diagnosis.entries[0].rollback_helps
            ),
            (Cause::OlderRevisionFailsToo, Helps::Unknown),
            "{name}"
        );
        // On its way out it proves nothing.
        pods(&mut evidence)[1].deleting = true;
        let diagnosis = diagnose(&evidence, &LIMITS);
        assert_eq!(
            (
                diagnosis.older_failing.len(),
                diagnosis.entries[0].rollback_helps
            ),
            (0, Helps::Yes),
            "{name}"
        );
    }
}

#[test]
fn an_older_revision_that_fails_in_another_way_makes_going_back_doubtful() {
    let mut evidence = fault("bad-args");
    another_pod(&mut evidence, "old");
    let old = &mut pods(&mut evidence)[1];
    old.revision = RevisionName::new("older");
    old.containers[0].state = ContainerState::Waiting {
        reason: "InvalidImageName".to_owned(),
        message: String::new(),
    };
    let diagnosis = diagnose(&evidence, &LIMITS);
    let entry = &diagnosis.entries[0];
    assert_eq!(
        (entry.cause, entry.rollback_helps),
        (Cause::CrashOnStart, Helps::Unknown)
    );
    assert!(
        entry.because.contains("older revision older"),
        "{}",
        entry.because
    );
}

#[test]
fn only_older_pods_failing_is_no_entry() {
    let mut evidence = fault("bad-args");
    pods(&mut evidence)[0].revision = RevisionName::new("older");
    let diagnosis = diagnose(&evidence, &LIMITS);
    assert_eq!(
        (diagnosis.entries.len(), diagnosis.older_failing.len()),
        (0, 1)
    );
    // While the controller has not made the newest revision, every other is older.
    revisions(&mut evidence).newest = None;
    let diagnosis = diagnose(&evidence, &LIMITS);
    assert_eq!(
        (
            diagnosis.newest,
            diagnosis.entries.len(),
            diagnosis.older_failing.len()
        ),
        (None, 0, 1)
    );
}

#[test]
fn pods_of_one_revision_that_fail_in_different_ways_make_one_entry_that_is_unknown() {
    let mut evidence = fault("bad-args");
    another_pod(&mut evidence, "second");
    assert_eq!(only_entry(&evidence).pods.len(), 2);
    assert_eq!(only_entry(&evidence).cause, Cause::CrashOnStart);
    pods(&mut evidence)[1].containers[0].last = Some(terminated("OOMKilled", 137, 1));
    assert_eq!(only_entry(&evidence).cause, Cause::Unknown);
}

#[test]
fn an_image_that_was_there_is_not_said_to_be_missing() {
    let mut evidence = fault("image-not-found");
    container(&mut evidence).restarts = 1;
    assert_eq!(only_entry(&evidence).cause, Cause::Unknown);
    let mut evidence = fault("image-not-found");
    another_pod(&mut evidence, "second");
    pods(&mut evidence)[1].containers[0].state = ContainerState::Running { since: Some(now()) };
    pods(&mut evidence)[1].containers[0].image_id = "ghcr.io/x@sha256:0".to_owned();
    assert_eq!(only_entry(&evidence).cause, Cause::Unknown);
}

#[test]
fn an_image_that_an_older_revisions_pod_runs_is_not_said_to_be_missing() {
    let mut evidence = fault("image-not-found");
    another_pod(&mut evidence, "older");
    let older = revisions(&mut evidence).older[0].name.clone();
    let pod = &mut pods(&mut evidence)[1];
    pod.revision = older;
    pod.ready_since = Some(now() - seconds(30));
    pod.containers[0].state = ContainerState::Running { since: Some(now()) };
    pod.containers[0].image_id = "ghcr.io/x@sha256:0".to_owned();
    assert_eq!(only_entry(&evidence).cause, Cause::Unknown);
    // Another image of the same container says nothing.
    pods(&mut evidence)[1].containers[0].image = "ghcr.io/vlrrbn/good:1".to_owned();
    assert_eq!(only_entry(&evidence).cause, Cause::ImageNotFound);
}

#[test]
fn a_crash_beside_a_pod_that_may_yet_prove_whole_is_not_proven_yet() {
    let mut evidence = fault("bad-args");
    another_pod(&mut evidence, "second");
    let beside = &mut pods(&mut evidence)[1];
    beside.ready_since = Some(now() - seconds(119));
    beside.containers[0].state = ContainerState::Running {
        since: Some(now() - seconds(125)),
    };
    beside.containers[0].last = None;
    beside.containers[0].restarts = 0;
    let diagnosis = diagnose(&evidence, &LIMITS);
    assert_eq!(diagnosis.entries, []);
    assert!(
        diagnosis.pending[0].contains("second"),
        "{:?}",
        diagnosis.pending
    );
    // Ready between two crashes, as a crash-looper without a readiness probe is, says nothing.
    pods(&mut evidence)[1].containers[0].restarts = 1;
    assert_eq!(only_entry(&evidence).rollback_helps, Helps::Yes);
    pods(&mut evidence)[1].containers[0].restarts = 0;
    pods(&mut evidence)[1].deleting = true;
    assert_eq!(only_entry(&evidence).rollback_helps, Helps::Yes);
}

#[test]
fn a_whole_pod_of_the_same_revision_makes_a_crash_doubtful() {
    let mut evidence = fault("bad-args");
    another_pod(&mut evidence, "second");
    let beside = &mut pods(&mut evidence)[1];
    beside.ready_since = Some(now() - seconds(120));
    beside.containers[0].state = ContainerState::Running {
        since: Some(now() - seconds(130)),
    };
    beside.containers[0].last = None;
    beside.containers[0].restarts = 0;
    let entry = only_entry(&evidence);
    assert_eq!(
        (entry.cause, entry.rollback_helps),
        (Cause::CrashOnStart, Helps::Unknown)
    );
}
