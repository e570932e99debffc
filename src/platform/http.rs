//! How every plain HTTP client of ours is made.

use jiff::Timestamp;
use std::time::Duration;

/// A client that goes to one address of the configuration and nowhere else: no redirects, no proxy, no retries of the library's own (whoever
/// asks decides), and no `Referer`. For a plain `http://` address no certificates are loaded: an image without any must work.
pub(super) fn client(url: &str, connect: Duration, whole: Duration) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(connect)
        .timeout(whole);
    if url.starts_with("http://") {
        builder.tls_certs_only([])
    } else {
        builder
    }
}

/// The other side's clock, as its `Date` header says it (RFC 9110, section 6.6.1: to the second).
pub(super) fn date(headers: &http::HeaderMap) -> Option<Timestamp> {
    let text = headers.get(http::header::DATE)?.to_str().ok()?;
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_header_is_read_to_the_second() {
        let mut headers = http::HeaderMap::new();
        assert_eq!(date(&headers), None);
        headers.insert(
            "date",
            http::HeaderValue::from_static("Mon, 23 Nov 2026 15:07:21 GMT"),
        );
        assert_eq!(date(&headers).unwrap().to_string(), "2026-11-23T15:07:21Z");
    }
}
