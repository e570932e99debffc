//! Observations to a judgement. What can't be seen is Unknown, never 0, and never recovery.

use crate::action::Applied;
use crate::domain::incident::VerificationRecord;
use crate::domain::observed::Observed;
use crate::domain::policy::VerifySpec;
use crate::domain::text::truncate;
use crate::domain::time::{human, since, whole_seconds};
use crate::domain::workload::{Pod, Revisions, Workload};
use jiff::{SignedDuration, Timestamp};

/// A soak is never longer: twice the longest run of a slow crasher could be hours, and a person waits for the verdict.
const LONGEST_SOAK: SignedDuration = SignedDuration::from_mins(15);

/// One look at a workload after the write.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// When.
    pub now: Timestamp,
    /// The write, found on the workload as it is now.
    pub applied: &'a Applied,
    /// The revisions.
    pub revisions: &'a Observed<Revisions>,
    /// The pods.
    pub pods: &'a Observed<Vec<Pod>>,
    /// A live symptom of the target's own pods, in words.
    pub target_failing: Option<String>,
    /// What the end of the soak asked; `None` = not asked yet.
    pub last_questions: Option<&'a LastQuestions>,
}

/// What is asked once the soak is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastQuestions {
    /// New restarts of the target's pods, by Prometheus. `Absent` or `Unavailable` = it can't tell.
    pub restarts: Observed<i64>,
    /// The HTTP probe: `None` = the policy has none; else whether it answered three times in a row, or why not.
    pub probe: Option<Result<(), String>>,
}

/// What a look means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Whole, soaked, and nothing says otherwise.
    Recovered(String),
    /// Not yet; look again.
    NotYet(String),
    /// The soak is over: ask the last questions and judge again.
    AskLast,
    /// The target's own pods fail: a positive failure.
    Failed(String),
    /// Nothing got better for too long.
    TimedOut(String),
    /// It could not be judged for too long.
    Unknown(String),
}

impl Judgement {
    /// Its name in records.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Recovered(_) => "Recovered",
            Self::NotYet(_) | Self::AskLast => "NotYet",
            Self::Failed(_) => "Failed",
            Self::TimedOut(_) => "TimedOut",
            Self::Unknown(_) => "Unknown",
        }
    }

    /// Its sentence.
    pub fn text(&self) -> &str {
        match self {
            Self::Recovered(text)
            | Self::NotYet(text)
            | Self::Failed(text)
            | Self::TimedOut(text)
            | Self::Unknown(text) => text,
            Self::AskLast => "the soak is over",
        }
    }
}

/// The record of a verification that begins now.
pub fn begin(spec: &VerifySpec, longest_run_seconds: i64, workload: &Workload, now: Timestamp) -> VerificationRecord {
    let soak = spec
        .soak
        .max(SignedDuration::from_secs(longest_run_seconds.saturating_mul(2)))
        .max(SignedDuration::from_secs(workload.min_ready_seconds()))
        .min(LONGEST_SOAK);
    VerificationRecord {
        started_at: whole_seconds(now),
        last_progress: whole_seconds(now),
        seen: String::new(),
        whole_since: None,
        soak_seconds: soak.as_secs(),
        timeout_seconds: spec.timeout.as_secs(),
        restarts_at_start: 0,
        judgement: "NotYet".to_owned(),
        message: "the write was accepted".to_owned(),
    }
}

/// Judges one look. Returns the record as it goes on.
pub fn judge(record: &VerificationRecord, look: &Look<'_>) -> (VerificationRecord, Judgement) {
    let mut next = record.clone();
    let judgement = match state(look) {
        State::Failing(why) => Judgement::Failed(why),
        State::Unseen(why) => {
            next.whole_since = None;
            lasting(&mut next, look.now, &why, true)
        }
        State::Partial(why) => {
            next.whole_since = None;
            lasting(&mut next, look.now, &why, false)
        }
        State::Whole { restarts, pods } => whole(&mut next, look, restarts, pods),
    };
    judgement.as_str().clone_into(&mut next.judgement);
    next.message = truncate(judgement.text(), 1024);
    (next, judgement)
}

