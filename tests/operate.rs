//! What `deploy/` gives to people who live with Ripcord: the runbook, the alert rules and the dashboard name what there is, and agree.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use ripcord::cli::Section;
use ripcord::domain::diagnosis::Cause;
use ripcord::domain::verdict::Reason;
use ripcord::telemetry::Metrics;
use ripcord::telemetry::metrics::Build;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The anchors of a Markdown file, as GitHub makes them of headings of one word.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| line.trim_start_matches(['#', ' ']).to_lowercase())
        .collect()
}

fn rules() -> Vec<Value> {
    let rules: Value = serde_saphyr::from_str(&read("deploy/monitoring/rules.yaml")).unwrap();
    let groups = rules["groups"].as_array().unwrap().clone();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

#[test]
fn every_reason_that_stops_ripcord_has_a_section_in_the_runbook() {
    let sections = anchors(&read("deploy/runbook.md"));
    let missing: Vec<&str> = Reason::ALL
        .into_iter()
        .filter(|reason| *reason != Reason::Clear)
        .map(Reason::as_str)
        .filter(|reason| !sections.contains(&reason.to_lowercase()))
        .collect();
    assert!(missing.is_empty(), "deploy/runbook.md lacks {missing:?}");
}

#[test]
fn every_cause_has_a_section_in_the_runbook() {
    let sections = anchors(&read("deploy/runbook.md"));
    let missing: Vec<&str> = Cause::ALL
        .into_iter()
        .map(Cause::as_str)
        .filter(|cause| !sections.contains(&cause.to_lowercase()))
        .collect();
    assert!(missing.is_empty(), "deploy/runbook.md lacks {missing:?}");
}

#[test]
fn every_alert_leads_to_its_section_in_the_runbook() {
    let sections = anchors(&read("deploy/runbook.md"));
    for rule in rules() {
        let name = rule["alert"].as_str().unwrap();
        let url = rule["annotations"]["runbook_url"].as_str().unwrap();
        let anchor = url.rsplit_once('#').unwrap().1;
        assert_eq!(anchor, name.to_lowercase());
        assert!(sections.contains(anchor), "{name}: no section #{anchor}");
    }
}

#[test]
fn every_hint_of_check_leads_to_its_section_in_the_runbook() {
    let sections = anchors(&read("deploy/runbook.md"));
    let missing: Vec<&str> = Section::ALL
        .into_iter()
        .map(Section::anchor)
        .filter(|anchor| !sections.contains(*anchor))
        .collect();
    assert!(missing.is_empty(), "deploy/runbook.md lacks {missing:?}");
}

#[test]
fn the_operator_gets_the_same_rules_as_the_plain_file() {
    let plain: Value = serde_saphyr::from_str(&read("deploy/monitoring/rules.yaml")).unwrap();
    let wrapped: Value =
        serde_saphyr::from_str(&read("deploy/monitoring/prometheusrule.yaml")).unwrap();
    assert_eq!(
        wrapped["spec"]["groups"], plain["groups"],
        "run deploy/monitoring/generate"
    );
}

/// The names in a query that begin as Ripcord's metrics do.
fn metric_names(expression: &str) -> BTreeSet<String> {
    let word = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '_');
    expression
        .split(word)
        .filter(|name| name.starts_with("ripcord_"))
        .map(str::to_owned)
        .collect()
}

/// Every `expr` of a JSON document, however deep.
fn expressions(document: &Value, found: &mut Vec<String>) {
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "expr" => found.push(text.clone()),
                    other => expressions(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[test]
fn rules_and_dashboard_ask_only_for_metrics_that_there_are() {
    let metrics = Metrics::new(Build {
        version: "0",
        revision: "0",
    })
    .unwrap()
    .render();
    let mut asked: Vec<String> = rules()
        .iter()
        .map(|rule| rule["expr"].as_str().unwrap().to_owned())
        .collect();
    let dashboard: Value =
        serde_json::from_str(&read("deploy/monitoring/dashboard/dashboard.json")).unwrap();
    expressions(&dashboard, &mut asked);
    assert!(asked.len() > 40, "{}", asked.len());
    let mut seen = BTreeSet::new();
    for name in asked.iter().flat_map(|expression| metric_names(expression)) {
        assert!(
            metrics
                .lines()
                .any(|line| !line.starts_with('#') && line.split(['{', ' ']).next() == Some(&name)),
            "there is no metric {name}"
        );
        seen.insert(name);
    }
    assert!(seen.contains("ripcord_incidents_held"));
}

#[test]
fn the_dashboard_can_be_linked_to_and_shows_whichever_prometheus_is_chosen() {
    let text = read("deploy/monitoring/dashboard/dashboard.json");
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    // Grafana's classic schema: a later one (`spec.elements`) is not read by the sidecar's older Grafanas.
    assert!(dashboard["schemaVersion"].is_u64() && dashboard["panels"].is_array());
    assert_eq!(dashboard["uid"], "ripcord", "links and bookmarks name it");
    assert_eq!(
        dashboard["id"],
        Value::Null,
        "a number belongs to one Grafana"
    );
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let chosen = variables.iter().find(|one| one["type"] == "datasource");
    assert_eq!(chosen.unwrap()["name"], "datasource");
    let mut panels = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let sources = [&panel["datasource"]["uid"], &target["datasource"]["uid"]];
            assert!(
                sources
                    .iter()
                    .all(|uid| uid.is_null() || *uid == "${datasource}")
                    && sources.iter().any(|uid| uid.is_string()),
                "{} asks {sources:?}",
                panel["title"]
            );
            panels += 1;
        }
    }
    assert!(panels > 40, "{panels}");
    let kustomization = yaml("deploy/monitoring/dashboard/kustomization.yaml");
    let label = &kustomization["configMapGenerator"][0]["options"]["labels"]["grafana_dashboard"];
    assert_eq!(label, "1", "the label that Grafana's sidecar looks for");
}

