//! What exactly will be written, before anything is.

use super::identity::{ActionId, RevisionName, TemplateHash, Uid};
use super::policy::VerifySpec;
use super::workload::WorkloadRef;
use crate::planted::{self, Bug};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A complete plan: no meaningful choice is left to whoever carries it out.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Which write of its incident this is; the first is 1.
    pub step: u32,
    /// The remedy's name: `rolloutUndo` or `pinImage`.
    pub remedy: &'static str,
    /// Its place in the policy's list, so that a later step does not try it again.
    pub remedy_index: usize,
    /// What is written to.
    pub workload: WorkloadRef,
    /// And no other of that name.
    pub workload_uid: Uid,
    /// The write's own name.
    pub action_id: ActionId,
    /// Where it goes.
    pub target: Target,
    /// The whole template that the workload will have, raw.
    pub template: Value,
    /// What `kubectl rollout history` will show.
    pub change_cause: String,
    /// Why the target is believed to work: one sentence for people.
    pub proof: String,
    /// The revision that is newest now: going there again takes the step back.
    pub inverse: RevisionMark,
    /// The difference for people, redacted: images, command and args, probes, resources; environment by name only. At most 8 KiB.
    pub diff: String,
    /// How recovery will be judged.
    pub verify: VerifySpec,
    /// The longest run of a failing container that was seen, in seconds: it sets the soak.
    pub longest_run_seconds: i64,
}

/// Where a plan goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To an existing revision.
    Revision {
        /// Which one.
        mark: RevisionMark,
        /// Its object's uid.
        uid: Uid,
    },
    /// To another image of one container.
    Image(ImageChange),
}

/// One revision, named so that an undo, which gives new numbers, can't confuse it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionMark {
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: RevisionName,
    /// Its template's hash.
    #[schemars(length(max = 63))]
    pub hash: TemplateHash,
    /// Its number when this was written.
    pub number: i64,
}

/// Another image for one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageChange {
    /// The container.
    #[schemars(length(max = 63))]
    pub container: String,
    /// The image it has.
    #[schemars(length(max = 1024))]
    pub from: String,
    /// The image it will have.
    #[schemars(length(max = 1024))]
    pub to: String,
}

/// A plan as an Incident stores it: no template, ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanRecord {
    /// Which write of its incident.
    pub step: i64,
    /// The remedy's name.
    #[schemars(length(max = 63))]
    pub remedy: String,
    /// Its place in the policy's list.
    pub remedy_index: i64,
    /// The write's own name.
    #[schemars(length(max = 253))]
    pub action_id: ActionId,
    /// In words: `revision 1 (web-5d9f)` or `web: image a -> b`.
    #[schemars(length(max = 1024))]
    pub target: String,
    /// The target revision, for an undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_revision: Option<RevisionMark>,
    /// Its object's uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_uid: Option<Uid>,
    /// The image that changes, for a pin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageChange>,
    /// sha256 of the patch without its `test` of the resource version, in hexadecimal.
    #[schemars(length(max = 64))]
    pub patch_sha256: String,
    /// The revision that was newest before.
    pub inverse: RevisionMark,
    /// Why the target is believed to work.
    #[schemars(length(max = 1024))]
    pub proof: String,
    /// How the plan was validated: `server` or `client`; empty = not yet.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub validated_by: String,
}

/// Why a remedy can't be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The remedy's name; empty where the policy has none left.
    pub remedy: &'static str,
    /// Which guard stands for it.
    pub reason: RefusalReason,
    /// What is missing: one sentence for people.
    pub text: String,
}

/// The kinds of refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// A candidate is whole now and lacks only time: look again then.
    UnprovenYet {
        /// When it may be proven.
        look_again_at: Timestamp,
    },
    /// No candidate is proven healthy.
    Unproven,
    /// The only candidates were seen failing.
    Quarantined,
    /// There is nowhere to go.
    NoTarget,
    /// Whether there is one can't be told now.
    Unavailable,
    /// Every remedy of the policy has been tried.
    Spent,
}

