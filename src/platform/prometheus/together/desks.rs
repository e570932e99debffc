//! How questions of one kind wait for each other.

use super::super::Unanswered;
use super::super::recent::PAUSE;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::time::Instant;

/// The desks of one kind of question: one for each key, that is for what questions must have in common to be asked as one.
pub(super) struct Desks<K, N, T> {
    /// How many names one question may have.
    most: usize,
    /// Whether an answer will do for a [`PAUSE`], for others who ask about the same names.
    lasting: bool,
    open: Mutex<BTreeMap<K, Arc<Desk<N, T>>>>,
}

/// Where those wait whose question is of one kind.
struct Desk<N, T> {
    /// Whoever holds it asks for everybody; the others get it in the order in which they came.
    asking: tokio::sync::Mutex<Option<Asked<N, T>>>,
    slips: Mutex<Vec<Slip<N, T>>>,
}

/// What went out last.
struct Asked<N, T> {
    /// When it went out.
    at: Instant,
    /// When the answer came.
    answered_at: Instant,
    names: BTreeSet<N>,
    answer: Result<T, Unanswered>,
}

impl<N, T> Asked<N, T> {
    /// Why there was no answer a moment ago, where it is Prometheus that is away: then whoever waits needs no time-out of his own. Two hundred
    /// workloads with twenty names in a question would wait for ten of them, one after the other.
    fn away(&self) -> Option<Unanswered> {
        let unanswered = *self.answer.as_ref().err()?;
        let is_away = !may_be_anothers(&unanswered) && self.answered_at.elapsed() < PAUSE;
        is_away.then_some(unanswered)
    }
}

/// One question that waits.
struct Slip<N, T> {
    names: Vec<N>,
    answer: oneshot::Sender<Reply<T>>,
}

/// What comes back to a slip.
struct Reply<T> {
    answer: Result<T, Unanswered>,
    /// Whether others' names were asked about with one's own.
    with_others: bool,
}

impl<K: Ord + Clone, N: Ord + Clone, T: Clone> Desks<K, N, T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            lasting: false,
            open: Mutex::default(),
        }
    }

    /// For what many ask of the same few names.
    pub(super) fn lasting(most: usize) -> Self {
        Self {
            lasting: true,
            ..Self::new(most)
        }
    }

    /// The answer to one's own names, and perhaps to others' too.
    pub(super) async fn ask<A>(
        &self,
        key: K,
        names: &[N],
        ask: impl Fn(Vec<N>) -> A,
    ) -> Result<T, Unanswered>
    where
        A: Future<Output = Result<T, Unanswered>>,
    {
        let desk = locked(&self.open).entry(key).or_default().clone();
        let lately = if self.lasting {
            desk.lately(names).await
        } else {
            None
        };
        let answer = match lately {
            Some(answer) => Ok(answer),
            None => desk.answer(names, self.most, ask).await,
        };
        drop(desk);
        // A namespace that leaves the configuration leaves nothing behind.
        locked(&self.open).retain(|_, desk| Arc::strong_count(desk) > 1 || !desk.is_done());
        answer
    }
}

impl<N, T> Default for Desk<N, T> {
    fn default() -> Self {
        Self {
            asking: tokio::sync::Mutex::default(),
            slips: Mutex::default(),
        }
    }
}

impl<N: Ord + Clone, T: Clone> Desk<N, T> {
    /// Whether what it knows is of no use any more.
    fn is_done(&self) -> bool {
        let asked = self.asking.try_lock();
        asked.is_ok_and(|asked| {
            asked
                .as_ref()
                .is_none_or(|asked| asked.at.elapsed() >= PAUSE)
        })
    }

    /// What was answered a moment ago, where these names were among those that were asked about.
    async fn lately(&self, names: &[N]) -> Option<T> {
        let asked = self.asking.lock().await;
        let asked = asked.as_ref()?;
        let will_do =
            asked.at.elapsed() < PAUSE && names.iter().all(|name| asked.names.contains(name));
        asked.answer.clone().ok().filter(|_| will_do)
    }

