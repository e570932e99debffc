//! Every task of the process has its handle here. One that ends when it should not ends the process, with a reason.

use super::board::Standing;
use super::context::Context;
use super::driver::drive;
use super::gather::{status, workload_of};
use crate::record::store::{StoreError, is_closed, name_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// News that do not fit are not lost: the next listing finds every open incident.
pub(super) const NEWS_WAITING: usize = 1024;
/// How often all incidents are listed: what another process opened, or a lost piece of news, is found this late.
const LIST_EVERY: Duration = Duration::from_secs(30);
/// How often the dependencies are asked how they are.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// How long running turns may go on after a stop: one write and its record, each with a deadline of 10 s.
const GRACE: Duration = Duration::from_secs(20);

/// An incident about which there is news: namespace and name.
pub(super) type News = (String, String);

/// A task has ended that should not have.
#[derive(Debug, thiserror::Error)]
#[error("a task of the engine has panicked: the process can't be trusted any more")]
pub struct TaskDied;

/// Runs the engine until it is told to stop.
///
/// # Errors
/// When one of its tasks dies.
pub async fn run(
    context: Context,
    mut news: mpsc::Receiver<News>,
    stop: CancellationToken,
) -> Result<(), TaskDied> {
    let mut drivers = Drivers {
        tasks: JoinSet::new(),
        running: BTreeMap::new(),
        stop: stop.clone(),
    };
    let mut list = tokio::time::interval(LIST_EVERY);
    let mut ask = tokio::time::interval(ASK_EVERY);
    for interval in [&mut list, &mut ask] {
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let mut config = context.config.clone();
    let mut asking = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = drivers.tasks.join_next() => {
                let incident = ended.map_err(|_| TaskDied)?;
                drivers.running.remove(&incident);
            }
            Some(incident) = news.recv() => drivers.ensure(&context, incident),
            Ok(()) = config.changed() => drivers.wake_all(),
            Some(asked) = asking.join_next() => asked.map_err(|_| TaskDied)?,
            // Beside the loop: a dependency that does not answer must hold up neither a stop nor a new incident.
            _ = ask.tick(), if asking.is_empty() => {
                let context = context.clone();
                asking.spawn(async move { context.health.ask(&context).await });
            }
            _ = list.tick() => tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = list_all(&context, &mut drivers) => {}
            },
        }
    }
    let ended = tokio::time::timeout(GRACE, async {
        while let Some(ended) = drivers.tasks.join_next().await {
            ended.map_err(|_| TaskDied)?;
        }
        Ok(())
    });
    ended.await.unwrap_or(Ok(()))
}

struct Drivers {
    tasks: JoinSet<News>,
    running: BTreeMap<News, Arc<Notify>>,
    stop: CancellationToken,
}

impl Drivers {
    /// Starts the incident's driver, or tells the one that runs that there is news.
    fn ensure(&mut self, context: &Context, incident: News) {
        if let Some(notify) = self.running.get(&incident) {
            notify.notify_one();
            return;
        }
        let notify = Arc::new(Notify::new());
        let (context, stop, news) = (context.clone(), self.stop.clone(), notify.clone());
        self.running.insert(incident.clone(), notify);
        self.tasks.spawn(async move {
            let (namespace, name) = incident.clone();
            drive(context, namespace, name, news, stop).await;
            incident
        });
    }

    fn wake_all(&self) {
        for notify in self.running.values() {
            notify.notify_one();
        }
    }
}

async fn list_all(context: &Context, drivers: &mut Drivers) {
    let config = context.config();
    let mut all = Vec::new();
    let mut names = BTreeSet::new();
    let mut complete = true;
    for namespace in &config.namespaces {
        let incidents = match context.store.in_namespace(namespace).await {
            Ok(incidents) => incidents,
            Err(error) => {
                // The incidents of the other namespaces must be driven all the same.
                tell(namespace, &error);
                complete = false;
                continue;
            }
        };
        for incident in incidents {
            names.insert(name_of(&incident));
            let key = (namespace.clone(), name_of(&incident).as_str().to_owned());
            let ours = incident.spec.installation == config.installation
                && workload_of(&incident).is_some();
            if ours && !is_closed(&incident) && !drivers.running.contains_key(&key) {
                drivers.ensure(context, key);
            }
            if let Some(standing) = Standing::of(&status(&incident)) {
                all.push((incident, standing));
            }
        }
    }
    if complete {
        let all = all.iter().map(|(incident, standing)| (incident, *standing));
        context.board.replace(all, &context.metrics);
        context.ledger.keep_only(&names);
    }
}

fn tell(namespace: &str, error: &StoreError) {
    tracing::warn!(namespace, %error, "incidents can't be listed");
}
