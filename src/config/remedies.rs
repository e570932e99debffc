//! `remedies:`: what a policy allows, in order.

use super::findings::{Findings, place};
use super::raw::{RawPinImage, RawRemedy, RawRolloutUndo, Text};
use crate::domain::image::ImageRef;
use crate::domain::policy::{PinFrom, PinImage, RemedySpec, RolloutUndo, UndoTo};
use serde_saphyr::{Location, Spanned};

/// Kubernetes keeps 10 old revisions unless told otherwise; a hundred is more than anybody keeps.
const MOST_REVISIONS_BACK: i64 = 100;

pub(super) fn remedies(
    findings: &mut Findings<'_>,
    path: &str,
    list: Option<&Spanned<Vec<Spanned<RawRemedy>>>>,
    policy: Location,
) -> Vec<RemedySpec> {
    let raw = list.map(|list| list.value.as_slice()).unwrap_or_default();
    if raw.is_empty() {
        findings.mistake(
            path,
            list.map_or(policy, place),
            "a policy without remedies could do nothing",
            "write `remedies: [{rolloutUndo: {}}]`, or remove the policy: without one, incidents are held",
        );
    }
    raw.iter()
        .enumerate()
        .filter_map(|(index, raw)| remedy(findings, &format!("{path}[{index}]"), raw))
        .collect()
}

fn remedy(findings: &mut Findings<'_>, path: &str, raw: &Spanned<RawRemedy>) -> Option<RemedySpec> {
    match (&raw.value.rollout_undo, &raw.value.pin_image) {
        (Some(undo), None) => Some(RemedySpec::RolloutUndo(rollout_undo(
            findings,
            &format!("{path}.rolloutUndo"),
            undo,
        ))),
        (None, Some(pin)) => {
            pin_image(findings, &format!("{path}.pinImage"), pin).map(RemedySpec::PinImage)
        }
        (Some(_), Some(_)) => {
            findings.mistake(
                path,
                raw.defined,
                "two remedies in one entry: their order could not be told",
                "begin the second one with a `-` of its own",
            );
            None
        }
        (None, None) => {
            findings.mistake(
                path,
                raw.defined,
                "an entry without a remedy",
                "write `rolloutUndo: {}` or `pinImage: {image: …}`",
            );
            None
        }
    }
}

fn rollout_undo(findings: &mut Findings<'_>, path: &str, raw: &RawRolloutUndo) -> RolloutUndo {
    if let Some(release) = raw
        .release_stuck_pod
        .as_ref()
        .filter(|release| release.value)
    {
        findings.not_enforced(
            &format!("{path}.releaseStuckPod"),
            release.defined,
            "StatefulSets are not repaired yet, so no stuck pod is released",
        );
    }
    RolloutUndo {
        to: raw
            .to
            .as_ref()
            .and_then(|text| undo_to(findings, &format!("{path}.to"), text))
            .unwrap_or(UndoTo::Proven),
        max_revisions_back: findings.number(
            &format!("{path}.maxRevisionsBack"),
            raw.max_revisions_back.as_ref(),
            5,
            &(1..=MOST_REVISIONS_BACK),
            "an undo goes at least one revision back, and nobody keeps more than a hundred",
        ),
    }
}

fn undo_to(findings: &mut Findings<'_>, path: &str, text: &Text) -> Option<UndoTo> {
    match text.value.parse::<i64>() {
        Ok(number) if number > 0 => Some(UndoTo::Number(number)),
        Ok(number) => {
            findings.mistake(
                path,
                text.defined,
                format!("there is no revision {number}"),
                "write `previous` for the one before, or a number that `kubectl rollout history` shows",
            );
            None
        }
        Err(_) => {
            let words = [("proven", UndoTo::Proven), ("previous", UndoTo::Previous)];
            findings.word(
                path,
                text,
                "a place to go back to (proven, previous or a revision's number)",
                &words,
            )
        }
    }
}

fn pin_image(
    findings: &mut Findings<'_>,
    path: &str,
    raw: &Spanned<RawPinImage>,
) -> Option<PinImage> {
    let at = place(raw);
    let raw = &raw.value;
    let container = raw.container.as_ref().map(|text| {
        findings
            .label(&format!("{path}.container"), text)
            .unwrap_or_default()
    });
    let from = match (&raw.image, &raw.from) {
        (Some(text), None) => PinFrom::Policy(image(findings, &format!("{path}.image"), text)?),
        (None, Some(text)) => {
            let path = format!("{path}.from");
            findings.word(&path, text, "a source of images", &[("lastHealthy", ())])?;
            findings.not_enforced(
                &path,
                text.defined,
                "the digest that ran when healthy is not looked up yet",
            );
            PinFrom::LastHealthy
        }
        (Some(_), Some(_)) => {
            findings.mistake(
                path,
                at,
                "`image` and `from` are two answers to one question",
                "remove one of the two",
            );
            return None;
        }
        (None, None) => {
            findings.mistake(
                path,
                at,
                "it is not said which image",
                "write `image: repository:tag`, or `from: lastHealthy` for the one that ran when healthy",
            );
            return None;
        }
    };
    Some(PinImage { container, from })
}

fn image(findings: &mut Findings<'_>, path: &str, text: &Text) -> Option<ImageRef> {
    match ImageRef::parse(&text.value) {
        Ok(image) => {
            if image.tag().is_none() && image.digest().is_none() {
                findings.note(
                    path,
                    text.defined,
                    format!("`{image}` has no tag: that is `latest`, which moves"),
                );
            }
            Some(image)
        }
        Err(error) => {
            findings.mistake(
                path,
                text.defined,
                error.to_string(),
                "write it like `ghcr.io/team/web:1.2`, perhaps with `@sha256:…`",
            );
            None
        }
    }
}
