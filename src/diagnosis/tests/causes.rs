//! Each cause with what speaks against it: the refusals first, then what is told.

use super::*;
use crate::diagnosis::fixtures::GOOD_IMAGE;
use crate::domain::workload::{ReplicaCounts, ReplicaFailure, Workload, WorkloadKind, WorkloadRef};
use serde_json::Value;

const DENIED: &str = r#"failed to resolve reference "ghcr.io/a/web:9": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"#;
const PLATFORM: &str = r#"failed to pull and unpack image "ghcr.io/a/web:9": no match for platform in manifest: not found"#;
const NO_HOST: &str = r#"failed to do request: Head "https://r.invalid/v2/b/manifests/1": dial tcp: lookup r.invalid on 10.96.0.10:53: no such host"#;

/// A failed pull with these words, of a revision whose image is this one; a good revision of ghcr.io serves beside.
fn pull(image: &str, words: &str) -> Evidence {
    let mut evidence = after_good("image-not-found");
    set_template(&mut evidence, "/spec/containers/0/image", json!(image));
    let container = container(&mut evidence);
    container.image = image.to_owned();
    container.state = ContainerState::Waiting {
        reason: "ErrImagePull".to_owned(),
        message: words.to_owned(),
    };
    evidence.memory = crate::domain::evidence::Memory::default();
    read(&mut evidence, now() - seconds(10));
    read(&mut evidence, now());
    evidence
}

fn set_template(evidence: &mut Evidence, pointer: &str, value: Value) {
    let template = &mut revisions(evidence).newest.as_mut().unwrap().template;
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    template.pointer_mut(parent).unwrap()[key] = value;
}

fn set_older(evidence: &mut Evidence, pointer: &str, value: Value) {
    let template = &mut revisions(evidence).older[0].template;
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    template.pointer_mut(parent).unwrap()[key] = value;
}

fn answer(evidence: &Evidence) -> (Cause, Helps) {
    let entry = only_entry(evidence);
    (entry.cause, entry.rollback_helps)
}

#[test]
fn a_registry_that_refuses_the_older_revision_too_is_not_left_by_going_back() {
    // Another tag, or another repository, of the same registry: its credentials may have expired.
    for image in ["ghcr.io/vlrrbn/good:2", "ghcr.io/vlrrbn/other:1"] {
        let evidence = pull(image, DENIED);
        assert_eq!(
            answer(&evidence),
            (Cause::ImageAccessDenied, Helps::Unknown)
        );
        let because = only_entry(&evidence).because;
        assert!(because.contains("of the same registry"), "{because}");
    }
    let mut evidence = pull("registry.example/web:9", DENIED);
    assert_eq!(answer(&evidence), (Cause::ImageAccessDenied, Helps::Yes));
    pods(&mut evidence)[1].ready_since = None;
    assert_eq!(
        answer(&evidence),
        (Cause::ImageAccessDenied, Helps::Unknown)
    );
}

#[test]
fn other_credentials_for_the_same_image_are_the_revisions_own_change() {
    let mut evidence = pull("ghcr.io/vlrrbn/good:2", DENIED);
    set_older(
        &mut evidence,
        "/spec/imagePullSecrets",
        json!([{"name": "ghcr"}]),
    );
    assert_eq!(answer(&evidence), (Cause::ImageAccessDenied, Helps::Yes));
    // Not of a host that is not there: no account changes that.
    let mut evidence = pull("ghcr.io/vlrrbn/good:2", NO_HOST);
    set_older(
        &mut evidence,
        "/spec/imagePullSecrets",
        json!([{"name": "ghcr"}]),
    );
    assert_eq!(
        answer(&evidence),
        (Cause::RegistryUnreachable, Helps::Unknown)
    );
}

#[test]
fn an_image_that_could_be_had_before_is_not_the_revisions_fault_whatever_the_registry_says() {
    for (words, cause) in [
        (DENIED, Cause::ImageAccessDenied),
        (PLATFORM, Cause::WrongPlatform),
        (NO_HOST, Cause::RegistryUnreachable),
    ] {
        let mut evidence = pull("registry.example/web:9", words);
        assert_eq!(answer(&evidence), (cause, Helps::Yes), "{words}");
        another_pod(&mut evidence, "elsewhere");
        let sister = &mut pods(&mut evidence)[2];
        sister.containers[0].state = ContainerState::Running { since: Some(now()) };
        sister.containers[0].image_id = "registry.example/web@sha256:0".to_owned();
        assert_eq!(answer(&evidence), (cause, Helps::Unknown), "{words}");
    }
}

