//! What a failed pull said, and what class of failure that is.
//!
//! The texts are containerd's (`core/images/image.go`, `client/pull.go`, `core/transfer/local/pull.go`, `core/remotes/docker/{resolver,fetcher,authorizer}.go`,
//! 1.6 to 2.1) inside the kubelet's (`pkg/kubelet/images/image_manager.go`).

use crate::domain::evidence::EventFact;
use crate::domain::identity::Uid;
use crate::domain::observed::Observed;
use crate::domain::workload::{Container, ContainerState, Pod};

/// The classes of failed pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PullFailure {
    /// The node's disk is full.
    NoRoom,
    WrongPlatform,
    AccessDenied,
    RateLimited,
    Unreachable,
    /// Some text that nobody knows yet.
    Other,
    /// The registry answered: there is no such tag or digest. The last one: only when nothing else fits may the image be blamed.
    NotFound,
}

/// The exact error of a container's failed pull, as far as its state or an Event has it now.
pub(super) fn exact_error(
    pod: &Pod,
    container: &Container,
    events: &Observed<Vec<EventFact>>,
) -> Option<String> {
    error_in_state(&container.state).or_else(|| error_in_events(&pod.uid, &container.name, events))
}

/// `ErrImagePull` carries the runtime's own words; `ImagePullBackOff` repeats them behind its own (kubelet 1.32 and later).
pub(super) fn error_in_state(state: &ContainerState) -> Option<String> {
    let ContainerState::Waiting { reason, message } = state else {
        return None;
    };
    let error = match reason.as_str() {
        "ImagePullBackOff" => {
            let (_, tail) = message
                .strip_prefix("Back-off pulling image \"")?
                .split_once("\": ")?;
            tail.strip_prefix("ErrImagePull: ").unwrap_or(tail)
        }
        _ => message,
    };
    // Older kubelets say no more than this while they back off; and their own brake says nothing about the registry.
    let says_nothing = error.is_empty()
        || error.starts_with("Back-off pulling image")
        || error.contains("pull QPS exceeded");
    (!says_nothing).then(|| error.to_owned())
}

/// Older kubelets: `Failed to pull image "…": <error>`. The newest one, for it is about the pull that failed last.
fn error_in_events(
    pod: &Uid,
    container: &str,
    events: &Observed<Vec<EventFact>>,
) -> Option<String> {
    events
        .known()?
        .iter()
        .filter(|event| &event.regarding == pod && event.container.as_deref() == Some(container))
        .filter_map(|event| {
            let (_, error) = event
                .message
                .strip_prefix("Failed to pull image \"")?
                .split_once("\": ")?;
            Some((event.last_seen, error))
        })
        .max()
        .map(|(_, error)| error.to_owned())
}

/// The class of one error. Of several errors in one (`[a, b]`, one for each pull secret) every one must say "not found" before
/// the image is blamed: the registry may hide from one account what it shows to another.
pub(super) fn classify(error: &str) -> PullFailure {
    parts(error)
        .into_iter()
        .map(classify_one)
        .min()
        .unwrap_or(PullFailure::Other)
}

/// The errors of an aggregate; each begins with containerd's or gRPC's own words.
fn parts(error: &str) -> Vec<&str> {
    const BEGINNINGS: [&str; 3] = [", rpc error: ", ", failed to pull", ", failed to resolve"];
    let Some(inner) = error
        .trim()
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
    else {
        return vec![error];
    };
    let mut rest = inner;
    let mut parts = Vec::new();
    while let Some(at) = BEGINNINGS
        .iter()
        .filter_map(|beginning| rest.find(beginning))
        .min()
    {
        let Some((part, tail)) = rest.split_at_checked(at) else {
            break;
        };
        parts.push(part);
        rest = tail.trim_start_matches(", ");
    }
    parts.push(rest);
    parts
}

fn classify_one(error: &str) -> PullFailure {
    // The platform's text ends in `: not found` too, so it comes first.
    const WRONG_PLATFORM: [&str; 2] = [
        "no match for platform in manifest",
        "no matching manifest for",
    ];
    // Of `failed to authorize` the rest says why: the registry's token service may be away, or count, like the registry itself.
    const ACCESS_DENIED: [&str; 8] = [
        "pull access denied",
        "insufficient_scope",
        "authorization failed",
        "401 Unauthorized",
        "403 Forbidden",
        "no basic auth credentials",
        "authentication required",
        "denied: ",
    ];
    const RATE_LIMITED: [&str; 3] = [
        "429 Too Many Requests",
        "toomanyrequests",
        "TOOMANYREQUESTS",
    ];
    const UNREACHABLE: [&str; 16] = [
        "failed to do request",
        "dial tcp",
        "no such host",
        "server misbehaving",
        "i/o timeout",
        "connection refused",
        "connection reset",
        "no route to host",
        "deadline exceeded",
        "TLS handshake timeout",
        "x509: ",
        "server gave HTTP response",
        "Internal Server Error",
        "Bad Gateway",
        "Service Unavailable",
        "Gateway Time",
    ];
    let has = |texts: &[&str]| texts.iter().any(|text| error.contains(text));
    if error.contains("no space left on device") {
        PullFailure::NoRoom
    } else if has(&WRONG_PLATFORM) {
        PullFailure::WrongPlatform
    } else if has(&RATE_LIMITED) {
        PullFailure::RateLimited
    } else if has(&UNREACHABLE) {
        PullFailure::Unreachable
    } else if has(&ACCESS_DENIED) {
        PullFailure::AccessDenied
    } else if is_not_found(error) {
        PullFailure::NotFound
    } else {
        PullFailure::Other
    }
}

