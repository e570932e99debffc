//! Many workloads that fail at once are asked about in one question, not in one each.
//!
//! A question that comes alone goes out at once, and so does its repetition. Where another workload was asked about within the last second there is a
//! burst: then whoever comes waits for the second to pass, and the first of those who wait asks for all; each gets the part that is about its own names.
//! So a burst of two hundred costs a question of each kind a second, and the order is that of arrival.

mod desks;

use super::recent::Recent;
use super::{
    Answer, MOST_CONFIGS, MOST_NODES, MOST_PODS, MOST_REPLICASETS, MOST_SETS, PrometheusPort,
    Range, ReplicaHistory, SetHistory, SetImage, SetKind,
};
use crate::domain::evidence::{
    RanImage, ReplicaSeries, RestartSeries, TerminationSeries, WaitingSeries,
};
use crate::domain::identity::RevisionName;
use crate::domain::surroundings::{ConfigHistory, ConfigName, NodeTrouble, PullFailure};
use desks::Desks;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A port that asks together what comes together.
pub struct Together {
    port: Arc<dyn PrometheusPort>,
    waiting: Desks<String, String, Vec<WaitingSeries>>,
    restarts: Desks<(String, SignedDuration), String, Vec<RestartSeries>>,
    terminations: Desks<String, String, Vec<TerminationSeries>>,
    replicas: Desks<String, String, BTreeMap<String, ReplicaSeries>>,
    history: Desks<(String, Reach), String, ReplicaHistory>,
    digests: Desks<(String, SignedDuration), String, Vec<RanImage>>,
    set_history: Desks<(SetKind, String, Reach), String, SetHistory>,
    set_digests: Desks<(SetKind, String, SignedDuration), String, Vec<SetImage>>,
    config: Desks<(String, Reach), ConfigName, BTreeMap<ConfigName, ConfigHistory>>,
    nodes: Desks<(), String, BTreeMap<String, BTreeSet<NodeTrouble>>>,
    /// By the namespaces that are asked about.
    pulls: Recent<Vec<String>, Vec<PullFailure>>,
    up: Recent<(), bool>,
}

/// How far back a [`Range`] reaches, and its step. Where they are the same, a history that ends within the same second is as good as one's own.
type Reach = (i64, SignedDuration);

impl Together {
    /// In front of another port.
    pub fn new(port: Arc<dyn PrometheusPort>) -> Self {
        Self {
            port,
            waiting: Desks::new(MOST_PODS),
            restarts: Desks::new(MOST_PODS),
            terminations: Desks::new(MOST_PODS),
            replicas: Desks::new(MOST_PODS),
            history: Desks::new(MOST_REPLICASETS),
            digests: Desks::new(MOST_REPLICASETS),
            set_history: Desks::new(MOST_SETS),
            set_digests: Desks::new(MOST_SETS),
            config: Desks::new(MOST_CONFIGS),
            nodes: Desks::lasting(MOST_NODES),
            pulls: Recent::default(),
            up: Recent::default(),
        }
    }
}

impl PrometheusPort for Together {
    fn waiting<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<WaitingSeries>> {
        Box::pin(async move {
            let ask = |pods: Vec<String>| async move { self.port.waiting(namespace, &pods).await };
            let rows = self.waiting.ask(namespace.to_owned(), pods, ask).await?;
            Ok(of(pods, rows, |row| &row.pod))
        })
    }

    fn waiting_in_namespace<'a>(&'a self, namespace: &'a str) -> Answer<'a, Vec<WaitingSeries>> {
        self.port.waiting_in_namespace(namespace)
    }

