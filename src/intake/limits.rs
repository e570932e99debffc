//! Every limit of the intake, each with its reason. Tests shorten them.

use std::time::Duration;

/// What a client may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a request's header may take, and how long a connection may be idle. 5 s: Alertmanager and Prometheus send theirs in one
    /// packet, and an idle connection that was closed costs them one round trip.
    pub headers: Duration,
    /// How many header fields a request may have. 64: Alertmanager sends about ten; more are answered 431.
    pub header_fields: usize,
    /// How large a header may be, and how much of a body is read ahead, in bytes. 64 KiB: room for a long token, nothing more.
    pub read_buffer: usize,
    /// How many connections may be open. 64: some Alertmanager replicas, some Prometheus replicas and a kubelet need about ten;
    /// with 64 KiB each they hold 4 MiB at most.
    pub connections: usize,
    /// How long a connection may be open before it is asked to end after its present request. 5 min: one Prometheus scrape interval is
    /// shorter, and a client that never reads its answers holds its place no longer.
    pub lifetime: Duration,
    /// How long an answered connection is still read from, so that a client in the middle of a refused body sees its answer and not a reset.
    pub linger: Duration,
    /// How large a delivery's body may be, in bytes. 1 MiB: about two thousand alerts with their annotations; Alertmanager answers a 413
    /// by dropping the notification, so that the limit must be far from what it really sends.
    pub body_bytes: usize,
    /// How long a delivery's body may take. 10 s: 1 MiB in that time is a slow line, not a slow cluster network.
    pub body: Duration,
    /// How long recording a delivery may take. 20 s: several API calls that have 5 s each. It ends well below Alertmanager's default
    /// `group_interval` of 5 min, which is its own deadline for a delivery.
    pub handling: Duration,
    /// How long any request may take, from its header to the head of its answer. 35 s: body and handling together end before it, so that
    /// it only ever ends what has no deadline of its own.
    pub request: Duration,
    /// How many deliveries are handled at a time; the next is answered 503. 16: with 1 MiB each they hold 16 MiB, and Alertmanager sends one
    /// at a time for each group.
    pub deliveries: usize,
    /// How many alerts of one delivery are read; the rest counts as truncated. 5,000: more than 1 MiB of real ones, and a body of empty
    /// objects can't be made into hundreds of thousands of structs.
    pub alerts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(5),
            header_fields: 64,
            read_buffer: 64 * 1024,
            connections: 64,
            lifetime: Duration::from_secs(5 * 60),
            linger: Duration::from_secs(1),
            body_bytes: 1024 * 1024,
            body: Duration::from_secs(10),
            handling: Duration::from_secs(20),
            request: Duration::from_secs(35),
            deliveries: 16,
            alerts: 5_000,
        }
    }
}
