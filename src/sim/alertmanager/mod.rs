//! Alertmanager, as far as a receiver sees it: one route, its groups, and when which of its peers posts what. A script says which alerts fire
//! and resolve; there are no rules. (Alertmanager `dispatch/dispatch.go`, `notify/dedup_stage.go`, `notify/retry_stage.go`.)
//!
//! It has no clock and no client: [`Alertmanager::due`] says what is to be posted now, [`Alertmanager::answered`] takes what came of it, and
//! [`Alertmanager::next_due`] says when to ask again. [`Alertmanager::deliver`] does the three in a row. Whoever drives it can lose, double,
//! delay or reorder deliveries on the way.
//!
//! # What is not modelled
//! Trees of routes, inhibition, silences and muted times, edits of the configuration, limits of the log's retention, payload templates,
//! redirects, chance in the pauses between retries, flushes at once for groups whose first alert is old.

mod flush;
mod payload;

pub use payload::Alert;

use flush::{Fate, Flush, Peer};
use jiff::{SignedDuration, Timestamp};
use payload::{Notification, group_key};
use std::collections::{BTreeMap, BTreeSet};

/// How far a peer waits for the one before it (`--cluster.peer-timeout`).
const PEER_WAIT: SignedDuration = SignedDuration::from_secs(15);

/// Where alerts go, and when. The default is Alertmanager's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The receiver's name.
    pub receiver: String,
    /// The labels by which alerts are grouped.
    pub group_by: Vec<String>,
    /// How long a new group waits for more alerts.
    pub group_wait: SignedDuration,
    /// How far two flushes of a group are apart.
    pub group_interval: SignedDuration,
    /// After how long the same is said again.
    pub repeat_interval: SignedDuration,
    /// Whether it says that alerts have resolved.
    pub send_resolved: bool,
    /// How many alerts one payload holds at most; 0 = all.
    pub max_alerts: usize,
    /// Whether the payload has the fields that came with 0.32 and 0.34.
    pub newer_fields: bool,
    /// Its own address.
    pub external_url: String,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            receiver: "responder".to_owned(),
            group_by: vec!["alertname".to_owned(), "namespace".to_owned()],
            group_wait: SignedDuration::from_secs(30),
            group_interval: SignedDuration::from_mins(5),
            repeat_interval: SignedDuration::from_hours(4),
            send_resolved: true,
            max_alerts: 0,
            newer_fields: false,
            external_url: "http://127.0.0.1:9093".to_owned(),
        }
    }
}

/// How many instances there are, and whether they hear of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peers {
    /// One.
    One,
    /// Two: the second posts only what the first could not within 15 s.
    Pair,
    /// Two that do not hear of each other: both post everything, the second 15 s later and as it was then.
    Split,
}

/// One POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which instance posts it: 0 or 1.
    pub peer: usize,
    /// The group's key.
    pub group: String,
    /// The how many-th attempt at this notification, from 1.
    pub attempt: u32,
    /// The payload, as JSON.
    pub body: String,
}

/// What came of a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This HTTP status.
    Status(u16),
    /// No answer: no connection, or a time-out.
    Nothing,
}

/// An alert with its present episode.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Episode {
    alert: Alert,
    starts_at: Timestamp,
    /// `None` = it fires.
    ends_at: Option<Timestamp>,
}

/// What a group was last told of.
#[derive(Clone, Debug)]
struct Entry {
    firing: BTreeSet<u64>,
    resolved: BTreeSet<u64>,
    at: Timestamp,
}

struct Group {
    labels: BTreeMap<String, String>,
    /// By fingerprint.
    episodes: BTreeMap<u64, Episode>,
    peers: Vec<Peer>,
}

/// One route of one Alertmanager, or of a pair of them.
pub struct Alertmanager {
    route: Route,
    peers: Peers,
    groups: BTreeMap<String, Group>,
    /// By who remembers it and the group's key.
    log: BTreeMap<(usize, String), Entry>,
}

impl Alertmanager {
    /// With no alerts yet.
    pub fn new(route: Route, peers: Peers) -> Self {
        Self {
            route,
            peers,
            groups: BTreeMap::new(),
            log: BTreeMap::new(),
        }
    }

    /// An alert fires from now on. One that fires already goes on; one that has resolved begins a new episode.
    pub fn fire(&mut self, alert: &Alert, now: Timestamp) {
        let labels = alert.labels_of(&self.route.group_by);
        let count = if self.peers == Peers::One { 1 } else { 2 };
        let first = add(now, self.route.group_wait);
        let group = self.groups.entry(group_key(&labels));
        let group = group.or_insert_with(|| Group {
            labels,
            episodes: BTreeMap::new(),
            peers: (0..count).map(|_| Peer::new(first)).collect(),
        });
        let fresh = Episode {
            alert: alert.clone(),
            starts_at: now,
            ends_at: None,
        };
        let episode = group
            .episodes
            .entry(alert.fingerprint())
            .or_insert_with(|| fresh.clone());
        if episode.ends_at.is_some() {
            *episode = fresh;
        }
    }

