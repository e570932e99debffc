use super::*;
use crate::domain::owners::{FieldManager, Operation};
use serde_json::json;

fn image_of_web() -> Value {
    json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}}}}})
}

fn managed(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "time": "2026-11-23T04:05:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": fields})
}

/// A Deployment that kubectl made, with more metadata.
fn with(metadata: Value) -> Value {
    let mut all =
        json!({"name": "cart", "managedFields": [managed("kubectl", "Update", &image_of_web())]});
    let Value::Object(more) = metadata else {
        panic!("metadata is a map")
    };
    for (key, value) in more {
        all[key] = value;
    }
    json!({"metadata": all})
}

fn known(object: &Value) -> Owners {
    of(object).known().unwrap().clone()
}

/// What is said of the programs, without the template's sentence.
fn told(metadata: Value) -> Vec<String> {
    let owners = known(&with(metadata));
    owners.programs.iter().map(Owner::told).collect()
}

#[test]
fn what_has_another_shape_than_the_api_gives_it_is_unavailable() {
    for (object, field) in [
        (json!(null), "metadata"),
        (json!({"metadata": []}), "metadata"),
        (with(json!({"labels": "app=web"})), "labels"),
        (with(json!({"labels": {"app": 7}})), "labels"),
        (with(json!({"annotations": [1]})), "annotations"),
        (
            with(json!({"ownerReferences": {"controller": true}})),
            "ownerReferences",
        ),
        (
            with(json!({"ownerReferences": ["Kafka"]})),
            "ownerReferences",
        ),
    ] {
        let why = of(&object);
        assert_eq!(
            why.unavailable(),
            Some(format!("its {field} can't be read").as_str()),
            "{object}"
        );
    }
}

