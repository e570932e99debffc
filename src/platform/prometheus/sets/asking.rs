//! The HTTP adapter's part: which questions go out for a history, and what is refused before.

use super::super::client::{PrometheusClient, Steps};
use super::super::promql::Name;
use super::super::{Range, Unanswered};
use super::{MOST_SETS, SetHistory, SetImage, SetKind, questions, tables};
use jiff::SignedDuration;
use std::collections::BTreeMap;

impl PrometheusClient {
    /// All questions of a history, at once; one that is not answered makes it none.
    pub(in super::super) async fn set_history_rows(
        &self,
        kind: SetKind,
        namespace: &str,
        names: &[String],
        range: Range,
    ) -> Result<SetHistory, Unanswered> {
        let namespace = Name::parse(namespace)?;
        let names = Name::parse_all(names, MOST_SETS)?;
        let steps = Steps::of(range)?;
        if names.is_empty() {
            return Ok(SetHistory {
                step: range.step,
                sets: BTreeMap::new(),
            });
        }
        let scope = self.scope(namespace).await?;
        let history = questions::history(&scope, kind, &names, range.step);
        let revisions = async {
            match history.revisions {
                Some(question) => {
                    self.ask_range("set_history_revisions", question, steps)
                        .await
                }
                None => Ok(Vec::new()),
            }
        };
        let (counts, revisions, pods, ready, restarts) = futures::try_join!(
            self.ask_range("set_history_counts", history.counts, steps),
            revisions,
            self.ask_range("set_history_pods", history.pods, steps),
            self.ask_range("set_history_ready", history.ready, steps),
            self.ask_range("set_history_restarts", history.restarts, steps),
        )?;
        let rows = tables::Rows {
            counts: self.remember(counts),
            revisions,
            pods,
            ready,
            restarts,
        };
        tables::history(&rows, kind, &scope, namespace, range.step)
    }

    /// Which images ran.
    pub(in super::super) async fn set_digest_rows(
        &self,
        kind: SetKind,
        namespace: &str,
        names: &[String],
        within: SignedDuration,
    ) -> Result<Vec<SetImage>, Unanswered> {
        let namespace = Name::parse(namespace)?;
        let names = Name::parse_all(names, MOST_SETS)?;
        if within.as_secs() <= 0 {
            return Err(Unanswered::TooMuchAsked);
        }
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let scope = self.scope(namespace).await?;
        let question = questions::digests(&scope, kind, &names, within.as_secs());
        let rows = self.ask("set_digests", question).await?;
        tables::digests(&rows, &scope, namespace)
    }
}
