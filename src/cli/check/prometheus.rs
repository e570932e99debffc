//! Prometheus: that it answers, and that what the evidence is made of is in it, fresh, and of this cluster.

use super::cluster::clock;
use super::finding::{Category, Finding, Section};
use super::namespaces;
use super::page_of;
use crate::config::PrometheusSettings;
use crate::domain::text::clean;
use crate::domain::time::human;
use crate::platform::clock::Clock;
use crate::platform::prometheus::{Age, NEEDED, PrometheusClient, Survey};
use crate::platform::web;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What was asked of Prometheus.
pub(super) struct Facts {
    pub(super) url: String,
    pub(super) matchers: BTreeMap<String, String>,
    pub(super) survey: Survey,
    /// Of the metrics that always have samples and of those without one: those that a target offers (its `# HELP` is there);
    /// `None` = not answered.
    pub(super) offered: Option<BTreeSet<&'static str>>,
    /// Its clock and ours at that moment.
    pub(super) date: Option<Timestamp>,
    pub(super) asked_at: Timestamp,
}

/// Asks.
pub(super) async fn fetch(
    settings: &PrometheusSettings,
    client: &PrometheusClient,
    namespaces: &[String],
    time: &Clock,
) -> Facts {
    let url = settings.url.clone();
    let survey = client.survey(namespaces).await;
    let offered = offered(&url, &survey).await;
    let asked = web::get(&format!("{url}/-/healthy")).await;
    Facts {
        url,
        matchers: settings.matchers.clone(),
        survey,
        offered,
        date: asked.ok().and_then(|page| page.date),
        asked_at: time.now(),
    }
}

async fn offered(url: &str, survey: &Survey) -> Option<BTreeSet<&'static str>> {
    let mut offered = BTreeSet::new();
    for (needed, age) in &survey.series {
        let to_be_asked = if needed.always {
            matches!(age, Ok(Age::Fresh(_)))
        } else {
            *age == Ok(Age::Never)
        };
        if to_be_asked && is_offered(url, needed.metric).await? {
            offered.insert(needed.metric);
        }
    }
    Some(offered)
}

async fn is_offered(url: &str, metric: &str) -> Option<bool> {
    let page = web::get(&format!("{url}/api/v1/metadata?metric={metric}")).await;
    let answer = page_of(&page).ok()?;
    let found = answer.pointer("/data")?.as_object()?;
    Some(found.get(metric).and_then(Value::as_array).is_some())
}

/// Judges; the namespaces' own pods are compared with what Prometheus knows.
pub(super) fn judge(facts: &Facts, namespaces: &[namespaces::Facts]) -> Category {
    let answers = format!("Prometheus answers at {}", facts.url);
    let findings = match facts.survey.up {
        Err(error) => vec![
            Finding::unknown(answers, error.to_string(), Section::Dependency)
                .way_out("prometheus: {url: …}    # in Ripcord's configuration")
                .way_out(format!("curl {}/-/ready", facts.url)),
            Finding::skipped(
                "kube-state-metrics is scraped",
                "Prometheus does not answer",
            ),
            Finding::skipped(
                "the series that are needed are there and fresh",
                "Prometheus does not answer",
            ),
        ],
        Ok(up) => {
            let mut findings = vec![Finding::fine(answers), scraped(facts, up)];
            findings.extend(series(facts));
            findings.extend(labels(facts));
            findings.extend(sources(facts));
            findings.extend(namespaces.iter().map(|namespace| pods(facts, namespace)));
            findings.push(clock("Prometheus", facts.date, facts.asked_at));
            findings
        }
    };
    Category {
        name: "prometheus",
        findings,
    }
}

fn selector(matchers: &BTreeMap<String, String>) -> String {
    let matchers: Vec<String> = matchers
        .iter()
        .map(|(label, value)| format!("{label}={value:?}"))
        .collect();
    format!("{{{}}}", matchers.join(","))
}