#[test]
fn a_registry_in_trouble_or_out_of_patience_is_waited_for() {
    for (words, cause) in [
        ("429 Too Many Requests", Cause::RegistryRateLimited),
        ("503 Service Unavailable", Cause::RegistryUnreachable),
        (
            "dial tcp 10.0.0.1:443: i/o timeout",
            Cause::RegistryUnreachable,
        ),
        (
            "lookup r on 10.96.0.10:53: server misbehaving",
            Cause::RegistryUnreachable,
        ),
        (
            "tls: failed to verify certificate: x509: unknown authority",
            Cause::RegistryUnreachable,
        ),
    ] {
        let evidence = pull("registry.example/web:9", words);
        assert_eq!(answer(&evidence), (cause, Helps::Unknown), "{words}");
    }
    let evidence = pull("ghcr.io/vlrrbn/good:2", NO_HOST);
    assert_eq!(
        answer(&evidence),
        (Cause::RegistryUnreachable, Helps::Unknown)
    );
    let evidence = pull(
        "registry.example/web:9",
        "write /var/lib/x: no space left on device",
    );
    assert_eq!(answer(&evidence), (Cause::NodeTrouble, Helps::No));
}

#[test]
fn whether_an_image_suits_a_node_is_known_only_of_images_that_are_there() {
    for mut evidence in [
        pull("ghcr.io/vlrrbn/good:2", PLATFORM),
        after_good("never-pull"),
    ] {
        let cause = only_entry(&evidence).cause;
        assert_eq!(answer(&evidence), (cause, Helps::Yes));
        let older = revisions(&mut evidence).older[0].name.clone();
        assert_eq!(only_entry(&evidence).cured_by, Some([older].into()));
        pods(&mut evidence)[1].node = Some("another".to_owned());
        assert_eq!(answer(&evidence), (cause, Helps::Unknown));
        pods(&mut evidence)[1].node = None;
        pods(&mut evidence)[0].node = None;
        assert_eq!(answer(&evidence), (cause, Helps::Unknown));
    }
}

#[test]
fn what_the_older_revision_needs_too_does_not_come_back_by_going_back() {
    let mut evidence = after_good("config-missing");
    set_older(
        &mut evidence,
        "/spec/containers/0/env",
        json!([{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "no-such-config", "key": "a"}}}]),
    );
    assert_eq!(answer(&evidence), (Cause::ConfigMissing, Helps::No));
    let mut evidence = after_good("mount-missing");
    set_older(
        &mut evidence,
        "/spec/volumes",
        json!([{"name": "other", "secret": {"secretName": "no-such-secret"}}]),
    );
    assert_eq!(answer(&evidence), (Cause::MountMissing, Helps::No));
}

#[test]
fn a_missing_name_that_the_template_does_not_have_is_not_understood() {
    let mut evidence = after_good("config-missing");
    set_template(
        &mut evidence,
        "/spec/containers/0/envFrom",
        json!([{"configMapRef": {"name": "another"}}]),
    );
    assert_eq!(answer(&evidence), (Cause::ConfigMissing, Helps::Unknown));
}

#[test]
fn of_two_older_revisions_only_the_one_that_does_without_is_a_cure() {
    let mut evidence = after_good("config-missing");
    let revisions = revisions(&mut evidence);
    let mut needs_it = revisions.older[0].clone();
    needs_it.name = RevisionName::new("needs-it-too");
    needs_it.template["spec"]["containers"][0]["envFrom"] =
        json!([{"configMapRef": {"name": "no-such-config"}}, {"configMapRef": {"name": "more"}}]);
    revisions.older.insert(0, needs_it);
    let cure = revisions.older[1].name.clone();
    let entry = only_entry(&evidence);
    assert_eq!(entry.rollback_helps, Helps::Yes);
    assert_eq!(entry.cured_by, Some([cure].into()));
}

