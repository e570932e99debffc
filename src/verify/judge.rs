//! Observations to a judgement. What can't be seen is Unknown, never 0, and never recovery.

use crate::action::Applied;
use crate::domain::incident::VerificationRecord;
use crate::domain::observed::Observed;
use crate::domain::policy::VerifySpec;
use crate::domain::text::truncate;
use crate::domain::time::{human, since, whole_seconds};
use crate::domain::workload::{Pod, Revisions, Workload};
use crate::planted::{self, Bug};
use jiff::{SignedDuration, Timestamp};

/// A target that is whole for a while and then not, so often, is not repaired.
const MOST_SETBACKS: i64 = 3;
/// A large rollout may make progress for hours; what takes longer than a day is not a matter of tonight.
const LONGEST_WATCH: SignedDuration = SignedDuration::from_hours(24);
/// A soak is never longer: twice the longest run of a slow crasher could be hours, and a person waits for the verdict.
const LONGEST_SOAK: SignedDuration = SignedDuration::from_mins(15);

/// A reading that is older when it is judged shows what was: the machine slept, or an answer took that long. No older than what a write may
/// stand on; all questions of one look together take less at their time-outs.
const OLDEST_READING: SignedDuration = SignedDuration::from_secs(30);

/// Looks in a soak are ten seconds apart, and answers at their time-outs take twice as long again. In a longer pause a node could go and come
/// back unseen (it takes 40 s to be noticed): its pod would be ready again, by a clock that says nothing to ours.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(40);

/// One look at a workload after the write.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// When it is judged.
    pub now: Timestamp,
    /// When the reading began.
    pub read_at: Timestamp,
    /// When this process's reading before began; `None` = there was none.
    pub looked_before: Option<Timestamp>,
    /// The write, found on the workload as it is now; `None` where the workload could not be read well enough to tell.
    pub applied: Option<&'a Applied>,
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
pub fn begin(
    spec: &VerifySpec,
    longest_run_seconds: i64,
    workload: &Workload,
    now: Timestamp,
) -> VerificationRecord {
    let soak = spec
        .soak
        .max(SignedDuration::from_secs(
            longest_run_seconds.saturating_mul(2),
        ))
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
        best: 0,
        setbacks: 0,
        judgement: "NotYet".to_owned(),
        message: "the write was accepted".to_owned(),
    }
}

/// Judges one look. Returns the record as it goes on.
pub fn judge(record: &VerificationRecord, look: &Look<'_>) -> (VerificationRecord, Judgement) {
    let mut next = record.clone();
    let goes_on = |before: Timestamp| since(before, look.read_at) <= LONGEST_PAUSE;
    if !look.looked_before.is_some_and(goes_on) {
        // Nobody has looked for a while: the soak begins anew.
        next.whole_since = None;
    }
    let judgement = match state(look) {
        State::Failing(why) => Judgement::Failed(why),
        State::Unseen(why) => {
            next.whole_since = None;
            lasting(&next, look.now, &why, true)
        }
        State::Partial { score, why } => {
            // Scaling up loses nothing of what was whole: it is no setback.
            if next.whole_since.take().is_some() && score < next.best {
                next.setbacks += 1;
                next.last_progress = whole_seconds(look.now);
            }
            if score > next.best {
                next.best = score;
                next.last_progress = whole_seconds(look.now);
            }
            next.seen = truncate(&why, 256);
            lasting(&next, look.now, &why, false)
        }
        State::Whole(target) => whole(&mut next, look, &target),
    };
    let judgement = bounded(&next, look.now, judgement);
    judgement.as_str().clone_into(&mut next.judgement);
    next.message = truncate(judgement.text(), 1024);
    (next, judgement)
}

/// Every watch ends: one whose soak is broken off again and again, or that has gone on for a day.
fn bounded(next: &VerificationRecord, now: Timestamp, judgement: Judgement) -> Judgement {
    let Judgement::NotYet(why) = judgement else {
        return judgement;
    };
    if next.setbacks >= MOST_SETBACKS {
        return Judgement::TimedOut(format!(
            "it was whole and then not {} times: {why}",
            next.setbacks
        ));
    }
    if since(next.started_at, now) >= LONGEST_WATCH {
        return Judgement::TimedOut(format!("watched for {}: {why}", human(LONGEST_WATCH)));
    }
    Judgement::NotYet(why)
}

