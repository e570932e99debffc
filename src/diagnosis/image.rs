//! The image family: why an image can't be had. The registry's and the runtime's words say what failed; whether the revision is to blame
//! is for the difference between its reference and the older ones (`cure`).

use super::cure::Cure;
use super::pull::{self, PullFailure};
use super::symptoms::{Symptom, SymptomKind};
use super::{Finding, start};
use crate::domain::diagnosis::Cause;
use crate::domain::evidence::Evidence;
use crate::domain::workload::ContainerState;
use crate::planted::{self, Bug};

/// What a symptom of this family means; `None` = it belongs to another.
pub(super) fn judge(symptom: &Symptom, evidence: &Evidence) -> Option<Finding> {
    let image = &symptom.container.image;
    match symptom.kind {
        SymptomKind::ImagePull => Some(failed_pull(symptom, evidence)),
        SymptomKind::InvalidImageName => Some(Finding::new(
            Cause::InvalidImageName,
            format!("{image} is not a valid image name"),
        )),
        SymptomKind::ErrImageNeverPull => Some(
            Finding::new(
                Cause::NeverPull,
                format!("{image} is not on the node, and the pull policy is Never"),
            )
            .cured(Cure::ImageOnNode),
        ),
        SymptomKind::ContainerError
        | SymptomKind::Crash
        | SymptomKind::Unscheduled
        | SymptomKind::NotCreated
        | SymptomKind::NoPods => None,
    }
}

fn failed_pull(symptom: &Symptom, evidence: &Evidence) -> Finding {
    let image = &symptom.container.image;
    if let ContainerState::Waiting { reason, .. } = &symptom.container.state
        && !matches!(
            reason.as_str(),
            "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable"
        )
    {
        return Finding::unknown(format!(
            "{image} can't be had: {reason}; that is not a missing image"
        ));
    }
    if symptom.message.is_empty() {
        return Finding::unknown(format!(
            "{image} can't be pulled, and neither the kubelet's message nor an event says why"
        ));
    }
    let failure = if planted::is(Bug::AwayIsMissing) {
        PullFailure::NotFound
    } else {
        pull::classify(&symptom.message)
    };
    of_failure(failure, symptom, was_there(symptom, evidence).as_deref())
}

fn of_failure(failure: PullFailure, symptom: &Symptom, was_there: Option<&str>) -> Finding {
    let image = &symptom.container.image;
    let had_before = || {
        let place = was_there?;
        Some(format!("it could be had before: {place}"))
    };
    match failure {
        PullFailure::NotFound => match was_there {
            Some(place) => Finding::unknown(format!(
                "the registry says that {image} does not exist, but it was there before: {place}"
            )),
            None => Finding::new(
                Cause::ImageNotFound,
                format!("the registry answered that {image} does not exist"),
            ),
        },
        PullFailure::WrongPlatform => Finding::new(
            Cause::WrongPlatform,
            format!("{image} exists, but not for this node's platform"),
        )
        .cured(Cure::ImageOnNode)
        .unless(had_before()),
        PullFailure::AccessDenied => Finding::new(
            Cause::ImageAccessDenied,
            format!("the registry refuses access to {image}, or its repository does not exist: it does not say which"),
        )
        .cured(Cure::OtherRegistry {
            or_credentials: true,
        })
        .unless(had_before()),
        PullFailure::RateLimited => Finding::new(
            Cause::RegistryRateLimited,
            format!("the registry answers \"too many requests\"; nothing says that {image} is wrong"),
        )
        .unless(Some("it may pass by itself, and another rollout would be more pulls".to_owned())),
        PullFailure::Unreachable => {
            let finding = Finding::new(
                Cause::RegistryUnreachable,
                format!("the registry can't be reached or is in trouble; nothing says that {image} is wrong"),
            );
            // The one answer that is about the name: there is no such host. All others may pass by themselves.
            if symptom.message.contains("no such host") {
                finding
                    .cured(Cure::OtherRegistry {
                        or_credentials: false,
                    })
                    .unless(had_before())
            } else {
                finding.unless(Some("it may pass by itself".to_owned()))
            }
        }
        PullFailure::NoRoom => start::node_trouble(format!(
            "the node has no room for {image}: {}",
            symptom.message
        )),
        PullFailure::Other => Finding::unknown(format!(
            "{image} can't be pulled, for a reason that is not known: {}",
            symptom.message
        )),
    }
}

/// Where the same image has been pulled before: in this very pod, or in another of the workload, of whichever revision.
fn was_there(symptom: &Symptom, evidence: &Evidence) -> Option<String> {
    let container = &symptom.container;
    if container.restarts > 0 || container.last.is_some() || !container.image_id.is_empty() {
        return Some(format!("{} ran in {}", container.name, symptom.pod_name));
    }
    evidence
        .pods
        .known()?
        .iter()
        .filter(|pod| pod.uid != symptom.pod)
        .filter(|pod| {
            pod.containers.iter().any(|other| {
                other.name == container.name
                    && other.image == container.image
                    && !other.image_id.is_empty()
            })
        })
        .map(|pod| format!("{} has it", pod.name))
        .min()
}
