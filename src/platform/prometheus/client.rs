//! The HTTP adapter: every limit is here, and one place through which every call goes.

use super::answer::{Sample, Series, matrix, vector};
use super::around;
use super::digests;
use super::promql::{LabelNames, Name, is_label_name};
use super::questions::{self, Scope};
use super::recent::Recent;
use super::tables::{self, HistoryRows};
use super::{
    Answer, MOST_CONFIGS, MOST_NAMESPACES, MOST_NODES, MOST_PODS, MOST_POINTS, MOST_REPLICASETS,
    PrometheusPort, Range, ReplicaHistory, SetHistory, SetImage, SetKind, Unanswered,
};
use crate::domain::evidence::{
    RanImage, ReplicaSeries, RestartSeries, TerminationSeries, WaitingSeries,
};
use crate::domain::surroundings::{ConfigHistory, ConfigName, NodeTrouble, PullFailure};
use crate::platform::CallObserver;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// More than this is not read, and the connection is closed.
///
/// The largest honest answer is one range query of a history: 20 ReplicaSets x 10,081 points (7 days by the minute) x at most 22 bytes
/// (`[1795413120,"1000"],`) = 4.4 MB, were all of them asked for pods for the whole week; one such ReplicaSet is 0.2 MB. Instant answers stay under 1 MB.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;
/// To open a connection; the whole call has the configured time-out.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Where Prometheus is and what is believed of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its base address; a path in it stays in front of `/api/v1/…`.
    pub url: String,
    /// For one call, from connecting to the last byte.
    pub timeout: Duration,
    /// Label matchers that every selector gets: they say whose series are believed (`job: kube-state-metrics`).
    pub matchers: BTreeMap<String, String>,
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The address is not `http://…` or `https://…`, or has a query or a fragment.
    #[error("the address of prometheus is not a usable http address")]
    Url,
    /// A label in `matchers` is not one.
    #[error("`{0}` is not the name of a label")]
    Label(String),
    /// The HTTP client could not be made.
    #[error("the http client could not be made")]
    Client(#[source] reqwest::Error),
}

/// Prometheus over HTTP.
pub struct PrometheusClient {
    http: reqwest::Client,
    instant: reqwest::Url,
    range: reqwest::Url,
    timeout: Duration,
    matchers: BTreeMap<String, String>,
    /// How the labels are called; forgotten when an answer was empty, for then it may be that the scrape was configured anew.
    labels: Mutex<Option<LabelNames>>,
    /// Where questions that come together ask for them once, and share a time-out too.
    asked_labels: Recent<(), LabelNames>,
    observer: Arc<dyn CallObserver>,
}

impl PrometheusClient {
    /// Makes a client; nothing is asked yet.
    ///
    /// # Errors
    /// Where the settings cannot be used.
    pub fn new(settings: Settings, observer: Arc<dyn CallObserver>) -> Result<Self, BuildError> {
        let Settings {
            url,
            timeout,
            matchers,
        } = settings;
        if let Some(label) = matchers.keys().find(|label| !is_label_name(label)) {
            return Err(BuildError::Label(label.clone()));
        }
        let base: reqwest::Url = url.parse().map_err(|_| BuildError::Url)?;
        let usable = matches!(base.scheme(), "http" | "https")
            && base.query().is_none()
            && base.fragment().is_none();
        let endpoint = |name: &str| {
            let mut endpoint = base.clone();
            endpoint.set_path(&format!(
                "{}/api/v1/{name}",
                base.path().trim_end_matches('/')
            ));
            endpoint
        };
        if !usable {
            return Err(BuildError::Url);
        }
        let http = crate::platform::http::client(&url, CONNECT_TIMEOUT, timeout)
            .build()
            .map_err(BuildError::Client)?;
        Ok(Self {
            http,
            instant: endpoint("query"),
            range: endpoint("query_range"),
            timeout,
            matchers,
            labels: Mutex::default(),
            asked_labels: Recent::default(),
            observer,
        })
    }

    /// One call, observed.
    async fn call<T>(
        &self,
        operation: &'static str,
        url: &reqwest::Url,
        form: &[(&str, String)],
        read: fn(&[u8]) -> Result<T, Unanswered>,
    ) -> Result<T, Unanswered> {
        let begun = Instant::now();
        let answer = match self.post(url, form).await {
            Ok(body) => read(&body),
            Err(unanswered) => Err(unanswered),
        };
        let failed = answer.as_ref().err().map(|unanswered| unanswered.kind());
        let seconds = begun.elapsed().as_secs_f64();
        self.observer
            .observed("prometheus", operation, seconds, failed);
        answer
    }

