use super::*;
use crate::domain::diagnosis::Helps;
use serde_json::json;

fn entry(container: &str, cause: Cause) -> Entry {
    Entry {
        container: container.to_owned(),
        init: false,
        cause,
        rollback_helps: Helps::Yes,
        because: String::new(),
        facts: vec![],
        pods: vec![],
        longest_run_seconds: 0,
        cured_by: None,
    }
}

fn template(image: &str, args: &[&str]) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {
        "initContainers": [{"name": "migrate", "image": "migrate:1"}],
        "containers": [{"name": "web", "image": image, "args": args}],
        "terminationGracePeriodSeconds": 30,
    }})
}

#[test]
fn labels_annotations_other_containers_and_grace_periods_change_nothing_that_fails() {
    let from = template("web:2", &[]);
    let mut to = from.clone();
    to["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "now"});
    to["spec"]["initContainers"][0]["image"] = json!("migrate:2");
    to["spec"]["terminationGracePeriodSeconds"] = json!(5);
    assert!(!changes_what_fails(
        &entry("web", Cause::CrashOnStart),
        &from,
        &to
    ));
}

#[test]
fn other_arguments_do_not_bring_back_an_image() {
    let (from, to) = (template("web:2", &["a"]), template("web:2", &["b"]));
    assert!(!changes_what_fails(
        &entry("web", Cause::ImageNotFound),
        &from,
        &to
    ));
    assert!(changes_what_fails(
        &entry("web", Cause::CrashOnStart),
        &from,
        &to
    ));
    assert!(changes_what_fails(
        &entry("web", Cause::ImageNotFound),
        &from,
        &template("web:1", &["a"])
    ));
}

#[test]
fn a_volume_that_it_mounts_and_a_container_that_is_not_there_any_more_are_changes() {
    let mut from = template("web:2", &[]);
    let mut to = from.clone();
    to["spec"]["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
    let web = entry("web", Cause::CrashOnStart);
    assert!(!changes_what_fails(&web, &from, &to), "nobody mounts it");
    from["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data"}]);
    to["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data"}]);
    assert!(changes_what_fails(&web, &from, &to));
    let mut to = from.clone();
    to["spec"]["initContainers"] = json!([]);
    assert!(changes_what_fails(
        &entry("migrate", Cause::InitFailed),
        &from,
        &to
    ));
}

/// What of a template bears on each cause: one field is changed, and these causes are touched by it.
#[allow(clippy::too_many_lines)] // a table
#[test]
fn each_cause_is_touched_by_what_bears_on_it_and_by_nothing_else() {
    use Cause::*;
    let run = [
        CrashOnStart,
        StartError,
        OutOfMemory,
        ExitedZero,
        InitFailed,
        ProbeKilled,
    ];
    let judged: Vec<Cause> = Cause::ALL
        .into_iter()
        .filter(|cause| {
            !matches!(
                cause,
                OlderRevisionFailsToo | WasHealthy | NoRecentRollout | ConfigChanged | Unknown
            )
        })
        .collect();
    let image = [
        ImageNotFound,
        InvalidImageName,
        WrongPlatform,
        ImageAccessDenied,
        RegistryRateLimited,
        RegistryUnreachable,
        RegistryOutage,
        NeverPull,
    ];
    let cases: [(&str, Value, Vec<Cause>); 14] = [
        (
            "/spec/containers/0/image",
            json!("web:1"),
            [&image[..], &run].concat(),
        ),
        ("/spec/containers/0/args", json!(["--b"]), run.to_vec()),
        (
            "/spec/containers/0/env",
            json!([{"name": "A"}]),
            [&run[..], &[ConfigMissing]].concat(),
        ),
        (
            "/spec/containers/0/envFrom",
            json!([{"secretRef": {"name": "a"}}]),
            [&run[..], &[ConfigMissing]].concat(),
        ),
        (
            "/spec/containers/0/livenessProbe",
            json!({"periodSeconds": 1}),
            vec![ProbeKilled],
        ),
        (
            "/spec/containers/0/imagePullPolicy",
            json!("Never"),
            vec![RegistryUnreachable, RegistryOutage, NeverPull],
        ),
        (
            "/spec/containers/0/resources",
            json!({"requests": {"cpu": "64"}}),
            [&run[..], &[Unschedulable, NodeTrouble, Quota]].concat(),
        ),
        (
            "/spec/initContainers/0/resources",
            json!({"requests": {"cpu": "64"}}),
            vec![Unschedulable, NodeTrouble, Quota],
        ),
        ("/spec/initContainers/0/args", json!(["--b"]), vec![]),
        (
            "/spec/nodeSelector",
            json!({"disk": "fast"}),
            [&run[..], &[Unschedulable, NodeTrouble]].concat(),
        ),
        (
            "/spec/volumes",
            json!([{"name": "s"}]),
            vec![MountMissing, Unschedulable, NodeTrouble],
        ),
        (
            "/spec/imagePullSecrets",
            json!([{"name": "s"}]),
            vec![ImageAccessDenied, RegistryRateLimited],
        ),
        (
            "/spec/securityContext",
            json!({"runAsUser": 1}),
            run.to_vec(),
        ),
        (
            "/metadata/annotations",
            json!({"kubectl.kubernetes.io/restartedAt": "now"}),
            vec![],
        ),
    ];
    let from = template("web:2", &[]);
    for (pointer, value, touched) in cases {
        let mut to = from.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        to.pointer_mut(parent).unwrap()[key] = value;
        for cause in &judged {
            assert_eq!(
                changes(*cause, "web", &from, &to),
                touched.contains(cause),
                "{pointer} {cause}"
            );
        }
    }
}

#[test]
fn what_is_not_set_and_what_is_empty_is_the_same() {
    let from = template("web:2", &[]);
    let mut to = from.clone();
    to["spec"]["containers"][0]["resources"] = json!({});
    to["spec"]["volumes"] = json!([]);
    for cause in [Cause::Quota, Cause::Unschedulable, Cause::MountMissing] {
        assert!(!changes(cause, "web", &from, &to), "{cause}");
    }
}

#[test]
fn what_is_not_a_template_has_no_containers() {
    for text in [
        json!(null),
        json!({"spec": 1}),
        json!({"spec": {"containers": {"name": "web"}}}),
    ] {
        assert_eq!(container(&text, "web"), None);
    }
}
