//! `ConfigChanged`: the template is what it was, and what it takes from ConfigMaps and Secrets is not.

use super::Finding;
use super::cure::Cure;
use super::not_revision::healthy_stretch;
use super::symptoms::SymptomKind;
use crate::domain::diagnosis::Cause;
use crate::domain::evidence::Evidence;
use crate::domain::observed::Observed;
use crate::domain::policy::GuardLimits;
use crate::domain::surroundings::{ConfigName, config_of, needed_config_of};
use crate::domain::time::whole_seconds;
use crate::domain::workload::Revision;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a delivery (a chart, a pipeline, `kubectl apply -k`) writes together is written within minutes.
const TOGETHER: SignedDuration = SignedDuration::from_mins(5);

/// A ConfigMap or Secret that the newest template names changed after that very template was healthy: under this revision's name, or under that
/// of one which differs in the template's annotations alone (`kubectl rollout restart`, a checksum of the configuration).
pub(super) fn judge(
    kind: SymptomKind,
    newest: &Revision,
    older: &[Revision],
    evidence: &Evidence,
    limits: &GuardLimits,
) -> Option<Finding> {
    if !is_about_configuration(kind) {
        return None;
    }
    let same = older
        .iter()
        .filter(|older| differ_in_annotations_alone(newest, older));
    let (revision, healthy_from) = [newest].into_iter().chain(same).find_map(|revision| {
        let stretch = healthy_stretch(revision, evidence, limits)?;
        Some((revision, stretch.from))
    })?;
    let (name, at) = last_change(&config_of(&newest.template), evidence, healthy_from)?;
    let (at, from) = (whole_seconds(at), whole_seconds(healthy_from));
    let because = if revision.name == newest.name {
        format!(
            "{name} changed by {at}, after revision {} was healthy from {from} on",
            newest.name
        )
    } else {
        format!(
            "{name} changed by {at}, after revision {} was healthy from {from} on, and {} differs from it in annotations alone",
            revision.name, newest.name
        )
    };
    let never = Cure::Never("going back would not undo that".to_owned());
    Some(Finding::new(Cause::ConfigChanged, because).cured(never))
}

/// What a container, once it is to be created, takes from its configuration: an image that can't be pulled and a pod without a node it does not.
fn is_about_configuration(kind: SymptomKind) -> bool {
    match kind {
        SymptomKind::ContainerError | SymptomKind::Crash | SymptomKind::NotCreated => true,
        SymptomKind::ImagePull
        | SymptomKind::InvalidImageName
        | SymptomKind::ErrImageNeverPull
        | SymptomKind::Unscheduled
        | SymptomKind::NoPods => false,
    }
}

fn differ_in_annotations_alone(one: &Revision, other: &Revision) -> bool {
    fn without(template: &Value) -> Value {
        let mut template = template.clone();
        let metadata = template.get_mut("metadata").and_then(Value::as_object_mut);
        if let Some(metadata) = metadata {
            metadata.remove("annotations");
        }
        template
    }
    without(&one.template) == without(&other.template)
}

/// The latest change of one of these after a time.
fn last_change(
    names: &BTreeSet<ConfigName>,
    evidence: &Evidence,
    after: Timestamp,
) -> Option<(ConfigName, Timestamp)> {
    let histories = evidence.around.config.known()?;
    names
        .iter()
        .filter_map(|name| Some((name, histories.get(name)?.changed_at.last()?)))
        .filter(|(_, at)| **at > after)
        .max_by_key(|(_, at)| **at)
        .map(|(name, at)| (name.clone(), *at))
}

/// What keeps going back from being sure: a ConfigMap or Secret that this template and the one that would be gone back to both name, and that
/// may have changed since that one was healthy. Its pods would start with the new one, whether it changed with the rollout or long before.
pub(super) fn doubt(
    newest: &Revision,
    different: &[&Revision],
    evidence: &Evidence,
    limits: &GuardLimits,
) -> Option<String> {
    let (older, proven) = candidate(newest, different, evidence, limits)?;
    let (own, theirs) = (config_of(&newest.template), config_of(&older.template));
    let needed = needed_config_of(&older.template);
    let both: Vec<&ConfigName> = own.intersection(&theirs).collect();
    let first = both.first()?;
    let histories = match &evidence.around.config {
        Observed::Known(histories) => histories,
        Observed::Absent => return Some(format!("when {first} changed last is not known")),
        Observed::Unavailable(why) => {
            return Some(format!("when {first} changed last can't be told: {why}"));
        }
    };
    let started = newest_start(older, evidence);
    both.into_iter().find_map(|name| {
        let Some(history) = histories.get(name) else {
            // What need not be there, and never was while others of its kind were exported, did not change.
            let is_exported = histories.keys().any(|other| other.kind == name.kind);
            if is_exported && !needed.contains(name) {
                return None;
            }
            return Some(format!(
                "when {name} changed last can't be told: kube-state-metrics does not export it"
            ));
        };
        let untested = |at: Timestamp| at > proven && started.is_none_or(|started| at > started);
        if let Some(at) = history.changed_at.last().filter(|at| untested(**at)) {
            return Some(format!(
                "{name} changed by {}: revision {} has not been seen healthy with it",
                whole_seconds(*at),
                older.name
            ));
        }
        untested(history.known_since).then(|| {
            format!(
                "whether {name} changed before {} can't be told",
                whole_seconds(history.known_since)
            )
        })
    })
}

