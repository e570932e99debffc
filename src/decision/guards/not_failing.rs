//! `NotFailing`: an alert is a hint; a live symptom of the newest revision must prove it.

use super::{Finding, Question, later, pass};
use jiff::{SignedDuration, Timestamp};

/// An unproven symptom needs a second reading at least 10 s after the first (design, "Diagnosis").
const SECOND_READING_SECONDS: i64 = 10;
/// With no symptom at all it is looked at every 30 s (design, "Incident").
const QUIET_SECONDS: i64 = 30;

pub(super) fn check(question: &Question<'_>) -> Finding {
    let diagnosis = &question.case.diagnosis;
    if !diagnosis.entries.is_empty() {
        let containers: Vec<String> = diagnosis
            .entries
            .iter()
            .map(|entry| {
                format!(
                    "{} ({}, {} pods)",
                    entry.subject().trim_start_matches("container "),
                    entry.cause,
                    entry.pods.len()
                )
            })
            .collect();
        return pass(format!("failing: {}", containers.join(", ")));
    }
    if diagnosis.pending.is_empty() {
        return question.wait_seconds(QUIET_SECONDS, "no container of the newest revision fails");
    }
    let text = format!("not proven yet: {}", diagnosis.pending.join(", "));
    question.wait_until(second_reading(question), text)
}

/// When the oldest unproven sighting can be proven: news in between (another alert that joins) must not push it back.
fn second_reading(question: &Question<'_>) -> Timestamp {
    let now = question.case.now;
    let after = |from: Timestamp| later(from, SignedDuration::from_secs(SECOND_READING_SECONDS));
    let sightings = &question.case.evidence.memory.sightings;
    let provable = sightings.iter().map(|sighting| after(sighting.first_seen));
    provable
        .filter(|then| *then > now)
        .min()
        .unwrap_or(after(now))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{outcome, wait};
    use crate::domain::evidence::Sighting;
    use crate::domain::identity::{RevisionName, Uid};
    use crate::domain::verdict::{Outcome, Reason::NotFailing};
    use crate::remedy::test_support::{at, broken_web};

    #[test]
    fn waits_without_a_symptom_and_less_long_with_an_unproven_one() {
        let mut case = broken_web();
        case.diagnosis.entries.clear();
        assert_eq!(outcome(NotFailing, &case), wait(at(30)));
        case.diagnosis.pending = vec!["web: ErrImagePull seen once".into()];
        assert_eq!(outcome(NotFailing, &case), wait(at(10)));
    }

    #[test]
    fn news_in_between_does_not_push_the_second_reading_back() {
        let mut case = broken_web();
        case.diagnosis.entries.clear();
        case.diagnosis.pending = vec!["web: ErrImagePull seen once".into()];
        let sighting = Sighting {
            pod: Uid::new("p"),
            revision: RevisionName::new("r"),
            container: "web".into(),
            symptom: "ImagePull".into(),
            first_seen: at(-4),
            last_seen: at(0),
            message: String::new(),
            longest_run_seconds: 0,
        };
        case.evidence.memory.sightings = vec![sighting];
        assert_eq!(outcome(NotFailing, &case), wait(at(6)));
    }

    #[test]
    fn passes_a_proven_symptom() {
        assert_eq!(outcome(NotFailing, &broken_web()), Outcome::Pass);
    }
}
