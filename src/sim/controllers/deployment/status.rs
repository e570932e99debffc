//! What a Deployment says of itself: counts and the conditions Available and Progressing (`sync.go`, `progress.go`).

use super::super::super::api::resources::DEPLOYMENTS;
use super::super::super::json;
use super::{Rollout, Sets};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// Whether every wanted pod is there, new and available, and the controller has seen all that was asked.
pub(super) fn complete(deployment: &Value) -> bool {
    let wanted = json::number(deployment, "/spec/replicas");
    let counts = ["updatedReplicas", "replicas", "availableReplicas"];
    counts
        .iter()
        .all(|count| json::number(deployment, &format!("/status/{count}")) == wanted)
        && json::number(deployment, "/status/observedGeneration")
            >= json::number(deployment, "/metadata/generation")
}

fn progressing(deployment: &Value) -> Option<&Value> {
    json::list(deployment, "/status/conditions")
        .iter()
        .find(|condition| json::text(condition, "/type") == "Progressing")
}

/// Until when a rollout must show progress; `None` = it is over, or has failed to.
pub(super) fn deadline(deployment: &Value) -> Option<Timestamp> {
    let condition = progressing(deployment)?;
    let over = ["NewReplicaSetAvailable", "ProgressDeadlineExceeded"];
    if over.contains(&json::text(condition, "/reason")) || json::flag(deployment, "/spec/paused") {
        return None;
    }
    let patience = json::number(deployment, "/spec/progressDeadlineSeconds");
    let last = json::time(condition, "/lastUpdateTime")?;
    last.checked_add(SignedDuration::from_secs(patience)).ok()
}

