//! What there is in Prometheus, before anything is asked of it: for `check --live`. The engine does not use it.

use super::answer::Sample;
use super::client::PrometheusClient;
use super::promql::{LabelNames, Name, Selector};
use super::questions::{self, SCRAPED_WITHIN_SECONDS};
use super::{Unanswered, tables};
use std::collections::{BTreeMap, BTreeSet};

/// A metric that a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Its name.
    pub metric: &'static str,
    /// Whether a cluster with one healthy Deployment has it. The others are there only while something fails, or with a Secret, a StatefulSet or a DaemonSet.
    pub always: bool,
}

const fn always(metric: &'static str) -> Needed {
    Needed {
        metric,
        always: true,
    }
}

const fn sometimes(metric: &'static str) -> Needed {
    Needed {
        metric,
        always: false,
    }
}

/// Every metric of kube-state-metrics that is asked for; a test compares it with the questions.
pub const NEEDED: [Needed; 28] = [
    always("kube_pod_container_info"),
    always("kube_pod_owner"),
    always("kube_pod_container_status_restarts_total"),
    always("kube_deployment_spec_replicas"),
    always("kube_deployment_status_replicas_available"),
    always("kube_replicaset_spec_replicas"),
    always("kube_replicaset_status_ready_replicas"),
    always("kube_configmap_metadata_resource_version"),
    always("kube_node_status_condition"),
    always("kube_pod_status_ready"),
    sometimes("kube_statefulset_replicas"),
    sometimes("kube_statefulset_status_replicas"),
    sometimes("kube_statefulset_status_replicas_ready"),
    sometimes("kube_statefulset_status_replicas_updated"),
    sometimes("kube_statefulset_status_current_revision"),
    sometimes("kube_statefulset_status_update_revision"),
    sometimes("kube_daemonset_status_desired_number_scheduled"),
    sometimes("kube_daemonset_status_current_number_scheduled"),
    sometimes("kube_daemonset_status_number_ready"),
    sometimes("kube_daemonset_status_updated_number_scheduled"),
    sometimes("kube_secret_metadata_resource_version"),
    sometimes("kube_pod_init_container_info"),
    sometimes("kube_pod_container_status_waiting_reason"),
    sometimes("kube_pod_container_status_last_terminated_reason"),
    sometimes("kube_pod_container_status_last_terminated_exitcode"),
    sometimes("kube_pod_init_container_status_restarts_total"),
    sometimes("kube_pod_init_container_status_waiting_reason"),
    sometimes("kube_pod_init_container_status_last_terminated_reason"),
];

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Whether what the matchers name is scraped now; `None` = they name no target.
    pub up: Result<Option<bool>, Unanswered>,
    /// The values of `job` under which kube-state-metrics is there, whatever the matchers say.
    pub jobs: Vec<String>,
    /// How old the newest sample of each needed metric is, in seconds.
    pub series: Vec<(Needed, Result<Age, Unanswered>)>,
    /// How the labels of a container are called: namespace, pod, container, uid. `None` = there is no series to tell it by.
    pub labels: Result<Option<Vec<&'static str>>, Unanswered>,
    /// How many sources speak about one container, at most; `None` = none does.
    pub sources: Result<Option<f64>, Unanswered>,
    /// The uids of the pods that Prometheus knows in each namespace.
    pub pods: BTreeMap<String, Result<BTreeSet<String>, Unanswered>>,
    /// What became of deliveries to Ripcord in the last ten minutes.
    pub deliveries: Result<Deliveries, Unanswered>,
}

/// How old a metric's newest sample is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Age {
    /// It is scraped; so many seconds ago.
    Fresh(f64),
    /// It was there; so many seconds ago.
    Stale(f64),
    /// Not within the last six hours.
    Never,
}

/// By Ripcord's own metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Deliveries {
    /// Alerts that Ripcord took in the last day; `None` = Prometheus does not scrape Ripcord.
    pub taken: Option<f64>,
    /// Alerts that it took in the last ten minutes.
    pub taken_lately: Option<f64>,
    /// Deliveries that it refused in the last ten minutes because of their token.
    pub refused_lately: Option<f64>,
}

impl PrometheusClient {
    /// Looks at everything that the questions will need, for these namespaces.
    pub async fn survey(&self, namespaces: &[String]) -> Survey {
        let ask = |query| self.ask("survey", query);
        let matchers = self.matchers();
        let info = Selector::metric("kube_pod_container_info", matchers).finish();
        let everywhere = Selector::metric("kube_pod_container_info", &BTreeMap::new()).finish();
        let (up, jobs, labels) = futures::join!(
            ask(questions::up(matchers)),
            ask(format!("group by (job) ({everywhere})")),
            ask(questions::labels(matchers)),
        );
        let names = labels.as_ref().ok().and_then(|rows| label_names(rows));
        let sources = match names {
            Some(names) => {
                let LabelNames {
                    namespace,
                    pod,
                    container,
                    uid,
                } = names;
                // What a container's restart changes is no other source: for five minutes after a reload of Prometheus both are there.
                let one =
                    format!("group without (image,image_id,image_spec,container_id) ({info})");
                ask(format!(
                    "max(count by ({namespace},{pod},{container},{uid}) ({one}))"
                ))
                .await
                .and_then(|rows| tables::single(&rows))
            }
            None => Ok(None),
        };
        let mut series = Vec::new();
        for needed in NEEDED {
            series.push((needed, self.age(needed.metric).await));
        }
        let mut pods = BTreeMap::new();
        for namespace in namespaces {
            let known = match names {
                Some(names) => self.known_pods(names, namespace).await,
                None => Ok(BTreeSet::new()),
            };
            pods.insert(namespace.clone(), known);
        }
        Survey {
            up: up
                .and_then(|rows| tables::single(&rows))
                .map(|up| up.map(|up| up > 0.0)),
            jobs: jobs.unwrap_or_default().iter().map(job).collect(),
            series,
            labels: labels.map(|rows| {
                label_names(&rows)
                    .map(|names| vec![names.namespace, names.pod, names.container, names.uid])
            }),
            sources,
            pods,
            deliveries: self.deliveries().await,
        }
    }

