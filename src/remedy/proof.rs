//! Proof of health of one revision, in the design's order: its pods now, else Prometheus' history.

use crate::domain::case::Case;
use crate::domain::evidence::HealthHistory;
use crate::domain::observed::Observed;
use crate::domain::time::{human, since};
use crate::domain::workload::{Container, ContainerState, Pod, Revision, WorkloadKind};
use crate::planted::{self, Bug};
use jiff::{SignedDuration, Timestamp};

/// A history of fewer samples proves nothing: one scrape can be lucky, and two can be the same moment.
const SAMPLES_NEEDED: u32 = 3;

/// Whether a revision is known to have been healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It is: one sentence with the numbers.
    Proven(String),
    /// It is whole now and lacks only time.
    NotYet {
        /// When it will be proven, if it stays whole.
        look_again_at: Timestamp,
        /// What it lacks.
        text: String,
    },
    /// It is not: what is missing.
    Not(String),
    /// It can't be told: which source is away.
    Unavailable(String),
}

/// Judges one revision.
pub fn of(case: &Case, revision: &Revision) -> Proof {
    if planted::is(Bug::AnythingIsProven) {
        return Proof::Proven("not looked at".to_owned());
    }
    if case.diagnosis.older_failing.contains(&revision.name) {
        return Proof::Not("its pods fail now".to_owned());
    }
    let live = live(case, revision);
    if let Proof::Proven(_) = live {
        return live;
    }
    match (live, remembered(case, revision)) {
        (_, proven @ Proof::Proven(_)) => doubted_by_the_present(case, revision).unwrap_or(proven),
        (yet @ Proof::NotYet { .. }, _) => yet,
        (Proof::Unavailable(pods), Proof::Unavailable(history) | Proof::Not(history)) => {
            Proof::Unavailable(format!("{pods}; {history}"))
        }
        (Proof::Not(pods), Proof::Unavailable(history)) => {
            Proof::Unavailable(format!("{history}; {pods}"))
        }
        (Proof::Not(pods), Proof::Not(history)) => Proof::Not(format!("{pods}; {history}")),
        // `remembered` knows no "not yet", and a live proof has returned above.
        (live, Proof::NotYet { .. }) | (live @ Proof::Proven(_), _) => live,
    }
}

fn live(case: &Case, revision: &Revision) -> Proof {
    let pods = match &case.evidence.pods {
        Observed::Known(pods) => pods.as_slice(),
        Observed::Absent => &[],
        Observed::Unavailable(why) => {
            return Proof::Unavailable(format!("pods could not be read ({why})"));
        }
    };
    let wanted = match wanted(case, revision, pods) {
        Ok(wanted) => wanted,
        Err(proof) => return proof,
    };
    let staying = staying(pods, revision);
    let counted = i64::try_from(staying.len()).unwrap_or(i64::MAX);
    let steady: Vec<Timestamp> = staying.iter().filter_map(|pod| steady_since(pod)).collect();
    let ready = i64::try_from(steady.len()).unwrap_or(i64::MAX);
    let whole_since = match steady.into_iter().max() {
        Some(whole_since) if counted >= wanted && ready == counted => whole_since,
        _ => {
            return Proof::Not(format!(
                "{ready} of {} pods are ready now",
                wanted.max(counted)
            ));
        }
    };
    let needed = case.limits.proven_for;
    let whole_for = since(whole_since, case.now);
    let text = format!(
        "{ready} of {wanted} pods ready for {} without a restart, {} needed",
        human(whole_for),
        human(needed)
    );
    if whole_for >= needed {
        return Proof::Proven(format!("is healthy: {text}"));
    }
    Proof::NotYet {
        look_again_at: whole_since.checked_add(needed).unwrap_or(Timestamp::MAX),
        text: format!("whole now, but too short: {text}"),
    }
}

/// The revision's pods. One that is being deleted proves nothing, neither for nor against: only those that stay are counted.
fn staying<'a>(pods: &'a [Pod], revision: &Revision) -> Vec<&'a Pod> {
    let own = pods.iter().filter(|pod| pod.revision == revision.name);
    own.filter(|pod| !pod.deleting).collect()
}

