//! The kubelet and images that do not come.

use super::objects::{GOOD, MISSING, deployment, name, text};
use super::stage::hold;
use serde_json::Value;

const INVALID: &str = "ghcr.io/Upper/CASE:tag";

fn waiting(status: &Value) -> &str {
    text(status, "/state/waiting/reason")
}

#[test]
fn an_image_that_is_not_there_fails_and_is_tried_again_after_a_pause() {
    hold(async |stage| {
        stage.make(&stage.deployments(), &deployment(MISSING)).await;
        let not_found = format!(
            "rpc error: code = NotFound desc = failed to pull and unpack image \"{MISSING}\": failed to resolve reference \"{MISSING}\": {MISSING}: not found"
        );
        let (pod, status) = stage
            .container("the pull has failed", 40, |status| {
                waiting(status) == "ErrImagePull"
            })
            .await;
        assert_eq!(text(&status, "/state/waiting/message"), not_found);
        assert_eq!(pod["status"]["phase"], "Pending");
        assert_eq!(
            (
                status["ready"].as_bool(),
                status["started"].as_bool(),
                status["restartCount"].as_i64()
            ),
            (Some(false), Some(false), Some(0))
        );
        assert_eq!(
            (text(&status, "/image"), text(&status, "/imageID")),
            (MISSING, "")
        );
        let (pod, status) = stage
            .container("it is waited for", 60, |status| {
                waiting(status) == "ImagePullBackOff"
            })
            .await;
        assert_eq!(
            text(&status, "/state/waiting/message"),
            format!("Back-off pulling image \"{MISSING}\": ErrImagePull: {not_found}")
        );
        for (reason, kind, message) in [
            ("Pulling", "Normal", format!("Pulling image \"{MISSING}\"")),
            (
                "Failed",
                "Warning",
                format!("Failed to pull image \"{MISSING}\": {not_found}"),
            ),
            ("Failed", "Warning", "Error: ErrImagePull".to_owned()),
            (
                "BackOff",
                "Normal",
                format!("Back-off pulling image \"{MISSING}\""),
            ),
            ("Failed", "Warning", "Error: ImagePullBackOff".to_owned()),
        ] {
            let event = stage
                .until(&message, 30, async || {
                    let events = stage.events_of(&pod, reason).await;
                    events
                        .into_iter()
                        .find(|event| event["message"] == *message)
                })
                .await;
            assert_eq!(event["type"], kind, "{message}");
            assert_eq!(
                text(&event, "/involvedObject/fieldPath"),
                "spec.containers{app}"
            );
            assert_eq!(text(&event, "/reportingComponent"), "kubelet");
        }
        let log = stage.path("/api/v1", "pods") + &format!("/{}/log?container=app", name(&pod));
        let answer = stage.get(&log).await;
        assert_eq!(answer.refused(), (400, "BadRequest"));
        let words = format!(
            "container \"app\" in pod \"{}\" is waiting to start: trying and failing to pull image",
            name(&pod)
        );
        assert_eq!(answer.message(), words);
    });
}

#[test]
fn a_name_that_is_none_is_not_even_tried() {
    hold(async |stage| {
        stage.make(&stage.deployments(), &deployment(INVALID)).await;
        let (pod, status) = stage
            .container("it is refused", 40, |status| {
                waiting(status) == "InvalidImageName"
            })
            .await;
        let words = format!(
            "Failed to apply default image tag \"{INVALID}\": couldn't parse image name \"{INVALID}\": invalid reference format: repository name (Upper/CASE) must be lowercase"
        );
        assert_eq!(text(&status, "/state/waiting/message"), words);
        for (reason, message) in [
            ("InspectFailed", words.as_str()),
            ("Failed", "Error: InvalidImageName"),
        ] {
            let event = stage
                .until(message, 30, async || {
                    let events = stage.events_of(&pod, reason).await;
                    events.into_iter().find(|event| event["message"] == message)
                })
                .await;
            assert_eq!(event["type"], "Warning");
        }
        assert!(stage.events_of(&pod, "Pulling").await.is_empty());
    });
}

#[test]
fn a_pod_that_runs_tells_which_image_it_runs() {
    hold(async |stage| {
        stage.make(&stage.deployments(), &deployment(GOOD)).await;
        stage.rolled_out().await;
        let pod = &stage.pods().await[0];
        let status = &pod["status"]["containerStatuses"][0];
        assert_eq!(text(status, "/image"), GOOD);
        let repository = GOOD.split_once(':').unwrap().0;
        let id = text(status, "/imageID");
        assert!(id.starts_with(&format!("{repository}@sha256:")), "{id}");
        assert!(text(status, "/containerID").starts_with("containerd://"));
        assert_eq!(text(pod, "/status/phase"), "Running");
        for (reason, message) in [
            ("Created", "Created container: app"),
            ("Started", "Started container app"),
        ] {
            let events = stage.events_of(pod, reason).await;
            assert_eq!(events.len(), 1, "{reason}");
            assert_eq!(events[0]["message"], message);
        }
        let scheduled = &stage.events_of(pod, "Scheduled").await[0];
        assert!(text(scheduled, "/message").starts_with(&format!(
            "Successfully assigned {}/{} to ",
            stage.namespace,
            name(pod)
        )));
        assert!(scheduled["eventTime"].is_string() && scheduled["firstTimestamp"].is_null());
    });
}
