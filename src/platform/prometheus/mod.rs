//! What is asked of Prometheus, as typed questions: whoever answers them (the HTTP adapter here, a simulation elsewhere) may do without PromQL.
//!
//! ```text
//! evidence -> PrometheusPort -> together (one question for many) -> client (HTTP, limits) -> answer (JSON) -> tables (rows, ambiguity)
//!                                                                      ^ questions (PromQL) <- promql (names, quoting, label style)
//! ```
//!
//! A question that was not answered in a way that can be used is [`Unanswered`], never an empty answer; and an empty answer means something only
//! beside [`PrometheusPort::up`] (the reference page on semantics, section 2).

mod answer;
mod around;
mod client;
mod digests;
mod promql;
mod questions;
mod recent;
mod sets;
mod survey;
mod tables;
mod together;

pub use client::{BuildError, PrometheusClient, Settings};
pub use sets::{
    ContainerImage, ImagePods, MOST_SETS, SetCounts, SetHistory, SetImage, SetKind, SetPast,
};
pub use survey::{Age, Deliveries, NEEDED, Needed, Survey};
pub use together::Together;

use crate::domain::evidence::{
    RanImage, ReplicaSeries, RestartSeries, TerminationSeries, WaitingSeries,
};
use crate::domain::identity::RevisionName;
use crate::domain::surroundings::{ConfigHistory, ConfigName, NodeTrouble, PullFailure};
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// At most this many pods in one question. A pod has a handful of series of about 300 bytes, so 500 pods stay under 1 MB of the 8 MiB that are read;
/// their names, 253 bytes at most, make a form of 126 KB, and Prometheus reads 10 MB (Go's limit on forms).
pub const MOST_PODS: usize = 500;

/// At most this many ReplicaSets in one history: see [`PrometheusPort::replica_history`].
pub const MOST_REPLICASETS: usize = 20;

/// At most this many ConfigMaps and Secrets in one question: a template that names more is rare, and their rows are few.
pub const MOST_CONFIGS: usize = 50;

/// At most this many nodes in one question: a rollout that fails on more of them does not fail of its nodes.
pub const MOST_NODES: usize = 50;

/// At most this many namespaces in one question: their names make a form of 13 KB.
pub const MOST_NAMESPACES: usize = 200;

/// Prometheus refuses range queries with more points for a series (`exceeded maximum resolution of 11,000 points per timeseries`).
pub const MOST_POINTS: i64 = 11_000;

/// An answer on its way.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Unanswered>>;

/// The questions. Every list of names may be empty: the answer is empty then, and nothing is asked.
pub trait PrometheusPort: Send + Sync {
    /// Which containers of these pods waited in the last five minutes, and why; containers that are merely being created do not count.
    /// Five minutes, because the reasons flap: `CrashLoopBackOff` is gone while the container runs between two crashes.
    fn waiting<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<WaitingSeries>>;

    /// The same for every pod of a namespace: for alerts that name no workload. Some of these pods may be gone by now.
    fn waiting_in_namespace<'a>(&'a self, namespace: &'a str) -> Answer<'a, Vec<WaitingSeries>>;

    /// How often containers of these pods restarted within the window. Extrapolated by Prometheus, so not whole. A container without a row is
    /// unknown, never zero: `increase` needs two samples.
    fn restarts<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
        window: SignedDuration,
    ) -> Answer<'a, Vec<RestartSeries>>;

    /// How containers of these pods ended last.
    fn terminations<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<TerminationSeries>>;

    /// Replica counts of Deployments, by name; Prometheus has none of those that are left out.
    fn replicas<'a>(
        &'a self,
        namespace: &'a str,
        deployments: &'a [String],
    ) -> Answer<'a, BTreeMap<String, ReplicaSeries>>;

    /// What became of these ReplicaSets at every step between two times, the last step being `to` (in whole seconds).
    fn replica_history<'a>(
        &'a self,
        namespace: &'a str,
        replicasets: &'a [String],
        range: Range,
    ) -> Answer<'a, ReplicaHistory>;

    /// Which images ran in pods of these ReplicaSets within a time, by digest. What is missing is not known.
    fn digests<'a>(
        &'a self,
        namespace: &'a str,
        replicasets: &'a [String],
        within: SignedDuration,
    ) -> Answer<'a, Vec<RanImage>>;

    /// What became of these StatefulSets or DaemonSets and their pods at every step between two times, the last step being `to`.
    fn set_history<'a>(
        &'a self,
        kind: SetKind,
        namespace: &'a str,
        names: &'a [String],
        range: Range,
    ) -> Answer<'a, SetHistory>;

    /// Which images ran in pods of these StatefulSets or DaemonSets within a time, by digest. What is missing is not known.
    fn set_digests<'a>(
        &'a self,
        kind: SetKind,
        namespace: &'a str,
        names: &'a [String],
        within: SignedDuration,
    ) -> Answer<'a, Vec<SetImage>>;

    /// How the versions of these ConfigMaps and Secrets moved in a time. One that is missing in the answer is not known: it is not exported, or
    /// it does not exist.
    fn config_changes<'a>(
        &'a self,
        namespace: &'a str,
        names: &'a [ConfigName],
        range: Range,
    ) -> Answer<'a, BTreeMap<ConfigName, ConfigHistory>>;

    /// What is wrong with these nodes now; an empty set = nothing. A node that is missing in the answer is not known.
    fn node_troubles<'a>(
        &'a self,
        nodes: &'a [String],
    ) -> Answer<'a, BTreeMap<String, BTreeSet<NodeTrouble>>>;

    /// Which containers in these namespaces can't pull their image now.
    fn pull_failures<'a>(&'a self, namespaces: &'a [String]) -> Answer<'a, Vec<PullFailure>>;

    /// Whether the source of all this is scraped now. Without it an empty answer says nothing.
    fn up(&self) -> Answer<'_, bool>;
}

