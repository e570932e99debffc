//! Updates: compare-and-swap by resource version, of a Lease and of an object's status.

use super::objects::version;
use super::stage::{Stage, hold};
use serde_json::{Value, json};

fn lease(holder: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "leader"},
        "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "acquireTime": "2026-11-23T04:00:00.000000Z", "renewTime": "2026-11-23T04:00:00.000000Z",
        },
    })
}

impl Stage {
    fn leases(&self) -> String {
        self.path("/apis/coordination.k8s.io/v1", "leases")
    }
}

#[test]
fn of_two_who_take_the_same_lease_one_is_refused() {
    hold(async |stage| {
        let path = stage.leases() + "/leader";
        let seen = stage.make(&stage.leases(), &lease("nobody")).await;
        let taken_by = |holder: &str| {
            let mut taken = seen.clone();
            taken["spec"]["holderIdentity"] = json!(holder);
            taken
        };
        let first = stage.send("PUT", &path, &taken_by("first")).await.ok();
        let second = stage.send("PUT", &path, &taken_by("second")).await;
        assert_eq!(second.refused(), (409, "Conflict"));
        assert_eq!(second.body["details"]["kind"], "leases");
        let now = stage.get(&path).await.ok();
        assert_eq!(now, first);
        assert_eq!(now["spec"]["holderIdentity"], "first");
        assert!(now["metadata"].get("generation").is_none());
    });
}

#[test]
fn a_lease_that_names_no_version_or_another_uid_is_not_taken() {
    hold(async |stage| {
        let path = stage.leases() + "/leader";
        let seen = stage.make(&stage.leases(), &lease("first")).await;
        let mut blind = seen.clone();
        blind["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("resourceVersion");
        assert_eq!(
            stage.send("PUT", &path, &blind).await.refused(),
            (422, "Invalid")
        );
        let mut other = seen.clone();
        other["metadata"]["uid"] = json!("other");
        assert_eq!(
            stage.send("PUT", &path, &other).await.refused(),
            (409, "Conflict")
        );
        assert_eq!(stage.get(&path).await.ok(), seen);
    });
}

#[test]
fn a_lease_must_last() {
    hold(async |stage| {
        let mut short = lease("first");
        short["spec"]["leaseDurationSeconds"] = json!(0);
        let answer = stage.send("POST", &stage.leases(), &short).await;
        assert_eq!(answer.refused(), (422, "Invalid"));
        short["spec"]["leaseDurationSeconds"] = json!("long");
        let answer = stage.send("POST", &stage.leases(), &short).await;
        assert_eq!(answer.refused(), (400, "BadRequest"));
    });
}

#[test]
fn an_update_of_a_lease_that_is_not_there_makes_it_but_not_that_of_a_map() {
    hold(async |stage| {
        let answer = stage
            .send("PUT", &(stage.leases() + "/leader"), &lease("first"))
            .await;
        assert_eq!(answer.code, 201);
        let map = json!({"metadata": {"name": "a"}});
        let answer = stage.send("PUT", &(stage.config_maps() + "/a"), &map).await;
        assert_eq!(answer.refused(), (404, "NotFound"));
    });
}

#[test]
fn an_update_that_changes_nothing_keeps_the_version() {
    hold(async |stage| {
        let made = stage.make_map("a", "x").await;
        let path = stage.config_maps() + "/a";
        let same = stage.send("PUT", &path, &made).await.ok();
        assert_eq!(version(&same), version(&made));
        let mut other = made.clone();
        other["data"]["key"] = json!("other");
        let would = stage
            .send("PUT", &(path.clone() + "?dryRun=All"), &other)
            .await
            .ok();
        assert_eq!(would["data"]["key"], "other");
        assert_eq!(stage.get(&path).await.ok(), made);
        let changed = stage.send("PUT", &path, &other).await.ok();
        assert_ne!(version(&changed), version(&made));
        assert_eq!(
            stage.send("PUT", &path, &made).await.refused(),
            (409, "Conflict")
        );
    });
}

#[test]
fn an_object_must_be_the_one_that_the_path_names() {
    hold(async |stage| {
        let made = stage.make_map("a", "x").await;
        let mut other = made.clone();
        other["metadata"]["name"] = json!("b");
        let answer = stage
            .send("PUT", &(stage.config_maps() + "/a"), &other)
            .await;
        assert_eq!(answer.refused(), (400, "BadRequest"));
    });
}
