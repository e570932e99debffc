//! Which policy applies: chosen after the diagnosis, for a policy covers causes.

use crate::domain::case::PolicyChoice;
use crate::domain::diagnosis::Diagnosis;
use crate::domain::policy::Policy;
use crate::domain::workload::WorkloadRef;

/// The first policy whose match fits and whose causes hold every entry's cause; with no entries, the first whose match fits.
pub fn choose_policy(
    policies: &[Policy],
    workload: &WorkloadRef,
    alert_names: &[String],
    diagnosis: &Diagnosis,
) -> PolicyChoice {
    let fitting: Vec<&Policy> = policies
        .iter()
        .filter(|policy| {
            let alerts = alert_names.iter().map(String::as_str);
            policy
                .matches
                .fits(workload.kind, &workload.namespace, &workload.name, alerts)
        })
        .collect();
    if fitting.is_empty() {
        return PolicyChoice::NoMatch;
    }
    fitting
        .iter()
        .find(|policy| covers(policy, diagnosis))
        .map_or_else(
            || {
                PolicyChoice::CauseNotCovered(
                    fitting.iter().map(|policy| policy.name.clone()).collect(),
                )
            },
            |policy| PolicyChoice::Chosen(Box::new((*policy).clone())),
        )
}

fn covers(policy: &Policy, diagnosis: &Diagnosis) -> bool {
    policy.causes.as_ref().is_none_or(|causes| {
        diagnosis
            .entries
            .iter()
            .all(|entry| causes.contains(&entry.cause))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::diagnosis::Cause;
    use crate::remedy::test_support::{broken_web, entry, policy};
    use std::collections::BTreeSet;

    fn named(name: &str, causes: Option<&[Cause]>) -> Policy {
        Policy {
            name: name.to_owned(),
            causes: causes.map(|causes| causes.iter().copied().collect()),
            ..policy(vec![])
        }
    }

    fn choose(policies: &[Policy], causes: &[Cause]) -> PolicyChoice {
        let case = broken_web();
        let diagnosis = Diagnosis {
            entries: causes.iter().map(|cause| entry("web", *cause)).collect(),
            ..case.diagnosis
        };
        choose_policy(
            policies,
            &case.workload,
            &case.incident.alert_names,
            &diagnosis,
        )
    }

    fn chosen(policies: &[Policy], causes: &[Cause]) -> String {
        choose(policies, causes).policy().unwrap().name.clone()
    }

    #[test]
    fn no_policy_and_none_that_fits_are_no_match() {
        assert_eq!(choose(&[], &[Cause::ImageNotFound]), PolicyChoice::NoMatch);
        let mut elsewhere = named("elsewhere", None);
        elsewhere.matches.namespaces = Some(BTreeSet::from(["default".to_owned()]));
        assert_eq!(
            choose(&[elsewhere], &[Cause::ImageNotFound]),
            PolicyChoice::NoMatch
        );
    }

    #[test]
    fn a_policy_that_covers_one_cause_of_two_does_not_cover_them() {
        let policies = [
            named("image", Some(&[Cause::ImageNotFound])),
            named("crash", Some(&[Cause::CrashOnStart])),
        ];
        assert_eq!(
            choose(&policies, &[Cause::ImageNotFound, Cause::CrashOnStart]),
            PolicyChoice::CauseNotCovered(vec!["image".into(), "crash".into()])
        );
    }

    #[test]
    fn the_first_that_covers_every_cause_is_chosen() {
        let policies = [
            named("image", Some(&[Cause::ImageNotFound])),
            named("crash", Some(&[Cause::CrashOnStart])),
            named("any", None),
        ];
        assert_eq!(chosen(&policies, &[Cause::CrashOnStart]), "crash");
        assert_eq!(
            chosen(&policies, &[Cause::ImageNotFound, Cause::CrashOnStart]),
            "any"
        );
        assert_eq!(chosen(&policies, &[]), "image");
    }

    #[test]
    fn alert_names_decide_too() {
        let mut other = named("other", None);
        other.matches.alerts = Some(vec!["Other*".into()]);
        let mut lab = named("lab", None);
        lab.matches.alerts = Some(vec!["Lab30*".into()]);
        assert_eq!(chosen(&[other, lab], &[Cause::ImageNotFound]), "lab");
    }
}
