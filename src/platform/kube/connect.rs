//! Credentials to a client.

use super::CALL_DEADLINE;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::PathBuf;

/// Where credentials come from.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// `--kubeconfig`; else `$KUBECONFIG` or the usual place where there is one, else the pod's own ServiceAccount.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--as`: another account, whose rights count instead of our own.
    pub user: Option<String>,
    /// Which command asks, where it is not the daemon: the API server's audit log tells a person's questions from the daemon's by it.
    pub command: Option<&'static str>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The named kubeconfig can't be used.
    #[error("can't use the kubeconfig {path}")]
    Kubeconfig {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// Neither a kubeconfig nor a ServiceAccount.
    #[error("no credentials: no kubeconfig, and not in a pod (use --kubeconfig)")]
    Inference(#[source] kube::config::InferConfigError),
    /// The TLS material or the address is unusable.
    #[error("can't build a client from the credentials")]
    Client(#[source] kube::Error),
}

/// A client whose every request is sent once and has connect, read and write time-outs.
///
/// # Errors
/// When there are no credentials or they can't be used.
pub async fn connect(credentials: &Credentials) -> Result<kube::Client, ConnectError> {
    let options = KubeConfigOptions {
        context: credentials.context.clone(),
        ..KubeConfigOptions::default()
    };
    let mut config = match &credentials.kubeconfig {
        Some(path) => {
            let named = |source| ConnectError::Kubeconfig {
                path: path.display().to_string(),
                source,
            };
            let kubeconfig = Kubeconfig::read_from(path).map_err(named)?;
            kube::Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .map_err(named)?
        }
        None if credentials.context.is_some() => kube::Config::from_kubeconfig(&options)
            .await
            .map_err(|source| ConnectError::Kubeconfig {
                path: "(default)".to_owned(),
                source,
            })?,
        None => kube::Config::infer()
            .await
            .map_err(ConnectError::Inference)?,
    };
    // reliability page, finding 1: the client would re-send a PATCH by itself, up to 15 times.
    config.default_retry = false;
    if credentials.user.is_some() {
        config.auth_info.impersonate.clone_from(&credentials.user);
    }
    config.connect_timeout = Some(CALL_DEADLINE);
    config.write_timeout = Some(CALL_DEADLINE);
    config
        .headers
        .push((http::header::USER_AGENT, user_agent(credentials.command)));
    kube::Client::try_from(config).map_err(ConnectError::Client)
}

/// Who asks, as the API server's audit log shows it.
fn user_agent(command: Option<&'static str>) -> http::HeaderValue {
    const DAEMON: &str = concat!("ripcord/", env!("CARGO_PKG_VERSION"));
    command
        .and_then(|command| http::HeaderValue::try_from(format!("{DAEMON} ({command})")).ok())
        .unwrap_or(http::HeaderValue::from_static(DAEMON))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_s_command_is_told_from_the_daemon() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(user_agent(None), format!("ripcord/{version}"));
        assert_eq!(
            user_agent(Some("check")),
            format!("ripcord/{version} (check)")
        );
    }
}
