use super::*;
use crate::domain::observed::Observed;
use crate::remedy::test_support::{
    BAD_IMAGE, GOOD, GOOD_IMAGE, at, broken_web, change_newest, entry, history, newest_and_older,
    past_failure, revision, serve, template,
};
use serde_json::json;

fn spec(container: Option<&str>, image: &str) -> PinImage {
    PinImage {
        container: container.map(str::to_owned),
        from: PinFrom::Policy(ImageRef::parse(image).unwrap()),
    }
}

fn refused(case: &Case, container: Option<&str>, image: &str) -> Refusal {
    propose(case, &spec(container, image)).unwrap_err()
}

fn no_target_because(case: &Case, container: Option<&str>, image: &str, why: &str) {
    let refusal = refused(case, container, image);
    assert_eq!(refusal.reason, RefusalReason::NoTarget, "{}", refusal.text);
    assert!(refusal.text.contains(why), "{}", refusal.text);
}

#[test]
fn a_container_that_the_template_does_not_have_is_refused_by_name() {
    no_target_because(
        &broken_web(),
        Some("wbe"),
        GOOD_IMAGE,
        "no container wbe; it has web",
    );
}

#[test]
fn a_container_that_does_not_fail_or_fails_for_another_reason_is_left_alone() {
    let mut case = broken_web();
    change_newest(&mut case, |template| {
        template["spec"]["initContainers"] = json!([{"name": "migrate", "image": "migrate:1"}]);
    });
    no_target_because(
        &case,
        Some("migrate"),
        "migrate:2",
        "container migrate does not fail",
    );
    // Of all causes another image cures three.
    for cause in Cause::ALL {
        case.diagnosis.entries = vec![entry("web", cause)];
        if matches!(
            cause,
            Cause::ImageNotFound | Cause::InvalidImageName | Cause::WrongPlatform
        ) {
            propose(&case, &spec(None, GOOD_IMAGE)).unwrap();
        } else {
            no_target_because(&case, None, GOOD_IMAGE, &format!("fails with {cause}"));
        }
    }
}

#[test]
fn two_failing_containers_need_a_name() {
    let mut case = broken_web();
    case.diagnosis
        .entries
        .push(entry("side", Cause::ImageNotFound));
    no_target_because(&case, None, GOOD_IMAGE, "web, side fail");
}

#[test]
fn the_image_that_it_has_is_no_change_however_it_is_spelled() {
    no_target_because(&broken_web(), None, BAD_IMAGE, "already");
    let mut case = broken_web();
    change_newest(&mut case, |template| {
        template["spec"]["containers"][0]["image"] = json!("redis");
    });
    no_target_because(&case, None, "docker.io/library/redis:latest", "already");
}

#[test]
fn last_healthy_is_not_there_yet() {
    let spec = PinImage {
        container: None,
        from: PinFrom::LastHealthy,
    };
    let refusal = propose(&broken_web(), &spec).unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::NoTarget);
    assert!(refusal.text.contains("not there yet"), "{}", refusal.text);
}

#[test]
fn an_image_of_another_repository_is_refused() {
    no_target_because(
        &broken_web(),
        None,
        "ghcr.io/else/web:1",
        "another repository",
    );
}

#[test]
fn an_image_of_an_older_healthy_revisions_repository_is_taken() {
    let mut case = broken_web();
    change_newest(&mut case, |template| {
        template["spec"]["containers"][0]["image"] = json!("Not An Image");
    });
    case.diagnosis.entries = vec![entry("web", Cause::InvalidImageName)];
    let plan = propose(&case, &spec(None, "ghcr.io/vlrrbn/lab30-web-metrics:0.2.2")).unwrap();
    assert!(
        plan.proof
            .contains("revision 1 had it from the same repository, and was healthy for 1h"),
        "{}",
        plan.proof
    );
    case.evidence.history = Observed::Unavailable("away".into());
    assert_eq!(
        refused(&case, None, GOOD_IMAGE).reason,
        RefusalReason::Unavailable
    );
    case.evidence.history = Observed::Known(history(&[]));
    assert_eq!(
        refused(&case, None, GOOD_IMAGE).reason,
        RefusalReason::NoTarget
    );
    serve(&mut case, GOOD, 1, 60);
    assert_eq!(
        refused(&case, None, GOOD_IMAGE).reason,
        RefusalReason::UnprovenYet {
            look_again_at: at(60)
        }
    );
}

#[test]
fn a_revision_seen_failing_vouches_for_no_repository() {
    let mut case = broken_web();
    change_newest(&mut case, |template| {
        template["spec"]["containers"][0]["image"] = json!("elsewhere:1");
    });
    case.evidence.past = Observed::Known(vec![past_failure(GOOD)]);
    let other_tag = "ghcr.io/vlrrbn/lab30-web-metrics:0.2.2";
    no_target_because(&case, None, other_tag, "another repository");
    case.evidence.past = Observed::Known(vec![]);
    assert!(propose(&case, &spec(None, other_tag)).is_ok());
}

#[test]
fn an_image_seen_failing_in_that_container_is_refused() {
    let mut case = broken_web();
    case.evidence.past = Observed::Known(vec![past_failure(GOOD)]);
    assert_eq!(
        refused(&case, None, GOOD_IMAGE).reason,
        RefusalReason::Quarantined
    );
    // Another revision with the same image and other arguments is as good a reason.
    newest_and_older(&mut case).1[0].template["spec"]["containers"][0]["args"] = json!(["--other"]);
    let refusal = refused(&case, None, GOOD_IMAGE);
    assert_eq!(refusal.reason, RefusalReason::Quarantined);
    assert!(
        refusal
            .text
            .contains("revision 1 (lab30-web-good) was seen failing"),
        "{}",
        refusal.text
    );
}

#[test]
fn an_image_that_failed_in_another_container_is_no_obstacle() {
    let mut case = broken_web();
    let mut other = template("ghcr.io/else/other:1");
    other["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "side", "image": GOOD_IMAGE}));
    newest_and_older(&mut case)
        .1
        .push(revision("lab30-web-zero", 0, other));
    case.evidence.past = Observed::Known(vec![past_failure("lab30-web-zero")]);
    assert!(propose(&case, &spec(None, GOOD_IMAGE)).is_ok());
}

#[test]
fn only_the_image_changes() {
    let mut case = broken_web();
    change_newest(&mut case, |template| {
        template["spec"]["containers"][0]["args"] = json!(["--new"]);
        template["spec"]["containers"][0]["imagePullPolicy"] = json!("Always");
    });
    let plan = propose(&case, &spec(Some("web"), GOOD_IMAGE)).unwrap();
    let mut wanted = case.workload().unwrap().template().clone();
    wanted["spec"]["containers"][0]["image"] = json!(GOOD_IMAGE);
    assert_eq!(plan.template, wanted);
    assert_eq!(
        plan.change_cause,
        "ripcord: pin web to 0.2.1, incident lab30-web-abc (ImageNotFound)"
    );
    assert_eq!(
        plan.target.to_string(),
        format!("web: image {BAD_IMAGE} -> {GOOD_IMAGE}")
    );
}

#[test]
fn an_init_container_can_be_pinned_too() {
    let mut case = broken_web();
    change_newest(&mut case, |template| {
        template["spec"]["initContainers"] = json!([{"name": "migrate", "image": "migrate:1"}]);
    });
    case.diagnosis.entries = vec![entry("migrate", Cause::ImageNotFound)];
    let plan = propose(&case, &spec(None, "migrate:2")).unwrap();
    assert_eq!(
        plan.template["spec"]["initContainers"][0]["image"],
        "migrate:2"
    );
}