    async fn post(
        &self,
        url: &reqwest::Url,
        form: &[(&str, String)],
    ) -> Result<Vec<u8>, Unanswered> {
        let mut response = self
            .http
            .post(url.clone())
            .form(form)
            .send()
            .await
            .map_err(|error| broken(&error))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(Unanswered::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(Unanswered::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// So that Prometheus stops working on what nobody waits for any more.
    fn server_timeout(&self) -> (&'static str, String) {
        ("timeout", format!("{}ms", self.timeout.as_millis()))
    }

    /// The matchers that every selector gets.
    pub(super) fn matchers(&self) -> &BTreeMap<String, String> {
        &self.matchers
    }

    /// One instant query.
    pub(super) async fn ask(
        &self,
        operation: &'static str,
        query: String,
    ) -> Result<Vec<Sample>, Unanswered> {
        let form = [("query", query), self.server_timeout()];
        self.call(operation, &self.instant, &form, vector).await
    }

    /// One range query.
    pub(super) async fn ask_range(
        &self,
        operation: &'static str,
        query: String,
        steps: Steps,
    ) -> Result<Vec<Series>, Unanswered> {
        let form = [
            ("query", query),
            ("start", steps.first.to_string()),
            ("end", steps.last.to_string()),
            ("step", steps.apart.to_string()),
            self.server_timeout(),
        ];
        self.call(operation, &self.range, &form, matrix).await
    }

    /// Whose series, in this namespace.
    pub(super) async fn scope<'a>(&'a self, namespace: Name<'a>) -> Result<Scope<'a>, Unanswered> {
        let known = *self.known_labels();
        let labels = match known {
            Some(labels) => labels,
            None => self.asked_labels.ask((), self.find_labels()).await?,
        };
        Ok(Scope {
            labels,
            matchers: &self.matchers,
            namespace,
        })
    }

    async fn find_labels(&self) -> Result<LabelNames, Unanswered> {
        let question = questions::labels(&self.matchers);
        let rows = self.ask("labels", question).await?;
        let series = rows.first().ok_or(Unanswered::NoSeries)?;
        let labels = LabelNames::of(&series.labels).ok_or(Unanswered::Unreadable)?;
        *self.known_labels() = Some(labels);
        Ok(labels)
    }

    fn known_labels(&self) -> MutexGuard<'_, Option<LabelNames>> {
        // A panic while they were held left them whole: they are only ever replaced.
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes an answer on; after an empty one the labels are found out again.
    pub(super) fn remember<T>(&self, rows: Vec<T>) -> Vec<T> {
        if rows.is_empty() {
            *self.known_labels() = None;
        }
        rows
    }

    async fn waiting_rows(
        &self,
        operation: &'static str,
        namespace: &str,
        pods: Option<&[String]>,
    ) -> Result<Vec<WaitingSeries>, Unanswered> {
        let namespace = Name::parse(namespace)?;
        let pods = pods
            .map(|pods| Name::parse_all(pods, MOST_PODS))
            .transpose()?;
        if pods.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let scope = self.scope(namespace).await?;
        let rows = self
            .ask(operation, questions::waiting(&scope, pods.as_deref()))
            .await?;
        let rows = self.remember(rows);
        tables::waiting(&rows, scope.labels, namespace)
    }

    async fn history_rows(
        &self,
        namespace: &str,
        replicasets: &[String],
        range: Range,
    ) -> Result<ReplicaHistory, Unanswered> {
        let namespace = Name::parse(namespace)?;
        let replicasets = Name::parse_all(replicasets, MOST_REPLICASETS)?;
        let steps = Steps::of(range)?;
        if replicasets.is_empty() {
            return Ok(ReplicaHistory {
                step: range.step,
                series: BTreeMap::new(),
            });
        }
        let scope = self.scope(namespace).await?;
        let history = questions::history(&scope, &replicasets, range.step);
        let (wanted, ready, ambiguous, restarts) = futures::try_join!(
            self.ask_range("replica_history_wanted", history.wanted, steps),
            self.ask_range("replica_history_ready", history.ready, steps),
            self.ask_range("replica_history_ambiguous", history.ambiguous, steps),
            self.ask_range("replica_history_restarts", history.restarts, steps),
        )?;
        let rows = HistoryRows {
            wanted: self.remember(wanted),
            ready,
            ambiguous,
            restarts,
        };
        tables::history(&rows, scope.labels, namespace, range.step)
    }
}

/// A range as Prometheus takes it: whole seconds, and the first step so that the last one falls on the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    first: i64,
    last: i64,
    apart: i64,
}

impl Steps {
    pub(super) fn of(Range { from, to, step }: Range) -> Result<Self, Unanswered> {
        let (apart, last) = (step.as_secs(), to.as_second());
        let whole = step.subsec_nanos() == 0 && apart > 0;
        let between = if whole {
            (last - from.as_second()) / apart
        } else {
            -1
        };
        if !(0..MOST_POINTS).contains(&between) {
            return Err(Unanswered::TooMuchAsked);
        }
        Ok(Self {
            first: last - between * apart,
            last,
            apart,
        })
    }
}

fn broken(error: &reqwest::Error) -> Unanswered {
    if error.is_timeout() {
        Unanswered::TimedOut
    } else {
        Unanswered::Unreachable
    }
}

impl PrometheusPort for PrometheusClient {
    fn waiting<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<WaitingSeries>> {
        Box::pin(self.waiting_rows("waiting", namespace, Some(pods)))
    }

    fn waiting_in_namespace<'a>(&'a self, namespace: &'a str) -> Answer<'a, Vec<WaitingSeries>> {
        Box::pin(self.waiting_rows("waiting_in_namespace", namespace, None))
    }

    fn restarts<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
        window: SignedDuration,
    ) -> Answer<'a, Vec<RestartSeries>> {
        Box::pin(async move {
            let namespace = Name::parse(namespace)?;
            let pods = Name::parse_all(pods, MOST_PODS)?;
            if window.as_secs() <= 0 {
                return Err(Unanswered::TooMuchAsked);
            }
            if pods.is_empty() {
                return Ok(Vec::new());
            }
            let scope = self.scope(namespace).await?;
            let rows = self
                .ask("restarts", questions::restarts(&scope, &pods, window))
                .await?;
            let rows = self.remember(rows);
            tables::restarts(&rows, scope.labels, namespace)
        })
    }

