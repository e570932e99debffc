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
use runner::table::{Row, summary, table};
use runner::{aloud, judge, stage};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many cases are told at the same time.
const THREADS: usize = 2;
/// Fewer cases than this are too few to trust.
const CASES_AT_LEAST: usize = 60;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn read(folder: &Path) -> Result<Case, String> {
    let name = folder.file_name().unwrap().to_string_lossy();
    let name = format!("tests/scenarios/{name}");
    Case::read(folder, &name, &cases().join("default.yaml")).map_err(|mistake| mistake.to_string())
}

/// What came of a case.
struct Told {
    differences: Vec<String>,
    /// What the incidents say of it.
    story: String,
    row: Row,
}

/// Tells one case.
fn tell(case: &Case) -> Result<Told, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let told = catch_unwind(AssertUnwindSafe(|| runtime.block_on(stage::tell(case))));
    match told {
        Ok(Ok(stage)) => {
            let differences = judge::differences(case, &stage);
            Ok(Told {
                row: Row::of(case, &stage, &differences),
                differences,
                story: aloud::story(&stage),
            })
        }
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

/// Tells all of them; the report of each that is not as expected, and a row of each.
fn tell_all(cases: &[Case], aloud: bool) -> (Vec<String>, Vec<Row>) {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let rows = Mutex::new(Vec::new());
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(place) else { break };
            let told = tell(case).unwrap_or_else(|why| Told {
                differences: vec![why],
                story: String::new(),
                row: Row::untold(case),
            });
            let Told {
                differences,
                story,
                row,
            } = told;
            rows.lock().unwrap().push((place, row));
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
    let mut rows = rows.into_inner().unwrap();
    rows.sort_by_key(|(place, _)| *place);
    (failures, rows.into_iter().map(|(_, row)| row).collect())
}

/// Not by `println!`: the test harness would keep it to itself, and this table is what the corpus is for.
fn show(table: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{table}").unwrap();
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
    let (unexpected, rows) = tell_all(&cases, wanted.is_some());
    failures.extend(unexpected);
    show(&table(&rows));
    assert!(
        failures.is_empty(),
        "{} of {} cases are not as expected:\n\n{}\n\n{}",
        failures.len(),
        folders.len(),
        failures.join("\n\n"),
        summary(&rows)
    );
}

#[test]
fn there_are_enough_cases_and_half_of_them_are_refusals() {
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
        refusals * 2 >= cases.len(),
        "{refusals} refusals of {}",
        cases.len()
    );
}

/// The faults of the lab that are no Deployments: Ripcord does not repair those kinds yet, so there is one case of each kind.
const OTHER_KINDS: [&str; 2] = ["ds-image-not-found", "sts-image-not-found"];

#[test]
fn every_captured_fault_is_a_case_alone_and_after_a_good_revision() {
    let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/faults");
    let mut compared = 0;
    for entry in std::fs::read_dir(captured).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let wanted: &[&str] = if OTHER_KINDS.contains(&name.as_str()) {
            &[""]
        } else {
            &["-alone", "-after-good"]
        };
        for which in wanted {
            let folder = cases().join(format!("fault-{name}{which}"));
            assert!(folder.is_dir(), "{}", folder.display());
            compared += 1;
        }
    }
    assert!(compared >= 42, "{compared}");
}
