//! The image family: `ImageNotFound` and `InvalidImageName`. What else keeps an image away is known well enough never to be called one of them.

use super::Finding;
use super::pull::{self, PullFailure};
use super::symptoms::{Symptom, SymptomKind};
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
        SymptomKind::ErrImageNeverPull => Some(Finding::unknown(format!(
            "{image} is not on the node, and the pull policy is Never; nothing says whether it exists"
        ))),
        SymptomKind::ContainerError
        | SymptomKind::Crash
        | SymptomKind::Unscheduled
        | SymptomKind::NotCreated => None,
    }
}

fn failed_pull(symptom: &Symptom, evidence: &Evidence) -> Finding {
    let image = &symptom.container.image;
    if let ContainerState::Waiting { reason, .. } = &symptom.container.state
        && !matches!(reason.as_str(), "ErrImagePull" | "ImagePullBackOff")
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
    match failure {
        PullFailure::NotFound => match was_there(symptom, evidence) {
            Some(place) => Finding::unknown(format!(
                "the registry says that {image} does not exist, but it was there before: {place}"
            )),
            None => Finding::new(
                Cause::ImageNotFound,
                format!("the registry answered that {image} does not exist"),
            ),
        },
        PullFailure::WrongPlatform => {
            Finding::unknown(format!("{image} exists, but not for this node's platform"))
        }
        PullFailure::AccessDenied => Finding::unknown(format!(
            "the registry refuses access to {image}, or its repository does not exist: it does not say which"
        )),
        PullFailure::RateLimited => Finding::unknown(format!(
            "the registry answers \"too many requests\"; nothing says that {image} is wrong"
        )),
        PullFailure::Unreachable => Finding::unknown(format!(
            "the registry can't be reached or is in trouble; nothing says that {image} is wrong"
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
