//! Admission: a rule that holds for everybody, dry runs included.

use super::*;
use ripcord::sim::{Operation, Ruling};

#[tokio::test(start_paused = true)]
async fn a_rule_refuses_the_write_and_its_rehearsal_alike() {
    let (world, cluster) = world().await;
    world.admission(Some(Arc::new(|review| {
        if review.kind == "Deployment" && review.operation == Operation::Update {
            Ruling::forbid("the window is closed")
        } else {
            Ruling::Admit
        }
    })));
    let live = cluster.workload(&web()).await.unwrap().unwrap();
    let patch = patch_of(&live, "ghcr.io/a/web:2");
    for dry_run in [true, false] {
        let refused = cluster.patch_workload(&web(), &patch, dry_run).await;
        assert_eq!(code(refused).0, 403);
    }
    let mut changed = manifest();
    changed["spec"]["replicas"] = json!(3);
    let person = world.apply(&changed).unwrap_err();
    assert!(
        person.to_string().contains("the window is closed"),
        "{person}"
    );
    assert!(
        world
            .annotate("lab30", Some("web"), "a", Some("b"))
            .is_err()
    );
    assert_eq!(world.object("Deployment", "lab30", "web").unwrap(), live);
    cluster
        .create_incident("lab30", &incident(&json!({})))
        .await
        .unwrap();
    world.admission(None);
    cluster.patch_workload(&web(), &patch, false).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rule_changes_what_is_stored_but_not_whose_it_is() {
    let (world, cluster) = world().await;
    world.admission(Some(Arc::new(|review| match review.after {
        Some(after) if review.kind == "Deployment" => {
            let mut after = after.clone();
            after["metadata"]["labels"] = json!({"team": "web"});
            after["metadata"]["uid"] = json!("another");
            Ruling::Change(after)
        }
        _ => Ruling::Admit,
    })));
    let live = cluster.workload(&web()).await.unwrap().unwrap();
    let patch = patch_of(&live, "ghcr.io/a/web:2");
    let would = cluster.patch_workload(&web(), &patch, true).await.unwrap();
    let did = cluster.patch_workload(&web(), &patch, false).await.unwrap();
    for answer in [would, did] {
        assert_eq!(answer["metadata"]["labels"], json!({"team": "web"}));
        assert_eq!(answer["metadata"]["uid"], live["metadata"]["uid"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_rule_makes_of_an_object_must_be_valid_too() {
    let (world, cluster) = world().await;
    world.admission(Some(Arc::new(|review| match review.after {
        Some(after) => {
            let mut after = after.clone();
            after["spec"]["template"]["metadata"]["labels"] = json!({"app": "other"});
            Ruling::Change(after)
        }
        None => Ruling::Admit,
    })));
    let live = cluster.workload(&web()).await.unwrap().unwrap();
    let patch = patch_of(&live, "ghcr.io/a/web:2");
    let refused = cluster.patch_workload(&web(), &patch, true).await;
    assert_eq!(code(refused).0, 422);
}
