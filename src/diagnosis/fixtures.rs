//! The captures of `tests/fixtures/faults` as evidence: only what tests need of the API's shapes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::symptoms::remember;
use crate::domain::evidence::*;
use crate::domain::identity::{RevisionName, TemplateHash, Uid};
use crate::domain::observed::Observed;
use crate::domain::policy::GuardLimits;
use crate::domain::text;
use crate::domain::workload::*;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const LIMITS: GuardLimits = GuardLimits {
    recent_rollout: SignedDuration::from_hours(2),
    dwell: SignedDuration::from_secs(10),
    proven_for: SignedDuration::from_mins(2),
    failing_share_percent: 50,
    min_crashes: 3,
    cooldown: SignedDuration::from_mins(15),
    steps: 2,
    storm_workloads: 5,
    storm_within: SignedDuration::from_mins(10),
};

/// Just after the last capture.
pub(super) fn now() -> Timestamp {
    "2026-11-23T04:12:40Z".parse().unwrap()
}

pub(super) fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// One fault as evidence: seen twice, ten seconds apart; the older revision had another image and other settings.
pub(super) fn fault(name: &str) -> Evidence {
    let path = format!(
        "{}/tests/fixtures/faults/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let captured: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let pod = pod(&captured["pod"]);
    let events: Vec<EventFact> = captured["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(event)
        .collect();
    let newest = revision(&pod.revision, 2, newest_template(&captured["pod"]));
    let older = revision(
        &RevisionName::new(format!("{name}-good")),
        1,
        older_template(&newest.template),
    );
    let logs = pod
        .containers
        .iter()
        .filter(|container| container.restarts > 0)
        .map(|container| log(&captured, &pod, container))
        .collect();
    let mut evidence = Evidence {
        gathered_at: now(),
        workload: Observed::Unavailable("not captured".to_owned()),
        owners: Observed::Unavailable("not captured".to_owned()),
        revisions: Observed::Known(Revisions {
            newest: Some(newest),
            older: vec![older],
        }),
        pods: Observed::Known(vec![pod]),
        events: Observed::Known(events),
        logs,
        metrics: metrics(&captured),
        history: Observed::Known(BTreeMap::new()),
        rolled_out_at: Observed::Known("2026-11-23T04:10:29Z".parse().unwrap()),
        past: Observed::Absent,
        namespace_mode: Observed::Absent,
        around: crate::domain::surroundings::Surroundings::quiet(),
        memory: Memory::default(),
    };
    let nodes = pods(&mut evidence)
        .iter()
        .filter_map(|pod| pod.node.clone());
    evidence.around.nodes = Observed::Known(nodes.map(|node| (node, [].into())).collect());
    read(&mut evidence, now() - seconds(10));
    read(&mut evidence, now());
    evidence
}

/// One more reading of the same pods and events.
pub(super) fn read(evidence: &mut Evidence, at: Timestamp) {
    let pods = evidence.pods.known().unwrap();
    evidence.memory = remember(&evidence.memory, pods, &evidence.events, at);
    evidence.gathered_at = at;
}

pub(super) fn pods(evidence: &mut Evidence) -> &mut Vec<Pod> {
    let Observed::Known(pods) = &mut evidence.pods else {
        panic!("pods are known")
    };
    pods
}

pub(super) fn container(evidence: &mut Evidence) -> &mut Container {
    &mut pods(evidence)[0].containers[0]
}

pub(super) fn revisions(evidence: &mut Evidence) -> &mut Revisions {
    let Observed::Known(revisions) = &mut evidence.revisions else {
        panic!("revisions are known")
    };
    revisions
}

pub(super) fn all_faults() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/faults"
    ))
    .unwrap()
    .map(|entry| {
        entry
            .unwrap()
            .path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    })
    .collect();
    names.sort();
    names
}

fn revision(name: &RevisionName, number: i64, template: Value) -> Revision {
    Revision {
        name: name.clone(),
        uid: Uid::new(format!("uid-of-{name}")),
        hash: TemplateHash::new(format!("hash-of-{name}")),
        number,
        created: "2026-11-23T04:00:00Z".parse().unwrap(),
        replicas_wanted: 1,
        template,
        change_cause: None,
    }
}

