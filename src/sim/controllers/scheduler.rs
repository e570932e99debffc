//! The scheduler: a node for each pod, by readiness, taints, selector and requests, the emptiest first; or why there is none
//! (Kubernetes `pkg/scheduler`, as far as its words are needed).

use super::super::api::resources::{NODES, PODS};
use super::super::api::store::Store;
use super::super::json;
use super::kubelet::{condition, quality};
use super::recorder::{Recorder, Told};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A pod that fits nowhere is tried again after so long, should nothing change before (`flushUnschedulablePodsLeftover`).
const AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// When each pod that fits nowhere was last said to.
#[derive(Default)]
pub(crate) struct Scheduler {
    told: BTreeMap<String, Timestamp>,
}

impl Scheduler {
    /// When a pod is tried again although nothing has changed.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let told = self.told.values();
        told.filter_map(|at| at.checked_add(AGAIN).ok()).min()
    }
}

/// Gives a new pod its node, before it is stored; where there is none it stays without.
pub(super) fn place(store: &Store, pod: &mut Value) {
    json::set(pod, "/status/qosClass", quality(pod));
    if let Ok(node) = pick(store, pod) {
        json::set(pod, "/spec/nodeName", node);
    }
}

/// Says where a pod went.
pub(super) fn tell_placed(store: &mut Store, recorder: &mut Recorder, pod: &Value) {
    let text = |field| json::text(pod, field);
    let message = format!(
        "Successfully assigned {}/{} to {}",
        text("/metadata/namespace"),
        text("/metadata/name"),
        text("/spec/nodeName")
    );
    let told = Told::whole("Normal", "Scheduled", message);
    recorder.tell_of_scheduling(store, pod, "Binding", &told);
}

/// Works on every pod that has no node.
pub(super) fn sync_all(scheduler: &mut Scheduler, store: &mut Store, recorder: &mut Recorder) {
    let pods = store.pick(PODS, |pod| {
        json::text(pod, "/spec/nodeName").is_empty()
            && json::text(pod, "/metadata/deletionTimestamp").is_empty()
    });
    if pods.is_empty() {
        scheduler.told.clear();
        return;
    }
    let now = store.now();
    for mut pod in pods {
        let uid = json::text(&pod, "/metadata/uid").to_owned();
        match pick(store, &pod) {
            Ok(node) => {
                let bound = Arc::make_mut(&mut pod);
                json::set(bound, "/spec/nodeName", node);
                json::remove(bound, "/status/conditions");
                let pod = store.put(PODS, pod);
                tell_placed(store, recorder, &pod);
                scheduler.told.remove(&uid);
            }
            Err(why) => {
                let again = scheduler.told.get(&uid);
                let again = again.is_none_or(|at| now.duration_since(*at) >= AGAIN);
                if json::text(&pod, "/status/conditions/0/message") != why || again {
                    scheduler.told.insert(uid, now);
                    refuse(store, recorder, pod, why);
                }
            }
        }
    }
}

fn refuse(store: &mut Store, recorder: &mut Recorder, mut pod: Arc<Value>, why: String) {
    let mut scheduled = condition(&pod, "PodScheduled", false, store.now());
    json::set(&mut scheduled, "/reason", "Unschedulable");
    json::set(&mut scheduled, "/message", why.as_str());
    let conditions = json!([scheduled]);
    json::set(Arc::make_mut(&mut pod), "/status/conditions", conditions);
    let pod = store.put(PODS, pod);
    let told = Told::whole("Warning", "FailedScheduling", why);
    recorder.tell_of_scheduling(store, &pod, "Scheduling", &told);
}

