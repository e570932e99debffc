//! The proof that a plan was written, and how a restart finds it again.

use crate::domain::identity::{ActionId, TemplateHash};
use crate::domain::plan::PlanRecord;
use crate::domain::workload::{ACTION_ANNOTATION, Revisions, Workload};
use serde_json::Value;

/// A plan that is written and still stands. Made only here, from a reading of the workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    action_id: ActionId,
    workload: Workload,
}

impl Applied {
    /// For tests of what comes after a write.
    #[cfg(test)]
    pub(crate) fn on(workload: Workload) -> Self {
        Self {
            action_id: ActionId::new("test"),
            workload,
        }
    }

    /// A proof without proof, for a planted bug.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn unproven(workload: &Workload) -> Self {
        Self {
            action_id: ActionId::new("unproven"),
            workload: workload.clone(),
        }
    }

    /// The write's name.
    pub fn action_id(&self) -> &ActionId {
        &self.action_id
    }

    /// The workload as it was stored, or found.
    pub fn workload(&self) -> &Workload {
        &self.workload
    }
}

/// What a reading of the workload says about a planned write.
#[derive(Clone, Debug, PartialEq)]
pub enum Recognised {
    /// It happened, and stands.
    Ours(Box<Applied>),
    /// It did not happen.
    NotWritten,
    /// It happened, and somebody has changed the template since: the id alone proves nothing, a later rollout inherits it.
    Superseded,
}

/// Whether a template is the plan's, by comparison with the template itself.
pub(super) fn recognise_template(
    workload: &Workload,
    action_id: &ActionId,
    template: &Value,
) -> Recognised {
    if workload.annotation(ACTION_ANNOTATION) != Some(action_id.as_str()) {
        Recognised::NotWritten
    } else if workload.template() == template {
        Recognised::Ours(Box::new(Applied {
            action_id: action_id.clone(),
            workload: workload.clone(),
        }))
    } else {
        Recognised::Superseded
    }
}

/// Whether a recorded plan was written and stands. No template is stored, so the plan's is rebuilt from the revisions that it names: the
/// target's own, or the former newest one's with another image. Where those are gone (a workload that keeps no old revisions prunes the
/// former one when its pods are gone), `made` says it: the revision that the write was seen to make. `None` where nothing does.
pub fn recognise(
    workload: &Workload,
    revisions: &Revisions,
    plan: &PlanRecord,
    made: Option<&TemplateHash>,
) -> Option<Recognised> {
    if !is_marked(workload, plan) {
        return Some(Recognised::NotWritten);
    }
    if let Some(template) = rebuilt(revisions, plan) {
        return Some(recognise_template(workload, &plan.action_id, &template));
    }
    let newest = revisions.newest.as_ref()?;
    Some(if &newest.hash == made? {
        Recognised::Ours(Box::new(Applied {
            action_id: plan.action_id.clone(),
            workload: workload.clone(),
        }))
    } else {
        Recognised::Superseded
    })
}

/// Whether a workload carries a recorded plan's action id: then its write was stored, whatever became of it since.
pub fn is_marked(workload: &Workload, plan: &PlanRecord) -> bool {
    workload.annotation(ACTION_ANNOTATION) == Some(plan.action_id.as_str())
}

/// The template that a plan wrote, where the revisions that it is made of are still there.
fn rebuilt(revisions: &Revisions, plan: &PlanRecord) -> Option<Value> {
    let of = |hash: &TemplateHash| {
        let revision = revisions.all().find(|revision| &revision.hash == hash)?;
        Some(revision.template.clone())
    };
    match (&plan.target_revision, &plan.image) {
        (Some(target), _) => of(&target.hash),
        (None, Some(image)) => {
            let mut template = of(&plan.inverse.hash)?;
            set_image(&mut template, &image.container, &image.to)?;
            Some(template)
        }
        (None, None) => None,
    }
}

