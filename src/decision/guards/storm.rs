//! `Storm`: many workloads that begin to fail at once have one cause, and it is none of their revisions. It is over when for as long no other
//! has begun to.

use super::{Finding, Question, pass};
use crate::domain::time::{human, since};
use std::collections::BTreeSet;

/// It passes when incidents close or grow old: the usual time for either to show.
const LOOK_AGAIN_SECONDS: i64 = 30;

pub(super) fn check(question: &Question<'_>) -> Finding {
    let case = question.case;
    let Some(open) = case.open.known() else {
        return question.away("how many workloads fail could not be read");
    };
    let limits = &case.limits;
    let Some(last) = open.iter().map(|incident| incident.opened_at).max() else {
        return pass("no incident is open");
    };
    let workloads: BTreeSet<_> = open
        .iter()
        .filter(|incident| since(incident.opened_at, last) <= limits.storm_within)
        .map(|incident| &incident.workload)
        .collect();
    let quiet = since(last, case.now);
    let text = format!(
        "{} workloads with an incident opened within {}, the last one {} ago; {} are a storm",
        workloads.len(),
        human(limits.storm_within),
        human(quiet),
        limits.storm_workloads
    );
    if workloads.len() < limits.storm_workloads || quiet > limits.storm_within {
        return pass(text);
    }
    question.wait_seconds(LOOK_AGAIN_SECONDS, text)
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask, outcome, wait};
    use crate::domain::case::{Case, OpenIncident};
    use crate::domain::identity::Uid;
    use crate::domain::observed::Observed;
    use crate::domain::verdict::{Outcome, Reason::Storm};
    use crate::remedy::test_support::{at, broken_web};

    /// Incidents by their workload and when they were opened.
    fn with(open: &[(&str, i64)]) -> Case {
        let mut case = broken_web();
        let open = open.iter().map(|(workload, opened)| OpenIncident {
            workload: Uid::new(*workload),
            opened_at: at(*opened),
        });
        case.open = Observed::Known(open.collect());
        case
    }

    #[test]
    fn waits_while_nobody_has_counted() {
        let mut case = broken_web();
        case.open = Observed::Unavailable("not listed yet".into());
        assert_eq!(outcome(Storm, &case), wait(at(30)));
    }

    #[test]
    fn waits_from_the_number_of_workloads_on() {
        let five = [("a", -1), ("b", -2), ("c", -595), ("d", -30), ("e", 5)];
        let (outcome, text) = ask(Storm, &with(&five));
        assert_eq!(outcome, wait(at(30)));
        assert_eq!(
            text,
            "5 workloads with an incident opened within 10m, the last one 0s ago; 5 are a storm"
        );
    }

    #[test]
    fn waits_until_for_as_long_nobody_else_has_begun_to_fail() {
        let since = |last| {
            [
                ("a", -900),
                ("b", -800),
                ("c", -700),
                ("d", -650),
                ("e", last),
            ]
        };
        assert_eq!(outcome(Storm, &with(&since(-600))), wait(at(30)));
        assert_eq!(outcome(Storm, &with(&since(-601))), Outcome::Pass);
    }

    #[test]
    fn passes_fewer_workloads_older_incidents_and_several_of_one_workload() {
        for open in [
            [("a", -1), ("b", -2), ("c", -3), ("d", -4), ("d", -5)],
            [("a", -1), ("b", -2), ("c", -3), ("d", -4), ("e", -602)],
        ] {
            assert_eq!(outcome(Storm, &with(&open)), Outcome::Pass);
        }
    }
}