/// What became of a plan's server-side dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rehearsal {
    /// The API server would accept it, and would store what was meant.
    Accepted,
    /// Our own account may not patch: only checked here.
    ClientOnly,
    /// The API server, or an admission policy, refuses it; code and reason only.
    Refused(String),
    /// Admission would store something else than what was meant.
    Changed(String),
    /// The API server did not answer, or the object moved too often.
    Unavailable(String),
}

/// The conditional JSON Patch of a plan (RFC 6902), for one reading of the workload: `test` on uid and resource version, then the change,
/// the action id and the change cause, all in one write.
pub fn json_patch(plan: &Plan, resource_version: &str, has_annotations: bool) -> Value {
    let mut operations = vec![
        serde_json::json!({"op": "test", "path": "/metadata/uid", "value": plan.workload_uid.as_str()}),
        serde_json::json!({"op": "test", "path": "/metadata/resourceVersion", "value": resource_version}),
    ];
    operations.retain(|operation| {
        let path = operation.get("path").and_then(Value::as_str);
        let dropped = |bug, of: &str| planted::is(bug) && path == Some(of);
        !dropped(Bug::ResourceVersionNotTested, "/metadata/resourceVersion")
            && !dropped(Bug::UidNotTested, "/metadata/uid")
    });
    operations.extend(changes(plan, has_annotations));
    Value::Array(operations)
}

/// The part of a plan's patch that does not depend on the reading: what [`PlanRecord::patch_sha256`] is made of.
pub fn changes(plan: &Plan, has_annotations: bool) -> Vec<Value> {
    let mut operations = Vec::new();
    if !has_annotations {
        operations
            .push(serde_json::json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    operations.push(
        serde_json::json!({"op": "replace", "path": "/spec/template", "value": plan.template}),
    );
    if !planted::is(Bug::ActionIdForgotten) {
        operations.push(serde_json::json!({"op": "add", "path": "/metadata/annotations/ripcord.dev~1action", "value": plan.action_id.as_str()}));
    }
    operations.push(serde_json::json!({"op": "add", "path": "/metadata/annotations/kubernetes.io~1change-cause", "value": plan.change_cause}));
    operations
}

/// sha256, in hexadecimal, of what a plan changes.
pub fn patch_sha256(plan: &Plan) -> String {
    use sha2::Digest;
    // serde_json keeps maps sorted, so that equal patches have equal bytes.
    let text = Value::Array(changes(plan, true)).to_string();
    data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(text.as_bytes()))
}

impl Plan {
    /// What an Incident stores of it.
    pub fn record(&self, rehearsal: Option<&Rehearsal>) -> PlanRecord {
        let (target_revision, target_uid, image) = match &self.target {
            Target::Revision { mark, uid } => (Some(mark.clone()), Some(uid.clone()), None),
            Target::Image(image) => (None, None, Some(image.clone())),
        };
        PlanRecord {
            step: i64::from(self.step),
            remedy: self.remedy.to_owned(),
            remedy_index: i64::try_from(self.remedy_index).unwrap_or(i64::MAX),
            action_id: self.action_id.clone(),
            target: self.target.to_string(),
            target_revision,
            target_uid,
            image,
            patch_sha256: patch_sha256(self),
            inverse: self.inverse.clone(),
            proof: super::text::truncate(&self.proof, 1024),
            validated_by: match rehearsal {
                Some(Rehearsal::Accepted) => "server".to_owned(),
                Some(Rehearsal::ClientOnly) => "client".to_owned(),
                _ => String::new(),
            },
        }
    }
}

impl PlanRecord {
    /// What the plan does, in words: `undo the rollout to revision 1 (web-5d9f)`, `pin web from a to b`.
    pub fn in_words(&self) -> String {
        match &self.image {
            Some(ImageChange {
                container,
                from,
                to,
            }) => format!("pin {container} from {from} to {to}"),
            None => format!("undo the rollout to {}", self.target),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Revision { mark, .. } => {
                write!(formatter, "revision {} ({})", mark.number, mark.name)
            }
            Self::Image(ImageChange {
                container,
                from,
                to,
            }) => write!(formatter, "{container}: image {from} -> {to}"),
        }
    }
}
