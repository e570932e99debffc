//! The words of a case that have a meaning: durations, and names of closed lists.

use super::shape::Text;
use super::text::{Mistake, Source};
use jiff::fmt::friendly::SpanParser;
use jiff::{SignedDuration, SpanRelativeTo};
use ripcord::domain::diagnosis::Cause;
use ripcord::domain::incident::{Ending, Phase};
use ripcord::domain::policy::Mode;
use ripcord::domain::verdict::{Decision, Reason};
use std::time::Duration;

/// The guards, in the order in which they are asked (README, "How it decides"). That a verdict has just these is checked in every case.
pub(crate) const GUARDS: [Reason; 21] = [
    Reason::Unavailable,
    Reason::NotInScope,
    Reason::OptedOut,
    Reason::RolloutPaused,
    Reason::ForeignOwner,
    Reason::NoPolicy,
    Reason::OlderRevision,
    Reason::NoRecentRollout,
    Reason::NotFailing,
    Reason::Dwelling,
    Reason::PartlyHealthy,
    Reason::CauseNotAllowed,
    Reason::OtherContainerFails,
    Reason::StepsSpent,
    Reason::TargetUnproven,
    Reason::NoTarget,
    Reason::Quarantined,
    Reason::ChangedByOther,
    Reason::CoolingDown,
    Reason::Storm,
    Reason::DryRunRefused,
];

/// Why an incident stands or ended where it does, beside the reasons of verdicts.
const OTHER_REASONS: [&str; 7] = [
    "ChangedMeanwhile",
    "DryRun",
    "OpenTooLong",
    "RecoveredAlone",
    "RevisionReplaced",
    "Verified",
    "WorkloadGone",
];

/// The longest that a step may take: a day is as long as an incident stays open.
const LONGEST: Duration = Duration::from_secs(26 * 3600);

/// A duration as configurations have them: `90s`, `10m`, `1h30m`.
pub(crate) fn duration(source: &Source, text: &Text) -> Result<Duration, Mistake> {
    let like = "a time such as `90s`, `10m` or `1h30m`";
    let read = || {
        let span = SpanParser::new().parse_span(text.value.trim()).ok()?;
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        (duration >= SignedDuration::ZERO && duration.subsec_nanos() == 0)
            .then(|| Duration::try_from(duration).ok())?
    };
    let what = format!("`{}` is not a time", text.value);
    let duration = read().ok_or_else(|| source.wrong(text.defined, what, like))?;
    if duration > LONGEST {
        let what = format!("`{}` is longer than 26 hours", text.value);
        return Err(source.wrong(text.defined, what, like));
    }
    Ok(duration)
}

/// A word of a closed list.
pub(crate) fn one_of<'a>(
    source: &Source,
    text: &Text,
    what: &str,
    list: impl IntoIterator<Item = &'a str>,
) -> Result<String, Mistake> {
    let list: Vec<&str> = list.into_iter().collect();
    if list.contains(&text.value.as_str()) {
        return Ok(text.value.clone());
    }
    let all = format!("one of {}", list.join(", "));
    let expected = match nearest(&text.value, list) {
        Some(meant) => format!("`{meant}`? {all}"),
        None => all,
    };
    let what = format!("`{}` is no {what}", text.value);
    Err(source.wrong(text.defined, what, expected))
}

pub(crate) fn phases() -> impl Iterator<Item = &'static str> {
    Phase::ALL.into_iter().map(Phase::as_str)
}

pub(crate) fn outcomes() -> impl Iterator<Item = &'static str> {
    // An incident that is open has none.
    Ending::ALL.into_iter().map(Ending::as_str).chain(["none"])
}

pub(crate) fn reasons() -> impl Iterator<Item = &'static str> {
    let of_verdicts = Reason::ALL.into_iter().map(Reason::as_str);
    of_verdicts.chain(OTHER_REASONS)
}

pub(crate) fn guards() -> impl Iterator<Item = &'static str> {
    GUARDS.into_iter().map(Reason::as_str)
}

pub(crate) fn causes() -> impl Iterator<Item = &'static str> {
    Cause::ALL.into_iter().map(Cause::as_str)
}

pub(crate) fn modes() -> impl Iterator<Item = &'static str> {
    Mode::ALL.into_iter().map(Mode::as_str)
}

pub(crate) fn decisions() -> impl Iterator<Item = &'static str> {
    Decision::NAMES.into_iter()
}

/// The candidate that was probably meant.
pub(crate) fn nearest<'a>(
    text: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = text.to_lowercase();
    let distance = |candidate: &str| strsim::osa_distance(&lower, &candidate.to_lowercase());
    let longest = |candidate: &str| lower.chars().count().max(candidate.chars().count());
    candidates
        .into_iter()
        .filter(|candidate| distance(candidate) <= (longest(candidate) / 3).max(1))
        .min_by_key(|candidate| distance(candidate))
}
