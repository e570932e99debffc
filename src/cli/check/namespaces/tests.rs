//! Each way in which namespaces and rights can be unfit, and what is said about it.

use super::super::finding::State;
use super::*;
use serde_json::json;

fn facts() -> Facts {
    Facts {
        name: "shop".to_owned(),
        object: Ok(Some(json!({"metadata": {"name": "shop"}}))),
        rights: RIGHTS.iter().map(|right| (*right, Ok(true))).collect(),
        too_much: Ok(false),
        pods: Ok(BTreeSet::new()),
    }
}

fn forbidden() -> ApiError {
    ApiError::Refused {
        operation: "get namespace",
        code: 403,
        reason: "Forbidden".to_owned(),
        detail: String::new(),
    }
}

fn wrong(category: &Category) -> Vec<&Finding> {
    let findings = category.findings.iter();
    findings
        .filter(|found| found.state == State::Wrong)
        .collect()
}

#[test]
fn a_namespace_with_all_rights_is_two_green_lines() {
    let category = judge(&[facts()], Mode::Enforce);
    assert_eq!(
        category.findings,
        [
            Finding::fine("the namespace shop exists"),
            Finding::fine("it may do in shop what it must: 17 verbs"),
        ]
    );
}

#[test]
fn a_verb_that_is_taken_away_is_named_with_what_it_is_for_and_the_rule_to_paste() {
    for (index, right) in RIGHTS.iter().enumerate() {
        let mut facts = facts();
        facts.rights[index].1 = Ok(false);
        let category = judge(&[facts], Mode::Enforce);
        let found = wrong(&category);
        assert_eq!(found.len(), 1);
        let Right { resource, verb, .. } = right;
        assert_eq!(
            found[0].description,
            format!("it may {verb} {resource} in shop")
        );
        assert!(found[0].problem.contains(right.why));
        assert!(found[0].ways_out[0].contains(&format!("[{resource}], verbs: [{verb}]")));
    }
}

#[test]
fn a_dry_run_without_patch_is_a_warning() {
    let mut facts = facts();
    facts.rights[1].1 = Ok(false);
    let category = judge(&[facts], Mode::DryRun);
    assert_eq!(category.findings[1].state, State::Warning);
    assert_eq!(
        category.findings[1].description,
        "it may patch deployments in shop"
    );
}

#[test]
fn no_right_at_all_is_one_line_about_the_binding() {
    let mut facts = facts();
    for (_, allowed) in &mut facts.rights {
        *allowed = Ok(false);
    }
    let category = judge(&[facts], Mode::Enforce);
    let found = wrong(&category);
    assert_eq!(found.len(), 1);
    assert!(found[0].ways_out[1].contains("create rolebinding ripcord -n shop"));
}

#[test]
fn a_namespace_that_is_not_there_is_told_from_one_that_may_not_be_read() {
    let mut absent = facts();
    absent.object = Ok(None);
    let found = judge(&[absent], Mode::Enforce).findings;
    assert_eq!(found[0].state, State::Wrong);
    assert!(found[0].problem.contains("no namespace of that name"));
    assert_eq!(found[1].state, State::Skipped);

    let mut unreadable = facts();
    unreadable.object = Err(forbidden());
    let found = judge(&[unreadable], Mode::Enforce).findings;
    assert_eq!(found[0].state, State::Wrong);
    assert!(found[0].problem.contains("no RoleBinding"));
    assert_eq!(found[0].ways_out[0], "kubectl get namespace shop");

    let mut closed = facts();
    closed.object = Err(forbidden());
    for (_, allowed) in &mut closed.rights {
        *allowed = Ok(false);
    }
    let found = judge(&[closed], Mode::Enforce).findings;
    let states: Vec<State> = found.iter().map(|found| found.state).collect();
    assert_eq!(states, [State::Wrong, State::Skipped]);
}

#[test]
fn an_annotation_that_keeps_ripcord_out_is_a_warning() {
    for mode in ["off", "enforced"] {
        let mut facts = facts();
        facts.object = Ok(Some(
            json!({"metadata": {"annotations": {"ripcord.dev/mode": mode}}}),
        ));
        let found = judge(&[facts], Mode::Enforce).findings;
        assert_eq!(found[0].state, State::Warning, "{mode}");
    }
}

#[test]
fn an_administrator_s_rights_are_not_taken_for_ripcord_s() {
    let mut facts = facts();
    facts.too_much = Ok(true);
    let found = judge(&[facts], Mode::Enforce).findings;
    assert_eq!(found[2].state, State::Warning);
    assert!(found[2].ways_out[0].contains("--as system:serviceaccount:ripcord:ripcord"));
}

#[test]
fn no_namespace_is_a_warning() {
    assert_eq!(judge(&[], Mode::DryRun).findings[0].state, State::Warning);
}
