//! The simulated cluster of a story: the lab's two workloads, a bystander in a namespace that nobody named, and what people do to them.

use super::story::{Fault, Story};
use super::truth::Truth;
use kube::CustomResourceExt as _;
use ripcord::record::crd::Incident;
use ripcord::sim::{Behaviour, Program, Pull, World};
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) const NAMESPACE: &str = "lab30";
pub(crate) const OUTSIDE: &str = "elsewhere";
pub(crate) const REDIS: &str = "lab30-redis";
pub(crate) const WEB: &str = "lab30-web";
pub(crate) const PINNED_IMAGE: &str = "ghcr.io/vlrrbn/lab30-web-metrics:0.2.1";
const OLD_IMAGE: &str = "ghcr.io/vlrrbn/lab30-web-metrics:0.2.0";
const NEWER_IMAGE: &str = "ghcr.io/vlrrbn/lab30-web-metrics:0.3.0";
const BAD_IMAGE: &str = "ghcr.io/vlrrbn/lab30-web-metrics:does-not-exist";
const BAD_ARGS: &[&str] = &["9090", "--save", "60", "1", "--loglevel", "warning"];
const BAD_BEFORE: &[&str] = &["--no-such-option"];
const BAD_AFTER: &[&str] = &["--another-mistake"];
const GOOD_AFTER: &[&str] = &["--save", "60", "1"];

/// For how long both workloads are healthy before anything happens: longer than `provenFor`.
pub(crate) const HEALTHY_FOR: Duration = Duration::from_secs(300);

/// A cluster in which both workloads have been healthy for a while.
pub(crate) async fn healthy(story: &Story, truth: &mut Truth) -> Lab {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| {
        let crd = serde_json::to_value(Incident::crd()).unwrap();
        crd.pointer("/spec/versions/0/schema/openAPIV3Schema")
            .cloned()
            .unwrap()
    });
    let world = World::new(
        "2026-11-23T04:00:00Z".parse().unwrap(),
        Some(schema.clone()),
    );
    world.namespace(NAMESPACE);
    world.namespace(OUTSIDE);
    world.registry(|registry| {
        for image in [PINNED_IMAGE, OLD_IMAGE, NEWER_IMAGE, "redis:7-alpine"] {
            registry.set(image, Pull::Exists);
        }
    });
    for args in [BAD_ARGS, BAD_BEFORE, BAD_AFTER] {
        let words = "/bin/entrypoint.sh: exec: line 5: 9090: not found";
        world.program(Program::that(Behaviour::crashes(127, words)).with_args(args));
    }
    let lab = Lab {
        world,
        recreate: story.recreate || story.drew(Fault::TargetFails),
        replicas: story.replicas,
    };
    lab.apply_redis(NAMESPACE, &[]);
    lab.apply_web(OLD_IMAGE);
    if story.outside {
        lab.apply_redis(OUTSIDE, &[]);
    }
    lab.pass(HEALTHY_FOR, truth).await;
    if story.bad_before {
        lab.apply_redis(NAMESPACE, BAD_BEFORE);
        lab.pass(Duration::from_secs(20), truth).await;
    }
    lab
}

/// The cluster and those who work on it.
#[derive(Clone)]
pub(crate) struct Lab {
    pub(crate) world: World,
    recreate: bool,
    replicas: u64,
}

impl Lab {
    /// Lets time pass before the story, with a look now and then.
    async fn pass(&self, time: Duration, truth: &mut Truth) {
        for _ in 0..time.as_secs() / 10 {
            self.world.advance(Duration::from_secs(10)).await;
            truth.look(&self.world);
        }
    }

    pub(crate) fn break_rollouts(&self, story: &Story) {
        if story.broken.redis() {
            self.apply_redis(NAMESPACE, BAD_ARGS);
        } else if story.bad_before {
            self.apply_redis(NAMESPACE, &[]);
        }
        if story.broken.web() {
            self.apply_web(BAD_IMAGE);
        }
        if story.outside {
            self.apply_redis(OUTSIDE, BAD_ARGS);
        }
    }

