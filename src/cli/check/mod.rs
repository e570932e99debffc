//! `ripcord check FILE`: reads a configuration. With `--live` it also looks at everything that the configuration stands on.
//!
//! ```text
//! FILE -> Config -> each category: fetch(…) -> Facts -> judge(&Facts) -> findings -> page
//! ```
//!
//! | category | file | asks |
//! |---|---|---|
//! | kubernetes | [`cluster`] | version, CRD, clock |
//! | namespaces and rights | [`namespaces`] | each namespace, each right of `platform::kube::RIGHTS` |
//! | prometheus | [`prometheus`] | what the evidence is made of |
//! | alert rules | [`rules`] | those of `deploy/monitoring/rules.yaml` |
//! | alertmanager | [`alertmanager`] | receiver, route ([`routing`]), deliveries |
//! | ripcord | [`ripcord`] | its token, its webhook, its readiness |
//!
//! `fetch` asks and decides nothing; `judge` is pure. To add a check: a fact, and a function that makes a [`Finding`](finding::Finding) of it;
//! what is not fine needs a [`Section`] of the runbook. Nothing is written anywhere: the reviews of access are questions, and the delivery
//! to Ripcord has no alert in it.

mod alertmanager;
mod cluster;
mod finding;
mod namespaces;
mod page;
mod prometheus;
mod ripcord;
mod routing;
mod rules;

pub use finding::Section;

use super::{Uncounted, exit, fail, out, paper, serve};
use crate::config::{self, Config};
use crate::platform::CallObserver;
use crate::platform::clock::Clock;
use crate::platform::kube::{Cluster, ConnectError, Credentials, connect};
use crate::platform::prometheus::{BuildError, PrometheusClient};
use crate::platform::web::{Page, Unfetched};
use finding::{Category, Tally};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// The arguments of `check`.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 fine (warnings too); 1 something is wrong; 2 usage or configuration; \
    4 something could not be looked at, and nothing else is wrong."
)]
pub(super) struct Check {
    /// The file
    file: PathBuf,
    /// Look at the cluster, Prometheus, Alertmanager and Ripcord too; writes nothing
    #[arg(long)]
    live: bool,
    /// How the findings are shown
    #[arg(short, long, value_enum, default_value_t = Output::Table, requires = "live")]
    output: Output,
    /// A kubeconfig; without it $KUBECONFIG, ~/.kube/config, or the pod's own ServiceAccount
    #[arg(long, value_name = "FILE", requires = "live")]
    kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context
    #[arg(long, value_name = "NAME", requires = "live")]
    context: Option<String>,
    /// Whose rights are looked at, if not one's own: system:serviceaccount:ripcord:ripcord
    #[arg(long = "as", value_name = "ACCOUNT", requires = "live")]
    user: Option<String>,
    /// Where Prometheus is reached from here, if not at `prometheus.url`
    #[arg(long = "prometheus-url", value_name = "URL", requires = "live")]
    prometheus: Option<String>,
    /// Where Alertmanager is reached from here, if not where Prometheus sends to
    #[arg(long = "alertmanager-url", value_name = "URL", requires = "live")]
    alertmanager: Option<String>,
    /// Where Ripcord is reached from here, if not at `listen.webhook`
    #[arg(long = "webhook-url", value_name = "URL", requires = "live")]
    webhook: Option<String>,
    /// Where the webhook's token is here, if not at `webhook.bearerTokenFile`
    #[arg(long, value_name = "FILE", requires = "live")]
    token_file: Option<PathBuf>,
}

