//! One flush of one group by one peer: whether there is anything to say, and what becomes of saying it.

use super::{Answer, Entry, Episode, Route, add};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// The pause before the first retry, and the longest (cenkalti/backoff `exponential.go`).
const FIRST_PAUSE: SignedDuration = SignedDuration::from_millis(500);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// One instance, looking after one group.
pub(super) struct Peer {
    next_flush: Timestamp,
    pub(super) flush: Option<Flush>,
}

impl Peer {
    pub(super) fn new(next_flush: Timestamp) -> Self {
        Self {
            next_flush,
            flush: None,
        }
    }

    /// Whether its next flush begins.
    pub(super) fn begins(&self, now: Timestamp) -> bool {
        self.flush.is_none() && self.next_flush <= now
    }

    /// The flush is over: the next one begins an interval after this one began, or at once when that has passed.
    pub(super) fn end(&mut self, now: Timestamp, interval: SignedDuration) {
        if let Some(flush) = self.flush.take() {
            self.next_flush = add(flush.began, interval).max(now);
        }
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        match &self.flush {
            None => Some(self.next_flush),
            Some(flush) => (!flush.in_flight).then_some(flush.next_attempt),
        }
    }
}

/// What becomes of a notification after an answer.
pub(super) enum Fate {
    Delivered,
    TriedAgain,
    GivenUp,
}

/// What a group was when its flush began.
pub(super) struct Flush {
    pub(super) episodes: Vec<Episode>,
    pub(super) began: Timestamp,
    pub(super) attempt: u32,
    next_attempt: Timestamp,
    pause: SignedDuration,
    in_flight: bool,
}

impl Flush {
    pub(super) fn of(episodes: Vec<Episode>, began: Timestamp, next_attempt: Timestamp) -> Self {
        Self {
            episodes,
            began,
            attempt: 0,
            next_attempt,
            pause: FIRST_PAUSE,
            in_flight: false,
        }
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        !self.in_flight && self.next_attempt <= now
    }

    pub(super) fn begin_attempt(&mut self) -> u32 {
        self.in_flight = true;
        self.attempt += 1;
        self.attempt
    }

    fn fingerprints(&self, firing: bool) -> BTreeSet<u64> {
        let those = self
            .episodes
            .iter()
            .filter(|one| one.ends_at.is_none() == firing);
        those.map(|one| one.alert.fingerprint()).collect()
    }

    /// What is remembered when it was delivered.
    pub(super) fn entry(&self, at: Timestamp) -> Entry {
        Entry {
            firing: self.fingerprints(true),
            resolved: self.fingerprints(false),
            at,
        }
    }

    /// Whether an alert fires of which the receiver has not heard.
    pub(super) fn has_new(&self, told: Option<&Entry>) -> bool {
        let firing = self.fingerprints(true);
        told.is_none_or(|told| !firing.is_subset(&told.firing))
    }

    /// Whether it is worth a notification (`notify/dedup_stage.go`, needsUpdate).
    pub(super) fn is_news(&self, told: Option<&Entry>, route: &Route, now: Timestamp) -> bool {
        let firing = self.fingerprints(true);
        let Some(told) = told else {
            return !firing.is_empty();
        };
        if !firing.is_subset(&told.firing) {
            return true;
        }
        if firing.is_empty() {
            return route.send_resolved && !told.firing.is_empty();
        }
        if route.send_resolved && !self.fingerprints(false).is_subset(&told.resolved) {
            return true;
        }
        now.duration_since(told.at) >= route.repeat_interval
    }

    /// What an answer means. Alertmanager's webhook tries again after 5xx and after no answer, and only then (`notify/util.go`).
    pub(super) fn fate(&mut self, answer: Answer, now: Timestamp, patience: Timestamp) -> Fate {
        self.in_flight = false;
        match answer {
            Answer::Status(200..=299) => Fate::Delivered,
            Answer::Nothing | Answer::Status(500..=599) => {
                self.next_attempt = add(now, self.pause);
                self.pause = (self.pause + self.pause / 2).min(LONGEST_PAUSE);
                if self.next_attempt < patience {
                    Fate::TriedAgain
                } else {
                    Fate::GivenUp
                }
            }
            Answer::Status(_) => Fate::GivenUp,
        }
    }
}
