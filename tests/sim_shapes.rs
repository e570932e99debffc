//! The simulation held to reality: what it makes has the fields of what the rig's cluster made, values aside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use ripcord::sim::{Behaviour, Program, Pull, World};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const WEB: &str = "ghcr.io/vlrrbn/lab30-web-metrics:0.2.1";
const MISSING: &str = "ghcr.io/vlrrbn/lab30-web-metrics:does-not-exist";
const REDIS: &str = "redis:7-alpine";
const REDIS_WORDS: &str = "/bin/entrypoint.sh: exec: line 5: 9090: not found";
const OUT_OF_MEMORY: &[&str] = &[
    "/bin/busybox",
    "dd",
    "if=/dev/zero",
    "of=/dev/null",
    "bs=300M",
];
const WEB_WORDS: &str = r#"Traceback: invalid REDIS_PORT "not-a-number": strconv.Atoi: parsing "not-a-number": invalid syntax"#;
/// The captures were taken about two minutes after the workloads were made.
const AGE: Duration = Duration::from_secs(112);

fn fixture(name: &str) -> Value {
    let path = format!(
        "{}/tests/fixtures/faults/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The same workload in the simulation, as old: its pod and the pod's events.
async fn simulated(name: &str, pod: &Value) -> (Value, Vec<Value>) {
    let world = World::new("2026-11-23T04:10:29Z".parse().unwrap(), None);
    world.namespace("faults");
    world.registry(|registry| {
        registry.set(WEB, Pull::Exists);
        registry.set(REDIS, Pull::Exists);
    });
    // The rig's node had these images; here another workload fetches them first.
    for (name, image) in [("first-web", WEB), ("first-redis", REDIS)] {
        world
            .apply(&deployment(name, &json!({"name": "app", "image": image})))
            .unwrap();
    }
    world.program(
        Program::that(Behaviour::crashes(127, REDIS_WORDS))
            .with_args(&["9090", "--save", "60", "1"]),
    );
    world.program(
        Program::that(Behaviour::crashes(1, WEB_WORDS)).with_env("REDIS_PORT", "not-a-number"),
    );
    for program in [
        Program::that(Behaviour::crashes(3, "cannot migrate")).in_container("setup"),
        Program::that(Behaviour::OutOfMemory {
            after: 0,
            lines: Vec::new(),
        })
        .with_command(OUT_OF_MEMORY),
        Program::that(Behaviour::NoSuchProgram).with_command(&["/no/such/program"]),
        Program::that(Behaviour::crashes(0, "done")).with_command(&["/bin/sh", "-c", "echo done"]),
        Program::that(Behaviour::Ails {
            ready_after: Some(0),
            unready_after: None,
            deaf_after: Some(0),
            stops_with: 2,
        })
        .with_env("DEAF", "yes"),
    ] {
        world.program(program);
    }
    world.advance(Duration::from_secs(30)).await;
    world.apply(&with_pod(name, pod)).unwrap();
    world.advance(AGE).await;
    let pods = world.objects("Pod", "faults");
    let pod = pods
        .into_iter()
        .find(|pod| pod["metadata"]["labels"]["app"] == name)
        .unwrap();
    let mut events = world.objects("Event", "faults");
    events.retain(|event| event["involvedObject"]["uid"] == pod["metadata"]["uid"]);
    series_of(name, &world, &pod).await;
    (pod, events)
}

/// Prometheus shows about the pod what kube-state-metrics showed on the rig.
async fn series_of(name: &str, world: &World, pod: &Value) {
    let port = world.prometheus();
    let pods = [pod["metadata"]["name"].as_str().unwrap().to_owned()];
    let waiting = port.waiting("faults", &pods).await.unwrap();
    let waiting: BTreeSet<String> = waiting
        .iter()
        .map(|row| format!("{} {}", row.container, row.reason))
        .collect();
    let ended = port.terminations("faults", &pods).await.unwrap();
    let ended: BTreeSet<String> = ended
        .iter()
        .map(|row| format!("{} {}", row.container, row.reason))
        .collect();
    let window = jiff::SignedDuration::from_mins(10);
    let restarts = port.restarts("faults", &pods, window).await.unwrap();
    let restarted: BTreeSet<String> = restarts
        .iter()
        .filter(|row| row.restarts > 0.0)
        .map(|row| row.container.clone())
        .collect();
    let real = fixture(name);
    let label = |line: &str, label: &str| {
        let (_, rest) = line.split_once(&format!("{label}=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let lines: Vec<&str> = real["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    let those = |metric: &'static str| {
        lines
            .iter()
            .filter(move |line| line.split('{').next().unwrap().ends_with(metric))
    };
    let with_reason =
        |line: &&str| format!("{} {}", label(line, "container"), label(line, "reason"));
    // Reasons flap: within five minutes there are more of them than in one scrape. Two are never asked for.
    let unasked = |reason: &String| {
        reason.ends_with("ContainerCreating") || reason.ends_with("PodInitializing")
    };
    let real_waiting: BTreeSet<String> = those("status_waiting_reason")
        .map(with_reason)
        .filter(|reason| !unasked(reason))
        .collect();
    assert!(
        waiting.is_superset(&real_waiting),
        "{name}: {waiting:?}, really {real_waiting:?}"
    );
    assert_eq!(
        waiting.is_empty(),
        real_waiting.is_empty(),
        "{name}: {waiting:?}"
    );
    assert_eq!(
        ended,
        those("last_terminated_reason").map(with_reason).collect(),
        "{name}: ends"
    );
    assert_eq!(
        restarted,
        those("restarts_total")
            .map(|line| label(line, "container"))
            .collect(),
        "{name}: restarts"
    );
}

fn deployment(name: &str, container: &Value) -> Value {
    with_pod(name, &json!({"containers": [container]}))
}

fn with_pod(name: &str, pod: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "faults"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": pod}},
    })
}

/// Every path with the type of what is there; the items of a list are one path.
fn shape(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if map.is_empty() {
                found.insert(format!("{path}: {{}}"));
            }
            for (key, value) in map {
                shape(value, &format!("{path}.{key}"), found);
            }
        }
        Value::Array(items) => {
            for item in items {
                shape(item, &format!("{path}[]"), found);
            }
        }
        Value::Null => drop(found.insert(format!("{path}: null"))),
        Value::Bool(_) => drop(found.insert(format!("{path}: switch"))),
        Value::Number(_) => drop(found.insert(format!("{path}: number"))),
        Value::String(_) => drop(found.insert(format!("{path}: text"))),
    }
}

