//! `--hold`: the daemon of the demo on a real socket, in real time, until it is told to stop.

use super::alertmanager::Firing;
use super::browse;
use super::story::Story;
use super::{DemoError, Output};
use crate::cli::paper::{self, Ink, Paper};
use crate::engine::TaskDied;
use crate::intake::Limits;
use crate::intake::server::Server;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use warp::Filter as _;

/// How long running requests may go on after a stop.
const DRAIN: Duration = Duration::from_secs(1);
/// How far the cluster is driven in one go: any length does.
const ON_AND_ON: Duration = Duration::from_secs(3600);

/// Binds the address.
///
/// # Errors
/// When it can't be used.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, DemoError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| DemoError::Listen { address, source })
}

/// Serves until SIGINT or SIGTERM. One workload is broken and nobody has said so: the first alert is for the person to post.
pub(super) async fn hold(
    story: &Story,
    mut engine: Pin<&mut impl Future<Output = Result<(), TaskDied>>>,
    listener: TcpListener,
    output: Output,
) -> Result<(), DemoError> {
    let stop = &story.daemon.stop;
    let firing = tokio::select! {
        biased;
        ended = &mut engine => return Err(ended.map_or_else(DemoError::Engine, |()| DemoError::EngineEnded)),
        firing = story.leave_one_broken() => firing?,
    };
    let address = listener.local_addr();
    let address = address.map_err(DemoError::Runtime)?;
    let server = Server {
        limits: Limits::default(),
        metrics: story.daemon.metrics.clone(),
    };
    let routes = browse::routes(&story.world)
        .or(story.daemon.routes.clone())
        .unify()
        .boxed();
    let signals = signals(stop)?;
    // From here on a second is a second.
    tokio::time::resume();
    let text = instructions(&firing, address);
    if output == Output::Text {
        paper::print(&text);
    } else {
        // The document has standard output for itself.
        paper::print_aside(&text);
    }
    let engine = async {
        let ended = engine.await;
        // A dead engine must not leave a webhook behind that says 200.
        stop.cancel();
        ended.map_err(DemoError::Engine)
    };
    let cluster = async {
        tokio::select! {
            () = stop.cancelled() => {}
            () = async { loop { story.world.advance(ON_AND_ON).await } } => {}
        }
    };
    let serving = server.serve(listener, routes, stop.cancelled(), DRAIN);
    let ((), ended, (), ()) = tokio::join!(serving, engine, cluster, signals);
    ended
}

fn signals(stop: &CancellationToken) -> Result<impl Future<Output = ()> + '_, DemoError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(DemoError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DemoError::Signals)?;
    Ok(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            _ = terminate.recv() => stop.cancel(),
            _ = interrupt.recv() => stop.cancel(),
        }
    })
}

/// What a person can do now: lines to paste.
fn instructions(firing: &Firing, address: SocketAddr) -> String {
    let mut paper = Paper::default();
    paper.title(&format!("Serving on http://{address} (Ctrl-C ends it)"));
    let pod = firing.alert.label("pod");
    paper.row(
        &[],
        Ink::Plain,
        &format!(
            "Time is real now. Meanwhile somebody has rolled out lab30-redis once more, with a typo in its image; the pod {pod} waits, and \
             nobody has told Ripcord. Tell it:"
        ),
    );
    paper.blank();
    paper.raw(&post(firing, address));
    paper.blank();
    paper.row(
        &[],
        Ink::Plain,
        "and watch: it looks twice before it acts, and then for a minute.",
    );
    paper.blank();
    for path in [
        "demo/incidents",
        "demo/incidents/NAME",
        "metrics",
        "-/ready",
    ] {
        paper.raw(&format!("  curl -s http://{address}/{path}\n"));
    }
    paper.into_text()
}

/// A command that posts the alert, as short as the webhook takes it.
fn post(firing: &Firing, address: SocketAddr) -> String {
    let Firing { alert, starts_at } = firing;
    let (name, namespace) = (alert.label("alertname"), alert.label("namespace"));
    let (pod, container) = (alert.label("pod"), alert.label("container"));
    let fingerprint = format!("{:016x}", alert.fingerprint());
    format!(
        "  curl -i http://{address}/api/v1/alerts -d '
  {{\"version\": \"4\", \"alerts\": [{{\"status\": \"firing\",
    \"fingerprint\": \"{fingerprint}\",
    \"startsAt\": \"{starts_at}\",
    \"labels\": {{\"alertname\": \"{name}\",
               \"namespace\": \"{namespace}\", \"container\": \"{container}\",
               \"pod\": \"{pod}\"}}}}]}}'
"
    )
}
