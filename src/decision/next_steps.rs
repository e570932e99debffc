//! What a person could do now: commands that are ready to be run, and the words that would let Ripcord do it.

mod foreign;

use super::mode::wishes;
use crate::domain::case::{Case, PolicyChoice};
use crate::domain::diagnosis::{Cause, Entry, Helps};
use crate::domain::plan::{Plan, Refusal, Target};
use crate::domain::policy::Mode;
use crate::domain::verdict::{Decision, Reason, Verdict};
use crate::domain::workload::MODE_ANNOTATION;
use std::collections::BTreeSet;

/// What an Incident keeps of them.
const LIMIT: usize = 20;
/// One pod of each container shows what its sisters would.
const PODS_SHOWN: usize = 3;

/// The next steps, the most useful first; at most 20.
pub fn next_steps(
    case: &Case,
    proposal: Result<&Plan, &Refusal>,
    verdict: &Verdict,
) -> Vec<String> {
    let mut steps = Vec::new();
    if verdict.decision == Decision::Escalate {
        steps.extend(take_back(case));
    }
    if let Ok(plan) = proposal
        && may_help(verdict.reason)
    {
        steps.push(by_hand(plan));
    }
    if may_help(verdict.reason) || verdict.reason == Reason::ForeignOwner {
        steps.extend(foreign::helm_rollback(case));
    }
    steps.extend(what_allows_it(case, verdict));
    steps.extend(looking(case));
    let entries = &case.diagnosis.entries;
    steps.extend(
        entries
            .iter()
            .filter_map(|entry| looking_around(case, entry.cause)),
    );
    let mut seen = BTreeSet::new();
    steps.retain(|step| seen.insert(step.clone()));
    steps.truncate(LIMIT);
    steps
}

/// Whether doing by hand what was planned could help: not where a fact says that it would not.
fn may_help(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::ForeignOwner
            | Reason::OlderRevision
            | Reason::NoRecentRollout
            | Reason::NotFailing
            | Reason::CauseNotAllowed
            | Reason::OtherContainerFails
            | Reason::Quarantined
            | Reason::Storm
            | Reason::TargetFailed
    )
}

fn kubectl(case: &Case) -> String {
    format!("kubectl -n {}", case.workload.namespace)
}

fn by_hand(plan: &Plan) -> String {
    let (namespace, workload) = (&plan.workload.namespace, &plan.workload);
    match &plan.target {
        Target::Revision { mark, .. } => format!(
            "kubectl -n {namespace} rollout undo {workload} --to-revision={}  # by hand what was planned",
            mark.number
        ),
        Target::Image(image) => format!(
            "kubectl -n {namespace} set image {workload} {}={}  # by hand what was planned",
            image.container, image.to
        ),
    }
}

/// The revision before the last step is the second newest now, if the step's own is the newest still.
fn take_back(case: &Case) -> Option<String> {
    let last = case.incident.steps.last()?;
    let revisions = case.revisions()?;
    let newest = revisions.newest.as_ref()?;
    if last.revision.as_ref() != Some(&newest.hash) {
        return None;
    }
    let before = revisions
        .older
        .iter()
        .max_by_key(|revision| revision.number)?;
    Some(format!(
        "{} rollout undo {} --to-revision={}  # takes Ripcord's last step back, to a revision that failed",
        kubectl(case),
        case.workload,
        before.number
    ))
}

fn what_allows_it(case: &Case, verdict: &Verdict) -> Vec<String> {
    let (kubectl, workload) = (kubectl(case), &case.workload);
    match verdict.reason {
        Reason::NotInScope => {
            vec![format!("add {} to `namespaces:` in Ripcord's configuration", workload.namespace)]
        }
        Reason::Clear | Reason::OptedOut => mode_words(case),
        Reason::RolloutPaused => vec![format!("{kubectl} rollout resume {workload}")],
        Reason::ForeignOwner => foreign::about_owners(case),
        Reason::NoPolicy => vec![format!(
            "add a policy whose `match:` fits {} {} in {} to Ripcord's configuration",
            workload.kind, workload.name, workload.namespace
        )],
        Reason::CauseNotAllowed => causes_words(case),
        Reason::TargetUnproven => vec![
            format!("{kubectl} rollout history {workload}"),
            "`rolloutUndo: {to: N}` or `pinImage: {image: …}` in the policy is your word for a target that is not proven".to_owned(),
        ],
        Reason::NoTarget | Reason::Quarantined | Reason::OlderRevision | Reason::NoRecentRollout => {
            vec![format!("{kubectl} rollout history {workload}")]
        }
        Reason::ChangedByOther => vec![format!(
            "{kubectl} get {workload} -o yaml --show-managed-fields | grep -E 'manager:|time:'  # who writes it"
        )],
        Reason::Storm => vec![
            "kubectl get incidents -A  # what they have in common: a node, a registry, a service".to_owned(),
        ],
        Reason::CoolingDown => vec![
            "wait until the cooldown is over; `guards.cooldown` in Ripcord's configuration sets it".to_owned(),
        ],
        Reason::DryRunRefused => vec![format!(
            "kubectl auth can-i patch deployments -n {} --as=system:serviceaccount:NAMESPACE:NAME  # with Ripcord's own account",
            workload.namespace
        )],
        Reason::StepsSpent => vec![format!("{kubectl} rollout status {workload}")],
        Reason::Unavailable
        | Reason::NotFailing
        | Reason::Dwelling
        | Reason::PartlyHealthy
        | Reason::OtherContainerFails
        | Reason::ActionFailed
        | Reason::VerifyTimedOut
        | Reason::VerifyUnknown
        | Reason::TargetFailed => Vec::new(),
    }
}