/// The node for a pod.
///
/// # Errors
/// The scheduler's words, with how many nodes refuse it for which reason.
fn pick(store: &Store, pod: &Value) -> Result<String, String> {
    let asked = Room::asked_by(pod);
    let mut fitting: Vec<(usize, &str)> = Vec::new();
    let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
    for node in store.list(NODES, None) {
        let name = json::text(node, "/metadata/name");
        let there: Vec<&Value> = store
            .list(PODS, None)
            .filter(|other| json::text(other, "/spec/nodeName") == name)
            .filter(|other| !["Failed", "Succeeded"].contains(&json::text(other, "/status/phase")))
            .collect();
        match refusal(node, &there, pod, asked) {
            Some(why) => *refusals.entry(why).or_default() += 1,
            None => fitting.push((there.len(), name)),
        }
    }
    if let Some((_, name)) = fitting.into_iter().min() {
        return Ok(name.to_owned());
    }
    let all: usize = refusals.values().sum();
    if all == 0 {
        return Err("no nodes available to schedule pods".to_owned());
    }
    let reasons: Vec<String> = refusals
        .iter()
        .map(|(why, count)| format!("{count} {why}"))
        .collect();
    Err(format!(
        "0/{all} nodes are available: {}. no new claims to deallocate, preemption: 0/{all} nodes are available: {all} Preemption is not helpful for scheduling.",
        reasons.join(", ")
    ))
}

fn refusal(node: &Value, there: &[&Value], pod: &Value, asked: Room) -> Option<String> {
    if json::flag(node, "/spec/unschedulable") {
        return Some("node(s) were unschedulable".to_owned());
    }
    let taint = json::list(node, "/spec/taints")
        .iter()
        .find(|taint| json::text(taint, "/effect") == "NoSchedule" && !tolerates(pod, taint));
    if let Some(taint) = taint {
        let key = json::text(taint, "/key");
        return Some(format!("node(s) had untolerated taint {{{key}: }}"));
    }
    let labels = json::strings(node, "/metadata/labels");
    let wanted = json::strings(pod, "/spec/nodeSelector");
    if wanted
        .iter()
        .any(|(key, value)| labels.get(key) != Some(value))
    {
        return Some("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
    let room = Room::of(node.pointer("/status/allocatable").unwrap_or(&Value::Null));
    let used = there.iter().map(|pod| Room::asked_by(pod));
    let used = used.fold(asked, Room::plus);
    if used.cpu > room.cpu {
        return Some("Insufficient cpu".to_owned());
    }
    (used.memory > room.memory).then(|| "Insufficient memory".to_owned())
}

fn tolerates(pod: &Value, taint: &Value) -> bool {
    json::list(pod, "/spec/tolerations")
        .iter()
        .any(|toleration| {
            let key = json::text(toleration, "/key");
            let effect = json::text(toleration, "/effect");
            (key.is_empty() || key == json::text(taint, "/key"))
                && (effect.is_empty() || effect == json::text(taint, "/effect"))
        })
}

/// Thousandths of a processor, and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Room {
    cpu: i64,
    memory: i64,
}

impl Room {
    fn of(quantities: &Value) -> Self {
        Self {
            cpu: thousandths(quantities.get("cpu")),
            memory: thousandths(quantities.get("memory")) / 1000,
        }
    }

    fn asked_by(pod: &Value) -> Self {
        let containers = json::list(pod, "/spec/containers").iter();
        let requests = containers.filter_map(|container| container.pointer("/resources/requests"));
        requests.map(Self::of).fold(Self::default(), Self::plus)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_add(other.cpu),
            memory: self.memory.saturating_add(other.memory),
        }
    }
}

/// A Kubernetes quantity in thousandths; what can't be read is 0.
fn thousandths(quantity: Option<&Value>) -> i64 {
    let text = match quantity {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return 0,
    };
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match text.get(digits.len()..).unwrap_or_default() {
        "m" => 1,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "Ki" => 1000 << 10,
        "Mi" => 1000 << 20,
        "Gi" => 1000 << 30,
        _ => 1000,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.parse::<i64>().unwrap_or(0).saturating_mul(factor);
    let tenths = fraction.chars().next().and_then(|digit| digit.to_digit(10));
    whole.saturating_add(i64::from(tenths.unwrap_or(0)) * factor / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        for (text, expected) in [
            ("64", 64_000),
            ("500m", 500),
            ("0.5", 500),
            ("40Mi", (40 << 20) * 1000),
            ("1G", 1_000_000_000_000),
            ("much", 0),
        ] {
            assert_eq!(thousandths(Some(&json!(text))), expected, "{text}");
        }
        assert_eq!(thousandths(Some(&json!(2))), 2000);
    }
}
