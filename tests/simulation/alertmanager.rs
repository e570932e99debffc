//! Alertmanager and its rule: a workload that has had too few available replicas for a while fires, one group for each namespace, until
//! all are there again. Deliveries are doubled, lost, reordered and replayed on their way.

use super::dice::Dice;
use super::lab::{NAMESPACE, OUTSIDE};
use super::network::Network;
use super::story::{Broken, FAULTS_END, Fault, Story};
use jiff::Timestamp;
use ripcord::sim::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `for` of the rule.
const PENDING: u64 = 15;
/// `group_interval` and `repeat_interval` in one.
const AGAIN: u64 = 45;
/// After an answer that is not 2xx, or none.
const RETRY: u64 = 10;

/// One alert as it was delivered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AlertId {
    pub(crate) namespace: String,
    pub(crate) deployment: String,
    pub(crate) fingerprint: String,
    pub(crate) starts_at: Timestamp,
    pub(crate) firing: bool,
}

/// A delivery on its way.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) due: u64,
    pub(crate) alerts: Vec<AlertId>,
}

impl Delivery {
    /// Alertmanager's payload, version 4.
    pub(crate) fn body(&self) -> Value {
        let alerts: Vec<Value> = self.alerts.iter().map(alert).collect();
        let firing = self.alerts.iter().any(|alert| alert.firing);
        json!({
            "version": "4", "status": if firing { "firing" } else { "resolved" }, "receiver": "ripcord",
            "truncatedAlerts": 0, "groupKey": "{}", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
            "externalURL": "", "alerts": alerts,
        })
    }
}

fn alert(id: &AlertId) -> Value {
    json!({
        "status": if id.firing { "firing" } else { "resolved" }, "annotations": {}, "generatorURL": "",
        "labels": {
            "alertname": "RolloutUnavailable", "deployment": id.deployment, "namespace": id.namespace,
            "job": "kube-state-metrics", "severity": "warning",
        },
        "startsAt": id.starts_at, "endsAt": "0001-01-01T00:00:00Z", "fingerprint": id.fingerprint,
    })
}

#[derive(Default)]
struct Rule {
    unavailable_since: Option<u64>,
    starts_at: Option<Timestamp>,
}

/// The sender.
pub(crate) struct Alertmanager {
    dice: Dice,
    rules: BTreeMap<(String, String), Rule>,
    /// The cluster's version at the last look, and which workloads there were then, and whether each was unavailable.
    seen: (u64, Vec<(String, String, bool)>),
    /// It fires although nothing is wrong, up to this second.
    false_until: u64,
    sent_at: BTreeMap<String, u64>,
    queue: Vec<Delivery>,
    past: Vec<Delivery>,
    last: u64,
}

impl Alertmanager {
    pub(crate) fn new(story: &Story) -> Self {
        Self {
            dice: Dice::new(story.seed, 3),
            rules: BTreeMap::new(),
            seen: (0, Vec::new()),
            false_until: if story.broken == Broken::Nothing {
                200
            } else {
                0
            },
            sent_at: BTreeMap::new(),
            queue: Vec::new(),
            past: Vec::new(),
            last: 0,
        }
    }

    /// What is to be posted at this second.
    pub(crate) fn due(&mut self, world: &World, story: &Story, network: &Network) -> Vec<Delivery> {
        let second = network.second();
        if self.seen.0 != world.version() {
            self.seen = (world.version(), unavailable(world));
        }
        for namespace in [NAMESPACE, OUTSIDE] {
            if let Some(delivery) = self.group(world, namespace, second) {
                self.past.push(delivery.clone());
                self.on_the_way(delivery, story, network);
            }
        }
        let replayed = [
            story.begin(Fault::DeliveryReplayed),
            story.end(Fault::DeliveryReplayed),
            Some(FAULTS_END),
        ];
        let is_now = |at: &Option<u64>| at.is_some_and(|at| self.last < at && at <= second);
        let replays = story.drew(Fault::DeliveryReplayed) && replayed.iter().any(is_now);
        self.last = second;
        if replays && !self.past.is_empty() {
            let last = u64::try_from(self.past.len()).unwrap() - 1;
            let old = usize::try_from(self.dice.between(0, last)).unwrap();
            network.met(Fault::DeliveryReplayed);
            self.queue.push(Delivery {
                due: second,
                ..self.past[old].clone()
            });
        }
        let (due, later) = std::mem::take(&mut self.queue)
            .into_iter()
            .partition(|delivery| delivery.due <= second);
        self.queue = later;
        due
    }

