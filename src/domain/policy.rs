//! What the owner allows: the configuration as the pure stages read it.

use super::alert::UNKNOWN_NAME;
use super::diagnosis::Cause;
use super::image::ImageRef;
use super::workload::WorkloadKind;
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::fmt;

/// How far Ripcord may go, from the strictest to the least strict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Not at all: opted out.
    Off,
    /// Decide, rehearse, record; never write.
    DryRun,
    /// Ask a person first.
    Approve,
    /// Act.
    Enforce,
}

impl Mode {
    /// All modes, the strictest first.
    pub const ALL: [Self; 4] = [Self::Off, Self::DryRun, Self::Approve, Self::Enforce];

    /// Its name in configurations, annotations, records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::DryRun => "dry-run",
            Self::Approve => "approve",
            Self::Enforce => "enforce",
        }
    }

    /// The mode of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The limits that guards compare with (`guards:`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardLimits {
    /// A rollout older than this is not to blame.
    pub recent_rollout: SignedDuration,
    /// How long an incident must have been open before anything is written.
    pub dwell: SignedDuration,
    /// How long a revision must have been fully ready, without restarts, to be called healthy.
    pub proven_for: SignedDuration,
    /// Which part of the newest revision's pods must fail, in percent (1 to 100).
    pub failing_share_percent: u8,
    /// How many restarts make a crash loop that is not in CrashLoopBackOff at the moment of reading.
    pub min_crashes: i64,
    /// How long after a write the same workload is left alone.
    pub cooldown: SignedDuration,
    /// How many writes one incident may make.
    pub steps: u32,
    /// From how many workloads on it is a storm.
    pub storm_workloads: usize,
    /// Within which time their incidents must have been opened.
    pub storm_within: SignedDuration,
}

/// One policy (`policies:`), valid by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// What it applies to.
    pub matches: Match,
    /// The causes it covers; `None` = it does not restrict them.
    pub causes: Option<BTreeSet<Cause>>,
    /// What it allows, in order.
    pub remedies: Vec<RemedySpec>,
    /// How recovery is verified.
    pub verify: VerifySpec,
    /// What it allows where another program owns the template.
    pub foreign: Foreign,
    /// The strictest mode it asks for; `None` = the configuration's.
    pub mode: Option<Mode>,
}

/// `foreign:` What may be done where another program has a say in the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Any program but Helm: it would fight.
    pub default: OnForeign,
    /// Helm, which does nothing before its next upgrade.
    pub helm: OnForeign,
}

impl Default for Foreign {
    fn default() -> Self {
        Self {
            default: OnForeign::Refuse,
            helm: OnForeign::Act,
        }
    }
}

/// One answer to another program's having a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnForeign {
    /// Leave it to that program.
    Refuse,
    /// Act all the same.
    Act,
}

impl OnForeign {
    /// Its name in configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Act => "act",
        }
    }
}

/// What a policy applies to; an omitted key does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// Globs over alert names.
    pub alerts: Option<Vec<String>>,
    /// Namespaces, exact.
    pub namespaces: Option<BTreeSet<String>>,
    /// Kinds; Deployment alone unless said.
    pub kinds: BTreeSet<WorkloadKind>,
    /// Workload names, exact.
    pub names: Option<BTreeSet<String>>,
}

/// One allowed remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemedySpec {
    /// Go back to an older revision.
    RolloutUndo(RolloutUndo),
    /// Set a container's image to a known-good one.
    PinImage(PinImage),
}

impl RemedySpec {
    /// Its name in configurations, records and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RolloutUndo(_) => "rolloutUndo",
            Self::PinImage(_) => "pinImage",
        }
    }
}

/// `rolloutUndo:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutUndo {
    /// Where to.
    pub to: UndoTo,
    /// How many revisions back it may go at most.
    pub max_revisions_back: usize,
}

/// Where an undo goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoTo {
    /// The newest revision that is proven healthy.
    Proven,
    /// The one before, on the owner's word.
    Previous,
    /// That number, on the owner's word.
    Number(i64),
}

/// `pinImage:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinImage {
    /// The container; `None` = the failing one.
    pub container: Option<String>,
    /// Where the image comes from.
    pub from: PinFrom,
}

/// Where a pinned image comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinFrom {
    /// Named in the policy: the owner's word.
    Policy(ImageRef),
    /// The digest that ran when the workload was healthy (`from: lastHealthy`).
    LastHealthy,
}

/// `verify:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifySpec {
    /// How long without progress before it is given up.
    pub timeout: SignedDuration,
    /// How long the target must stay whole at least.
    pub soak: SignedDuration,
    /// An optional probe.
    pub http: Option<HttpProbe>,
}

impl Default for VerifySpec {
    fn default() -> Self {
        Self {
            timeout: SignedDuration::from_mins(5),
            soak: SignedDuration::from_mins(1),
            http: None,
        }
    }
}

/// `verify.http:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProbe {
    /// What to GET; the only outside address that is ever called, and it comes from the configuration alone.
    pub url: String,
    /// A `Host` header, where it must differ from the URL's.
    pub host: Option<String>,
    /// The status that means healthy.
    pub status: u16,
}

impl Match {
    /// Whether it fits a workload and the alerts about it.
    pub fn fits<'a>(
        &self,
        kind: WorkloadKind,
        namespace: &str,
        name: &str,
        mut alerts: impl Iterator<Item = &'a str>,
    ) -> bool {
        self.kinds.contains(&kind)
            && self
                .namespaces
                .as_ref()
                .is_none_or(|allowed| allowed.contains(namespace))
            && self
                .names
                .as_ref()
                .is_none_or(|allowed| allowed.contains(name))
            && self.alerts.as_ref().is_none_or(|globs| {
                alerts.any(|alert| {
                    alert != UNKNOWN_NAME && globs.iter().any(|glob| glob_fits(glob, alert))
                })
            })
    }
}

/// Whether a glob (`*` = any run of characters) fits a whole text.
pub fn glob_fits(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_fits_the_whole_text_or_not_at_all() {
        for (glob, text, fits) in [
            ("Lab30*", "Lab30PodRestarts", true),
            ("Lab30*", "XLab30", false),
            ("*Restarts", "Lab30PodRestarts", true),
            ("Lab*Pod*", "Lab30PodRestarts", true),
            ("Lab30", "Lab30PodRestarts", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(glob_fits(glob, text), fits, "{glob} {text}");
        }
    }

    #[test]
    fn the_strictest_mode_is_the_smallest() {
        assert_eq!(Mode::ALL.into_iter().min(), Some(Mode::Off));
        assert!(Mode::DryRun < Mode::Enforce);
    }
}
