//! The kubelet and programs that end, or never become ready.

use super::objects::{GOOD, condition, deployment, name, text};
use super::stage::{Stage, hold};
use ripcord::sim::{Behaviour, Program, World};
use serde_json::{Value, json};

/// What the lab's program says when its configuration is wrong.
const LAST_WORDS: &str =
    "Traceback: invalid REDIS_PORT \"none\": strconv.Atoi: parsing \"none\": invalid syntax";

/// What the rig's images do.
pub(crate) fn teach(world: &World) {
    let unready = Program::that(Behaviour::never_ready());
    world.program(unready.with_env("CONTRACT", "never-ready"));
    let deaf = Program::that(Behaviour::goes_deaf(0));
    world.program(deaf.with_env("CONTRACT", "deaf"));
    world.program(Program::that(Behaviour::crashes(1, LAST_WORDS)).with_env("REDIS_PORT", "none"));
}

async fn crashing(stage: &Stage) {
    let mut web = deployment(GOOD);
    web["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "REDIS_PORT", "value": "none"}]);
    stage.make(&stage.deployments(), &web).await;
}

fn log_path(stage: &Stage, pod: &Value, previous: bool) -> String {
    let pods = stage.path("/api/v1", "pods");
    format!(
        "{pods}/{}/log?container=app&previous={previous}&tailLines=20&limitBytes=348160",
        name(pod)
    )
}

#[test]
fn a_program_that_ends_is_started_again_after_longer_and_longer_pauses() {
    hold(async |stage| {
        crashing(stage).await;
        let (pod, status) = stage
            .container("it was started three times", 60, |status| {
                status["restartCount"] == 2
                    && text(status, "/state/waiting/reason") == "CrashLoopBackOff"
            })
            .await;
        let uid = text(&pod, "/metadata/uid");
        assert_eq!(
            text(&status, "/state/waiting/message"),
            format!(
                "back-off 20s restarting failed container=app pod={}_{}({uid})",
                name(&pod),
                stage.namespace
            )
        );
        let last = &status["lastState"]["terminated"];
        assert_eq!(last["exitCode"], 1);
        assert_eq!(last["reason"], "Error");
        assert!(last["startedAt"].is_string() && last["finishedAt"].is_string());
        assert_eq!(
            (status["ready"].as_bool(), status["started"].as_bool()),
            (Some(false), Some(false))
        );
        assert_eq!(pod["status"]["phase"], "Running");
        let ready = condition(&pod, "Ready");
        assert_eq!(
            ready,
            Some(("False".to_owned(), "ContainersNotReady".to_owned()))
        );
        let event = stage
            .until("the kubelet tells", 30, async || {
                stage.events_of(&pod, "BackOff").await.pop()
            })
            .await;
        assert_eq!(event["type"], "Warning");
        assert_eq!(
            text(&event, "/message"),
            format!(
                "Back-off restarting failed container app in pod {}_{}({uid})",
                name(&pod),
                stage.namespace
            )
        );
        let log = stage.get(&log_path(stage, &pod, true)).await.ok();
        assert_eq!(
            log,
            format!("{LAST_WORDS}\n"),
            "what it said before it ended"
        );
    });
}

#[test]
fn a_crashing_pod_is_not_available() {
    hold(async |stage| {
        crashing(stage).await;
        stage
            .container("it crashes", 60, |status| {
                text(status, "/state/waiting/reason") == "CrashLoopBackOff"
            })
            .await;
        let web = stage.deployment().await;
        assert_eq!(web["status"]["unavailableReplicas"], 1);
        let available = ("False".to_owned(), "MinimumReplicasUnavailable".to_owned());
        assert_eq!(condition(&web, "Available"), Some(available));
    });
}

#[test]
fn a_program_that_never_answers_its_probe_runs_but_is_not_ready() {
    hold(async |stage| {
        let mut web = deployment(GOOD);
        let container = &mut web["spec"]["template"]["spec"]["containers"][0];
        container["env"] = json!([{"name": "CONTRACT", "value": "never-ready"}]);
        container["readinessProbe"]["httpGet"]["path"] = json!("/none");
        stage.make(&stage.deployments(), &web).await;
        let (pod, _) = stage
            .container("it runs", 40, |status| {
                status["state"].get("running").is_some()
            })
            .await;
        let event = stage
            .until("the kubelet tells", 30, async || {
                stage.events_of(&pod, "Unhealthy").await.pop()
            })
            .await;
        let words = "Readiness probe failed: HTTP probe failed with statuscode: ";
        assert!(text(&event, "/message").starts_with(words), "{event}");
        assert_eq!(event["type"], "Warning");
        stage
            .throughout(5, async || {
                let pods = stage.pods().await;
                let status = &pods[0]["status"]["containerStatuses"][0];
                assert_eq!(status["ready"], false);
                assert_eq!(status["started"], true);
                assert_eq!(status["restartCount"], 0);
                assert_eq!(pods[0]["status"]["phase"], "Running");
                let ready = condition(&pods[0], "Ready");
                let unready = ("False".to_owned(), "ContainersNotReady".to_owned());
                assert_eq!(ready, Some(unready));
            })
            .await;
        let web = stage.deployment().await;
        assert_eq!(web["status"]["unavailableReplicas"], 1);
    });
}

#[test]
fn a_log_that_is_not_there_is_a_bad_request() {
    hold(async |stage| {
        stage.make(&stage.deployments(), &deployment(GOOD)).await;
        stage.rolled_out().await;
        let pod = stage.pods().await.remove(0);
        let answer = stage.get(&log_path(stage, &pod, true)).await;
        assert_eq!(answer.refused(), (400, "BadRequest"));
        assert_eq!(
            answer.message(),
            format!(
                "previous terminated container \"app\" in pod \"{}\" not found",
                name(&pod)
            )
        );
        let none = log_path(stage, &pod, false).replace("container=app", "container=none");
        assert_eq!(stage.get(&none).await.refused(), (400, "BadRequest"));
        let none = log_path(stage, &json!({"metadata": {"name": "none"}}), false);
        assert_eq!(stage.get(&none).await.refused(), (404, "NotFound"));
        assert_eq!(stage.get(&log_path(stage, &pod, false)).await.code, 200);
    });
}
