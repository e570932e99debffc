//! The log: lines of text or JSON, on stderr.

use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for a log store.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter can't be read.
    #[error("log filter {filter:?} is not valid")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something else logs already in this process.
    #[error("logging is already set up")]
    AlreadySet(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The filter where none is given.
pub const DEFAULT_FILTER: &str = "info";

/// Sets up the log of this process. `filter` is tracing's syntax (`info,ripcord=debug`); empty = [`DEFAULT_FILTER`].
///
/// # Errors
/// When the filter can't be read, or logging is set up already.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let filter = parse_filter(filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(LoggingError::AlreadySet)
}

fn parse_filter(filter: &str) -> Result<EnvFilter, LoggingError> {
    let wanted = if filter.trim().is_empty() {
        DEFAULT_FILTER
    } else {
        filter
    };
    let allowed = wanted
        .split(',')
        .filter(|directive| !directive.trim_start().starts_with("kube_client"))
        .chain([SILENCED]);
    EnvFilter::try_new(allowed.collect::<Vec<_>>().join(",")).map_err(|source| {
        LoggingError::Filter {
            filter: filter.to_owned(),
            source,
        }
    })
}

/// Whatever filter a person gives: the Kubernetes client logs whole answers of the API server, and those hold whole objects.
const SILENCED: &str = "kube_client=off";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_filter_lets_the_kubernetes_client_speak() {
        for filter in [
            "",
            "debug",
            "kube_client=trace",
            "trace,kube_client::client=trace",
        ] {
            let filter = parse_filter(filter).unwrap().to_string();
            assert!(filter.contains("kube_client=off"), "{filter}");
            assert_eq!(filter.matches("kube_client").count(), 1, "{filter}");
        }
    }

    #[test]
    fn a_filter_that_can_not_be_read_is_refused_by_name() {
        let refused = parse_filter("ripcord=loudly").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "log filter \"ripcord=loudly\" is not valid"
        );
    }

    #[test]
    fn no_filter_means_info() {
        let filter = parse_filter(" ").unwrap().to_string();
        assert!(
            filter.split(',').any(|directive| directive == "info"),
            "{filter}"
        );
    }
}
