//! What was really so, second by second: read from the simulated cluster itself, not from what the daemon was told.

use super::lab::NAMESPACE;
use super::network::is_failing;
use jiff::Timestamp;
use ripcord::sim::World;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One workload at one second.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Timestamp,
    /// Every replica is of the newest template and ready.
    pub(crate) whole: bool,
    /// A pod of it can't start, or ended with an error.
    pub(crate) failing: bool,
    /// The template hash of its newest ReplicaSet; empty = the controller has not made it yet.
    pub(crate) newest: String,
}

/// A template that was ever rolled out.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) hash: String,
    pub(crate) content: Value,
    /// Since when it has a ready pod, where it has one.
    ready_since: Option<Timestamp>,
    /// For how many seconds it had one at a stretch, at most.
    pub(crate) ready_for: i64,
}

/// All that was seen.
#[derive(Default)]
pub(crate) struct Truth {
    version: u64,
    /// The workloads that were there at the last look.
    there: BTreeSet<String>,

    /// By the workload's name.
    pub(crate) samples: BTreeMap<String, Vec<Sample>>,
    /// By the ReplicaSet's uid.
    pub(crate) templates: BTreeMap<String, Template>,
}

impl Truth {
    /// Looks once.
    pub(crate) fn look(&mut self, world: &World) {
        let at = world.clock().now();
        if world.version() == self.version {
            return self.again(at);
        }
        self.version = world.version();
        self.there.clear();
        let pods = world.objects("Pod", NAMESPACE);
        let sets = world.objects("ReplicaSet", NAMESPACE);
        for set in &sets {
            let entry = self.templates.entry(text(set, "/metadata/uid"));
            let known = entry.or_insert_with(|| Template {
                hash: hash_of(set),
                content: without_hash(&set["spec"]["template"]),
                ready_since: None,
                ready_for: 0,
            });
            known.note_ready(number(set, "/status/readyReplicas") > 0, at);
        }
        for deployment in world.objects("Deployment", NAMESPACE) {
            let name = text(&deployment, "/metadata/name");
            let own = pods.iter().filter(|pod| {
                pod.pointer("/metadata/labels/app").and_then(Value::as_str) == Some(&name)
            });
            let sample = Sample {
                at,
                whole: is_whole(&deployment),
                failing: own.clone().any(is_failing_now),
                newest: newest_of(&deployment, &sets),
            };
            self.there.insert(name.clone());
            self.samples.entry(name).or_default().push(sample);
        }
    }

    /// Nothing has changed: every workload that is there is as it was.
    fn again(&mut self, at: Timestamp) {
        for template in self.templates.values_mut() {
            template.note_ready(template.ready_since.is_some(), at);
        }
        let there = self
            .samples
            .iter_mut()
            .filter(|(name, _)| self.there.contains(*name));
        for (_, samples) in there {
            if let Some(last) = samples.last().cloned() {
                samples.push(Sample { at, ..last });
            }
        }
    }

    /// The samples of a workload in a stretch of seconds before a moment.
    pub(crate) fn before(
        &self,
        workload: &str,
        moment: Timestamp,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = &Sample> {
        let samples = self.samples.get(workload).into_iter().flatten();
        samples.filter(move |sample| {
            let ago = moment.duration_since(sample.at).as_secs();
            (to..=from).contains(&ago)
        })
    }

    /// The hash of a workload's newest revision at a moment.
    pub(crate) fn newest(&self, workload: &str, moment: Timestamp) -> Option<&str> {
        let samples = self.samples.get(workload)?;
        let last = samples.iter().rfind(|sample| sample.at <= moment)?;
        Some(&last.newest)
    }

    /// The template that a patch writes, where it was rolled out before.
    pub(crate) fn known(&self, template: &Value) -> impl Iterator<Item = &Template> {
        let wanted = without_hash(template);
        self.templates
            .values()
            .filter(move |known| known.content == wanted)
    }
}

impl Template {
    fn note_ready(&mut self, ready: bool, at: Timestamp) {
        if ready {
            let since = *self.ready_since.get_or_insert(at);
            self.ready_for = self.ready_for.max(at.duration_since(since).as_secs());
        } else {
            self.ready_since = None;
        }
    }
}

/// The hash of the ReplicaSet that has the Deployment's own template.
fn newest_of(deployment: &Value, sets: &[Value]) -> String {
    let own = sets.iter().find(|set| {
        set.pointer("/metadata/ownerReferences/0/uid") == deployment.pointer("/metadata/uid")
            && without_hash(&set["spec"]["template"]) == deployment["spec"]["template"]
    });
    own.map_or_else(String::new, hash_of)
}

/// The hash of the template that a ReplicaSet or a pod is of.
pub(crate) fn hash_of(object: &Value) -> String {
    text(object, "/metadata/labels/pod-template-hash")
}

/// It fails at this moment; that a container failed once is no failure for ever.
fn is_failing_now(pod: &Value) -> bool {
    let ready = pod
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    !ready && is_failing(pod)
}

fn is_whole(deployment: &Value) -> bool {
    let wanted = number(deployment, "/spec/replicas");
    let status = |field: &str| number(deployment, &format!("/status/{field}"));
    number(deployment, "/metadata/generation") == status("observedGeneration")
        && status("replicas") == wanted
        && status("updatedReplicas") == wanted
        && status("readyReplicas") == wanted
}

fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template
        .pointer_mut("/metadata/labels")
        .and_then(Value::as_object_mut)
    {
        labels.remove("pod-template-hash");
    }
    template
}

pub(crate) fn text(object: &Value, path: &str) -> String {
    object
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

pub(crate) fn number(object: &Value, path: &str) -> i64 {
    object.pointer(path).and_then(Value::as_i64).unwrap_or(0)
}
