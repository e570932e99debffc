//! The import rules of the design, read from the source: a stage that reaches past its neighbours fails here, without a reviewer.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Which of our own modules each module may import. `a::B` allows one name of a module and nothing else of it: the type that proves that the
/// stage before was passed.
const RULES: &[(&str, &[&str])] = &[
    ("planted", &[]),
    ("domain", &[]),
    ("config", &["domain"]),
    ("diagnosis", &["domain"]),
    ("remedy", &["domain"]),
    ("decision", &["domain"]),
    ("platform", &["domain"]),
    ("telemetry", &["domain", "platform::CallObserver"]),
    ("sim", &["domain", "platform"]),
    ("intake", &["domain", "platform", "telemetry"]),
    ("evidence", &["domain", "platform", "telemetry"]),
    ("record", &["domain", "platform", "telemetry"]),
    ("notify", &["domain", "platform", "telemetry"]),
    (
        "action",
        &["domain", "platform", "telemetry", "decision::Authorized"],
    ),
    (
        "verify",
        &["domain", "platform", "telemetry", "action::Applied"],
    ),
    (
        "engine",
        &[
            "domain",
            "config",
            "diagnosis",
            "remedy",
            "decision",
            "platform",
            "telemetry",
            "intake",
            "evidence",
            "record",
            "notify",
            "action",
            "verify",
        ],
    ),
];

/// Modules without input or output: no await, no client, no log.
const PURE: &[&str] = &[
    "domain",
    "config",
    "diagnosis",
    "remedy",
    "decision",
    "engine/step",
    "verify/judge.rs",
];

fn sources(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn of_module(module: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let path = src().join(module);
    if path.is_dir() {
        sources(&path, &mut found);
    } else {
        // A module of one file, or a file that is named as such.
        found.push(path.with_extension("rs"));
    }
    assert!(!found.is_empty(), "{module} has no sources");
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            // Tests beside the code may lean on more; the rules are about the daemon.
            let code = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default()
                .to_owned();
            (path, code)
        })
        .filter(|(path, _)| {
            let mut inside = path.strip_prefix(src()).unwrap().components();
            let of_tests = inside.any(|part| part.as_os_str() == "tests");
            !of_tests && !path.ends_with("tests.rs") && !path.ends_with("test_support.rs")
        })
        .collect()
}

/// Every `crate::a::b` of a text, a grouped import's base included.
fn imports(code: &str) -> BTreeSet<String> {
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':')
                .collect()
        })
        .collect()
}

#[test]
fn every_module_imports_only_what_the_design_allows() {
    let mut broken = Vec::new();
    for (module, allowed) in RULES {
        for (path, code) in of_module(module) {
            for import in imports(&code) {
                let fits = |rule: &str| import == rule || import.starts_with(&format!("{rule}::"));
                // Switches for tests, compiled away in what users run: not a stage.
                if !fits("planted") && !fits(module) && !allowed.iter().any(|rule| fits(rule)) {
                    broken.push(format!("{}: {import}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_module_has_a_rule() {
    let ruled: BTreeSet<&str> = RULES
        .iter()
        .map(|(module, _)| *module)
        .chain(["cli"])
        .collect();
    let lib = std::fs::read_to_string(src().join("lib.rs")).unwrap();
    let modules: BTreeSet<&str> = lib
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(modules, ruled);
}

#[test]
fn pure_modules_neither_wait_nor_log() {
    let mut broken = Vec::new();
    for module in PURE {
        for (path, code) in of_module(module) {
            for forbidden in [
                ".await",
                "async fn",
                "tracing::",
                "reqwest",
                "kube::Client",
                "tokio::",
            ] {
                if code
                    .lines()
                    .any(|line| !line.trim_start().starts_with("//") && line.contains(forbidden))
                {
                    broken.push(format!("{}: {forbidden}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn clients_appear_only_in_the_platform_and_the_simulation_behind_it() {
    let mut found = Vec::new();
    sources(&src(), &mut found);
    for path in found {
        let relative = path.strip_prefix(src()).unwrap().to_path_buf();
        let text = std::fs::read_to_string(&path).unwrap();
        let simulated = relative.starts_with("sim");
        if relative.starts_with("platform") {
            continue;
        }
        for client in ["kube::Client", "reqwest::"] {
            let behind_it = simulated && client != "reqwest::";
            assert!(
                behind_it || !text.contains(client),
                "{} names {client}",
                relative.display()
            );
        }
    }
}

#[test]
fn nothing_is_printed_outside_the_commands() {
    for (module, _) in RULES {
        for (path, code) in of_module(module) {
            for forbidden in ["println!", "eprintln!", "std::io::stdout"] {
                assert!(!code.contains(forbidden), "{}: {forbidden}", path.display());
            }
        }
    }
}

#[test]
fn there_is_one_tls_provider_in_the_whole_tree() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let packages = String::from_utf8(tree.stdout).unwrap();
    let has = |name: &str| {
        packages
            .lines()
            .any(|line| line.starts_with(&format!("{name} v")))
    };
    assert!(
        has("aws-lc-rs") && has("rustls"),
        "{packages}{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    for other in ["ring", "openssl", "openssl-sys", "native-tls", "boring"] {
        assert!(!has(other), "{other} is a second provider");
    }
}
