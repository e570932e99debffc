//! What each thing that can happen does to the simulated cluster.

use super::case::Case;
use super::interference::Rules;
use super::shape::{Number, Text};
use super::stage::Stage;
use super::story::{
    self, AnnotateShape, DeploymentShape, EditShape, SetImageShape, UndoShape, Verb,
};
use super::webhook::AlertShape;
use ripcord::domain::workload::{REVISION_ANNOTATION, TEMPLATE_HASH_LABEL};
use serde_json::{Value, json};
use std::sync::Arc;

/// Does one thing.
///
/// # Errors
/// When it can't be done: there is no such object, or the API server refuses it.
pub(crate) async fn act(stage: &mut Stage, case: &Case, verb: &Verb) -> Result<(), String> {
    let told = |mistake: super::text::Mistake| mistake.to_string();
    match verb {
        Verb::Alert(alert) => post_alert(stage, alert).await,
        Verb::Post(file) => {
            let namespace = stage.namespace.clone();
            let pods = |deployment: &str| stage.newest_pod(&namespace, deployment);
            let body = case.named.payloads[&file.value].body(&pods)?;
            stage.post(&body).await
        }
        Verb::Apply(file) => stage.apply(&case.named.manifests[&file.value]),
        Verb::SetImage(shape) => set_image(stage, shape),
        Verb::Edit(EditShape {
            namespace: within,
            container,
            deployment,
            set,
        }) => {
            let namespace = namespace(stage, within.as_ref());
            let container = container.as_ref().map(|container| container.value.as_str());
            edit(stage, &namespace, &deployment.value, container, set)
        }
        Verb::Annotate(shape) => annotate(stage, shape),
        Verb::Scale(shape) => {
            let set = json!({"spec": {"replicas": shape.replicas.value}});
            let namespace = namespace(stage, shape.namespace.as_ref());
            edit(stage, &namespace, &shape.deployment.value, None, &set)
        }
        Verb::RolloutPause(shape) => merge(stage, shape, &json!({"spec": {"paused": true}})),
        Verb::RolloutResume(shape) => merge(stage, shape, &json!({"spec": {"paused": null}})),
        Verb::RolloutRestart(shape) => {
            let now = stage.world.clock().now().to_string();
            let annotations = json!({"kubectl.kubernetes.io/restartedAt": now});
            let template = json!({"metadata": {"annotations": annotations}});
            merge(stage, shape, &json!({"spec": {"template": template}}))
        }
        Verb::RolloutUndo(shape) => undo(stage, shape),
        Verb::Delete(shape) => delete(stage, shape),
        Verb::Registry(shape) => {
            let answers = story::answers(&case.cluster, shape).map_err(told)?;
            stage.registry(&answers);
            Ok(())
        }
        Verb::Program(shape) => {
            let program = story::program(&case.cluster, shape, None).map_err(told)?;
            stage.world.program(program);
            Ok(())
        }
        Verb::Prometheus(state) => {
            stage.world.prometheus_down(state.value == "down");
            Ok(())
        }
        Verb::KubeStateMetrics(state) => {
            stage.world.scrapes_stop(state.value == "not-scraped");
            Ok(())
        }
        Verb::Rbac(shape) => {
            stage.world.may_patch(shape.patch_deployments.value);
            Ok(())
        }
        Verb::Api(shapes) => {
            let rules = Rules::of(&case.cluster, shapes).map_err(told)?;
            stage.world.interfere(Some(Arc::new(rules)));
            Ok(())
        }
        Verb::Configuration(file) => {
            let configuration = case.named.configurations[&file.value].clone();
            stage.configuration = configuration.clone();
            if let Some(daemon) = &stage.daemon {
                daemon.reload(configuration);
            }
            Ok(())
        }
        Verb::Ripcord(state) if state.value == "stopped" => stage.stop_ripcord().await,
        Verb::Ripcord(_) if stage.daemon.is_some() => Err("Ripcord runs already".to_owned()),
        Verb::Ripcord(_) => {
            stage.start_ripcord();
            Ok(())
        }
    }
}