/// The positive texts alone: `not found` by itself is said of hosts, secrets and platforms too.
fn is_not_found(error: &str) -> bool {
    let error = error.trim();
    let about_the_reference = [
        "failed to resolve reference \"",
        "failed to resolve image: ",
    ]
    .iter()
    .filter_map(|beginning| error.split_once(beginning))
    .any(|(_, rest)| {
        let reference = rest
            .rsplit_once(": not found")
            .filter(|(_, after)| after.is_empty())
            .map(|(head, _)| head);
        // `"<ref>": <ref>` or `<ref>`: nothing but the reference may stand before `: not found`.
        reference.is_some_and(|reference| match reference.split_once("\": ") {
            Some((named, again)) => named == again,
            None => !reference.contains([' ', '"']),
        })
    });
    let about_the_content = (error.contains("could not fetch content descriptor")
        || error.contains("content at "))
        && error.ends_with("not found");
    // The registry's own code (distribution specification), as other runtimes pass it on.
    about_the_reference || about_the_content || error.contains("manifest unknown")
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

    const NOT_FOUND: &str = r#"failed to pull and unpack image "ghcr.io/a/web:9": failed to resolve reference "ghcr.io/a/web:9": ghcr.io/a/web:9: not found"#;
    const DENIED: &str = r#"failed to pull and unpack image "ghcr.io/a/web:9": failed to resolve reference "ghcr.io/a/web:9": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token: 403 Forbidden"#;

    #[test]
    fn what_only_looks_like_not_found_is_not() {
        for (error, class) in [
            (
                r#"failed to pull and unpack image "a/b:1": no match for platform in manifest: not found"#,
                PullFailure::WrongPlatform,
            ),
            (
                r#"failed to resolve reference "r.invalid/b:1": failed to do request: Head "https://r.invalid/v2/b/manifests/1": dial tcp: lookup r.invalid on 10.96.0.10:53: no such host"#,
                PullFailure::Unreachable,
            ),
            (
                "could not fetch content descriptor sha256:0: no match for platform in manifest sha256:0: not found",
                PullFailure::WrongPlatform,
            ),
            (DENIED, PullFailure::AccessDenied),
            (
                r#"failed to authorize: failed to fetch anonymous token: Get "https://ghcr.io/token": dial tcp 10.0.0.1:443: i/o timeout"#,
                PullFailure::Unreachable,
            ),
            (
                "failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://a/token: 503 Service Unavailable",
                PullFailure::Unreachable,
            ),
            (
                "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://a/token: 429 Too Many Requests",
                PullFailure::RateLimited,
            ),
            (
                "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://a/token: 400 Bad Request",
                PullFailure::Other,
            ),
            (
                r#"failed to resolve reference "a/b:1": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"#,
                PullFailure::AccessDenied,
            ),
            (
                r#"failed to resolve reference "a/b:1": pulling from host a failed with status code [manifests 1]: 429 Too Many Requests"#,
                PullFailure::RateLimited,
            ),
            (
                r#"failed to resolve reference "a/b:1": unexpected status from HEAD request to https://a/v2/b/manifests/1: 503 Service Unavailable"#,
                PullFailure::Unreachable,
            ),
            (
                r#"failed to resolve reference "a/b:1": unexpected status from HEAD request to https://a/v2/b/manifests/1: 404 Not Found"#,
                PullFailure::Other,
            ),
            ("pull QPS exceeded", PullFailure::Other),
            (r#"secret "regcred" not found"#, PullFailure::Other),
            (
                r#"failed to resolve reference "a/b:1": network plugin: not found"#,
                PullFailure::Other,
            ),
            (
                "rpc error: code = NotFound desc = something else",
                PullFailure::Other,
            ),
            ("not found", PullFailure::Other),
            ("", PullFailure::Other),
        ] {
            assert_eq!(classify(error), class, "{error}");
        }
    }

    #[test]
    fn a_missing_tag_is_known_through_every_wrapping() {
        for error in [
            NOT_FOUND.to_owned(),
            format!("rpc error: code = NotFound desc = {NOT_FOUND}"),
            format!("rpc error: code = Unknown desc = rpc error: code = NotFound desc = {NOT_FOUND}"),
            format!("[rpc error: code = NotFound desc = {NOT_FOUND}, rpc error: code = NotFound desc = {NOT_FOUND}]"),
            "failed to pull and unpack image \"a/b:1\": failed to resolve image: docker.io/a/b:1: not found".to_owned(),
            "failed to copy: httpReadSeeker: failed open: content at https://a/v2/b/manifests/sha256:00 not found: not found".to_owned(),
            "failed to copy: httpReadSeeker: failed open: could not fetch content descriptor sha256:00 (x) from remote: not found".to_owned(),
            "reading manifest 9 in ghcr.io/a/web: manifest unknown".to_owned(),
        ] {
            assert_eq!(classify(&error), PullFailure::NotFound, "{error}");
        }
    }

    #[test]
    fn one_account_that_is_refused_is_enough_not_to_blame_the_image() {
        for error in [
            format!("[rpc error: code = NotFound desc = {NOT_FOUND}, {DENIED}]"),
            format!("[{DENIED}, {NOT_FOUND}]"),
            format!("[{NOT_FOUND}, something new]"),
        ] {
            assert_ne!(classify(&error), PullFailure::NotFound, "{error}");
        }
    }

    #[test]
    fn an_error_that_was_cut_off_says_nothing() {
        for cut in (1..NOT_FOUND.len()).rev().take(40) {
            assert_ne!(classify(&NOT_FOUND[..cut]), PullFailure::NotFound, "{cut}");
        }
    }
}