/// How many pods the revision must have to be whole. A ReplicaSet is asked for a number of its own. A StatefulSet's or DaemonSet's revision is not: it is
/// whole only where every pod is of it, and never while part of them are of another one, however long those that still run it have been ready.
fn wanted(case: &Case, revision: &Revision, pods: &[Pod]) -> Result<i64, Proof> {
    let wanted = match (case.workload.kind, case.workload()) {
        (WorkloadKind::Deployment, _) => revision.replicas_wanted,
        (_, Some(workload)) => workload.replicas_wanted(),
        (_, None) => {
            let why = "how many pods there should be could not be read";
            return Err(Proof::Unavailable(why.to_owned()));
        }
    };
    if wanted <= 0 {
        return Err(Proof::Not("it is asked for no pods now".to_owned()));
    }
    let of_another = |pod: &Pod| !pod.deleting && pod.revision != revision.name;
    if case.workload.kind != WorkloadKind::Deployment && pods.iter().any(of_another) {
        let own = staying(pods, revision).len();
        return Err(Proof::Not(format!(
            "{own} of {wanted} pods are of it now, and all would have to be"
        )));
    }
    Ok(wanted)
}

/// A revision that serves now (a rolling update keeps it until the new pods are ready) and has a pod that is not Ready: whatever ails it, a database
/// that is away perhaps, may ail the newest one too, and going back would not help. That may pass, so it is looked at again.
fn doubted_by_the_present(case: &Case, revision: &Revision) -> Option<Proof> {
    /// About as long as a pod takes to start or an endpoint to come back.
    const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);
    let staying = staying(case.evidence.pods.known()?, revision);
    let ready = staying
        .iter()
        .filter(|pod| pod.ready_since.is_some())
        .count();
    // A ReplicaSet that is asked for none has only pods that go; the other kinds' pods go one by one.
    let serves = revision.replicas_wanted > 0 || case.workload.kind != WorkloadKind::Deployment;
    (serves && ready < staying.len()).then(|| Proof::NotYet {
        look_again_at: case.now.checked_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX),
        text: format!(
            "healthy in Prometheus' history, but only {ready} of {} pods are ready now",
            staying.len()
        ),
    })
}

/// Since when a pod has been ready with no container restarted; `None` while it is not ready, or where a restart has no time.
fn steady_since(pod: &Pod) -> Option<Timestamp> {
    let mut since = pod.ready_since?;
    for container in pod
        .containers
        .iter()
        .filter(|container| container.restarts > 0)
    {
        since = since.max(ended_at(container)?);
    }
    Some(since)
}

fn ended_at(container: &Container) -> Option<Timestamp> {
    let present = match &container.state {
        ContainerState::Terminated(termination) => Some(termination.finished?),
        ContainerState::Waiting { .. }
        | ContainerState::Running { .. }
        | ContainerState::Unknown => None,
    };
    let last = match &container.last {
        Some(termination) => Some(termination.finished?),
        None => None,
    };
    present.max(last)
}

fn remembered(case: &Case, revision: &Revision) -> Proof {
    let histories = match &case.evidence.history {
        Observed::Known(histories) => histories,
        Observed::Absent => return Proof::Not(NO_HISTORY.to_owned()),
        Observed::Unavailable(why) => {
            return Proof::Unavailable(format!("Prometheus' history could not be read ({why})"));
        }
    };
    histories.get(&revision.name).map_or_else(
        || Proof::Not(NO_HISTORY.to_owned()),
        |history| weigh(history, case.limits.proven_for),
    )
}

const NO_HISTORY: &str = "Prometheus remembers no healthy moment of it";

