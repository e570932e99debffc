//! `NoTarget`: there must be somewhere to go, and the plan must be this case's and no older one's.

use super::{Finding, Question, pass, spokesman};
use crate::domain::case::Case;
use crate::domain::plan::{ImageChange, Plan, Target};
use crate::domain::template;
use crate::domain::verdict::Reason;
use crate::domain::workload::TEMPLATE_HASH_LABEL;

pub(super) fn check(question: &Question<'_>) -> Finding {
    match question.proposal {
        Err(refusal) if spokesman(&refusal.reason) == Reason::NoTarget => {
            question.stuck(refusal.text.clone())
        }
        Err(_) => pass("whether there is a target is not the question"),
        Ok(plan) => match mismatch(question.case, plan) {
            // What it was made for has moved: the next proposal will be about what is there now.
            Some(text) => question.wait_seconds(1, format!("the plan is out of date: {text}")),
            None => pass(format!("target: {}", plan.target)),
        },
    }
}

/// What in a plan does not belong to this case: a plan is carried out as it is, so nothing of it may be stale.
fn mismatch(case: &Case, plan: &Plan) -> Option<&'static str> {
    let (Some(workload), Some(revisions)) = (case.workload(), case.revisions()) else {
        return Some("the workload or its revisions could not be read");
    };
    let newest = revisions.newest.as_ref().map(|newest| &newest.hash);
    let target_is_there = match &plan.target {
        Target::Revision { mark, uid } => revisions.older.iter().any(|revision| {
            revision.hash == mark.hash && &revision.uid == uid && revision.template == plan.template
        }),
        Target::Image(ImageChange {
            container,
            from,
            to,
        }) => {
            template::image(workload.template(), container) == Some(from)
                && template::image(&plan.template, container) == Some(to)
        }
    };
    let allowed = case.policy.policy().is_some_and(|policy| {
        policy
            .remedies
            .get(plan.remedy_index)
            .is_some_and(|remedy| remedy.name() == plan.remedy)
    });
    let tried = case
        .incident
        .steps
        .iter()
        .any(|step| step.remedy_index == plan.remedy_index || step.action_id == plan.action_id);
    [
        (
            plan.workload != case.workload || plan.workload_uid != workload.uid,
            "it is about another object",
        ),
        (
            newest != Some(&plan.inverse.hash),
            "the newest revision is another now",
        ),
        (
            plan.step != case.next_step() || tried,
            "its step has been taken",
        ),
        (!allowed, "the policy does not allow its remedy any more"),
        (!target_is_there, "its target is not there any more"),
        (
            &plan.template == workload.template(),
            "the workload has its template already",
        ),
        (
            has_hash_label(plan),
            "its template carries the controller's own label",
        ),
    ]
    .into_iter()
    .find_map(|(wrong, text)| wrong.then_some(text))
}

fn has_hash_label(plan: &Plan) -> bool {
    plan.template
        .pointer("/metadata/labels")
        .is_some_and(|labels| labels.get(TEMPLATE_HASH_LABEL).is_some())
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{ask_about, outcome, wait};
    use super::*;
    use crate::domain::identity::{TemplateHash, Uid};
    use crate::domain::verdict::{Outcome, Reason::NoTarget};
    use crate::remedy;
    use crate::remedy::test_support::{
        BAD, GOOD_IMAGE, allow, at, broken_web, change_newest, failed_step, newest_and_older, pin,
        workload,
    };
    use serde_json::json;

    #[test]
    fn holds_when_there_is_nowhere_to_go_and_escalates_after_a_step() {
        let mut case = broken_web();
        newest_and_older(&mut case).1.clear();
        assert_eq!(outcome(NoTarget, &case), Outcome::Hold);
        case.incident.steps = vec![failed_step(7, BAD)];
        assert_eq!(outcome(NoTarget, &case), Outcome::Escalate);
    }

    #[test]
    fn waits_when_the_plan_was_made_for_something_else() {
        let case = broken_web();
        let plan = remedy::propose(&case).unwrap();
        let changes: [fn(&mut Case); 8] = [
            |case| workload(case).uid = Uid::new("recreated"),
            |case| case.workload.name = "other".into(),
            |case| newest_and_older(case).0.hash = TemplateHash::new("newer"),
            |case| case.incident.steps = vec![failed_step(1, BAD)],
            |case| allow(case, vec![]),
            |case| allow(case, vec![pin(None, GOOD_IMAGE)]),
            |case| newest_and_older(case).1.clear(),
            |case| newest_and_older(case).1[0].uid = Uid::new("recreated"),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut moved = case.clone();
            change(&mut moved);
            assert_eq!(
                ask_about(NoTarget, &moved, Ok(&plan)).0,
                wait(at(1)),
                "change {number}"
            );
        }
    }

    #[test]
    fn waits_when_the_image_to_replace_is_another_now() {
        let mut case = broken_web();
        allow(&mut case, vec![pin(None, GOOD_IMAGE)]);
        let plan = remedy::propose(&case).unwrap();
        assert_eq!(ask_about(NoTarget, &case, Ok(&plan)).0, Outcome::Pass);
        change_newest(&mut case, |template| {
            template["spec"]["containers"][0]["image"] = json!("web:3");
        });
        assert_eq!(ask_about(NoTarget, &case, Ok(&plan)).0, wait(at(1)));
    }

    #[test]
    fn never_lets_the_controllers_label_through() {
        let mut case = broken_web();
        allow(&mut case, vec![pin(None, GOOD_IMAGE)]);
        let mut plan = remedy::propose(&case).unwrap();
        plan.template["metadata"]["labels"][TEMPLATE_HASH_LABEL] = json!("good");
        assert_eq!(ask_about(NoTarget, &case, Ok(&plan)).0, wait(at(1)));
    }

    #[test]
    fn passes_a_plan_of_this_case() {
        assert_eq!(outcome(NoTarget, &broken_web()), Outcome::Pass);
    }
}
