//! The API server, the CRD, and the clocks.

use super::finding::{Category, Finding, Section};
use crate::domain::time::human;
use crate::platform::clock::Clock;
use crate::platform::kube::{ApiError, Cluster, Greeting};
use crate::record::schema;
use jiff::{SignedDuration, Timestamp};

/// Kubernetes 1.25 served OpenAPI v3 and strict field validation by default: without them nobody would see that a CRD drops fields.
const OLDEST_MINOR: u32 = 25;
/// More is no matter of a slow answer, and the story's times begin to contradict each other.
const SKEW_SEEN: SignedDuration = SignedDuration::from_secs(5);
/// As long as one process holds an incident: with more, another one takes it over while the first still works.
const SKEW_TOO_MUCH: SignedDuration = SignedDuration::from_secs(30);

/// The version of the Incident resource that this binary speaks.
const VERSION: &str = "v1alpha1";

/// What was asked of the API server.
pub(super) struct Facts {
    pub(super) greeting: Result<Greeting, ApiError>,
    /// When it was asked, by our own clock: the middle of the request.
    pub(super) asked_at: Timestamp,
    pub(super) crd: Crd,
}

/// What it serves of our resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Crd {
    /// The fields that this binary writes and it lacks.
    Served { missing: Vec<String> },
    /// Not our version; these.
    OtherVersions(Vec<String>),
    /// Our version, but not its schema yet: it is published some seconds after the CRD.
    NotPublished,
    /// It has no such resource.
    Absent,
    /// Not answered.
    Unread(ApiError),
}

/// Asks.
pub(super) async fn fetch(cluster: &Cluster, clock: &Clock) -> Facts {
    let before = clock.now();
    let greeting = cluster.greeting().await;
    let took = clock.now().duration_since(before);
    Facts {
        greeting,
        asked_at: before.checked_add(took / 2).unwrap_or(before),
        crd: crd(cluster).await,
    }
}

