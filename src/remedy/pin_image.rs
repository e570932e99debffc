//! `pinImage`: one container's image becomes one that the owner named, as `kubectl set image` means it (semantics page, section 5).

use super::proof::{self, Proof};
use super::{Ground, Way, refusal};
use crate::domain::case::Case;
use crate::domain::diagnosis::{Cause, Entry};
use crate::domain::image::ImageRef;
use crate::domain::plan::{ImageChange, Plan, Refusal, RefusalReason, Target};
use crate::domain::policy::{PinFrom, PinImage};
use crate::domain::template::{self, CONTAINER_LISTS};
use crate::domain::workload::{Revision, images};
use serde_json::Value;

/// Its name in configurations, records and metrics.
pub const NAME: &str = "pinImage";

/// What another image of a known-good reference cures. Not an image that may not be had or of whose registry nothing is known: the owner's
/// image is most often of the same one. Not what the program, its configuration or the cluster does.
const CURED_BY_AN_IMAGE: [Cause; 3] = [
    Cause::ImageNotFound,
    Cause::InvalidImageName,
    Cause::WrongPlatform,
];

/// What people read about it.
pub const HELP: &str = "\
When it helps
  A container's image does not exist (ImageNotFound), its name does not parse (InvalidImageName), or it is not for the node's platform
  (WrongPlatform), and the owner knows a good one.
What it changes
  The image of that one container in the Deployment's pod template. Nothing else, imagePullPolicy neither.
How it is undone
  kubectl set image with the image that failed; the Incident names it.
When it is refused
  The template has no such container; it fails for another reason than its image; the image is the one it has, is of another repository than
  the failing image and every older healthy revision's, or was seen failing in that container; or `from: lastHealthy`, which is not there yet.
";

/// Plans a pin.
///
/// # Errors
/// Says why the image can't be set, or would not help.
pub fn propose(case: &Case, spec: &PinImage) -> Result<Plan, Refusal> {
    let ground = Ground::of(case, NAME)?;
    let image = match &spec.from {
        PinFrom::Policy(image) => image,
        PinFrom::LastHealthy => {
            return no_target("`from: lastHealthy` is not there yet: name an image in the policy");
        }
    };
    let container = chosen_container(case, spec)?;
    let present = ground.workload.template();
    let Some(from) = template::image(present, &container) else {
        return no_target(format!(
            "the template has no container {container}; it has {}",
            images(present)
                .into_iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
                .join(", ")
        ));
    };
    check_cause(case, &container)?;
    if from == image.as_str() || same_image(from, image) {
        return no_target(format!(
            "container {container} has the image {from} already"
        ));
    }
    let Some(quarantined) = case.quarantined_revisions() else {
        return Err(refusal(
            NAME,
            RefusalReason::Unavailable,
            "Ripcord's own record could not be read, so it can't be told which images were seen failing",
        ));
    };
    let origin = check_repository(case, &ground, &container, from, image, &quarantined)?;
    let Some(planned) = with_image(present, &container, image.as_str()) else {
        return no_target(format!("the template has no container {container}"));
    };
    if let Some(revision) = seen_failing(&quarantined, &container, image) {
        let text = format!(
            "revision {} ({}) was seen failing with {image} in container {container}",
            revision.number, revision.name
        );
        return Err(refusal(NAME, RefusalReason::Quarantined, text));
    }
    let way = Way {
        remedy: NAME,
        in_words: format!(
            "pin {container} to {}",
            image.tag().or(image.digest()).unwrap_or(image.as_str())
        ),
        proof: format!("policy {} names {image}; {origin}", ground.policy.name),
        target: Target::Image(ImageChange {
            container,
            from: from.to_owned(),
            to: image.as_str().to_owned(),
        }),
        template: planned,
    };
    Ok(ground.plan(case, way))
}

fn no_target<T>(text: impl Into<String>) -> Result<T, Refusal> {
    Err(refusal(NAME, RefusalReason::NoTarget, text))
}

