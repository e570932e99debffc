//! A case: the files of its folder, read and checked before anything happens.

use super::expected::{Expected, ExpectedShape};
use super::manifest::{Header, Manifest};
use super::shape::{self, Text};
use super::story::{Named, Story, StoryShape};
use super::text::{Mistake, Source};
use ripcord::config::{self, Config};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files that a case may have beside those that its steps name.
const FILES: &str =
    "cluster.yaml, expected.yaml and, where they differ from default.yaml, configuration.yaml";

/// Where a case's files are, and what reports call them.
pub(crate) struct Files {
    folder: PathBuf,
    name: String,
}

impl Files {
    fn read(&self, file: &str) -> Result<Source, Mistake> {
        Source::read(&self.folder.join(file), &format!("{}/{file}", self.name))
    }

    /// A file that a step names.
    pub(crate) fn source(&self, by: &Source, file: &Text) -> Result<Source, Mistake> {
        let plain = Path::new(&file.value)
            .file_name()
            .and_then(|name| name.to_str());
        if plain == Some(file.value.as_str()) && self.folder.join(&file.value).is_file() {
            return self.read(&file.value);
        }
        let what = format!("there is no file `{}` in {}", file.value, self.name);
        Err(by.wrong(file.defined, what, "the name of a file beside this one"))
    }

    /// A configuration. Its own report names the place already.
    pub(crate) fn configuration(source: &Source) -> Result<Arc<Config>, Mistake> {
        config::parse(&source.text, &source.name)
            .map(Arc::new)
            .map_err(|error| Mistake::of_file(&source.name, format!("\n{error}"), ""))
    }
}

/// Everything that a case says.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) configuration: Arc<Config>,
    /// `cluster.yaml`, for what goes wrong while it is told.
    pub(crate) cluster: Source,
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) story: Story,
    pub(crate) named: Named,
    /// `expected.yaml`.
    pub(crate) words: Source,
    pub(crate) expected: Expected,
}

impl Case {
    /// Reads the case in a folder; `name` is what reports call the folder, `default` the configuration where it has none of its own.
    pub(crate) fn read(folder: &Path, name: &str, default: &Path) -> Result<Self, Mistake> {
        let files = Files {
            folder: folder.to_owned(),
            name: name.to_owned(),
        };
        for file in ["cluster.yaml", "expected.yaml"] {
            if !folder.join(file).is_file() {
                let what = format!("this case has no {file}");
                return Err(Mistake::of_file(name, what, FILES));
            }
        }
        let configuration = if folder.join("configuration.yaml").is_file() {
            files.read("configuration.yaml")?
        } else {
            Source::read(default, "tests/scenarios/default.yaml")?
        };
        let configuration = Files::configuration(&configuration)?;
        let cluster = files.read("cluster.yaml")?;
        let (manifests, shape) = cluster_of(&cluster)?;
        let mut named = Named::default();
        let story = Story::of(&shape, &cluster, &files, &mut named)?;
        let words = files.read("expected.yaml")?;
        let expected = expected_of(&words)?;
        Ok(Self {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            configuration,
            cluster,
            manifests,
            story,
            named,
            words,
            expected,
        })
    }
}

fn cluster_of(source: &Source) -> Result<(Vec<Manifest>, StoryShape), Mistake> {
    let mut manifests = Vec::new();
    let mut story = None;
    for document in source.documents() {
        let header: Header = shape::read(source, &document)?;
        if header.kind.value != "Story" {
            manifests.push(Manifest::of(source, &document, &header)?);
        } else if story.is_some() {
            let what = "a second story begins here";
            return Err(source.wrong(header.kind.defined, what, "one story in each case"));
        } else {
            story = Some(shape::read(source, &document)?);
        }
    }
    let Some(story) = story else {
        let expected = "a document with `kind: Story`";
        return Err(source.mistake(0, 0, "nothing says what happens", expected));
    };
    if manifests.is_empty() {
        let expected = "at least one document with `kind: Deployment`";
        return Err(source.mistake(0, 0, "there is nothing in this cluster", expected));
    }
    Ok((manifests, story))
}

fn expected_of(source: &Source) -> Result<Expected, Mistake> {
    match source.documents().as_slice() {
        [document] => {
            let shape: ExpectedShape = shape::read(source, document)?;
            Expected::of(shape, source)
        }
        [] => Err(source.mistake(
            0,
            0,
            "nothing is expected here, so that nothing can fail",
            "`why:`, `patches:` and `incidents:`",
        )),
        [_, second, ..] => Err(source.mistake(
            u64::try_from(second.line).unwrap(),
            1,
            "a second document begins here",
            "one document",
        )),
    }
}

/// The cases of a folder of cases, in order of their names.
pub(crate) fn folders(cases: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(cases)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}
