//! The HTTP probe of a policy: one GET of an address from the configuration, of which only the status is read.

use crate::domain::policy::HttpProbe;
use futures::future::BoxFuture;
use std::time::Duration;

/// For one probe, from connecting to the response's head: a healthy service answers its own health check faster, and three go in a row, 2 s apart.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum Unprobed {
    /// The address or the `Host` header cannot be used, or the HTTP client could not be made.
    #[error("the probe cannot be made")]
    Unusable(#[source] reqwest::Error),
    /// No answer within 2 s.
    #[error("no answer within 2s")]
    TimedOut,
    /// No connection, or it broke before there was a status.
    #[error("no connection")]
    Unreachable,
}

/// An answer on its way: the status, whatever it is (the caller compares), or why there was none.
pub type Probing<'a> = BoxFuture<'a, Result<u16, Unprobed>>;

/// Who makes the probe: [`HttpProber`] here, a simulated cluster elsewhere.
pub trait ProbePort: Send + Sync {
    /// Asks once.
    fn probe<'a>(&'a self, spec: &'a HttpProbe) -> Probing<'a>;
}

/// The real one. Redirects are not followed, and the body is not read (so it has no limit).
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpProber;

impl ProbePort for HttpProber {
    fn probe<'a>(&'a self, spec: &'a HttpProbe) -> Probing<'a> {
        Box::pin(get(spec))
    }
}

async fn get(spec: &HttpProbe) -> Result<u16, Unprobed> {
    let client = super::http::client(&spec.url, TIMEOUT, TIMEOUT)
        // Each probe opens a connection of its own: one that is kept open reaches the same pod again.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(Unprobed::Unusable)?;
    let mut request = client.get(&spec.url);
    if let Some(host) = &spec.host {
        request = request.header(reqwest::header::HOST, host);
    }
    let request = request.build().map_err(Unprobed::Unusable)?;
    match client.execute(request).await {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) if error.is_timeout() => Err(Unprobed::TimedOut),
        Err(error) if error.is_builder() => Err(Unprobed::Unusable(error.without_url())),
        Err(_) => Err(Unprobed::Unreachable),
    }
}