/// What the pods and counts say, without time.
enum State {
    Failing(String),
    Unseen(String),
    Partial(String),
    Whole { restarts: i64, pods: usize },
}

fn state(look: &Look<'_>) -> State {
    if let Some(why) = &look.target_failing {
        return State::Failing(why.clone());
    }
    let workload = look.applied.workload();
    let (Some(revisions), Some(pods)) = (look.revisions.known(), look.pods.known()) else {
        return State::Unseen("its revisions or pods could not be read".to_owned());
    };
    if workload.observed_generation < workload.generation {
        return State::Partial("the controller has not seen the change yet".to_owned());
    }
    let Some(target) = &revisions.newest else {
        return State::Partial("the controller has not made the revision yet".to_owned());
    };
    let wanted = workload.replicas_wanted();
    if wanted == 0 {
        return State::Unseen("it is scaled to zero: nothing shows that it works".to_owned());
    }
    let counts = workload.counts;
    let own: Vec<&Pod> = pods
        .iter()
        .filter(|pod| pod.revision == target.name && !pod.deleting)
        .collect();
    let ready = own.iter().filter(|pod| pod.ready_since.is_some()).count();
    let complete = counts.updated >= wanted
        && counts.total == counts.updated
        && counts.available >= counts.updated
        && i64::try_from(ready).unwrap_or(0) >= wanted
        && ready == own.len();
    if complete {
        let restarts = own
            .iter()
            .flat_map(|pod| &pod.containers)
            .map(|container| container.restarts)
            .sum();
        State::Whole { restarts, pods: own.len() }
    } else {
        State::Partial(format!(
            "{}: {} of {wanted} updated, {ready} ready, {} available",
            target.name, counts.updated, counts.available
        ))
    }
}

/// Not whole: only what was not seen before counts as progress.
fn lasting(next: &mut VerificationRecord, now: Timestamp, why: &str, unseen: bool) -> Judgement {
    let seen = truncate(why, 256);
    if next.seen != seen && !unseen {
        next.seen = seen;
        next.last_progress = whole_seconds(now);
    }
    let still = since(next.last_progress, now);
    if still < SignedDuration::from_secs(next.timeout_seconds) {
        return Judgement::NotYet(why.to_owned());
    }
    let text = format!("no progress for {}: {why}", human(still));
    if unseen { Judgement::Unknown(text) } else { Judgement::TimedOut(text) }
}

fn whole(next: &mut VerificationRecord, look: &Look<'_>, restarts: i64, pods: usize) -> Judgement {
    let now = look.now;
    let restarted = next.whole_since.is_some() && restarts > next.restarts_at_start;
    // Scaling down takes restarts away, scaling up brings none: neither is a restart.
    next.restarts_at_start = restarts;
    if next.whole_since.is_none() || restarted {
        next.whole_since = Some(now);
    }
    let whole_for = since(next.whole_since.unwrap_or(now), now);
    let soak = SignedDuration::from_secs(next.soak_seconds);
    if whole_for < soak {
        next.last_progress = whole_seconds(now);
        "whole".clone_into(&mut next.seen);
        let restart = if restarted { "a container restarted, the soak begins again: " } else { "" };
        return Judgement::NotYet(format!("{restart}whole, soaking {} of {}", human(whole_for), human(soak)));
    }
    let Some(answers) = look.last_questions else {
        return Judgement::AskLast;
    };
    match (&answers.restarts, &answers.probe) {
        (Observed::Known(0), None | Some(Ok(()))) => {
            let probed = if answers.probe.is_some() { ", the probe answers" } else { "" };
            Judgement::Recovered(format!(
                "{pods} of {pods} pods ready for {} without a restart, by Prometheus too{probed}",
                human(whole_for)
            ))
        }
        (Observed::Known(0), Some(Err(why))) => lasting(next, now, &format!("the probe does not answer: {why}"), false),
        (Observed::Known(count), _) => lasting(next, now, &format!("Prometheus counts {count} new restarts"), false),
        (Observed::Absent, _) => lasting(next, now, "Prometheus has no restart counter of the new pods", true),
        (Observed::Unavailable(why), _) => lasting(next, now, &format!("Prometheus can't tell: {why}"), true),
    }
}
