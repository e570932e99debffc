#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::fixtures::*;
use super::*;
#[test]
fn print_all() {
    for name in all_faults() {
        let evidence = fault(&name);
        let diagnosis = diagnose(&evidence, &LIMITS);
        println!("=== {name}");
        for e in &diagnosis.entries {
            println!(
                "{} {} {} {:?} {}\n  {}\n   {}",
                e.container,
                e.init,
                e.cause,
                e.rollback_helps,
                e.longest_run_seconds,
                e.because,
                e.facts.join("\n   ")
            );
        }
        println!(
            "older {:?} pending {:?}",
            diagnosis.older_failing, diagnosis.pending
        );
        for f in facts(&evidence, &diagnosis) {
            println!("   * {} {} {}", f.source, f.state, f.text);
        }
    }
}
