//! A case's files, and what is wrong with them: file, line, column, what was expected there.

use serde_saphyr::Location;
use std::fmt;
use std::path::Path;

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// As reports call it: `tests/scenarios/<case>/cluster.yaml`.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// One mistake in a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// `file`, `file:line:column`.
    pub(crate) place: String,
    pub(crate) what: String,
    /// The line of the file, with a mark under the place; empty where no line is to blame.
    excerpt: String,
    /// What was expected.
    pub(crate) expected: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.what)?;
        for line in self.excerpt.lines() {
            write!(formatter, "\n  {line}")?;
        }
        if !self.expected.is_empty() {
            write!(formatter, "\n  expected: {}", self.expected)?;
        }
        Ok(())
    }
}

impl Mistake {
    /// A mistake that no line is to blame for: a file or folder is missing.
    pub(crate) fn of_file(name: &str, what: impl Into<String>, expected: &str) -> Self {
        Self {
            place: name.to_owned(),
            what: what.into(),
            excerpt: String::new(),
            expected: expected.to_owned(),
        }
    }
}

impl Source {
    /// Reads a file; `name` is what reports call it.
    pub(crate) fn read(path: &Path, name: &str) -> Result<Self, Mistake> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Mistake::of_file(
                name,
                format!("could not be read: {error}"),
                "a text in UTF-8",
            )
        })?;
        Ok(Self {
            name: name.to_owned(),
            text,
        })
    }

    /// A mistake at a place of this file; line and column from 1, 0 = the whole file.
    pub(crate) fn mistake(
        &self,
        line: u64,
        column: u64,
        what: impl Into<String>,
        expected: impl Into<String>,
    ) -> Mistake {
        let place = if line == 0 {
            self.name.clone()
        } else {
            format!("{}:{line}:{column}", self.name)
        };
        Mistake {
            place,
            what: what.into(),
            excerpt: excerpt(&self.text, line, column),
            expected: expected.into(),
        }
    }

    /// The same at a place that the reader found.
    pub(crate) fn wrong(
        &self,
        at: Location,
        what: impl Into<String>,
        expected: impl Into<String>,
    ) -> Mistake {
        self.mistake(at.line(), at.column(), what, expected)
    }

    /// The documents of a YAML file, each in front of as many empty lines as stand before it, so that its lines keep their numbers.
    pub(crate) fn documents(&self) -> Vec<Document> {
        let mut documents = vec![Document {
            line: 1,
            text: String::new(),
        }];
        for (number, line) in (1..).zip(self.text.lines()) {
            // A separator at the margin: within a block of text every line is indented.
            if line == "---" || line.starts_with("--- ") {
                documents.push(Document {
                    line: number + 1,
                    text: "\n".repeat(number),
                });
            } else if let Some(document) = documents.last_mut() {
                document.text.push_str(line);
                document.text.push('\n');
            }
        }
        documents.retain(|document| !document.is_empty());
        documents
    }
}

/// One document of a YAML file.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// Its first line, from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Document {
    fn is_empty(&self) -> bool {
        let says_nothing = |line: &str| line.trim().is_empty() || line.trim().starts_with('#');
        self.text.lines().all(says_nothing)
    }
}

fn excerpt(text: &str, line: u64, column: u64) -> String {
    let index = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap();
    match text.lines().nth(index(line)) {
        Some(source) if line > 0 => {
            let lead = format!("{line} | ");
            let mark = " ".repeat(lead.len() + index(column.max(1)));
            format!("{lead}{source}\n{mark}^")
        }
        _ => String::new(),
    }
}