async fn crd(cluster: &Cluster) -> Crd {
    match cluster.served_schemas().await {
        Ok(served) => Crd::Served {
            missing: schema::missing_fields(&served),
        },
        Err(error) if error.is_not_found() => match cluster.served_versions("ripcord.dev").await {
            Ok(versions) if versions.is_empty() => Crd::Absent,
            Ok(versions) if versions.iter().any(|version| version == VERSION) => Crd::NotPublished,
            Ok(versions) => Crd::OtherVersions(versions),
            Err(error) => Crd::Unread(error),
        },
        Err(error) => Crd::Unread(error),
    }
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Category {
    let Facts {
        greeting,
        asked_at,
        crd,
    } = facts;
    let mut findings = vec![answers(greeting)];
    if let Ok(Greeting { date, .. }) = greeting {
        findings.push(crd_is_current(crd));
        findings.push(clock("the API server", *date, *asked_at));
    } else {
        let why = "the API server does not answer";
        findings.push(Finding::skipped(CRD, why));
        findings.push(Finding::skipped("the clocks agree", why));
    }
    Category {
        name: "kubernetes",
        findings,
    }
}

const CRD: &str = "the CRD incidents.ripcord.dev is current";

fn answers(greeting: &Result<Greeting, ApiError>) -> Finding {
    let (version, minor) = match greeting {
        Ok(Greeting { version, minor, .. }) => (version, minor),
        Err(error) => {
            return Finding::unknown(
                "the API server answers",
                error.to_string(),
                Section::Dependency,
            )
            .way_out("kubectl version");
        }
    };
    let description = format!("the API server answers ({version})");
    match minor {
        Some(minor) if *minor < OLDEST_MINOR => Finding::wrong(
            description,
            format!(
                "Ripcord needs Kubernetes 1.{OLDEST_MINOR} or newer: an older one does not say which fields it drops, so that no record could be trusted"
            ),
            Section::Dependency,
        ),
        Some(_) => Finding::fine(description),
        None => Finding::warning(
            description,
            format!("it does not say its version; Ripcord needs 1.{OLDEST_MINOR} or newer"),
            Section::Dependency,
        ),
    }
}

fn crd_is_current(crd: &Crd) -> Finding {
    let wrong = |problem: String| {
        Finding::wrong(CRD, problem, Section::Crd).way_out("kubectl apply -f deploy/base/crd.yaml")
    };
    match crd {
        Crd::Served { missing } => match missing.as_slice() {
            [] => Finding::fine(CRD),
            [field] => wrong(format!(
                "it lacks {field}, which this version of Ripcord writes: it is older than the binary"
            )),
            [first, rest @ ..] => wrong(format!(
                "it lacks {first} and {} more fields that this version of Ripcord writes: it is older than the binary",
                rest.len()
            )),
        },
        // The API server refuses a CRD that drops a version of which objects are stored.
        Crd::OtherVersions(versions) => Finding::wrong(
            CRD,
            format!(
                "it serves {}, and this version of Ripcord speaks {VERSION}: it is of another release",
                versions.join(", ")
            ),
            Section::Crd,
        )
        .way_out("# a newer one: run the Ripcord that it came with. An older one, whose incidents may go:")
        .way_out("kubectl get incidents -A -o yaml > incidents.yaml    # what they told")
        .way_out("kubectl delete crd incidents.ripcord.dev && kubectl apply -f deploy/base/crd.yaml"),
        Crd::NotPublished => Finding::unknown(
            CRD,
            "it is there, and its schema is not published yet: try again in ten seconds",
            Section::Crd,
        ),
        Crd::Absent => wrong("there is none: no incident could be recorded".to_owned()),
        Crd::Unread(error) => Finding::unknown(CRD, error.to_string(), Section::Crd),
    }
}

/// Whether another clock agrees with ours; a `Date` header says whole seconds, cut off.
pub(super) fn clock(whose: &str, theirs: Option<Timestamp>, ours: Timestamp) -> Finding {
    let description = format!("the clock of {whose} agrees with this machine's");
    let Some(theirs) = theirs else {
        return Finding::unknown(
            description,
            "its answer has no Date that can be read",
            Section::Clock,
        );
    };
    let half = SignedDuration::from_millis(500);
    let skew = theirs.duration_since(ours) + half;
    let way = if skew.is_negative() {
        "behind"
    } else {
        "ahead"
    };
    let text = format!("it is {} {way}", human(skew.abs()));
    let problem = if skew.abs() > SKEW_TOO_MUCH {
        Finding::wrong(
            description,
            format!("{text}: an incident's holder is given 30s, and times are compared"),
            Section::Clock,
        )
    } else if skew.abs() > SKEW_SEEN {
        Finding::warning(description, text, Section::Clock)
    } else {
        return Finding::fine(description);
    };
    problem.way_out("timedatectl status    # on both machines: NTP must be in sync")
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T15:00:00.4Z".parse().unwrap()
    }

    fn facts(crd: Crd) -> Facts {
        Facts {
            greeting: Ok(Greeting {
                version: "v1.34.2".to_owned(),
                minor: Some(34),
                date: Some("2026-11-23T15:00:00Z".parse().unwrap()),
            }),
            asked_at: now(),
            crd,
        }
    }

    fn crd(crd: Crd) -> Finding {
        judge(&facts(crd)).findings.remove(1)
    }

    #[test]
    fn a_cluster_that_is_as_it_must_be_is_green() {
        let missing = Vec::new();
        let category = judge(&facts(Crd::Served { missing }));
        let states: Vec<State> = category.findings.iter().map(|found| found.state).collect();
        assert_eq!(states, [State::Fine; 3]);
    }

    #[test]
    fn a_crd_that_is_missing_or_older_says_which_and_what_to_apply() {
        let missing = vec!["status.diff".to_owned(), "status.plan".to_owned()];
        for (there, says) in [
            (Crd::Absent, "there is none"),
            (
                Crd::Served { missing },
                "lacks status.diff and 1 more fields",
            ),
        ] {
            let found = crd(there);
            assert_eq!(found.state, State::Wrong);
            assert!(found.problem.contains(says), "{}", found.problem);
            assert_eq!(found.ways_out, ["kubectl apply -f deploy/base/crd.yaml"]);
            assert_eq!(found.section, Some(Section::Crd));
        }
    }

    #[test]
    fn a_crd_of_another_release_is_not_overwritten() {
        let found = crd(Crd::OtherVersions(vec!["v1beta1".to_owned()]));
        assert_eq!(
            (found.state, found.section),
            (State::Wrong, Some(Section::Crd))
        );
        let says = "serves v1beta1, and this version of Ripcord speaks v1alpha1";
        assert!(found.problem.contains(says), "{}", found.problem);
        let ways_out = found.ways_out.join("\n");
        let kept = ways_out.find("get incidents").unwrap();
        assert!(kept < ways_out.find("delete crd").unwrap(), "{ways_out}");
    }

    #[test]
    fn a_crd_that_was_made_just_now_is_not_called_another_release_s() {
        let found = crd(Crd::NotPublished);
        assert_eq!(found.state, State::Unknown);
        assert!(found.problem.contains("try again"));
    }

    #[test]
    fn an_api_server_that_is_away_makes_the_rest_skipped_and_not_fine() {
        let mut away = facts(Crd::Absent);
        away.greeting = Err(ApiError::Unreachable {
            operation: "get version",
        });
        let states: Vec<State> = judge(&away)
            .findings
            .iter()
            .map(|found| found.state)
            .collect();
        assert_eq!(states, [State::Unknown, State::Skipped, State::Skipped]);
    }

    #[test]
    fn a_kubernetes_that_drops_fields_in_silence_is_too_old() {
        let mut old = facts(Crd::Absent);
        old.greeting = Ok(Greeting {
            version: "v1.24.17".to_owned(),
            minor: Some(24),
            date: None,
        });
        let found = judge(&old).findings.remove(0);
        assert_eq!(found.state, State::Wrong);
        assert!(found.problem.contains("1.25 or newer"));
    }

    #[test]
    fn clocks_may_differ_by_seconds_and_not_by_what_an_incident_is_held_for() {
        let state = |seconds: i64| {
            let theirs = now() + SignedDuration::from_secs(seconds);
            clock("x", Some(theirs), now())
        };
        for (seconds, expected) in [
            (0, State::Fine),
            (-4, State::Fine),
            (10, State::Warning),
            (-10, State::Warning),
            (40, State::Wrong),
            (-40, State::Wrong),
        ] {
            assert_eq!(state(seconds).state, expected, "{seconds}");
        }
        assert!(state(-40).problem.contains("behind"));
        assert!(state(40).problem.contains("ahead"));
        assert_eq!(clock("x", None, now()).state, State::Unknown);
    }
}
