//! Which older revisions would cure a cause, of those that differ in what fails: for some causes any difference will do, for others an
//! older revision must be known to do without what is missing, or to have what it needs, now.

use super::Examination;
use super::demands::{self, Demand};
use super::missing::Missing;
use super::symptoms::Symptom;
use crate::domain::image::ImageRef;
use crate::domain::template;
use crate::domain::workload::{Pod, Revision};
use serde_json::Value;

/// What an older revision must have.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cure {
    /// Another image, other arguments, …: whatever differs in what fails.
    Difference,
    /// Its image on every node on which this one fails: an image that runs there suits the node, and need not be pulled.
    ImageOnNode,
    /// An image of another registry (or, where that may be it, other credentials), and a Ready pod: what worked for it does not pass through
    /// what fails.
    OtherRegistry {
        /// Whether other credentials would do too.
        or_credentials: bool,
    },
    /// No need of anything that is missing.
    Without(Vec<Missing>),
    /// Less of what is asked too much, and a Ready pod.
    Asks {
        /// What can't be had.
        demands: Vec<Demand>,
        /// Whether each of them must be less, or one.
        every: bool,
    },
    /// None would: what fails is not of any revision.
    Never(String),
    /// It can't be told.
    Untold(String),
}

/// Whether one older revision would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes(String),
    No(String),
    Untold(String),
}

/// Asks one older revision that differs in what fails of the container.
pub(super) fn ask(
    cure: &Cure,
    older: &Revision,
    symptoms: &[Symptom],
    examination: &Examination<'_>,
) -> Answer {
    let name = symptoms
        .first()
        .map_or("", |symptom| symptom.container.name.as_str());
    match cure {
        Cure::Difference => Answer::Yes(difference(older, name, examination)),
        Cure::ImageOnNode => image_on_node(older, name, symptoms, examination),
        Cure::OtherRegistry { or_credentials } => {
            other_registry(older, name, *or_credentials, examination)
        }
        Cure::Without(missing) => without(missing, older, examination),
        Cure::Asks { demands, every } => demands::ask(demands, *every, older, examination),
        Cure::Never(why) => Answer::No(why.clone()),
        Cure::Untold(why) => Answer::Untold(why.clone()),
    }
}

/// What the older revision has instead.
fn difference(older: &Revision, name: &str, examination: &Examination<'_>) -> String {
    let newest = &examination.newest.template;
    let what = match (
        template::image(newest, name),
        template::image(&older.template, name),
    ) {
        (Some(present), Some(image)) if present != image => {
            format!("{image} as {name}, {}", relation(present, image))
        }
        _ if template::container(newest, name) != template::container(&older.template, name) => {
            format!("other settings for {name}")
        }
        _ => "other settings for the whole pod".to_owned(),
    };
    format!("revision {} has {what}", older.name)
}

fn relation(present: &str, image: &str) -> &'static str {
    let same =
        |part: fn(&ImageRef) -> String| match (ImageRef::parse(present), ImageRef::parse(image)) {
            (Ok(present), Ok(image)) => part(&present) == part(&image),
            _ => false,
        };
    if same(|image| image.repository().to_owned()) {
        "of the same repository"
    } else if same(|image| registry(image).to_owned()) {
        "of another repository"
    } else {
        "of another registry"
    }
}

/// The host of a reference, as containerd normalises it.
fn registry(image: &ImageRef) -> &str {
    let repository = image.repository();
    repository
        .split_once('/')
        .map_or(repository, |(host, _)| host)
}

fn pods_of<'a>(
    revision: &'a Revision,
    examination: &'a Examination<'_>,
) -> impl Iterator<Item = &'a Pod> {
    let pods = examination.evidence.pods.known().into_iter().flatten();
    pods.filter(|pod| !pod.deleting && pod.revision == revision.name)
}