fn scraped(facts: &Facts, up: Option<bool>) -> Finding {
    let description = "kube-state-metrics is scraped";
    let selector = selector(&facts.matchers);
    match up {
        Some(true) => Finding::fine(description),
        Some(false) => Finding::wrong(
            description,
            format!("up{selector} of a target is 0, or its last scrape is minutes old: it is stopped, or Prometheus can't reach it"),
            Section::Series,
        )
        .way_out("kubectl get pods -A -l app.kubernetes.io/name=kube-state-metrics"),
        None => {
            let mut jobs = facts.survey.jobs.iter();
            match jobs.next() {
                Some(job) => Finding::wrong(
                    description,
                    format!("up{selector} has no target. Its series are there with job={job:?}: `prometheus.matchers` must fit them"),
                    Section::Series,
                )
                .way_out(format!(
                    "matchers: {{job: {}}}    # under `prometheus:`",
                    clean(job)
                )),
                None => Finding::wrong(
                    description,
                    format!("up{selector} has no target, and no series of kube-state-metrics is there under other labels: Prometheus does not scrape it"),
                    Section::Series,
                )
                .way_out("kubectl get pods -A -l app.kubernetes.io/name=kube-state-metrics"),
            }
        }
    }
}

fn series(facts: &Facts) -> Vec<Finding> {
    let always: Vec<_> = facts
        .survey
        .series
        .iter()
        .filter(|(needed, _)| needed.always)
        .collect();
    let description = format!(
        "the {} series that are needed are there and fresh",
        always.len()
    );
    if let Some(error) = always.iter().find_map(|(_, age)| age.as_ref().err()) {
        return vec![Finding::unknown(
            description,
            error.to_string(),
            Section::Series,
        )];
    }
    let lacking: Vec<(&str, String)> = always
        .iter()
        .filter_map(|(needed, age)| Some((needed.metric, lacks(age.as_ref().ok()?)?)))
        .collect();
    let is_scraped = facts.survey.up == Ok(Some(true));
    let none_ever = always.iter().all(|(_, age)| *age == Ok(Age::Never));
    if none_ever && !is_scraped {
        let why = "kube-state-metrics is not scraped: see the line above";
        return vec![Finding::skipped(description, why)];
    }
    // All at once is not about the metrics, but about where they come from.
    if lacking.len() == always.len()
        && let Some((_, why)) = lacking.first()
    {
        return vec![
            Finding::wrong(description, format!("none is: {why}"), Section::Series)
                .way_out("kubectl get pods -A -l app.kubernetes.io/name=kube-state-metrics"),
        ];
    }
    if lacking.is_empty() {
        return vec![Finding::fine(description), not_offered(facts)];
    }
    lacking
        .into_iter()
        .map(|(metric, why)| {
            Finding::wrong(format!("{metric} is there and fresh"), why, Section::Series)
                .way_out("# kube-state-metrics: --resources, --metric-allowlist, --metric-denylist")
                .way_out("# Prometheus: metric_relabel_configs of its job")
        })
        .collect()
}

fn lacks(age: &Age) -> Option<String> {
    match age {
        Age::Fresh(_) => None,
        Age::Stale(seconds) => Some(format!(
            "the last sample is {} old: kube-state-metrics has stopped, or is not scraped any more",
            human(SignedDuration::try_from_secs_f64(*seconds).unwrap_or_default())
        )),
        Age::Never => Some("it was not there in the last 6h: it is left out, or `prometheus.matchers` does not fit it".to_owned()),
    }
}

