//! `OtherContainerFails`: a plan that leaves one failing container as it is would repair nothing.

use super::{Finding, Question, pass};
use crate::domain::template::changes_what_fails;

pub(super) fn check(question: &Question<'_>) -> Finding {
    let Ok(plan) = question.proposal else {
        return pass("there is no plan to compare");
    };
    let Some(workload) = question.case.workload() else {
        return question.away("the present template could not be read");
    };
    let entries = &question.case.diagnosis.entries;
    let left: Vec<String> = entries
        .iter()
        .filter(|entry| !changes_what_fails(entry, workload.template(), &plan.template))
        .map(|entry| format!("{} ({})", entry.container, entry.cause))
        .collect();
    if left.is_empty() {
        return pass(format!(
            "the plan changes all {} failing containers",
            entries.len()
        ));
    }
    question.stuck(format!(
        "the plan changes {} of {} failing containers; it leaves {} as it is",
        entries.len() - left.len(),
        entries.len(),
        left.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask, outcome};
    use crate::domain::diagnosis::Cause;
    use crate::domain::verdict::{Outcome, Reason::OtherContainerFails};
    use crate::remedy::test_support::{
        GOOD_IMAGE, allow, broken_web, change_newest, entry, newest_and_older, pin,
    };
    use serde_json::json;

    /// The newest and the good revision have a second container; `same` says whether it is the same in both.
    fn two_containers_fail(same: bool) -> crate::domain::case::Case {
        let mut case = broken_web();
        let side = |image: &str| json!({"name": "side", "image": image});
        change_newest(&mut case, |template| {
            template["spec"]["containers"]
                .as_array_mut()
                .unwrap()
                .push(side("side:2"));
        });
        let image = if same { "side:2" } else { "side:1" };
        newest_and_older(&mut case).1[0].template["spec"]["containers"]
            .as_array_mut()
            .unwrap()
            .push(side(image));
        case.diagnosis
            .entries
            .push(entry("side", Cause::CrashOnStart));
        case
    }

    #[test]
    fn holds_a_plan_that_leaves_a_failing_container_as_it_is() {
        let (outcome_now, text) = ask(OtherContainerFails, &two_containers_fail(true));
        assert_eq!(outcome_now, Outcome::Hold);
        assert!(
            text.contains("1 of 2 failing containers; it leaves side (CrashOnStart)"),
            "{text}"
        );
        let mut case = two_containers_fail(false);
        allow(&mut case, vec![pin(Some("web"), GOOD_IMAGE)]);
        assert_eq!(outcome(OtherContainerFails, &case), Outcome::Hold);
    }

    #[test]
    fn passes_a_plan_that_changes_them_all() {
        assert_eq!(
            outcome(OtherContainerFails, &two_containers_fail(false)),
            Outcome::Pass
        );
        assert_eq!(outcome(OtherContainerFails, &broken_web()), Outcome::Pass);
    }
}
