//! `CoolingDown`: between incidents a workload is left alone for a while; within one, steps count.

use super::{Finding, Question, escalate, later, pass};
use crate::domain::evidence::PastIncident;
use crate::domain::time::{human, since};
use jiff::{SignedDuration, Timestamp};

/// Two repairs of one revision in a day have not helped: the third is for a person.
const ACTIONS_A_DAY: usize = 2;
const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn check(question: &Question<'_>) -> Finding {
    let case = question.case;
    let (Some(past), Some(newest)) = (case.evidence.past.known(), case.newest()) else {
        return question.away("when Ripcord wrote last could not be read");
    };
    let earlier: Vec<&PastIncident> = past
        .iter()
        .filter(|incident| incident.name != case.incident.name.as_str())
        .collect();
    let repairs = earlier
        .iter()
        .filter(|incident| incident.revision == newest.hash)
        .flat_map(|incident| &incident.acted_at)
        .filter(|acted_at| since(**acted_at, case.now) < DAY)
        .count();
    if repairs >= ACTIONS_A_DAY {
        return escalate(format!(
            "{repairs} writes of earlier incidents for revision {} in 24h, at most {ACTIONS_A_DAY} allowed",
            newest.name
        ));
    }
    let last: Option<Timestamp> = earlier
        .iter()
        .flat_map(|incident| &incident.acted_at)
        .max()
        .copied();
    let Some(last) = last else {
        return pass("no earlier incident wrote to this workload");
    };
    let until = later(last, case.limits.cooldown);
    let text = format!(
        "the last write of an earlier incident was {} ago, cooldown {}",
        human(since(last, case.now)),
        human(case.limits.cooldown)
    );
    if case.now >= until {
        return pass(text);
    }
    question.wait_until(
        until,
        format!(
            "{text}, until {}",
            crate::domain::time::whole_seconds(until)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask, outcome, wait};
    use super::*;
    use crate::domain::observed::Observed;
    use crate::domain::verdict::{Outcome, Reason::CoolingDown};
    use crate::remedy::test_support::{BAD, GOOD, INCIDENT, at, broken_web, past};

    fn after(incidents: Vec<PastIncident>) -> crate::domain::case::Case {
        let mut case = broken_web();
        case.evidence.past = Observed::Known(incidents);
        case
    }

    #[test]
    fn waits_until_the_cooldown_is_over_and_says_until_when() {
        let case = after(vec![
            past("a", GOOD, &[-5000, -899]),
            past("b", GOOD, &[-2000]),
        ]);
        let (outcome, text) = ask(CoolingDown, &case);
        assert_eq!(outcome, wait(at(1)));
        assert!(
            text.contains("14m59s ago, cooldown 15m, until 2026-"),
            "{text}"
        );
    }

    #[test]
    fn passes_exactly_at_the_cooldown() {
        assert_eq!(
            outcome(CoolingDown, &after(vec![past("a", GOOD, &[-900])])),
            Outcome::Pass
        );
    }

    #[test]
    fn escalates_the_third_write_for_one_revision_in_a_day() {
        let twice = |first| after(vec![past("a", BAD, &[first]), past("b", BAD, &[-7000])]);
        assert_eq!(outcome(CoolingDown, &twice(-86_399)), Outcome::Escalate);
        assert_eq!(outcome(CoolingDown, &twice(-86_400)), Outcome::Pass);
        let other = after(vec![past("a", GOOD, &[-8000]), past("b", BAD, &[-7000])]);
        assert_eq!(outcome(CoolingDown, &other), Outcome::Pass);
    }

    #[test]
    fn its_own_steps_dry_runs_and_holds_are_not_counted() {
        let case = after(vec![
            past(INCIDENT, BAD, &[-10, -20, -30]),
            past("dry", BAD, &[]),
            past("held", BAD, &[]),
        ]);
        assert_eq!(outcome(CoolingDown, &case), Outcome::Pass);
    }

    #[test]
    fn waits_while_the_record_cannot_be_read() {
        let mut case = broken_web();
        case.evidence.past = Observed::Unavailable("503".into());
        assert_eq!(outcome(CoolingDown, &case), wait(at(30)));
    }
}
