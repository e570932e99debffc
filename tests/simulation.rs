//! The fault simulation: the whole daemon on the simulated cluster, a story and faults from a seed, and an observer that checks the safety
//! invariants on what was written.
//!
//! ```text
//! cargo test --test simulation                                       2,000 seeds, and every planted bug on the seed that catches it
//! RIPCORD_SEEDS=50000 cargo test --test simulation seeds             more of them
//! RIPCORD_SEED=17 cargo test --test simulation replay -- --nocapture one seed, with its trace
//! ```
//!
//! What is not simulated: watches with gaps (the daemon lists and gets, it watches nothing); a clock that jumps under a running process (it is
//! off from the process's start on, `ClockJump`). A process that is held up (`Frozen`) gets no new request through, while its timers run and
//! what others say reaches it; while the machine of the processes sleeps (`Suspended`), the cluster's seconds are made up for when it wakes.
//! Alertmanager is a simple one of this test's own: rules, groups, repeats and retries, one sender at a time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout
)]

mod simulation {
    pub(crate) mod alertmanager;
    pub(crate) mod bugs;
    pub(crate) mod dice;
    pub(crate) mod lab;
    pub(crate) mod network;
    pub(crate) mod observer;
    pub(crate) mod people;
    pub(crate) mod process;
    pub(crate) mod run;
    pub(crate) mod settings;
    pub(crate) mod story;
    pub(crate) mod trace;
    pub(crate) mod truth;
}

// Half of the time goes into allocation, and this allocator takes a third of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use ripcord::planted::Bug;
use simulation::bugs::BUGS;
use simulation::run::run;
use simulation::settings;
use simulation::story::Fault;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Within so many seeds each planted bug must be caught.
const CAUGHT_WITHIN: u64 = 2_000;
/// Shares say nothing of fewer seeds.
const ENOUGH_FOR_SHARES: u64 = 1_000;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What a run of many seeds showed.
#[derive(Default)]
struct Tally {
    mutated: u64,
    met: BTreeMap<Fault, u64>,
    /// Seeds that broke an invariant, with what they broke.
    broken: BTreeMap<u64, Vec<String>>,
}

/// Calls something for each seed, on every core, until it says that it has enough.
fn for_each_seed(seeds: u64, each: impl Fn(u64) -> bool + Sync) {
    let next = AtomicU64::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds || !each(seed) {
                        next.store(seeds, Ordering::Relaxed);
                        return;
                    }
                }
            });
        }
    });
}

#[test]
fn a_number_of_seeds_that_can_not_be_used_is_refused_with_a_way_out() {
    for bad in ["", "many", "0", "-1", "99999999999"] {
        let refused = settings::seeds(Some(bad)).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("RIPCORD_SEEDS={bad}: expected how many seeds")),
            "{refused}"
        );
        assert!(refused.contains("RIPCORD_SEEDS=50000"), "{refused}");
    }
    assert_eq!(settings::seeds(None), Ok(2_000));
    let refused = settings::seed(Some("x17")).unwrap_err().to_string();
    assert_eq!(
        refused,
        "RIPCORD_SEED=x17: expected the number of one seed, 0 or more; for example RIPCORD_SEED=17"
    );
    assert_eq!(settings::seed(Some("17")), Ok(Some(17)));
}

#[test]
fn the_same_seed_gives_the_same_writes_byte_for_byte() {
    for seed in 0..12 {
        let (first, _) = run(seed, None, false);
        let (second, _) = run(seed, None, true);
        assert!(
            first.bytes() == second.bytes(),
            "seed {seed} has two stories"
        );
        assert!(!first.bytes().is_empty());
    }
}

#[test]
fn every_planted_bug_is_caught_by_its_seed() {
    let caught = BUGS
        .iter()
        .map(|(bug, seed, invariant)| (bug, seed, invariant, run(*seed, Some(*bug), false).1));
    let missed: Vec<String> = caught
        .filter(|(_, _, invariant, violations)| {
            let broken = format!("{invariant}: ");
            !violations.iter().any(|found| found.starts_with(&broken))
        })
        .map(|(bug, seed, invariant, violations)| {
            format!("{bug:?} does not break {invariant} in seed {seed} any more: {violations:?}")
        })
        .collect();
    assert!(
        missed.is_empty(),
        "{missed:#?}\nfind other seeds: cargo test --test simulation -- --ignored --nocapture"
    );
}

