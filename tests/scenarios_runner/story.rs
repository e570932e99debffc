//! What `cluster.yaml` says beside its manifests: what the registries have, what programs do, and what happens when.

use super::case::Files;
use super::interference::{AdmissionShape, ApiShape};
use super::manifest::Manifest;
use super::program::{ProgramShape, program};
use super::shape::{Number, Switch, Text, shape};
use super::text::{Mistake, Source};
use super::webhook::{AlertShape, Posted};
use super::words;
use ripcord::sim::{Lie, Program, Pull};
use serde_json::Value;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::time::Duration;

shape!(
    /// `kind: Story`
    StoryShape { registry: RegistryShape, services: BTreeMap<String, String>, nodes: Vec<String>, programs: Vec<Spanned<ProgramShape>>, steps: Spanned<Vec<Spanned<StepShape>>>, }
    required { kind: Text, }
);

shape!(
    /// `registry:` What is not among `has` does not exist.
    RegistryShape { has: Vec<Text>, images: BTreeMap<String, Text>, hosts: BTreeMap<String, Text>, }
);

shape!(
    /// `setImage:` as `kubectl set image`.
    SetImageShape { namespace: Text, }
    required { deployment: Text, images: BTreeMap<String, String>, }
);

shape!(
    /// `edit:` as `kubectl edit`: a merge into one container, or into the whole Deployment.
    EditShape { namespace: Text, container: Text, }
    required { deployment: Text, set: Value, }
);

shape!(
    /// `annotate:` as `kubectl annotate`, of a Deployment or of a namespace; null takes an annotation away.
    AnnotateShape { namespace: Text, deployment: Text, }
    required { annotations: BTreeMap<String, Option<String>>, }
);

shape!(
    /// `scale:` as `kubectl scale`.
    ScaleShape { namespace: Text, }
    required { deployment: Text, replicas: Number, }
);

shape!(
    /// A Deployment alone: `evict`, `rolloutPause`, `rolloutResume`, `rolloutRestart`.
    DeploymentShape { namespace: Text, }
    required { deployment: Text, }
);

shape!(
    /// `rolloutUndo:` as `kubectl rollout undo --to-revision`.
    UndoShape { namespace: Text, }
    required { deployment: Text, to_revision: Number, }
);

shape!(
    /// `delete:` one of these.
    DeleteShape { namespace: Text, deployment: Text, config_map: Text, secret: Text, }
);

shape!(
    /// `configMap:` as `kubectl apply` of one.
    ConfigMapShape { namespace: Text, }
    required { name: Text, data: BTreeMap<String, String>, }
);

shape!(
    /// `secret:` Only its keys count.
    SecretShape { namespace: Text, }
    required { name: Text, keys: Vec<String>, }
);

shape!(
    /// `quota:` What the pods of a namespace may ask for together; `hard: {}` lifts it.
    QuotaShape { namespace: Text, }
    required { name: Text, hard: BTreeMap<String, String>, }
);

shape!(
    /// `node:` What becomes of one.
    NodeShape {}
    required { name: Text, is: Text, }
);

shape!(
    /// `rbac:` What Ripcord's account may do.
    RbacShape {}
    required { patch_deployments: Switch, }
);

/// Everything that can happen: the key of a step, the name of its variant, its shape. `act` in `verbs` says what each does.
macro_rules! verbs {
    ($($key:ident => $verb:ident($type:ty),)*) => {
        shape!(
            /// One of `steps:`: `after`, and at most one of the others.
            StepShape { $($key: $type,)* }
            required { after: Text, }
        );

        /// One thing that happens.
        #[derive(Clone, Debug)]
        pub(crate) enum Verb { $($verb($type),)* }

        impl StepShape {
            /// What happens in this step, each under its key.
            fn verbs(&self) -> Vec<(String, Verb)> {
                let mut verbs = Vec::new();
                $(if let Some(shape) = &self.$key {
                    let key = stringify!($verb);
                    let key = key[..1].to_lowercase() + &key[1..];
                    verbs.push((key, Verb::$verb(shape.clone())));
                })*
                verbs
            }
        }
    };
}

verbs! {
    alert => Alert(AlertShape),
    post => Post(Text),
    apply => Apply(Text),
    set_image => SetImage(SetImageShape),
    edit => Edit(EditShape),
    annotate => Annotate(AnnotateShape),
    scale => Scale(ScaleShape),
    rollout_pause => RolloutPause(DeploymentShape),
    rollout_resume => RolloutResume(DeploymentShape),
    rollout_restart => RolloutRestart(DeploymentShape),
    rollout_undo => RolloutUndo(UndoShape),
    delete => Delete(DeleteShape),
    config_map => ConfigMap(ConfigMapShape),
    secret => Secret(SecretShape),
    quota => Quota(QuotaShape),
    node => Node(NodeShape),
    evict => Evict(DeploymentShape),
    events => Events(Text),
    registry => Registry(RegistryShape),
    program => Program(Box<Spanned<ProgramShape>>),
    prometheus => Prometheus(Text),
    kube_state_metrics => KubeStateMetrics(Text),
    rbac => Rbac(RbacShape),
    api => Api(Vec<ApiShape>),
    admission => Admission(AdmissionShape),
    configuration => Configuration(Text),
    ripcord => Ripcord(Text),
}

