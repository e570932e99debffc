//! The planted bugs, each with a seed that catches it. When a change of the simulation makes a seed miss its bug, the search finds another:
//! `cargo test --test simulation -- --ignored --nocapture` prints this table anew, with `RIPCORD_BUG=UidNotTested`
//! before it one line of it.

use ripcord::planted::Bug;

/// A bug, the seed that catches it, and the invariant that it breaks there.
pub(crate) const BUGS: &[(Bug, u64, &str)] = &[
    (Bug::GuardPasses("RolloutPaused"), 0, "I9"),
    (Bug::GuardPasses("Dwelling"), 6, "I4"),
    (Bug::GuardPasses("CoolingDown"), 209, "I6"),
    (Bug::ModeForgotten, 13, "I2"),
    (Bug::OptOutIgnored, 19, "I9"),
    (Bug::AnythingIsProven, 0, "I5"),
    (Bug::ResourceVersionNotTested, 0, "I8"),
    (Bug::UidNotTested, 0, "I8"),
    (Bug::IntentNotRecorded, 0, "I3"),
    (Bug::BlindRetry, 217, "I8"),
    (Bug::StaleDecisionTrusted, 295, "I9"),
    (Bug::LostAnswerForgotten, 217, "I8"),
    (Bug::EarlierWriteNotLookedFor, 152, "I12"),
    (Bug::HoldIgnored, 44, "I3"),
    (Bug::HoldNotLookedAtAgain, 133, "I4"),
    (Bug::WriteNotNoted, 0, "I6"),
    (Bug::EmptyMeansAll, 1, "I2"),
    (Bug::ActOnResolved, 11, "I12"),
    (Bug::AnsweredBeforeRecorded, 5, "I12"),
    (Bug::ClosedForgotten, 13, "I11"),
    (Bug::OvertakenUnnoticed, 60, "I9"),
    (Bug::UnreadablePastIsEmpty, 98, "I10"),
    (Bug::RecoveredTooSoon, 599, "I12"),
    (Bug::TimeOutIsRecovery, 599, "I12"),
    (Bug::ActionIdForgotten, 0, "I1"),
    (Bug::AwayIsMissing, 55, "W1"),
    (Bug::ConflictIsRefusal, 154, "L1"),
    (Bug::FailureNotRemembered, 1557, "I5"),
    (Bug::HeldForGood, 0, "L1"),
    (Bug::SoakForgotten, 5, "I12"),
    (Bug::ReplacedUnnoticed, 37, "I9"),
];
