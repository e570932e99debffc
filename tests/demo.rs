//! `ripcord demo` as a person runs it: what is refused, what is printed, what `--hold` serves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "demo/held.rs"]
mod held;

use held::Held;
use serde_json::Value;
use std::process::{Command, Output};
use std::sync::LazyLock;

/// How wide a line may be.
const COLUMNS: usize = 80;

fn demo(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ripcord"))
        .arg("demo")
        .args(arguments)
        .env_remove("RIPCORD_LOG")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn out(done: &Output) -> String {
    assert_eq!(done.status.code(), Some(0), "{}", error(done));
    String::from_utf8(done.stdout.clone()).unwrap()
}

fn error(done: &Output) -> String {
    String::from_utf8(done.stderr.clone()).unwrap()
}

/// One run each is enough for all who only read it.
static TEXT: LazyLock<String> = LazyLock::new(|| out(&demo(&[], &[])));
static DRY_RUN: LazyLock<String> = LazyLock::new(|| out(&demo(&["--dry-run"], &[])));
static JSON: LazyLock<Value> = LazyLock::new(|| json(&["-o", "json"]));
static DRY_RUN_JSON: LazyLock<Value> = LazyLock::new(|| json(&["--dry-run", "-o", "json"]));

fn json(arguments: &[&str]) -> Value {
    // With the log at its loudest: it must not be in the document.
    let done = demo(arguments, &[("RIPCORD_LOG", "info")]);
    assert!(error(&done).contains("incident closed"), "{}", error(&done));
    serde_json::from_str(&out(&done)).unwrap()
}

/// The part of a text that tells the incident of that number.
fn told(text: &str, number: usize) -> &str {
    let rest = text.split_once(&format!("\n{number}/3 ")).unwrap().1;
    let ends = [format!("\n{}/3 ", number + 1), "\nIn short\n".to_owned()];
    let end = ends.iter().filter_map(|end| rest.find(end)).min();
    &rest[..end.unwrap()]
}

/// The lines beside a label, as one.
fn beside(part: &str, label: &str) -> String {
    let mut lines = part.lines().skip_while(|line| !line.starts_with(label));
    let first = lines.next().unwrap_or_else(|| panic!("no {label}: {part}"));
    let more = lines.take_while(|line| line.starts_with("          "));
    let texts = std::iter::once(&first[label.len()..]).chain(more);
    texts
        .flat_map(str::split_whitespace)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_port_that_is_none_is_a_usage_error_that_says_how_one_is_written() {
    for port in ["127.0.0.1:99999", "localhost", ":9099"] {
        let done = demo(&["--hold", "--listen", port], &[]);
        assert_eq!(done.status.code(), Some(2), "{port}");
        assert!(
            error(&done).contains("like 127.0.0.1:9099"),
            "{}",
            error(&done)
        );
        assert_eq!(done.stdout, b"", "{port}");
    }
}

#[test]
fn a_port_in_use_is_found_out_before_anything_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let done = demo(&["--hold", "--listen", &address], &[]);
    assert_eq!(done.status.code(), Some(4));
    assert_eq!(done.stdout, b"");
    let said = error(&done);
    assert!(
        said.contains(&format!("can't listen on {address}")),
        "{said}"
    );
    assert!(said.contains("--listen"), "{said}");
}

#[test]
fn what_can_not_be_meant_is_a_usage_error() {
    for arguments in [
        &["-o", "yaml"][..],
        &["--output", ""],
        &["--listen", "127.0.0.1:9099"],
        &["--log", "ripcord=loudly"],
        &["everything"],
    ] {
        let done = demo(arguments, &[]);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        assert_eq!(done.stdout, b"", "{arguments:?}");
    }
}

#[test]
fn a_pipe_gets_plain_lines_of_at_most_80_columns() {
    for text in [&*TEXT, &*DRY_RUN] {
        assert!(!text.contains('\u{1b}'));
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
            assert_eq!(line.trim_end(), line);
        }
    }
}