fn shape_of(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    shape(value, "", &mut found);
    found
}

/// Events by what they say, with names and numbers of this pod taken out.
fn events_by_words(events: &[Value], pod: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let own = |field: &str| pod["metadata"][field].as_str().unwrap().to_owned();
    events
        .iter()
        .map(|event| {
            let text = |field: &str| event[field].as_str().unwrap_or_default();
            let message = text("message")
                .replace(&own("uid"), "UID")
                .replace(&own("name"), "POD")
                .replace(
                    pod["status"]["podIP"].as_str().unwrap_or("no address"),
                    "ADDRESS",
                );
            let words = format!(
                "{} {} {} {message}",
                text("type"),
                text("reason"),
                text("reportingComponent")
            );
            (words, shape_of(event))
        })
        .collect()
}

/// What each container waits for, init containers first.
fn waiting(pod: &Value) -> Vec<(String, String)> {
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    let name = pod["metadata"]["name"].as_str().unwrap();
    statuses(pod)
        .iter()
        .map(|status| {
            let waiting = &status["state"]["waiting"];
            let text = |field: &str| waiting[field].as_str().unwrap_or_default();
            let message = text("message").replace(uid, "UID").replace(name, "POD");
            (text("reason").to_owned(), message)
        })
        .collect()
}

fn statuses(pod: &Value) -> Vec<Value> {
    let list = |field: &str| pod["status"][field].as_array().cloned().unwrap_or_default();
    let mut all = list("initContainerStatuses");
    all.extend(list("containerStatuses"));
    all
}

/// How each container ended last: reason, code, message.
fn ends(pod: &Value) -> Vec<Value> {
    let statuses = statuses(pod);
    let ends = statuses
        .iter()
        .map(|status| &status["lastState"]["terminated"]);
    ends.map(|end| json!([end["reason"], end["exitCode"], end["message"]]))
        .collect()
}