fn namespace(stage: &Stage, named: Option<&Text>) -> String {
    named.map_or_else(|| stage.namespace.clone(), |named| named.value.clone())
}

fn set_image(stage: &Stage, shape: &SetImageShape) -> Result<(), String> {
    let namespace = namespace(stage, shape.namespace.as_ref());
    let deployment = &shape.deployment.value;
    shape.images.iter().try_for_each(|(container, image)| {
        let set = json!({"image": image});
        edit(stage, &namespace, deployment, Some(container), &set)
    })
}

fn annotate(stage: &Stage, shape: &AnnotateShape) -> Result<(), String> {
    let namespace = namespace(stage, shape.namespace.as_ref());
    let deployment = shape.deployment.as_ref().map(|name| name.value.as_str());
    shape.annotations.iter().try_for_each(|(key, value)| {
        let world = &stage.world;
        let annotated = world.annotate(&namespace, deployment, key, value.as_deref());
        annotated.map_err(|refused| refused.to_string())
    })
}

fn delete(stage: &Stage, shape: &DeploymentShape) -> Result<(), String> {
    let namespace = namespace(stage, shape.namespace.as_ref());
    stage.deployment(&namespace, &shape.deployment.value)?;
    stage.world.delete(&namespace, &shape.deployment.value);
    Ok(())
}

async fn post_alert(stage: &mut Stage, alert: &AlertShape) -> Result<(), String> {
    let once = || 1;
    let times = alert
        .times
        .as_ref()
        .map_or_else(once, |times: &Number| times.value);
    for _ in 0..times {
        let mut alertmanager = std::mem::take(&mut stage.alertmanager);
        let namespace = stage.namespace.clone();
        let now = stage.world.clock().now();
        let pods = |deployment: &str| stage.newest_pod(&namespace, deployment);
        let body = alertmanager.body(alert, &namespace, now, &pods);
        stage.alertmanager = alertmanager;
        stage.post(&body?).await?;
    }
    Ok(())
}

fn merge(stage: &Stage, shape: &DeploymentShape, set: &Value) -> Result<(), String> {
    let namespace = namespace(stage, shape.namespace.as_ref());
    edit(stage, &namespace, &shape.deployment.value, None, set)
}

/// Changes a Deployment as `kubectl edit` does: one container of it, or the whole object.
fn edit(
    stage: &Stage,
    namespace: &str,
    deployment: &str,
    container: Option<&str>,
    set: &Value,
) -> Result<(), String> {
    let mut object = stage.deployment(namespace, deployment)?;
    let part = match container {
        None => &mut object,
        Some(name) => container_of(&mut object, name)
            .ok_or_else(|| format!("Deployment {deployment} has no container {name}"))?,
    };
    json_patch::merge(part, set);
    let applied = stage.world.apply(&object);
    applied.map(drop).map_err(|refused| refused.to_string())
}

fn container_of<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let pod = object.pointer_mut("/spec/template/spec")?.as_object_mut()?;
    let lists = pod
        .iter_mut()
        .filter(|(key, _)| ["containers", "initContainers"].contains(&key.as_str()));
    lists
        .filter_map(|(_, list)| list.as_array_mut())
        .flatten()
        .find(|container| container["name"] == name)
}

/// A person's `kubectl rollout undo --to-revision`.
fn undo(stage: &Stage, shape: &UndoShape) -> Result<(), String> {
    let namespace = namespace(stage, shape.namespace.as_ref());
    let name = &shape.deployment.value;
    let wanted = shape.to_revision.value.to_string();
    let sets = stage.replica_sets(&namespace, name);
    let revision = |set: &&Value| set["metadata"]["annotations"][REVISION_ANNOTATION] == *wanted;
    let set = sets.iter().find(revision);
    let set = set.ok_or_else(|| format!("Deployment {name} has no revision {wanted}"))?;
    let mut template = set["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(TEMPLATE_HASH_LABEL);
    }
    let mut object = stage.deployment(&namespace, name)?;
    object["spec"]["template"] = template;
    let applied = stage.world.apply(&object);
    applied.map(drop).map_err(|refused| refused.to_string())
}