#[test]
fn of_two_things_that_are_missing_each_must_be_spared() {
    let said = |name: &str| {
        format!("MountVolume.SetUp failed for volume \"{name}\" : secret \"{name}\" not found")
    };
    let volumes = |names: &[&str]| -> Value {
        let one = |name: &&str| json!({"name": name, "secret": {"secretName": name}});
        names.iter().map(one).collect()
    };
    let mut evidence = after_good("mount-missing");
    set_template(&mut evidence, "/spec/volumes", volumes(&["a", "b"]));
    set_older(&mut evidence, "/spec/volumes", volumes(&["b"]));
    let Observed::Known(events) = &mut evidence.events else {
        panic!("events are known")
    };
    events.retain(|event| event.reason == "FailedMount");
    let mut other = events[0].clone();
    events[0].message = said("a");
    other.message = said("b");
    assert_eq!(answer(&evidence), (Cause::MountMissing, Helps::Yes));
    let Observed::Known(events) = &mut evidence.events else {
        panic!("events are known")
    };
    events.push(other);
    assert_eq!(answer(&evidence), (Cause::MountMissing, Helps::No));
    // What was said of it before it was made is over.
    let Observed::Known(events) = &mut evidence.events else {
        panic!("events are known")
    };
    events[1].last_seen = now() - seconds(3600);
    assert_eq!(answer(&evidence), (Cause::MountMissing, Helps::Yes));
}

#[test]
fn where_no_event_is_as_young_as_the_last_run_nobody_knows_who_ended_it() {
    let probed = |probe: &str| {
        let mut evidence = after_good("bad-args");
        set_template(
            &mut evidence,
            &format!("/spec/containers/0/{probe}"),
            json!({"httpGet": {"port": 80}}),
        );
        evidence
    };
    assert_eq!(
        answer(&probed("livenessProbe")),
        (Cause::CrashOnStart, Helps::Yes)
    );
    for probe in ["livenessProbe", "startupProbe"] {
        let mut evidence = probed(probe);
        evidence.events = Observed::Known(Vec::new());
        assert_eq!(
            answer(&evidence),
            (Cause::Unknown, Helps::Unknown),
            "{probe}"
        );
        let mut evidence = probed(probe);
        let Observed::Known(events) = &mut evidence.events else {
            panic!("events are known")
        };
        for event in events {
            event.last_seen = now() - seconds(3600);
        }
        assert_eq!(
            answer(&evidence),
            (Cause::Unknown, Helps::Unknown),
            "{probe}"
        );
    }
    // The kubelet kills for no readiness probe.
    let mut evidence = probed("readinessProbe");
    evidence.events = Observed::Known(Vec::new());
    assert_eq!(answer(&evidence), (Cause::CrashOnStart, Helps::Yes));
}

#[test]
fn a_volume_that_can_not_be_attached_may_be_the_nodes_trouble() {
    for (words, cause) in [
        (
            "Unable to attach or mount volumes: timed out waiting for the condition",
            Cause::MountMissing,
        ),
        (
            "Failed to create pod sandbox: plugin type=\"calico\" failed",
            Cause::NodeTrouble,
        ),
        (
            "MountVolume.SetUp failed for volume \"s\" : mkdir x: no space left on device",
            Cause::NodeTrouble,
        ),
    ] {
        let mut evidence = after_good("mount-missing");
        let Observed::Known(events) = &mut evidence.events else {
            panic!("events are known")
        };
        events.retain(|event| event.reason != "Scheduled");
        for event in events {
            event.message = words.to_owned();
        }
        evidence.memory = crate::domain::evidence::Memory::default();
        read(&mut evidence, now());
        let (told, helps) = answer(&evidence);
        assert_eq!(told, cause, "{words}");
        assert_ne!(helps, Helps::Yes, "{words}");
    }
}

#[test]
fn a_program_that_did_not_start_for_reasons_nobody_tells_is_not_blamed() {
    let silent = |evidence: &mut Evidence, words: &str| {
        container(evidence).last.as_mut().unwrap().message = words.to_owned();
        evidence.events = Observed::Absent;
    };
    let mut evidence = after_good("no-entrypoint");
    silent(&mut evidence, "");
    assert_eq!(answer(&evidence), (Cause::StartError, Helps::Unknown));
    silent(
        &mut evidence,
        "mkdir /run/containerd: no space left on device",
    );
    assert_eq!(answer(&evidence), (Cause::NodeTrouble, Helps::No));
    silent(
        &mut evidence,
        "exec: \"/no/such/program\": no such file or directory",
    );
    assert_eq!(answer(&evidence), (Cause::StartError, Helps::Yes));
    // Between two attempts the kubelet says so in another way.
    container(&mut evidence).state = ContainerState::Waiting {
        reason: "RunContainerError".to_owned(),
        message: "exec: \"/no/such/program\": no such file or directory".to_owned(),
    };
    assert_eq!(answer(&evidence), (Cause::StartError, Helps::Yes));
}

