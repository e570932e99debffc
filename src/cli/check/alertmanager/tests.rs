//! Each way in which alerts can fail to arrive, and what is said about it.

use super::super::finding::State;
use super::super::rules::shipped;
use super::*;
use serde_json::json;

const SHIPPED: &str = include_str!("../../../../deploy/alertmanager/alertmanager.yml");

fn config() -> Config {
    let text = include_str!("../../../../deploy/base/ripcord.yaml");
    crate::config::parse(text, "ripcord.yaml").unwrap()
}

fn facts(alertmanager: &str) -> Facts {
    let body = json!({"config": {"original": alertmanager}, "versionInfo": {"version": "0.27.0"}});
    let body = body.to_string().into_bytes();
    let page = Page {
        status: 200,
        date: None,
        body,
    };
    let address = "http://alertmanager:9093".to_owned();
    Facts {
        addresses: Ok(vec![address.clone()]),
        named: false,
        statuses: vec![(address, Ok(page))],
    }
}

fn judged(facts: &Facts, deliveries: Deliveries) -> Vec<Finding> {
    let rules = shipped();
    let beside = Beside {
        config: &config(),
        rules: &rules,
        namespace_label: "namespace",
        deliveries: Ok(deliveries),
    };
    judge(facts, &beside).findings
}

fn taken() -> Deliveries {
    Deliveries {
        taken: Some(3.0),
        taken_lately: Some(1.0),
        refused_lately: Some(0.0),
    }
}

fn not_fine(facts: &Facts) -> Vec<Finding> {
    let mut findings = judged(facts, taken());
    findings.retain(|found| found.state != State::Fine);
    findings
}

#[test]
fn the_shipped_configuration_is_green() {
    assert_eq!(not_fine(&facts(SHIPPED)), []);
    let shown = judged(&facts(SHIPPED), taken());
    assert_eq!(shown[1].description, "a receiver posts to Ripcord: ripcord");
    assert_eq!(
        shown[2].description,
        "alerts about lab30 are routed to Ripcord (5 of 5 rules)"
    );
}

#[test]
fn a_receiver_that_is_missing_says_what_to_paste() {
    let found = not_fine(&facts(
        "route: {receiver: people}\nreceivers: [{name: people}]",
    ));
    assert_eq!(found[0].state, State::Wrong);
    assert!(found[0].ways_out[0].contains("deploy/alertmanager/alertmanager.yml"));
    assert_eq!(found[1].state, State::Skipped);
}

#[test]
fn a_receiver_with_another_path_is_named() {
    let found = not_fine(&facts(
        &SHIPPED.replace(":9099/api/v1/alerts", ":9099/alerts"),
    ));
    assert!(
        found[0].problem.contains("the receiver ripcord posts to http://ripcord.ripcord.svc:9099/alerts: the path must be /api/v1/alerts"),
        "{}",
        found[0].problem
    );
}

#[test]
fn a_route_that_is_missing_or_comes_too_late_is_wrong_with_the_route_to_paste() {
    for broken in [
        SHIPPED.replace("namespace=\"lab30\"", "namespace=\"lab31\""),
        SHIPPED.replace(
            "    - receiver: ripcord\n",
            "    - receiver: people\n    - receiver: ripcord\n",
        ),
    ] {
        let found = not_fine(&facts(&broken));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].state, State::Wrong);
        assert_eq!(found[0].section, Some(Section::Route));
        assert_eq!(
            found[0].ways_out[0],
            "- {receiver: ripcord, matchers: ['namespace=\"lab30\"'], continue: true}"
        );
    }
}

#[test]
fn a_receiver_without_a_token_is_wrong_unless_none_is_asked_for() {
    let bare = SHIPPED
        .split("        http_config:")
        .next()
        .unwrap()
        .to_owned();
    let found = not_fine(&facts(&bare));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0]
            .problem
            .contains("ripcord shows none: Ripcord answers 401")
    );
}

#[test]
fn where_addresses_are_hidden_a_receiver_is_known_by_its_name_or_by_what_arrives() {
    let hidden = SHIPPED.replace("http://ripcord.ripcord.svc:9099/api/v1/alerts", "<secret>");
    assert_eq!(not_fine(&facts(&hidden)), []);
    let nameless = hidden
        .replace("receiver: ripcord", "receiver: hook")
        .replace("name: ripcord", "name: hook");
    assert_eq!(not_fine(&facts(&nameless)), []);
    let found = judged(&facts(&nameless), Deliveries::default());
    assert_eq!(found[1].state, State::Warning);
    assert!(
        found[1].problem.ends_with("can't be seen: hook"),
        "{}",
        found[1].problem
    );
}

#[test]
fn an_alertmanager_that_does_not_answer_can_not_be_told_and_names_the_flag() {
    let mut away = facts("");
    away.statuses[0].1 = Err(Unfetched::Unreachable);
    let found = not_fine(&away);
    assert_eq!(found[0].state, State::Unknown);
    assert!(found[0].ways_out[2].contains("--alertmanager-url http://127.0.0.1:9093"));
    assert_eq!(found[1].state, State::Skipped);
}

#[test]
fn where_prometheus_sends_nothing_is_wrong_and_where_it_does_not_say_is_skipped() {
    let mut facts = facts("");
    facts.statuses.clear();
    facts.addresses = Ok(Vec::new());
    assert_eq!(judged(&facts, taken())[0].state, State::Wrong);
    facts.addresses = Err("HTTP status 404".to_owned());
    let found = judged(&facts, taken());
    assert_eq!(found[0].state, State::Skipped);
    assert!(
        found[0]
            .problem
            .contains("--alertmanager-url was not given")
    );
}

#[test]
fn the_addresses_are_those_that_prometheus_posts_to() {
    let body = json!({"status": "success", "data": {"activeAlertmanagers": [
        {"url": "http://10.0.0.1:9093/api/v2/alerts"},
        {"url": "https://am.example/prefix/api/v2/alerts"},
    ]}});
    let body = body.to_string().into_bytes();
    let page = Ok(Page {
        status: 200,
        date: None,
        body,
    });
    assert_eq!(
        found(&page).unwrap(),
        ["http://10.0.0.1:9093", "https://am.example/prefix"]
    );
}

#[test]
fn another_token_than_ours_is_told_by_what_was_refused() {
    let last = |deliveries| judged(&facts(SHIPPED), deliveries).pop().unwrap();
    let refused = Deliveries {
        taken: Some(0.0),
        taken_lately: Some(0.0),
        refused_lately: Some(4.0),
    };
    let found = last(refused);
    assert_eq!(found.state, State::Wrong);
    assert!(found.problem.contains("another token"));
    assert!(found.ways_out[2].contains("sha256sum"));
    assert_eq!(
        last(Deliveries {
            taken_lately: Some(1.0),
            ..refused
        })
        .state,
        State::Warning
    );
    assert_eq!(last(Deliveries::default()).state, State::Skipped);
    let quiet = Deliveries {
        taken: Some(0.0),
        ..Deliveries::default()
    };
    assert_eq!(last(quiet).state, State::Skipped);
}
