//! Pieces of PromQL that cannot be broken out of: names are checked, values are quoted, and nothing else gets in.

use super::Unanswered;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The longest name of an object (Kubernetes' `DNS1123SubdomainMaxLength`).
const LONGEST_NAME: usize = 253;

/// The name of a Kubernetes object: an RFC 1123 subdomain, so made of `a-z`, `0-9`, `-` and `.` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// Checks it. A name of a live object always passes.
    pub(super) fn parse(text: &'a str) -> Result<Self, Unanswered> {
        let part_fits = |part: &str| {
            let bytes = part.as_bytes();
            let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            bytes.first().is_some_and(inner)
                && bytes.last().is_some_and(inner)
                && bytes.iter().all(|byte| inner(byte) || *byte == b'-')
        };
        if text.len() <= LONGEST_NAME && text.split('.').all(part_fits) {
            Ok(Self(text))
        } else {
            Err(Unanswered::UnsafeName)
        }
    }

    /// Checks all of them; more than `most` are refused.
    pub(super) fn parse_all(texts: &'a [String], most: usize) -> Result<Vec<Self>, Unanswered> {
        if texts.len() > most {
            return Err(Unanswered::TooMuchAsked);
        }
        texts.iter().map(|text| Self::parse(text)).collect()
    }

    /// The text.
    pub(super) fn as_str(self) -> &'a str {
        self.0
    }

    /// As a regular expression that fits this name alone. Of its characters only the dot means something there.
    fn as_regex(self) -> String {
        self.0.replace('.', "\\.")
    }

    /// As a regular expression that fits the pods of a ReplicaSet of this name, and perhaps more. The API server cuts what it generates names from
    /// at 58 bytes (Kubernetes `staging/src/k8s.io/apiserver/pkg/storage/names/generate.go`), so a long name is only partly there.
    fn as_pods_regex(self) -> String {
        const GENERATED_FROM: usize = 58;
        let prefix = self.0.get(..GENERATED_FROM).unwrap_or(self.0);
        format!("{}.+", Name(prefix).as_regex())
    }
}

/// Which names the labels of kube-state-metrics have here: a scrape without `honor_labels` renames those that its target has too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LabelNames {
    pub(super) namespace: &'static str,
    pub(super) pod: &'static str,
    pub(super) container: &'static str,
    pub(super) uid: &'static str,
}

impl LabelNames {
    /// What tells pods apart, for a `by` or an `on`.
    pub(super) fn pod_key(&self) -> String {
        format!("{},{},{}", self.namespace, self.pod, self.uid)
    }

    /// As one series of a container metric shows them: each label may have been renamed alone.
    pub(super) fn of(series: &BTreeMap<String, String>) -> Option<Self> {
        let pick = |plain: &'static str, exported: &'static str| {
            [exported, plain]
                .into_iter()
                .find(|name| series.contains_key(*name))
        };
        Some(Self {
            namespace: pick("namespace", "exported_namespace")?,
            pod: pick("pod", "exported_pod")?,
            container: pick("container", "exported_container")?,
            uid: pick("uid", "exported_uid")?,
        })
    }
}

/// A selector under construction.
pub(super) struct Selector(String);

impl Selector {
    /// One metric, with the configured matchers: they say whose series are believed, so they go on every selector.
    pub(super) fn metric(name: &'static str, matchers: &BTreeMap<String, String>) -> Self {
        Self(format!("__name__={}", quote(name))).with(matchers)
    }

    /// Several metrics, by a regular expression of ours.
    pub(super) fn metrics(regex: &'static str, matchers: &BTreeMap<String, String>) -> Self {
        Self(format!("__name__=~{}", quote(regex))).with(matchers)
    }

    fn with(mut self, matchers: &BTreeMap<String, String>) -> Self {
        for (label, value) in matchers {
            let _ = write!(self.0, ",{label}={}", quote(value));
        }
        self
    }

    /// The label is this name.
    pub(super) fn equals(self, label: &str, name: Name<'_>) -> Self {
        self.fixed(&format!("{label}={}", quote(name.as_str())))
    }

