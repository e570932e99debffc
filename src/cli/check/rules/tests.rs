//! Each way in which the alert rules can be unfit, and what is said about it.

use super::super::finding::State;
use super::*;
use serde_json::json;

/// The shipped rules, as Prometheus would answer with them.
fn as_loaded() -> Vec<Rule> {
    let mut rules = shipped();
    for rule in &mut rules {
        rule.health = "ok".to_owned();
    }
    rules
}

#[test]
fn the_shipped_rules_are_read() {
    let rules = shipped();
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    assert!(names.contains(&"RolloutContainerWaiting") && names.contains(&"RipcordDown"));
    let down = rules
        .iter()
        .find(|rule| rule.name == "RipcordDown")
        .unwrap();
    assert_eq!(
        (down.seconds, down.labels["severity"].as_str()),
        (180, "warning")
    );
}

#[test]
fn an_answer_of_prometheus_is_read() {
    let answer = json!({"status": "success", "data": {"groups": [{"name": "g", "rules": [{
        "name": "RipcordDown", "query": "absent(ripcord_build_info)", "duration": 180,
        "labels": {"severity": "warning"}, "health": "ok", "lastError": "", "type": "alerting",
    }]}]}});
    let body = answer.to_string().into_bytes();
    let page = Page {
        status: 200,
        date: None,
        body,
    };
    let facts = Facts {
        rules: Ok(page),
        runtime: Err(Unfetched::Unreachable),
    };
    let rules = loaded(&facts).unwrap();
    assert_eq!(
        of_one(
            &shipped()
                .into_iter()
                .find(|rule| rule.name == "RipcordDown")
                .unwrap(),
            &rules[0]
        ),
        None
    );
}

#[test]
fn loaded_and_unchanged_is_one_green_line() {
    let findings = compared(&as_loaded(), &shipped());
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].state, State::Fine);
}

#[test]
fn missing_rules_are_a_warning_with_the_way_to_load_them() {
    let findings = compared(&[], &shipped());
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].state, State::Warning);
    assert!(findings[0].ways_out[1].contains("apply -k deploy/monitoring"));
    let mut some = as_loaded();
    some.retain(|rule| rule.name != "RipcordHeld");
    assert_eq!(
        compared(&some, &shipped())[0].problem,
        "these are not: RipcordHeld"
    );
}

#[test]
fn a_rule_that_can_not_be_evaluated_says_why() {
    let mut broken = as_loaded();
    broken[0].health = "err".to_owned();
    broken[0].last_error = "found duplicate series for the match group".to_owned();
    let findings = compared(&broken, &shipped());
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].state, State::Wrong);
    assert!(findings[0].problem.contains("found duplicate series"));
}

#[test]
fn rules_edited_by_hand_say_which_and_in_what() {
    let mut edited = as_loaded();
    edited[0].expression.push_str(">3");
    edited[2].seconds = 600;
    let findings = compared(&edited, &shipped());
    assert_eq!(findings.len(), 2);
    assert!(findings.iter().all(|found| found.state == State::Warning));
    assert!(findings[0].description.contains("RolloutContainerWaiting"));
    assert!(findings[0].problem.contains("`expr` is another"));
    assert_eq!(
        findings[1].problem,
        "edited by hand, or of another release: `for` is 10m and not 3m"
    );
}

#[test]
fn files_that_prometheus_refused_are_wrong() {
    let runtime = |took: bool| {
        let body = json!({"status": "success", "data": {"reloadConfigSuccess": took}});
        let body = body.to_string().into_bytes();
        let page = Page {
            status: 200,
            date: None,
            body,
        };
        Facts {
            rules: Err(Unfetched::Unreachable),
            runtime: Ok(page),
        }
    };
    assert_eq!(reloaded(&runtime(true)).unwrap().state, State::Fine);
    let found = reloaded(&runtime(false)).unwrap();
    assert_eq!(found.state, State::Wrong);
    assert!(found.ways_out[0].starts_with("promtool check config"));
    assert_eq!(judge(&runtime(true)).findings[1].state, State::Unknown);
}
