//! `ripcord explain`: what the daemon would find and decide now, from a laptop, read only; or one recorded case again, offline.

mod page;
mod settings;

use super::{Access, Uncounted, exit, fail, out, paper, serve, story};
use crate::config::{Config, ConfigError};
use crate::domain::verdict::{Decision, Reason, Verdict};
use crate::domain::workload::{WorkloadKind, WorkloadRef};
use crate::engine::{self, Context, Explained, Parts, Unexplained};
use crate::platform::CallObserver;
use crate::platform::clock::Clock;
use crate::platform::kube::{ApiError, Cluster, ConnectError, connect};
use crate::platform::probe::HttpProber;
use crate::platform::prometheus::{BuildError, PrometheusPort};
use crate::record::crd::Incident;
use crate::telemetry::metrics::{Metrics, MetricsError};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// The arguments of `explain`.
#[derive(clap::Args)]
pub(super) struct Explain {
    /// The workload, for example deployment/web
    #[arg(value_name = "TYPE/NAME", required_unless_present = "file", conflicts_with = "file", value_parser = workload)]
    workload: Option<(WorkloadKind, String)>,
    /// The namespace; without it the one of the kubeconfig's context
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// A configuration file; without it the one that the cluster's Ripcord runs with
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The namespace of the cluster's Ripcord
    #[arg(long, value_name = "NAMESPACE", default_value = "ripcord")]
    ripcord_namespace: String,
    /// Prometheus' address as it is reached from here, instead of the configuration's
    #[arg(long, value_name = "URL")]
    prometheus_url: Option<String>,
    /// A recorded case instead of a live one: an Incident as JSON or YAML
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How it is printed, instead of as a story
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    #[command(flatten)]
    access: Access,
}

