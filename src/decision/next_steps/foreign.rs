//! Where another program makes the template: its own way back, and what would let Ripcord act.

use crate::domain::case::Case;
use crate::domain::owners::{Owner, Owners, Program};

/// What stands in a command for a name that no shell should see.
const NAME: &str = "NAME";

/// Helm's own way back, where Helm alone made the workload: under Flux it would be undone like any other change.
pub(super) fn helm_rollback(case: &Case) -> Option<String> {
    let owners = case.evidence.owners.known()?;
    let under_flux = owners
        .programs
        .iter()
        .any(|owner| owner.program == Program::FluxHelmRelease || owner.program == Program::ArgoCd);
    let helm = owners
        .programs
        .iter()
        .find(|owner| owner.program == Program::Helm && !under_flux)?;
    let (namespace, release) = placed(helm, &case.workload.namespace);
    Some(format!(
        "helm -n {namespace} rollback {release}  # Helm's own way back; its next upgrade brings the chart's template again"
    ))
}

/// What a person could do about the owners that stand against it.
pub(super) fn about_owners(case: &Case) -> Vec<String> {
    let owners = case.evidence.owners.known();
    let programs = owners.map_or(&[][..], |owners| &owners.programs);
    let mut steps: Vec<String> = programs
        .iter()
        .filter(|owner| owner.suspended_by.is_none())
        .filter_map(at_the_source)
        .collect();
    steps.extend(programs.iter().filter_map(|owner| hold_it(case, owner)));
    if unaccounted(owners) {
        steps.push(format!(
            "kubectl -n {} get {} -o yaml --show-managed-fields | grep -E 'manager:|time:'  # who writes it",
            case.workload.namespace, case.workload
        ));
    }
    let policy = case.policy.policy().map(|policy| policy.name.as_str());
    let policy = policy.map_or_else(|| "the policy".to_owned(), |name| format!("policy {name}"));
    let is_helm = |owner: &Owner| owner.program == Program::Helm;
    if unaccounted(owners) || programs.iter().any(Owner::fights) {
        steps.push(format!(
            "`foreign: {{default: act}}` in {policy} lets Ripcord act all the same"
        ));
    } else if programs.iter().any(is_helm) {
        steps.push(format!(
            "`foreign: {{helm: act}}` in {policy} lets Ripcord act all the same"
        ));
    }
    steps
}

fn unaccounted(owners: Option<&Owners>) -> bool {
    owners.is_none_or(|owners| owners.template.unavailable().is_some())
}

/// Where the template comes from; Helm has a command of its own.
fn at_the_source(owner: &Owner) -> Option<String> {
    let name = shown(&owner.name);
    let source = match &owner.program {
        Program::ArgoCd => format!("the source of Argo CD's application {name}"),
        Program::FluxKustomization => format!("the source of Flux' Kustomization {name}"),
        Program::FluxHelmRelease => format!("Flux' HelmRelease {name} in its source"),
        Program::ArgoRollouts => format!("Rollout {name}, or what makes it"),
        Program::Flagger => format!("the target of Flagger's Canary {name}"),
        Program::Controller { kind, .. } => format!("{} {name}, or what makes it", shown(kind)),
        Program::Helm => return None,
    };
    Some(format!(
        "change {source}: what is changed here alone does not stay"
    ))
}

/// The mark by which a program leaves this one workload alone.
fn hold_it(case: &Case, owner: &Owner) -> Option<String> {
    let unmarked = owner.program == Program::FluxKustomization && owner.suspended_by.is_none();
    unmarked.then(|| {
        format!(
            "kubectl -n {} annotate {} kustomize.toolkit.fluxcd.io/reconcile=disabled  # Flux leaves it alone until you take it away",
            case.workload.namespace, case.workload
        )
    })
}

/// The namespace and the name of an owner whose mark tells both.
fn placed<'a>(owner: &'a Owner, namespace: &'a str) -> (&'a str, &'a str) {
    let (namespace, name) = match owner.name.split_once('/') {
        Some((namespace, name)) => (namespace, name),
        None => (namespace, owner.name.as_str()),
    };
    let namespace = if is_plain(namespace) {
        namespace
    } else {
        "NAMESPACE"
    };
    (namespace, shown(name))
}