impl Rollout<'_> {
    /// Writes the status.
    pub(super) fn report(&mut self, sets: &Sets) {
        let before = Arc::clone(&self.deployment);
        let all = || sets.new.iter().chain(&sets.old);
        let sum = |pointer: &str| all().map(|set| json::number(set, pointer)).sum::<i64>();
        let available = sum("/status/availableReplicas");
        let updated = sets
            .new
            .as_ref()
            .map_or(0, |new| json::number(new, "/status/replicas"));
        let mut status = json!({
            "observedGeneration": json::number(&before, "/metadata/generation"),
            "conditions": json::list(&before, "/status/conditions"),
        });
        for (field, count) in [
            ("/replicas", sum("/status/replicas")),
            ("/updatedReplicas", updated),
            ("/readyReplicas", sum("/status/readyReplicas")),
            ("/availableReplicas", available),
            (
                "/unavailableReplicas",
                (sum("/spec/replicas") - available).max(0),
            ),
        ] {
            // Zeros are left out.
            if count > 0 {
                json::set(&mut status, field, count);
            }
        }
        json::set(Arc::make_mut(&mut self.deployment), "/status", status);
        self.available(available);
        self.replica_failure(sets);
        self.estimate(&before, sets);
        self.deployment = self.store.put(DEPLOYMENTS, Arc::clone(&self.deployment));
    }

    fn available(&mut self, available: i64) {
        if available >= self.wanted() - self.unavailable() {
            let message = "Deployment has minimum availability.";
            self.condition("Available", "True", "MinimumReplicasAvailable", message);
        } else {
            let message = "Deployment does not have minimum availability.";
            self.condition("Available", "False", "MinimumReplicasUnavailable", message);
        }
    }

    /// The newest ReplicaSet's failure to make pods, else an older one's; taken away when there is none (`deployment_util.go`,
    /// getReplicaFailures).
    fn replica_failure(&mut self, sets: &Sets) {
        const KIND: &str = "ReplicaFailure";
        let failures = sets.new.iter().chain(&sets.old).filter_map(|set| {
            let mut conditions = json::list(set, "/status/conditions").iter();
            conditions.find(|condition| json::text(condition, "/type") == KIND)
        });
        if let Some(message) = failures
            .map(|it| json::text(it, "/message").to_owned())
            .next()
        {
            self.condition(KIND, "True", "FailedCreate", &message);
        } else if let Some(conditions) = Arc::make_mut(&mut self.deployment)
            .pointer_mut("/status/conditions")
            .and_then(Value::as_array_mut)
        {
            conditions.retain(|condition| json::text(condition, "/type") != KIND);
        }
    }

    /// Progress, completion or the lack of both (`syncRolloutStatus`).
    fn estimate(&mut self, before: &Value, sets: &Sets) {
        let reason = self.progressing("reason");
        let count = |object: &Value, field: &str| json::number(object, &format!("/status/{field}"));
        let now = &self.deployment;
        let settled = count(now, "replicas") == count(now, "updatedReplicas")
            && reason == "NewReplicaSetAvailable";
        let paused = json::flag(now, "/spec/paused");
        let Some(new) = sets.new.as_ref().filter(|_| !settled && !paused) else {
            return;
        };
        let name = json::text(new, "/metadata/name");
        let old = |object: &Value| count(object, "replicas") - count(object, "updatedReplicas");
        let more = |field: &str| count(now, field) > count(before, field);
        if complete(now) {
            let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
            self.progress("True", "NewReplicaSetAvailable", &message);
        } else if more("updatedReplicas")
            || more("readyReplicas")
            || more("availableReplicas")
            || old(now) < old(before)
        {
            let message = format!("ReplicaSet \"{name}\" is progressing.");
            self.progress("True", "ReplicaSetUpdated", &message);
        } else if deadline(now).is_some_and(|deadline| deadline <= self.store.now()) {
            let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
            self.progress("False", "ProgressDeadlineExceeded", &message);
        }
    }

    /// Says that it is paused, or is not any more; a rollout that has failed goes on saying so (`checkPausedConditions`).
    pub(super) fn note_pause(&mut self) {
        let paused = json::flag(&self.deployment, "/spec/paused");
        let reason = self.progressing("reason");
        let was_paused = reason == "DeploymentPaused";
        if reason == "ProgressDeadlineExceeded" || paused == was_paused {
            return;
        }
        if paused {
            self.progress("Unknown", "DeploymentPaused", "Deployment is paused");
        } else {
            self.progress("Unknown", "DeploymentResumed", "Deployment is resumed");
        }
    }

    fn progressing(&self, field: &str) -> String {
        let condition = progressing(&self.deployment);
        condition
            .map(|condition| json::text(condition, &format!("/{field}")).to_owned())
            .unwrap_or_default()
    }

    /// Sets the condition Progressing; progress counts even where it is said in the same words.
    pub(super) fn progress(&mut self, status: &str, reason: &str, message: &str) {
        if self.progressing("reason") == reason && reason == "ReplicaSetUpdated" {
            self.touch();
        }
        self.condition("Progressing", status, reason, message);
    }

    fn touch(&mut self) {
        let now = self.store.stamp();
        for condition in self.conditions() {
            if json::text(condition, "/type") == "Progressing" {
                json::set(condition, "/lastUpdateTime", now.as_str());
            }
        }
    }

    fn conditions(&mut self) -> impl Iterator<Item = &mut Value> {
        let deployment = Arc::make_mut(&mut self.deployment);
        json::default(deployment, "/status/conditions", json!([]));
        deployment
            .pointer_mut("/status/conditions")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
    }

    /// The transition time moves with the status alone, and nothing moves where status and reason stay (`SetDeploymentCondition`).
    fn condition(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let now = self.store.stamp();
        let mut fresh = json!({
            "type": kind,
            "status": status,
            "lastUpdateTime": now,
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        });
        let live = self
            .conditions()
            .find(|condition| json::text(condition, "/type") == kind);
        if let Some(live) = live {
            if json::text(live, "/status") == status {
                if json::text(live, "/reason") == reason {
                    return;
                }
                let transition = json::text(live, "/lastTransitionTime");
                json::set(&mut fresh, "/lastTransitionTime", transition);
            }
            *live = fresh;
        } else if let Some(conditions) = Arc::make_mut(&mut self.deployment)
            .pointer_mut("/status/conditions")
            .and_then(Value::as_array_mut)
        {
            conditions.push(fresh);
        }
    }
}
