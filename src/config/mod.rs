//! The configuration: text -> [`Config`], which is valid by construction.
//!
//! ```text
//! file -> structure (YAML and shape: the first mistake) -> raw -> validate (meaning: all mistakes) -> Config -> report
//! ```
//!
//! Every key of the design is read from the first day. What is not enforced yet is listed in [`Config::not_enforced`] where a file sets
//! it, so that nobody relies on it in silence. Nothing here opens a port, reads a token or asks a cluster.

mod error;
mod findings;
mod foreign;
mod guards;
mod listen;
mod policies;
mod prometheus;
mod raw;
mod remedies;
mod report;
mod structure;
mod validate;
mod verify;

pub use error::{ConfigError, Mistake, StructureMistake};
pub use report::report;

use crate::domain::policy::{GuardLimits, Mode, Policy};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A configuration in which every value has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How far Ripcord may go; a policy, namespace or workload can only be stricter. Never `Off`, and not `Approve` until that exists.
    pub mode: Mode,
    /// Where it listens.
    pub listen: Listen,
    /// Who may post alerts.
    pub webhook_auth: WebhookAuth,
    /// Where and how Prometheus is asked.
    pub prometheus: PrometheusSettings,
    /// The namespaces in scope; empty = none.
    pub namespaces: BTreeSet<String>,
    /// The name of this installation, a DNS label: an Incident of another one is left alone.
    pub installation: String,
    /// The limits that guards compare with.
    pub limits: GuardLimits,
    /// How many writes all workloads together may see in a time. Not enforced yet.
    pub budget: Budget,
    /// How long closed incidents stay. Not enforced yet.
    pub retention: Retention,
    /// How long a person may take to approve. Not enforced yet.
    pub approval: Approval,
    /// The policies, in order: the first that fits is taken.
    pub policies: Vec<Policy>,
    /// What the file sets and this version does not enforce yet, in the order of the file.
    pub not_enforced: Vec<NotEnforced>,
    /// What is allowed but probably not meant, in the order of the file.
    pub notes: Vec<Note>,
    /// The SHA-256 of the file's text, in hexadecimal.
    pub digest: String,
}

/// `listen:`. Where only `webhook` is given, `admin` is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where alerts are received.
    pub webhook: SocketAddr,
    /// Where metrics and health are served; the same address means one listener.
    pub admin: SocketAddr,
}

/// `webhook:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookAuth {
    /// A bearer token, read from this file.
    BearerTokenFile(PathBuf),
    /// Anybody who reaches the port: said out loud as `insecure: true`.
    Insecure,
}

/// `prometheus:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusSettings {
    /// Its address, perhaps with a path in front of `/api/v1`, never with a slash at the end, credentials, a query or a fragment.
    pub url: String,
    /// How long one query may take.
    pub timeout: Duration,
    /// Label = value, put on every query.
    pub matchers: BTreeMap<String, String>,
    /// How far history is looked at.
    pub lookback: SignedDuration,
    /// The distance of its samples, at least 1s; lookback and step make at most 11,000 points.
    pub step: SignedDuration,
}

/// `guards.budget:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// So many writes.
    pub actions: u32,
    /// In this time.
    pub per: SignedDuration,
}

/// `retention:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long a closed incident stays.
    pub closed: SignedDuration,
    /// How many of one workload stay.
    pub per_workload: u32,
}

/// `approval:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval {
    /// How long an approval is waited for.
    pub expires: SignedDuration,
}

/// A key that the file sets and that has no effect yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotEnforced {
    /// Its path: `guards.budget`.
    pub path: String,
    /// Its line, from 1.
    pub line: u64,
    /// What is missing.
    pub why: String,
}

/// Something that is allowed but probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The key's path.
    pub path: String,
    /// Its line, from 1.
    pub line: u64,
    /// What to think of.
    pub text: String,
}

/// Reads a configuration file.
///
/// # Errors
/// Says what is wrong with it: see [`ConfigError`].
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let file = path.display().to_string();
    let mut bytes = Vec::new();
    // One byte more than allowed: enough to see that it is too large, whatever stands behind the path.
    let limit = u64::try_from(structure::LARGEST_FILE)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    std::fs::File::open(path)
        .and_then(|opened| opened.take(limit).read_to_end(&mut bytes))
        .map_err(|cause| ConfigError::Read {
            file: file.clone(),
            cause,
        })?;
    if bytes.len() > structure::LARGEST_FILE {
        return Err(ConfigError::TooLarge {
            file,
            limit: structure::LARGEST_FILE,
        });
    }
    match String::from_utf8(bytes) {
        Ok(text) => parse(&text, &file),
        Err(_) => Err(ConfigError::NotText { file }),
    }
}

/// Reads a configuration from its text; `file_name` is what reports call it.
///
/// # Errors
/// Says what is wrong with it: see [`ConfigError`].
pub fn parse(text: &str, file_name: &str) -> Result<Config, ConfigError> {
    let raw = structure::read(text, file_name)?;
    validate::validate(&raw, text).map_err(|mistakes| ConfigError::Meaning {
        file: file_name.to_owned(),
        mistakes,
    })
}