#[test]
fn the_readme_s_receiver_is_the_one_in_deploy() {
    let shipped = read("deploy/alertmanager/alertmanager.yml");
    let wanted: Vec<&str> = shipped
        .lines()
        .filter_map(|line| line.split('#').next())
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .skip_while(|line| *line != "route:")
        .collect();
    let readme = read("README.md");
    let pasted: Vec<&str> = readme.lines().map(str::trim).collect();
    assert!(wanted.len() > 10, "{wanted:?}");
    assert!(
        pasted.windows(wanted.len()).any(|lines| lines == wanted),
        "the README's route and receiver are not those of deploy/alertmanager/alertmanager.yml:\n{}",
        wanted.join("\n")
    );
}

/// A document of `deploy/`.
fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn the_operator_s_route_and_receiver_say_the_same_as_alertmanager_s_own() {
    let plain = yaml("deploy/alertmanager/alertmanager.yml");
    let operator = yaml("deploy/alertmanager/alertmanagerconfig.yaml");
    let (route, other) = (&plain["route"]["routes"][0], &operator["spec"]["route"]);
    for (ours, theirs) in [
        ("receiver", "receiver"),
        ("group_by", "groupBy"),
        ("group_wait", "groupWait"),
        ("group_interval", "groupInterval"),
        ("repeat_interval", "repeatInterval"),
        ("continue", "continue"),
    ] {
        assert!(!route[ours].is_null());
        assert_eq!(route[ours], other[theirs], "{ours}");
    }
    let matcher = &other["matchers"][0];
    let matcher = format!(
        "{}={:?}",
        matcher["name"].as_str().unwrap(),
        matcher["value"].as_str().unwrap()
    );
    assert_eq!(route["matchers"][0], matcher.as_str());
    let receivers = plain["receivers"].as_array().unwrap();
    let receiver = receivers
        .iter()
        .find(|receiver| receiver["name"] == "ripcord")
        .unwrap();
    let (webhook, other) = (
        &receiver["webhook_configs"][0],
        &operator["spec"]["receivers"][0]["webhookConfigs"][0],
    );
    assert_eq!(webhook["url"], other["url"]);
    assert_eq!(webhook["send_resolved"], other["sendResolved"]);
    // The pod's own token, the operator's and the README's Secret are one.
    let secret = &other["httpConfig"]["authorization"]["credentials"];
    let deployment = yaml("deploy/base/deployment.yaml");
    let volumes = deployment["spec"]["template"]["spec"]["volumes"]
        .as_array()
        .unwrap();
    assert!(
        volumes
            .iter()
            .any(|volume| volume["secret"]["secretName"] == secret["name"]),
        "{volumes:?}"
    );
    let name = secret["name"].as_str().unwrap();
    assert!(read("README.md").contains(&format!("create secret generic {name}")));
}

#[test]
fn whoever_reaches_ripcord_reaches_the_port_that_its_service_has() {
    let service = yaml("deploy/base/service.yaml");
    let (name, namespace) = (
        &service["metadata"]["name"],
        &service["metadata"]["namespace"],
    );
    let port = &service["spec"]["ports"][0];
    let address = format!(
        "{}.{}.svc:{}",
        name.as_str().unwrap(),
        namespace.as_str().unwrap(),
        port["port"]
    );
    for file in ["deploy/alertmanager/alertmanager.yml", "README.md"] {
        assert!(read(file).contains(&address), "{file}: {address}");
    }
    let monitor = yaml("deploy/monitoring/servicemonitor.yaml");
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], port["name"]);
    let policy = yaml("deploy/base/networkpolicy.yaml");
    assert_eq!(
        policy["spec"]["ingress"][0]["ports"][0]["port"],
        port["name"]
    );
    let labels = &policy["spec"]["podSelector"]["matchLabels"];
    assert_eq!(labels, &service["spec"]["selector"]);
}