#[test]
#[ignore = "minutes; tests/full runs it"]
fn every_planted_bug_is_caught_within_two_thousand_seeds() {
    let seeds = settings::seeds(variable("RIPCORD_SEEDS").as_deref())
        .unwrap_or_else(|error| panic!("{error}"));
    let only = variable("RIPCORD_BUG").unwrap_or_default();
    let mut missed = Vec::new();
    for (bug, ..) in BUGS
        .iter()
        .filter(|(bug, ..)| format!("{bug:?}").contains(&only))
    {
        match first_catch(*bug, seeds) {
            Some((seed, violations)) => {
                let (invariant, what) = violations[0].split_once(": ").unwrap();
                let what = what.lines().next().unwrap_or_default();
                println!("    (Bug::{bug:?}, {seed}, {invariant:?}), // {what}");
            }
            None => missed.push(bug),
        }
    }
    assert!(
        missed.is_empty(),
        "no seed below {CAUGHT_WITHIN} catches {missed:?}"
    );
}

/// The first seed that catches a bug, as far as the order of two cores tells.
fn first_catch(bug: Bug, seeds: u64) -> Option<(u64, Vec<String>)> {
    let caught = Mutex::new(BTreeMap::new());
    for_each_seed(CAUGHT_WITHIN.min(seeds), |seed| {
        let (_, violations) = run(seed, Some(bug), false);
        let catches = !violations.is_empty() && run(seed, None, false).1.is_empty();
        if catches {
            caught.lock().unwrap().insert(seed, violations);
        }
        !catches
    });
    caught.into_inner().unwrap().pop_first()
}

#[test]
fn replay_of_one_seed() {
    let seed = settings::seed(variable("RIPCORD_SEED").as_deref())
        .unwrap_or_else(|error| panic!("{error}"));
    if let Some(seed) = seed {
        let (records, violations) = run(seed, None, true);
        println!("{}", records.told());
        assert!(violations.is_empty(), "seed {seed}: {violations:#?}");
    }
}

#[test]
fn seeds_keep_every_invariant_and_are_not_vacuous() {
    let seeds = settings::seeds(variable("RIPCORD_SEEDS").as_deref())
        .unwrap_or_else(|error| panic!("{error}"));
    let started = Instant::now();
    let tally = Mutex::new(Tally::default());
    for_each_seed(seeds, |seed| {
        let (records, violations) = run(seed, None, false);
        let mut tally = tally.lock().unwrap();
        tally.mutated += u64::from(records.mutated());
        for fault in &records.met {
            *tally.met.entry(*fault).or_default() += 1;
        }
        if !violations.is_empty() {
            // At once: a long run is long.
            writeln!(std::io::stderr(), "seed {seed}: {violations:?}").unwrap();
            tally.broken.insert(seed, violations);
        }
        // Enough to read.
        tally.broken.len() < 20
    });
    let tally = tally.into_inner().unwrap();
    let seconds = started.elapsed().as_secs_f64();
    print_tally(&tally, seeds, seconds);
    if let Some((seed, violations)) = tally.broken.iter().next() {
        println!("{}", run(*seed, None, true).0.told());
        panic!(
            "seeds that broke an invariant: {:?}\nseed {seed}: {violations:#?}\nreplay it: RIPCORD_SEED={seed} cargo test --test simulation replay -- --nocapture",
            tally.broken.keys().collect::<Vec<_>>()
        );
    }
    if seeds >= ENOUGH_FOR_SHARES {
        assert!(
            tally.mutated * 10 >= seeds * 3,
            "only {} of {seeds} seeds wrote to a workload",
            tally.mutated
        );
        for fault in Fault::ALL {
            let met = tally.met.get(&fault).copied().unwrap_or(0);
            assert!(
                met * 10 >= seeds,
                "only {met} of {seeds} seeds met {fault:?}"
            );
        }
    }
}

/// Straight to the terminal: `cargo test` keeps what a test prints to itself, unless it fails.
#[allow(clippy::cast_precision_loss, reason = "printed figures")]
fn print_tally(tally: &Tally, seeds: u64, seconds: f64) {
    let share = |count: u64| count as f64 * 100.0 / seeds as f64;
    let mut told = format!(
        "{seeds} seeds in {seconds:.1}s, {:.1} a second\n  {:5.1} %  wrote to a workload\n",
        seeds as f64 / seconds,
        share(tally.mutated)
    );
    for fault in Fault::ALL {
        let met = tally.met.get(&fault).copied().unwrap_or(0);
        writeln!(told, "  {:5.1} %  met {fault:?}", share(met)).unwrap();
    }
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}