/// A stretch of time, looked at step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends: the last step.
    pub to: Timestamp,
    /// How far the steps are apart; not shorter than Prometheus' scrape interval, or every other step is a gap.
    pub step: SignedDuration,
}

/// ReplicaSets through time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaHistory {
    /// How far the steps are apart.
    pub step: SignedDuration,
    /// By ReplicaSet, the steps at which it was asked for replicas, in order. A step is missing where it was asked for none, where there was no sample
    /// since the step before, and where two sources disagreed about who speaks.
    pub series: BTreeMap<RevisionName, Vec<ReplicaSample>>,
}

/// One ReplicaSet at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaSample {
    /// When.
    pub at: Timestamp,
    /// `kube_replicaset_spec_replicas`, above 0.
    pub wanted: i64,
    /// `kube_replicaset_status_ready_replicas`.
    pub ready: i64,
    /// How often its pods' containers restarted since the step before; `None` = unknown.
    pub restarts: Option<i64>,
}

/// Why there is no answer: short and clean, for people; never a word of what the other side sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// No connection, or it broke.
    #[error("prometheus cannot be reached")]
    Unreachable,
    /// It took too long.
    #[error("prometheus did not answer in time")]
    TimedOut,
    /// Any status but 200, redirects among them.
    #[error("prometheus answered with HTTP status {0}")]
    Status(u16),
    /// It said that it failed.
    #[error("prometheus answered with an error")]
    Failed,
    /// Warnings came with it, or it was marked as partial: something is missing from it.
    #[error("prometheus answered only in part")]
    Partial,
    /// Not the JSON that its API promises, or not an answer to what was asked.
    #[error("prometheus' answer is not readable")]
    Unreadable,
    /// Another kind of result than the question has.
    #[error("prometheus answered with another type of result")]
    WrongType,
    /// A value that is not a number, or infinite.
    #[error("prometheus answered with a value that is not a number")]
    NotANumber,
    /// More than is read.
    #[error("prometheus answered with more than is read")]
    TooLarge,
    /// Two sources speak about one thing at one time.
    #[error("ambiguous: two series for one {0}")]
    Ambiguous(&'static str),
    /// The labels of kube-state-metrics could not be found out.
    #[error("prometheus has no series of kube-state-metrics")]
    NoSeries,
    /// kube-state-metrics is not scraped, or not lately.
    #[error("kube-state-metrics is not up in prometheus")]
    SourceDown,
    /// A name that Kubernetes would never accept. It cannot come from a live object: a bug, or an attack.
    #[error("a name that is no Kubernetes name was refused")]
    UnsafeName,
    /// More names, more points or finer steps than one question may have.
    #[error("the question is too large for prometheus")]
    TooMuchAsked,
}

impl Unanswered {
    /// A short name from a closed set, for metrics.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timeout",
            Self::Status(_) => "status",
            Self::Failed => "error",
            Self::Partial => "partial",
            Self::Unreadable => "unreadable",
            Self::WrongType => "wrong_type",
            Self::NotANumber => "not_a_number",
            Self::TooLarge => "too_large",
            Self::Ambiguous(_) => "ambiguous",
            Self::NoSeries => "no_series",
            Self::SourceDown => "source_down",
            Self::UnsafeName => "unsafe_name",
            Self::TooMuchAsked => "too_much_asked",
        }
    }
}