    /// It was not taken: it comes again.
    pub(crate) fn refused(&mut self, delivery: Delivery, second: u64) {
        self.queue.push(Delivery {
            due: second + RETRY,
            ..delivery
        });
    }

    /// Whether an alert fires, or something is on its way.
    pub(crate) fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    fn group(&mut self, world: &World, namespace: &str, second: u64) -> Option<Delivery> {
        let now = world.clock().now();
        let false_alarm = second < self.false_until;
        let mut alerts = Vec::new();
        let mut news = false;
        let there = self
            .seen
            .1
            .iter()
            .filter(|(within, ..)| within == namespace);
        for (_, name, unavailable) in there {
            let key = (namespace.to_owned(), name.clone());
            let rule = self.rules.entry(key).or_default();
            let id = |starts_at, firing| AlertId {
                namespace: namespace.to_owned(),
                deployment: name.clone(),
                fingerprint: fingerprint(namespace, name),
                starts_at,
                firing,
            };
            if *unavailable || false_alarm {
                let since = *rule.unavailable_since.get_or_insert(second);
                if second >= since + PENDING {
                    news |= rule.starts_at.is_none();
                    alerts.push(id(*rule.starts_at.get_or_insert(now), true));
                }
            } else {
                rule.unavailable_since = None;
                if let Some(starts_at) = rule.starts_at.take() {
                    news = true;
                    alerts.push(id(starts_at, false));
                }
            }
        }
        let again = self
            .sent_at
            .get(namespace)
            .is_none_or(|sent| second >= sent + AGAIN);
        if alerts.is_empty() || !(news || again) {
            return None;
        }
        self.sent_at.insert(namespace.to_owned(), second);
        Some(Delivery {
            due: second,
            alerts,
        })
    }

    fn on_the_way(&mut self, mut delivery: Delivery, story: &Story, network: &Network) {
        let second = network.second();
        let happens = |dice: &mut Dice, fault| story.has(fault, second) && dice.chance(0.9);
        if happens(&mut self.dice, Fault::DeliveryLost) {
            network.met(Fault::DeliveryLost);
            return;
        }
        if happens(&mut self.dice, Fault::DeliveryDoubled) {
            network.met(Fault::DeliveryDoubled);
            let mut twin = delivery.clone();
            twin.due += self.dice.between(0, 3);
            self.queue.push(twin);
        }
        if happens(&mut self.dice, Fault::DeliveryReordered) {
            network.met(Fault::DeliveryReordered);
            delivery.due += self.dice.between(AGAIN, 3 * AGAIN);
        }
        self.queue.push(delivery);
    }
}

fn fingerprint(namespace: &str, deployment: &str) -> String {
    let sum = namespace
        .bytes()
        .chain(deployment.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{sum:016x}")
}

/// Every workload by namespace and name, and whether it is unavailable.
fn unavailable(world: &World) -> Vec<(String, String, bool)> {
    let all = [NAMESPACE, OUTSIDE].into_iter().flat_map(|namespace| {
        let deployments = world.objects("Deployment", namespace).into_iter();
        deployments.map(move |deployment| {
            let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
            (
                namespace.to_owned(),
                name.to_owned(),
                is_unavailable(&deployment),
            )
        })
    });
    all.collect()
}

/// Too few available replicas, or a rollout that is not through.
fn is_unavailable(deployment: &Value) -> bool {
    let number = |path: &str| {
        deployment
            .pointer(path)
            .and_then(Value::as_i64)
            .unwrap_or(0)
    };
    let wanted = number("/spec/replicas");
    number("/status/availableReplicas") < wanted
        || number("/status/updatedReplicas") < wanted
        || number("/status/unavailableReplicas") > 0
}
