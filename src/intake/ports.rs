//! What stands behind the routes: two ports that the engine implements and tests fake.

use crate::domain::alert::AlertSeen;
use std::future::Future;

/// The alerts of one delivery that can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The alerts, in the payload's order; duplicates are left in.
    pub alerts: Vec<AlertSeen>,
    /// How many more alerts the group has that are not here: what they are about must be looked up.
    pub truncated: u64,
    /// The name that they have, where the group has but one: `alertname` is among its labels.
    pub group_name: Option<String>,
}

/// What became of a delivery: every alert of it is in one of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// How many alerts are in an Incident now, durably.
    pub recorded: u64,
    /// How many were left out, each for a counted reason.
    pub skipped: u64,
}

/// A delivery can't be recorded in full now: it is answered 503, and Alertmanager comes again. What was recorded stays.
/// The sentence is for the sender and the log; it must hold nothing that an API server said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Takes deliveries.
pub trait Receiver: Clone + Send + Sync + 'static {
    /// Records every alert, or counts why not. A 2xx is sent only after this has returned a receipt.
    ///
    /// The same delivery comes again and again, also at the same time. The future may be dropped at any await (time-out, shutdown, sender gone):
    /// what was recorded by then must be as good as if it had been recorded alone.
    ///
    /// # Errors
    /// [`Unavailable`] where an alert could be neither recorded nor counted.
    fn receive(
        &self,
        delivery: Delivery,
    ) -> impl Future<Output = Result<Receipt, Unavailable>> + Send;
}

/// Whether traffic and trust may come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Whether it is ready.
    pub ready: bool,
    /// One line for each dependency, for people.
    pub lines: Vec<String>,
}

/// What the administrative routes ask for.
pub trait Operations: Clone + Send + Sync + 'static {
    /// How it stands now; asks nobody, for probes come every few seconds.
    fn ready(&self) -> Readiness;

    /// Reads the configuration again and puts it in force, whole or not at all.
    ///
    /// # Errors
    /// The configuration's report, for the person who asked; the old configuration stays.
    fn reload(&self) -> impl Future<Output = Result<(), String>> + Send;
}
