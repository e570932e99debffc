//! The simulated API server through the real client: what it refuses, what it keeps, and what a fault leaves behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod admission;
mod pages;
mod refusals;
mod watches;

use kube::CustomResourceExt as _;
use ripcord::domain::workload::{WorkloadKind, WorkloadRef};
use ripcord::platform::CallObserver;
use ripcord::platform::kube::{ApiError, Cluster};
use ripcord::record::crd::Incident;
use ripcord::sim::{After, Before, Behaviour, Call, Interference, Program, Pull, World};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const IMAGE: &str = "ghcr.io/a/web:1";

struct Silent;

impl CallObserver for Silent {
    fn observed(&self, _: &'static str, _: &'static str, _: f64, _: Option<&'static str>) {}
}

fn web() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: "lab30".into(),
        name: "web".into(),
    }
}

fn manifest() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "lab30"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": IMAGE, "env": [{"name": "PASSWORD", "value": "hunter2"}]}]}}},
    })
}

async fn world() -> (World, Cluster) {
    let crd = serde_json::to_value(Incident::crd()).unwrap();
    let schema = crd
        .pointer("/spec/versions/0/schema/openAPIV3Schema")
        .cloned();
    let world = World::new("2026-11-23T04:00:00Z".parse().unwrap(), schema);
    world.namespace("lab30");
    world.registry(|registry| registry.set(IMAGE, Pull::Exists));
    world.apply(&manifest()).unwrap();
    world.advance(Duration::from_secs(10)).await;
    let cluster = world.cluster("ripcord/0.1.0", Arc::new(Silent));
    (world, cluster)
}

fn incident(extra: &Value) -> Value {
    let mut incident = json!({
        "apiVersion": "ripcord.dev/v1alpha1", "kind": "Incident",
        "metadata": {"name": "web-1", "labels": {"ripcord.dev/workload-uid": "u"}},
        "spec": {
            "workload": {"kind": "Deployment", "name": "web", "uid": "u"},
            "revision": {"name": "web-5d", "hash": "5d", "number": 1},
            "installation": "default",
            "alert": {"name": "A", "fingerprint": "f", "startsAt": "2026-11-23T04:00:00Z", "receivedAt": "2026-11-23T04:00:00Z"},
        },
    });
    incident["spec"]
        .as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    incident
}

fn code<T: std::fmt::Debug>(answer: Result<T, ApiError>) -> (u16, String, String) {
    match answer {
        Err(ApiError::Refused {
            code,
            reason,
            detail,
            ..
        }) => (code, reason, detail),
        other => panic!("{other:?}"),
    }
}