fn shown(name: &str) -> &str {
    let plain = name.split('/').all(is_plain);
    if plain { name } else { NAME }
}

/// Marks are written by whoever may change the workload; a command is run by somebody else. Only what a Kubernetes name may be is shown.
fn is_plain(name: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.len() <= 253
        && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::observed::Observed;
    use crate::domain::owners::{Mark, Reverts};
    use crate::remedy::test_support::broken_web;

    fn owned(programs: &[(Program, &str)]) -> Case {
        let mut case = broken_web();
        let programs = programs.iter().map(|(program, name)| Owner {
            program: program.clone(),
            name: (*name).to_owned(),
            mark: Mark::OwnerReference,
            reverts: Reverts::Yes,
            suspended_by: None,
        });
        case.evidence.owners = Observed::Known(Owners {
            programs: programs.collect(),
            template: Observed::Known(vec![]),
        });
        case
    }

    #[test]
    fn no_name_from_outside_reaches_a_shell() {
        let rude = "x; rm -rf /";
        let case = owned(&[(Program::Helm, rude), (Program::FluxKustomization, "$(id)")]);
        let steps = about_owners(&case).join("\n") + &helm_rollback(&case).unwrap();
        assert!(
            !steps.contains("rm -rf") && !steps.contains("$("),
            "{steps}"
        );
        assert!(steps.contains("rollback NAME"), "{steps}");
        assert!(
            helm_rollback(&owned(&[(Program::Helm, "--help")]))
                .unwrap()
                .contains("NAME")
        );
    }

    #[test]
    fn each_owner_s_source_is_named_with_the_word_that_lets_ripcord_act() {
        let kafka = Program::Controller {
            kind: "Kafka".to_owned(),
            group: "kafka.strimzi.io".to_owned(),
        };
        for (program, words) in [
            (
                Program::ArgoCd,
                "change the source of Argo CD's application shop/cart:",
            ),
            (
                Program::FluxKustomization,
                "change the source of Flux' Kustomization shop/cart:",
            ),
            (
                Program::FluxHelmRelease,
                "change Flux' HelmRelease shop/cart in its source:",
            ),
            (
                Program::ArgoRollouts,
                "change Rollout shop/cart, or what makes it:",
            ),
            (
                Program::Flagger,
                "change the target of Flagger's Canary shop/cart:",
            ),
            (kafka, "change Kafka shop/cart, or what makes it:"),
        ] {
            let steps = about_owners(&owned(&[(program, "shop/cart")]));
            assert!(steps[0].starts_with(words), "{steps:?}");
            let last = steps.last().unwrap();
            assert!(
                last.contains("{default: act}` in policy bad-rollout"),
                "{last}"
            );
        }
    }

    #[test]
    fn helm_s_own_way_back_is_shown_unless_flux_or_argo_cd_drives_it() {
        let helm = (Program::Helm, "shop/cart");
        let rollback = helm_rollback(&owned(std::slice::from_ref(&helm))).unwrap();
        assert!(
            rollback.starts_with("helm -n shop rollback cart  # "),
            "{rollback}"
        );
        for other in [Program::FluxHelmRelease, Program::ArgoCd] {
            assert_eq!(helm_rollback(&owned(&[helm.clone(), (other, "a")])), None);
        }
        assert_eq!(helm_rollback(&broken_web()), None);
        let words = about_owners(&owned(&[helm]));
        assert_eq!(
            words,
            ["`foreign: {helm: act}` in policy bad-rollout lets Ripcord act all the same"]
        );
    }

    #[test]
    fn where_nobody_kept_account_the_command_that_shows_it_is_given() {
        let mut case = broken_web();
        case.evidence.owners = Observed::Unavailable("its labels can't be read".into());
        let steps = about_owners(&case);
        assert!(steps[0].contains("--show-managed-fields"), "{steps:?}");
        assert!(steps[1].contains("{default: act}"), "{steps:?}");
    }
}
