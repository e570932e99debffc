//! `ripcord serve`: the daemon.

use super::{Access, exit, fail};
use crate::config::{self, Config, Listen, PrometheusSettings, WebhookAuth};
use crate::engine::{self, Context, Intake, Parts, Reloader, ServerOperations};
use crate::intake::Limits;
use crate::intake::authentication::{Authentication, NoToken};
use crate::intake::routes::{self, Routes, Webhook};
use crate::intake::server::Server;
use crate::platform::CallObserver;
use crate::platform::clock::Clock;
use crate::platform::kube::{Cluster, ConnectError, connect};
use crate::platform::probe::HttpProber;
use crate::platform::prometheus::{
    BuildError, PrometheusClient, PrometheusPort, Settings, Together,
};
use crate::telemetry::events::ConfigReloaded;
use crate::telemetry::logging::{self, LogFormat, LoggingError};
use crate::telemetry::metrics::{Build, Metrics, MetricsError};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long running deliveries may go on after a stop: their own limit is longer, but Alertmanager comes again.
const DRAIN: Duration = Duration::from_secs(5);

/// The arguments of `serve`.
#[derive(clap::Args)]
pub(super) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    access: Access,
    /// How log lines are written
    #[arg(long, value_enum, default_value_t = Lines::Text)]
    log_format: Lines,
    /// Which log lines are written (tracing's filter syntax)
    #[arg(
        long,
        env = "RIPCORD_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    log: String,
}

/// How log lines are written.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Lines {
    Text,
    Json,
}

impl From<Lines> for LogFormat {
    fn from(lines: Lines) -> Self {
        match lines {
            Lines::Text => Self::Text,
            Lines::Json => Self::Json,
        }
    }
}