fn patch_of(object: &Value, image: &str) -> Value {
    json!([
        {"op": "test", "path": "/metadata/uid", "value": object["metadata"]["uid"]},
        {"op": "test", "path": "/metadata/resourceVersion", "value": object["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image},
    ])
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_found() {
    let (_, cluster) = world().await;
    assert_eq!(cluster.pod("lab30", "none").await, Ok(None));
    assert_eq!(cluster.namespace("none").await, Ok(None));
    assert_eq!(cluster.incident("lab30", "none").await, Ok(None));
    let bare = World::new("2026-11-23T04:00:00Z".parse().unwrap(), None);
    let cluster = bare.cluster("ripcord/0.1.0", Arc::new(Silent));
    assert_eq!(code(cluster.incidents("lab30", "").await).0, 404);
    assert_eq!(code(cluster.served_schemas().await).0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_field_that_the_crd_lacks_is_named_and_nothing_is_kept() {
    let (world, cluster) = world().await;
    let refused = code(
        cluster
            .create_incident("lab30", &incident(&json!({"approval": 1})))
            .await,
    );
    assert_eq!((refused.0, refused.1.as_str()), (400, "BadRequest"));
    assert_eq!(refused.2, ": unknown field \"spec.approval\"");
    let long = json!({"installation": "x".repeat(64)});
    assert_eq!(
        code(cluster.create_incident("lab30", &incident(&long)).await).0,
        422
    );
    assert_eq!(world.objects("Incident", "lab30"), Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_made_once_and_a_stale_status_is_refused() {
    let (_, cluster) = world().await;
    let body = incident(&json!({}));
    let mut made = cluster.create_incident("lab30", &body).await.unwrap();
    let again = cluster.create_incident("lab30", &body).await;
    assert!(again.unwrap_err().is_already_exists());
    made["status"] = json!({"phase": "Observing"});
    made["spec"]["installation"] = json!("another");
    let saved = cluster
        .replace_incident_status("lab30", "web-1", &made)
        .await
        .unwrap();
    assert_eq!(saved["status"]["phase"], "Observing");
    assert_eq!(
        saved["spec"]["installation"], "default",
        "the status subresource changes the status alone"
    );
    let stale = cluster
        .replace_incident_status("lab30", "web-1", &made)
        .await;
    assert!(stale.unwrap_err().is_conflict());
    let same = cluster
        .replace_incident_status("lab30", "web-1", &saved)
        .await
        .unwrap();
    assert_eq!(
        same["metadata"]["resourceVersion"],
        saved["metadata"]["resourceVersion"]
    );
    let by_label = cluster
        .incidents("lab30", "ripcord.dev/workload-uid=u")
        .await
        .unwrap();
    assert_eq!(by_label.len(), 1);
    assert!(
        cluster
            .incidents("lab30", "ripcord.dev/workload-uid=v")
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_patch_that_can_not_be_is_422_and_its_text_is_not_kept() {
    let (world, cluster) = world().await;
    let live = cluster.workload(&web()).await.unwrap().unwrap();
    let before = world.object("Deployment", "lab30", "web");
    let mut stale = live.clone();
    stale["metadata"]["resourceVersion"] = json!("1");
    let patch = patch_of(&stale, "ghcr.io/a/web:2");
    let error = cluster.patch_workload(&web(), &patch, false).await;
    assert_eq!(code(error), (422, "Invalid".into(), String::new()));
    let unknown = json!([{"op": "add", "path": "/spec/replica", "value": 1}]);
    let error = cluster.patch_workload(&web(), &unknown, false).await;
    let error = error.unwrap_err();
    let carried = refusals::text_of(&world, &unknown).await;
    assert!(carried.contains("hunter2"), "the answer carries the object");
    assert!(!format!("{error:?}").contains("hunter2"));
    assert_eq!(
        code::<Value>(Err(error)),
        (
            422,
            "Invalid".into(),
            ": unknown field \"spec.replica\"".into()
        )
    );
    assert_eq!(world.object("Deployment", "lab30", "web"), before);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_answers_as_the_write_would_and_stores_nothing() {
    let (world, cluster) = world().await;
    let live = cluster.workload(&web()).await.unwrap().unwrap();
    let patch = patch_of(&live, "ghcr.io/a/web:2");
    let would = cluster.patch_workload(&web(), &patch, true).await.unwrap();
    assert_eq!(world.object("Deployment", "lab30", "web").unwrap(), live);
    let did = cluster.patch_workload(&web(), &patch, false).await.unwrap();
    assert_eq!(would["spec"], did["spec"]);
    assert_eq!(did["metadata"]["generation"], 2);
    assert_ne!(
        did["metadata"]["resourceVersion"],
        live["metadata"]["resourceVersion"]
    );
    let log = world.write_log();
    let patches: Vec<bool> = log
        .writes()
        .iter()
        .filter(|w| w.verb == "PATCH")
        .map(|w| w.dry_run)
        .collect();
    assert_eq!(patches, [true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_is_told_from_everything_else() {
    let (world, cluster) = world().await;
    let live = cluster.workload(&web()).await.unwrap().unwrap();
    assert_eq!(cluster.may_patch(&web()).await, Ok(true));
    world.may_patch(false);
    assert_eq!(cluster.may_patch(&web()).await, Ok(false));
    let refused = cluster
        .patch_workload(&web(), &patch_of(&live, "x:1"), true)
        .await;
    assert!(refused.unwrap_err().is_forbidden());
}

#[tokio::test(start_paused = true)]
async fn an_event_is_kept_once_in_the_other_shape() {
    let (_, cluster) = world().await;
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "web.1", "namespace": "lab30"},
        "eventTime": "2026-11-23T04:00:00.000000Z", "reportingController": "ripcord.dev/ripcord", "reportingInstance": "ripcord",
        "action": "RemediationStarted", "reason": "RemediationStarted", "type": "Normal", "note": "words",
        "regarding": {"kind": "Deployment", "uid": "u", "name": "web", "namespace": "lab30"},
    });
    assert_eq!(
        cluster.create_event("lab30", &event).await.unwrap()["note"],
        "words"
    );
    assert!(
        cluster
            .create_event("lab30", &event)
            .await
            .unwrap_err()
            .is_already_exists()
    );
    let found = cluster.events_about("lab30", "u").await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["message"], "words");
    let mut long = event;
    long["metadata"]["name"] = json!("web.2");
    long["note"] = json!("x".repeat(1025));
    assert_eq!(code(cluster.create_event("lab30", &long).await).0, 422);
}

#[tokio::test(start_paused = true)]
async fn logs_are_there_when_the_kubelet_has_them() {
    let (world, cluster) = world().await;
    let name = |world: &World| -> String {
        let pods = world.objects("Pod", "lab30");
        pods[0]["metadata"]["name"].as_str().unwrap().to_owned()
    };
    let pod = name(&world);
    assert_eq!(
        cluster.log("lab30", &pod, "web", false).await,
        Ok(String::new())
    );
    assert_eq!(code(cluster.log("lab30", &pod, "web", true).await).0, 400);
    assert_eq!(
        code(cluster.log("lab30", &pod, "other", false).await).0,
        400
    );
    let lines = (0..30).map(|number| format!("line {number}")).collect();
    let exit = Behaviour::Exits {
        after: 3,
        code: 1,
        lines,
    };
    world.program(Program::that(exit).in_image(IMAGE));
    world.delete("lab30", "web");
    world.apply(&manifest()).unwrap();
    world.advance(Duration::from_secs(12)).await;
    let pod = name(&world);
    let log = cluster.log("lab30", &pod, "web", true).await.unwrap();
    assert_eq!(log.lines().count(), 20, "the last lines alone");
    assert!(log.ends_with("line 29\n"));
}

/// Loses the answer of every patch after it was worked on; refuses every list of pods.
struct Faults;

impl Interference for Faults {
    fn before(&self, call: &Call) -> Before {
        if call.method == "GET" && call.path.ends_with("/pods") {
            Before::Answer(
                429,
                json!({"kind": "Status", "code": 429, "reason": "TooManyRequests", "message": ""}),
            )
        } else if call.path == "/version" {
            Before::Delay(Duration::from_secs(60))
        } else {
            Before::Proceed
        }
    }

    fn after(&self, call: &Call, _: u16) -> After {
        if call.is_write() {
            After::Lose
        } else {
            After::Deliver
        }
    }
}

/// Every patch arrives half a minute later, when its client has given up.
struct Late;

impl Interference for Late {
    fn before(&self, call: &Call) -> Before {
        if call.method == "PATCH" {
            Before::Strand(Duration::from_secs(30))
        } else {
            Before::Proceed
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_given_up_may_still_arrive() {
    let (world, cluster) = world().await;
    world.interfere(Some(Arc::new(Late)));
    let live = cluster.workload(&web()).await.unwrap().unwrap();
    let patch = patch_of(&live, "ghcr.io/a/web:2");
    let given_up = cluster.patch_workload(&web(), &patch, false).await;
    assert!(matches!(given_up, Err(ApiError::TimedOut { .. })));
    let image = |world: &World| {
        let stored = world.object("Deployment", "lab30", "web").unwrap();
        let image = stored.pointer("/spec/template/spec/containers/0/image");
        image.unwrap().as_str().unwrap().to_owned()
    };
    assert_eq!(image(&world), IMAGE);
    world.advance(Duration::from_secs(30)).await;
    assert_eq!(image(&world), "ghcr.io/a/web:2");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_in_a_namespace_that_is_not_there() {
    let (_, cluster) = world().await;
    let refused = cluster.create_incident("none", &incident(&json!({}))).await;
    assert!(refused.unwrap_err().is_not_found());
}

#[tokio::test(start_paused = true)]
async fn faults_come_before_and_after_the_work() {
    let (world, cluster) = world().await;
    world.interfere(Some(Arc::new(Faults)));
    assert_eq!(code(cluster.pods("lab30", "").await).0, 429);
    assert!(matches!(
        cluster.ping().await,
        Err(ApiError::TimedOut { .. })
    ));
    let live = cluster.workload(&web()).await.unwrap().unwrap();
    let lost = cluster
        .patch_workload(&web(), &patch_of(&live, "ghcr.io/a/web:2"), false)
        .await;
    assert!(lost.unwrap_err().is_ambiguous());
    let stored = world.object("Deployment", "lab30", "web").unwrap();
    let image = stored
        .pointer("/spec/template/spec/containers/0/image")
        .unwrap();
    assert_eq!(image, "ghcr.io/a/web:2", "it happened all the same");
    world.interfere(None);
    assert_eq!(cluster.ping().await, Ok(()));
}
