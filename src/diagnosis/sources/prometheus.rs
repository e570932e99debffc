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
            let ran: Vec<String> = history
                .digests
                .iter()
                .flat_map(|(container, images)| images.iter().map(move |image| (container, image)))
                .map(|(container, image)| format!("; {container} ran {image}"))
                .collect();
            let restarted = match history.restarts {
                0 => String::new(),
                1 => "; 1 restart".to_owned(),
                many => format!("; {many} restarts"),
            };
            let ran = restarted + &ran.concat();
            Some((
                Rank::Around,
                match (history.longest, &history.unknown) {
                    (_, Some(why)) => {
                        format!("whether revision {name} was healthy can't be told: {why}{ran}")
                    }
                    (Some(stretch), None) => format!(
                        "revision {name} was healthy for {} from {} on ({} samples){ran}",
                        human(stretch.span()),
                        whole_seconds(stretch.from),
                        stretch.samples
                    ),
                    (None, None) => format!("revision {name} was never seen healthy{ran}"),
                },
            ))
        },
    );
}

/// What changed or is in trouble around the workload; what is as it should be is not worth a line.
pub(super) fn around(said: &mut BTreeSet<Telling>, evidence: &Evidence) {
    let around = &evidence.around;
    let config = around.config.clone().map(|config| {
        let mut lines = Vec::new();
        for (name, history) in config {
            match history.changed_at.last() {
                Some(at) => lines.push(format!("{name} changed by {}", whole_seconds(*at))),
                None => lines.push(format!(
                    "{name} has not changed since {}",
                    whole_seconds(history.known_since)
                )),
            }
        }
        lines
    });
    let beside = |line: &String| Some((Rank::Beside, line.clone()));
    each(
        said,
        Source::Prometheus,
        "ConfigMap or Secret that it names",
        &config,
        beside,
    );
    let nodes = around.nodes.clone().map(|nodes| {
        let troubled = nodes
            .into_iter()
            .filter(|(_, troubles)| !troubles.is_empty());
        troubled
            .map(|(node, troubles)| {
                let words: Vec<&str> = troubles.iter().map(|trouble| trouble.as_str()).collect();
                format!("node {node} is in trouble: {}", words.join(", "))
            })
            .collect::<Vec<_>>()
    });
    each(said, Source::Prometheus, "nodes in trouble", &nodes, beside);
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
