//! Who has a say in a workload's template, from its raw object: the marks that programs leave on what they make, and the API server's
//! record of who wrote which field. What can't be read is said, never taken for "nobody".

use super::field_managers::{self, Entry};
use crate::domain::object::text;
use crate::domain::observed::Observed;
use crate::domain::owners::{Mark, Owner, Owners, Program, Reverts};
use crate::domain::text::safe;
use serde_json::{Map, Value};

/// Argo CD's own mark, its default since 3.0: `application:group/Kind:namespace/name` (argo-cd `docs/user-guide/resource_tracking.md`).
const ARGO_TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
/// The label that Argo CD's documentation offers where the next one is taken.
const ARGO_INSTANCE: &str = "argocd.argoproj.io/instance";
/// Argo CD's default before 3.0. Most Helm charts set it too: it names an application, and shows none.
const INSTANCE: &str = "app.kubernetes.io/instance";
/// kustomize-controller's labels (`docs/spec/v1/kustomizations.md`).
const KUSTOMIZATION: (&str, &str) = (
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/namespace",
);
/// `disabled`, as a label or an annotation: kustomize-controller reads it on the live object too, and leaves that alone.
const KUSTOMIZATION_RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// helm-controller's labels (`internal/postrender/common_renderer.go`).
const HELM_RELEASE: (&str, &str) = (
    "helm.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/namespace",
);
/// `disabled`: helm-controller does not look for drift here. It still upgrades, and it retries an upgrade that failed.
const HELM_RELEASE_DRIFT: &str = "helm.toolkit.fluxcd.io/driftDetection";
/// Helm's annotations (helm `pkg/action/validate.go`). Its label `app.kubernetes.io/managed-by: Helm` alone is in every chart that others
/// render too.
const HELM: (&str, &str) = (
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
);

/// The names under which these programs write (argo-cd `common/common.go`; fluxcd `main.go` of each controller; the others send none, so
/// that it is their binary's name). Managing a field of `spec` under one of them is a mark.
const MANAGERS: [(&str, Program, Reverts); 6] = [
    ("argocd-controller", Program::ArgoCd, Reverts::Unknown),
    (
        "argocd-application-controller",
        Program::ArgoCd,
        Reverts::Unknown,
    ),
    (
        "kustomize-controller",
        Program::FluxKustomization,
        Reverts::Yes,
    ),
    (
        "helm-controller",
        Program::FluxHelmRelease,
        Reverts::Unknown,
    ),
    // Both scale the Deployment that their object points to, and start a release of their own when its template changes.
    (
        "rollouts-controller",
        Program::ArgoRollouts,
        Reverts::Unknown,
    ),
    ("flagger", Program::Flagger, Reverts::Unknown),
];

/// The longest a Kubernetes name can be, twice, with a slash.
const NAME_BYTES: usize = 507;
/// The longest kind and API group (Kubernetes `pkg/apis/apiextensions/validation`: DNS names).
const KIND_BYTES: usize = 63;
const GROUP_BYTES: usize = 253;

/// Who has a say in a workload, from its raw object.
pub fn of(object: &Value) -> Observed<Owners> {
    match marks(object) {
        Ok(marks) => Observed::Known(owners(&marks)),
        Err(field) => Observed::Unavailable(format!("its {field} can't be read")),
    }
}

/// Where marks are.
struct Marks<'a> {
    labels: Option<&'a Map<String, Value>>,
    annotations: Option<&'a Map<String, Value>>,
    references: &'a [Value],
    managers: Result<Vec<Entry<'a>>, &'static str>,
}

/// The places, or the name of the first one that has another shape than the API gives it.
fn marks(object: &Value) -> Result<Marks<'_>, &'static str> {
    let metadata = object.get("metadata").and_then(Value::as_object);
    let metadata = metadata.ok_or("metadata")?;
    let map = |key: &'static str| match metadata.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) if map.values().all(Value::is_string) => Ok(Some(map)),
        Some(_) => Err(key),
    };
    let references = match metadata.get("ownerReferences") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(list)) if list.iter().all(Value::is_object) => list.as_slice(),
        Some(_) => return Err("ownerReferences"),
    };
    Ok(Marks {
        labels: map("labels")?,
        annotations: map("annotations")?,
        references,
        managers: field_managers::entries(metadata.get("managedFields")),
    })
}

fn owners(marks: &Marks<'_>) -> Owners {
    let found = [
        argo_cd(marks),
        kustomization(marks),
        helm_release(marks),
        helm(marks),
    ];
    let found = found.into_iter().flatten();
    let mut programs: Vec<Owner> = Vec::new();
    // A program is told once, by its clearest mark: its own first.
    for owner in found.chain(controllers(marks)).chain(managers(marks)) {
        let known = programs.iter().any(|known| known.program == owner.program);
        if !known && programs.len() < Owners::LIMIT {
            programs.push(owner);
        }
    }
    Owners {
        programs,
        template: match &marks.managers {
            Ok(entries) => Observed::Known(field_managers::of_template(entries)),
            Err(why) => Observed::Unavailable((*why).to_owned()),
        },
    }
}