    async fn age(&self, metric: &'static str) -> Result<Age, Unanswered> {
        let selector = Selector::metric(metric, self.matchers()).finish();
        let now = self
            .ask("survey", format!("time() - max(timestamp({selector}))"))
            .await?;
        if let Some(age) = tables::single(&now)? {
            return Ok(if age <= f64::from(SCRAPED_WITHIN_SECONDS) {
                Age::Fresh(age)
            } else {
                Age::Stale(age)
            });
        }
        let before = format!("time() - max(max_over_time(timestamp({selector})[6h:1m]))");
        let before = self.ask("survey", before).await?;
        Ok(tables::single(&before)?.map_or(Age::Never, Age::Stale))
    }

    async fn known_pods(
        &self,
        names: LabelNames,
        namespace: &str,
    ) -> Result<BTreeSet<String>, Unanswered> {
        let namespace = Name::parse(namespace)?;
        let info = Selector::metric("kube_pod_container_info", self.matchers())
            .equals(names.namespace, namespace)
            .finish();
        let uid = names.uid;
        let rows = self
            .ask("survey", format!("group by ({uid}) ({info})"))
            .await?;
        let uids = rows.iter().filter_map(|row| row.labels.get(uid));
        Ok(uids.cloned().collect())
    }

    async fn deliveries(&self) -> Result<Deliveries, Unanswered> {
        let one = |query: &'static str| async move {
            let rows = self.ask("survey", query.to_owned()).await?;
            tables::single(&rows)
        };
        let (taken, taken_lately, refused_lately) = futures::try_join!(
            one("sum(max_over_time(ripcord_alerts_received_total[1d]))"),
            one("sum(increase(ripcord_alerts_received_total[10m]))"),
            one(r#"sum(increase(ripcord_alerts_invalid_total{reason="unauthorized"}[10m]))"#),
        )?;
        Ok(Deliveries {
            taken,
            taken_lately,
            refused_lately,
        })
    }
}

fn label_names(rows: &[Sample]) -> Option<LabelNames> {
    LabelNames::of(&rows.first()?.labels)
}

fn job(row: &Sample) -> String {
    let job = row.labels.get("job");
    job.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::around;
    use super::super::digests;
    use super::super::questions::Scope;
    use super::super::sets::{self, SetKind};
    use super::*;
    use crate::domain::surroundings::{ConfigKind, ConfigName};
    use jiff::SignedDuration;
    use regex::Regex;

    /// Every query that is asked of kube-state-metrics for a diagnosis or a proof.
    fn queries() -> Vec<String> {
        let matchers = BTreeMap::new();
        let scope = Scope {
            labels: LabelNames {
                namespace: "namespace",
                pod: "pod",
                container: "container",
                uid: "uid",
            },
            matchers: &matchers,
            namespace: Name::parse("shop").unwrap(),
        };
        let names = [Name::parse("web").unwrap()];
        let minute = SignedDuration::from_mins(1);
        let history = questions::history(&scope, &names, minute);
        let config = [ConfigName {
            kind: ConfigKind::ConfigMap,
            name: "web".to_owned(),
        }];
        let config = around::ConfigNames::parse(&config, 1).unwrap();
        let config = around::config(&scope, &config, 60);
        let of_sets = [SetKind::StatefulSet, SetKind::DaemonSet].map(|kind| {
            let history = sets::questions::history(&scope, kind, &names, minute);
            let revisions = history.revisions.unwrap_or_default();
            let digests = sets::questions::digests(&scope, kind, &names, 60);
            [
                history.counts,
                revisions,
                history.pods,
                history.ready,
                history.restarts,
                digests,
            ]
        });
        let mut all = of_sets.concat();
        all.extend([
            digests::question(&scope, &names, 60),
            config.moved,
            config.present,
            around::nodes(&matchers, &names),
            around::pulls(&scope, &names),
            questions::labels(&matchers),
            questions::waiting(&scope, Some(&names)),
            questions::restarts(&scope, &names, minute),
            questions::terminations(&scope, &names),
            questions::replicas(&scope, &names),
            history.wanted,
            history.ready,
            history.ambiguous,
            history.restarts,
        ]);
        all
    }

    #[test]
    fn the_survey_looks_for_what_the_questions_ask() {
        let selected = Regex::new(r#"__name__=~?"([^"]+)""#).unwrap();
        let asked: Vec<Regex> = queries()
            .iter()
            .flat_map(|query| {
                let found = selected.captures_iter(query);
                let patterns = found.map(|found| found[1].to_owned());
                patterns.collect::<Vec<_>>()
            })
            .map(|pattern| Regex::new(&format!("^(?:{pattern})$")).unwrap())
            .collect();
        assert!(asked.len() > 9, "{}", asked.len());
        for pattern in &asked {
            assert!(
                NEEDED.iter().any(|needed| pattern.is_match(needed.metric)),
                "{pattern}"
            );
        }
        for needed in NEEDED {
            assert!(
                asked.iter().any(|pattern| pattern.is_match(needed.metric)),
                "{needed:?}"
            );
        }
    }
}