#[test]
fn memory_that_is_not_limited_or_lasted_long_is_not_surely_the_revisions() {
    let mut evidence = after_good("oom");
    set_template(&mut evidence, "/spec/containers/0/resources", json!({}));
    assert_eq!(answer(&evidence), (Cause::OutOfMemory, Helps::Unknown));
    let mut evidence = after_good("oom");
    container(&mut evidence).last = Some(terminated("OOMKilled", 137, 120));
    assert_eq!(answer(&evidence), (Cause::OutOfMemory, Helps::Unknown));
}

#[test]
fn an_init_container_that_the_rollout_did_not_change_is_not_its_fault() {
    let mut evidence = after_good("init-crash");
    let newest = revisions(&mut evidence).newest.clone().unwrap();
    set_older(
        &mut evidence,
        "/spec/initContainers",
        newest.template["spec"]["initContainers"].clone(),
    );
    assert_eq!(answer(&evidence), (Cause::InitFailed, Helps::No));
    // One that was killed, or ran for long, did not fail by itself.
    for end in [
        terminated("OOMKilled", 137, 1),
        terminated("Error", 143, 1),
        terminated("Error", 1, 120),
    ] {
        let mut evidence = after_good("init-crash");
        container(&mut evidence).last = Some(end);
        assert_eq!(answer(&evidence), (Cause::InitFailed, Helps::Unknown));
    }
    // A native sidecar stays: it is judged as other containers are.
    let mut evidence = after_good("init-crash");
    set_template(
        &mut evidence,
        "/spec/initContainers/0/restartPolicy",
        json!("Always"),
    );
    assert_eq!(answer(&evidence), (Cause::CrashOnStart, Helps::Yes));
}