pub(super) fn ready_pod<'a>(
    revision: &'a Revision,
    examination: &'a Examination<'_>,
) -> Option<&'a str> {
    pods_of(revision, examination)
        .filter(|pod| pod.ready_since.is_some())
        .map(|pod| pod.name.as_str())
        .min()
}

fn image_on_node(
    older: &Revision,
    name: &str,
    symptoms: &[Symptom],
    examination: &Examination<'_>,
) -> Answer {
    let image = template::image(&older.template, name);
    let nodes = symptoms.iter().map(|symptom| node_of(symptom, examination));
    for node in nodes {
        let has_it = |pod: &Pod| {
            pod.node.is_some()
                && pod.node.as_deref() == node
                && pod.containers.iter().any(|container| {
                    container.name == name
                        && Some(container.image.as_str()) == image
                        && !container.image_id.is_empty()
                })
        };
        if !pods_of(older, examination).any(has_it) {
            return Answer::Untold(format!(
                "no pod of revision {} has its image on {}, so whether it would run there can't be told",
                older.name,
                node.unwrap_or("the node")
            ));
        }
    }
    Answer::Yes(format!(
        "revision {} has {} as {name}, and runs it on the same node",
        older.name,
        image.unwrap_or("another image")
    ))
}

fn node_of<'a>(symptom: &Symptom, examination: &Examination<'a>) -> Option<&'a str> {
    let mut pods = examination.evidence.pods.known().into_iter().flatten();
    pods.find(|pod| pod.uid == symptom.pod)?.node.as_deref()
}

fn other_registry(
    older: &Revision,
    name: &str,
    or_credentials: bool,
    examination: &Examination<'_>,
) -> Answer {
    let parse = |template: &Value| {
        template::image(template, name).and_then(|image| ImageRef::parse(image).ok())
    };
    let newest = &examination.newest.template;
    let (Some(present), Some(image)) = (parse(newest), parse(&older.template)) else {
        return Answer::Untold(format!(
            "the images of revision {} can't be compared",
            older.name
        ));
    };
    let has = if registry(&present) != registry(&image) {
        format!("{image} as {name}, of another registry")
    } else if or_credentials && !template::same_credentials(newest, &older.template) {
        format!("{image} as {name}, pulled with other credentials")
    } else {
        return Answer::Untold(format!(
            "revision {} has {image} as {name}, of the same registry: its next pod may meet the same",
            older.name
        ));
    };
    match ready_pod(older, examination) {
        Some(pod) => Answer::Yes(format!(
            "revision {} has {has}, and {pod} is Ready",
            older.name
        )),
        None => Answer::Untold(format!(
            "revision {} has {has}, but no pod of it is Ready, so nothing shows that it can be had now",
            older.name
        )),
    }
}

/// One thing that it needs too is enough for a no, and one of which it can't be told for a doubt.
fn without(missing: &[Missing], older: &Revision, examination: &Examination<'_>) -> Answer {
    let answers = missing
        .iter()
        .map(|missing| without_one(missing, older, examination));
    answers
        .max_by_key(|answer| match answer {
            Answer::Yes(_) => 0,
            Answer::Untold(_) => 1,
            Answer::No(_) => 2,
        })
        .unwrap_or_else(|| Answer::Untold("what is missing is not named".to_owned()))
}

fn without_one(missing: &Missing, older: &Revision, examination: &Examination<'_>) -> Answer {
    let newest = &examination.newest.template;
    // Words are redacted: a name that the newest template does not have either is not the one that is missing.
    if !missing.is_named_by(newest) {
        return Answer::Untold(format!(
            "{} is not named in the template, so it can't be told who does without it",
            missing.in_words()
        ));
    }
    if missing.is_spared_by(newest, &older.template) {
        Answer::Yes(format!(
            "revision {} does without {}",
            older.name,
            missing.in_words()
        ))
    } else {
        Answer::No(format!(
            "revision {} needs {} too",
            older.name,
            missing.in_words()
        ))
    }
}
