//! What clears the revision: it was healthy before, it is healthy beside, or an older one fails in the same way.

use super::Finding;
use super::cure::Cure;
use super::symptoms::Symptom;
use crate::domain::diagnosis::Cause;
use crate::domain::evidence::{Evidence, HealthyStretch};
use crate::domain::policy::GuardLimits;
use crate::domain::time::{human, since, whole_seconds};
use crate::domain::workload::Revision;

/// Two samples may be two moments; three make a stretch.
const SAMPLES_AT_LEAST: u32 = 3;

/// `WasHealthy`: this very revision was once fully ready, without restarts, for long enough. Something else has changed since.
pub(super) fn was_healthy(
    newest: &Revision,
    evidence: &Evidence,
    limits: &GuardLimits,
) -> Option<Finding> {
    let stretch = healthy_stretch(newest, evidence, limits)?;
    Some(
        Finding::new(
            Cause::WasHealthy,
            format!(
                "revision {} was healthy for {} from {} on: something else has changed since",
                newest.name,
                human(stretch.span()),
                whole_seconds(stretch.from)
            ),
        )
        .cured(Cure::Never("going back would not undo that".to_owned())),
    )
}

/// Prometheus has nothing to say of the revision for so long that it may have been healthy then: never seen healthy is not seen failing.
pub(super) fn may_have_been_healthy(
    newest: &Revision,
    evidence: &Evidence,
    limits: &GuardLimits,
) -> Option<String> {
    let unrefuted = evidence.history.known()?.get(&newest.name)?.unrefuted;
    (unrefuted >= limits.proven_for).then(|| {
        format!(
            "whether {} was healthy before can't be told: Prometheus' history has {} since its creation in which nothing says that it was not",
            newest.name,
            human(unrefuted)
        )
    })
}

/// An older revision that is the same in what fails, and that was healthy or is: a restart (`kubectl rollout restart`) or a change elsewhere
/// in the template only brought to light what has changed outside of it. Going further back would undo a change that worked.
pub(super) fn same_was_healthy(
    same: &[&Revision],
    evidence: &Evidence,
    limits: &GuardLimits,
) -> Option<String> {
    same.iter().find_map(|older| {
        healthy_stretch(older, evidence, limits)
            .map(|stretch| {
                format!(
                    "revision {} is the same in what fails, and was healthy for {} from {} on",
                    older.name,
                    human(stretch.span()),
                    whole_seconds(stretch.from)
                )
            })
            .or_else(|| {
                let beside = is_healthy_beside(older, evidence, limits)?;
                Some(format!(
                    "revision {} is the same in what fails, and {beside}",
                    older.name
                ))
            })
    })
}

/// The stretch in Prometheus' history in which a revision was healthy by the one definition.
pub(super) fn healthy_stretch(
    revision: &Revision,
    evidence: &Evidence,
    limits: &GuardLimits,
) -> Option<HealthyStretch> {
    evidence
        .history
        .known()?
        .get(&revision.name)?
        .longest
        .filter(|stretch| {
            stretch.span() >= limits.proven_for && stretch.samples >= SAMPLES_AT_LEAST
        })
}

/// A pod of the revision that has been whole for long enough, right now: its template can run.
pub(super) fn is_healthy_beside(
    revision: &Revision,
    evidence: &Evidence,
    limits: &GuardLimits,
) -> Option<String> {
    evidence
        .pods
        .known()?
        .iter()
        .filter(|pod| !pod.deleting && pod.revision == revision.name)
        .filter_map(|pod| Some((pod, since(pod.ready_since?, evidence.gathered_at))))
        .filter(|(_, ready)| *ready >= limits.proven_for)
        .map(|(pod, ready)| {
            format!(
                "{} of that revision has been Ready for {}",
                pod.name,
                human(ready)
            )
        })
        .min()
}

/// A pod of the revision that is Ready, has never restarted, and lacks only time to be whole: in a larger rollout one pod may crash, of its node
/// or of its bad luck, before the others have shown what the template is worth.
pub(super) fn may_be_healthy_beside(
    newest: &Revision,
    evidence: &Evidence,
    limits: &GuardLimits,
) -> Option<String> {
    evidence
        .pods
        .known()?
        .iter()
        .filter(|pod| !pod.deleting && pod.revision == newest.name)
        .filter(|pod| {
            pod.containers
                .iter()
                .all(|container| container.restarts == 0 && container.last.is_none())
        })
        .filter_map(|pod| Some((pod, since(pod.ready_since?, evidence.gathered_at))))
        .filter(|(_, ready)| *ready < limits.proven_for)
        .map(|(pod, ready)| {
            format!(
                "{} of the same revision has been Ready for {} without a restart; {} would clear the revision",
                pod.name,
                human(ready),
                human(limits.proven_for)
            )
        })
        .min()
}

/// `OlderRevisionFailsToo`: an older revision's pods show the same symptom in the same container: that is not the newest one's doing. Going
/// further back might still help, if there is further to go.
pub(super) fn older_fails_too(
    symptom: &Symptom,
    older: &[Symptom],
    older_revisions: &[Revision],
) -> Option<Finding> {
    let is_failing = |revision: &Revision| {
        let mut failing = older.iter().map(|other| &other.revision);
        failing.any(|name| *name == revision.name)
    };
    let cure = if older_revisions.iter().all(is_failing) {
        Cure::Never("there is no older revision that does not fail".to_owned())
    } else {
        Cure::Untold("whether going further back helps is not known".to_owned())
    };
    older
        .iter()
        .filter(|other| {
            other.container.name == symptom.container.name && other.kind == symptom.kind
        })
        .map(|other| &other.revision)
        .min()
        .map(|revision| {
            Finding::new(
                Cause::OlderRevisionFailsToo,
                format!(
                    "{} fails in the older revision {revision} too",
                    symptom.container.name
                ),
            )
            .cured(cure)
        })
}