/// A story that can be told.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) registry: Vec<Answer>,
    /// Which Deployment stands behind an address.
    pub(crate) services: BTreeMap<String, String>,
    /// Nodes beside the first.
    pub(crate) nodes: Vec<String>,
    pub(crate) programs: Vec<Program>,
    pub(crate) steps: Vec<Step>,
}

/// One step: some time passes, then something happens, or nothing.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) after: Duration,
    pub(crate) verb: Option<Verb>,
    pub(crate) line: u64,
    pub(crate) column: u64,
}

/// What a registry is to answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// When this image is pulled.
    Image(String, Pull),
    /// Whatever is pulled from this host.
    Host(String, Pull),
}

/// Files that steps name, read before anything happens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    pub(crate) manifests: BTreeMap<String, Manifest>,
    pub(crate) payloads: BTreeMap<String, Posted>,
    pub(crate) configurations: BTreeMap<String, std::sync::Arc<ripcord::config::Config>>,
}

impl Story {
    /// Checks what the shape says, and reads the files that its steps name.
    pub(crate) fn of(
        shape: &StoryShape,
        source: &Source,
        files: &Files,
        named: &mut Named,
    ) -> Result<Self, Mistake> {
        let registry = match &shape.registry {
            Some(registry) => answers(source, registry)?,
            None => Vec::new(),
        };
        let programs = shape
            .programs
            .iter()
            .flatten()
            .map(|program| self::program(source, program))
            .collect::<Result<_, _>>()?;
        let steps = match &shape.steps {
            Some(steps) if !steps.value.is_empty() => steps,
            _ => {
                let at = shape.kind.defined;
                let expected = "`steps:`, a list of what happens: `- after: 10m`, …";
                return Err(source.wrong(at, "nothing happens in this story", expected));
            }
        };
        let read = |step: &Spanned<StepShape>| self::step(source, files, named, step);
        let steps: Vec<Step> = steps.value.iter().map(read).collect::<Result<_, _>>()?;
        if let Some(last) = steps.last().filter(|last| last.verb.is_some()) {
            let what = "the story ends with this, and nobody waits for what comes of it";
            let expected = "a last step of time alone, such as `- after: 15m`";
            return Err(source.mistake(last.line, last.column, what, expected));
        }
        Ok(Self {
            registry,
            services: shape.services.clone().unwrap_or_default(),
            nodes: shape.nodes.clone().unwrap_or_default(),
            programs,
            steps,
        })
    }
}

fn step(
    source: &Source,
    files: &Files,
    named: &mut Named,
    shape: &Spanned<StepShape>,
) -> Result<Step, Mistake> {
    let after = words::duration(source, &shape.value.after)?;
    let mut verbs = shape.value.verbs();
    if verbs.len() > 1 {
        let keys: Vec<&str> = verbs.iter().map(|(key, _)| key.as_str()).collect();
        let what = format!(
            "{} things happen in one step: {}",
            keys.len(),
            keys.join(", ")
        );
        let expected = "one thing in each step; `after: 0s` for what happens at the same time";
        return Err(source.wrong(shape.defined, what, expected));
    }
    let verb = verbs.pop().map(|(_, verb)| verb);
    if let Some(verb) = &verb {
        check(source, files, named, verb)?;
    }
    Ok(Step {
        after,
        verb,
        line: shape.defined.line(),
        column: shape.defined.column(),
    })
}

