//! The kubelet's pauses: 10 s, doubling to 5 minutes, forgotten after twice that (client-go `util/flowcontrol/backoff.go`, Kubernetes
//! `pkg/kubelet/kubelet.go`).

use crate::domain::time::since;
use jiff::{SignedDuration, Timestamp};

const FIRST: SignedDuration = SignedDuration::from_secs(10);
const LONGEST: SignedDuration = SignedDuration::from_secs(300);
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_secs(600);

/// The pause for one container, or one image of one pod.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BackOff {
    pause: SignedDuration,
    updated: Option<Timestamp>,
}

impl BackOff {
    fn forgotten(&self, at: Timestamp) -> bool {
        self.updated
            .is_none_or(|updated| since(updated, at) > FORGOTTEN_AFTER)
    }

    /// Whether it is too early for another attempt after what happened at `event`.
    pub(super) fn blocks_since(&self, event: Timestamp, now: Timestamp) -> bool {
        !self.forgotten(event) && since(event, now) < self.pause
    }

    /// Whether it is too early after the last attempt.
    pub(super) fn blocks(&self, now: Timestamp) -> bool {
        self.updated
            .is_some_and(|updated| self.blocks_since(updated, now))
    }

    /// An attempt is made: the next pause is longer.
    pub(super) fn next(&mut self, event: Timestamp, now: Timestamp) {
        self.pause = if self.forgotten(event) {
            FIRST
        } else {
            self.pause.checked_mul(2).unwrap_or(LONGEST).min(LONGEST)
        };
        self.updated = Some(now);
    }

    /// The pause as Go prints durations: `10s`, `1m20s`, `5m0s`.
    pub(super) fn text(&self) -> String {
        let seconds = self.pause.as_secs();
        match (seconds / 60, seconds % 60) {
            (0, seconds) => format!("{seconds}s"),
            (minutes, seconds) => format!("{minutes}m{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_first_restart_is_at_once_and_pauses_double_up_to_five_minutes() {
        let mut back_off = BackOff::default();
        assert!(!back_off.blocks_since(at(0), at(0)));
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..7 {
            back_off.next(at(now), at(now));
            pauses.push(back_off.text());
            assert!(back_off.blocks_since(at(now), at(now + 9)));
            now += back_off.pause.as_secs();
            assert!(!back_off.blocks_since(at(now - back_off.pause.as_secs()), at(now)));
        }
        assert_eq!(
            pauses,
            ["10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"]
        );
    }

    #[test]
    fn a_long_good_run_is_forgiven() {
        let mut back_off = BackOff::default();
        back_off.next(at(0), at(0));
        back_off.next(at(20), at(20));
        assert!(!back_off.blocks_since(at(700), at(700)));
        back_off.next(at(700), at(700));
        assert_eq!(back_off.text(), "10s");
    }
}
