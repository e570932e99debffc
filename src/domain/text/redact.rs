//! What must not be stored: secrets, by the names in front of them, by their shape, or by their look.

use super::{REDACTED, bounded, entropy};
use crate::domain::image::ImageRef;
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// Names of secrets, anywhere in a key: `DB_PASSWORD`, `x-api-key`, `clientSecret`.
const SECRET_NAMES: &str = "(?:password|passwd|passphrase|passcode|[_-]pass|pwd|secret|token|api[-_ ]?key|access[-_ ]?key|account[-_ ]?key\
    |private[-_ ]?key|signing[-_ ]?key|encryption[-_ ]?key|credential|private|[?&]sig|[?&-]signature|connection[-_ ]?string|requirepass|masterauth)";

/// A value: quoted (the quotes may be escaped, and the closing one may be cut off), bracketed, or a word.
const VALUE: &str = r#"(?:\\"(?:[^\\"]|\\[^"])*(?:\\"|\z)|"(?:[^"\\]|\\.)*(?:"|\\?\z)|'(?:[^'\\]|\\.)*(?:'|\\?\z)|[\[{][^\]}]*[\]}]?\S*|\S+)"#;

/// What becomes of one match in a text; `None` = it is no secret and stays.
type Judge = fn(&str, &Captures<'_>) -> Option<String>;

/// All patterns, in the order in which they are applied; `None` = one of them is malformed, and then nothing gets through at all.
static RULES: LazyLock<Option<Vec<(Regex, Judge)>>> = LazyLock::new(|| {
    let rules: [(String, Judge); 13] = [
        (r"-----BEGIN [A-Z0-9 ]{1,60}-----(?s:.*?)(?:-----END [A-Z0-9 ]{1,60}-----|\z)".to_owned(), whole),
        (r#"\b([A-Za-z][A-Za-z0-9+.-]*://)([^\s"<>`]+)"#.to_owned(), user_information),
        (
            format!(r#"(?i)(name\\?["']?\s*[:=]\s*\\?["']?[\w.-]*{SECRET_NAMES}[\w.-]*\\?["']?,?\s*\\?["']?value\\?["']?\s*[:=]\s*)({VALUE})"#),
            value,
        ),
        (
            r#"(?i)(authorization\\?["']?\s*[:=]\s*\\?["']?)((?:[a-z][\w-]*\s+)?[^\s,"']+(?:,\s*[^\s,"']+(?:="[^"]*")?)*)"#.to_owned(),
            authorization,
        ),
        (r#"(?i)(\b(?:set-)?cookie\\?["']?\s*[:=]\s*\\?["']?)([^\s;"']+(?:;\s*[^\s;"']+)*)"#.to_owned(), value),
        (
            format!(r#"(?i)({SECRET_NAMES}[\w.-]*(?:\\?["'])?\s*(?:=>|:=|[=:])\s*)({VALUE})"#),
            named_value,
        ),
        (
            format!(r#"(?i)((?:--?[\w-]*{SECRET_NAMES}[\w-]*|\b(?:requirepass|masterauth)|--?pass)(?:\s+|\\?["']\s*,\s*))({VALUE})"#),
            value,
        ),
        (
            r#"(?i)(\b(?:password|passphrase|api[-_ ]?key|token)\s+(?:is\s+|was\s+)?)("[^"]{4,}"|'[^']{4,}')"#.to_owned(),
            value,
        ),
        (format!(r"(?i)(<[\w:.-]*{SECRET_NAMES}[\w:.-]*>)([^<]+)"), value),
        (r"(?i)(\b(?:bearer|basic)\s+)([A-Za-z0-9._~+/=:\[-]{3,}\]?)".to_owned(), scheme),
        (r#"([\w.+%-]+:)([^\s"'@/][^\s"'@]*)(@[\w.\[(-]+)"#.to_owned(), account),
        (
            r"\beyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?|\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{12,}|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|AIza|sk-|[sr]k_live_|[sr]k_test_|npm_|hvs\.|dckr_pat_)[\w-]{12,}"
                .to_owned(),
            whole,
        ),
        (r"[A-Za-z0-9+_~-][A-Za-z0-9+/_~-]{23,}={0,2}".to_owned(), by_look),
    ];
    rules
        .into_iter()
        .map(|(pattern, judge)| Some((Regex::new(&pattern).ok()?, judge)))
        .collect()
});

/// The text with every secret that can be told replaced by `[redacted]`; the names in front of them stay. A text too long to be searched is cut first.
pub fn redact(text: &str) -> String {
    let Some(rules) = &*RULES else {
        return REDACTED.to_owned();
    };
    let mut kept = bounded(text).into_owned();
    for (pattern, judge) in rules {
        let replaced = pattern.replace_all(&kept, |found: &Captures<'_>| {
            judge(&kept, found).unwrap_or_else(|| group(found, 0).to_owned())
        });
        kept = replaced.into_owned();
    }
    kept
}

fn group<'a>(found: &Captures<'a>, number: usize) -> &'a str {
    found.get(number).map_or("", |part| part.as_str())
}

#[allow(clippy::unnecessary_wraps, reason = "one of the judges")]
fn whole(_: &str, _: &Captures<'_>) -> Option<String> {
    Some(REDACTED.to_owned())
}

/// Key and value: the value goes, its quotes stay.
#[allow(clippy::unnecessary_wraps, reason = "one of the judges")]
fn value(_: &str, found: &Captures<'_>) -> Option<String> {
    let quote = ["\\\"", "\"", "'"]
        .into_iter()
        .find(|quote| group(found, 2).starts_with(quote))
        .unwrap_or_default();
    Some(format!("{}{quote}{REDACTED}{quote}", group(found, 1)))
}

/// An HTTP header; containerd says `… may require authorization: server message: …`.
fn authorization(text: &str, found: &Captures<'_>) -> Option<String> {
    (group(found, 2) != "server message:").then(|| value(text, found))?
}

/// The same, unless what looks like key and value is a part of a sentence or of an image reference.
fn named_value(text: &str, found: &Captures<'_>) -> Option<String> {
    let (key, secret) = (group(found, 1), group(found, 2));
    // The shell's working directory.
    let is_directory = key.eq_ignore_ascii_case("pwd=") && secret.starts_with('/');
    if is_directory || is_sentence(text, found) || is_part_of_image(text, found) {
        return None;
    }
    value(text, found)
}

/// `failed to fetch oauth token: unexpected status …`, `DB_PASSWORD: not set`, `volume "db-secret" : secret "db-secret" not found`: what follows
/// the colon says why something fails. Only these words: nobody's secret begins with them.
fn is_sentence(text: &str, found: &Captures<'_>) -> bool {
    const WORDS: [&str; 14] = [
        "unexpected status",
        "not found",
        "not set",
        "no such file",
        "permission denied",
        "command not found",
        "missing",
        "required",
        "expired",
        "empty",
        "is ",
        "must be ",
        "cannot be ",
        "ErrImagePull",
    ];
    let key = group(found, 1);
    let rest = found
        .get(2)
        .and_then(|secret| text.get(secret.start()..))
        .unwrap_or_default();
    // `…/token: 403 Forbidden`: three digits are nobody's secret either.
    let is_status =
        group(found, 2).len() == 3 && group(found, 2).chars().all(|digit| digit.is_ascii_digit());
    (key.ends_with(": ") && (is_status || WORDS.iter().any(|words| rest.starts_with(words))))
        || (key.ends_with("\" : ")
            && (rest.starts_with("secret \"") || rest.starts_with("configmap \"")))
}

/// `private.example.com:5000/web:1` and `token-service:1.2` are not a key and its value.
fn is_part_of_image(text: &str, found: &Captures<'_>) -> bool {
    let (key, secret) = (group(found, 1), group(found, 2));
    let before = found
        .get(0)
        .and_then(|all| text.get(..all.start()))
        .unwrap_or_default();
    let lead = before
        .rsplit(|character: char| character.is_whitespace() || "\"'`=([{,;".contains(character))
        .next()
        .unwrap_or_default();
    let tail = secret
        .split(['"', '\'', ',', ';', ')', ']', '}'])
        .next()
        .unwrap_or_default();
    // `Failed to pull image "acme/token-service": …`: without a tag, and what follows is the error.
    let named = before.strip_suffix(lead).unwrap_or_default();
    if key.ends_with("\": ") && (named.ends_with("image \"") || named.ends_with("reference \"")) {
        return true;
    }
    let word = format!("{lead}{key}{}", tail.trim_end_matches([':', '.', '…']));
    let host = word.split_once('/').map(|(host, _)| host);
    let has_host = host.is_some_and(|host| host.contains(['.', ':']) || host == "localhost");
    ImageRef::parse(&word).is_ok_and(|image| has_host || image.tag().is_some_and(is_version))
}

/// `1.2`, `v0.2.1-rc1`.
fn is_version(tag: &str) -> bool {
    let mut parts = tag.trim_start_matches('v').split('.');
    let is_number = |part: Option<&str>| {
        part.is_some_and(|part| {
            !part.is_empty() && part.len() <= 4 && part.chars().all(|digit| digit.is_ascii_digit())
        })
    };
    is_number(parts.next())
        && parts
            .next()
            .is_some_and(|part| part.starts_with(|first: char| first.is_ascii_digit()))
}

/// `https://user:password@host`: whoever it is goes, the rest stays. An image's digest follows an `@` too.
fn user_information(_: &str, found: &Captures<'_>) -> Option<String> {
    let rest = group(found, 2);
    let (rest, digest) = match rest
        .rfind("@sha256:")
        .and_then(|at| rest.split_at_checked(at))
    {
        Some((rest, digest)) => (rest, digest),
        None => (rest, ""),
    };
    let (_, host) = rest.rsplit_once('@')?;
    Some(format!("{}{REDACTED}@{host}{digest}", group(found, 1)))
}

/// `user:password@tcp(host)`, without a scheme; `web:1.2@sha256:…` is an image.
fn account(_: &str, found: &Captures<'_>) -> Option<String> {
    let host = group(found, 3);
    (host != "@sha256").then(|| format!("{}{REDACTED}{host}", group(found, 1)))
}

/// `Bearer …`, `Basic …`; prose about them stays: `no basic auth credentials`.
fn scheme(_: &str, found: &Captures<'_>) -> Option<String> {
    const PROSE: [&str; 10] = [
        "auth",
        "authentication",
        "authorization",
        "credentials",
        "realm",
        "token",
        "tokens",
        "scheme",
        "access",
        "challenge",
    ];
    let word = group(found, 2).trim_end_matches([':', '.']);
    let is_basic = group(found, 1).to_ascii_lowercase().starts_with("basic");
    let is_prose =
        PROSE.iter().any(|prose| word.eq_ignore_ascii_case(prose)) || word.starts_with("realm=");
    // base64 of a name and a password is never all lower case; `basic configuration` is.
    let is_word = is_basic && word.chars().all(|character| character.is_ascii_lowercase());
    (!is_prose && !is_word).then(|| format!("{}{REDACTED}", group(found, 1)))
}

fn by_look(text: &str, found: &Captures<'_>) -> Option<String> {
    let all = found.get(0)?;
    entropy::looks_secret(text, all.start(), all.end()).then(|| REDACTED.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_pattern_is_well_formed() {
        assert!(super::RULES.is_some());
    }
}