    fn restarts<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
        window: SignedDuration,
    ) -> Answer<'a, Vec<RestartSeries>> {
        Box::pin(async move {
            let ask = |pods: Vec<String>| async move {
                self.port.restarts(namespace, &pods, window).await
            };
            let key = (namespace.to_owned(), window);
            let rows = self.restarts.ask(key, pods, ask).await?;
            Ok(of(pods, rows, |row| &row.pod))
        })
    }

    fn terminations<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<TerminationSeries>> {
        Box::pin(async move {
            let ask =
                |pods: Vec<String>| async move { self.port.terminations(namespace, &pods).await };
            let key = namespace.to_owned();
            let rows = self.terminations.ask(key, pods, ask).await?;
            Ok(of(pods, rows, |row| &row.pod))
        })
    }

    fn replicas<'a>(
        &'a self,
        namespace: &'a str,
        deployments: &'a [String],
    ) -> Answer<'a, BTreeMap<String, ReplicaSeries>> {
        Box::pin(async move {
            let ask =
                |names: Vec<String>| async move { self.port.replicas(namespace, &names).await };
            let key = namespace.to_owned();
            let mut counts = self.replicas.ask(key, deployments, ask).await?;
            counts.retain(|name, _| deployments.contains(name));
            Ok(counts)
        })
    }

    fn replica_history<'a>(
        &'a self,
        namespace: &'a str,
        replicasets: &'a [String],
        range: Range,
    ) -> Answer<'a, ReplicaHistory> {
        Box::pin(async move {
            let ask = |names: Vec<String>| async move {
                self.port.replica_history(namespace, &names, range).await
            };
            let key = (namespace.to_owned(), reach(range));
            let mut history = self.history.ask(key, replicasets, ask).await?;
            let names: BTreeSet<RevisionName> = replicasets.iter().map(RevisionName::new).collect();
            history.series.retain(|name, _| names.contains(name));
            Ok(history)
        })
    }

    fn digests<'a>(
        &'a self,
        namespace: &'a str,
        replicasets: &'a [String],
        within: SignedDuration,
    ) -> Answer<'a, Vec<RanImage>> {
        Box::pin(async move {
            let ask = |names: Vec<String>| async move {
                self.port.digests(namespace, &names, within).await
            };
            let key = (namespace.to_owned(), within);
            let mut ran = self.digests.ask(key, replicasets, ask).await?;
            ran.retain(|image| {
                replicasets
                    .iter()
                    .any(|name| name == image.revision.as_str())
            });
            Ok(ran)
        })
    }

    fn set_history<'a>(
        &'a self,
        kind: SetKind,
        namespace: &'a str,
        names: &'a [String],
        range: Range,
    ) -> Answer<'a, SetHistory> {
        Box::pin(async move {
            let ask = |names: Vec<String>| async move {
                self.port.set_history(kind, namespace, &names, range).await
            };
            let key = (kind, namespace.to_owned(), reach(range));
            let mut history = self.set_history.ask(key, names, ask).await?;
            history.sets.retain(|name, _| names.contains(name));
            Ok(history)
        })
    }

    fn set_digests<'a>(
        &'a self,
        kind: SetKind,
        namespace: &'a str,
        names: &'a [String],
        within: SignedDuration,
    ) -> Answer<'a, Vec<SetImage>> {
        Box::pin(async move {
            let ask = |names: Vec<String>| async move {
                self.port.set_digests(kind, namespace, &names, within).await
            };
            let key = (kind, namespace.to_owned(), within);
            let mut ran = self.set_digests.ask(key, names, ask).await?;
            ran.retain(|image| names.contains(&image.workload));
            Ok(ran)
        })
    }

    fn config_changes<'a>(
        &'a self,
        namespace: &'a str,
        names: &'a [ConfigName],
        range: Range,
    ) -> Answer<'a, BTreeMap<ConfigName, ConfigHistory>> {
        Box::pin(async move {
            if names.is_empty() {
                return Ok(BTreeMap::new());
            }
            let ask = |names: Vec<ConfigName>| async move {
                self.port.config_changes(namespace, &names, range).await
            };
            let key = (namespace.to_owned(), reach(range));
            let mut histories = self.config.ask(key, names, ask).await?;
            histories.retain(|name, _| names.contains(name));
            Ok(histories)
        })
    }

    fn node_troubles<'a>(
        &'a self,
        nodes: &'a [String],
    ) -> Answer<'a, BTreeMap<String, BTreeSet<NodeTrouble>>> {
        Box::pin(async move {
            let ask = |nodes: Vec<String>| async move { self.port.node_troubles(&nodes).await };
            let mut troubles = self.nodes.ask((), nodes, ask).await?;
            troubles.retain(|node, _| nodes.contains(node));
            Ok(troubles)
        })
    }

    fn pull_failures<'a>(&'a self, namespaces: &'a [String]) -> Answer<'a, Vec<PullFailure>> {
        // Every workload asks the same of all.
        let ask = async { self.port.pull_failures(namespaces).await };
        Box::pin(self.pulls.ask(namespaces.to_vec(), ask))
    }

    fn up(&self) -> Answer<'_, bool> {
        // What it says is true of minutes: of the last moment will do.
        let ask = async { self.port.up().await };
        Box::pin(self.up.ask((), ask))
    }
}

fn reach(range: Range) -> Reach {
    (range.to.as_second() - range.from.as_second(), range.step)
}

/// The rows about these pods.
fn of<R>(pods: &[String], mut rows: Vec<R>, pod: impl Fn(&R) -> &String) -> Vec<R> {
    let pods: BTreeSet<&String> = pods.iter().collect();
    rows.retain(|row| pods.contains(pod(row)));
    rows
}