/// Why the daemon could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("logging can't be set up")]
    Logging(#[source] LoggingError),
    #[error("metrics can't be set up")]
    Metrics(#[source] MetricsError),
    #[error("the cluster can't be reached")]
    Connect(#[source] ConnectError),
    #[error("a client for Prometheus can't be made")]
    Prometheus(#[source] BuildError),
    #[error("alerts can't be authenticated")]
    Token(#[source] NoToken),
    #[error("can't listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("signals can't be received")]
    Signals(#[source] std::io::Error),
    #[error("the system gives no randomness for this process's name")]
    Randomness,
    #[error("the engine has stopped")]
    Engine(#[source] engine::TaskDied),
    #[error("the runtime can't be started")]
    Runtime(#[source] std::io::Error),
}

pub(super) fn run(arguments: &Serve) -> u8 {
    // Nothing is opened or asked before the configuration is known to be good.
    let config = match config::load(&arguments.config) {
        Ok(config) => config,
        Err(error) => {
            return fail(
                &error,
                "`ripcord check FILE` shows the same report",
                exit::CONFIGURATION,
            );
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let served = runtime
        .map_err(ServeError::Runtime)
        .and_then(|runtime| runtime.block_on(serve(arguments, config)));
    match served {
        Ok(()) => exit::FINE,
        Err(error @ ServeError::Token(_)) => fail(
            &error,
            "see `webhook.bearerTokenFile`; `insecure: true` does without, for a try-out on loopback",
            exit::CONFIGURATION,
        ),
        Err(error) => fail(&error, "", exit::CANNOT_TELL),
    }
}

async fn serve(arguments: &Serve, config: Config) -> Result<(), ServeError> {
    logging::init(arguments.log_format.into(), &arguments.log).map_err(ServeError::Logging)?;
    let clock = Clock::system();
    let metrics = Metrics::new(BUILD).map_err(ServeError::Metrics)?;
    metrics.touch_policies(config.policies.iter().map(|policy| policy.name.as_str()));
    ConfigReloaded {
        at: clock.now(),
        refused: None,
    }
    .emit(&metrics);
    announce(&config);

    let credentials = arguments.access.credentials(None);
    let client = connect(&credentials).await.map_err(ServeError::Connect)?;
    let observer: Arc<dyn CallObserver> = Arc::new(metrics.clone());
    let prometheus = Ports::new(&config, observer.clone()).map_err(ServeError::Prometheus)?;
    let authentication = authentication(&config);
    authentication.verify().await.map_err(ServeError::Token)?;
    let listeners = Listeners::bind(config.listen).await?;
    tracing::info!(webhook = %config.listen.webhook, admin = %config.listen.admin, "listening");
    let (sender, receiver) = watch::channel(Arc::new(config));
    let (context, news) = Context::new(Parts {
        cluster: Cluster::new(client, observer),
        prometheus: Arc::new(move |config| prometheus.port(config)),
        probe: Arc::new(HttpProber),
        clock,
        config: receiver,
        metrics: metrics.clone(),
        process: process_name()?,
        own_namespace: own_namespace().await,
    });
    let reloader = Reloader::new(arguments.config.clone(), sender, context.clone());
    let operations = ServerOperations::new(context.clone(), reloader.clone());
    let limits = Limits::default();
    let webhook = Webhook {
        receiver: Intake::new(context.clone()),
        authentication,
        limits,
    };
    let listening = listeners.routes(webhook, operations, &metrics);

    let stop = CancellationToken::new();
    let server = Server { limits, metrics };
    let signals = signals(&stop, &reloader)?;
    let engine = async {
        let ended = engine::run(context, news, stop.clone()).await;
        // A dead engine must not leave a webhook behind that says 200.
        stop.cancel();
        ended.map_err(ServeError::Engine)
    };
    let ((), ended, ()) = tokio::join!(serve_all(&server, listening, &stop), engine, signals);
    ended
}

/// What `ripcord_build_info` says.
pub(super) const BUILD: Build<'static> = Build {
    version: super::VERSION,
    revision: super::REVISION,
};

/// What the log says first: how far this process may go, and what it does not do yet.
fn announce(config: &Config) {
    let namespaces: Vec<&str> = config.namespaces.iter().map(String::as_str).collect();
    tracing::info!(mode = %config.mode, namespaces = namespaces.join(","), policies = config.policies.len(), "starting");
    if config.webhook_auth == WebhookAuth::Insecure {
        let webhook = config.listen.webhook;
        tracing::warn!("insecure: anybody who reaches {webhook} may post alerts");
    }
    for key in &config.not_enforced {
        tracing::warn!(
            key = key.path,
            line = key.line,
            "not enforced yet: {}",
            key.why
        );
    }
}

fn authentication(config: &Config) -> Authentication {
    match &config.webhook_auth {
        WebhookAuth::BearerTokenFile(path) => Authentication::BearerTokenFile(path.clone()),
        WebhookAuth::Insecure => Authentication::Insecure,
    }
}

/// The port to Prometheus, made anew when a reload changes its settings.
struct Ports {
    observer: Arc<dyn CallObserver>,
    made: Mutex<(PrometheusSettings, Arc<Together>)>,
}

impl Ports {
    fn new(config: &Config, observer: Arc<dyn CallObserver>) -> Result<Self, BuildError> {
        let made = client(&config.prometheus, &observer)?;
        Ok(Self {
            observer,
            made: Mutex::new((config.prometheus.clone(), Arc::new(Together::new(made)))),
        })
    }

    fn port(&self, config: &Config) -> Arc<dyn PrometheusPort> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.0 != config.prometheus {
            match client(&config.prometheus, &self.observer) {
                Ok(fresh) => *made = (config.prometheus.clone(), Arc::new(Together::new(fresh))),
                // The old address answers what it can: no wrong answer comes of it, at worst an unavailable one.
                Err(error) => {
                    tracing::error!(%error, "the new settings for Prometheus can't be used");
                }
            }
        }
        made.1.clone()
    }
}

/// A client for Prometheus.
pub(super) fn client(
    settings: &PrometheusSettings,
    observer: &Arc<dyn CallObserver>,
) -> Result<Arc<PrometheusClient>, BuildError> {
    let settings = Settings {
        url: settings.url.clone(),
        timeout: settings.timeout,
        matchers: settings.matchers.clone(),
    };
    PrometheusClient::new(settings, observer.clone()).map(Arc::new)
}

/// The bound addresses: one, or two where the administrative one differs.
struct Listeners {
    webhook: TcpListener,
    admin: Option<TcpListener>,
}

impl Listeners {
    async fn bind(listen: Listen) -> Result<Self, ServeError> {
        let webhook = bind(listen.webhook).await?;
        let admin = if listen.admin == listen.webhook {
            None
        } else {
            Some(bind(listen.admin).await?)
        };
        Ok(Self { webhook, admin })
    }

    fn routes(
        self,
        webhook: Webhook<Intake>,
        operations: ServerOperations,
        metrics: &Metrics,
    ) -> Vec<(TcpListener, Routes)> {
        match self.admin {
            None => vec![(self.webhook, routes::both(webhook, operations, metrics))],
            Some(admin) => vec![
                (self.webhook, routes::webhook(webhook, metrics)),
                (admin, routes::admin(operations, metrics)),
            ],
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })
}

async fn serve_all(
    server: &Server,
    listening: Vec<(TcpListener, Routes)>,
    stop: &CancellationToken,
) {
    let all = listening
        .into_iter()
        .map(|(listener, routes)| server.serve(listener, routes, stop.cancelled(), DRAIN));
    futures::future::join_all(all).await;
}

/// SIGTERM and SIGINT stop, SIGHUP reloads.
fn signals<'a>(
    stop: &'a CancellationToken,
    reloader: &'a Reloader,
) -> Result<impl Future<Output = ()> + 'a, ServeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(ServeError::Signals)?;
    Ok(async move {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                // What is wrong with the file is logged, and the old configuration stays.
                _ = hangup.recv() => drop(reloader.reload()),
            }
        }
        tracing::info!("stopping");
        stop.cancel();
    })
}

/// Random, so that a restarted process does not take its predecessor's hold for its own.
fn process_name() -> Result<String, ServeError> {
    let mut bytes = [0_u8; 10];
    getrandom::fill(&mut bytes).map_err(|_| ServeError::Randomness)?;
    Ok(format!(
        "ripcord-{}",
        data_encoding::HEXLOWER.encode(&bytes)
    ))
}

/// Where a pod's ServiceAccount says which namespace it runs in; on a laptop there is none.
async fn own_namespace() -> Option<String> {
    let path = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
    let text = tokio::fs::read_to_string(path).await.ok()?;
    Some(text.trim().to_owned()).filter(|namespace| !namespace.is_empty())
}