    /// The label is one of these names.
    pub(super) fn one_of(self, label: &str, names: &[Name<'_>]) -> Self {
        self.any(label, names.iter().map(|name| name.as_regex()))
    }

    /// The label is one of these names, or there is none.
    pub(super) fn one_of_or_none(self, label: &str, names: &[Name<'_>]) -> Self {
        let names = names.iter().map(|name| name.as_regex());
        self.any(label, names.chain([String::new()]))
    }

    /// The label is the name of a pod of one of these ReplicaSets, or of a pod that is called much like one.
    pub(super) fn pod_of(self, label: &str, replicasets: &[Name<'_>]) -> Self {
        self.any(label, replicasets.iter().map(|name| name.as_pods_regex()))
    }

    fn any(self, label: &str, alternatives: impl Iterator<Item = String>) -> Self {
        let alternatives: Vec<String> = alternatives.collect();
        self.fixed(&format!("{label}=~{}", quote(&alternatives.join("|"))))
    }

    /// A matcher of ours.
    pub(super) fn fixed(mut self, matcher: &str) -> Self {
        let _ = write!(self.0, ",{matcher}");
        self
    }

    /// The selector.
    pub(super) fn finish(&self) -> String {
        format!("{{{}}}", self.0)
    }
}

/// Whether a label may be written into a matcher as it is (Prometheus' data model; newer quoted names are not needed here).
pub(super) fn is_label_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A PromQL string: Go's double-quoted form.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )]
    use super::*;
    use proptest::prelude::*;

    /// Reads a quoted string back, by Go's rules for the escapes that are written here; `None` = it does not end where it should.
    fn unquote(quoted: &str) -> Option<String> {
        let mut rest = quoted.strip_prefix('"')?.chars();
        let mut text = String::new();
        loop {
            match rest.next()? {
                '"' => return rest.next().is_none().then_some(text),
                '\n' => return None,
                '\\' => match rest.next()? {
                    'u' => {
                        let digits: String = rest.by_ref().take(4).collect();
                        text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                    }
                    escaped @ ('"' | '\\') => text.push(escaped),
                    _ => return None,
                },
                plain => text.push(plain),
            }
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for hostile in [
            "",
            ".",
            "-a",
            "a-",
            "a..b",
            "a.",
            "A",
            "a_b",
            "a\"} or up{x=\"",
            "a|b",
            "a.*",
            "ä",
            "a\n",
            "a\\",
            "a b",
            "`a`",
            "a/b",
        ] {
            assert_eq!(
                Name::parse(hostile),
                Err(Unanswered::UnsafeName),
                "{hostile:?}"
            );
        }
        assert_eq!(Name::parse(&"a".repeat(254)), Err(Unanswered::UnsafeName));
    }

    #[test]
    fn names_of_live_objects_pass() {
        for name in ["a", "lab30-web-5b945c6988-548ck", "my.app-1.2", "0"] {
            assert!(Name::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_dot_in_a_name_fits_a_dot_alone() {
        let names = [Name::parse("my.app-1").unwrap(), Name::parse("b").unwrap()];
        let selector = Selector::metric("up", &BTreeMap::new())
            .one_of("pod", &names)
            .finish();
        assert_eq!(selector, r#"{__name__="up",pod=~"my\\.app-1|b"}"#);
    }

    #[test]
    fn the_pods_of_a_replicaset_with_a_long_name_are_found_by_what_is_left_of_it() {
        let long = format!("{}.{}", "a".repeat(57), "b".repeat(40));
        assert_eq!(
            Name::parse(&long).unwrap().as_pods_regex(),
            format!("{}\\..+", "a".repeat(57))
        );
        assert_eq!(Name::parse("web-1").unwrap().as_pods_regex(), "web-1.+");
    }

    #[test]
    fn each_label_may_have_been_renamed_alone() {
        let series = |names: &[&str]| {
            names
                .iter()
                .map(|name| ((*name).to_owned(), String::new()))
                .collect::<BTreeMap<_, _>>()
        };
        let mixed = LabelNames::of(&series(&[
            "namespace",
            "exported_namespace",
            "pod",
            "container",
            "uid",
        ]))
        .unwrap();
        assert_eq!((mixed.namespace, mixed.pod), ("exported_namespace", "pod"));
        assert_eq!(
            LabelNames::of(&series(&["namespace", "pod", "container"])),
            None
        );
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_reads_back_the_same(text in any::<String>()) {
            prop_assert_eq!(unquote(&quote(&text)), Some(text));
        }

        #[test]
        fn a_name_that_passes_needs_no_quoting(text in any::<String>()) {
            if Name::parse(&text).is_ok() {
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)));
            }
        }
    }
}
