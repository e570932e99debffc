//! How every plain HTTP client of ours is made.

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
