//! What happened, for a person who reads a failing seed; nothing is written down while thousands run.

use jiff::Timestamp;
use ripcord::platform::clock::Clock;
use std::sync::{Arc, Mutex};

type Lines = Arc<Mutex<Vec<(Timestamp, String)>>>;

/// The trace; a clone is the same one.
#[derive(Clone)]
pub(crate) struct Trace {
    clock: Clock,
    lines: Option<Lines>,
}

impl Trace {
    pub(crate) fn new(clock: Clock, wanted: bool) -> Self {
        Self {
            clock,
            lines: wanted.then(Lines::default),
        }
    }

    /// Writes a line, which is made only if somebody wants it.
    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            lines.lock().unwrap().push((self.clock.now(), line()));
        }
    }

    /// All of it, with seconds since a moment.
    pub(crate) fn text(&self, since: Timestamp) -> String {
        let Some(lines) = &self.lines else {
            return String::new();
        };
        let lines = lines.lock().unwrap();
        let row = |(at, line): &(Timestamp, String)| {
            format!("{:9.3}  {line}\n", at.duration_since(since).as_secs_f64())
        };
        lines.iter().map(row).collect()
    }
}