/// What can be told of a verb before anything happens.
fn check(source: &Source, files: &Files, named: &mut Named, verb: &Verb) -> Result<(), Mistake> {
    match verb {
        Verb::Alert(alert) => alert.check(source),
        Verb::Post(file) => {
            let payload = Posted::of(&files.source(source, file)?)?;
            named.payloads.insert(file.value.clone(), payload);
            Ok(())
        }
        Verb::Apply(file) => {
            let manifests = Manifest::all_of(&files.source(source, file)?)?;
            let [manifest] = manifests.as_slice() else {
                let what = format!("{} has {} manifests", file.value, manifests.len());
                return Err(source.wrong(file.defined, what, "a file with one Deployment"));
            };
            named.manifests.insert(file.value.clone(), manifest.clone());
            Ok(())
        }
        Verb::Configuration(file) => {
            let configuration = Files::configuration(&files.source(source, file)?)?;
            named
                .configurations
                .insert(file.value.clone(), configuration);
            Ok(())
        }
        Verb::Registry(registry) => answers(source, registry).map(drop),
        Verb::Program(shape) => program(source, shape).map(drop),
        Verb::Prometheus(state) => {
            words::one_of(source, state, "state of Prometheus", prometheus_states()).map(drop)
        }
        Verb::Events(state) => words::one_of(
            source,
            state,
            "fate of events",
            ["lost", "kept", "forgotten"],
        )
        .map(drop),
        Verb::Node(node) => words::one_of(source, &node.is, "fate of a node", NODE_FATES).map(drop),
        Verb::Delete(shape) => shape.check(source),
        Verb::KubeStateMetrics(state) => {
            let states = ["scraped", "not-scraped"];
            words::one_of(source, state, "state of kube-state-metrics", states).map(drop)
        }
        Verb::Ripcord(state) => {
            words::one_of(source, state, "state of Ripcord", ["stopped", "started"]).map(drop)
        }
        Verb::Api(shapes) => shapes.iter().try_for_each(|shape| shape.check(source)),
        Verb::SetImage(_)
        | Verb::Edit(_)
        | Verb::Annotate(_)
        | Verb::Scale(_)
        | Verb::RolloutPause(_)
        | Verb::RolloutResume(_)
        | Verb::RolloutRestart(_)
        | Verb::RolloutUndo(_)
        | Verb::ConfigMap(_)
        | Verb::Secret(_)
        | Verb::Quota(_)
        | Verb::Evict(_)
        | Verb::Admission(_)
        | Verb::Rbac(_) => Ok(()),
    }
}

const PULLS: [(&str, Pull); 10] = [
    ("exists", Pull::Exists),
    ("not-found", Pull::NotFound),
    ("unauthorized", Pull::Unauthorized),
    ("forbidden", Pull::Forbidden),
    ("rate-limited", Pull::RateLimited),
    ("internal-error", Pull::InternalError),
    ("unavailable", Pull::Unavailable),
    ("refused", Pull::Refused),
    ("no-such-host", Pull::NoSuchHost),
    ("wrong-platform", Pull::WrongPlatform),
];

/// What the registries are to answer.
pub(crate) fn answers(source: &Source, shape: &RegistryShape) -> Result<Vec<Answer>, Mistake> {
    let pull = |word: &Text| {
        let names = PULLS.iter().map(|(name, _)| *name);
        let name = words::one_of(source, word, "answer of a registry", names)?;
        Ok(PULLS.iter().find(|(known, _)| *known == name).unwrap().1)
    };
    let mut answers = Vec::new();
    for image in shape.has.iter().flatten() {
        answers.push(Answer::Image(image.value.clone(), Pull::Exists));
    }
    for (image, word) in shape.images.iter().flatten() {
        answers.push(Answer::Image(image.clone(), pull(word)?));
    }
    for (host, word) in shape.hosts.iter().flatten() {
        answers.push(Answer::Host(host.clone(), pull(word)?));
    }
    Ok(answers)
}

/// What can become of a node.
const NODE_FATES: [&str; 6] = [
    "added",
    "lost",
    "found",
    "removed",
    "cordoned",
    "uncordoned",
];

/// What can be the matter with Prometheus; `up` ends all of it.
fn prometheus_states() -> impl Iterator<Item = &'static str> {
    let troubles = ["up", "down", "slow", "stuck"];
    troubles
        .into_iter()
        .chain(LIES.iter().map(|(word, _)| *word))
}

/// The lies that Prometheus can tell.
pub(crate) const LIES: [(&str, Lie); 6] = [
    ("says-all-is-well", Lie::AllWell),
    ("says-all-is-broken", Lie::AllBroken),
    ("says-nothing-waits", Lie::NothingWaits),
    ("says-nothing", Lie::Empty),
    ("says-all-twice", Lie::Twice),
    ("says-old-news", Lie::OldNews),
];

impl DeleteShape {
    fn check(&self, source: &Source) -> Result<(), Mistake> {
        let named: Vec<&Text> = [&self.deployment, &self.config_map, &self.secret]
            .into_iter()
            .flatten()
            .collect();
        match named.as_slice() {
            [_] => Ok(()),
            [_, second, ..] => {
                let what = "two things are deleted in one step";
                Err(source.wrong(second.defined, what, "one thing in each step"))
            }
            [] => {
                let what = "it is not said what is deleted";
                Err(source.mistake(0, 0, what, "`deployment`, `configMap` or `secret`"))
            }
        }
    }
}