fn set_image(template: &mut Value, container: &str, image: &str) -> Option<()> {
    let spec = template.get_mut("spec")?.as_object_mut()?;
    spec.iter_mut()
        .filter(|(list, _)| *list == "containers" || *list == "initContainers")
        .filter_map(|(_, list)| list.as_array_mut())
        .flatten()
        .find(|found| found.get("name").and_then(Value::as_str) == Some(container))?
        .as_object_mut()?
        .insert("image".to_owned(), Value::String(image.to_owned()));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::{RevisionName, Uid};
    use crate::domain::plan::{ImageChange, RevisionMark};
    use crate::domain::workload::{ReplicaCounts, Revision, WorkloadKind, WorkloadRef};
    use serde_json::json;

    fn template(image: &str) -> Value {
        json!({"spec": {"containers": [{"name": "web", "image": image}]}})
    }

    fn workload(action: Option<&str>, image: &str) -> Workload {
        Workload {
            reference: WorkloadRef {
                kind: WorkloadKind::Deployment,
                namespace: "n".into(),
                name: "web".into(),
            },
            uid: Uid::new("u"),
            resource_version: "1".into(),
            generation: 1,
            observed_generation: 1,
            labels: [].into(),
            annotations: action
                .map(|action| [(ACTION_ANNOTATION.to_owned(), action.to_owned())].into()),
            spec: json!({"template": template(image)}),
            counts: ReplicaCounts::default(),
            owner_references: serde_json::Value::Null,
            replica_failure: None,
        }
    }

    fn revisions() -> Revisions {
        let revision = |hash: &str, number, image: &str| Revision {
            name: RevisionName::new(hash),
            uid: Uid::new(hash),
            hash: TemplateHash::new(hash),
            number,
            created: jiff::Timestamp::UNIX_EPOCH,
            replicas_wanted: 1,
            template: template(image),
            change_cause: None,
        };
        Revisions {
            newest: Some(revision("bad", 2, "web:bad")),
            older: vec![revision("good", 1, "web:good")],
        }
    }

    fn mark(hash: &str) -> RevisionMark {
        RevisionMark {
            name: RevisionName::new(hash),
            hash: TemplateHash::new(hash),
            number: 1,
        }
    }

    fn plan(target: Option<&str>) -> PlanRecord {
        PlanRecord {
            step: 1,
            remedy: "x".into(),
            remedy_index: 0,
            action_id: ActionId::new("web-1"),
            target: String::new(),
            target_revision: target.map(mark),
            target_uid: None,
            image: Some(ImageChange {
                container: "web".into(),
                from: "web:bad".into(),
                to: "web:pinned".into(),
            }),
            patch_sha256: String::new(),
            inverse: mark("bad"),
            proof: String::new(),
            validated_by: String::new(),
        }
    }

    #[test]
    fn without_the_action_id_nothing_was_written() {
        for action in [None, Some("web-2")] {
            assert_eq!(
                recognise(
                    &workload(action, "web:good"),
                    &revisions(),
                    &plan(Some("good")),
                    None,
                ),
                Some(Recognised::NotWritten)
            );
        }
    }

    #[test]
    fn the_action_id_alone_is_somebody_elses_later_rollout() {
        let found = recognise(
            &workload(Some("web-1"), "web:newer"),
            &revisions(),
            &plan(Some("good")),
            None,
        );
        assert_eq!(found, Some(Recognised::Superseded));
    }

    #[test]
    fn an_undo_and_a_pin_are_found_again() {
        let undone = recognise(
            &workload(Some("web-1"), "web:good"),
            &revisions(),
            &plan(Some("good")),
            None,
        );
        assert!(matches!(undone, Some(Recognised::Ours(_))));
        let pinned = recognise(
            &workload(Some("web-1"), "web:pinned"),
            &revisions(),
            &plan(None),
            None,
        );
        assert!(matches!(pinned, Some(Recognised::Ours(_))));
    }

    #[test]
    fn a_target_that_is_gone_can_not_be_told() {
        assert_eq!(
            recognise(
                &workload(Some("web-1"), "web:good"),
                &revisions(),
                &plan(Some("pruned")),
                None,
            ),
            None
        );
    }

    #[test]
    fn a_write_whose_source_was_pruned_is_known_by_the_revision_that_it_made() {
        let written = workload(Some("web-1"), "web:bad");
        let seen_to_make = |made: &str| {
            let hash = TemplateHash::new(made);
            recognise(&written, &revisions(), &plan(Some("pruned")), Some(&hash))
        };
        assert!(matches!(seen_to_make("bad"), Some(Recognised::Ours(_))));
        assert_eq!(seen_to_make("other"), Some(Recognised::Superseded));
    }
}
