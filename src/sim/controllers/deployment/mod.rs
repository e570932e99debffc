//! The Deployment controller (Kubernetes `pkg/controller/deployment`): a ReplicaSet for each template, and the way from the old ones to the new.

mod revisions;
mod rolling;
mod status;

use super::super::api::resources::{DEPLOYMENTS, PODS, REPLICA_SETS};
use super::super::api::store::Store;
use super::super::json;
use super::recorder::{Recorder, Reporter, Told};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;

const REPORTER: Reporter<'_> = Reporter {
    component: "deployment-controller",
    host: "",
};
/// How many pods there are meant to be, on each ReplicaSet.
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// How many there may be during a rollout.
const MOST: &str = "deployment.kubernetes.io/max-replicas";

/// Works on every Deployment once.
pub(super) fn sync_all(store: &mut Store, recorder: &mut Recorder) {
    for deployment in store.pick(DEPLOYMENTS, |_| true) {
        Rollout {
            store: &mut *store,
            recorder: &mut *recorder,
            deployment,
        }
        .sync();
    }
}

/// When a rollout's patience ends.
pub(super) fn next_due(store: &Store) -> Option<Timestamp> {
    let all = store.list(DEPLOYMENTS, None);
    all.filter_map(status::deadline).min()
}

/// One Deployment being worked on.
struct Rollout<'a> {
    store: &'a mut Store,
    recorder: &'a mut Recorder,
    deployment: Arc<Value>,
}

/// Its ReplicaSets, told apart.
struct Sets {
    /// That of the present template.
    new: Option<Arc<Value>>,
    /// All others, oldest first.
    old: Vec<Arc<Value>>,
}

impl Rollout<'_> {
    fn sync(mut self) {
        self.note_pause();
        if json::flag(&self.deployment, "/spec/paused") {
            // A paused one is not rolled out; its ReplicaSets stay as they are.
            let sets = self.adopt(false);
            return self.report(&sets);
        }
        if json::text(&self.deployment, "/spec/strategy/type") == "Recreate" {
            self.recreate();
        } else {
            let sets = self.adopt(true);
            if let Some(new) = &sets.new
                && !self.grow_new(new, &sets.old)
            {
                self.shrink_old(new, &sets.old);
            }
        }
        let sets = self.sets();
        self.clean_up(&sets);
        self.report(&sets);
    }

    /// First all old pods go, then the new ReplicaSet is made.
    fn recreate(&mut self) {
        let sets = self.adopt(false);
        let active: Vec<&Arc<Value>> = sets
            .old
            .iter()
            .filter(|set| json::number(set, "/spec/replicas") > 0)
            .collect();
        for set in &active {
            self.scale(set, 0);
        }
        if !active.is_empty() || self.old_pods_remain(&sets) {
            return;
        }
        if let Some(new) = self.adopt(true).new {
            let wanted = self.wanted();
            self.scale(&new, wanted);
        }
    }

    fn old_pods_remain(&self, sets: &Sets) -> bool {
        let namespace = self.namespace();
        sets.old.iter().any(|set| {
            let uid = json::text(set, "/metadata/uid");
            json::number(set, "/status/replicas") > 0
                || !self.store.controlled_by(PODS, namespace, uid).is_empty()
        })
    }

    /// Old ReplicaSets beyond the limit go, oldest first, once the rollout is complete (`sync.go`, cleanupDeployment).
    fn clean_up(&mut self, sets: &Sets) {
        let Some(limit) = self
            .deployment
            .pointer("/spec/revisionHistoryLimit")
            .and_then(Value::as_u64)
        else {
            return;
        };
        if !status::complete(&self.deployment) {
            return;
        }
        let too_many = sets
            .old
            .len()
            .saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        let idle = |set: &&Arc<Value>| {
            json::number(set, "/spec/replicas") == 0 && json::number(set, "/status/replicas") == 0
        };
        for set in sets.old.iter().take(too_many).filter(idle) {
            let name = json::text(set, "/metadata/name");
            self.store.delete(
                REPLICA_SETS,
                json::text(&self.deployment, "/metadata/namespace"),
                name,
            );
        }
    }

    /// Sets a ReplicaSet's size and says so; whether that was a change.
    fn scale(&mut self, set: &Value, to: i64) -> bool {
        let from = json::number(set, "/spec/replicas");
        let mut next = set.clone();
        self.note_sizes(&mut next);
        json::set(&mut next, "/spec/replicas", to);
        if from == to && next == *set {
            return false;
        }
        let set = self.store.put(REPLICA_SETS, next);
        if from != to {
            let way = if to > from { "up" } else { "down" };
            let name = json::text(&set, "/metadata/name");
            self.tell(format!(
                "Scaled {way} replica set {name} from {from} to {to}"
            ));
        }
        from != to
    }

    fn tell(&mut self, message: String) {
        let told = Told::whole("Normal", "ScalingReplicaSet", message);
        self.recorder
            .tell(self.store, &self.deployment, &REPORTER, &told);
    }

    fn note_sizes(&self, set: &mut Value) {
        let most = self.wanted() + self.surge();
        let mut annotations = json::strings(set, "/metadata/annotations");
        annotations.insert(DESIRED.to_owned(), self.wanted().to_string());
        annotations.insert(MOST.to_owned(), most.to_string());
        json::set(set, "/metadata/annotations", serde_json::json!(annotations));
    }

    fn wanted(&self) -> i64 {
        json::number(&self.deployment, "/spec/replicas")
    }

    fn namespace(&self) -> &str {
        json::text(&self.deployment, "/metadata/namespace")
    }
}
