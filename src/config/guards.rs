//! `guards:`: limits, each with its default and its range.

use super::Budget;
use super::findings::{Findings, Zero};
use super::raw::{RawGuards, Text};
use crate::domain::policy::GuardLimits;
use jiff::SignedDuration;

/// How many writes one incident may make at most: each is a rollout of a broken workload, and what five remedies did not cure, a sixth
/// will not.
const MOST_STEPS: i64 = 5;
/// More crashes than this are not waited for: at the kubelet's longest back-off of 5 minutes they take more than 8 hours.
const MOST_CRASHES: i64 = 100;
/// More writes or workloads than this is no limit any more.
const MOST_COUNTED: i64 = 1_000;

/// Everything under `guards:`.
pub(super) struct Guards {
    pub(super) limits: GuardLimits,
    pub(super) budget: Budget,
}

pub(super) fn guards(findings: &mut Findings<'_>, raw: Option<&RawGuards>) -> Guards {
    Guards {
        limits: limits(findings, raw),
        budget: budget(findings, raw),
    }
}

fn limits(findings: &mut Findings<'_>, raw: Option<&RawGuards>) -> GuardLimits {
    let mut duration = |key: &str, text: Option<&Text>, default: SignedDuration, zero: Zero| {
        findings.duration(&format!("guards.{key}"), text, default, zero)
    };
    let recent_rollout = duration(
        "recentRollout",
        raw.and_then(|raw| raw.recent_rollout.as_ref()),
        SignedDuration::from_hours(2),
        Zero::Refused,
    );
    // Zero is a choice here: act as soon as everything is proven.
    let dwell = duration(
        "dwell",
        raw.and_then(|raw| raw.dwell.as_ref()),
        SignedDuration::from_secs(60),
        Zero::Allowed,
    );
    let proven_for = duration(
        "provenFor",
        raw.and_then(|raw| raw.proven_for.as_ref()),
        SignedDuration::from_mins(2),
        Zero::Refused,
    );
    let cooldown = duration(
        "cooldown",
        raw.and_then(|raw| raw.cooldown.as_ref()),
        SignedDuration::from_mins(15),
        Zero::Refused,
    );
    let (storm_workloads, storm_within) = storm(findings, raw);
    GuardLimits {
        recent_rollout,
        dwell,
        proven_for,
        failing_share_percent: failing_share(
            findings,
            raw.and_then(|raw| raw.failing_share.as_ref()),
        ),
        min_crashes: findings.number(
            "guards.minCrashes",
            raw.and_then(|raw| raw.min_crashes.as_ref()),
            3,
            &(1..=MOST_CRASHES),
            "a crash loop has at least one crash, and more than 100 take a working day",
        ),
        cooldown,
        steps: findings.number(
            "guards.steps",
            raw.and_then(|raw| raw.steps.as_ref()),
            2,
            &(1..=MOST_STEPS),
            "each step is a rollout of a broken workload, and what five did not cure, a sixth will not",
        ),
        storm_workloads,
        storm_within,
    }
}

fn failing_share(findings: &mut Findings<'_>, text: Option<&Text>) -> u8 {
    const DEFAULT: u8 = 50;
    let Some(text) = text else {
        return DEFAULT;
    };
    let number = text
        .value
        .strip_suffix('%')
        .and_then(|number| number.parse::<u8>().ok());
    if let Some(percent @ 1..=100) = number {
        return percent;
    }
    let help = match text.value.parse::<u8>() {
        Ok(percent @ 1..=100) => format!("did you mean `{percent}%`?"),
        _ => "write a whole percentage from `1%` to `100%`".to_owned(),
    };
    findings.mistake(
        "guards.failingShare",
        text.defined,
        format!("`{}` is not a percentage", text.value),
        help,
    );
    DEFAULT
}

fn budget(findings: &mut Findings<'_>, raw: Option<&RawGuards>) -> Budget {
    let raw = raw.and_then(|raw| raw.budget.as_ref());
    if let Some(raw) = raw {
        findings.not_enforced(
            "guards.budget",
            raw.defined,
            "writes of all workloads together are not counted yet",
        );
    }
    let raw = raw.map(|raw| &raw.value);
    Budget {
        actions: findings.number(
            "guards.budget.actions",
            raw.and_then(|raw| raw.actions.as_ref()),
            5,
            &(1..=MOST_COUNTED),
            "to write nothing, say `mode: dry-run`",
        ),
        per: findings.duration(
            "guards.budget.per",
            raw.and_then(|raw| raw.per.as_ref()),
            SignedDuration::from_hours(1),
            Zero::Refused,
        ),
    }
}

/// From how many workloads on, and within which time.
fn storm(findings: &mut Findings<'_>, raw: Option<&RawGuards>) -> (usize, SignedDuration) {
    let raw = raw.and_then(|raw| raw.storm.as_ref()).map(|raw| &raw.value);
    let workloads = findings.number(
        "guards.storm.workloads",
        raw.and_then(|raw| raw.workloads.as_ref()),
        5,
        &(2..=MOST_COUNTED),
        "one workload alone is no storm",
    );
    let within = findings.duration(
        "guards.storm.within",
        raw.and_then(|raw| raw.within.as_ref()),
        SignedDuration::from_mins(10),
        Zero::Refused,
    );
    (workloads, within)
}
