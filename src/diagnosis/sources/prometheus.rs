//! What Prometheus said: of the moment, and of the past.

use super::{Focus, Rank, State, Telling, each, known, silent};
use crate::domain::evidence::{Evidence, Source};
use crate::domain::observed::Observed;
use crate::domain::time::{human, since, whole_seconds};
use std::collections::BTreeSet;

pub(super) fn metrics(said: &mut BTreeSet<Telling>, evidence: &Evidence, focus: &Focus<'_>) {
    let metrics = &evidence.metrics;
    each(
        said,
        Source::Prometheus,
        "waiting reasons of the last five minutes",
        &metrics.waiting,
        |series| {
            Some((
                focus.rank(&series.pod, &series.container),
                format!(
                    "{} in {} waits with {} (last five minutes)",
                    series.container, series.pod, series.reason
                ),
            ))
        },
    );
    each(
        said,
        Source::Prometheus,
        "last terminations",
        &metrics.terminations,
        |series| {
            let code = series
                .exit_code
                .map_or_else(String::new, |code| format!(", exit code {code}"));
            Some((
                focus.rank(&series.pod, &series.container),
                format!(
                    "{} in {} last ended with {}{code}",
                    series.container, series.pod, series.reason
                ),
            ))
        },
    );
    each(
        said,
        Source::Prometheus,
        "restarts",
        &metrics.restarts,
        |series| {
            let rank = if focus.is_on(&series.pod, &series.container) {
                Rank::Beside
            } else {
                Rank::Else
            };
            // A restart counter is whole, an increase is extrapolated: the nearest whole number is what happened, mostly.
            let restarts = series.restarts.round();
            Some((
                rank,
                format!(
                    "{} in {} was restarted {restarts} times in the last ten minutes",
                    series.container, series.pod
                ),
            ))
        },
    );
    one(said, "replicas", &metrics.replicas, |replicas| {
        (
            Rank::Beside,
            format!(
                "{} of {} replicas are available",
                replicas.available, replicas.wanted
            ),
        )
    });
}

pub(super) fn history(said: &mut BTreeSet<Telling>, evidence: &Evidence) {
    let newest = evidence
        .revisions
        .known()
        .and_then(|revisions| revisions.newest.as_ref());
    one(said, "time of the rollout", &evidence.rolled_out_at, |at| {
        let name = newest.map_or("the newest", |newest| newest.name.as_str());
        let age = human(since(*at, evidence.gathered_at));
        (
            Rank::Beside,
            format!(
                "revision {name} was rolled out at {}, {age} ago",
                whole_seconds(*at)
            ),
        )
    });
    let revisions = evidence
        .history
        .clone()
        .map(|revisions| revisions.into_iter().collect::<Vec<_>>());
    each(
        said,
        Source::Prometheus,
        "health of the revisions",
        &revisions,
        |(name, history)| {
            Some((
                Rank::Around,
                match history.longest {
                    Some(stretch) => format!(
                        "revision {name} was healthy for {} from {} on ({} samples)",
                        human(stretch.span()),
                        whole_seconds(stretch.from),
                        stretch.samples
                    ),
                    None => format!("revision {name} was never seen healthy"),
                },
            ))
        },
    );
}

fn one<T>(
    said: &mut BTreeSet<Telling>,
    what: &str,
    answer: &Observed<T>,
    sentence: impl Fn(&T) -> (Rank, String),
) {
    match answer {
        Observed::Known(value) => {
            let (rank, text) = sentence(value);
            said.insert(known(rank, Source::Prometheus, &text));
        }
        Observed::Absent => silent(
            said,
            Source::Prometheus,
            State::Absent,
            &format!("{what}: none"),
        ),
        Observed::Unavailable(why) => {
            silent(
                said,
                Source::Prometheus,
                State::Unavailable,
                &format!("{what}: could not be read: {why}"),
            );
        }
    }
}
