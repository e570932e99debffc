//! `ripcord demo`: the lab's two incidents, and a third that is refused, on a simulated cluster in paused time.
//!
//! ```text
//! script (what people do) -> story (plays it) -> daemon (routes, engine) -> the cluster's objects -> page, frame | json
//!                            lab, alertmanager                              hold, browse: the same daemon on a socket, in real time
//! ```
//!
//! # What is not shown
//! Alertmanager's repetitions and its resolved alerts; more than one alert for an incident.

mod alertmanager;
mod browse;
mod daemon;
mod frame;
mod hold;
mod json;
mod lab;
mod page;
mod script;
mod story;

use super::{exit, fail, paper};
use crate::config::ConfigError;
use crate::domain::incident::Phase;
use crate::domain::policy::Mode;
use crate::engine::TaskDied;
use crate::platform::clock::Stopwatch;
use crate::sim::Refused;
use crate::telemetry::logging::{self, LogFormat, LoggingError};
use crate::telemetry::metrics::MetricsError;
use std::net::SocketAddr;
use std::pin::pin;
use story::{Story, Told};

/// The arguments of `demo`.
#[derive(clap::Args)]
pub(super) struct Demo {
    /// Decide, rehearse and show what would be written; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Afterwards serve for real, in real time: alerts, /metrics and the incidents, until Ctrl-C
    #[arg(long)]
    hold: bool,
    /// Where `--hold` listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9099", value_parser = address, requires = "hold")]
    listen: SocketAddr,
    /// How it is told
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Which of the daemon's log lines are written to stderr (tracing's filter syntax)
    #[arg(
        long,
        env = "RIPCORD_LOG",
        value_name = "FILTER",
        default_value = "off"
    )]
    log: String,
}

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people, in 80 columns.
    Text,
    /// One document.
    Json,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let help = "write an IP address and a port, like 127.0.0.1:9099";
    text.parse().map_err(|_| help.to_owned())
}

/// Why the demo could not be given.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("logging can't be set up")]
    Logging(#[source] LoggingError),
    #[error("the runtime can't be started")]
    Runtime(#[source] std::io::Error),
    #[error("can't listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("signals can't be received")]
    Signals(#[source] std::io::Error),
    #[error("metrics can't be set up")]
    Metrics(#[source] MetricsError),
    #[error("the demo's configuration is not valid")]
    Configuration(#[source] ConfigError),
    #[error("a manifest of the lab can't be read")]
    Manifest(#[source] serde_saphyr::Error),
    #[error("the demo's day does not exist")]
    Calendar(#[source] jiff::Error),
    #[error("an object of the simulated cluster can't be read")]
    Object(#[source] serde_json::Error),
    #[error("a manifest of the lab can't be applied")]
    Refused(#[source] Refused),
    #[error("an alert can't be posted")]
    Request(#[source] http::Error),
    #[error("the answer to an alert can't be read")]
    Answer(#[source] warp::Error),
    #[error("the rule {0} has found nothing")]
    NoAlert(&'static str),
    #[error("the webhook has not taken the alert")]
    NotTaken,
    #[error("no incident has become {0}")]
    NoEnd(Phase),
    #[error("the engine has stopped")]
    Engine(#[source] TaskDied),
    #[error("the engine has stopped by itself")]
    EngineEnded,
}

pub(super) fn run(arguments: &Demo) -> u8 {
    // One thread in paused time: time goes on only when everybody waits, and the same story is told each time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    let shown = runtime
        .map_err(DemoError::Runtime)
        .and_then(|runtime| runtime.block_on(show(arguments)));
    match shown {
        Ok(()) => exit::FINE,
        Err(error @ DemoError::Logging(_)) => fail(&error, "", exit::CONFIGURATION),
        Err(error @ DemoError::Listen { .. }) => fail(
            &error,
            "`--listen ADDRESS:PORT` takes another; port 0 takes any that is free",
            exit::CANNOT_TELL,
        ),
        Err(error) => fail(&error, "", exit::CANNOT_TELL),
    }
}

async fn show(arguments: &Demo) -> Result<(), DemoError> {
    logging::init(LogFormat::Text, &arguments.log).map_err(DemoError::Logging)?;
    // A port that is taken is found out now, and not after the story.
    let listener = if arguments.hold {
        Some(hold::bind(arguments.listen).await?)
    } else {
        None
    };
    let stopwatch = Stopwatch::start();
    let mode = if arguments.dry_run {
        Mode::DryRun
    } else {
        Mode::Enforce
    };
    let config = lab::configuration(mode)?;
    let world = lab::cluster(&config).await?;
    let (daemon, engine) = daemon::start(&world, config)?;
    let mut engine = pin!(engine);
    let story = Story {
        world,
        daemon,
        dry_run: arguments.dry_run,
    };
    tokio::select! {
        biased;
        ended = &mut engine => return Err(ended.map_or_else(DemoError::Engine, |()| DemoError::EngineEnded)),
        told = tell(arguments, &story, &stopwatch) => told?,
    }
    if let Some(listener) = listener {
        return hold::hold(&story, engine, listener, arguments.output).await;
    }
    story.daemon.stop.cancel();
    engine.await.map_err(DemoError::Engine)
}

/// Plays the three incidents and tells each as soon as it is over; in JSON all at once.
async fn tell(arguments: &Demo, story: &Story, stopwatch: &Stopwatch) -> Result<(), DemoError> {
    let text = arguments.output == Output::Text;
    let chapters = script::chapters()?;
    if text {
        paper::print(&frame::opening(arguments.dry_run));
    }
    let mut all: Vec<Told> = Vec::new();
    let of = chapters.len();
    for chapter in chapters {
        let told = story.play(chapter).await?;
        if text {
            paper::print(&page::incident(&told, &all, of));
        }
        all.push(told);
    }
    let passed = story.world.clock().now().duration_since(lab::begin()?);
    if text {
        paper::print(&frame::closing(
            arguments,
            &all,
            passed,
            stopwatch.elapsed(),
        ));
    } else {
        super::out(&json::document(
            &all,
            arguments.dry_run,
            passed,
            stopwatch.elapsed(),
        ));
    }
    Ok(())
}
