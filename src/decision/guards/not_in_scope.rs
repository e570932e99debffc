//! `NotInScope`: only namespaces that the configuration names; an empty list means none.

use super::{Finding, Question, hold, pass};
use crate::planted::{self, Bug};

pub(super) fn check(question: &Question<'_>) -> Finding {
    let namespace = &question.case.workload.namespace;
    let scope = &question.case.scope;
    if scope.contains(namespace) || planted::is(Bug::EmptyMeansAll) {
        return pass(format!(
            "namespace {namespace} is one of the {} in scope",
            scope.len()
        ));
    }
    if scope.is_empty() {
        return hold("the configuration names no namespaces");
    }
    hold(format!(
        "namespace {namespace} is not one of the {} that the configuration names",
        scope.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::outcome;
    use crate::domain::verdict::{Outcome, Reason::NotInScope};
    use crate::remedy::test_support::broken_web;
    use std::collections::BTreeSet;

    #[test]
    fn holds_outside_and_when_the_list_is_empty() {
        let mut case = broken_web();
        for scope in [
            BTreeSet::new(),
            BTreeSet::from(["lab".to_owned()]),
            BTreeSet::from(["*".to_owned()]),
        ] {
            case.scope = scope;
            assert_eq!(outcome(NotInScope, &case), Outcome::Hold);
        }
    }

    #[test]
    fn passes_a_namespace_by_its_exact_name() {
        assert_eq!(outcome(NotInScope, &broken_web()), Outcome::Pass);
    }
}
