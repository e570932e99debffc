//! What each of the four sources said, as sentences: the most telling first, and what they could not say too.

mod events;
mod logs;
mod pods;
mod prometheus;

use crate::domain::evidence::{Evidence, Source};
use crate::domain::observed::Observed;
use crate::domain::text;
use std::collections::BTreeSet;

/// One sentence is cut here: the limit of a record's field.
const SENTENCE_BYTES: usize = 1024;

/// How much a sentence tells. The order is the order in which sentences are shown, and in which they are given up last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// It says what fails, or why.
    Why,
    /// It goes with that: a number, an earlier line, a warning.
    Beside,
    /// It says what the rest of the workload does, or that a source is silent.
    Around,
    /// It is there for completeness.
    Else,
}

/// Whether a source said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Known,
    Absent,
    Unavailable,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Known => "Known",
            Self::Absent => "Absent",
            Self::Unavailable => "Unavailable",
        }
    }
}

/// One sentence of one source. Sorts by rank first; equal ones fall together. Its words are as they came, for to redact them costs more than
/// all the rest, and of thousands of pods few sentences are told: [`Telling::told`] has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Telling {
    pub(super) rank: Rank,
    pub(super) source: Source,
    pub(super) state: State,
    raw: String,
}

impl Telling {
    /// The sentence, redacted and cut.
    pub(super) fn told(&self) -> String {
        text::safe(&self.raw, SENTENCE_BYTES)
    }
}

/// What the sentences are about: these pods, and this container of them or all.
pub(super) struct Focus<'a> {
    pub(super) pods: BTreeSet<&'a str>,
    pub(super) container: Option<&'a str>,
}

impl Focus<'_> {
    fn is_on(&self, pod: &str, container: &str) -> bool {
        self.pods.contains(pod) && self.container.is_none_or(|name| name == container)
    }

    fn rank(&self, pod: &str, container: &str) -> Rank {
        if self.is_on(pod, container) {
            Rank::Why
        } else {
            Rank::Else
        }
    }
}

/// Everything that was said about the focus and around it, sorted, each sentence once.
pub(super) fn tell(evidence: &Evidence, focus: &Focus<'_>) -> BTreeSet<Telling> {
    let mut said = BTreeSet::new();
    prometheus::metrics(&mut said, evidence, focus);
    prometheus::history(&mut said, evidence);
    prometheus::around(&mut said, evidence);
    pods::tell(&mut said, evidence, focus);
    events::tell(&mut said, evidence, focus);
    logs::tell(&mut said, evidence, focus);
    said
}

fn known(rank: Rank, source: Source, text: &str) -> Telling {
    Telling {
        rank,
        source,
        state: State::Known,
        raw: text.to_owned(),
    }
}

/// The sentences about each item of an answer; one sentence where there are none, or no answer.
fn each<T>(
    said: &mut BTreeSet<Telling>,
    source: Source,
    what: &str,
    answer: &Observed<Vec<T>>,
    sentence: impl Fn(&T) -> Option<(Rank, String)>,
) {
    match answer {
        Observed::Known(items) if !items.is_empty() => {
            said.extend(
                items
                    .iter()
                    .filter_map(sentence)
                    .map(|(rank, text)| known(rank, source, &text)),
            );
        }
        Observed::Known(_) | Observed::Absent => {
            silent(said, source, State::Absent, &format!("{what}: none"));
        }
        Observed::Unavailable(why) => {
            silent(
                said,
                source,
                State::Unavailable,
                &format!("{what}: could not be read: {why}"),
            );
        }
    }
}

fn silent(said: &mut BTreeSet<Telling>, source: Source, state: State, text: &str) {
    said.insert(Telling {
        rank: Rank::Around,
        source,
        state,
        raw: text.to_owned(),
    });
}
