//! The cases of `tests/scenarios`: the whole daemon on the simulated cluster, in paused time, from Alertmanager's POST to what was expected.
//! The format of a case is described in `tests/scenarios/README.md`. `RIPCORD_SCENARIO=word cargo test --test scenarios` runs those whose
//! name has that word, and tells their stories.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

#[path = "scenarios_runner/mod.rs"]
mod runner;

use runner::case::{Case, folders};
use runner::{aloud, judge, stage};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many cases are told at the same time.
const THREADS: usize = 2;
/// Fewer cases than this are too few to trust (issue 4).
const CASES_AT_LEAST: usize = 30;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn read(folder: &Path) -> Result<Case, String> {
    let name = folder.file_name().unwrap().to_string_lossy();
    let name = format!("tests/scenarios/{name}");
    Case::read(folder, &name, &cases().join("default.yaml")).map_err(|mistake| mistake.to_string())
}

/// Tells one case; what differs from what was expected, and what the incidents say of it.
fn tell(case: &Case) -> Result<(Vec<String>, String), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let told = catch_unwind(AssertUnwindSafe(|| runtime.block_on(stage::tell(case))));
    match told {
        Ok(Ok(stage)) => Ok((judge::differences(case, &stage), aloud::story(&stage))),
        Ok(Err(mistake)) => Err(mistake.to_string()),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned().or_else(|| {
                panic
                    .downcast_ref::<&str>()
                    .map(|words| (*words).to_owned())
            });
            Err(format!(
                "{}: panicked: {}",
                case.name,
                words.unwrap_or_default()
            ))
        }
    }
}

/// Tells all of them; the report of each that is not as expected.
fn tell_all(cases: &[Case], aloud: bool) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (differences, story) = match tell(case) {
                Ok(told) => told,
                Err(why) => (vec![why], String::new()),
            };
            if aloud {
                println!(
                    "{}: {}\n{story}",
                    case.name,
                    case.expected.shape.why.value.trim()
                );
            }
            if !differences.is_empty() {
                let report = format!("{}\n{}\n{story}", case.name, differences.join("\n"));
                failures.lock().unwrap().push(report);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    failures
}

#[test]
fn every_case_is_as_expected() {
    let wanted = std::env::var("RIPCORD_SCENARIO").ok();
    let is_wanted = |folder: &PathBuf| {
        let name = folder.file_name().unwrap().to_string_lossy();
        wanted
            .as_ref()
            .is_none_or(|wanted| name.contains(wanted.as_str()))
    };
    let folders: Vec<PathBuf> = folders(&cases()).into_iter().filter(is_wanted).collect();
    assert!(!folders.is_empty(), "no case's name has {wanted:?}");
    let (mut cases, mut failures) = (Vec::new(), Vec::new());
    for folder in &folders {
        match read(folder) {
            Ok(case) => cases.push(case),
            Err(mistake) => failures.push(mistake),
        }
    }
    failures.extend(tell_all(&cases, wanted.is_some()));
    assert!(
        failures.is_empty(),
        "{} of {} cases are not as expected:\n\n{}",
        failures.len(),
        folders.len(),
        failures.join("\n\n")
    );
}

#[test]
fn there_are_enough_cases_and_a_third_of_them_are_refusals() {
    let cases: Vec<Case> = folders(&cases())
        .iter()
        .filter_map(|folder| read(folder).ok())
        .collect();
    let refusals = cases
        .iter()
        .filter(|case| case.expected.is_refusal())
        .count();
    assert!(cases.len() >= CASES_AT_LEAST, "{} cases", cases.len());
    assert!(
        refusals * 3 >= cases.len(),
        "{refusals} refusals of {}",
        cases.len()
    );
}