#[test]
fn a_sidecar_that_is_not_in_the_difference_is_not_the_rollouts_fault() {
    let sidecar = json!({"name": "proxy", "image": "proxy:1"});
    let mut evidence = after_good("bad-args");
    let newest = revisions(&mut evidence).newest.as_mut().unwrap();
    let containers = newest.template["spec"]["containers"].as_array_mut();
    containers.unwrap().push(sidecar.clone());
    revisions(&mut evidence).older[0].template["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(sidecar);
    container(&mut evidence).name = "proxy".to_owned();
    read(&mut evidence, now());
    let entry = only_entry(&evidence);
    assert_eq!(
        (entry.container.as_str(), entry.cause, entry.rollback_helps),
        ("proxy", Cause::CrashOnStart, Helps::No)
    );
}

#[test]
fn a_probe_that_kills_one_pod_explains_its_sisters_of_which_nothing_was_read() {
    let mut evidence = after_good("liveness-kill");
    another_pod(&mut evidence, "unread");
    assert_eq!(answer(&evidence), (Cause::ProbeKilled, Helps::Yes));
    // Of which something was read, and no kill: it ends by itself.
    let own = EventFact {
        reason: "BackOff".to_owned(),
        regarding: Uid::new("uid-of-unread"),
        ..killing(&evidence)
    };
    let Observed::Known(events) = &mut evidence.events else {
        panic!("events are known")
    };
    events.push(own);
    assert_eq!(answer(&evidence).0, Cause::Unknown);
}

#[test]
fn a_cluster_that_became_too_small_is_not_the_rollouts_fault() {
    let mut evidence = after_good("unschedulable");
    set_older(
        &mut evidence,
        "/spec/containers/0/resources",
        json!({"requests": {"cpu": "64"}}),
    );
    assert_eq!(answer(&evidence), (Cause::Unschedulable, Helps::No));
    // It asks for more than the newest, or for less of something else.
    for resources in [
        json!({"requests": {"cpu": "65"}}),
        json!({"requests": {"cpu": "64", "memory": "1Gi"}}),
        json!({"requests": {"cpu": "many"}}),
    ] {
        set_older(&mut evidence, "/spec/containers/0/resources", resources);
        assert_eq!(answer(&evidence), (Cause::Unschedulable, Helps::Unknown));
    }
    set_older(
        &mut evidence,
        "/spec/containers/0/resources",
        json!({"limits": {"cpu": "63999m"}}),
    );
    assert_eq!(answer(&evidence), (Cause::Unschedulable, Helps::Yes));
}

#[test]
fn nodes_that_are_away_or_on_their_way_are_waited_for() {
    let mut evidence = after_good("unschedulable");
    let pod = evidence.pods.known().unwrap()[0].uid.clone();
    let scale_up = EventFact {
        regarding: pod,
        container: None,
        reason: "TriggeredScaleUp".to_owned(),
        message: "pod triggered scale-up: [{pool 1->2}]".to_owned(),
        ..killing(&evidence)
    };
    evidence.events = Observed::Known(vec![scale_up]);
    assert_eq!(answer(&evidence), (Cause::Unschedulable, Helps::Unknown));
    for words in [
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.",
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.",
        "0/0 nodes are available",
    ] {
        let mut evidence = after_good("unschedulable");
        pods(&mut evidence)[0].unschedulable = Some(words.to_owned());
        assert_eq!(
            answer(&evidence),
            (Cause::Unschedulable, Helps::Unknown),
            "{words}"
        );
    }
}

/// No pod of the newest revision can be made; its template asks for 4 CPUs, the older one's for one.
fn refused(words: &str, for_seconds: i64) -> Evidence {
    let mut evidence = after_good("unschedulable");
    let newest = revisions(&mut evidence).newest.clone().unwrap();
    set_template(
        &mut evidence,
        "/spec/containers/0/resources",
        json!({"requests": {"cpu": "4"}}),
    );
    set_older(
        &mut evidence,
        "/spec/containers/0/resources",
        json!({"requests": {"cpu": "1"}}),
    );
    pods(&mut evidence).remove(0);
    evidence.workload = Observed::Known(Workload {
        reference: WorkloadRef {
            kind: WorkloadKind::Deployment,
            namespace: "faults".into(),
            name: "web".into(),
        },
        uid: Uid::new("u"),
        resource_version: "1".into(),
        generation: 1,
        observed_generation: 1,
        labels: [].into(),
        annotations: None,
        owner_references: serde_json::Value::Null,
        spec: json!({}),
        counts: ReplicaCounts::default(),
        replica_failure: Some(ReplicaFailure {
            message: words.replace("REVISION", newest.name.as_str()),
            since: Some(now() - seconds(for_seconds)),
        }),
    });
    evidence
}

const QUOTA: &str = "pods \"REVISION-x\" is forbidden: exceeded quota: team, requested: requests.cpu=4, used: requests.cpu=1, limited: requests.cpu=4";

#[test]
fn a_refusal_that_is_young_or_of_another_revision_proves_nothing() {
    let diagnosis = diagnose(&refused(QUOTA, 10), &LIMITS);
    assert_eq!((diagnosis.entries.len(), diagnosis.pending.len()), (0, 1));
    let other = diagnose(&refused(&QUOTA.replace("REVISION", "other"), 60), &LIMITS);
    assert_eq!((other.entries.len(), other.pending.len()), (0, 0));
    let mut evidence = refused(QUOTA, 60);
    evidence.pods = away();
    assert_eq!(diagnose(&evidence, &LIMITS).entries, []);
}

#[test]
fn a_quota_is_the_rollouts_fault_only_where_it_asks_for_more_of_what_is_short() {
    let evidence = refused(QUOTA, 60);
    assert_eq!(answer(&evidence), (Cause::Quota, Helps::Yes));
    assert_eq!(only_entry(&evidence).container, "");
    for words in [
        QUOTA.replace("requested: requests.cpu=4", "requested: pods=1"),
        QUOTA.replace(
            "requested: requests.cpu=4",
            "requested: requests.cpu=4,requests.memory=1Gi",
        ),
        "pods \"REVISION-x\" is forbidden: exceeded quota: team".to_owned(),
    ] {
        assert_eq!(
            answer(&refused(&words, 60)),
            (Cause::Quota, Helps::Unknown),
            "{words}"
        );
    }
    let mut evidence = refused(QUOTA, 60);
    set_older(
        &mut evidence,
        "/spec/containers/0/resources",
        json!({"requests": {"cpu": "4"}}),
    );
    assert_eq!(answer(&evidence), (Cause::Quota, Helps::No));
    let webhook = "pods \"REVISION-x\" is forbidden: violates PodSecurity";
    assert_eq!(
        answer(&refused(webhook, 60)),
        (Cause::Unknown, Helps::Unknown)
    );
}

#[test]
fn the_difference_of_the_references_is_told() {
    for (image, words) in [
        ("ghcr.io/vlrrbn/good:2", "of the same repository"),
        ("ghcr.io/vlrrbn/bad:1", "of another repository"),
        ("web:1", "of another registry"),
    ] {
        let mut evidence = after_good("image-not-found");
        set_template(&mut evidence, "/spec/containers/0/image", json!(image));
        let because = only_entry(&evidence).because;
        assert!(
            because.contains(GOOD_IMAGE) && because.contains(words),
            "{because}"
        );
    }
}