    async fn answer<A>(
        &self,
        names: &[N],
        most: usize,
        ask: impl Fn(Vec<N>) -> A,
    ) -> Result<T, Unanswered>
    where
        A: Future<Output = Result<T, Unanswered>>,
    {
        let (sender, mut receiver) = oneshot::channel();
        locked(&self.slips).push(Slip {
            names: names.to_vec(),
            answer: sender,
        });
        let mut asking = self.asking.lock().await;
        let reply = loop {
            match receiver.try_recv() {
                Ok(reply) => break Some(reply),
                // Whoever asked for us has gone away in the middle.
                Err(TryRecvError::Closed) => break None,
                Err(TryRecvError::Empty) => {
                    if let Some(unanswered) = asking.as_ref().and_then(Asked::away) {
                        return Err(unanswered);
                    }
                    if let Some(asked) = &*asking
                        && self.is_burst(asked, names, most)
                    {
                        tokio::time::sleep_until(asked.at + PAUSE).await;
                    }
                    *asking = Some(self.ask_for_the_first(most, &ask).await);
                }
            }
        };
        drop(asking);
        match reply {
            Some(Reply {
                answer,
                with_others,
            }) if !(with_others && answer.as_ref().is_err_and(may_be_anothers)) => answer,
            _ => ask(names.to_vec()).await,
        }
    }

    /// Whether another was asked about lately, and there is room for more in the next question.
    fn is_burst(&self, asked: &Asked<N, T>, names: &[N], most: usize) -> bool {
        let waiting: usize = locked(&self.slips)
            .iter()
            .map(|slip| slip.names.len())
            .sum();
        let another = asked.names.len() != names.len()
            || names.iter().any(|name| !asked.names.contains(name));
        asked.at.elapsed() < PAUSE && another && waiting < most
    }

    /// Asks for those who came first, as many as fit into one question.
    async fn ask_for_the_first<A>(&self, most: usize, ask: impl Fn(Vec<N>) -> A) -> Asked<N, T>
    where
        A: Future<Output = Result<T, Unanswered>>,
    {
        let slips = self.first(most);
        let names: BTreeSet<N> = slips.iter().flat_map(|slip| &slip.names).cloned().collect();
        let at = Instant::now();
        let answer = ask(names.iter().cloned().collect()).await;
        let with_others = slips.len() > 1;
        for slip in slips {
            // Who has gone away needs no answer.
            let _ = slip.answer.send(Reply {
                answer: answer.clone(),
                with_others,
            });
        }
        Asked {
            at,
            answered_at: Instant::now(),
            names,
            answer,
        }
    }

    fn first(&self, most: usize) -> Vec<Slip<N, T>> {
        let mut slips = locked(&self.slips);
        slips.retain(|slip| !slip.answer.is_closed());
        let mut room = most;
        let fitting = slips.iter().take_while(|slip| {
            let fits = slip.names.len() <= room;
            room = room.saturating_sub(slip.names.len());
            fits
        });
        // One that is too large by itself is refused by the port, in its own name.
        let count = fitting.count().max(1).min(slips.len());
        slips.drain(..count).collect()
    }
}

/// Whether an answer may be due to another's names, or to so many: then each asks for itself.
///
/// A time-out and 503 (Prometheus' own time-out, or too many queries at once) may be due to so many names too, and yet are not split: two hundred questions
/// more are what a slow Prometheus needs least, and their time-outs would be waited for one by one. Nothing is lost but time: the answer is unknown, what
/// hangs on it is held, and it is asked again at the next look, by then with those names alone that are due at the same moment.
fn may_be_anothers(unanswered: &Unanswered) -> bool {
    match *unanswered {
        Unanswered::Ambiguous(_)
        | Unanswered::UnsafeName
        | Unanswered::TooLarge
        | Unanswered::TooMuchAsked
        | Unanswered::NotANumber
        | Unanswered::Unreadable
        | Unanswered::WrongType
        | Unanswered::Partial
        | Unanswered::Failed
        // https://prometheus.io/docs/prometheus/latest/querying/api/: 422 where an expression can't be executed, too many samples for one.
        | Unanswered::Status(400 | 422) => true,
        Unanswered::Status(_)
        | Unanswered::Unreachable
        | Unanswered::TimedOut
        | Unanswered::NoSeries
        | Unanswered::SourceDown => false,
    }
}

/// A panic while the list was held left it whole: it is only ever pushed to and drained.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
