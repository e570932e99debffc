//! Every request that asked for a change, in order: what an independent observer judges by.

use jiff::Timestamp;
use serde_json::Value;
use std::fmt;

/// One request that asked for a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// When the API server worked on it.
    pub at: Timestamp,
    /// `POST`, `PUT`, `PATCH`; a person's change is `APPLY`, `ANNOTATE` or `DELETE`.
    pub verb: String,
    /// The path, without the query.
    pub path: String,
    /// Who sent it.
    pub user_agent: String,
    /// Under which name the fields are kept; empty where none was sent.
    pub field_manager: String,
    /// Whether nothing was to be stored.
    pub dry_run: bool,
    /// What was sent.
    pub body: Value,
    /// The answer's status code.
    pub status: u16,
    /// The object's resource version afterwards; empty where the write was refused or a dry run.
    pub resource_version: String,
}

impl Write {
    /// Whether it was accepted.
    pub fn accepted(&self) -> bool {
        self.status < 400
    }
}

impl fmt::Display for Write {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dry_run = if self.dry_run { " dry-run" } else { "" };
        let version = if self.resource_version.is_empty() {
            "-"
        } else {
            &self.resource_version
        };
        write!(
            formatter,
            "{:.3} {} {} agent={} manager={}{dry_run} {} rv={version}",
            self.at, self.verb, self.path, self.user_agent, self.field_manager, self.status
        )
    }
}

/// All of them, oldest first. As a text it has one line for each and is the same in every run of the same story.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteLog(Vec<Write>);

impl WriteLog {
    pub(crate) fn note(&mut self, write: Write) {
        self.0.push(write);
    }

    /// The writes.
    pub fn writes(&self) -> &[Write] {
        &self.0
    }
}

impl fmt::Display for WriteLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|write| writeln!(formatter, "{write}"))
    }
}
