//! Each way in which Prometheus can be unfit, and what is said about it.

use super::super::finding::State;
use super::*;
use crate::platform::kube::RIGHTS;
use crate::platform::prometheus::{Deliveries, Unanswered};

fn facts() -> Facts {
    let age = |always| Ok(if always { Age::Fresh(3.0) } else { Age::Never });
    let uids = BTreeSet::from(["u-1".to_owned(), "u-2".to_owned()]);
    Facts {
        url: "http://127.0.0.1:9090".to_owned(),
        matchers: BTreeMap::from([("job".to_owned(), "kube-state-metrics".to_owned())]),
        survey: Survey {
            up: Ok(Some(true)),
            jobs: vec!["kube-state-metrics".to_owned()],
            series: NEEDED.map(|needed| (needed, age(needed.always))).to_vec(),
            labels: Ok(Some(vec!["namespace", "pod", "container", "uid"])),
            sources: Ok(Some(1.0)),
            pods: BTreeMap::from([("shop".to_owned(), Ok(uids))]),
            deliveries: Ok(Deliveries::default()),
        },
        offered: Some(NEEDED.iter().map(|needed| needed.metric).collect()),
        date: Some("2026-11-23T15:00:00Z".parse().unwrap()),
        asked_at: "2026-11-23T15:00:00.4Z".parse().unwrap(),
    }
}

fn namespace() -> namespaces::Facts {
    namespaces::Facts {
        name: "shop".to_owned(),
        object: Ok(None),
        rights: RIGHTS.iter().map(|right| (*right, Ok(true))).collect(),
        too_much: Ok(false),
        pods: Ok(BTreeSet::from(["u-2".to_owned()])),
    }
}

/// The findings that are not fine.
fn not_fine(facts: &Facts) -> Vec<Finding> {
    let mut findings = judge(facts, &[namespace()]).findings;
    findings.retain(|found| found.state != State::Fine);
    findings
}

fn only(facts: &Facts) -> Finding {
    let found = not_fine(facts);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].section, Some(Section::Series));
    found.into_iter().next().unwrap()
}

#[test]
fn a_prometheus_that_has_all_is_green() {
    assert_eq!(not_fine(&facts()), []);
}

#[test]
fn a_prometheus_that_is_away_can_not_be_told_and_the_rest_is_skipped() {
    let mut away = facts();
    away.survey.up = Err(Unanswered::Unreachable);
    let states: Vec<State> = not_fine(&away).iter().map(|found| found.state).collect();
    assert_eq!(states, [State::Unknown, State::Skipped, State::Skipped]);
}

#[test]
fn a_stopped_kube_state_metrics_is_stale_and_said_once_for_all_series() {
    let mut stopped = facts();
    stopped.survey.up = Ok(Some(false));
    for (_, age) in &mut stopped.survey.series {
        *age = Ok(Age::Stale(720.0));
    }
    stopped.survey.labels = Ok(None);
    stopped.survey.sources = Ok(None);
    let found = not_fine(&stopped);
    let states: Vec<State> = found.iter().map(|found| found.state).collect();
    assert_eq!(states, [State::Wrong, State::Wrong, State::Skipped]);
    assert!(found[0].problem.contains("it is stopped"));
    assert!(found[1].problem.contains("the last sample is 12m old"));
    // One that was never there is said once, not in three ways.
    for (_, age) in &mut stopped.survey.series {
        *age = Ok(Age::Never);
    }
    let states: Vec<State> = not_fine(&stopped).iter().map(|found| found.state).collect();
    assert_eq!(states, [State::Wrong, State::Skipped, State::Skipped]);
}

#[test]
fn matchers_that_fit_nothing_name_the_job_that_there_is() {
    let mut renamed = facts();
    renamed.survey.up = Ok(None);
    renamed.survey.jobs = vec!["ksm".to_owned()];
    let found = only(&renamed);
    assert!(found.problem.contains("job=\"ksm\""), "{}", found.problem);
    assert!(found.ways_out[0].contains("matchers: {job: ksm}"));
    renamed.survey.jobs.clear();
    assert!(only(&renamed).problem.contains("does not scrape it"));
}

#[test]
fn one_series_that_is_left_out_is_named() {
    let mut denied = facts();
    denied.survey.series[1].1 = Ok(Age::Never);
    let found = only(&denied);
    assert_eq!(found.description, "kube_pod_owner is there and fresh");
    assert!(found.ways_out[0].contains("--metric-denylist"));
}

#[test]
fn what_only_a_failure_shows_must_be_offered() {
    let mut denied = facts();
    denied.offered = Some(BTreeSet::from(["kube_pod_container_info"]));
    let found = only(&denied);
    assert_eq!(found.state, State::Warning);
    assert!(
        found
            .problem
            .contains("kube_pod_container_status_waiting_reason")
    );
    denied.offered = None;
    assert_eq!(not_fine(&denied)[0].state, State::Skipped);
}

#[test]
fn a_prometheus_that_does_not_know_yet_what_its_targets_offer_is_not_believed_about_it() {
    let mut reloaded = facts();
    reloaded.offered = Some(BTreeSet::new());
    for (needed, age) in &mut reloaded.survey.series {
        if !needed.always {
            *age = Ok(Age::Never);
        }
    }
    let found = not_fine(&reloaded);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].state, State::Skipped);
    assert!(found[0].problem.contains("ask again in a minute"));
}

#[test]
fn labels_that_are_dropped_are_told_from_no_series() {
    let mut dropped = facts();
    dropped.survey.labels = Ok(None);
    let found = not_fine(&dropped);
    assert!(found[0].problem.contains("lacks one of"));
    assert_eq!(found[1].state, State::Skipped);
}

#[test]
fn renamed_labels_are_understood_and_shown() {
    let mut renamed = facts();
    let names = vec![
        "exported_namespace",
        "exported_pod",
        "exported_container",
        "uid",
    ];
    renamed.survey.labels = Ok(Some(names));
    let findings = judge(&renamed, &[]).findings;
    let shown = findings
        .iter()
        .find(|found| found.description.contains("exported_pod"));
    assert_eq!(shown.unwrap().state, State::Fine);
}

#[test]
fn two_sources_are_ambiguous() {
    let mut two = facts();
    two.survey.sources = Ok(Some(2.0));
    assert!(only(&two).problem.starts_with("2 do"));
}

#[test]
fn pods_that_prometheus_does_not_know_are_left_out_or_another_cluster_s() {
    let mut other = facts();
    other
        .survey
        .pods
        .insert("shop".to_owned(), Ok(BTreeSet::from(["x".to_owned()])));
    assert!(only(&other).problem.contains("another cluster's"));
    other
        .survey
        .pods
        .insert("shop".to_owned(), Ok(BTreeSet::new()));
    assert!(only(&other).problem.contains("--namespaces"));
}