/// How an explanation is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// The Incident that it would be, as JSON
    Json,
    /// The same as YAML
    Yaml,
}

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
enum ExplainError {
    #[error("no runtime")]
    Runtime(#[source] std::io::Error),
    #[error("the cluster can't be reached")]
    Connect(#[source] ConnectError),
    #[error("the configuration can't be used")]
    Config(#[source] ConfigError),
    #[error("the configuration can't be read from the cluster")]
    Read(#[source] ApiError),
    #[error(
        "namespace {0} has no Deployment `ripcord` that mounts a ConfigMap with `ripcord.yaml`"
    )]
    NoConfig(String),
    #[error("a client for Prometheus can't be made")]
    Prometheus(#[source] BuildError),
    #[error("metrics can't be set up")]
    Metrics(#[source] MetricsError),
    #[error("{kind} {name:?} in namespace {namespace} can't be explained")]
    Unexplained {
        kind: WorkloadKind,
        name: String,
        namespace: String,
        #[source]
        source: Unexplained,
    },
    #[error("{0} can't be read")]
    File(String, #[source] std::io::Error),
    #[error("{0} is no Incident")]
    NoIncident(String, #[source] Box<serde_saphyr::Error>),
    #[error("it can't be written as JSON")]
    Json(#[source] serde_json::Error),
    #[error("it can't be written as YAML")]
    Yaml(#[source] serde_saphyr::ser::Error),
}

impl ExplainError {
    fn hint(&self) -> &'static str {
        match self {
            Self::NoConfig(_) | Self::Read(_) => {
                "--config FILE explains with a configuration of your own; --ripcord-namespace says where Ripcord runs"
            }
            Self::Config(_) => "`ripcord check FILE` shows the same report",
            Self::NoIncident(..) => {
                "kubectl get incident NAME -o yaml, or `ripcord explain TYPE/NAME -o yaml`, writes one"
            }
            _ => "",
        }
    }

    fn code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::NoConfig(_)
            | Self::File(..)
            | Self::NoIncident(..)
            | Self::Unexplained {
                source: Unexplained::Gone,
                ..
            } => exit::CONFIGURATION,
            _ => exit::CANNOT_TELL,
        }
    }
}

/// Runs the command.
pub(super) fn run(arguments: &Explain) -> u8 {
    match explained(arguments) {
        Ok(code) => code,
        Err(error) => fail(&error, error.hint(), error.code()),
    }
}

fn explained(arguments: &Explain) -> Result<u8, ExplainError> {
    if let Some(file) = &arguments.file {
        return recorded(arguments, file);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ExplainError::Runtime)?;
    let explained = runtime.block_on(live(arguments))?;
    match arguments.output {
        Some(output) => print(&explained.incident, output)?,
        None => paper::print(&page::text(&explained)),
    }
    Ok(code(&explained.verdict))
}

/// A recorded case: what was found and decided then.
fn recorded(arguments: &Explain, file: &std::path::Path) -> Result<u8, ExplainError> {
    let name = || file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| ExplainError::File(name(), error))?;
    // JSON is YAML too.
    let incident: Incident = serde_saphyr::from_str(&text)
        .map_err(|error| ExplainError::NoIncident(name(), Box::new(error)))?;
    match arguments.output {
        Some(output) => print(&incident, output)?,
        None => paper::print(&story::text(&incident)),
    }
    let verdict = incident.status.and_then(|status| status.verdict);
    let verdict = verdict.unwrap_or_default();
    Ok(code_of(&verdict.decision, &verdict.reason))
}

async fn live(arguments: &Explain) -> Result<Explained, ExplainError> {
    let credentials = arguments.access.credentials(Some("explain"));
    let client = connect(&credentials).await.map_err(ExplainError::Connect)?;
    let default = client.default_namespace().to_owned();
    let observer: Arc<dyn CallObserver> = Arc::new(Uncounted);
    let cluster = Cluster::new(client, observer.clone());
    let config = settings::find(arguments, &cluster).await?;
    let prometheus = serve::client(&config.prometheus, &observer);
    let prometheus: Arc<dyn PrometheusPort> = prometheus.map_err(ExplainError::Prometheus)?;
    let context = context(cluster, config, prometheus)?;
    // Clap asks for a workload where there is no file.
    let (kind, name) = arguments
        .workload
        .clone()
        .unwrap_or((WorkloadKind::Deployment, String::new()));
    let reference = WorkloadRef {
        kind,
        namespace: arguments.namespace.clone().unwrap_or(default),
        name,
    };
    let explained = engine::explain(&context, &reference).await;
    explained.map_err(|source| ExplainError::Unexplained {
        kind,
        name: reference.name,
        namespace: reference.namespace,
        source,
    })
}

fn context(
    cluster: Cluster,
    config: Config,
    prometheus: Arc<dyn PrometheusPort>,
) -> Result<Context, ExplainError> {
    let (_, config) = watch::channel(Arc::new(config));
    let (context, _) = Context::new(Parts {
        cluster,
        prometheus: Arc::new(move |_| prometheus.clone()),
        probe: Arc::new(HttpProber),
        clock: Clock::system(),
        config,
        metrics: Metrics::new(serve::BUILD).map_err(ExplainError::Metrics)?,
        process: "explain".to_owned(),
        own_namespace: None,
    });
    Ok(context)
}

fn print(incident: &Incident, output: Output) -> Result<(), ExplainError> {
    let text = match output {
        Output::Json => serde_json::to_string_pretty(incident).map_err(ExplainError::Json)? + "\n",
        Output::Yaml => serde_saphyr::to_string(incident).map_err(ExplainError::Yaml)?,
    };
    out(&text);
    Ok(())
}

fn code(verdict: &Verdict) -> u8 {
    code_of(verdict.decision.as_str(), verdict.reason.as_str())
}

/// The exit code of a verdict, by its names in a record.
fn code_of(decision: &str, reason: &str) -> u8 {
    let is = |one: Reason| reason == one.as_str();
    if decision == Decision::Act.as_str() {
        exit::DIFFERS
    } else if is(Reason::NotFailing) {
        exit::FINE
    } else if is(Reason::Unavailable) || decision.is_empty() {
        exit::CANNOT_TELL
    } else {
        exit::WOULD_HOLD
    }
}

/// `deployment/web`, with kubectl's short and plural names.
fn workload(text: &str) -> Result<(WorkloadKind, String), String> {
    let (kind, name) = text
        .split_once('/')
        .ok_or("a workload is TYPE/NAME, for example deployment/web")?;
    let kind = match kind.to_ascii_lowercase().trim_end_matches(".apps") {
        "deployment" | "deployments" | "deploy" => WorkloadKind::Deployment,
        "statefulset" | "statefulsets" | "sts" => WorkloadKind::StatefulSet,
        "daemonset" | "daemonsets" | "ds" => WorkloadKind::DaemonSet,
        kind => {
            return Err(format!(
                "{kind:?} is no workload; deployment, statefulset and daemonset are"
            ));
        }
    };
    // https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
    let fits = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter)
    };
    if name.is_empty() || name.len() > 253 || !name.chars().all(fits) {
        return Err(format!("{name:?} is no name of a workload"));
    }
    Ok((kind, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_workload_is_refused_with_what_is_one() {
        for (text, says) in [
            ("web", "TYPE/NAME"),
            ("pod/web", "daemonset are"),
            ("deploy/", "no name"),
            ("deploy/../web", "no name"),
        ] {
            let refused = workload(text).unwrap_err();
            assert!(refused.contains(says), "{text}: {refused}");
        }
    }

    #[test]
    fn kubectls_names_for_a_workload_are_understood() {
        use WorkloadKind::{DaemonSet, Deployment, StatefulSet};
        for (text, kind) in [
            ("deployment/web", Deployment),
            ("deploy/web", Deployment),
            ("Deployments.apps/web", Deployment),
            ("sts/web", StatefulSet),
            ("ds/web", DaemonSet),
        ] {
            assert_eq!(workload(text), Ok((kind, "web".to_owned())), "{text}");
        }
    }

    #[test]
    fn the_exit_code_says_what_would_be_done() {
        for (decision, reason, code) in [
            ("Act", "Clear", 1),
            ("Wait", "NotFailing", 0),
            ("Wait", "CoolingDown", 3),
            ("Wait", "Unavailable", 4),
            ("Hold", "CauseNotAllowed", 3),
            ("Escalate", "StepsSpent", 3),
            ("", "", 4),
        ] {
            assert_eq!(code_of(decision, reason), code, "{decision} {reason}");
        }
    }
}
