//! The commands as a person runs them: what they print, and their exit codes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;
use std::process::{Command, Output};

fn ripcord(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ripcord"))
        .args(arguments)
        .env_remove("KUBECONFIG")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The lab's configuration with one text replaced, in a file of its own.
fn changed(from: &str, to: &str) -> tempfile::NamedTempFile {
    let shipped =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/ripcord.yaml"))
            .unwrap();
    assert!(shipped.contains(from), "{from}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), shipped.replacen(from, to, 1)).unwrap();
    file
}

#[test]
fn a_mistake_is_shown_with_its_place_and_exits_with_2() {
    let file = changed("ImageNotFound", "ImageNotFond");
    let path = file.path().to_str().unwrap();
    for arguments in [vec!["check", path], vec!["serve", "--config", path]] {
        let done = ripcord(&arguments);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        let shown = format!("{}{}", text(&done.stdout), text(&done.stderr));
        assert!(
            shown.contains("ImageNotFond") && shown.contains("ImageNotFound"),
            "{shown}"
        );
        assert!(shown.contains(&format!("{path}:")), "{shown}");
    }
}

#[test]
fn without_a_token_and_without_insecure_it_does_not_start() {
    let file = changed("webhook: {bearerTokenFile: /etc/ripcord/token}", "");
    let done = ripcord(&["serve", "--config", file.path().to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(2));
    assert!(
        text(&done.stderr).contains("insecure: true"),
        "{}",
        text(&done.stderr)
    );
}

#[test]
fn a_token_file_that_is_not_there_is_found_out_at_start() {
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    let text = r#"{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":"http://127.0.0.1:1"}}],
        "users":[{"name":"u","user":{"token":"t"}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}]}"#;
    std::fs::write(kubeconfig.path(), text).unwrap();
    let file = changed(
        "listen: {webhook: 127.0.0.1:9099",
        "listen: {webhook: 127.0.0.1:0",
    );
    let (config, kubeconfig) = (
        file.path().to_str().unwrap(),
        kubeconfig.path().to_str().unwrap(),
    );
    let done = ripcord(&["serve", "--config", config, "--kubeconfig", kubeconfig]);
    assert_eq!(done.status.code(), Some(2), "{}", text_of(&done));
    assert!(
        text_of(&done).contains("/etc/ripcord/token"),
        "{}",
        text_of(&done)
    );
}

fn text_of(done: &Output) -> String {
    format!("{}{}", text(&done.stdout), text(&done.stderr))
}

#[test]
fn a_file_that_is_not_there_and_a_kubeconfig_that_is_not_there_are_named() {
    let done = ripcord(&["serve", "--config", "/no/such/file.yaml"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("/no/such/file.yaml"));
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/ripcord.yaml");
    let done = ripcord(&[
        "serve",
        "--config",
        shipped.to_str().unwrap(),
        "--kubeconfig",
        "/no/such/kubeconfig",
    ]);
    assert_eq!(done.status.code(), Some(4));
    assert!(
        text(&done.stderr).contains("/no/such/kubeconfig"),
        "{}",
        text(&done.stderr)
    );
}

#[test]
fn an_unknown_command_is_a_usage_error() {
    assert_eq!(ripcord(&["serv"]).status.code(), Some(2));
    assert_eq!(ripcord(&["serve"]).status.code(), Some(2));
}

#[test]
fn the_shipped_configuration_is_fine_and_fits_80_columns() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/ripcord.yaml");
    let done = Command::new(env!("CARGO_BIN_EXE_ripcord"))
        .args(["check", "ripcord.yaml"])
        .current_dir(shipped.parent().unwrap())
        .output()
        .unwrap();
    let shown = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{shown}");
    let wide: Vec<_> = shown
        .lines()
        .filter(|line| line.chars().count() > 80 && line.split_whitespace().count() > 2)
        .collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn the_crd_is_printed_as_it_is_shipped() {
    let done = ripcord(&["crd"]);
    let shipped =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/base/crd.yaml"))
            .unwrap();
    assert_eq!(
        (done.status.code(), text(&done.stdout)),
        (Some(0), shipped.as_str())
    );
}

#[test]
fn the_version_is_the_crate_s_with_the_commit_where_one_was_given() {
    let done = ripcord(&["version"]);
    assert_eq!(
        text(&done.stdout).trim(),
        format!(
            "ripcord {} ({})",
            env!("CARGO_PKG_VERSION"),
            option_env!("RIPCORD_REVISION").unwrap_or("unknown")
        )
    );
}

#[test]
fn incidents_without_a_cluster_say_what_is_missing() {
    let done = ripcord(&["incidents", "--kubeconfig", "/does/not/exist"]);
    assert_eq!(done.status.code(), Some(4));
    let error = text(&done.stderr);
    assert!(
        error.starts_with("error: the cluster can't be reached\n  caused by: can't use the kubeconfig /does/not/exist\n"),
        "{error}"
    );
    assert!(text(&done.stdout).is_empty());
}

#[test]
fn what_does_not_go_together_is_refused() {
    for arguments in [
        vec!["incidents", "-A", "-n", "lab30"],
        vec!["incidents", "web-x", "-w"],
        vec!["incidents", "-o", "xml"],
        vec!["completion", "cmd"],
        // What belongs to the cluster is not silently left out of a check of the file alone.
        vec!["check", "config/ripcord.yaml", "-o", "json"],
        vec![
            "check",
            "config/ripcord.yaml",
            "--alertmanager-url",
            "http://127.0.0.1:9093",
        ],
        vec!["check", "--live"],
    ] {
        let done = ripcord(&arguments);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        assert!(text(&done.stderr).starts_with("error: "), "{arguments:?}");
    }
}

#[test]
fn the_shells_that_people_use_get_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let done = ripcord(&["completion", shell]);
        let script = text(&done.stdout);
        assert_eq!(done.status.code(), Some(0));
        assert!(
            script.contains("incidents") && script.contains("--all-namespaces")
                || shell == "fish" && script.contains("all-namespaces"),
            "{shell}"
        );
    }
}

#[test]
fn as_kubectl_s_plugin_it_speaks_of_itself_as_it_was_called() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("kubectl-ripcord");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ripcord"), &plugin).unwrap();
    let done = std::process::Command::new(plugin)
        .args(["incidents", "--help"])
        .output()
        .unwrap();
    let help = text(&done.stdout);
    assert!(help.contains("Usage: kubectl ripcord incidents"), "{help}");
}

