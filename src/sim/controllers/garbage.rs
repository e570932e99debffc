//! The garbage collector (Kubernetes `pkg/controller/garbagecollector`): what was controlled by an object that is gone goes too.

use super::super::api::resources::{DEPLOYMENTS, PODS, REPLICA_SETS};
use super::super::api::store::Store;
use super::super::json;
use super::replica_set::going;
use serde_json::Value;
use std::collections::BTreeSet;

/// Works on everything that has an owner.
pub(super) fn sync_all(store: &mut Store) {
    let orphans = |store: &Store, of, owners| -> Vec<Value> {
        let owners: BTreeSet<&str> = store
            .list(owners, None)
            .map(|owner| json::text(owner, "/metadata/uid"))
            .collect();
        let owned = store.list(of, None);
        owned
            .filter(|object| {
                let owner = json::owner_uid(object);
                !owner.is_empty() && !owners.contains(owner)
            })
            .cloned()
            .collect()
    };
    for set in orphans(store, REPLICA_SETS, DEPLOYMENTS) {
        let name = json::text(&set, "/metadata/name");
        store.delete(REPLICA_SETS, json::text(&set, "/metadata/namespace"), name);
    }
    let now = store.now();
    for pod in orphans(store, PODS, REPLICA_SETS) {
        if json::text(&pod, "/metadata/deletionTimestamp").is_empty() {
            store.put(PODS, going(pod, now));
        }
    }
}
