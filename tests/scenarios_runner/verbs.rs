//! What each thing that can happen does to the simulated cluster.

use super::case::Case;
use super::interference::Rules;
use super::program::program;
use super::shape::{Number, Text};
use super::stage::Stage;
use super::story::{
    self, AnnotateShape, ConfigMapShape, DeleteShape, DeploymentShape, EditShape, LIES, QuotaShape,
    SecretShape, SetImageShape, UndoShape, Verb,
};
use super::webhook::AlertShape;
use ripcord::domain::workload::{REVISION_ANNOTATION, TEMPLATE_HASH_LABEL};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

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
        Verb::RolloutRestart(shape) => restart(stage, shape),
        Verb::RolloutUndo(shape) => undo(stage, shape),
        Verb::Delete(shape) => delete(stage, shape),
        Verb::Registry(shape) => {
            let answers = story::answers(&case.cluster, shape).map_err(told)?;
            stage.registry(&answers);
            Ok(())
        }
        Verb::Program(shape) => {
            let program = program(&case.cluster, shape).map_err(told)?;
            stage.world.program(program);
            Ok(())
        }
        Verb::Prometheus(state) => {
            prometheus(stage, &state.value);
            Ok(())
        }
        Verb::KubeStateMetrics(state) => {
            stage.world.scrapes_stop(state.value == "not-scraped");
            Ok(())
        }
        Verb::ConfigMap(shape) => {
            config_map(stage, shape);
            Ok(())
        }
        Verb::Secret(shape) => {
            secret(stage, shape);
            Ok(())
        }
        Verb::Quota(shape) => quota(stage, shape),
        Verb::Node(shape) => {
            node(stage, &shape.name.value, &shape.is.value);
            Ok(())
        }
        Verb::Evict(shape) => evict(stage, shape),
        Verb::Events(fate) => {
            events(stage, &fate.value);
            Ok(())
        }
        Verb::Admission(shape) => {
            stage.world.admission(shape.rule());
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

fn delete(stage: &Stage, shape: &DeleteShape) -> Result<(), String> {
    let namespace = namespace(stage, shape.namespace.as_ref());
    if let Some(deployment) = &shape.deployment {
        stage.deployment(&namespace, &deployment.value)?;
        stage.world.delete(&namespace, &deployment.value);
    }
    if let Some(config_map) = &shape.config_map {
        stage.world.delete_config_map(&namespace, &config_map.value);
    }
    if let Some(secret) = &shape.secret {
        stage.world.delete_secret(&namespace, &secret.value);
    }
    Ok(())
}

fn config_map(stage: &Stage, shape: &ConfigMapShape) {
    let namespace = namespace(stage, shape.namespace.as_ref());
    let data: Vec<(&str, &str)> = shape
        .data
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    stage.world.config_map(&namespace, &shape.name.value, &data);
}

fn quota(stage: &Stage, shape: &QuotaShape) -> Result<(), String> {
    let is_amount = |(what, amount): &(&String, &String)| {
        what.starts_with("requests.") && ripcord::domain::quantity::parse(amount).is_some()
    };
    if let Some((what, amount)) = shape.hard.iter().find(|item| !is_amount(item)) {
        return Err(format!(
            "`{what}: {amount}` limits nothing: it reads as `requests.cpu: \"3\"`"
        ));
    }
    let namespace = namespace(stage, shape.namespace.as_ref());
    stage
        .world
        .quota(&namespace, &shape.name.value, &shape.hard);
    Ok(())
}

fn secret(stage: &Stage, shape: &SecretShape) {
    let namespace = namespace(stage, shape.namespace.as_ref());
    let keys: Vec<&str> = shape.keys.iter().map(String::as_str).collect();
    stage.world.secret(&namespace, &shape.name.value, &keys);
}

fn evict(stage: &Stage, shape: &DeploymentShape) -> Result<(), String> {
    let namespace = namespace(stage, shape.namespace.as_ref());
    let deployment = &shape.deployment.value;
    let pod = stage.newest_pod(&namespace, deployment);
    let pod = pod.ok_or_else(|| format!("Deployment {deployment} has no pod now"))?;
    stage.world.evict(&namespace, &pod.0);
    Ok(())
}

fn events(stage: &Stage, fate: &str) {
    if fate == "forgotten" {
        stage.world.forget_events(&stage.namespace);
    } else {
        let lose = fate == "lost";
        stage.world.lose_events_in(&stage.namespace, lose);
    }
}

fn node(stage: &Stage, name: &str, fate: &str) {
    let world = &stage.world;
    match fate {
        "added" => world.add_node(name),
        "lost" => world.lose_node(name),
        "found" => world.find_node(name),
        "removed" => world.remove_node(name),
        fate => world.cordon(name, fate == "cordoned"),
    }
}

/// Longer than anybody waits for an answer.
const SLOW: Duration = Duration::from_secs(60);

fn prometheus(stage: &Stage, state: &str) {
    let world = &stage.world;
    world.prometheus_down(state == "down");
    world.prometheus_stuck(state == "stuck");
    world.prometheus_slow(if state == "slow" {
        SLOW
    } else {
        Duration::ZERO
    });
    let lie = LIES.iter().find(|(word, _)| *word == state);
    world.prometheus_lies(lie.map(|(_, lie)| *lie));
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

fn restart(stage: &Stage, shape: &DeploymentShape) -> Result<(), String> {
    let now = stage.world.clock().now().to_string();
    let annotations = json!({"kubectl.kubernetes.io/restartedAt": now});
    let template = json!({"metadata": {"annotations": annotations}});
    merge(stage, shape, &json!({"spec": {"template": template}}))
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