/// What the pods and counts say, without time.
enum State {
    Failing(String),
    Unseen(String),
    Partial { score: i64, why: String },
    Whole(Target),
}

/// The target's pods, all of them well.
struct Target {
    pods: usize,
    restarts: i64,
    /// When the last of them became ready, as they say themselves.
    ready_since: Option<Timestamp>,
}

fn state(look: &Look<'_>) -> State {
    if let Some(why) = &look.target_failing {
        return State::Failing(why.clone());
    }
    let (Some(applied), Some(revisions), Some(pods)) =
        (look.applied, look.revisions.known(), look.pods.known())
    else {
        return State::Unseen(
            "the workload, its revisions or its pods could not be read".to_owned(),
        );
    };
    let age = since(look.read_at, look.now);
    if age > OLDEST_READING {
        return State::Unseen(format!("the reading is {} old", human(age)));
    }
    let workload = applied.workload();
    let not_begun = |why: &str| State::Partial {
        score: 0,
        why: why.to_owned(),
    };
    if workload.observed_generation < workload.generation {
        return not_begun("the controller has not seen the change yet");
    }
    let Some(target) = &revisions.newest else {
        return not_begun("the controller has not made the revision yet");
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
    if complete || planted::is(Bug::RecoveredTooSoon) {
        let restarts = own
            .iter()
            .flat_map(|pod| &pod.containers)
            .map(|container| container.restarts)
            .sum();
        State::Whole(Target {
            pods: own.len(),
            restarts,
            ready_since: own.iter().filter_map(|pod| pod.ready_since).max(),
        })
    } else {
        let ready = i64::try_from(ready).unwrap_or(0);
        State::Partial {
            // The old pods are available too: of those only as many as are updated count.
            score: counts.updated + ready + counts.available.min(counts.updated),
            why: format!(
                "{}: {} of {wanted} updated, {ready} ready, {} available",
                target.name, counts.updated, counts.available
            ),
        }
    }
}

/// Not whole, or not confirmed: given up when nothing has got better for too long.
fn lasting(next: &VerificationRecord, now: Timestamp, why: &str, unseen: bool) -> Judgement {
    let still = since(next.last_progress, now);
    if still < SignedDuration::from_secs(next.timeout_seconds) {
        return Judgement::NotYet(why.to_owned());
    }
    let text = format!("no progress for {}: {why}", human(still));
    if planted::is(Bug::TimeOutIsRecovery) {
        Judgement::Recovered(text)
    } else if unseen {
        Judgement::Unknown(text)
    } else {
        Judgement::TimedOut(text)
    }
}

fn whole(next: &mut VerificationRecord, look: &Look<'_>, target: &Target) -> Judgement {
    let now = look.now;
    let Target {
        pods,
        restarts,
        ready_since,
    } = *target;
    let restarted = next.whole_since.is_some() && restarts > next.restarts_at_start;
    // Scaling down takes restarts away, scaling up brings none: neither is a restart.
    next.restarts_at_start = restarts;
    if restarted {
        next.setbacks += 1;
    }
    next.best = i64::try_from(pods).unwrap_or(i64::MAX).saturating_mul(3);
    if next.whole_since.is_none() || restarted {
        next.whole_since = Some(now);
    }
    // Nobody may have looked for a while: what became ready in that time was not whole before. A time to come is another clock's.
    if let Some(ready_since) = ready_since.filter(|ready_since| *ready_since <= now) {
        next.whole_since = next.whole_since.max(Some(ready_since));
    }
    let whole_for = since(next.whole_since.unwrap_or(now), now);
    let soak = SignedDuration::from_secs(next.soak_seconds);
    if whole_for < soak && !planted::is(Bug::SoakForgotten) {
        next.last_progress = whole_seconds(now);
        "whole".clone_into(&mut next.seen);
        let restart = if restarted {
            "a container restarted, the soak begins again: "
        } else {
            ""
        };
        return Judgement::NotYet(format!(
            "{restart}whole, soaking {} of {}",
            human(whole_for),
            human(soak)
        ));
    }
    let Some(answers) = look.last_questions else {
        return Judgement::AskLast;
    };
    match (&answers.restarts, &answers.probe) {
        (Observed::Known(0), None | Some(Ok(()))) => {
            let probed = if answers.probe.is_some() {
                ", the probe answers"
            } else {
                ""
            };
            Judgement::Recovered(format!(
                "{pods} of {pods} pods ready for {} without a restart, by Prometheus too{probed}",
                human(whole_for)
            ))
        }
        (Observed::Known(0), Some(Err(why))) => lasting(
            next,
            now,
            &format!("the probe does not answer: {why}"),
            false,
        ),
        (Observed::Known(count), _) => lasting(
            next,
            now,
            &format!("Prometheus counts {count} new restarts"),
            false,
        ),
        (Observed::Absent, _) => lasting(
            next,
            now,
            "Prometheus has no restart counter of the new pods",
            true,
        ),
        (Observed::Unavailable(why), _) => {
            lasting(next, now, &format!("Prometheus can't tell: {why}"), true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::{RevisionName, TemplateHash, Uid};
    use crate::domain::workload::{
        Container, ContainerState, ReplicaCounts, Revision, WorkloadKind, WorkloadRef,
    };
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn workload(wanted: i64, ready: i64) -> Workload {
        Workload {
            reference: WorkloadRef {
                kind: WorkloadKind::Deployment,
                namespace: "n".into(),
                name: "web".into(),
            },
            uid: Uid::new("u"),
            resource_version: "1".into(),
            generation: 2,
            observed_generation: 2,
            labels: [].into(),
            annotations: None,
            spec: json!({"replicas": wanted}),
            counts: ReplicaCounts {
                total: wanted,
                updated: wanted,
                ready,
                available: ready,
                desired: None,
            },
            owner_references: serde_json::Value::Null,
            replica_failure: None,
        }
    }

    fn pod(name: &str, ready: bool, restarts: i64) -> Pod {
        Pod {
            name: name.into(),
            uid: Uid::new(name),
            revision: RevisionName::new("good"),
            node: None,
            created: at(0),
            deleting: false,
            ready_since: ready.then_some(at(1)),
            unschedulable: None,
            containers: vec![Container {
                name: "web".into(),
                init: false,
                image: String::new(),
                image_id: String::new(),
                restarts,
                state: ContainerState::Running { since: None },
                last: None,
            }],
        }
    }

    fn revisions() -> Observed<Revisions> {
        let newest = Revision {
            name: RevisionName::new("good"),
            uid: Uid::new("good"),
            hash: TemplateHash::new("good"),
            number: 3,
            created: at(0),
            replicas_wanted: 1,
            template: json!({}),
            change_cause: None,
        };
        Observed::Known(Revisions {
            newest: Some(newest),
            older: vec![],
        })
    }

    fn record() -> VerificationRecord {
        let spec = VerifySpec {
            soak: SignedDuration::from_secs(30),
            ..VerifySpec::default()
        };
        begin(&spec, 0, &workload(1, 0), at(0))
    }

    struct Scene {
        applied: Applied,
        readable: bool,
        revisions: Observed<Revisions>,
        pods: Observed<Vec<Pod>>,
        failing: Option<String>,
        answers: Option<LastQuestions>,
        /// How old the reading is, in seconds.
        age: i64,
        /// How long ago the look before was, in seconds.
        paused: i64,
    }

    impl Scene {
        fn new(workload: Workload, pods: Vec<Pod>) -> Self {
            Self {
                applied: Applied::on(workload),
                readable: true,
                revisions: revisions(),
                pods: Observed::Known(pods),
                failing: None,
                answers: None,
                age: 0,
                paused: 10,
            }
        }

        fn answered(mut self, restarts: Observed<i64>, probe: Option<Result<(), String>>) -> Self {
            self.answers = Some(LastQuestions { restarts, probe });
            self
        }

        fn judge(
            &self,
            record: &VerificationRecord,
            second: i64,
        ) -> (VerificationRecord, Judgement) {
            judge(
                record,
                &Look {
                    now: at(second),
                    read_at: at(second - self.age),
                    looked_before: Some(at(second - self.paused)),
                    applied: self.readable.then_some(&self.applied),
                    revisions: &self.revisions,
                    pods: &self.pods,
                    target_failing: self.failing.clone(),
                    last_questions: self.answers.as_ref(),
                },
            )
        }
    }

    fn whole() -> Scene {
        Scene::new(workload(1, 1), vec![pod("a", true, 0)])
    }

    #[test]
    fn zero_replicas_show_nothing() {
        let scene = Scene::new(workload(0, 0), vec![]);
        assert!(matches!(scene.judge(&record(), 10).1, Judgement::NotYet(_)));
        assert!(matches!(
            scene.judge(&record(), 300).1,
            Judgement::Unknown(_)
        ));
    }

    #[test]
    fn pods_that_cannot_be_read_are_unknown_and_not_whole() {
        let mut scene = whole();
        scene.pods = Observed::Unavailable("away".into());
        let (after, judgement) = scene.judge(&record(), 10);
        assert!(matches!(judgement, Judgement::NotYet(_)) && after.whole_since.is_none());
        assert!(matches!(scene.judge(&after, 301).1, Judgement::Unknown(_)));
    }

    #[test]
    fn after_a_pause_in_which_nobody_looked_the_soak_begins_anew() {
        let (soaking, _) = whole().judge(&record(), 10);
        let mut scene = whole();
        scene.paused = 41;
        let (after, judgement) = scene.judge(&soaking, 51);
        assert!(matches!(judgement, Judgement::NotYet(_)), "{judgement:?}");
        assert_eq!(after.whole_since, Some(at(51)));
        scene.paused = 40;
        assert_eq!(scene.judge(&soaking, 51).1, Judgement::AskLast);
    }

    #[test]
    fn what_became_ready_while_nobody_looked_soaks_from_then_on() {
        let (soaking, _) = whole().judge(&record(), 10);
        let mut scene = whole().answered(Observed::Known(0), None);
        scene.pods = Observed::Known(vec![Pod {
            ready_since: Some(at(190)),
            ..pod("a", true, 0)
        }]);
        let (after, judgement) = scene.judge(&soaking, 200);
        assert!(matches!(judgement, Judgement::NotYet(_)), "{judgement:?}");
        assert_eq!(after.whole_since, Some(at(190)));
        // By a clock that is behind nothing can be said.
        let (after, _) = scene.judge(&soaking, 100);
        assert_eq!(after.whole_since, Some(at(10)));
    }

    #[test]
    fn a_reading_that_is_older_than_half_a_minute_shows_nothing() {
        let mut scene = whole();
        let (soaked, _) = scene.judge(&record(), 10);
        scene = scene.answered(Observed::Known(0), None);
        scene.age = 31;
        let (after, judgement) = scene.judge(&soaked, 200);
        assert!(
            matches!(&judgement, Judgement::NotYet(why) if why == "the reading is 31s old"),
            "{judgement:?}"
        );
        assert_eq!(after.whole_since, None);
        scene.age = 30;
        let (_, judgement) = scene.judge(&soaked, 200);
        assert!(
            matches!(judgement, Judgement::Recovered(_)),
            "{judgement:?}"
        );
    }

    #[test]
    fn a_workload_that_cannot_be_read_any_more_ends_the_watch_some_day() {
        let mut scene = whole();
        scene.readable = false;
        assert!(matches!(
            scene.judge(&record(), 299).1,
            Judgement::NotYet(_)
        ));
        assert!(matches!(
            scene.judge(&record(), 300).1,
            Judgement::Unknown(_)
        ));
    }

    #[test]
    fn pods_that_come_and_go_are_no_progress() {
        let flaps = |ready: i64| {
            let pods = vec![pod("a", ready > 0, 0), pod("b", ready > 1, 0)];
            Scene::new(workload(2, ready), pods)
        };
        let (mut record, _) = flaps(1).judge(&record(), 10);
        for second in [100, 200, 309] {
            let judgement;
            (record, judgement) = flaps(i64::from(second == 200)).judge(&record, second);
            assert!(matches!(judgement, Judgement::NotYet(_)), "{judgement:?}");
        }
        assert!(matches!(
            flaps(1).judge(&record, 310).1,
            Judgement::TimedOut(_)
        ));
    }

    #[test]
    fn a_target_that_is_whole_only_now_and_then_is_given_up() {
        let broken = Scene::new(workload(1, 0), vec![pod("a", false, 0)]);
        let mut record = record();
        let mut last = Judgement::AskLast;
        for round in 0..3 {
            let start = 10 + round * 40;
            assert!(matches!(last, Judgement::AskLast | Judgement::NotYet(_)));
            (record, _) = whole().judge(&record, start);
            (record, last) = broken.judge(&record, start + 20);
        }
        assert!(matches!(last, Judgement::TimedOut(_)), "{last:?}");
    }

    #[test]
    fn scaling_up_in_the_soak_is_no_setback() {
        let (mut record, _) = whole().judge(&record(), 10);
        for wanted in 2..8 {
            let pods = (0..wanted).map(|n| pod(&n.to_string(), n + 1 < wanted, 0));
            let growing = Scene::new(workload(wanted, wanted - 1), pods.collect());
            let judgement;
            (record, judgement) = growing.judge(&record, wanted * 20);
            assert!(matches!(judgement, Judgement::NotYet(_)), "{judgement:?}");
            let pods = (0..wanted).map(|n| pod(&n.to_string(), true, 0)).collect();
            (record, _) =
                Scene::new(workload(wanted, wanted), pods).judge(&record, wanted * 20 + 5);
        }
        assert_eq!(record.setbacks, 0);
    }

    #[test]
    fn a_soak_that_restarts_again_and_again_is_given_up() {
        let restarted = |times| Scene::new(workload(1, 1), vec![pod("a", true, times)]);
        let mut record = record();
        let mut last = Judgement::AskLast;
        for times in 0..4 {
            assert!(matches!(last, Judgement::AskLast | Judgement::NotYet(_)));
            (record, last) = restarted(times).judge(&record, 10 + times * 20);
        }
        assert!(matches!(last, Judgement::TimedOut(_)), "{last:?}");
    }

    #[test]
    fn a_probe_that_fails_in_another_way_each_time_is_no_progress() {
        let (soaked, _) = whole().judge(&record(), 10);
        let silent = |why: &str| whole().answered(Observed::Known(0), Some(Err(why.to_owned())));
        let (first, _) = silent("status 500").judge(&soaked, 41);
        let (second, _) = silent("no connection").judge(&first, 200);
        assert!(matches!(
            silent("status 500").judge(&second, 310).1,
            Judgement::TimedOut(_)
        ));
    }

    #[test]
    fn a_large_rollout_may_take_longer_than_its_time_out() {
        let mut record = record();
        for ready in 1..10 {
            let pods = (0..10).map(|n| pod(&n.to_string(), n < ready, 0)).collect();
            let judgement;
            (record, judgement) = Scene::new(workload(10, ready), pods).judge(&record, ready * 200);
            assert!(matches!(judgement, Judgement::NotYet(_)), "{judgement:?}");
        }
    }

    #[test]
    fn an_old_generation_proves_nothing() {
        let mut old = workload(1, 1);
        old.observed_generation = 1;
        assert!(matches!(
            Scene::new(old, vec![pod("a", true, 0)])
                .judge(&record(), 10)
                .1,
            Judgement::NotYet(_)
        ));
    }

    #[test]
    fn a_pod_of_another_revision_is_not_the_targets() {
        let mut other = pod("a", true, 0);
        other.revision = RevisionName::new("bad");
        assert!(matches!(
            Scene::new(workload(1, 1), vec![other])
                .judge(&record(), 10)
                .1,
            Judgement::NotYet(_)
        ));
    }

    #[test]
    fn the_soak_must_pass_before_anything_is_asked() {
        let (first, judgement) = whole().judge(&record(), 10);
        assert!(matches!(judgement, Judgement::NotYet(_)));
        assert!(matches!(whole().judge(&first, 39).1, Judgement::NotYet(_)));
        assert_eq!(whole().judge(&first, 40).1, Judgement::AskLast);
    }

    #[test]
    fn a_restart_begins_the_soak_again() {
        let (first, _) = whole().judge(&record(), 10);
        let restarted = Scene::new(workload(1, 1), vec![pod("a", true, 1)]);
        let (second, judgement) = restarted.judge(&first, 40);
        assert!(judgement.text().contains("restarted"));
        assert!(matches!(
            restarted.judge(&second, 69).1,
            Judgement::NotYet(_)
        ));
        assert_eq!(restarted.judge(&second, 70).1, Judgement::AskLast);
    }

    #[test]
    fn scaling_is_not_a_restart() {
        let two = Scene::new(workload(2, 2), vec![pod("a", true, 1), pod("b", true, 0)]);
        let (first, _) = two.judge(&record(), 10);
        let (second, _) = Scene::new(workload(1, 1), vec![pod("b", true, 0)]).judge(&first, 20);
        assert_eq!(second.whole_since, first.whole_since);
    }

    #[test]
    fn a_missing_series_is_unknown_and_never_zero() {
        let (soaked, _) = whole().judge(&record(), 10);
        for restarts in [Observed::Absent, Observed::Unavailable("away".into())] {
            let scene = whole().answered(restarts, None);
            assert!(matches!(scene.judge(&soaked, 41).1, Judgement::NotYet(_)));
            assert!(matches!(
                scene.judge(&soaked, 10 + 300).1,
                Judgement::Unknown(_)
            ));
        }
    }

    #[test]
    fn restarts_that_only_prometheus_saw_and_a_silent_probe_do_not_pass() {
        let (soaked, _) = whole().judge(&record(), 10);
        let restarted = whole().answered(Observed::Known(1), None);
        assert!(matches!(
            restarted.judge(&soaked, 41).1,
            Judgement::NotYet(_)
        ));
        let silent = whole().answered(Observed::Known(0), Some(Err("status 500".into())));
        assert!(matches!(silent.judge(&soaked, 41).1, Judgement::NotYet(_)));
        assert!(matches!(
            silent.judge(&soaked, 400).1,
            Judgement::NotYet(_) | Judgement::TimedOut(_)
        ));
    }

    #[test]
    fn whole_soaked_and_confirmed_is_recovered() {
        let (soaked, _) = whole().judge(&record(), 10);
        for probe in [None, Some(Ok(()))] {
            let judgement = whole()
                .answered(Observed::Known(0), probe)
                .judge(&soaked, 41)
                .1;
            assert!(
                matches!(judgement, Judgement::Recovered(_)),
                "{judgement:?}"
            );
        }
    }

    #[test]
    fn the_targets_own_failure_is_failure_at_once() {
        let mut scene = whole();
        scene.failing = Some("web: crashes".into());
        assert_eq!(
            scene.judge(&record(), 10).1,
            Judgement::Failed("web: crashes".into())
        );
    }

    #[test]
    fn the_time_out_counts_from_the_last_progress() {
        let stuck = Scene::new(workload(2, 1), vec![pod("a", true, 0), pod("b", false, 0)]);
        let (first, _) = stuck.judge(&record(), 200);
        assert!(matches!(stuck.judge(&first, 499).1, Judgement::NotYet(_)));
        assert!(matches!(stuck.judge(&first, 500).1, Judgement::TimedOut(_)));
    }

    #[test]
    fn the_soak_is_the_longest_of_three_and_at_most_a_quarter_of_an_hour() {
        let spec = VerifySpec::default();
        let soak = |longest_run| begin(&spec, longest_run, &workload(1, 1), at(0)).soak_seconds;
        assert_eq!((soak(0), soak(50), soak(10_000)), (60, 100, 900));
        let mut slow = workload(1, 1);
        slow.spec = json!({"minReadySeconds": 200});
        assert_eq!(begin(&spec, 0, &slow, at(0)).soak_seconds, 200);
    }
}