/// The template of a captured pod: without what admission puts into every pod.
fn newest_template(pod: &Value) -> Value {
    let of_admission = |name: &Value| string(name).starts_with("kube-api-access");
    let mut spec = json!({"containers": pod["spec"]["containers"]});
    if let Some(init) = pod["spec"].get("initContainers") {
        spec["initContainers"] = init.clone();
    }
    for list in ["initContainers", "containers"] {
        for container in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(mounts) = container["volumeMounts"].as_array_mut() {
                mounts.retain(|mount| !of_admission(&mount["name"]));
            }
        }
    }
    let volumes: Vec<Value> = pod["spec"]["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    spec["volumes"] = volumes
        .into_iter()
        .filter(|volume| !of_admission(&volume["name"]))
        .collect();
    json!({"metadata": {"labels": {"app": "x"}}, "spec": spec})
}

/// The good revision before it: another image in each container, and nothing else said of it.
fn older_template(newest: &Value) -> Value {
    let mut template = newest.clone();
    for list in ["initContainers", "containers"] {
        let containers = template["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            *container = json!({
                "name": container["name"],
                "image": GOOD_IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "resources": {},
            });
        }
    }
    template["spec"]["volumes"] = json!([]);
    template
}

/// The image of the good revision before each fault.
pub(super) const GOOD_IMAGE: &str = "ghcr.io/vlrrbn/good:1";

/// As `fault`, with a pod of the good revision that still serves on the same node, as under a rolling update.
pub(super) fn after_good(name: &str) -> Evidence {
    let mut evidence = fault(name);
    serve_older(&mut evidence);
    read(&mut evidence, now());
    evidence
}

/// A pod of the older revision that has been Ready for an hour, on the lab's node.
pub(super) fn serve_older(evidence: &mut Evidence) {
    let older = revisions(evidence).older[0].clone();
    let mut good = pods(evidence)[0].clone();
    good.name = format!("{}-1", older.name);
    good.uid = Uid::new(format!("uid-of-{}", good.name));
    good.revision = older.name;
    good.node = Some("lab".to_owned());
    good.ready_since = Some(now() - seconds(3600));
    good.unschedulable = None;
    for container in &mut good.containers {
        container.image = GOOD_IMAGE.to_owned();
        container.image_id = "ghcr.io/vlrrbn/good@sha256:0".to_owned();
        container.restarts = 0;
        container.last = None;
        container.state = ContainerState::Running {
            since: Some(now() - seconds(3600)),
        };
    }
    good.containers.retain(|container| !container.init);
    pods(evidence).push(good);
}