#[test]
fn fields_of_which_nobody_kept_account_are_not_nobody_s() {
    let whole = managed("kubectl", "Update", &image_of_web());
    let lacking = |key: &str| {
        let mut entry = whole.clone();
        entry.as_object_mut().unwrap().remove(key);
        json!([entry])
    };
    for (fields, why) in [
        (json!(null), "no managedFields"),
        (json!([]), "empty"),
        (json!({}), "can't be read"),
        (json!([7]), "can't be read"),
        (lacking("manager"), "can't be read"),
        (lacking("operation"), "can't be read"),
        (lacking("fieldsV1"), "can't be read"),
        (
            json!([managed("kubectl", "Delete", &json!({}))]),
            "can't be read",
        ),
        (json!(vec![whole; 101]), "more than 100"),
    ] {
        let owners = known(&with(json!({"managedFields": fields})));
        let told = owners.template.unavailable().unwrap().to_owned();
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_chart_s_labels_alone_show_nobody() {
    let chart = json!({"labels": {"app.kubernetes.io/instance": "cart", "app.kubernetes.io/managed-by": "Helm"}});
    assert_eq!(told(chart), [""; 0]);
    // An owner that does not control it is there for the garbage collector.
    let kept = json!({"ownerReferences": [{"kind": "Shop", "name": "a", "controller": false}, {"kind": "Shop"}]});
    assert_eq!(told(kept), [""; 0]);
    // Its status and its scale are not its template.
    let mut status = managed("argocd-controller", "Update", &image_of_web());
    status["subresource"] = json!("status");
    let label = managed(
        "argocd-controller",
        "Update",
        &json!({"f:metadata": {"f:labels": {}}}),
    );
    assert_eq!(told(json!({"managedFields": [status, label]})), [""; 0]);
}

#[test]
fn each_program_is_known_by_its_own_mark() {
    for (metadata, expected) in [
        (
            json!({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/cart"}}),
            "Argo CD, application shop (by annotation argocd.argoproj.io/tracking-id) may put its own back",
        ),
        (
            json!({"labels": {"argocd.argoproj.io/instance": "shop"}}),
            "Argo CD, application shop (by label argocd.argoproj.io/instance) may put its own back",
        ),
        (
            json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}),
            "Flux, Kustomization flux-system/apps (by label kustomize.toolkit.fluxcd.io/name) would put its own back",
        ),
        (
            json!({"labels": {"helm.toolkit.fluxcd.io/name": "cart"}}),
            "Flux, HelmRelease cart (by label helm.toolkit.fluxcd.io/name) may put its own back",
        ),
        (
            json!({"annotations": {"meta.helm.sh/release-name": "cart", "meta.helm.sh/release-namespace": "shop"}}),
            "Helm, release shop/cart (by annotation meta.helm.sh/release-name) changes nothing before its next upgrade",
        ),
        (
            json!({"ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "cart", "controller": true}]}),
            "Argo Rollouts, Rollout cart (by owner reference) may put its own back",
        ),
        (
            json!({"ownerReferences": [{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "cart", "controller": true}]}),
            "Flagger, Canary cart (by owner reference) may put its own back",
        ),
        (
            json!({"ownerReferences": [{"apiVersion": "kafka.strimzi.io/v1", "kind": "Kafka", "name": "cart", "controller": true}]}),
            "a controller, Kafka cart of kafka.strimzi.io (by owner reference) would put its own back",
        ),
    ] {
        let told = told(metadata.clone());
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(expected), "{told:?}");
    }
}

#[test]
fn a_mark_without_a_name_is_a_mark() {
    for metadata in [
        json!({"annotations": {"argocd.argoproj.io/tracking-id": ""}}),
        json!({"labels": {"helm.toolkit.fluxcd.io/name": ""}}),
        json!({"ownerReferences": [{"controller": true}]}),
        json!({"ownerReferences": [{"controller": true, "kind": 7, "apiVersion": []}]}),
    ] {
        let owners = known(&with(metadata.clone())).programs;
        assert!(
            owners.len() == 1 && owners[0].fights(),
            "{metadata}: {owners:?}"
        );
    }
}

#[test]
fn a_program_that_left_no_mark_is_known_by_the_fields_it_writes() {
    let replicas = json!({"f:spec": {"f:replicas": {}}});
    for (manager, program) in [
        ("argocd-controller", Program::ArgoCd),
        ("kustomize-controller", Program::FluxKustomization),
        ("helm-controller", Program::FluxHelmRelease),
        ("rollouts-controller", Program::ArgoRollouts),
        ("flagger", Program::Flagger),
    ] {
        let entry = managed(manager, "Update", &replicas);
        let found = known(&with(json!({"managedFields": [entry]}))).programs;
        assert_eq!(found.len(), 1, "{manager}");
        assert_eq!(found[0].program, program);
    }
    let entries = json!([managed("argocd-controller", "Apply", &image_of_web())]);
    let labels = json!({"app.kubernetes.io/instance": "shop"});
    let found = told(json!({"managedFields": entries, "labels": labels}));
    assert!(
        found[0].starts_with("Argo CD, application shop (by field manager argocd-controller)"),
        "{found:?}"
    );
}

#[test]
fn flux_is_suspended_only_by_its_own_mark_and_nobody_else_by_any() {
    let flux = "kustomize.toolkit.fluxcd.io/name";
    let mark = "kustomize.toolkit.fluxcd.io/reconcile";
    for (metadata, fights) in [
        (json!({"labels": {flux: "apps"}}), true),
        (json!({"labels": {flux: "apps", mark: "disabled"}}), false),
        (
            json!({"labels": {flux: "apps"}, "annotations": {mark: "disabled"}}),
            false,
        ),
        (
            json!({"labels": {flux: "apps"}, "annotations": {mark: "enabled"}}),
            true,
        ),
        (
            json!({"labels": {flux: "apps"}, "annotations": {mark: "Disabled "}}),
            true,
        ),
        (
            json!({"labels": {flux: "apps"}, "annotations": {"kustomize.toolkit.fluxcd.io/ssa": "Ignore"}}),
            true,
        ),
        (
            json!({"labels": {"argocd.argoproj.io/instance": "a", mark: "disabled"}}),
            true,
        ),
        (
            json!({"labels": {"argocd.argoproj.io/instance": "a"}, "annotations": {"argocd.argoproj.io/skip-reconcile": "true"}}),
            true,
        ),
        (
            json!({"labels": {"helm.toolkit.fluxcd.io/name": "a"}, "annotations": {"helm.toolkit.fluxcd.io/driftDetection": "disabled"}}),
            true,
        ),
    ] {
        let owners = known(&with(metadata.clone())).programs;
        assert_eq!(owners[0].fights(), fights, "{metadata}");
    }
}

#[test]
fn who_writes_images_is_told_first_and_the_newest_before_older_ones() {
    let mut older = managed("helm", "Update", &image_of_web());
    older["time"] = json!("2026-11-20T04:05:00Z");
    let labels = json!({"f:spec": {"f:template": {"f:metadata": {}}}});
    let entries = json!([
        managed("kubectl-edit", "Update", &labels),
        older,
        managed("kubectl-set", "Update", &image_of_web()),
        managed(
            "autoscaler",
            "Update",
            &json!({"f:spec": {"f:replicas": {}}})
        ),
    ]);
    let owners = known(&with(json!({"managedFields": entries})));
    let managers = owners.template.known().unwrap();
    let names: Vec<&str> = managers
        .iter()
        .map(|manager| manager.manager.as_str())
        .collect();
    assert_eq!(names, ["kubectl-set", "helm", "kubectl-edit"]);
    assert_eq!(
        managers[0],
        FieldManager {
            manager: "kubectl-set".to_owned(),
            operation: Operation::Update,
            time: Some("2026-11-23T04:05:00Z".parse().unwrap()),
            images: vec!["web".to_owned()],
        }
    );
}

#[test]
fn a_set_that_ends_above_the_template_holds_all_of_it() {
    let entries = json!([managed("apply-all", "Apply", &json!({"f:spec": {}}))]);
    let owners = known(&with(json!({"managedFields": entries})));
    assert_eq!(owners.template.known().unwrap()[0].manager, "apply-all");
}

#[test]
fn hostile_marks_are_cleaned_and_bounded() {
    let huge = "x".repeat(2_000);
    let mut containers = serde_json::Map::new();
    for number in 0..20 {
        let key = format!("k:{{\"name\":\"c{number}-{huge}\"}}");
        containers.insert(key, json!({"f:image": {}}));
        containers.insert(format!("k:{number}"), json!({"f:image": {}}));
    }
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": containers}}}});
    let entries: Vec<Value> = (0..20)
        .map(|number| managed(&format!("{number}\u{1b}[31m{huge}"), "Apply", &fields))
        .collect();
    let references: Vec<Value> = (0..100)
        .map(|number| json!({"controller": true, "kind": format!("K{number}\n{huge}"), "name": "a\u{202e}b", "apiVersion": format!("{huge}/v1")}))
        .collect();
    let owners = known(&with(json!({
        "annotations": {"argocd.argoproj.io/tracking-id": format!("a\u{1b}]0;b\u{7}{huge}")},
        "ownerReferences": references,
        "managedFields": entries,
    })));
    assert_eq!(owners.programs.len(), Owners::LIMIT);
    let managers = owners.template.known().unwrap();
    assert_eq!(managers.len(), Owners::LIMIT);
    assert!(managers[0].images.len() <= Owners::LIMIT);
    let sentences = Owners::sentences(&Observed::Known(owners));
    assert!(sentences.len() <= 10);
    for sentence in sentences {
        assert!(
            sentence.len() <= 512 && !sentence.contains(['\u{1b}', '\n', '\u{202e}']),
            "{sentence}"
        );
    }
}