/// How the findings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// Every finding
    Table,
    /// For programs
    Json,
    /// Only what is not fine
    Short,
}

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error("no runtime")]
    Runtime(#[source] std::io::Error),
    #[error("the cluster can't be reached")]
    Connect(#[source] ConnectError),
    #[error("a client for Prometheus can't be made")]
    Prometheus(#[source] BuildError),
}

/// Runs the command.
pub(super) fn run(arguments: &Check) -> u8 {
    let loaded = config::load(&arguments.file);
    let config = match loaded {
        Ok(config) if arguments.live => config,
        loaded => {
            let (report, code) = config::report(&arguments.file.display().to_string(), &loaded);
            out(&report);
            return code;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let looked = runtime
        .map_err(CheckError::Runtime)
        .and_then(|runtime| runtime.block_on(look(arguments, config)));
    let categories = match looked {
        Ok(categories) => categories,
        Err(error) => return fail(&error, "", exit::CANNOT_TELL),
    };
    match arguments.output {
        Output::Json => out(&format!("{:#}\n", page::json(&categories))),
        Output::Table => paper::print(&page::table(&categories, false)),
        Output::Short => paper::print(&page::table(&categories, true)),
    }
    Tally::of(&categories).exit_code()
}

/// Asks everything, then judges it: one category after the other, in the order of the way that an alert takes.
async fn look(arguments: &Check, mut config: Config) -> Result<Vec<Category>, CheckError> {
    if let Some(url) = &arguments.prometheus {
        config.prometheus.url = url.trim_end_matches('/').to_owned();
    }
    let clock = Clock::system();
    let cluster = cluster_of(arguments).await?;
    let prometheus = prometheus_of(&config)?;
    let names: Vec<String> = config.namespaces.iter().cloned().collect();
    let settings = &config.prometheus;

    let (in_cluster, in_namespaces, in_prometheus, of_rules, of_alertmanager, of_ripcord) = futures::join!(
        cluster::fetch(&cluster, &clock),
        namespaces::fetch(&cluster, &config.namespaces),
        prometheus::fetch(settings, &prometheus, &names, &clock),
        rules::fetch(&settings.url),
        alertmanager::fetch(&settings.url, arguments.alertmanager.as_deref()),
        ripcord::fetch(
            &config,
            arguments.webhook.as_deref(),
            arguments.token_file.as_deref()
        ),
    );
    let loaded = rules::loaded(&of_rules).unwrap_or_default();
    let labels = in_prometheus
        .survey
        .labels
        .as_ref()
        .ok()
        .and_then(Option::as_ref);
    let beside = alertmanager::Beside {
        config: &config,
        rules: &loaded,
        namespace_label: labels
            .and_then(|names| names.first().copied())
            .unwrap_or("namespace"),
        deliveries: in_prometheus.survey.deliveries,
    };
    Ok(vec![
        cluster::judge(&in_cluster),
        namespaces::judge(&in_namespaces, config.mode),
        prometheus::judge(&in_prometheus, &in_namespaces),
        rules::judge(&of_rules),
        alertmanager::judge(&of_alertmanager, &beside),
        ripcord::judge(&of_ripcord),
    ])
}

async fn cluster_of(arguments: &Check) -> Result<Cluster, CheckError> {
    let credentials = Credentials {
        kubeconfig: arguments.kubeconfig.clone(),
        context: arguments.context.clone(),
        user: arguments.user.clone(),
        command: Some("check"),
    };
    let client = connect(&credentials).await.map_err(CheckError::Connect)?;
    Ok(Cluster::new(client, Arc::new(Uncounted)))
}

fn prometheus_of(config: &Config) -> Result<Arc<PrometheusClient>, CheckError> {
    let observer: Arc<dyn CallObserver> = Arc::new(Uncounted);
    serve::client(&config.prometheus, &observer).map_err(CheckError::Prometheus)
}

/// A page's JSON, or why there is none.
fn page_of(page: &Result<Page, Unfetched>) -> Result<Value, String> {
    let page = page.as_ref().map_err(ToString::to_string)?;
    if page.status != 200 {
        return Err(format!("it answers with HTTP status {}", page.status));
    }
    serde_json::from_slice(&page.body).map_err(|_| "its answer is not JSON".to_owned())
}
