//! How large the ReplicaSets are on the way (`rolling.go`): never more pods than the surge allows, never fewer available ones than promised.

use super::super::super::json;
use super::Rollout;
use serde_json::Value;
use std::sync::Arc;

fn size(set: &Value) -> i64 {
    json::number(set, "/spec/replicas")
}

fn available(set: &Value) -> i64 {
    json::number(set, "/status/availableReplicas")
}

impl Rollout<'_> {
    /// How large the new ReplicaSet may be now, having that many replicas (`NewRSNewReplicas`).
    pub(super) fn room_for_new(&self, has: i64, old: &[Arc<Value>]) -> i64 {
        let wanted = self.wanted();
        if json::text(&self.deployment, "/spec/strategy/type") == "Recreate" {
            return wanted;
        }
        let present = has + old.iter().map(|set| size(set)).sum::<i64>();
        let room = (wanted + self.surge() - present).max(0);
        has + room.min((wanted - has).max(0))
    }

    /// Grows the new ReplicaSet, or shrinks it to what is wanted; whether that was a change.
    pub(super) fn grow_new(&mut self, new: &Value, old: &[Arc<Value>]) -> bool {
        let to = if size(new) > self.wanted() {
            self.wanted()
        } else {
            self.room_for_new(size(new), old)
        };
        self.scale(new, to)
    }

    /// Shrinks the old ones, their unhealthy pods first (`reconcileOldReplicaSets`).
    pub(super) fn shrink_old(&mut self, new: &Value, old: &[Arc<Value>]) {
        let present = size(new) + old.iter().map(|set| size(set)).sum::<i64>();
        let least = self.wanted() - self.unavailable();
        let most = present - least - (size(new) - available(new));
        if old.iter().all(|set| size(set) == 0) || most <= 0 {
            return;
        }
        let mut sizes: Vec<i64> = old.iter().map(|set| size(set)).collect();
        let mut left = most;
        for (set, size) in old.iter().zip(&mut sizes) {
            let unhealthy = (*size - available(set)).clamp(0, left);
            *size -= unhealthy;
            left -= unhealthy;
        }
        let all_available = available(new) + old.iter().map(|set| available(set)).sum::<i64>();
        let mut left = (all_available - least).max(0);
        for size in &mut sizes {
            let healthy = (*size).min(left);
            *size -= healthy;
            left -= healthy;
        }
        for (set, size) in old.iter().zip(sizes) {
            self.scale(set, size);
        }
    }

    /// `maxSurge` in pods, rounded up.
    pub(super) fn surge(&self) -> i64 {
        self.share("/spec/strategy/rollingUpdate/maxSurge", true)
    }

    /// `maxUnavailable` in pods, rounded down; 1 where both would be 0 (`ResolveFenceposts`).
    pub(super) fn unavailable(&self) -> i64 {
        let share = self.share("/spec/strategy/rollingUpdate/maxUnavailable", false);
        if share == 0 && self.surge() == 0 {
            1
        } else {
            share.min(self.wanted())
        }
    }

    fn share(&self, pointer: &str, up: bool) -> i64 {
        let percent = json::text(&self.deployment, pointer)
            .strip_suffix('%')
            .and_then(|number| number.parse::<i64>().ok());
        match percent {
            Some(percent) => (self.wanted() * percent + if up { 99 } else { 0 }) / 100,
            None => json::number(&self.deployment, pointer),
        }
    }
}
