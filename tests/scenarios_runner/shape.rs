//! From a document to its shape: known keys only, and the first mistake in words that help (as `src/config/structure.rs` does it for
//! configurations).

use super::text::{Document, Mistake, Source};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_saphyr::options::MergeKeyPolicy;
use serde_saphyr::{Error, MessageFormatter, Options, Spanned, UserMessageFormatter};

/// A value as it was written, and where.
pub(crate) type Text = Spanned<String>;
/// A number, and where it stands.
pub(crate) type Number = Spanned<i64>;
/// A switch, and where it stands.
pub(crate) type Switch = Spanned<bool>;

/// Reads an optional key that is there: a key without a value is a slip of the hand, not an omitted key.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A mapping of which every key is known. The keys after `required` must be there, the others may.
macro_rules! shape {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty,)* } $(required { $($needed:ident: $needed_type:ty,)* })?) => {
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub(crate) struct $name {
            $($(pub(crate) $needed: $needed_type,)*)?
            $(#[serde(default, deserialize_with = "crate::runner::shape::present")] pub(crate) $field: Option<$type>,)*
        }
    };
}
pub(crate) use shape;

/// Reads one document.
pub(crate) fn read<T: DeserializeOwned>(
    source: &Source,
    document: &Document,
) -> Result<T, Mistake> {
    serde_saphyr::from_str_with_options(&document.text, options()).map_err(|error| {
        let (line, column) = error
            .location()
            .map_or((0, 0), |location| (location.line(), location.column()));
        source.mistake(line, column, what(&error), expected(&error))
    })
}

fn options() -> Options {
    serde_saphyr::options! {
        strict_booleans: true,
        merge_keys: MergeKeyPolicy::Error,
        with_snippet: false,
    }
}

fn what(error: &Error) -> String {
    match error {
        Error::AliasError { error, .. } => what(error),
        Error::SerdeUnknownField { field, .. } => format!("unknown key `{field}`"),
        Error::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key `{key}` is there twice")
        }
        Error::NullIntoString { .. } => "this key has no value".to_owned(),
        Error::Unexpected { .. } => "a value of another kind stands here".to_owned(),
        Error::InvalidScalar { ty: "i64", .. } => "this is not a whole number".to_owned(),
        Error::InvalidBooleanStrict { .. } => "this is neither true nor false".to_owned(),
        Error::MultipleDocuments { .. } => "a second document begins here".to_owned(),
        Error::Eof { .. } => "there is nothing here".to_owned(),
        other => UserMessageFormatter.format_message(other).into_owned(),
    }
}

fn expected(error: &Error) -> String {
    match error {
        Error::AliasError { error, .. } => expected(error),
        Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let one_of = format!("one of {}", expected.join(", "));
            match super::words::nearest(field, expected.iter().copied()) {
                Some(meant) => format!("`{meant}`? {one_of}"),
                None => one_of,
            }
        }
        Error::NullIntoString { .. } => "a value, or no such key at all".to_owned(),
        Error::Unexpected {
            expected: "sequence start",
            ..
        } => "a list: `[one, two]`".to_owned(),
        Error::Unexpected {
            expected: "mapping start",
            ..
        } => "keys with values: `{key: value}`".to_owned(),
        Error::Unexpected { expected, .. } => (*expected).to_owned(),
        Error::InvalidScalar { ty: "i64", .. } => "a number such as `3`".to_owned(),
        Error::InvalidBooleanStrict { .. } => "`true` or `false`".to_owned(),
        _ => String::new(),
    }
}
