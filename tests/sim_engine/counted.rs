//! The port to Prometheus with a count of what is asked through it.

use jiff::SignedDuration;
use ripcord::domain::evidence::{
    RanImage, ReplicaSeries, RestartSeries, TerminationSeries, WaitingSeries,
};
use ripcord::domain::surroundings::{ConfigHistory, ConfigName, NodeTrouble, PullFailure};
use ripcord::platform::prometheus::{
    Answer, PrometheusPort, Range, ReplicaHistory, SetHistory, SetImage, SetKind,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// How often each question was asked.
pub(crate) type Asked = Arc<Mutex<BTreeMap<&'static str, u64>>>;

/// In front of another port.
pub(crate) struct Counted {
    port: Arc<dyn PrometheusPort>,
    asked: Asked,
}

impl Counted {
    pub(crate) fn new(port: Arc<dyn PrometheusPort>, asked: Asked) -> Self {
        Self { port, asked }
    }

    fn count(&self, question: &'static str) -> &dyn PrometheusPort {
        *self.asked.lock().unwrap().entry(question).or_default() += 1;
        &*self.port
    }
}

impl PrometheusPort for Counted {
    fn waiting<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<WaitingSeries>> {
        self.count("waiting").waiting(namespace, pods)
    }

    fn waiting_in_namespace<'a>(&'a self, namespace: &'a str) -> Answer<'a, Vec<WaitingSeries>> {
        self.count("waiting_in_namespace")
            .waiting_in_namespace(namespace)
    }

    fn restarts<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
        window: SignedDuration,
    ) -> Answer<'a, Vec<RestartSeries>> {
        self.count("restarts").restarts(namespace, pods, window)
    }

    fn terminations<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<TerminationSeries>> {
        self.count("terminations").terminations(namespace, pods)
    }

    fn replicas<'a>(
        &'a self,
        namespace: &'a str,
        deployments: &'a [String],
    ) -> Answer<'a, BTreeMap<String, ReplicaSeries>> {
        self.count("replicas").replicas(namespace, deployments)
    }

    fn replica_history<'a>(
        &'a self,
        namespace: &'a str,
        replicasets: &'a [String],
        range: Range,
    ) -> Answer<'a, ReplicaHistory> {
        self.count("replica_history")
            .replica_history(namespace, replicasets, range)
    }

    fn digests<'a>(
        &'a self,
        namespace: &'a str,
        replicasets: &'a [String],
        within: SignedDuration,
    ) -> Answer<'a, Vec<RanImage>> {
        self.count("digests")
            .digests(namespace, replicasets, within)
    }

    fn set_history<'a>(
        &'a self,
        kind: SetKind,
        namespace: &'a str,
        names: &'a [String],
        range: Range,
    ) -> Answer<'a, SetHistory> {
        self.count("set_history")
            .set_history(kind, namespace, names, range)
    }

    fn set_digests<'a>(
        &'a self,
        kind: SetKind,
        namespace: &'a str,
        names: &'a [String],
        within: SignedDuration,
    ) -> Answer<'a, Vec<SetImage>> {
        self.count("set_digests")
            .set_digests(kind, namespace, names, within)
    }

    fn config_changes<'a>(
        &'a self,
        namespace: &'a str,
        names: &'a [ConfigName],
        range: Range,
    ) -> Answer<'a, BTreeMap<ConfigName, ConfigHistory>> {
        self.count("config_changes")
            .config_changes(namespace, names, range)
    }

    fn node_troubles<'a>(
        &'a self,
        nodes: &'a [String],
    ) -> Answer<'a, BTreeMap<String, BTreeSet<NodeTrouble>>> {
        self.count("node_troubles").node_troubles(nodes)
    }

    fn pull_failures<'a>(&'a self, namespaces: &'a [String]) -> Answer<'a, Vec<PullFailure>> {
        self.count("pull_failures").pull_failures(namespaces)
    }

    fn up(&self) -> Answer<'_, bool> {
        self.count("up").up()
    }
}