/// The series that are there only while something fails, or while there is such an object, and that no target offers.
fn not_offered(facts: &Facts) -> Finding {
    let count = NEEDED.iter().filter(|needed| !needed.always).count();
    let description = format!("the {count} series that are there only now and then are offered");
    // A Prometheus that was told a new scrape interval forgets what its targets offer until it has scraped them again (seen with 2.42):
    // what it does not say then of a metric that has samples, it can't say of another.
    let knows = |offered: &&BTreeSet<&str>| {
        NEEDED
            .iter()
            .any(|needed| needed.always && offered.contains(needed.metric))
    };
    let Some(offered) = facts.offered.as_ref().filter(knows) else {
        let why = "Prometheus does not say now what its targets offer (for one scrape interval after a reload it can't): ask again in a minute";
        return Finding::skipped(description, why);
    };
    let lacking: Vec<&str> = facts
        .survey
        .series
        .iter()
        .filter(|(needed, age)| {
            !needed.always && *age == Ok(Age::Never) && !offered.contains(needed.metric)
        })
        .map(|(needed, _)| needed.metric)
        .collect();
    if lacking.is_empty() {
        Finding::fine(description)
    } else {
        Finding::warning(
            description,
            format!(
                "no target offers {}, and none was seen in the last 6h: a failure, or a proof of health, might not be seen",
                lacking.join(", ")
            ),
            Section::Series,
        )
        .way_out("# kube-state-metrics: --resources, --metric-allowlist, --metric-denylist")
    }
}

fn labels(facts: &Facts) -> Option<Finding> {
    let description = "the labels of a container are understood";
    let there = facts.survey.series.first().map(|(_, age)| age);
    Some(match &facts.survey.labels {
        Ok(Some(names)) => Finding::fine(format!("{description}: {}", names.join(", "))),
        Ok(None) if matches!(there, Some(Ok(Age::Fresh(_)))) => Finding::wrong(
            description,
            "kube_pod_container_info lacks one of namespace, pod, container and uid (exported_… is understood too): its job's metric_relabel_configs or a recording rule drops it",
            Section::Series,
        )
        .way_out("topk(1, kube_pod_container_info)    # in Prometheus"),
        // Said already: there is no series at all.
        Ok(None) => return None,
        Err(error) => Finding::unknown(description, error.to_string(), Section::Series),
    })
}

fn sources(facts: &Facts) -> Option<Finding> {
    let description = "one source speaks about each container";
    Some(match facts.survey.sources {
        Ok(Some(count)) if count > 1.0 => Finding::wrong(
            description,
            format!("{count} do: another kube-state-metrics, or another cluster, is in this Prometheus too. Whatever is Ambiguous is not believed"),
            Section::Series,
        )
        .way_out("count by (job, instance, cluster) (kube_pod_container_info)")
        .way_out("matchers: {job: …, cluster: …}    # under `prometheus:`, to fit one"),
        Ok(Some(_)) => Finding::fine(description),
        Ok(None) => return None,
        Err(error) => Finding::unknown(description, error.to_string(), Section::Series),
    })
}

fn pods(facts: &Facts, namespace: &namespaces::Facts) -> Finding {
    let name = &namespace.name;
    let description = format!("the pods of {name} are those that Prometheus knows");
    let live = match &namespace.pods {
        Ok(live) if live.is_empty() => {
            return Finding::skipped(description, "no pod runs there to compare with");
        }
        Ok(live) => live,
        Err(_) => return Finding::skipped(description, "its pods can't be read"),
    };
    if facts.survey.labels == Ok(None) {
        let why = "Prometheus has no series of kube-state-metrics now";
        return Finding::skipped(description, why);
    }
    match facts.survey.pods.get(name) {
        Some(Ok(known)) if known.is_empty() => Finding::wrong(
            description,
            "pods run there, and Prometheus has no series of them: kube-state-metrics leaves the namespace out (--namespaces), or it can't be told by its labels",
            Section::Series,
        )
        .way_out(format!("kube_pod_container_info{{namespace={name:?}}}    # in Prometheus")),
        Some(Ok(known)) if known.is_disjoint(live) => Finding::wrong(
            description,
            "it knows other pods in a namespace of that name, none of this cluster's: this is another cluster's Prometheus, or kube-state-metrics",
            Section::Series,
        )
        .way_out("matchers: {job: …, cluster: …}    # under `prometheus:`, to fit this cluster"),
        Some(Ok(_)) => Finding::fine(description),
        Some(Err(error)) => Finding::unknown(description, error.to_string(), Section::Series),
        None => Finding::skipped(description, "Prometheus was not asked"),
    }
}

#[cfg(test)]
mod tests;