/// The revision that would be gone back to, and from when on it is known to have been healthy: the newest that was, and was not seen failing.
/// Without one the owner's word may still name a target: then what changed with the rollout counts.
fn candidate<'a>(
    newest: &Revision,
    different: &[&'a Revision],
    evidence: &Evidence,
    limits: &GuardLimits,
) -> Option<(&'a Revision, Timestamp)> {
    let failed = |revision: &Revision| {
        let past = evidence.past.known().into_iter().flatten();
        past.flat_map(|incident| &incident.failed)
            .any(|hash| *hash == revision.hash)
    };
    let proven = different.iter().find_map(|older| {
        let from = proven_from(older, evidence, limits)?;
        (!failed(older)).then_some((*older, from))
    });
    proven.or_else(|| {
        let rolled_out = evidence.rolled_out_at.known().unwrap_or(&newest.created);
        let together = rolled_out.checked_sub(TOGETHER).ok()?;
        Some((*different.first()?, together))
    })
}

/// From when on a revision is known to have been healthy: by the history, whose steps are those of the changes too; else by its oldest pod
/// that is Ready now.
fn proven_from(older: &Revision, evidence: &Evidence, limits: &GuardLimits) -> Option<Timestamp> {
    let by_history = healthy_stretch(older, evidence, limits).map(|stretch| stretch.from);
    let pods = evidence.pods.known().into_iter().flatten();
    let by_pods = pods
        .filter(|pod| pod.revision == older.name && !pod.deleting)
        .filter_map(|pod| pod.ready_since)
        .min();
    by_history.or(by_pods)
}

/// When the youngest of an older revision's pods that are Ready now was created: it began with the configuration of that time.
fn newest_start(older: &Revision, evidence: &Evidence) -> Option<Timestamp> {
    let pods = evidence.pods.known().into_iter().flatten();
    pods.filter(|pod| pod.revision == older.name && !pod.deleting && pod.ready_since.is_some())
        .map(|pod| pod.created)
        .max()
}

#[cfg(test)]
mod tests {
    use super::super::diagnose;
    use super::super::fixtures::{LIMITS, fault, now, revisions, seconds};
    use super::*;
    use crate::domain::diagnosis::{Entry, Helps};
    use crate::domain::evidence::{HealthHistory, HealthyStretch};
    use crate::domain::identity::RevisionName;
    use crate::domain::surroundings::{ConfigHistory, ConfigKind};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn settings() -> ConfigName {
        ConfigName {
            kind: ConfigKind::ConfigMap,
            name: "settings".to_owned(),
        }
    }

    /// The changes of `settings`, in seconds before now.
    fn changed(evidence: &mut Evidence, ago: &[i64]) {
        let history = ConfigHistory {
            known_since: now() - seconds(86_400),
            changed_at: ago.iter().map(|ago| now() - seconds(*ago)).collect(),
        };
        evidence.around.config = Observed::Known([(settings(), history)].into());
    }

    fn healthy(evidence: &mut Evidence, name: &RevisionName, from: i64, to: i64) {
        let stretch = HealthyStretch {
            from: now() - seconds(from),
            to: now() - seconds(to),
            samples: 60,
        };
        let health = HealthHistory {
            longest: Some(stretch),
            ..HealthHistory::default()
        };
        let mut history = evidence.history.known().cloned().unwrap_or_default();
        history.insert(name.clone(), health);
        evidence.history = Observed::Known(history);
    }

    /// The captured crash; both templates name `settings`, and the older revision was healthy from an hour ago to ten minutes ago.
    fn crash() -> Evidence {
        let mut evidence = fault("bad-args");
        let revisions = revisions(&mut evidence);
        let newest = revisions.newest.as_mut().unwrap();
        for template in [&mut newest.template, &mut revisions.older[0].template] {
            template["spec"]["containers"][0]["envFrom"] =
                json!([{"configMapRef": {"name": "settings"}}]);
        }
        let older = revisions.older[0].name.clone();
        evidence.history = Observed::Known(BTreeMap::new());
        healthy(&mut evidence, &older, 3600, 600);
        changed(&mut evidence, &[]);
        evidence
    }

    fn entry(evidence: &Evidence) -> Entry {
        diagnose(evidence, &LIMITS).entries[0].clone()
    }

    fn is_in_doubt(evidence: &Evidence, words: &str) {
        let entry = entry(evidence);
        assert_eq!(entry.rollback_helps, Helps::Unknown, "{}", entry.because);
        assert!(entry.because.contains(words), "{}", entry.because);
    }

