//! One question in flight for all who ask the same, and its answer for a moment.

use super::Unanswered;
use std::time::Duration;
use tokio::time::Instant;

/// For so long an answer will do for others. A decision waits for seconds anyway (dwell, a second reading).
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// What many ask in the same words. Whoever holds it is asking; the others wait, and take what came of it.
pub(super) struct Recent<K, T>(tokio::sync::Mutex<Option<Last<K, T>>>);

/// What came last.
struct Last<K, T> {
    /// When it came: a time-out is longer than [`PAUSE`], and those who waited for it must not each wait for one more.
    at: Instant,
    asked: K,
    answer: Result<T, Unanswered>,
}

impl<K, T> Default for Recent<K, T> {
    fn default() -> Self {
        Self(tokio::sync::Mutex::default())
    }
}

impl<K: PartialEq, T: Clone> Recent<K, T> {
    /// The answer to this, which may be a moment old; that there was none is an answer too. Where the one who asks goes away in the middle, the next
    /// one asks.
    pub(super) async fn ask(
        &self,
        asked: K,
        ask: impl Future<Output = Result<T, Unanswered>>,
    ) -> Result<T, Unanswered> {
        let mut last = self.0.lock().await;
        if let Some(last) = &*last
            && last.asked == asked
            && last.at.elapsed() < PAUSE
        {
            return last.answer.clone();
        }
        let answer = ask.await;
        *last = Some(Last {
            at: Instant::now(),
            asked,
            answer: answer.clone(),
        });
        answer
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::future::join_all;
    use std::sync::atomic::{AtomicU32, Ordering};

    const TIMEOUT: Duration = Duration::from_secs(5);

    /// A Prometheus that hangs.
    async fn hangs(asked: &AtomicU32) -> Result<u32, Unanswered> {
        asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(TIMEOUT).await;
        Err(Unanswered::TimedOut)
    }

    #[tokio::test(start_paused = true)]
    async fn two_hundred_who_wait_for_a_prometheus_that_hangs_wait_for_one_time_out() {
        let (recent, asked) = (Recent::default(), AtomicU32::new(0));
        let begun = Instant::now();
        let answers = join_all((0..200).map(|_| recent.ask((), hangs(&asked)))).await;
        assert!(
            answers
                .iter()
                .all(|answer| *answer == Err(Unanswered::TimedOut))
        );
        assert_eq!(begun.elapsed(), TIMEOUT);
        assert_eq!(asked.into_inner(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn that_there_was_no_answer_is_not_believed_for_longer_than_a_moment() {
        let (recent, asked) = (Recent::default(), AtomicU32::new(0));
        let _ = recent.ask((), hangs(&asked)).await;
        tokio::time::sleep(PAUSE).await;
        assert_eq!(recent.ask((), async { Ok(1) }).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_in_the_middle_leaves_the_question_to_the_next() {
        let (recent, asked) = (Recent::default(), AtomicU32::new(0));
        let leaver = tokio::time::timeout(PAUSE, recent.ask((), hangs(&asked)));
        let (left, stayed) = tokio::join!(leaver, recent.ask((), async { Ok(1) }));
        assert!(left.is_err());
        assert_eq!(stayed, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_another_question_is_none() {
        let recent = Recent::default();
        assert_eq!(recent.ask("shop", async { Ok(1) }).await, Ok(1));
        assert_eq!(recent.ask("mall", async { Ok(2) }).await, Ok(2));
    }
}