    /// An alert fires no more.
    pub fn resolve(&mut self, alert: &Alert, now: Timestamp) {
        let key = group_key(&alert.labels_of(&self.route.group_by));
        let group = self.groups.get_mut(&key);
        let episode = group.and_then(|group| group.episodes.get_mut(&alert.fingerprint()));
        if let Some(episode) = episode.filter(|episode| episode.ends_at.is_none()) {
            episode.ends_at = Some(now);
        }
    }

    /// What is to be posted now. Each of them wants to be [answered](Self::answered) before anything more comes of its group and peer.
    pub fn due(&mut self, now: Timestamp) -> Vec<Delivery> {
        let mut due = Vec::new();
        for (key, group) in &mut self.groups {
            for (number, peer) in group.peers.iter_mut().enumerate() {
                let memory = (memory_of(self.peers, number), key.clone());
                if peer.begins(now) {
                    peer.flush = Some(Flush::of(
                        group.episodes.values().cloned().collect(),
                        now,
                        add(now, wait_of(number)),
                    ));
                }
                let Some(flush) = peer.flush.as_mut().filter(|flush| flush.is_due(now)) else {
                    continue;
                };
                if flush.attempt == 0 && !flush.is_news(self.log.get(&memory), &self.route, now) {
                    forget_resolved(&mut group.episodes, flush);
                    peer.end(now, self.route.group_interval);
                    continue;
                }
                let attempt = flush.begin_attempt();
                let notification = Notification {
                    route: &self.route,
                    group_labels: &group.labels,
                    episodes: &flush.episodes,
                    has_new: flush.has_new(self.log.get(&memory)),
                };
                due.push(Delivery {
                    peer: number,
                    group: key.clone(),
                    attempt,
                    body: notification.body().to_string(),
                });
            }
        }
        self.groups.retain(|_, group| !group.is_over());
        due
    }

    /// What came of a delivery. 2xx is success; 5xx and no answer are tried again, after half a second and half as long again each time, for
    /// as long as the group's interval; anything else waits for the next flush.
    pub fn answered(&mut self, delivery: &Delivery, answer: Answer, now: Timestamp) {
        let Some(group) = self.groups.get_mut(&delivery.group) else {
            return;
        };
        let Some(peer) = group.peers.get_mut(delivery.peer) else {
            return;
        };
        let Some(flush) = &mut peer.flush else {
            return;
        };
        let patience = add(
            flush.began,
            self.route.group_interval.max(SignedDuration::from_secs(10)),
        );
        let patience = add(patience, wait_of(delivery.peer));
        match flush.fate(answer, now, patience) {
            Fate::Delivered => {
                let memory = memory_of(self.peers, delivery.peer);
                let entry = flush.entry(now);
                self.log.insert((memory, delivery.group.clone()), entry);
                forget_resolved(&mut group.episodes, flush);
                peer.end(now, self.route.group_interval);
            }
            Fate::TriedAgain => {}
            Fate::GivenUp => peer.end(now, self.route.group_interval),
        }
        self.groups.retain(|_, group| !group.is_over());
    }

    /// When [`Self::due`] has something to do again; `None` = nothing fires.
    pub fn next_due(&self) -> Option<Timestamp> {
        let peers = self.groups.values().flat_map(|group| &group.peers);
        peers.filter_map(Peer::next_due).min()
    }

    /// Posts what is due, one after the other, and goes on as it is answered. `now` is asked again after each.
    pub async fn deliver(
        &mut self,
        now: impl Fn() -> Timestamp,
        mut post: impl AsyncFnMut(&Delivery) -> Answer,
    ) {
        for delivery in self.due(now()) {
            let answer = post(&delivery).await;
            self.answered(&delivery, answer, now());
        }
    }
}

impl Group {
    /// It has said all that it had to say.
    fn is_over(&self) -> bool {
        self.episodes.is_empty() && self.peers.iter().all(|peer| peer.flush.is_none())
    }
}

/// Those whose end was told, unless they fire again by now.
fn forget_resolved(episodes: &mut BTreeMap<u64, Episode>, flush: &Flush) {
    for told in flush.episodes.iter().filter(|told| told.ends_at.is_some()) {
        let fingerprint = told.alert.fingerprint();
        if episodes.get(&fingerprint) == Some(told) {
            episodes.remove(&fingerprint);
        }
    }
}

fn memory_of(peers: Peers, peer: usize) -> usize {
    if peers == Peers::Split { peer } else { 0 }
}

fn wait_of(peer: usize) -> SignedDuration {
    if peer == 0 {
        SignedDuration::ZERO
    } else {
        PEER_WAIT
    }
}

fn add(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_add(span).unwrap_or(time)
}