    #[test]
    fn a_source_that_does_not_say_when_it_changed_leaves_doubt() {
        let mut evidence = crash();
        evidence.around.config = Observed::Unavailable("away".to_owned());
        is_in_doubt(&evidence, "can't be told: away");
        evidence.around.config = Observed::Known(BTreeMap::new());
        is_in_doubt(&evidence, "kube-state-metrics does not export it");
        let history = ConfigHistory {
            known_since: now() - seconds(60),
            changed_at: vec![],
        };
        evidence.around.config = Observed::Known([(settings(), history)].into());
        is_in_doubt(&evidence, "whether ConfigMap settings changed before");
    }

    #[test]
    fn a_change_since_the_older_revision_was_healthy_leaves_doubt_however_long_before_the_rollout()
    {
        for ago in [130, 1800] {
            let mut evidence = crash();
            changed(&mut evidence, &[90_000, ago]);
            is_in_doubt(&evidence, "ConfigMap settings changed by");
        }
    }

    #[test]
    fn a_program_that_does_not_start_may_be_mounted_from_what_changed() {
        let mut evidence = crash();
        super::super::fixtures::container(&mut evidence).state =
            crate::domain::workload::ContainerState::Waiting {
                reason: "RunContainerError".to_owned(),
                message: "exec: \"/scripts/run\": no such file or directory".to_owned(),
            };
        assert_eq!(entry(&evidence).cause, Cause::StartError);
        assert_eq!(entry(&evidence).rollback_helps, Helps::Yes);
        changed(&mut evidence, &[130]);
        is_in_doubt(&evidence, "ConfigMap settings changed by");
    }

    #[test]
    fn what_is_optional_and_never_was_leaves_no_doubt_where_its_kind_is_exported() {
        let mut evidence = crash();
        let all = revisions(&mut evidence);
        let newest = all.newest.as_mut().unwrap();
        for template in [&mut newest.template, &mut all.older[0].template] {
            let from = &mut template["spec"]["containers"][0]["envFrom"];
            let optional = json!({"configMapRef": {"name": "extra", "optional": true}});
            from.as_array_mut().unwrap().push(optional);
        }
        assert_eq!(entry(&evidence).rollback_helps, Helps::Yes);
        evidence.around.config = Observed::Known(BTreeMap::new());
        is_in_doubt(&evidence, "ConfigMap extra changed last can't be told");
    }

    #[test]
    fn a_change_before_that_and_configuration_that_the_older_one_does_not_name_leave_none() {
        let mut evidence = crash();
        changed(&mut evidence, &[3601]);
        assert_eq!(entry(&evidence).rollback_helps, Helps::Yes);
        changed(&mut evidence, &[130]);
        let older = &mut revisions(&mut evidence).older[0];
        older.template["spec"]["containers"][0]["envFrom"] = json!([]);
        assert_eq!(entry(&evidence).rollback_helps, Helps::Yes);
    }

    #[test]
    fn a_change_after_this_revision_was_healthy_is_the_cause_and_is_named() {
        let mut evidence = crash();
        let newest = revisions(&mut evidence).newest.clone().unwrap();
        healthy(&mut evidence, &newest.name, 500, 200);
        changed(&mut evidence, &[150]);
        let entry = entry(&evidence);
        assert_eq!(entry.cause, Cause::ConfigChanged);
        assert_eq!(entry.rollback_helps, Helps::No);
        assert!(
            entry
                .because
                .contains("ConfigMap settings changed by 2026-11-23T04:10:10Z"),
            "{}",
            entry.because
        );
    }

    #[test]
    fn without_a_change_or_with_an_earlier_one_it_was_healthy_and_no_more() {
        for ago in [&[][..], &[500], &[700]] {
            let mut evidence = crash();
            let newest = revisions(&mut evidence).newest.clone().unwrap();
            healthy(&mut evidence, &newest.name, 500, 200);
            changed(&mut evidence, ago);
            assert_eq!(entry(&evidence).cause, Cause::WasHealthy, "{ago:?}");
        }
    }

    #[test]
    fn a_restart_that_brings_a_change_to_light_is_the_changes_fault() {
        let mut evidence = crash();
        let revisions = revisions(&mut evidence);
        let mut template = revisions.older[0].template.clone();
        template["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "now"});
        revisions.newest.as_mut().unwrap().template = template;
        changed(&mut evidence, &[300]);
        let entry = entry(&evidence);
        assert_eq!(entry.cause, Cause::ConfigChanged);
        assert_eq!(entry.rollback_helps, Helps::No);
        assert!(
            entry
                .because
                .contains("differs from it in annotations alone")
        );
    }

    #[test]
    fn an_image_that_is_not_there_has_nothing_to_do_with_it() {
        let mut evidence = fault("image-not-found");
        let newest = revisions(&mut evidence).newest.as_mut().unwrap();
        newest.template["spec"]["containers"][0]["envFrom"] =
            json!([{"configMapRef": {"name": "settings"}}]);
        let name = newest.name.clone();
        healthy(&mut evidence, &name, 500, 200);
        changed(&mut evidence, &[150]);
        assert_eq!(entry(&evidence).cause, Cause::WasHealthy);
    }
}