fn weigh(history: &HealthHistory, needed: SignedDuration) -> Proof {
    // Waiting would not help: it is as little known in an hour.
    if let Some(why) = &history.unknown {
        return Proof::Not(format!("Prometheus' history can't tell it: {why}"));
    }
    let Some(stretch) = history.longest else {
        return Proof::Not(NO_HISTORY.to_owned());
    };
    let text = format!(
        "healthy for {} without a restart in Prometheus' history, {} samples up to {}, {} and {SAMPLES_NEEDED} samples needed",
        human(stretch.span()),
        stretch.samples,
        crate::domain::time::whole_seconds(stretch.to),
        human(needed)
    );
    if stretch.span() >= needed && stretch.samples >= SAMPLES_NEEDED {
        Proof::Proven(format!("was {text}"))
    } else {
        Proof::Not(format!("at most {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workload::Termination;
    use crate::remedy::test_support::{self, GOOD, at, history, minutes, stretch};

    /// The good revision, serving one pod that has been ready for exactly `seconds`, and unknown to Prometheus.
    fn serving(seconds: i64) -> Case {
        let mut case = test_support::broken_web();
        case.evidence.history = Observed::Known(history(&[]));
        test_support::serve(&mut case, GOOD, 1, seconds);
        case
    }

    fn judge(case: &Case) -> Proof {
        let revisions = case.revisions().unwrap();
        of(case, revisions.older.first().unwrap())
    }

    fn first_pod(case: &mut Case) -> &mut Pod {
        match &mut case.evidence.pods {
            Observed::Known(pods) => pods
                .iter_mut()
                .find(|pod| pod.revision.as_str() == GOOD)
                .unwrap(),
            _ => panic!("no pods"),
        }
    }

    fn ended(second: Option<i64>) -> Termination {
        Termination {
            reason: "Error".into(),
            exit_code: 1,
            started: None,
            finished: second.map(at),
            message: String::new(),
        }
    }

    #[test]
    fn a_revision_that_nothing_is_known_of_is_not_proven() {
        let mut case = test_support::broken_web();
        case.evidence.history = Observed::Absent;
        assert_eq!(
            judge(&case),
            Proof::Not(
                "it is asked for no pods now; Prometheus remembers no healthy moment of it".into()
            )
        );
    }

    #[test]
    fn a_source_that_is_away_is_not_a_no() {
        let mut case = test_support::broken_web();
        case.evidence.history = Observed::Unavailable("timeout".into());
        assert!(matches!(judge(&case), Proof::Unavailable(text) if text.contains("timeout")));
        let mut case = test_support::broken_web();
        case.evidence.pods = Observed::Unavailable("503".into());
        assert!(
            matches!(judge(&case), Proof::Proven(_)),
            "history alone is enough"
        );
        case.evidence.history = Observed::Absent;
        assert!(matches!(judge(&case), Proof::Unavailable(text) if text.contains("503")));
    }

    #[test]
    fn pods_are_proven_exactly_at_the_limit() {
        assert!(
            matches!(judge(&serving(120)), Proof::Proven(text) if text.contains("1 of 1 pods ready for 2m"))
        );
        let Proof::NotYet { look_again_at, .. } = judge(&serving(119)) else {
            panic!("proven too early")
        };
        assert_eq!(look_again_at, at(1));
    }

    #[test]
    fn a_missing_an_unready_and_a_dying_pod_prove_nothing() {
        let mut case = serving(600);
        first_pod(&mut case).ready_since = None;
        assert!(
            matches!(judge(&case), Proof::Not(text) if text.starts_with("0 of 1 pods are ready now"))
        );
        let mut case = serving(600);
        first_pod(&mut case).deleting = true;
        assert!(matches!(judge(&case), Proof::Not(_)));
        let mut case = serving(600);
        test_support::newest_and_older(&mut case).1[0].replicas_wanted = 2;
        assert!(
            matches!(judge(&case), Proof::Not(text) if text.starts_with("1 of 2 pods are ready now"))
        );
    }

    #[test]
    fn a_restart_begins_the_stretch_anew_and_one_without_a_time_voids_it() {
        let mut case = serving(600);
        let container = &mut first_pod(&mut case).containers[0];
        container.restarts = 1;
        container.last = Some(ended(Some(-30)));
        assert!(
            matches!(judge(&case), Proof::NotYet { look_again_at, .. } if look_again_at == at(90))
        );
        first_pod(&mut case).containers[0].last = Some(ended(Some(-601)));
        assert!(matches!(judge(&case), Proof::Proven(_)));
        first_pod(&mut case).containers[0].last = Some(ended(None));
        assert!(matches!(judge(&case), Proof::Not(_)));
        first_pod(&mut case).containers[0].last = None;
        assert!(
            matches!(judge(&case), Proof::Not(_)),
            "a restart that nobody timed"
        );
    }

    #[test]
    fn history_needs_both_the_span_and_the_samples() {
        let mut case = test_support::broken_web();
        for (span, samples, proven) in [
            (120, 3, true),
            (119, 3, false),
            (600, 2, false),
            (600, 11, true),
        ] {
            case.evidence.history = Observed::Known(history(&[(GOOD, stretch(span, samples))]));
            assert_eq!(
                matches!(judge(&case), Proof::Proven(_)),
                proven,
                "{span} s, {samples} samples"
            );
        }
    }

    #[test]
    fn history_speaks_for_a_revision_that_lacks_only_time_now() {
        let mut case = serving(30);
        case.evidence.history = Observed::Known(history(&[(GOOD, minutes(10))]));
        assert!(matches!(judge(&case), Proof::Proven(text) if text.contains("history")));
    }

    #[test]
    fn a_revision_that_serves_and_is_not_whole_now_waits_whatever_its_past_was() {
        let mut case = serving(600);
        case.evidence.history = Observed::Known(history(&[(GOOD, minutes(60))]));
        first_pod(&mut case).ready_since = None;
        assert!(
            matches!(judge(&case), Proof::NotYet { look_again_at, text } if look_again_at == at(30) && text.contains("0 of 1"))
        );
        // A pod on its way out, and one that has not been made yet, say nothing.
        first_pod(&mut case).deleting = true;
        assert!(matches!(judge(&case), Proof::Proven(_)));
    }

    #[test]
    fn a_revision_whose_pods_fail_now_is_not_proven_by_its_past() {
        let mut case = test_support::broken_web();
        case.diagnosis.older_failing = vec![crate::domain::identity::RevisionName::new(GOOD)];
        assert_eq!(judge(&case), Proof::Not("its pods fail now".into()));
    }

    /// The good revision of a StatefulSet or a DaemonSet that wants so many pods, so many of which are still of it and have been ready for an hour.
    fn of_set(kind: WorkloadKind, wanted: i64, own: i64) -> Case {
        let mut case = test_support::broken_web();
        case.workload.kind = kind;
        test_support::workload(&mut case).spec["replicas"] = wanted.into();
        test_support::serve(&mut case, GOOD, own, 3600);
        test_support::newest_and_older(&mut case).1[0].replicas_wanted = 0;
        case.evidence.history = Observed::Known(history(&[]));
        case
    }

    const SETS: [WorkloadKind; 2] = [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet];

    fn without_newest_pods(case: &mut Case) {
        let Observed::Known(pods) = &mut case.evidence.pods else {
            panic!("no pods")
        };
        pods.retain(|pod| pod.revision.as_str() == GOOD);
    }

    #[test]
    fn ordinals_that_still_run_it_do_not_make_a_revision_whole() {
        for kind in SETS {
            let mut case = of_set(kind, 3, 2);
            assert!(
                matches!(judge(&case), Proof::Not(text) if text.starts_with("2 of 3 pods are of it now"))
            );
            // Not even where the newest one's pods are gone and have not been made again.
            without_newest_pods(&mut case);
            assert!(
                matches!(judge(&case), Proof::Not(text) if text.starts_with("2 of 3 pods are ready now"))
            );
            // As many as are wanted, and one of another revision beside them.
            let case = of_set(kind, 3, 3);
            assert!(matches!(judge(&case), Proof::Not(text) if text.starts_with("3 of 3 pods")));
        }
    }

    #[test]
    fn how_many_there_should_be_is_not_guessed() {
        let mut case = of_set(WorkloadKind::DaemonSet, 1, 1);
        without_newest_pods(&mut case);
        case.evidence.workload = Observed::Unavailable("503".into());
        assert!(matches!(judge(&case), Proof::Unavailable(_)));
    }

    #[test]
    fn a_revision_that_every_pod_of_a_set_is_of_is_whole() {
        for kind in SETS {
            let mut case = of_set(kind, 2, 2);
            without_newest_pods(&mut case);
            assert!(matches!(judge(&case), Proof::Proven(text) if text.contains("2 of 2 pods")));
        }
    }

    #[test]
    fn history_decides_for_a_set_whose_pods_are_of_two_revisions_unless_one_of_its_own_is_not_ready()
     {
        let mut case = of_set(WorkloadKind::StatefulSet, 3, 2);
        case.evidence.history = Observed::Known(history(&[(GOOD, minutes(60))]));
        assert!(matches!(judge(&case), Proof::Proven(text) if text.contains("history")));
        first_pod(&mut case).ready_since = None;
        assert!(matches!(judge(&case), Proof::NotYet { text, .. } if text.contains("1 of 2 pods")));
    }

    #[test]
    fn a_history_that_can_t_be_told_proves_nothing_and_says_so() {
        let mut case = test_support::broken_web();
        let untold = HealthHistory {
            unknown: Some("it has the images of revision x".into()),
            ..minutes(60)
        };
        case.evidence.history = Observed::Known(history(&[(GOOD, untold)]));
        assert!(
            matches!(judge(&case), Proof::Not(text) if text.contains("can't tell it: it has the images of revision x"))
        );
    }
}