fn chosen_container(case: &Case, spec: &PinImage) -> Result<String, Refusal> {
    if let Some(container) = &spec.container {
        return Ok(container.clone());
    }
    match case.diagnosis.entries.as_slice() {
        [only] => Ok(only.container.clone()),
        several => no_target(format!(
            "the policy names no container, and {} fail",
            several
                .iter()
                .map(|entry| entry.container.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}

/// Another image cures an image that can't be had. What the program does once it runs is for an undo.
fn check_cause(case: &Case, container: &str) -> Result<(), Refusal> {
    let mut entries = case
        .diagnosis
        .entries
        .iter()
        .filter(|entry| entry.container == container);
    let blames_image = |entry: &Entry| CURED_BY_AN_IMAGE.contains(&entry.cause);
    let Some(first) = entries.next() else {
        return no_target(format!("container {container} does not fail"));
    };
    match [first]
        .into_iter()
        .chain(entries)
        .find(|entry| !blames_image(entry))
    {
        None => Ok(()),
        Some(entry) => no_target(format!(
            "container {container} fails with {}, which another image is not known to cure: only {} are",
            entry.cause,
            CURED_BY_AN_IMAGE.map(Cause::as_str).join(", ")
        )),
    }
}

/// The repository must be one that this container is known to come from: a mistake in the policy must not bring in another program.
fn check_repository(
    case: &Case,
    ground: &Ground<'_>,
    container: &str,
    from: &str,
    image: &ImageRef,
    quarantined: &[&Revision],
) -> Result<String, Refusal> {
    let of_repository = |text: &str| {
        ImageRef::parse(text).is_ok_and(|parsed| parsed.repository() == image.repository())
    };
    if of_repository(from) {
        return Ok("it is of the failing image's repository".to_owned());
    }
    let mut hope = None;
    let origins = ground.revisions.older.iter().filter(|revision| {
        !quarantined.contains(revision)
            && template::image(&revision.template, container).is_some_and(of_repository)
    });
    for revision in origins {
        match proof::of(case, revision) {
            Proof::Proven(text) => {
                return Ok(format!(
                    "revision {} had it from the same repository, and {text}",
                    revision.number
                ));
            }
            Proof::NotYet { look_again_at, .. } => {
                hope = Some(RefusalReason::UnprovenYet { look_again_at });
            }
            Proof::Unavailable(_) => hope = hope.or(Some(RefusalReason::Unavailable)),
            Proof::Not(_) => {}
        }
    }
    let text = format!(
        "{image} is of another repository than container {container}'s {from}, and no older revision of that repository is proven healthy"
    );
    Err(refusal(NAME, hope.unwrap_or(RefusalReason::NoTarget), text))
}

/// The revision seen failing that had this image in this container. One whose whole template the pin would make again is among them.
fn seen_failing<'a>(
    quarantined: &[&'a Revision],
    container: &str,
    image: &ImageRef,
) -> Option<&'a Revision> {
    quarantined.iter().copied().find(|revision| {
        template::image(&revision.template, container)
            .is_some_and(|seen| seen == image.as_str() || same_image(seen, image))
    })
}

/// Whether two references name the same thing to the container runtime: it drops the tag beside a digest, and no tag means `latest`.
fn same_image(text: &str, image: &ImageRef) -> bool {
    fn named(image: &ImageRef) -> (&str, &str) {
        let version = image.digest().or(image.tag()).unwrap_or("latest");
        (image.repository(), version)
    }
    ImageRef::parse(text).is_ok_and(|parsed| named(&parsed) == named(image))
}

fn with_image(present: &Value, container: &str, image: &str) -> Option<Value> {
    let mut planned = present.clone();
    for list in CONTAINER_LISTS {
        let slot = planned
            .get_mut("spec")
            .and_then(|spec| spec.get_mut(list))
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .find(|one| one.get("name").and_then(Value::as_str) == Some(container))
            .and_then(|one| one.get_mut("image"));
        if let Some(slot) = slot {
            *slot = Value::from(image);
            return Some(planned);
        }
    }
    None
}

#[cfg(test)]
mod tests;
