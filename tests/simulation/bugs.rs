//! The planted bugs, each with a seed that catches it. When a change of the simulation makes a seed miss its bug, the search finds another:
//! `cargo test --test simulation -- --ignored --nocapture` prints this table anew.

use ripcord::planted::Bug;

/// A bug, the seed that catches it, and the invariant that it breaks there.
pub(crate) const BUGS: &[(Bug, u64, &str)] = &[
    (Bug::GuardPasses("RolloutPaused"), 0, "I0"),
    (Bug::GuardPasses("NotFailing"), 16, "I0"),
    (Bug::GuardPasses("Dwelling"), 6, "I0"),
    (Bug::GuardPasses("CauseNotAllowed"), 75, "I0"),
    (Bug::GuardPasses("CoolingDown"), 6, "I0"),
    (Bug::ModeForgotten, 13, "I0"),
    (Bug::OptOutIgnored, 19, "I0"),
    (Bug::AnythingIsProven, 0, "I0"),
    (Bug::ResourceVersionNotTested, 0, "I0"),
    (Bug::UidNotTested, 0, "I0"),
    (Bug::IntentNotRecorded, 0, "I0"),
    (Bug::BlindRetry, 198, "I0"),
    (Bug::StaleDecisionTrusted, 295, "I0"),
    (Bug::LostAnswerForgotten, 217, "I0"),
    (Bug::EarlierWriteNotLookedFor, 170, "I0"),
    (Bug::HoldIgnored, 44, "I0"),
    (Bug::HoldNotLookedAtAgain, 133, "I0"),
    (Bug::WriteNotNoted, 0, "I0"),
    (Bug::EmptyMeansAll, 1, "I0"),
    (Bug::ActOnResolved, 18, "I0"),
    (Bug::AnsweredBeforeRecorded, 5, "I0"),
    (Bug::ClosedForgotten, 13, "I0"),
    (Bug::OvertakenUnnoticed, 60, "I0"),
    (Bug::UnreadableIsEmpty, 891, "I0"),
    (Bug::UnreadablePastIsEmpty, 6, "I0"),
    (Bug::RecoveredTooSoon, 36, "I0"),
    (Bug::TimeOutIsRecovery, 183, "I0"),
    (Bug::ActionIdForgotten, 0, "I0"),
    (Bug::AwayIsMissing, 0, "I0"),
    (Bug::ConflictIsRefusal, 0, "I0"),
    (Bug::FailureNotRemembered, 0, "I0"),
    (Bug::HeldForGood, 0, "I0"),
    (Bug::SoakForgotten, 0, "I0"),
    (Bug::ReplacedUnnoticed, 0, "I0"),
];
