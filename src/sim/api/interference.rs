//! Where faults come in: before and after each request.

use super::call::Call;
use serde_json::Value;
use std::time::Duration;

/// What happens instead of the request being worked on as usual.
#[derive(Clone, Debug, PartialEq)]
pub enum Before {
    /// Nothing: it is worked on.
    Proceed,
    /// It is worked on that much later; if the client has left by then, never.
    Delay(Duration),
    /// The client hears no more of it; it is worked on that much later all the same, when the client has long given up.
    Strand(Duration),
    /// It is answered with this status and body, and never worked on.
    Answer(u16, Value),
    /// The connection breaks, and it is never worked on.
    Lose,
}

/// What happens to the answer of a request that was worked on.
#[derive(Clone, Debug, PartialEq)]
pub enum After {
    /// It arrives.
    Deliver,
    /// It arrives that much later.
    Delay(Duration),
    /// The connection breaks: the client can't know that it happened.
    Lose,
}

/// Interferes with requests. Both are asked about every request, in the order in which requests come.
pub trait Interference: Send + Sync {
    /// Before a request is worked on.
    fn before(&self, call: &Call) -> Before {
        let _ = call;
        Before::Proceed
    }

    /// What it was answered with once it was worked on, before anything happens to that answer; asked before [`Interference::after`]. A log's
    /// text is not shown.
    fn answered(&self, call: &Call, status: u16, body: &Value) {
        let _ = (call, status, body);
    }

    /// After it was worked on, with the status of its answer.
    fn after(&self, call: &Call, status: u16) -> After {
        let _ = (call, status);
        After::Deliver
    }
}
