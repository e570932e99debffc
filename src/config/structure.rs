//! Text -> raw shape: the YAML reader with our limits, and its first mistake in words that help.

use super::error::{ConfigError, Mistake, StructureMistake, excerpt, nearest, printable};
use super::raw::{RawConfig, RawHeader};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::MergeKeyPolicy;
use serde_saphyr::{Error, MessageFormatter, Options, Spanned, UserMessageFormatter};

/// The largest file that is read: an object in etcd, and so a ConfigMap, ends there (Kubernetes documentation, "ConfigMaps").
pub(super) const LARGEST_FILE: usize = 1024 * 1024;
/// Nodes and events of the reader: several hundred policies, and read within milliseconds.
const MOST_NODES: usize = 50_000;
/// Aliases: enough to share a list among policies, too few for a bomb.
const MOST_ALIASES: usize = 500;
/// The deepest place of the shape is `policies[].remedies[].rolloutUndo.to`; twice that leaves room for flow style and growth.
const DEEPEST: usize = 16;

/// The one version of the configuration.
pub(super) const API_VERSION: &str = "ripcord.dev/v1alpha1";
/// What a configuration says it is.
pub(super) const KIND: &str = "Config";

/// Reads the shape.
pub(super) fn read(text: &str, file: &str) -> Result<Spanned<RawConfig>, ConfigError> {
    if text.len() > LARGEST_FILE {
        return Err(ConfigError::TooLarge {
            file: file.to_owned(),
            limit: LARGEST_FILE,
        });
    }
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        foreign_file(text, file).unwrap_or_else(|| structure_mistake(&error, text, file))
    })
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 2 * MOST_NODES,
            max_nodes: MOST_NODES,
            max_aliases: MOST_ALIASES,
            max_anchors: MOST_ALIASES,
            max_recorded_anchor_events: MOST_NODES,
            max_recorded_anchor_bytes: LARGEST_FILE,
            max_depth: DEEPEST,
            flow_nesting_limit: DEEPEST,
            max_documents: 1,
            max_total_scalar_bytes: LARGEST_FILE,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MOST_NODES,
            max_replay_stack_depth: DEEPEST,
            max_alias_expansions_per_anchor: MOST_ALIASES,
        },
        // `insecure: yes` is text to one reader and true to another.
        strict_booleans: true,
        // A merge hides which keys a policy has; what may be touched should be read off the page.
        merge_keys: MergeKeyPolicy::Error,
        with_snippet: false,
    }
}

/// A file of another kind or version says so in its first lines; any other mistake in it is only a consequence.
fn foreign_file(text: &str, file: &str) -> Option<ConfigError> {
    let header: RawHeader = serde_saphyr::from_str_with_options(text, options()).ok()?;
    let mistakes = header_mistakes(header.api_version.as_ref(), header.kind.as_ref(), text);
    (!mistakes.is_empty()).then(|| ConfigError::Meaning {
        file: file.to_owned(),
        mistakes,
    })
}

/// What is wrong with `apiVersion` and `kind`, as far as they are there.
pub(super) fn header_mistakes(
    api_version: Option<&Spanned<String>>,
    kind: Option<&Spanned<String>>,
    text: &str,
) -> Vec<Mistake> {
    [
        ("apiVersion", api_version, API_VERSION),
        ("kind", kind, KIND),
    ]
    .into_iter()
    .filter_map(|(path, found, wanted)| Some((path, found?, wanted)))
    .filter(|(_, found, wanted)| found.value != *wanted)
    .map(|(path, found, wanted)| Mistake {
        path: path.to_owned(),
        line: found.defined.line(),
        column: found.defined.column(),
        what: format!(
            "`{}` is not what this program reads",
            printable(&found.value)
        ),
        excerpt: excerpt(text, found.defined.line(), found.defined.column()),
        help: format!("write `{path}: {wanted}`"),
    })
    .collect()
}

fn structure_mistake(error: &Error, text: &str, file: &str) -> ConfigError {
    let (line, column) = error
        .location()
        .map_or((0, 0), |location| (location.line(), location.column()));
    ConfigError::Structure(Box::new(StructureMistake {
        file: file.to_owned(),
        line,
        column,
        what: printable(&what(error)),
        excerpt: excerpt(text, line, column),
        help: help(error).map(|help| printable(&help)),
    }))
}

/// The reader's message, in the words of this program where its author is likely to meet it.
fn what(error: &Error) -> String {
    match error {
        Error::AliasError { error, .. } => what(error),
        Error::SerdeUnknownField {
            field, expected, ..
        } => match nearest(field, expected.iter().copied()) {
            Some(meant) => format!("unknown key `{field}`: did you mean `{meant}`?"),
            None => format!("unknown key `{field}`"),
        },
        Error::SerdeMissingField { field, .. } => format!("missing key `{field}`"),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key `{key}` is there twice")
        }
        Error::NullIntoString { .. } => "this key has no value".to_owned(),
        Error::Unexpected {
            expected: "sequence start",
            ..
        } => "a list is expected here".to_owned(),
        Error::Unexpected {
            expected: "mapping start",
            ..
        } => "keys with values are expected here".to_owned(),
        Error::InvalidScalar { ty: "i64", .. } => "a whole number is expected here".to_owned(),
        Error::InvalidBooleanStrict { .. } => "`true` or `false` is expected here".to_owned(),
        Error::MergeKeyNotAllowed { .. } => "merge keys (`<<`) are not read".to_owned(),
        Error::Eof { .. } => "there is nothing in this file".to_owned(),
        Error::MultipleDocuments { .. }
        | Error::Budget {
            breach: BudgetBreach::Documents { .. },
            ..
        } => "a second document begins here: one file is one configuration".to_owned(),
        Error::Budget { .. } => {
            "this is larger or deeper than any configuration should be".to_owned()
        }
        other => UserMessageFormatter.format_message(other).into_owned(),
    }
}

fn help(error: &Error) -> Option<String> {
    match error {
        Error::AliasError { error, .. } => help(error),
        Error::SerdeUnknownField { expected, .. } => Some(format!(
            "the keys that are known here: {}",
            expected.join(", ")
        )),
        Error::SerdeMissingField {
            field: "apiVersion" | "kind",
            ..
        }
        | Error::Eof { .. } => Some(format!(
            "a configuration begins with `apiVersion: {API_VERSION}` and `kind: {KIND}`"
        )),
        Error::Unexpected {
            expected: "sequence start",
            ..
        } => Some("write `[one, two]`, or leave the key out".to_owned()),
        Error::NullIntoString { .. } => {
            Some("give it a value, or leave the key out to have its default".to_owned())
        }
        Error::MergeKeyNotAllowed { .. } => {
            Some("write the keys out; aliases of values (`*name`) do work".to_owned())
        }
        _ => None,
    }
}
