//! The lab "K8s Incidents I" in a simulated cluster: its own manifests and its own configuration, as the cluster tests use them too.

use super::DemoError;
use crate::config::{self, Config, WebhookAuth};
use crate::domain::policy::Mode;
use crate::record::crd::Incident;
use crate::sim::{Behaviour, Program, Pull, World};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kube::CustomResourceExt as _;
use serde_json::Value;
use std::time::Duration;

/// The lab's namespace.
pub(super) const NAMESPACE: &str = "lab30";
/// Where its web image comes from.
pub(super) const REGISTRY: &str = "ghcr.io";

/// What its images' names begin with.
pub(super) const REPOSITORIES: &str = "ghcr.io/vlrrbn/";

const CONFIGURATION: &str = include_str!("../../../config/ripcord.yaml");
const BASE: &str = include_str!("../../../tests/cluster/rig/lab/base.yaml");
const REDIS: &str = include_str!("../../../tests/cluster/rig/lab/redis-deployment.yaml");
const REDIS_BAD_ARGUMENT: &str = include_str!("../../../tests/cluster/rig/lab/bad-redis-arg.yaml");
const WEB: &str = include_str!("../../../tests/cluster/rig/lab/web-deployment.yaml");
const WEB_BAD_IMAGE: &str = include_str!("../../../tests/cluster/rig/lab/web-bad-image.yaml");

/// A text in a manifest, and what a release makes of it.
type Replaced = (&'static str, &'static str);
const WEB_RELEASE: Replaced = (":0.2.1", ":0.2.2");
const REDIS_TYPO: Replaced = ("redis:7-alpine", "redis:7-alpin");

/// What the images of the lab are called.
const IMAGES: [&str; 3] = [
    "redis:7-alpine",
    "ghcr.io/vlrrbn/lab30-web-metrics:0.2.1",
    "ghcr.io/vlrrbn/lab30-web-metrics:0.2.2",
];
/// What redis' image says to the lab's arguments (`tests/fixtures/faults/bad-args.json`).
const REDIS_LAST_WORDS: &str = "/bin/entrypoint.sh: exec: line 5: 9090: not found";
/// Longer than a revision must have been healthy to count as proven.
const HEALTHY_FOR: Duration = Duration::from_secs(600);
/// When the story begins, on the simulated cluster's clock: always the same, so that two runs tell the same.
const BEGIN: jiff::civil::DateTime = jiff::civil::date(2026, 11, 23).at(4, 0, 0, 0);

/// The lab's configuration; only the mode, and who may post alerts, are said here.
pub(super) fn configuration(mode: Mode) -> Result<Config, DemoError> {
    let config = config::parse(CONFIGURATION, "config/ripcord.yaml");
    let mut config = config.map_err(DemoError::Configuration)?;
    config.mode = mode;
    config.webhook_auth = WebhookAuth::Insecure;
    Ok(config)
}

/// When the story begins.
pub(super) fn begin() -> Result<Timestamp, DemoError> {
    let begin = BEGIN.to_zoned(TimeZone::UTC);
    Ok(begin.map_err(DemoError::Calendar)?.timestamp())
}

/// The lab, with both workloads healthy for ten minutes.
pub(super) async fn cluster(config: &Config) -> Result<World, DemoError> {
    let crd = serde_json::to_value(Incident::crd()).map_err(DemoError::Object)?;
    let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema");
    let world = World::new(begin()?, schema.cloned());
    world.namespace(NAMESPACE);
    world.registry(|registry| {
        for image in IMAGES {
            registry.set(image, Pull::Exists);
        }
    });
    settings(&world)?;
    let broken = redis_with_a_bad_argument()?;
    let arguments: Vec<&str> = texts(&broken, "/spec/template/spec/containers/0/args");
    let crash = Behaviour::crashes(127, REDIS_LAST_WORDS);
    world.program(Program::that(crash).with_args(&arguments));
    let web = web()?;
    for policy in &config.policies {
        if let Some(http) = &policy.verify.http {
            let name = web.pointer("/metadata/name").and_then(Value::as_str);
            world.serve(&http.url, NAMESPACE, name.unwrap_or_default());
        }
    }
    for manifest in [web, redis()?] {
        world.apply(&manifest).map_err(DemoError::Refused)?;
    }
    world.advance(HEALTHY_FOR).await;
    Ok(world)
}

/// The ConfigMaps that its containers take their environment from.
fn settings(world: &World) -> Result<(), DemoError> {
    let base: Vec<Value> = serde_saphyr::from_multiple(BASE).map_err(DemoError::Manifest)?;
    let text = |object: &Value, pointer: &str| {
        let text = object.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    for object in base
        .iter()
        .filter(|object| text(object, "/kind") == "ConfigMap")
    {
        let data = object.pointer("/data").and_then(Value::as_object);
        let data: Vec<(&str, &str)> = data
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
            .collect();
        world.config_map(NAMESPACE, &text(object, "/metadata/name"), &data);
    }
    Ok(())
}

/// The lab's redis, as it works.
pub(super) fn redis() -> Result<Value, DemoError> {
    manifest(REDIS)
}

/// The lab's second incident.
pub(super) fn redis_with_a_bad_argument() -> Result<Value, DemoError> {
    manifest(REDIS_BAD_ARGUMENT)
}

/// Another mistake, for whoever wants to post the alert themselves.
pub(super) fn redis_with_a_typo() -> Result<Value, DemoError> {
    manifest(&REDIS.replace(REDIS_TYPO.0, REDIS_TYPO.1))
}

/// The lab's web, as it works.
pub(super) fn web() -> Result<Value, DemoError> {
    manifest(WEB)
}

/// The lab's first incident.
pub(super) fn web_with_a_bad_image() -> Result<Value, DemoError> {
    manifest(WEB_BAD_IMAGE)
}

/// A release that there is nothing wrong with.
pub(super) fn web_release() -> Result<Value, DemoError> {
    manifest(&WEB.replace(WEB_RELEASE.0, WEB_RELEASE.1))
}

fn manifest(yaml: &str) -> Result<Value, DemoError> {
    serde_saphyr::from_str(yaml).map_err(DemoError::Manifest)
}

fn texts<'a>(object: &'a Value, pointer: &str) -> Vec<&'a str> {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_and_a_typo_change_the_image_and_nothing_else() {
        for (before, after) in [
            (web().unwrap(), web_release().unwrap()),
            (redis().unwrap(), redis_with_a_typo().unwrap()),
        ] {
            let changed = json_patch::diff(&before, &after);
            let paths: Vec<String> = changed.iter().map(|one| one.path().to_string()).collect();
            assert_eq!(paths, ["/spec/template/spec/containers/0/image"]);
        }
    }

    #[test]
    fn the_shipped_configuration_is_the_demos_with_its_probe() {
        let config = configuration(Mode::Enforce).unwrap();
        assert!(config.namespaces.contains(NAMESPACE));
        assert!(
            config
                .policies
                .iter()
                .any(|policy| policy.verify.http.is_some())
        );
    }
}
