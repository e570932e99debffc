//! The record of what all four sources said, and the few facts that an entry rests on.

use super::sources::{self, Focus, State, Telling};
use super::symptoms::Symptom;
use crate::domain::diagnosis::Diagnosis;
use crate::domain::evidence::{Evidence, Source};
use crate::domain::incident::{FactRecord, IncidentStatus};
use crate::domain::text;
use std::collections::{BTreeMap, BTreeSet};

/// As many as an Incident's field holds.
const RECORDS: usize = 60;
/// What a record weighs beside its text: its keys, source and state in JSON.
const RECORD_OVERHEAD_BYTES: usize = 64;
/// A fact of an entry is cut here: ten of them are read at once.
const FACT_BYTES: usize = 512;
/// Facts of one source in an entry: with these an entry's ten are shared out so that every source has a say.
const SHARES: [(Source, usize); 4] = [
    (Source::Pods, 3),
    (Source::Events, 3),
    (Source::Logs, 2),
    (Source::Prometheus, 2),
];
const SOURCES: [Source; 4] = [
    Source::Prometheus,
    Source::Pods,
    Source::Events,
    Source::Logs,
];

/// What every source said: the most telling first, each with its state, redacted. Every source has at least one record,
/// also where it could not answer; at most 60, and 32 KiB in all.
pub fn facts(evidence: &Evidence, diagnosis: &Diagnosis) -> Vec<FactRecord> {
    let pods = diagnosis
        .entries
        .iter()
        .flat_map(|entry| &entry.pods)
        .map(String::as_str)
        .collect();
    let said = sources::tell(
        evidence,
        &Focus {
            pods,
            container: None,
        },
    );
    within_bounds(&said)
        .into_iter()
        .map(|(telling, text)| FactRecord {
            source: telling.source.as_str().to_owned(),
            state: telling.state.as_str().to_owned(),
            text,
        })
        .collect()
}

/// The first of every source, then the rest in order while there is room.
fn within_bounds(said: &BTreeSet<Telling>) -> BTreeMap<&Telling, String> {
    let firsts = SOURCES
        .iter()
        .filter_map(|source| said.iter().find(|telling| telling.source == *source));
    let mut kept = BTreeMap::new();
    let mut left = IncidentStatus::EVIDENCE_BYTES;
    for telling in firsts.chain(said) {
        // So little room is for no sentence, and there may be thousands.
        if kept.len() >= RECORDS || left <= 2 * RECORD_OVERHEAD_BYTES {
            break;
        }
        if kept.contains_key(telling) {
            continue;
        }
        let text = telling.told();
        let weight = text.len() + RECORD_OVERHEAD_BYTES;
        // Two may differ in what is redacted alone.
        let is_told = kept.iter().any(|(other, told): (&&Telling, &String)| {
            other.source == telling.source && *told == text
        });
        if weight <= left && !is_told {
            left -= weight;
            kept.insert(telling, text);
        }
    }
    kept
}

/// The facts that an entry rests on, each with its source in front. Of a source that said nothing about it: that.
pub(super) fn of_entry(evidence: &Evidence, symptoms: &[Symptom]) -> Vec<String> {
    let focus = Focus {
        pods: symptoms
            .iter()
            .map(|symptom| symptom.pod_name.as_str())
            .collect(),
        container: symptoms
            .first()
            .map(|symptom| symptom.container.name.as_str()),
    };
    let said = sources::tell(evidence, &focus);
    let mut by_source: BTreeMap<Source, Vec<&Telling>> = BTreeMap::new();
    for telling in said
        .iter()
        .filter(|telling| telling.rank <= sources::Rank::Beside)
    {
        by_source.entry(telling.source).or_default().push(telling);
    }
    for source in SOURCES {
        let silence = said
            .iter()
            .find(|telling| telling.source == source && telling.state != State::Known);
        by_source
            .entry(source)
            .or_insert_with(|| silence.into_iter().collect());
    }
    SHARES
        .iter()
        .filter_map(|(source, share)| Some((by_source.get(source)?, share)))
        .flat_map(|(tellings, share)| tellings.iter().take(*share))
        .map(|telling| {
            text::safe(
                &format!("{}: {}", telling.source.as_str(), telling.told()),
                FACT_BYTES,
            )
        })
        .collect()
}