    /// What worked before works no more, and what the policy would pin is gone.
    pub(crate) fn targets_fail(&self) {
        let crash = Behaviour::crashes(1, "the data directory is of a newer version");
        self.world.program(Program::that(crash).with_args(&[]));
        self.world
            .registry(|registry| registry.set(PINNED_IMAGE, Pull::NotFound));
    }

    /// Another rollout: one that works, or one that fails in another way.
    pub(crate) fn person_deploys(&self, works: bool) {
        if works {
            self.apply_redis(NAMESPACE, GOOD_AFTER);
            self.apply_web(NEWER_IMAGE);
        } else {
            self.apply_redis(NAMESPACE, BAD_AFTER);
        }
    }

    pub(crate) fn person_pauses(&self, pause: bool) {
        for name in [REDIS, WEB] {
            self.changed(name, |deployment| {
                deployment["spec"]["paused"] = json!(pause);
            });
        }
    }

    /// With the workload's own annotation, or with the namespace's.
    pub(crate) fn person_opts_out(&self, out: bool, namespace: bool) {
        let word = if namespace { "off" } else { "dry-run" };
        let key = "ripcord.dev/mode";
        let names: &[Option<&str>] = if namespace {
            &[None]
        } else {
            &[Some(REDIS), Some(WEB)]
        };
        for name in names {
            // A workload that is deleted just now has no annotation.
            let _ = self
                .world
                .annotate(NAMESPACE, *name, key, out.then_some(word));
        }
    }

    /// A controller that applies its source: whatever is in the cluster becomes the broken manifest again.
    pub(crate) fn gitops_reverts(&self, story: &Story) {
        if story.broken.redis() && self.world.object("Deployment", NAMESPACE, REDIS).is_some() {
            self.apply_redis(NAMESPACE, BAD_ARGS);
        }
        if story.broken.web() && self.world.object("Deployment", NAMESPACE, WEB).is_some() {
            self.apply_web(BAD_IMAGE);
        }
    }

    pub(crate) fn delete(&self) {
        self.world.delete(NAMESPACE, REDIS);
        self.world.delete(NAMESPACE, WEB);
    }

    pub(crate) fn make_anew(&self, story: &Story) {
        let args = if story.broken.redis() { BAD_ARGS } else { &[] };
        self.apply_redis(NAMESPACE, args);
        self.apply_web(if story.broken.web() {
            BAD_IMAGE
        } else {
            OLD_IMAGE
        });
    }

    pub(crate) fn registry_is_away(&self, away: bool) {
        let pull = if away { Pull::Refused } else { Pull::Exists };
        self.world
            .registry(|registry| registry.set_host("ghcr.io", pull));
    }

    fn changed(&self, name: &str, change: impl FnOnce(&mut Value)) {
        if let Some(mut deployment) = self.world.object("Deployment", NAMESPACE, name) {
            change(&mut deployment);
            self.world.apply(&deployment).unwrap();
        }
    }

    fn apply_redis(&self, namespace: &str, args: &[&str]) {
        let mut container = json!({
            "name": "redis", "image": "redis:7-alpine", "ports": [{"containerPort": 6379}],
            "readinessProbe": {"tcpSocket": {"port": 6379}, "initialDelaySeconds": 5, "periodSeconds": 5},
        });
        if !args.is_empty() {
            container["args"] = json!(args);
        }
        self.apply(namespace, REDIS, &container);
    }

    fn apply_web(&self, image: &str) {
        let probe = json!({"httpGet": {"path": "/health", "port": 8080}, "initialDelaySeconds": 5, "periodSeconds": 5});
        let container = json!({
            "name": "web", "image": image, "imagePullPolicy": "Always",
            "ports": [{"containerPort": 8080}], "readinessProbe": probe,
        });
        self.apply(NAMESPACE, WEB, &container);
    }

    fn apply(&self, namespace: &str, name: &str, container: &Value) {
        let strategy = if self.recreate {
            "Recreate"
        } else {
            "RollingUpdate"
        };
        let manifest = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
            "spec": {"replicas": self.replicas, "strategy": {"type": strategy}, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}},
        });
        self.world.apply(&manifest).unwrap();
    }
}