/// The only revision.
pub(super) fn alone(name: &str) -> Evidence {
    let mut evidence = fault(name);
    revisions(&mut evidence).older.clear();
    evidence
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn time(value: &Value) -> Option<Timestamp> {
    value
        .as_str()?
        .parse()
        .ok()
        .filter(|time: &Timestamp| time.as_second() > 0)
}

fn pod(pod: &Value) -> Pod {
    let condition = |kind: &str| {
        pod["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|condition| condition["type"] == kind)
            .cloned()
            .unwrap_or_default()
    };
    let owner = string(&pod["metadata"]["ownerReferences"][0]["name"]);
    let containers = [
        ("initContainers", "initContainerStatuses"),
        ("containers", "containerStatuses"),
    ]
    .into_iter()
    .flat_map(|(list, statuses)| {
        pod["spec"][list]
            .as_array()
            .into_iter()
            .flatten()
            .map(move |spec| {
                let status = pod["status"][statuses]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|status| status["name"] == spec["name"]);
                from_status(
                    spec,
                    list == "initContainers",
                    status.unwrap_or(&Value::Null),
                )
            })
    })
    .collect();
    Pod {
        name: string(&pod["metadata"]["name"]),
        uid: Uid::new(string(&pod["metadata"]["uid"])),
        revision: RevisionName::new(owner),
        node: pod["spec"]["nodeName"].as_str().map(str::to_owned),
        created: time(&pod["metadata"]["creationTimestamp"]).unwrap(),
        deleting: false,
        ready_since: Some(condition("Ready"))
            .filter(|ready| ready["status"] == "True")
            .and_then(|ready| time(&ready["lastTransitionTime"])),
        unschedulable: Some(condition("PodScheduled"))
            .filter(|it| it["status"] == "False")
            .map(|it| string(&it["message"])),
        containers,
    }
}

fn from_status(spec: &Value, init: bool, status: &Value) -> Container {
    let state = &status["state"];
    Container {
        name: string(&spec["name"]),
        init,
        image: string(&spec["image"]),
        image_id: string(&status["imageID"]),
        restarts: status["restartCount"].as_i64().unwrap_or(0),
        state: if let Some(waiting) = state.get("waiting") {
            ContainerState::Waiting {
                reason: string(&waiting["reason"]),
                message: text::safe(&string(&waiting["message"]), 1024),
            }
        } else if let Some(running) = state.get("running") {
            ContainerState::Running {
                since: time(&running["startedAt"]),
            }
        } else if let Some(terminated) = state.get("terminated") {
            ContainerState::Terminated(termination(terminated))
        } else {
            ContainerState::Unknown
        },
        last: status["lastState"].get("terminated").map(termination),
    }
}

fn termination(terminated: &Value) -> Termination {
    Termination {
        reason: string(&terminated["reason"]),
        exit_code: terminated["exitCode"].as_i64().unwrap(),
        started: time(&terminated["startedAt"]),
        finished: time(&terminated["finishedAt"]),
        message: text::safe(&string(&terminated["message"]), 1024),
    }
}

fn event(event: &Value) -> EventFact {
    let path = string(&event["involvedObject"]["fieldPath"]);
    EventFact {
        regarding: Uid::new(string(&event["involvedObject"]["uid"])),
        regarding_name: string(&event["involvedObject"]["name"]),
        container: path
            .split_once('{')
            .map(|(_, name)| name.trim_end_matches('}').to_owned()),
        kind: string(&event["type"]),
        reason: string(&event["reason"]),
        message: text::safe(&string(&event["message"]), 1024),
        count: event["count"].as_i64().unwrap_or(1),
        last_seen: time(&event["lastTimestamp"])
            .or_else(|| time(&event["eventTime"]))
            .unwrap(),
    }
}

fn log(captured: &Value, pod: &Pod, container: &Container) -> LogTail {
    let written = string(&captured["logs"][format!("{} previous", container.name)]);
    LogTail {
        pod: pod.uid.clone(),
        pod_name: pod.name.clone(),
        container: container.name.clone(),
        lines: match written.as_str() {
            "" => Observed::Absent,
            error if error.starts_with("ERROR ") => Observed::Unavailable(text::safe(error, 200)),
            _ => Observed::Known(written.lines().map(|line| text::safe(line, 512)).collect()),
        },
    }
}

/// `name{a="b",…} value`, as kube-state-metrics writes them.
fn metrics(captured: &Value) -> Metrics {
    let series: Vec<(String, BTreeMap<String, String>, f64)> = captured["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            let (name, rest) = line.as_str().unwrap().split_once('{').unwrap();
            let (labels, value) = rest.rsplit_once("} ").unwrap();
            let labels = labels
                .split("\",")
                .map(|label| label.split_once("=\"").unwrap());
            let labels = labels
                .map(|(key, value)| (key.to_owned(), value.trim_end_matches('"').to_owned()))
                .collect();
            (name.to_owned(), labels, value.parse().unwrap())
        })
        .collect();
    let of = |suffix: &'static str| {
        let series = series.clone();
        series
            .into_iter()
            .filter(move |(name, ..)| name.ends_with(suffix))
            .map(|(_, labels, value)| (labels, value))
    };
    Metrics {
        waiting: Observed::Known(
            of("status_waiting_reason")
                .map(|(labels, _)| WaitingSeries {
                    pod: labels["pod"].clone(),
                    uid: Uid::new(&labels["uid"]),
                    container: labels["container"].clone(),
                    reason: labels["reason"].clone(),
                })
                .collect(),
        ),
        restarts: Observed::Known(
            of("status_restarts_total")
                .map(|(labels, restarts)| RestartSeries {
                    pod: labels["pod"].clone(),
                    uid: Uid::new(&labels["uid"]),
                    container: labels["container"].clone(),
                    restarts,
                })
                .collect(),
        ),
        terminations: Observed::Known(
            of("last_terminated_reason")
                .map(|(labels, _)| TerminationSeries {
                    pod: labels["pod"].clone(),
                    uid: Uid::new(&labels["uid"]),
                    container: labels["container"].clone(),
                    reason: labels["reason"].clone(),
                    exit_code: of("last_terminated_exitcode")
                        .find(|(other, _)| {
                            other["uid"] == labels["uid"]
                                && other["container"] == labels["container"]
                        })
                        .map(|(_, code)| format!("{code:.0}").parse().unwrap()),
                })
                .collect(),
        ),
        replicas: Observed::Known(ReplicaSeries {
            wanted: 1,
            available: 0,
        }),
    }
}
