//! Who else has a say in a workload's template: the programs that put their own back, and who wrote its fields last.

use super::observed::Observed;
use super::text::truncate;
use jiff::Timestamp;
use std::fmt;

/// Everybody who has a say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners {
    /// The programs whose marks are on the workload, each once; empty = there are none. At most [`Owners::LIMIT`].
    pub programs: Vec<Owner>,
    /// Who manages fields of `spec.template`, the newest first, at most [`Owners::LIMIT`]; `Unavailable` = the API server's record of it
    /// (`metadata.managedFields`) is missing or can't be read.
    pub template: Observed<Vec<FieldManager>>,
}

/// A program that makes workloads from a source of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// Argo CD, from an Application's source.
    ArgoCd,
    /// Flux' kustomize-controller, from a Kustomization's source.
    FluxKustomization,
    /// Flux' helm-controller, from a HelmRelease.
    FluxHelmRelease,
    /// Helm, from a chart, by hand or in a pipeline.
    Helm,
    /// Argo Rollouts, for a Rollout.
    ArgoRollouts,
    /// Flagger, for a Canary.
    Flagger,
    /// Any other controller, for an object of its own.
    Controller {
        /// The object's kind.
        kind: String,
        /// Its API group; empty = the core group.
        group: String,
    },
}

/// One program, and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Which one.
    pub program: Program,
    /// Its application, release or object, with its namespace where the mark tells it; cleaned; empty = the mark does not tell it.
    pub name: String,
    /// What shows it.
    pub mark: Mark,
    /// What it would do to a change of the template.
    pub reverts: Reverts,
    /// The mark on the workload itself by which the program leaves it alone; `None` = there is none that is known to.
    pub suspended_by: Option<Mark>,
}

/// What shows that a program has a say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// An annotation of that key.
    Annotation(&'static str),
    /// A label of that key.
    Label(&'static str),
    /// The controlling owner reference.
    OwnerReference,
    /// It manages fields of `spec` under that name.
    FieldManager(&'static str),
}

/// What a program would do to a change of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reverts {
    /// It puts its own back; when, the workload does not tell.
    Yes,
    /// Nothing until somebody has it upgrade: then it does.
    AtNextUpgrade,
    /// It depends on settings that are not on the workload.
    Unknown,
}

/// How a manager wrote its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply: it will apply them again.
    Apply,
    /// Any other write.
    Update,
}

/// Who manages fields of the template, by one entry of `metadata.managedFields`. Who, not when: the time is that of the last change of any
/// field of that entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldManager {
    /// Its name, cleaned.
    pub manager: String,
    /// How it wrote.
    pub operation: Operation,
    /// When it last wrote any field.
    pub time: Option<Timestamp>,
    /// The containers, init ones too, whose `image` it manages; at most [`Owners::LIMIT`].
    pub images: Vec<String>,
}

impl Owners {
    /// A workload has one owner or two, and a handful of managers: more tell a person nothing.
    pub const LIMIT: usize = 8;
    /// What a record keeps of one sentence, in bytes.
    const SENTENCE_BYTES: usize = 512;

    /// For people: a sentence for each program, and one about the template's fields. At most [`Owners::LIMIT`] and one.
    pub fn sentences(observed: &Observed<Self>) -> Vec<String> {
        let owners = match observed {
            Observed::Known(owners) => owners,
            Observed::Absent => return Vec::new(),
            Observed::Unavailable(why) => {
                return vec![bounded(&format!("who owns it can't be told: {why}"))];
            }
        };
        let programs = owners.programs.iter().map(|owner| bounded(&owner.told()));
        programs.chain([bounded(&owners.managed())]).collect()
    }

    /// Who manages the template, in one sentence.
    fn managed(&self) -> String {
        match &self.template {
            Observed::Known(managers) if !managers.is_empty() => {
                let managers: Vec<String> = managers.iter().map(FieldManager::to_string).collect();
                format!("template written by {}", managers.join(", "))
            }
            Observed::Known(_) | Observed::Absent => {
                "template written by nobody on record".to_owned()
            }
            Observed::Unavailable(why) => format!("who wrote the template can't be told: {why}"),
        }
    }
}

fn bounded(sentence: &str) -> String {
    truncate(sentence, Owners::SENTENCE_BYTES)
}

impl Owner {
    /// Whether it is to be expected that it works against a change of the template. Helm does nothing by itself; a program that is
    /// told, on the workload, to leave it alone does not either.
    pub fn fights(&self) -> bool {
        self.program != Program::Helm && self.suspended_by.is_none()
    }

    /// The owner and what it would do.
    pub fn told(&self) -> String {
        match &self.suspended_by {
            Some(mark) => format!("{self} leaves it alone while {mark} is there"),
            None => format!("{self} {}", self.reverts),
        }
    }
}