#[test]
fn two_runs_tell_the_same_and_colours_change_nothing_else() {
    let coloured = out(&demo(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(coloured.contains('\u{1b}'));
    let mut plain = String::new();
    for (number, part) in coloured.split("\u{1b}[").enumerate() {
        let code = if number == 0 {
            None
        } else {
            part.split_once('m')
        };
        plain.push_str(code.map_or(part, |(_, rest)| rest));
    }
    assert_eq!(without_the_wall_time(&plain), without_the_wall_time(&TEXT));
}

/// All lines but the one that two runs differ in.
fn without_the_wall_time(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains(" took "))
        .collect();
    assert_eq!(lines.len() + 1, text.lines().count());
    lines
}

#[test]
fn each_incident_is_told_from_the_alert_to_the_outcome() {
    for number in 1..=3 {
        let part = told(&TEXT, number);
        for label in [
            "change",
            "alert",
            "incident",
            "evidence",
            "diagnosis",
            "guards",
            "written",
            "outcome",
        ] {
            assert_ne!(beside(part, label), "", "{label}: {part}");
        }
        let evidence = beside(part, "evidence");
        for source in ["Pods", "Events", "Logs", "Prometheus"] {
            assert!(evidence.contains(source), "{evidence}");
        }
        assert!(beside(part, "incident").contains("webhook: 200"), "{part}");
        let guards =
            JSON["incidents"][number - 1]["incident"]["status"]["verdict"]["guards"].clone();
        let guards = guards.as_array().unwrap().clone();
        assert!(guards.len() > 10);
        for guard in guards {
            let name = guard["guard"].as_str().unwrap();
            assert!(part.contains(name), "{name}: {part}");
        }
    }
}

#[test]
fn the_labs_two_incidents_are_repaired() {
    for (number, remedy, gone) in [
        (1, "pinImage", ":does-not-exist"),
        (2, "rolloutUndo", "9090"),
    ] {
        let part = told(&TEXT, number);
        assert!(beside(part, "outcome").contains("Recovered, "), "{part}");
        assert!(
            beside(part, "written").contains("200 (tested: uid, resourceVersion)"),
            "{part}"
        );
        assert!(beside(part, "verification").contains("whole"), "{part}");
        assert!(beside(part, "plan").starts_with(remedy), "{part}");
        let diff = beside(part, "diff");
        assert!(diff.starts_with('-') && diff.contains(gone), "{part}");
    }
    assert!(TEXT.contains("\nRepaired 2 of 3; writes to workloads: 2."));
}

#[test]
fn while_the_registry_is_down_it_refuses_and_says_why() {
    let part = told(&TEXT, 3);
    assert!(beside(part, "registry").contains("refuses every connection"));
    assert!(
        beside(part, "guards").contains("Hold (CauseNotAllowed)"),
        "{part}"
    );
    assert!(beside(part, "diagnosis").contains("registry"), "{part}");
    assert_eq!(beside(part, "written"), "nothing");
    assert!(beside(part, "outcome").contains("RecoveredAlone"), "{part}");
    let incident = &JSON["incidents"][2];
    assert_eq!(incident["held"]["phase"], "Held");
    assert_eq!(incident["writes"], Value::Array(Vec::new()));
}

#[test]
fn a_dry_run_writes_nothing_and_says_what_it_would_have_done() {
    for number in [1, 2] {
        let part = told(&DRY_RUN, number);
        assert_eq!(beside(part, "written"), "nothing");
        assert!(beside(part, "outcome").contains("dry run: would"), "{part}");
        assert!(beside(part, "diff").starts_with('-'), "{part}");
    }
    let incidents = DRY_RUN_JSON["incidents"].as_array().unwrap();
    let outcomes: Vec<&Value> = incidents
        .iter()
        .map(|one| &one["incident"]["status"]["outcome"])
        .collect();
    assert_eq!(outcomes, ["DryRun", "DryRun", "RecoveredAlone"]);
    for incident in incidents {
        assert_eq!(incident["writes"], Value::Array(Vec::new()));
        assert_eq!(
            incident["incident"]["status"]["applied"],
            Value::Array(Vec::new())
        );
    }
}

#[test]
fn the_document_says_what_the_text_says() {
    assert_eq!(JSON["mode"], "enforce");
    let incidents = JSON["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 3);
    for (index, one) in incidents.iter().enumerate() {
        let part = told(&TEXT, index + 1);
        let status = &one["incident"]["status"];
        for field in ["outcome", "cause"] {
            let value = status[field].as_str().unwrap();
            assert!(part.contains(value), "{value}: {part}");
        }
        let labels = &one["alert"]["payload"]["alerts"][0]["labels"];
        for label in ["alertname", "pod"] {
            assert!(part.contains(labels[label].as_str().unwrap()), "{part}");
        }
        let name = one["incident"]["metadata"]["name"].as_str().unwrap();
        assert!(part.contains(name), "{part}");
        assert_eq!(one["alert"]["status"], 200);
        for write in one["writes"].as_array().unwrap() {
            assert_eq!(write["verb"], "PATCH");
            assert_eq!(write["fieldManager"], "ripcord");
        }
    }
    let seconds = JSON["simulatedSeconds"].as_i64().unwrap();
    let minutes = format!("{}m", seconds / 60);
    let took = TEXT.lines().find(|line| line.contains(" took ")).unwrap();
    assert!(
        took.starts_with(&minutes) && took.ends_with(" s."),
        "{took}"
    );
}

#[test]
fn hold_serves_and_an_alert_that_is_posted_opens_an_incident() {
    let held = Held::start(&[]);
    assert!(held.get("/-/ready").starts_with("HTTP/1.1 200"));
    assert!(held.get("/metrics").contains("ripcord_build_info"));
    let table = held.get("/demo/incidents");
    assert!(
        table.contains("WORKLOAD") && table.contains("Recovered"),
        "{table}"
    );
    assert!(held.get("/demo/incidents/none").starts_with("HTTP/1.1 404"));
    assert!(held.get("/none").starts_with("HTTP/1.1 404"));
    let before = held.incidents();
    assert_eq!(before.len(), 3);

    let answer = held.post("/api/v1/alerts", &held.alert());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer
            .trim_end()
            .ends_with("{\"recorded\":1,\"skipped\":0}"),
        "{answer}"
    );
    let after = held.incidents();
    let new: Vec<&String> = after.iter().filter(|one| !before.contains(one)).collect();
    assert_eq!(new.len(), 1, "{after:?}");
    let object = held.get(&format!("/demo/incidents/{}", new[0]));
    assert!(
        object.contains("kind: Incident") && object.contains("lab30-redis"),
        "{object}"
    );

    let (code, text) = held.stop("TERM");
    assert_eq!(code, Some(0));
    assert!(
        text.lines().all(|line| line.chars().count() <= COLUMNS),
        "{text}"
    );
}

#[test]
fn hold_leaves_the_document_as_it_is_and_ends_at_an_interrupt() {
    let held = Held::start(&["--dry-run", "-o", "json"]);
    assert!(held.post("/-/reload", "").starts_with("HTTP/1.1 400"));
    let (code, document) = held.stop("INT");
    assert_eq!(code, Some(0));
    let mut documents = [
        serde_json::from_str(&document).unwrap(),
        DRY_RUN_JSON.clone(),
    ];
    for document in &mut documents {
        let seconds = document["wallSeconds"].take();
        assert!(seconds.as_f64().unwrap() > 0.0);
    }
    assert_eq!(documents[0], documents[1]);
}
