//! The planted bugs, each with a seed that catches it. When a change of the simulation makes a seed miss its bug, the search finds another:
//! `cargo test --test simulation -- --ignored --nocapture` prints this table anew.

use ripcord::planted::Bug;

/// A bug and the seed that catches it.
pub(crate) const BUGS: &[(Bug, u64)] = &[
    (Bug::GuardPasses("RolloutPaused"), 0),
    (Bug::GuardPasses("NotFailing"), 16),
    (Bug::GuardPasses("Dwelling"), 6),
    (Bug::GuardPasses("CauseNotAllowed"), 75),
];