fn restarts(pod: &Value) -> Vec<Option<i64>> {
    let statuses = statuses(pod);
    let counts = statuses
        .iter()
        .map(|status| status["restartCount"].as_i64());
    counts.collect()
}

fn counts(events: &[Value]) -> BTreeMap<String, i64> {
    events
        .iter()
        .filter_map(|event| {
            let message = event["message"].as_str()?;
            let first: String = message.chars().take(14).collect();
            Some((first, event["count"].as_i64()?))
        })
        .collect()
}

async fn held_to(name: &str, container: Value) {
    held_to_pod(name, &json!({"containers": [container]})).await;
}

async fn held_to_pod(name: &str, pod: &Value) {
    let (pod, events) = simulated(name, pod).await;
    compare(name, &pod, &events);
}

fn compare(name: &str, pod: &Value, events: &[Value]) {
    let real = fixture(name);
    let real_events = real["events"].as_array().unwrap();
    assert_eq!(shape_of(pod), shape_of(&real["pod"]), "{name}: the pod");
    assert_eq!(
        events_by_words(events, pod),
        events_by_words(real_events, &real["pod"]),
        "{name}: the events"
    );
    assert_eq!(
        waiting(pod),
        waiting(&real["pod"]),
        "{name}: what it waits for"
    );
    for (field, status) in [("phase", "/status/phase"), ("quality", "/status/qosClass")] {
        assert_eq!(
            pod.pointer(status),
            real["pod"].pointer(status),
            "{name}: {field}"
        );
    }
    assert_eq!(ends(pod), ends(&real["pod"]), "{name}: how it ended");
    assert_eq!(restarts(pod), restarts(&real["pod"]), "{name}: restarts");
    let conditions = |pod: &Value| -> Vec<(String, String, String)> {
        let conditions = pod["status"]["conditions"].as_array().unwrap().clone();
        let text =
            |condition: &Value, field: &str| condition[field].as_str().unwrap_or("").to_owned();
        conditions
            .iter()
            .map(|condition| {
                (
                    text(condition, "type"),
                    text(condition, "status"),
                    text(condition, "message"),
                )
            })
            .collect()
    };
    assert_eq!(
        conditions(pod),
        conditions(&real["pod"]),
        "{name}: conditions"
    );
    let (simulated, real) = (counts(events), counts(real_events));
    for (words, count) in &real {
        let difference = (simulated[words] - count).abs();
        assert!(
            difference <= 3,
            "{name}: `{words}` {} times, really {count}",
            simulated[words]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_does_not_exist_looks_as_on_the_rig() {
    let container = json!({"name": "app", "image": MISSING, "imagePullPolicy": "Always"});
    held_to("image-not-found", container).await;
}

#[tokio::test(start_paused = true)]
async fn arguments_that_crash_look_as_on_the_rig() {
    let container = json!({"name": "app", "image": REDIS, "args": ["9090", "--save", "60", "1"]});
    held_to("bad-args", container).await;
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_crashes_looks_as_on_the_rig() {
    let env = json!([{"name": "REDIS_PORT", "value": "not-a-number"}]);
    let container = json!({"name": "app", "image": WEB, "env": env});
    held_to("bad-env", container).await;
}

#[tokio::test(start_paused = true)]
async fn an_image_that_may_not_be_pulled_looks_as_on_the_rig() {
    let container =
        json!({"name": "app", "image": "ghcr.io/vlrrbn/not-here:1", "imagePullPolicy": "Never"});
    held_to("never-pull", container).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_none_looks_as_on_the_rig() {
    let container =
        json!({"name": "app", "image": "ghcr.io/Upper/CASE:tag", "imagePullPolicy": "Always"});
    held_to("invalid-image-name", container).await;
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_not_there_looks_as_on_the_rig() {
    let container = json!({"name": "app", "image": REDIS, "command": ["/no/such/program"]});
    held_to("no-entrypoint", container).await;
}

#[tokio::test(start_paused = true)]
async fn too_much_memory_looks_as_on_the_rig() {
    let container = json!({
        "name": "app", "image": REDIS, "command": OUT_OF_MEMORY, "resources": {"limits": {"memory": "40Mi"}},
    });
    held_to("oom", container).await;
}

#[tokio::test(start_paused = true)]
async fn a_program_that_ends_well_looks_as_on_the_rig() {
    let container =
        json!({"name": "app", "image": REDIS, "command": ["/bin/sh", "-c", "echo done"]});
    held_to("exit-zero", container).await;
}

#[tokio::test(start_paused = true)]
async fn a_config_map_that_is_missing_looks_as_on_the_rig() {
    let from = json!([{"configMapRef": {"name": "no-such-config"}}]);
    held_to(
        "config-missing",
        json!({"name": "app", "image": WEB, "envFrom": from}),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_can_not_be_mounted_looks_as_on_the_rig() {
    let pod = json!({
        "containers": [{"name": "app", "image": WEB, "volumeMounts": [{"name": "s", "mountPath": "/s"}]}],
        "volumes": [{"name": "s", "secret": {"secretName": "no-such-secret"}}],
    });
    held_to_pod("mount-missing", &pod).await;
}

#[tokio::test(start_paused = true)]
async fn an_init_container_that_crashes_looks_as_on_the_rig() {
    let command = json!(["/bin/sh", "-c", "echo cannot migrate >&2; exit 3"]);
    let pod = json!({
        "initContainers": [{"name": "setup", "image": REDIS, "command": command}],
        "containers": [{"name": "app", "image": WEB}],
    });
    held_to_pod("init-crash", &pod).await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_fits_nowhere_looks_as_on_the_rig() {
    let container = json!({"name": "app", "image": WEB, "resources": {"requests": {"cpu": "64"}}});
    held_to("unschedulable", container).await;
}

#[tokio::test(start_paused = true)]
async fn a_liveness_probe_that_kills_looks_as_on_the_rig() {
    let probe =
        json!({"httpGet": {"path": "/nope", "port": 9}, "periodSeconds": 2, "failureThreshold": 1});
    let mut container = json!({"name": "app", "image": WEB, "livenessProbe": probe});
    // In the simulation the program says that it does not listen; on the rig nobody listened at that port.
    container["env"] = json!([{"name": "DEAF", "value": "yes"}]);
    let (mut pod, events) = simulated("liveness-kill", &json!({"containers": [container]})).await;
    pod["spec"]["containers"][0]
        .as_object_mut()
        .unwrap()
        .remove("env");
    compare("liveness-kill", &pod, &events);
}

/// Pull failures whose words are kept; host names of the rig's own broken registries aside.
#[tokio::test(start_paused = true)]
async fn other_failures_of_registries_say_what_the_rigs_said() {
    let cases = [
        ("registry-401", Pull::Unauthorized),
        ("registry-403", Pull::Forbidden),
        ("registry-429", Pull::RateLimited),
        ("registry-500", Pull::InternalError),
        ("registry-503", Pull::Unavailable),
        ("registry-refused", Pull::Refused),
        ("registry-no-such-host", Pull::NoSuchHost),
    ];
    for (name, pull) in cases {
        let real = fixture(name);
        let image = real["pod"]["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap();
        let world = World::new("2026-11-23T04:10:29Z".parse().unwrap(), None);
        world.namespace("faults");
        world.registry(|registry| registry.set(image, pull));
        let container = json!({"name": "app", "image": image});
        world.apply(&deployment(name, &container)).unwrap();
        world.advance(Duration::from_secs(10)).await;
        let failed = |events: &[Value]| {
            let texts = events.iter().filter_map(|event| event["message"].as_str());
            let mut texts = texts.filter(|text| text.starts_with("Failed to pull image"));
            words(texts.next().unwrap())
        };
        let events = world.objects("Event", "faults");
        assert_eq!(
            failed(&events),
            failed(real["events"].as_array().unwrap()),
            "{name}"
        );
    }
}

/// Addresses and URLs are the rig's own.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace()
        .filter(|word| !word.contains("http") && !word.chars().any(|c| c.is_ascii_digit()))
        .filter(|word| !word.contains("faulty.test"))
        .map(str::to_owned)
        .collect()
}
