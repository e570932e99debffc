//! What validation finds, and the checks of single values. Every check records its mistake and goes on: a report is complete or useless.

use super::error::{Mistake, excerpt, nearest, printable};
use super::raw::{List, Number, Text};
use super::{NotEnforced, Note};
use jiff::fmt::friendly::SpanParser;
use jiff::{SignedDuration, SpanRelativeTo};
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The longest duration anywhere: added to any instant of this century it stays an instant, and nobody means more.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Everything found so far.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    /// The file's text, for excerpts.
    pub(super) text: &'a str,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) not_enforced: Vec<NotEnforced>,
    pub(super) notes: Vec<Note>,
}

/// Whether a duration of zero means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zero {
    /// It does.
    Allowed,
    /// It does not.
    Refused,
}

impl<'a> Findings<'a> {
    pub(super) fn about(text: &'a str) -> Self {
        Self {
            text,
            mistakes: Vec::new(),
            not_enforced: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn mistake(
        &mut self,
        path: &str,
        at: Location,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.mistakes.push(Mistake {
            path: printable(path),
            line: at.line(),
            column: at.column(),
            what: printable(&what.into()),
            excerpt: excerpt(self.text, at.line(), at.column()),
            help: printable(&help.into()),
        });
    }

    pub(super) fn not_enforced(&mut self, path: &str, at: Location, why: impl Into<String>) {
        self.not_enforced.push(NotEnforced {
            path: path.to_owned(),
            line: at.line(),
            why: why.into(),
        });
    }

    pub(super) fn note(&mut self, path: &str, at: Location, text: impl Into<String>) {
        self.notes.push(Note {
            path: path.to_owned(),
            line: at.line(),
            text: text.into(),
        });
    }

    /// A duration, or its default where the key is left out. Whole seconds: Prometheus is asked in them and a person reads them.
    pub(super) fn duration(
        &mut self,
        path: &str,
        text: Option<&Text>,
        default: SignedDuration,
        zero: Zero,
    ) -> SignedDuration {
        let Some(text) = text else {
            return default;
        };
        let refused = match parse_duration(&text.value) {
            Err(()) => {
                let help = match text.value.trim().parse::<u32>() {
                    Ok(number) => format!("write a unit too: `{number}s` or `{number}m`"),
                    Err(_) => "write it like `90s`, `5m`, `1h30m` or `7d`".to_owned(),
                };
                Some((format!("`{}` is not a duration", text.value), help))
            }
            Ok(duration) if duration < SignedDuration::ZERO => Some((
                format!("`{}` is negative", text.value),
                "write it without a sign and without `ago`".to_owned(),
            )),
            Ok(duration) if duration.is_zero() && zero == Zero::Refused => Some((
                "it can't be zero".to_owned(),
                "leave the key out to have its default".to_owned(),
            )),
            Ok(duration) if duration.subsec_nanos() != 0 => Some((
                format!("`{}` is not in whole seconds", text.value),
                "the smallest unit is `1s`".to_owned(),
            )),
            Ok(duration) if duration > LONGEST => Some((
                format!("`{}` is longer than a year", text.value),
                "the longest duration is `366d`".to_owned(),
            )),
            Ok(duration) => return duration,
        };
        if let Some((what, help)) = refused {
            self.mistake(path, text.defined, what, help);
        }
        default
    }

    /// A number within a range that has a reason, or its default.
    pub(super) fn number<T: TryFrom<i64>>(
        &mut self,
        path: &str,
        number: Option<&Number>,
        default: T,
        range: &RangeInclusive<i64>,
        reason: &str,
    ) -> T {
        let Some(number) = number else {
            return default;
        };
        if let Some(fitting) = range
            .contains(&number.value)
            .then(|| T::try_from(number.value).ok())
            .flatten()
        {
            return fitting;
        }
        let help = format!("write a number from {} to {}", range.start(), range.end());
        self.mistake(
            path,
            number.defined,
            format!("{} is out of range: {reason}", number.value),
            help,
        );
        default
    }

    /// The items of a list that restricts; `None` = the key is left out and does not restrict. An empty list would fit nothing, and
    /// one item twice is a slip: both are mistakes.
    pub(super) fn restricting<T: Ord>(
        &mut self,
        path: &str,
        list: Option<&List>,
        mut check: impl FnMut(&mut Self, &str, &Text) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list = list?;
        if list.value.is_empty() {
            self.mistake(
                path,
                list.defined,
                "an empty list fits nothing",
                "leave the key out if it should not restrict, or name what it allows",
            );
        }
        Some(self.items(path, &list.value, &mut check))
    }

    /// The items of any list, none twice.
    pub(super) fn items<T>(
        &mut self,
        path: &str,
        list: &[Text],
        check: &mut impl FnMut(&mut Self, &str, &Text) -> Option<T>,
    ) -> Vec<T> {
        let mut seen = BTreeSet::new();
        let mut items = Vec::new();
        for (index, text) in list.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if seen.insert(text.value.as_str()) {
                items.extend(check(self, &path, text));
            } else {
                self.mistake(
                    &path,
                    text.defined,
                    format!("`{}` is listed twice", text.value),
                    "remove one of the two",
                );
            }
        }
        items
    }

    /// One word out of a closed list.
    pub(super) fn word<T: Copy>(
        &mut self,
        path: &str,
        text: &Text,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(*meant);
        }
        let names = || words.iter().map(|(word, _)| *word);
        let help = match nearest(&text.value, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write one of: {}", names().collect::<Vec<_>>().join(", ")),
        };
        self.mistake(
            path,
            text.defined,
            format!("`{}` is not {what}", text.value),
            help,
        );
        None
    }