    fn terminations<'a>(
        &'a self,
        namespace: &'a str,
        pods: &'a [String],
    ) -> Answer<'a, Vec<TerminationSeries>> {
        Box::pin(async move {
            let namespace = Name::parse(namespace)?;
            let pods = Name::parse_all(pods, MOST_PODS)?;
            if pods.is_empty() {
                return Ok(Vec::new());
            }
            let scope = self.scope(namespace).await?;
            let rows = self
                .ask("terminations", questions::terminations(&scope, &pods))
                .await?;
            let rows = self.remember(rows);
            tables::terminations(&rows, scope.labels, namespace)
        })
    }

    fn replicas<'a>(
        &'a self,
        namespace: &'a str,
        deployments: &'a [String],
    ) -> Answer<'a, BTreeMap<String, ReplicaSeries>> {
        Box::pin(async move {
            let namespace = Name::parse(namespace)?;
            let deployments = Name::parse_all(deployments, MOST_PODS)?;
            if deployments.is_empty() {
                return Ok(BTreeMap::new());
            }
            let scope = self.scope(namespace).await?;
            let rows = self
                .ask("replicas", questions::replicas(&scope, &deployments))
                .await?;
            let rows = self.remember(rows);
            tables::replicas(&rows, scope.labels, namespace)
        })
    }

    fn replica_history<'a>(
        &'a self,
        namespace: &'a str,
        replicasets: &'a [String],
        range: Range,
    ) -> Answer<'a, ReplicaHistory> {
        Box::pin(self.history_rows(namespace, replicasets, range))
    }

    fn digests<'a>(
        &'a self,
        namespace: &'a str,
        replicasets: &'a [String],
        within: SignedDuration,
    ) -> Answer<'a, Vec<RanImage>> {
        Box::pin(async move {
            let namespace = Name::parse(namespace)?;
            let replicasets = Name::parse_all(replicasets, MOST_REPLICASETS)?;
            if within.as_secs() <= 0 {
                return Err(Unanswered::TooMuchAsked);
            }
            if replicasets.is_empty() {
                return Ok(Vec::new());
            }
            let scope = self.scope(namespace).await?;
            let question = digests::question(&scope, &replicasets, within.as_secs());
            let rows = self.ask("digests", question).await?;
            digests::images(&rows, &scope, namespace)
        })
    }

    fn set_history<'a>(
        &'a self,
        kind: SetKind,
        namespace: &'a str,
        names: &'a [String],
        range: Range,
    ) -> Answer<'a, SetHistory> {
        Box::pin(self.set_history_rows(kind, namespace, names, range))
    }

    fn set_digests<'a>(
        &'a self,
        kind: SetKind,
        namespace: &'a str,
        names: &'a [String],
        within: SignedDuration,
    ) -> Answer<'a, Vec<SetImage>> {
        Box::pin(self.set_digest_rows(kind, namespace, names, within))
    }

    fn config_changes<'a>(
        &'a self,
        namespace: &'a str,
        names: &'a [ConfigName],
        range: Range,
    ) -> Answer<'a, BTreeMap<ConfigName, ConfigHistory>> {
        Box::pin(async move {
            let namespace = Name::parse(namespace)?;
            let parsed = around::ConfigNames::parse(names, MOST_CONFIGS)?;
            let steps = Steps::of(range)?;
            if names.is_empty() {
                return Ok(BTreeMap::new());
            }
            let scope = self.scope(namespace).await?;
            let questions = around::config(&scope, &parsed, steps.apart);
            let (moved, present) = futures::try_join!(
                self.ask_range("config_changes", questions.moved, steps),
                self.ask("config", questions.present),
            )?;
            around::config_histories(&moved, &present, &scope, range)
        })
    }

    fn node_troubles<'a>(
        &'a self,
        nodes: &'a [String],
    ) -> Answer<'a, BTreeMap<String, BTreeSet<NodeTrouble>>> {
        Box::pin(async move {
            let nodes = Name::parse_all(nodes, MOST_NODES)?;
            if nodes.is_empty() {
                return Ok(BTreeMap::new());
            }
            let rows = self
                .ask("nodes", around::nodes(&self.matchers, &nodes))
                .await?;
            around::node_troubles(&rows, &nodes)
        })
    }

    fn pull_failures<'a>(&'a self, namespaces: &'a [String]) -> Answer<'a, Vec<PullFailure>> {
        Box::pin(async move {
            let namespaces = Name::parse_all(namespaces, MOST_NAMESPACES)?;
            let Some(first) = namespaces.first() else {
                return Ok(Vec::new());
            };
            let scope = self.scope(*first).await?;
            let rows = self
                .ask("pulls", around::pulls(&scope, &namespaces))
                .await?;
            around::pull_failures(&rows, &scope, &namespaces)
        })
    }

    fn up(&self) -> Answer<'_, bool> {
        Box::pin(async move {
            let rows = self.ask("up", questions::up(&self.matchers)).await?;
            Ok(tables::single(&rows)?.is_some_and(|up| up > 0.0))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )]
    use super::*;
    use jiff::Timestamp;

    fn range(seconds: i64, step: SignedDuration) -> Range {
        let to = Timestamp::from_millisecond(1_795_413_120_594).unwrap();
        Range {
            from: to - SignedDuration::from_secs(seconds),
            to,
            step,
        }
    }

    #[test]
    fn more_points_than_prometheus_allows_are_not_asked_for() {
        let second = SignedDuration::from_secs(1);
        assert_eq!(
            Steps::of(range(11_000, second)),
            Err(Unanswered::TooMuchAsked)
        );
        assert!(Steps::of(range(10_999, second)).is_ok());
        assert_eq!(Steps::of(range(-1, second)), Err(Unanswered::TooMuchAsked));
        assert_eq!(
            Steps::of(range(10, SignedDuration::from_millis(1_500))),
            Err(Unanswered::TooMuchAsked)
        );
        assert_eq!(
            Steps::of(range(10, SignedDuration::ZERO)),
            Err(Unanswered::TooMuchAsked)
        );
    }

    #[test]
    fn the_last_step_falls_on_the_end() {
        let steps = Steps::of(range(150, SignedDuration::from_mins(1))).unwrap();
        assert_eq!(
            steps,
            Steps {
                first: 1_795_413_000,
                last: 1_795_413_120,
                apart: 60
            }
        );
    }
}
