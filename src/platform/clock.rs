//! The only place that reads a clock.

use jiff::{SignedDuration, Timestamp};

/// Wall time that never jumps: the wall clock once, at the start, and monotonic time from there. A person setting the clock
/// back can neither lengthen a cooldown nor repeat a dwell; under tokio's paused time it is virtual.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started_at: Timestamp,
    started: tokio::time::Instant,
}

impl Clock {
    /// A clock that begins with the wall clock's time.
    #[allow(clippy::disallowed_methods, reason = "this is platform::clock")]
    pub fn system() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// A clock that begins at a given time: for simulations.
    pub fn starting_at(started_at: Timestamp) -> Self {
        Self {
            started_at,
            started: tokio::time::Instant::now(),
        }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap_or_default();
        self.started_at
            .checked_add(elapsed)
            .unwrap_or(self.started_at)
    }

    /// How long to sleep until then; zero when it has passed.
    pub fn until(&self, then: Timestamp) -> std::time::Duration {
        then.duration_since(self.now())
            .try_into()
            .unwrap_or_default()
    }
}

/// How long something really took: never virtual, even where tokio's time is paused. Nothing is decided by it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Begins to count.
    #[allow(clippy::disallowed_methods, reason = "this is platform::clock")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time since.
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}
