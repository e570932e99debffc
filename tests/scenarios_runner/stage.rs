//! The simulated cluster with the daemon on it, on which a case is told.

use super::case::Case;
use super::daemon::Daemon;
use super::manifest::Manifest;
use super::story::Answer;
use super::text::Mistake;
use super::webhook::Alertmanager;
use kube::CustomResourceExt as _;
use ripcord::config::Config;
use ripcord::record::crd::Incident;
use ripcord::sim::World;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// When every story begins.
const BEGINNING: &str = "2026-11-23T04:00:00Z";

/// What has been told so far.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) daemon: Option<Daemon>,
    /// How often the daemon was started.
    pub(crate) starts: usize,
    pub(crate) configuration: Arc<Config>,
    /// The namespace of the case's first manifest.
    pub(crate) namespace: String,
    pub(crate) alertmanager: Alertmanager,
    /// What each delivery was answered.
    pub(crate) answers: Vec<u16>,
    /// How many alerts were skipped, by reason, over all processes.
    pub(crate) skipped: BTreeMap<String, i64>,
}

/// Tells a case; what is left is to be judged.
pub(crate) async fn tell(case: &Case) -> Result<Stage, Mistake> {
    let mut stage = Stage::set(case)?;
    for step in &case.story.steps {
        stage.world.advance(step.after).await;
        let Some(verb) = &step.verb else { continue };
        super::verbs::act(&mut stage, case, verb)
            .await
            .map_err(|what| case.cluster.mistake(step.line, step.column, what, ""))?;
    }
    stage.stop_ripcord().await.map_err(|what| {
        let place = format!("tests/scenarios/{}", case.name);
        Mistake::of_file(&place, what, "a daemon that lives as long as the story")
    })?;
    Ok(stage)
}

impl Stage {
    fn set(case: &Case) -> Result<Self, Mistake> {
        let crd = serde_json::to_value(Incident::crd()).unwrap();
        let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema");
        let world = World::new(BEGINNING.parse().unwrap(), schema.cloned());
        let mut stage = Self {
            daemon: None,
            starts: 0,
            configuration: case.configuration.clone(),
            namespace: case
                .manifests
                .first()
                .map(Manifest::namespace)
                .unwrap()
                .to_owned(),
            alertmanager: Alertmanager::default(),
            answers: Vec::new(),
            skipped: BTreeMap::new(),
            world,
        };
        stage.registry(&case.story.registry);
        for node in &case.story.nodes {
            stage.world.add_node(node);
        }
        for program in &case.story.programs {
            stage.world.program(program.clone());
        }
        for manifest in &case.manifests {
            stage.apply(manifest).map_err(|what| {
                let expected = "what the API server would take";
                case.cluster.mistake(manifest.line, 1, what, expected)
            })?;
        }
        for (url, deployment) in &case.story.services {
            stage.world.serve(url, &stage.namespace, deployment);
        }
        stage.start_ripcord();
        Ok(stage)
    }

    /// Applies a manifest; its namespace is made where there is none.
    pub(crate) fn apply(&self, manifest: &Manifest) -> Result<(), String> {
        let (namespace, world) = (manifest.namespace(), &self.world);
        world.namespace(namespace);
        let texts = |field: &str| -> Vec<(&str, &str)> {
            let fields = manifest.object.pointer(field).and_then(Value::as_object);
            let texts = fields.into_iter().flatten();
            texts
                .map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
                .collect()
        };
        match manifest.kind.as_str() {
            "Namespace" => texts("/metadata/annotations")
                .into_iter()
                .try_for_each(|(key, value)| world.annotate(namespace, None, key, Some(value)))
                .map_err(|refused| refused.to_string()),
            "ConfigMap" => {
                world.config_map(namespace, manifest.name(), &texts("/data"));
                Ok(())
            }
            "Secret" => {
                let (data, plain) = (texts("/data"), texts("/stringData"));
                let keys: Vec<&str> = data.iter().chain(&plain).map(|(key, _)| *key).collect();
                world.secret(namespace, manifest.name(), &keys);
                Ok(())
            }
            _ => {
                let applied = world.apply(&manifest.object);
                applied.map(drop).map_err(|refused| refused.to_string())
            }
        }
    }

    pub(crate) fn registry(&self, answers: &[Answer]) {
        self.world.registry(|registry| {
            for answer in answers {
                match answer {
                    Answer::Image(image, pull) => registry.set(image, *pull),
                    Answer::Host(host, pull) => registry.set_host(host, *pull),
                }
            }
        });
    }

    pub(crate) fn start_ripcord(&mut self) {
        self.starts += 1;
        self.daemon = Some(Daemon::start(
            &self.world,
            self.configuration.clone(),
            self.starts,
        ));
    }

    pub(crate) async fn stop_ripcord(&mut self) -> Result<(), String> {
        let Some(daemon) = self.daemon.take() else {
            return Ok(());
        };
        for (reason, count) in daemon.skipped() {
            *self.skipped.entry(reason).or_default() += count;
        }
        daemon.stop().await
    }

    /// Posts a body while the cluster goes on. Without a daemon nobody answers, and Alertmanager comes again later: that is another step.
    pub(crate) async fn post(&mut self, body: &Value) -> Result<(), String> {
        let daemon = self.daemon.as_ref();
        let daemon = daemon.ok_or("Ripcord is stopped: nobody listens")?;
        // Alertmanager gives a delivery up after so long.
        let patience = self.world.advance(Duration::from_secs(30));
        tokio::select! {
            biased;
            answer = daemon.post(body) => self.answers.push(answer),
            () = patience => return Err("Ripcord does not answer within 30s".to_owned()),
        }
        Ok(())
    }

    /// A Deployment as it is now.
    pub(crate) fn deployment(&self, namespace: &str, name: &str) -> Result<Value, String> {
        let object = self.world.object("Deployment", namespace, name);
        object.ok_or_else(|| format!("there is no Deployment {name} in namespace {namespace}"))
    }

    /// The ReplicaSets of a Deployment.
    pub(crate) fn replica_sets(&self, namespace: &str, deployment: &str) -> Vec<Value> {
        let mut sets = self.world.objects("ReplicaSet", namespace);
        sets.retain(|set| owner(set) == Some(deployment));
        sets
    }

    /// The name and uid of the newest pod of a Deployment.
    pub(crate) fn newest_pod(&self, namespace: &str, deployment: &str) -> Option<(String, String)> {
        let sets = self.replica_sets(namespace, deployment);
        let names: Vec<&str> = sets.iter().map(|set| text(set, "/metadata/name")).collect();
        let pods = self.world.objects("Pod", namespace);
        let own = pods.iter().filter(|pod| {
            owner(pod).is_some_and(|set| names.contains(&set))
                && pod.pointer("/metadata/deletionTimestamp").is_none()
        });
        let newest = own.max_by_key(|pod| {
            (
                text(pod, "/metadata/creationTimestamp"),
                text(pod, "/metadata/name"),
            )
        })?;
        let field = |path| text(newest, path).to_owned();
        Some((field("/metadata/name"), field("/metadata/uid")))
    }
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn owner(object: &Value) -> Option<&str> {
    object
        .pointer("/metadata/ownerReferences/0/name")
        .and_then(Value::as_str)
}