    /// A DNS label (RFC 1123), as Kubernetes wants it of a namespace or a container, and as we want it of our own names.
    pub(super) fn label(&mut self, path: &str, text: &Text) -> Option<String> {
        if is_label(&text.value) {
            return Some(text.value.clone());
        }
        let help = if text.value.contains('*') {
            "names are exact here: `*` works in `match.alerts` alone".to_owned()
        } else {
            "lower-case letters, digits and `-`, at most 63, a letter or digit at both ends"
                .to_owned()
        };
        self.mistake(
            path,
            text.defined,
            format!("`{}` is not a name (RFC 1123 label)", text.value),
            help,
        );
        None
    }

    /// An address of HTTP. The value itself is never repeated: credentials may stand in it.
    pub(super) fn http_url(&mut self, path: &str, text: &Text) -> Option<String> {
        let (what, help) = match check_url(&text.value) {
            Ok(()) => return Some(text.value.clone()),
            Err(mistake) => mistake,
        };
        self.mistake(path, text.defined, what, help);
        None
    }
}

/// Where a value that a key needs is missing: at the mapping that should hold it.
pub(super) fn place<T>(holder: &Spanned<T>) -> Location {
    holder.defined
}

/// A duration as people write it; days are 24 hours.
fn parse_duration(text: &str) -> Result<SignedDuration, ()> {
    let span = SpanParser::new().parse_span(text.trim()).map_err(|_| ())?;
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| ())
}

pub(super) fn is_label(text: &str) -> bool {
    let fits = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text
            .chars()
            .all(|character| fits(character) || character == '-')
        && text.starts_with(fits)
        && text.ends_with(fits)
}

fn check_url(text: &str) -> Result<(), (&'static str, &'static str)> {
    let example = "write it like `http://127.0.0.1:9090`";
    let uri: http::Uri = text.parse().map_err(|_| ("this is not a URL", example))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(("the URL does not begin with http:// or https://", example));
    }
    let authority = uri.authority().ok_or(("the URL names no host", example))?;
    if authority.as_str().contains('@') {
        return Err((
            "the URL has credentials in it: they would be seen in logs and records",
            "remove everything up to the `@`",
        ));
    }
    if authority.host().is_empty() {
        return Err(("the URL names no host", example));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "five minutes", "5x", "1mo", "1y", "m", "5m5"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("5m", 300),
            ("1h30m", 5_400),
            ("7d", 604_800),
            ("1w", 604_800),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(SignedDuration::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn an_address_without_scheme_or_with_credentials_is_refused() {
        for text in [
            "prom:9090",
            "ftp://prom",
            "http://",
            "http:///x",
            "http://me:secret@prom",
            "http://prom /x",
            "",
        ] {
            assert!(check_url(text).is_err(), "{text:?}");
        }
        assert_eq!(check_url("https://prom.example/prefix"), Ok(()));
    }
}
