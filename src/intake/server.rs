//! Serves warp's filters from a loop of our own: `warp::serve` has no time-outs, no cap on connections, and waits for slow clients without end.
//!
//! Everything that a client can hold has a limit ([`Limits`]): its header and its idleness (hyper's `header_read_timeout`, which needs a timer
//! to work at all), its request, the connection itself, and the whole shutdown. Connections are tasks of the [`Server::serve`] future: when
//! that is dropped they are gone, and one that panics takes the server with it.

use super::limits::Limits;
use super::refusal;
use super::routes::Routes;
use crate::telemetry::Metrics;
use crate::telemetry::events::ConnectionRefused;
use crate::telemetry::labels::ConnectionProblem;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service as _;
use warp::http::{Request, StatusCode};
use warp::reply::Response;

/// How long nothing is accepted after the system could not: its file descriptors or its memory come back as connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves routes.
#[derive(Clone, Debug)]
pub struct Server {
    /// What a client may cost.
    pub limits: Limits,
    /// Where refused connections are counted.
    pub metrics: Metrics,
}

impl Server {
    /// Serves `routes` on a bound listener until `shutdown` resolves; then accepts nothing more, lets running requests end, and after `grace`
    /// drops what is left. Never waits longer.
    pub async fn serve(
        &self,
        listener: TcpListener,
        routes: Routes,
        shutdown: impl Future<Output = ()>,
        grace: Duration,
    ) {
        let stop = CancellationToken::new();
        let mut connections = JoinSet::new();
        {
            let mut shutdown = pin!(shutdown);
            let places = Arc::new(Semaphore::new(self.limits.connections));
            loop {
                tokio::select! {
                    biased;
                    () = &mut shutdown => break,
                    Some(ended) = connections.join_next() => carry_panic(ended),
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => match Arc::clone(&places).try_acquire_owned() {
                            Ok(place) => {
                                connections.spawn(self.connection(stream, &routes, &stop).hold(place));
                            }
                            // Dropped at once: Alertmanager tries again soon, and a queue would only make everybody wait.
                            Err(_) => self.refuse(ConnectionProblem::OverCap),
                        },
                        Err(error) if is_of_one_client(&error) => {}
                        Err(_) => {
                            self.refuse(ConnectionProblem::AcceptFailed);
                            sleep(ACCEPT_PAUSE).await;
                        }
                    },
                }
            }
        }
        drop(listener);
        stop.cancel();
        let drained = timeout(grace, async {
            while let Some(ended) = connections.join_next().await {
                carry_panic(ended);
            }
        });
        if drained.await.is_err() {
            connections.shutdown().await;
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        routes: &Routes,
        stop: &CancellationToken,
    ) -> Connection {
        Connection {
            stream,
            service: Deadlined {
                routes: routes.clone(),
                limit: self.limits.request,
                metrics: self.metrics.clone(),
                served: Arc::default(),
            },
            limits: self.limits,
            stop: stop.clone(),
            metrics: self.metrics.clone(),
        }
    }

    fn refuse(&self, reason: ConnectionProblem) {
        ConnectionRefused { reason }.emit(&self.metrics);
    }
}

/// A panic in a connection is a panic of the server: half of it must not live on.
fn carry_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

/// Whether accepting failed for the client that just came, and not for the system.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// One accepted connection.
struct Connection {
    stream: TcpStream,
    service: Deadlined,
    limits: Limits,
    stop: CancellationToken,
    metrics: Metrics,
}

impl Connection {
    /// Serves it to its end, and gives its place back then.
    async fn hold(self, place: OwnedSemaphorePermit) {
        let metrics = self.metrics.clone();
        let ended = self.run().await;
        drop(place);
        if let Err(reason) = ended {
            ConnectionRefused { reason }.emit(&metrics);
        }
    }

    async fn run(self) -> Result<(), ConnectionProblem> {
        let limits = self.limits;
        let served = Arc::clone(&self.service.served);
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.headers)
            .max_headers(limits.header_fields)
            .max_buf_size(limits.read_buffer)
            .serve_connection(TokioIo::new(self.stream), self.service);
        let ended = tokio::select! {
            biased;
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => Some(ended),
            () = self.stop.cancelled() => None,
            () = sleep(limits.lifetime) => None,
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            // It may finish the request that it is in, and must have ended by the time one may take.
            Pin::new(&mut connection).graceful_shutdown();
            let rest = poll_fn(|context| connection.poll_without_shutdown(context));
            timeout(limits.headers + limits.request, rest)
                .await
                .map_err(|_| ConnectionProblem::Overdue)?
        };
        let problem = ended
            .err()
            .and_then(|error| problem(&error, served.load(Ordering::Relaxed)));
        if problem != Some(ConnectionProblem::SlowHeaders) {
            let stream = connection.into_parts().io.into_inner();
            // Only politeness is lost when this takes too long.
            let _ = timeout(limits.linger, linger(stream)).await;
        }
        problem.map_or(Ok(()), Err)
    }
}

/// What a client did wrong, where it did: one that goes away in the middle, or is idle after its requests, did nothing wrong.
fn problem(error: &hyper::Error, served: bool) -> Option<ConnectionProblem> {
    if error.is_timeout() {
        (!served).then_some(ConnectionProblem::SlowHeaders)
    } else if error.is_parse() {
        Some(ConnectionProblem::Protocol)
    } else {
        None
    }
}

/// Ends our side and reads the other to its end. A socket that is closed with unread bytes sends a reset, and a reset can overtake the answer:
/// a client in the middle of a large body would never see the 401 or 413 that it was sent.
async fn linger(mut stream: TcpStream) -> io::Result<()> {
    /// 16 MiB: an order of magnitude more than a delivery may have.
    const LIMIT: usize = 16 * 1024 * 1024;
    let mut forgotten = vec![0; 16 * 1024];
    let mut read = 0;
    stream.shutdown().await?;
    while read < LIMIT {
        match stream.read(&mut forgotten).await? {
            0 => break,
            more => read += more,
        }
    }
    Ok(())
}

/// The routes, each request under a deadline.
struct Deadlined {
    routes: Routes,
    limit: Duration,
    metrics: Metrics,
    /// Whether the connection has had a request: idle after one is how connections are kept alive, idle before one is not.
    served: Arc<AtomicBool>,
}

impl hyper::service::Service<Request<Incoming>> for Deadlined {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.served.store(true, Ordering::Relaxed);
        let answer = warp::service(self.routes.clone()).call(request);
        let limit = self.limit;
        let metrics = self.metrics.clone();
        Box::pin(async move {
            if let Ok(answer) = timeout(limit, answer).await {
                return answer;
            }
            ConnectionRefused {
                reason: ConnectionProblem::SlowRequest,
            }
            .emit(&metrics);
            Ok(refusal::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "timeout",
                "this request took too long, come again",
            ))
        })
    }
}