impl fmt::Display for Owner {
    /// `Argo CD, application shop (by annotation argocd.argoproj.io/tracking-id)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (program, object) = match &self.program {
            Program::ArgoCd => ("Argo CD", "application"),
            Program::FluxKustomization => ("Flux", "Kustomization"),
            Program::FluxHelmRelease => ("Flux", "HelmRelease"),
            Program::Helm => ("Helm", "release"),
            Program::ArgoRollouts => ("Argo Rollouts", "Rollout"),
            Program::Flagger => ("Flagger", "Canary"),
            Program::Controller { kind, .. } => ("a controller", kind.as_str()),
        };
        formatter.write_str(program)?;
        if !self.name.is_empty() {
            write!(formatter, ", {object} {}", self.name)?;
        } else if matches!(self.program, Program::Controller { .. }) && !object.is_empty() {
            write!(formatter, ", {object}")?;
        }
        match &self.program {
            Program::Controller { group, .. } if !group.is_empty() => {
                write!(formatter, " of {group} (by {})", self.mark)
            }
            _ => write!(formatter, " (by {})", self.mark),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Annotation(key) => write!(formatter, "annotation {key}"),
            Self::Label(key) => write!(formatter, "label {key}"),
            Self::OwnerReference => formatter.write_str("owner reference"),
            Self::FieldManager(name) => write!(formatter, "field manager {name}"),
        }
    }
}

impl fmt::Display for Reverts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Yes => "would put its own back",
            Self::AtNextUpgrade => "changes nothing before its next upgrade",
            Self::Unknown => "may put its own back, by settings of its own",
        })
    }
}

impl fmt::Display for FieldManager {
    /// `kubectl-set (image of web, 2026-11-23T04:05:00Z)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut about = Vec::new();
        if self.operation == Operation::Apply {
            about.push("applies it".to_owned());
        }
        if !self.images.is_empty() {
            about.push(format!("image of {}", self.images.join(", ")));
        }
        about.extend(self.time.map(|time| time.to_string()));
        formatter.write_str(&self.manager)?;
        if about.is_empty() {
            return Ok(());
        }
        write!(formatter, " ({})", about.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(program: Program, name: &str) -> Owner {
        Owner {
            program,
            name: name.to_owned(),
            mark: Mark::OwnerReference,
            reverts: Reverts::Yes,
            suspended_by: None,
        }
    }

    #[test]
    fn what_can_not_be_told_is_said() {
        let unread = Observed::Unavailable("its labels are no map".to_owned());
        assert_eq!(
            Owners::sentences(&unread),
            ["who owns it can't be told: its labels are no map"]
        );
        let no_record = Owners {
            programs: vec![],
            template: Observed::Unavailable("no managedFields".to_owned()),
        };
        assert_eq!(
            Owners::sentences(&Observed::Known(no_record)),
            ["who wrote the template can't be told: no managedFields"]
        );
    }

    #[test]
    fn an_owner_is_told_with_what_shows_it_and_what_it_would_do() {
        let kafka = Program::Controller {
            kind: "Kafka".to_owned(),
            group: "kafka.strimzi.io".to_owned(),
        };
        for (owner, told) in [
            (
                owner(Program::ArgoCd, "shop"),
                "Argo CD, application shop (by owner reference) would put its own back",
            ),
            (
                owner(Program::ArgoCd, ""),
                "Argo CD (by owner reference) would put its own back",
            ),
            (
                owner(kafka.clone(), "orders"),
                "a controller, Kafka orders of kafka.strimzi.io (by owner reference) would put its own back",
            ),
            (
                Owner {
                    suspended_by: Some(Mark::Label("x/off")),
                    ..owner(Program::FluxKustomization, "flux-system/apps")
                },
                "Flux, Kustomization flux-system/apps (by owner reference) leaves it alone while label x/off is there",
            ),
        ] {
            assert_eq!(owner.told(), told);
        }
    }

    #[test]
    fn helm_and_what_is_suspended_do_not_fight() {
        assert!(owner(Program::ArgoCd, "").fights());
        assert!(!owner(Program::Helm, "").fights());
        let suspended = Owner {
            suspended_by: Some(Mark::Label("x/off")),
            ..owner(Program::FluxKustomization, "")
        };
        assert!(!suspended.fights());
    }

    #[test]
    fn a_record_s_sentence_is_bounded() {
        let long = Owners {
            programs: vec![owner(Program::ArgoCd, &"x".repeat(9_000))],
            template: Observed::Known(vec![]),
        };
        for sentence in Owners::sentences(&Observed::Known(long)) {
            assert!(sentence.len() <= Owners::SENTENCE_BYTES);
        }
    }
}
