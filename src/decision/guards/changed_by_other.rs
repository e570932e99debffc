//! `ChangedByOther`: where somebody puts back what Ripcord took away, two writers disagree, and one of them is not asked by writing again.

use super::{Finding, Question, later, pass};
use crate::domain::observed::Observed;
use crate::domain::time::{human, whole_seconds};

/// Within one incident such a change is seen by its revision, and ends it as `Superseded`; this guard sees it over incidents. A revision that
/// comes back after the cooldown is a rollout like any other.
pub(super) fn check(question: &Question<'_>) -> Finding {
    let case = question.case;
    let (Some(past), Some(newest)) = (case.evidence.past.known(), case.newest()) else {
        return question.away("whether Ripcord has taken this revision away could not be read");
    };
    let taken_away = past
        .iter()
        .filter(|incident| incident.name != case.incident.name.as_str())
        .filter(|incident| incident.revision == newest.hash)
        .flat_map(|incident| &incident.acted_at)
        .max();
    let Some(taken_away) = taken_away else {
        return pass("Ripcord has not taken this revision away before");
    };
    let text = format!(
        "Ripcord took revision {} away at {}",
        newest.name,
        whole_seconds(*taken_away)
    );
    let came_back = match &case.evidence.rolled_out_at {
        Observed::Known(at) => *at,
        // `NoRecentRollout` stands against it anyway.
        Observed::Absent => return pass(format!("{text}, and there is no rollout since")),
        Observed::Unavailable(why) => {
            return question.away(format!("{text}; when it came back can't be told: {why}"));
        }
    };
    // Prometheus' steps are coarse: an earlier time than our own write's means right after it.
    let cooldown = case.limits.cooldown;
    if came_back >= later(*taken_away, cooldown) {
        return pass(format!("{text}, and it came back after the cooldown"));
    }
    question.stuck(format!(
        "{text}, and somebody else put it back within the cooldown of {}",
        human(cooldown)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask, outcome, wait};
    use crate::domain::case::Case;
    use crate::domain::evidence::PastIncident;
    use crate::domain::observed::Observed;
    use crate::domain::verdict::{Outcome, Reason::ChangedByOther};
    use crate::remedy::test_support::{BAD, GOOD, INCIDENT, at, broken_web, past};

    /// The newest revision was rolled out that many seconds after now.
    fn after(incidents: Vec<PastIncident>, rolled_out: i64) -> Case {
        let mut case = broken_web();
        case.evidence.past = Observed::Known(incidents);
        case.evidence.rolled_out_at = Observed::Known(at(rolled_out));
        case
    }

    #[test]
    fn waits_while_it_can_not_be_told() {
        let mut case = broken_web();
        case.evidence.past = Observed::Unavailable("503".into());
        assert_eq!(outcome(ChangedByOther, &case), wait(at(30)));
        let mut case = after(vec![past("a", BAD, &[-1000])], -300);
        case.evidence.rolled_out_at = Observed::Unavailable("away".into());
        assert_eq!(outcome(ChangedByOther, &case), wait(at(30)));
    }

    #[test]
    fn holds_what_came_back_within_the_cooldown_however_long_ago_that_is_now() {
        for (acted, rolled_out) in [(-1000, -101), (-5000, -4200), (-310, -330)] {
            let case = after(vec![past("a", BAD, &[acted])], rolled_out);
            let (outcome, text) = ask(ChangedByOther, &case);
            assert_eq!(outcome, Outcome::Hold, "{acted} {rolled_out}");
            assert!(text.contains("somebody else put it back"), "{text}");
        }
    }

    #[test]
    fn passes_what_came_back_later_another_revision_its_own_steps_and_dry_runs() {
        for case in [
            after(vec![past("a", BAD, &[-1300])], -400),
            after(vec![past("a", GOOD, &[-1000])], -300),
            after(vec![past(INCIDENT, BAD, &[-1000])], -300),
            after(vec![past("a", BAD, &[])], -300),
        ] {
            assert_eq!(outcome(ChangedByOther, &case), Outcome::Pass);
        }
    }
}