/// One line for everybody who asks for less than `enforce`.
fn mode_words(case: &Case) -> Vec<String> {
    let strict = |wish: &Result<Mode, _>| !matches!(wish, Ok(Mode::Enforce));
    wishes(case)
        .into_iter()
        .filter(|(_, wish)| strict(wish))
        .map(|(who, _)| match who {
            "namespace" => format!(
                "kubectl annotate namespace {} {MODE_ANNOTATION}-  # lifts the namespace's restriction",
                case.workload.namespace
            ),
            "workload" => format!(
                "{} annotate {} {MODE_ANNOTATION}-  # lifts the workload's restriction",
                kubectl(case),
                case.workload
            ),
            "policy" => {
                let name = case.policy.policy().map_or("", |policy| policy.name.as_str());
                format!("`mode: enforce` in policy {name} lets Ripcord act")
            }
            _ => "`mode: enforce` in Ripcord's configuration lets it act".to_owned(),
        })
        .collect()
}

fn causes_words(case: &Case) -> Vec<String> {
    let causes: BTreeSet<&str> = case
        .diagnosis
        .entries
        .iter()
        // Who allows what nobody understands takes the guard away; and where going back can't help, no policy would.
        .filter(|entry| entry.cause != Cause::Unknown && entry.rollback_helps != Helps::No)
        .map(|entry| entry.cause.as_str())
        .collect();
    let causes = causes.into_iter().collect::<Vec<_>>().join(", ");
    match &case.policy {
        PolicyChoice::CauseNotCovered(names) if !causes.is_empty() => vec![format!(
            "add {causes} to `causes:` of one policy ({}) if going back is right for it",
            names.join(", ")
        )],
        PolicyChoice::CauseNotCovered(_) | PolicyChoice::Chosen(_) | PolicyChoice::NoMatch => {
            Vec::new()
        }
    }
}

/// Whether a container has last words: `kubectl logs --previous` of one that never ran is an error.
fn has_crashed(case: &Case, entry: &Entry, pod: &str) -> bool {
    let pods = case.evidence.pods.known().into_iter().flatten();
    pods.filter(|known| known.name == pod)
        .flat_map(|known| &known.containers)
        .any(|known| known.name == entry.container && known.newest_termination().is_some())
}

/// Where else to look for a cause that the pods alone don't show.
fn looking_around(case: &Case, cause: Cause) -> Option<String> {
    let kubectl = kubectl(case);
    match cause {
        Cause::ConfigMissing => Some(format!("{kubectl} get configmaps,secrets")),
        Cause::MountMissing => Some(format!(
            "{kubectl} get persistentvolumeclaims,configmaps,secrets"
        )),
        Cause::Quota => Some(format!("{kubectl} describe resourcequotas,limitranges")),
        Cause::Unschedulable => {
            Some("kubectl describe nodes | grep -A8 'Allocated resources'".to_owned())
        }
        Cause::ConfigChanged => Some(format!(
            "{kubectl} get configmaps,secrets -o 'custom-columns=KIND:.kind,NAME:.metadata.name,CHANGED:.metadata.managedFields[*].time'"
        )),
        Cause::NodeTrouble => Some("kubectl get nodes".to_owned()),
        Cause::WrongPlatform => Some("kubectl get nodes -L kubernetes.io/arch".to_owned()),
        Cause::RegistryRateLimited => Some("kubectl get pods -A | grep ImagePull".to_owned()),
        Cause::RegistryUnreachable => {
            Some("kubectl get pods -A -o wide | grep ImagePull".to_owned())
        }
        Cause::ImageAccessDenied => Some(format!(
            "{kubectl} get secrets --field-selector type=kubernetes.io/dockerconfigjson"
        )),
        Cause::ImageNotFound
        | Cause::InvalidImageName
        | Cause::NeverPull
        | Cause::CrashOnStart
        | Cause::StartError
        | Cause::OutOfMemory
        | Cause::ProbeKilled
        | Cause::ExitedZero
        | Cause::InitFailed
        | Cause::OlderRevisionFailsToo
        | Cause::WasHealthy
        | Cause::NoRecentRollout
        | Cause::RegistryOutage
        | Cause::Unknown => None,
    }
}

/// Where to look: the failing pods, and the last words of those that ran.
fn looking(case: &Case) -> Vec<String> {
    let kubectl = kubectl(case);
    case.diagnosis
        .entries
        .iter()
        .flat_map(|entry| {
            entry
                .pods
                .iter()
                .take(PODS_SHOWN)
                .map(move |pod| (entry, pod))
        })
        .flat_map(|(entry, pod)| {
            let logs = has_crashed(case, entry, pod)
                .then(|| format!("{kubectl} logs {pod} -c {} --previous", entry.container));
            [Some(format!("{kubectl} describe pod {pod}")), logs]
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests;
