//! The planted bugs, each with a seed that catches it. When a change of the simulation makes a seed miss its bug, the search finds another:
//! `cargo test --test simulation -- --ignored --nocapture` prints this table anew.

use ripcord::planted::Bug;

/// A bug and the seed that catches it.
pub(crate) const BUGS: &[(Bug, u64)] = &[
    (Bug::GuardPasses("RolloutPaused"), 0),
    (Bug::GuardPasses("NotFailing"), 16),
    (Bug::GuardPasses("Dwelling"), 6),
    (Bug::GuardPasses("CauseNotAllowed"), 75),
    (Bug::GuardPasses("CoolingDown"), 6),
    (Bug::ModeForgotten, 13),
    (Bug::OptOutIgnored, 19),
    (Bug::AnythingIsProven, 0),
    (Bug::ResourceVersionNotTested, 0),
    (Bug::UidNotTested, 0),
    (Bug::IntentNotRecorded, 0),
    (Bug::BlindRetry, 198),
    (Bug::StaleDecisionTrusted, 295),
    (Bug::LostAnswerForgotten, 217),
    (Bug::EarlierWriteNotLookedFor, 170),
    (Bug::HoldIgnored, 44),
    (Bug::HoldNotLookedAtAgain, 133),
    (Bug::WriteNotNoted, 0),
    (Bug::EmptyMeansAll, 1),
    (Bug::ActOnResolved, 18),
    (Bug::AnsweredBeforeRecorded, 5),
    (Bug::ClosedForgotten, 13),
    (Bug::OvertakenUnnoticed, 60),
    (Bug::UnreadableIsEmpty, 891),
    (Bug::UnreadablePastIsEmpty, 6),
    (Bug::RecoveredTooSoon, 36),
    (Bug::TimeOutIsRecovery, 183),
];
