//! Bugs that tests plant, to prove that the fault simulation (`tests/simulation.rs`) would catch them: not a stage, and nothing that a user can
//! reach. Without the feature `planted-bugs`, which only this package's own tests turn on, [`is`] is a constant `false` and every switch is
//! compiled away.

#[cfg(feature = "planted-bugs")]
use std::cell::Cell;

/// A mistake that somebody could make. Each is one line at the place that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// `decision`: this guard passes whatever it sees.
    GuardPasses(&'static str),
    /// `decision`: every mode counts as enforce.
    ModeForgotten,
    /// `decision`: only the configuration says how far it may go, and no annotation.
    OptOutIgnored,
    /// `remedy`: every revision counts as proven, so that the previous one is taken.
    AnythingIsProven,
    /// `domain`: the patch does not test the resource version.
    ResourceVersionNotTested,
    /// `domain`: the patch does not say whose it is.
    ActionIdForgotten,
    /// `domain`: the patch does not test the uid.
    UidNotTested,
    /// `diagnosis`: whatever keeps an image away, it is called missing.
    AwayIsMissing,
    /// `action`: a conflict that passes is taken for a refusal.
    ConflictIsRefusal,
    /// `engine`: a revision that fails is not remembered as failing.
    FailureNotRemembered,
    /// `engine`: that somebody deployed between the intent and the write goes unnoticed.
    ReplacedUnnoticed,
    /// `engine`: what a hold stands on is not looked at again.
    HeldForGood,
    /// `engine`: it acts on a plan that is not in the record.
    IntentNotRecorded,
    /// `action`: a write whose answer was lost is sent once more at once.
    BlindRetry,
    /// `action`: a plan is written although the workload was changed since the decision.
    StaleDecisionTrusted,
    /// `engine`: a write whose answer was lost is taken for one that never happened.
    LostAnswerForgotten,
    /// `engine`: nobody looks whether an earlier process has written before it died.
    EarlierWriteNotLookedFor,
    /// `engine`: whoever finds an incident takes it over, whoever holds it.
    HoldIgnored,
    /// `engine`: the hold is not looked at again right before the write.
    HoldNotLookedAtAgain,
    /// `engine`: a write is not added to those that were made.
    WriteNotNoted,
    /// `engine`: every namespace counts as named by the configuration.
    EmptyMeansAll,
    /// `engine`: a resolved alert is taken for a firing one.
    ActOnResolved,
    /// `engine`: a delivery is answered with 200 although its alert could not be recorded.
    AnsweredBeforeRecorded,
    /// `engine`: a repeated alert of a closed incident opens another one.
    ClosedForgotten,
    /// `engine`: a change of somebody else after the write goes unnoticed.
    OvertakenUnnoticed,
    /// `evidence`: an incident list that can't be read is an empty one.
    UnreadablePastIsEmpty,
    /// `verify`: what is whole for a moment counts as recovered.
    SoakForgotten,
    /// `verify`: a workload that is not whole counts as recovered.
    RecoveredTooSoon,
    /// `verify`: a watch that timed out counts as recovered.
    TimeOutIsRecovery,
}

#[cfg(feature = "planted-bugs")]
thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants a bug for this thread, or takes it out again.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this bug is planted.
#[cfg(feature = "planted-bugs")]
pub(crate) fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Never.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}
