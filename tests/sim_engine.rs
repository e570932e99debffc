//! The whole daemon on the simulated cluster, in paused time: from Alertmanager's POST to the end of the incident.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

#[path = "sim_engine/burst.rs"]
mod burst;
#[path = "sim_engine/counted.rs"]
mod counted;
#[path = "sim_engine/lab.rs"]
mod lab;

use lab::{Lab, REDIS, WEB};
use ripcord::domain::diagnosis::Cause;
use ripcord::domain::verdict::{Decision, Reason};
use ripcord::engine::Unexplained;
use ripcord::sim::{Pull, Write};
use serde_json::Value;

/// Longer than every guard, repair and soak of the lab together.
const A_WHILE: u64 = 600;

/// There is one write to a workload, and before it the record says which.
fn one_write_with_its_intent_before(lab: &Lab) {
    let log = lab.world.write_log();
    let patches = lab.patches(false);
    assert_eq!(patches.len(), 1, "{log}");
    let (place, patch) = &patches[0];
    assert!(patch.accepted(), "{log}");
    assert_eq!(patch.user_agent, "ripcord/0.1.0");
    assert_eq!(patch.field_manager, "ripcord");
    let action = patch
        .body
        .as_array()
        .unwrap()
        .iter()
        .find(|operation| operation["path"] == "/metadata/annotations/ripcord.dev~1action")
        .map(|operation| operation["value"].clone())
        .unwrap();
    let intent = |write: &&Write| {
        write.verb == "PUT"
            && write.accepted()
            && write.body["status"]["phase"] == "Acting"
            && write.body["status"]["plan"]["actionId"] == action
    };
    assert!(
        log.writes()[..*place].iter().any(|write| intent(&write)),
        "{log}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_healthy_workloads_alert_writes_nothing_to_it() {
    let lab = Lab::healthy("enforce").await;
    lab.advance(15).await;
    assert_eq!(lab.alert(REDIS).await, 200);
    lab.advance(2 * A_WHILE).await;
    assert_eq!(lab.status("outcome"), "NotFailing");
    assert_eq!(lab.patches(false), []);
    assert_eq!(lab.patches(true), []);
    lab.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_can_not_be_reached_is_not_the_revisions_fault() {
    let lab = Lab::healthy("enforce").await;
    lab.advance(15).await;
    lab.world
        .registry(|registry| registry.set_host("ghcr.io", Pull::Refused));
    lab.break_web();
    lab.advance(60).await;
    assert_eq!(lab.alert(WEB).await, 200);
    lab.advance(A_WHILE).await;
    assert_eq!(lab.status("phase"), "Held", "{:#}", lab.incident());
    assert_eq!(lab.patches(false), []);
    lab.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_rehearses_and_leaves_the_workload_as_it_is() {
    let lab = Lab::healthy("dry-run").await;
    lab.advance(15).await;
    lab.break_redis();
    lab.advance(120).await;
    assert_eq!(lab.alert(REDIS).await, 200);
    lab.advance(A_WHILE).await;
    assert_eq!(lab.status("outcome"), "DryRun", "{:#}", lab.incident());
    assert_eq!(lab.patches(false), []);
    assert!(!lab.patches(true).is_empty());
    assert!(lab.args(REDIS).is_some());
    lab.stop().await;
}

#[tokio::test(start_paused = true)]
async fn pods_that_are_ready_are_no_recovery_while_the_probe_says_otherwise() {
    let lab = Lab::healthy("enforce").await;
    // The Service has lost its pods.
    lab.world.serve(lab::WEB_URL, lab::NAMESPACE, "nobody");
    lab.advance(15).await;
    lab.break_web();
    lab.advance(60).await;
    assert_eq!(lab.alert(WEB).await, 200);
    lab.advance(2 * A_WHILE).await;
    let told = format!("{:#}", lab.incident());
    assert_eq!(lab.status("outcome"), "Escalated", "{told}");
    assert!(told.contains("status 503, expected 200"), "{told}");
    lab.stop().await;
}

#[tokio::test(start_paused = true)]
async fn redis_with_broken_arguments_is_undone_and_recovers() {
    let lab = Lab::healthy("enforce").await;
    lab.advance(15).await;
    lab.break_redis();
    lab.advance(120).await;
    assert_eq!(lab.alert(REDIS).await, 200);
    lab.advance(A_WHILE).await;
    assert_eq!(lab.status("outcome"), "Recovered", "{:#}", lab.incident());
    assert_eq!(lab.status("action"), "rolloutUndo");
    one_write_with_its_intent_before(&lab);
    assert_eq!(lab.args(REDIS), None);
    lab.stop().await;
}

#[tokio::test(start_paused = true)]
async fn web_with_a_tag_that_does_not_exist_is_pinned_by_policy_and_recovers() {
    let lab = Lab::healthy("enforce").await;
    lab.advance(15).await;
    lab.break_web();
    lab.advance(60).await;
    assert_eq!(lab.alert(WEB).await, 200);
    lab.advance(A_WHILE).await;
    assert_eq!(lab.status("outcome"), "Recovered", "{:#}", lab.incident());
    assert_eq!(lab.status("action"), "pinImage");
    one_write_with_its_intent_before(&lab);
    assert!(lab.image(WEB).ends_with(":0.2.1"));
    lab.stop().await;
}

async fn whole_story() -> String {
    let lab = Lab::healthy("enforce").await;
    lab.advance(15).await;
    lab.break_redis();
    lab.break_web();
    lab.advance(120).await;
    assert_eq!(lab.alert(REDIS).await, 200);
    assert_eq!(lab.alert(WEB).await, 200);
    lab.advance(A_WHILE).await;
    let incidents = lab.world.objects("Incident", lab::NAMESPACE);
    let outcomes: Vec<&Value> = incidents
        .iter()
        .map(|one| &one["status"]["outcome"])
        .collect();
    assert_eq!(outcomes, ["Recovered", "Recovered"]);
    lab.stop().await.write_log().to_string()
}

#[test]
fn the_same_story_gives_the_same_write_log_byte_for_byte() {
    let told = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(whole_story())
    };
    let first = told();
    assert!(first.lines().count() > 10, "{first}");
    assert_eq!(first, told());
}

#[tokio::test(start_paused = true)]
async fn there_is_nothing_to_explain_about_what_is_not_there() {
    let lab = Lab::healthy("enforce").await;
    let refused = lab.explain("nobody").await.unwrap_err();
    assert_eq!(refused, Unexplained::Gone);
    lab.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_healthy_workload_is_explained_as_one() {
    let lab = Lab::healthy("enforce").await;
    let explained = lab.explain(REDIS).await.unwrap();
    assert_eq!(explained.verdict.reason, Reason::NotFailing);
    assert!(explained.case.diagnosis.entries.is_empty());
    lab.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_explained_in_one_look_without_an_alert_and_nothing_is_written() {
    let lab = Lab::healthy("enforce").await;
    lab.break_redis();
    lab.break_web();
    lab.advance(120).await;
    // The kubelet's Events tell of the pull's first failure; its policy waits for an alert that nobody has sent.
    for (deployment, cause, remedy) in [
        (REDIS, Cause::CrashOnStart, "rolloutUndo"),
        (WEB, Cause::ImageNotFound, "pinImage"),
    ] {
        let explained = lab.explain(deployment).await.unwrap();
        let verdict = &explained.verdict;
        assert_eq!(verdict.decision, Decision::Act, "{verdict:?}");
        assert_eq!(explained.case.diagnosis.leading_cause(), Some(cause));
        let status = explained.incident.status.unwrap();
        assert_eq!(status.plan.unwrap().remedy, remedy);
        assert!(!status.evidence.is_empty() && !status.diff.is_empty());
        assert!(status.timeline.is_empty() && status.alerts.is_empty());
    }
    assert_eq!(lab.patches(false), []);
    assert!(lab.world.objects("Incident", lab::NAMESPACE).is_empty());
    lab.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_open_incident_is_explained_with_what_it_remembers() {
    let lab = Lab::healthy("enforce").await;
    lab.advance(15).await;
    lab.world
        .registry(|registry| registry.set_host("ghcr.io", Pull::Refused));
    lab.break_web();
    lab.advance(60).await;
    assert_eq!(lab.alert(WEB).await, 200);
    lab.advance(A_WHILE).await;
    let before = lab.incident();
    let explained = lab.explain(WEB).await.unwrap();
    assert_eq!(explained.verdict.reason, Reason::CauseNotAllowed);
    assert_eq!(
        explained.incident.metadata.name.as_deref(),
        before["metadata"]["name"].as_str()
    );
    let status = explained.incident.status.unwrap();
    assert!(!status.timeline.is_empty() && !status.alerts.is_empty());
    assert_eq!(lab.incident(), before);
    lab.stop().await;
}