impl<'a> Marks<'a> {
    fn label(&self, key: &str) -> Option<&'a str> {
        self.labels?.get(key)?.as_str()
    }

    fn annotation(&self, key: &str) -> Option<&'a str> {
        self.annotations?.get(key)?.as_str()
    }

    /// Where a key says `disabled`. Exactly so: a word that only resembles it is no mark.
    fn disabled(&self, key: &'static str) -> Option<Mark> {
        let says_so = |value: Option<&str>| value == Some("disabled");
        if says_so(self.annotation(key)) {
            return Some(Mark::Annotation(key));
        }
        says_so(self.label(key)).then_some(Mark::Label(key))
    }

    /// What a mark of that program says of it beside its being there.
    fn owner(&self, program: Program, name: &str, mark: Mark, reverts: Reverts) -> Owner {
        let suspended_by = match program {
            Program::FluxKustomization => self.disabled(KUSTOMIZATION_RECONCILE),
            // Argo CD's `skip-reconcile` counts on its Application alone, and helm-controller retries whatever this object says.
            Program::ArgoCd
            | Program::FluxHelmRelease
            | Program::Helm
            | Program::ArgoRollouts
            | Program::Flagger
            | Program::Controller { .. } => None,
        };
        let drifts =
            program == Program::FluxHelmRelease && self.disabled(HELM_RELEASE_DRIFT).is_some();
        Owner {
            program,
            name: safe(name, NAME_BYTES),
            mark,
            reverts: if drifts {
                Reverts::AtNextUpgrade
            } else {
                reverts
            },
            suspended_by,
        }
    }
}

fn argo_cd(marks: &Marks<'_>) -> Option<Owner> {
    let (name, mark) = match marks.annotation(ARGO_TRACKING_ID) {
        Some(id) => (
            id.split(':').next().unwrap_or_default(),
            Mark::Annotation(ARGO_TRACKING_ID),
        ),
        None => (marks.label(ARGO_INSTANCE)?, Mark::Label(ARGO_INSTANCE)),
    };
    Some(marks.owner(Program::ArgoCd, name, mark, Reverts::Unknown))
}

fn kustomization(marks: &Marks<'_>) -> Option<Owner> {
    let name = qualified(marks.label(KUSTOMIZATION.1), marks.label(KUSTOMIZATION.0)?);
    let mark = Mark::Label(KUSTOMIZATION.0);
    Some(marks.owner(Program::FluxKustomization, &name, mark, Reverts::Yes))
}

fn helm_release(marks: &Marks<'_>) -> Option<Owner> {
    let name = qualified(marks.label(HELM_RELEASE.1), marks.label(HELM_RELEASE.0)?);
    let mark = Mark::Label(HELM_RELEASE.0);
    Some(marks.owner(Program::FluxHelmRelease, &name, mark, Reverts::Unknown))
}

fn helm(marks: &Marks<'_>) -> Option<Owner> {
    let name = qualified(marks.annotation(HELM.1), marks.annotation(HELM.0)?);
    let mark = Mark::Annotation(HELM.0);
    Some(marks.owner(Program::Helm, &name, mark, Reverts::AtNextUpgrade))
}

fn qualified(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

/// The objects whose controllers made this one. The API allows one; whatever it lacks, it is one.
fn controllers<'a>(marks: &'a Marks<'_>) -> impl Iterator<Item = Owner> + 'a {
    let controlling = marks
        .references
        .iter()
        .filter(|reference| reference.get("controller").and_then(Value::as_bool) == Some(true));
    controlling.map(|reference| {
        let kind = text(reference, "/kind").unwrap_or_default();
        let version = text(reference, "/apiVersion").unwrap_or_default();
        let group = version.rsplit_once('/').map_or("", |(group, _)| group);
        let (program, reverts) = match (group, kind) {
            ("argoproj.io", "Rollout") => (Program::ArgoRollouts, Reverts::Unknown),
            ("flagger.app", "Canary") => (Program::Flagger, Reverts::Unknown),
            _ => {
                let other = Program::Controller {
                    kind: safe(kind, KIND_BYTES),
                    group: safe(group, GROUP_BYTES),
                };
                (other, Reverts::Yes)
            }
        };
        let name = text(reference, "/name").unwrap_or_default();
        marks.owner(program, name, Mark::OwnerReference, reverts)
    })
}

/// The programs that write fields of `spec` here under their own names.
fn managers<'a>(marks: &'a Marks<'_>) -> impl Iterator<Item = Owner> + 'a {
    let entries = marks.managers.as_deref().unwrap_or_default();
    let writes = |manager: &str| {
        entries
            .iter()
            .any(|entry| entry.manager == manager && entry.writes_spec())
    };
    let writing = MANAGERS.iter().filter(move |(manager, ..)| writes(manager));
    writing.map(|(manager, program, reverts)| {
        let application = match program {
            Program::ArgoCd => marks.label(INSTANCE).unwrap_or_default(),
            _ => "",
        };
        let mark = Mark::FieldManager(manager);
        marks.owner(program.clone(), application, mark, *reverts)
    })
}

#[cfg(test)]
mod tests;