#[test]
fn a_live_check_of_a_bad_file_is_the_report_about_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ripcord.yaml");
    std::fs::write(&file, "kind: Config\n").unwrap();
    let file = file.to_str().unwrap();
    let (live, offline) = (
        ripcord(&["check", "--live", file]),
        ripcord(&["check", file]),
    );
    assert_eq!(live.status.code(), Some(2));
    assert_eq!(text(&live.stdout), text(&offline.stdout));
}

#[test]
fn a_live_check_where_nothing_answers_can_not_tell_and_says_so_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    // Ports of the reserved range, on which nothing listens.
    std::fs::write(
        &kubeconfig,
        "{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: \"http://127.0.0.1:1\"}}], users: [{name: c, user: {}}], contexts: [{name: c, context: {cluster: c, user: c}}]}",
    )
    .unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "secret\n").unwrap();
    let done = |output: &str| {
        ripcord(&[
            "check",
            "--live",
            "deploy/base/ripcord.yaml",
            "-o",
            output,
            "--kubeconfig",
            kubeconfig.to_str().unwrap(),
            "--prometheus-url",
            "http://127.0.0.1:2",
            "--alertmanager-url",
            "http://127.0.0.1:3",
            "--webhook-url",
            "http://127.0.0.1:4",
            "--token-file",
            token.to_str().unwrap(),
        ])
    };
    let page = done("table");
    assert_eq!(page.status.code(), Some(4), "{}", text(&page.stderr));
    let shown = text(&page.stdout);
    for line in [
        "× the API server answers",
        "- the CRD incidents.ripcord.dev is current",
        "× Prometheus answers at http://127.0.0.1:2",
        "× Alertmanager answers at http://127.0.0.1:3",
        "× Ripcord takes deliveries at http://127.0.0.1:4",
        "see deploy/runbook.md#ripcorddependencydown",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    let json: serde_json::Value = serde_json::from_slice(&done("json").stdout).unwrap();
    assert_eq!(
        (&json["success"], &json["exitCode"]),
        (&false.into(), &4.into())
    );
    assert_eq!(json["categories"][0]["checks"][0]["result"], "unknown");
}

#[test]
fn explain_refuses_what_is_no_workload_or_no_incident_and_says_what_is() {
    for (arguments, says) in [
        (vec!["explain"], "TYPE/NAME"),
        (vec!["explain", "web"], "deployment/web"),
        (
            vec!["explain", "cronjob/web"],
            "statefulset and daemonset are",
        ),
        (vec!["explain", "--file", "Cargo.toml"], "no Incident"),
        (vec!["explain", "--file", "nowhere.yaml"], "nowhere.yaml"),
    ] {
        let done = ripcord(&arguments);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        let told = text(&done.stderr);
        assert!(told.contains(says), "{arguments:?}: {told}");
    }
}

#[test]
fn a_recorded_incident_is_explained_offline_and_what_is_printed_can_be_explained_again() {
    let recorded = r#"
apiVersion: ripcord.dev/v1alpha1
kind: Incident
metadata: {name: web-x, namespace: lab30}
spec:
  workload: {kind: Deployment, name: web, uid: u}
  revision: {name: web-5d9f, hash: 5d9f, number: 2}
  installation: default
  alert: {name: A, fingerprint: f, startsAt: "2026-11-23T04:00:00Z", receivedAt: "2026-11-23T04:00:05Z"}
status:
  phase: Held
  reason: NoPolicy
  message: no policy matches
  verdict: {decision: Hold, reason: NoPolicy, message: no policy matches, guards: []}
"#;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(path, recorded).unwrap();
    for output in ["yaml", "json"] {
        let told = ripcord(&["explain", "--file", path]);
        assert_eq!(told.status.code(), Some(3), "{}", text(&told.stderr));
        assert!(text(&told.stdout).contains("Hold (NoPolicy)"));
        let again = ripcord(&["explain", "--file", path, "-o", output]);
        assert_eq!(again.status.code(), Some(3));
        std::fs::write(path, &again.stdout).unwrap();
    }
}
