//! A case with a mistake is told with its file, line, column and what was expected; and an expectation that is not met is seen.

use super::case::Case;
use super::{judge, stage};
use std::path::Path;

const CLUSTER: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
        - name: web
          image: registry.example/cart:1.4.0
---
kind: Story
registry: {has: [registry.example/cart:1.4.0]}
steps:
  - after: 5m
    setImage: {deployment: cart, images: {web: registry.example/cart:1.4.1-typo}}
  - after: 2m
    alert: {name: KubeDeploymentRolloutStuck, labels: {deployment: cart}}
  - after: 5m
";

const EXPECTED: &str = "\
why: The tag does not exist, and the revision before served.
patches: 1
incidents:
  - workload: cart
    phase: Closed
    outcome: Recovered
    reason: Verified
    decision: Act
    stoppedBy: []
    diagnosis: [{container: web, cause: ImageNotFound, rollbackHelps: Yes, because: does not exist}]
    policy: bad-rollout
    mode: enforce
    action: rolloutUndo
    target: revision 1
    steps: 1
    alerts: 1
    says: [1 of 1 pods ready]
    timeline: [seen failing, wrote step 1]
    nextSteps: []
workloads:
  - {deployment: cart, containers: {web: {image: registry.example/cart:1.4.0}}, annotations: {kubernetes.io/change-cause: ripcord}, revision: 3, ready: 1, paused: false}
";

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn read(files: &[(&str, &str)]) -> Result<Case, String> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/default.yaml");
    let folder = folder(files);
    let read = Case::read(folder.path(), "case", &default);
    read.map_err(|mistake| mistake.to_string())
}

/// What is said against a case of which one text was replaced by another.
fn said(file: &str, right: &str, wrong: &str) -> String {
    let replaced = |name: &str, text: &str| {
        if name == file {
            assert!(text.contains(right), "{right}");
            text.replacen(right, wrong, 1)
        } else {
            text.to_owned()
        }
    };
    let (cluster, expected) = (
        replaced("cluster.yaml", CLUSTER),
        replaced("expected.yaml", EXPECTED),
    );
    match read(&[("cluster.yaml", &cluster), ("expected.yaml", &expected)]) {
        Err(mistake) => mistake,
        Ok(_) => panic!("{wrong:?} is taken for right"),
    }
}

/// The place, what is wrong and what was expected are in it.
fn says(file: &str, right: &str, wrong: &str, parts: &[&str]) {
    let said = said(file, right, wrong);
    let all = parts.iter().all(|part| said.contains(part));
    assert!(all, "{parts:#?}\n{said}");
    assert!(said.starts_with(parts[0]), "{said}");
}

#[test]
fn an_empty_folder_is_no_case() {
    let said = read(&[]).err().unwrap();
    assert!(
        said.starts_with("case: this case has no cluster.yaml"),
        "{said}"
    );
    assert!(
        said.contains("expected: cluster.yaml, expected.yaml"),
        "{said}"
    );
}

#[test]
fn a_case_without_expectations_is_refused() {
    let without = read(&[("cluster.yaml", CLUSTER)]).err().unwrap();
    assert!(
        without.starts_with("case: this case has no expected.yaml"),
        "{without}"
    );
    let empty = read(&[("cluster.yaml", CLUSTER), ("expected.yaml", "# later\n")]);
    let empty = empty.err().unwrap();
    assert!(empty.contains("nothing is expected here"), "{empty}");
    let place = "case/expected.yaml:2:1: the key `incidents` is missing";
    let no_incidents = EXPECTED.split_once("incidents:").unwrap().0;
    let said = read(&[("cluster.yaml", CLUSTER), ("expected.yaml", no_incidents)]);
    let said = said.err().unwrap();
    assert!(said.starts_with(place), "{said}");
    let ended = [
        "case/expected.yaml:4:5: this incident is closed",
        "`outcome:`",
    ];
    says("expected.yaml", "    outcome: Recovered\n", "", &ended);
    let why = ["case/expected.yaml:1:6: it does not say why"];
    says(
        "expected.yaml",
        "The tag does not exist, and the revision before served.",
        "ok",
        &why,
    );
}

#[test]
fn an_unknown_key_is_told_with_its_place_and_the_keys_that_there_are() {
    let step = [
        "case/cluster.yaml:18:5: unknown key `setImages`",
        "18 |     setImages: {",
        "expected: `setImage`? one of after, alert",
    ];
    says("cluster.yaml", "setImage:", "setImages:", &step);
    let story = [
        "case/cluster.yaml:15:1: unknown key `registries`",
        "`registry`?",
    ];
    says("cluster.yaml", "registry: {", "registries: {", &story);
    let words = [
        "case/expected.yaml:6:5: unknown key `result`",
        "one of workload, phase",
    ];
    says("expected.yaml", "outcome:", "result:", &words);
    let twice = ["case/expected.yaml:3:1: the key `patches` is there twice"];
    says(
        "expected.yaml",
        "patches: 1",
        "patches: 1\npatches: 2",
        &twice,
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_its_place() {
    let number = [
        "case/expected.yaml:2:10: this is not a whole number",
        "such as `3`",
    ];
    says("expected.yaml", "patches: 1", "patches: one", &number);
    let list = ["case/expected.yaml:9:16: a value of another kind", "a list"];
    says(
        "expected.yaml",
        "stoppedBy: []",
        "stoppedBy: NoTarget",
        &list,
    );
    let switch = ["case/expected.yaml:21:", "`true` or `false`"];
    says("expected.yaml", "paused: false", "paused: maybe", &switch);
    let nothing = [
        "case/expected.yaml:5:12: ",
        "a value, or no such key at all",
    ];
    says("expected.yaml", "phase: Closed", "phase: ~", &nothing);
    let yaml = ["case/cluster.yaml:"];
    says("cluster.yaml", "steps:", "steps: [", &yaml);
}

#[test]
fn a_word_that_means_nothing_is_told_with_those_that_do() {
    for (right, wrong, place, expected) in [
        (
            "reason: Verified",
            "reason: Verifyed",
            "7:13: `Verifyed` is no reason",
            "`Verified`? one of Clear",
        ),
        (
            "stoppedBy: []",
            "stoppedBy: [NoPolicys]",
            "9:17: `NoPolicys` is no guard",
            "`NoPolicy`? one of Unavailable",
        ),
        (
            "cause: ImageNotFound",
            "cause: ImageMissing",
            "10:41: `ImageMissing` is no cause",
            "one of ImageNotFound",
        ),
        (
            "phase: Closed",
            "phase: Finished",
            "5:12: `Finished` is no phase",
            "one of Observing",
        ),
        (
            "outcome: Recovered",
            "outcome: Healed",
            "6:14: `Healed` is no outcome",
            "one of Recovered",
        ),
        (
            "decision: Act",
            "decision: act",
            "8:15: `act` is no decision",
            "`Act`? one of",
        ),
        (
            "mode: enforce",
            "mode: enforced",
            "12:11: `enforced` is no mode",
            "`enforce`?",
        ),
        (
            "action: rolloutUndo",
            "action: undo",
            "13:13: `undo` is no remedy",
            "rolloutUndo, pinImage",
        ),
        (
            "patches: 1",
            "patches: 1\nskipped: [{reason: unknown, alerts: 1}]",
            "3:20: `unknown` is no reason to skip",
            "one of out_of_scope",
        ),
    ] {
        let place = format!("case/expected.yaml:{place}");
        says("expected.yaml", right, wrong, &[&place, expected]);
    }
    let pull = [
        "case/cluster.yaml:15:34: `gone` is no answer of a registry",
        "one of exists",
    ];
    says(
        "cluster.yaml",
        "registry: {has: [registry.example/cart:1.4.0]}",
        "registry: {hosts: {docker.io: gone}}",
        &[
            "case/cluster.yaml:15:31: `gone` is no answer of a registry",
            pull[1],
        ],
    );
}

#[test]
fn a_time_that_can_not_be_read_is_told_with_its_place() {
    for wrong in ["soon", "10", "-5m", "3 fortnights", "1.5s", "40h"] {
        let place = format!("case/cluster.yaml:17:12: `{wrong}` is ");
        let parts = [place.as_str(), "a time such as `90s`, `10m` or `1h30m`"];
        says(
            "cluster.yaml",
            "after: 5m",
            &format!("after: {wrong}"),
            &parts,
        );
    }
}

#[test]
fn a_story_that_can_not_be_told_is_refused() {
    let both = [
        "case/cluster.yaml:17:5: 2 things happen in one step: setImage, delete",
        "`after: 0s`",
    ];
    says(
        "cluster.yaml",
        "after: 5m",
        "after: 5m\n    delete: {deployment: cart}",
        &both,
    );
    let end = [
        "case/cluster.yaml:19:5: the story ends with this",
        "`- after: 15m`",
    ];
    says(
        "cluster.yaml",
        "labels: {deployment: cart}}\n  - after: 5m",
        "labels: {deployment: cart}}",
        &end,
    );
    let file = ["case/cluster.yaml:20:12: there is no file `broken.yaml` in case"];
    says(
        "cluster.yaml",
        "alert: {name: KubeDeploymentRolloutStuck, labels: {deployment: cart}}",
        "apply: broken.yaml",
        &file,
    );
    let steps = [
        "case/cluster.yaml:14:7: nothing happens in this story",
        "`steps:`",
    ];
    says(
        "cluster.yaml",
        CLUSTER.split_once("steps:").unwrap().1,
        " []\n",
        &steps,
    );
    let program = [
        "case/cluster.yaml:16:6: it is not said what this program does",
        "`serves: {}`",
    ];
    says(
        "cluster.yaml",
        "steps:",
        "programs: \n   - {image: a}\nsteps:",
        &["case/cluster.yaml:17:6: it is not said", program[1]],
    );
    let none = [
        "case/cluster.yaml: nothing says what happens",
        "`kind: Story`",
    ];
    says(
        "cluster.yaml",
        CLUSTER.split_once("---").unwrap().1,
        "",
        &none,
    );
}

#[test]
fn what_goes_wrong_around_is_told_with_the_words_that_there_are() {
    let alert = "alert: {name: KubeDeploymentRolloutStuck, labels: {deployment: cart}}";
    for (step, place, expected) in [
        (
            "prometheus: dwn",
            "17: `dwn` is no state of Prometheus",
            "`down`? one of up",
        ),
        (
            "events: gone",
            "13: `gone` is no fate of events",
            "lost, kept, forgotten",
        ),
        (
            "node: {name: lab, is: burnt}",
            "27: `burnt` is no fate of a node",
            "one of added, lost",
        ),
        (
            "ripcord: restarted",
            "14: `restarted` is no state of Ripcord",
            "`started`?",
        ),
        (
            "api: [{method: FETCH, loses: answer}]",
            "20: `FETCH` is no method",
            "one of DELETE, GET",
        ),
        (
            "api: [{method: GET}]",
            "20: it is not said what happens",
            "`loses: request`",
        ),
        (
            "delete: {deployment: a, secret: b}",
            "37: two things are deleted",
            "one thing in each step",
        ),
    ] {
        let place = format!("case/cluster.yaml:20:{place}");
        says("cluster.yaml", alert, step, &[&place, expected]);
    }
}

#[test]
fn a_manifest_that_the_api_server_would_not_take_is_refused() {
    let field =
        ["case/cluster.yaml:12:11: unknown field `spec.template.spec.containers[0].imagee`"];
    says("cluster.yaml", "image:", "imagee:", &field);
    let kind = ["case/cluster.yaml:5:13: ", "5 |   replicas: many"];
    says("cluster.yaml", "replicas: 1", "replicas: many", &kind);
    let other = ["case/cluster.yaml:2:7: a `Service` can't be in a case"];
    says("cluster.yaml", "kind: Deployment", "kind: Service", &other);
    let name = ["case/cluster.yaml:2:7: this Deployment has no `metadata.namespace`"];
    says("cluster.yaml", ", namespace: shop}", "}", &name);
}

#[test]
fn a_body_that_is_none_and_a_configuration_with_a_mistake_are_told_with_their_own_place() {
    let cluster = CLUSTER.replace(
        "alert: {name: KubeDeploymentRolloutStuck, labels: {deployment: cart}}",
        "post: alert.json",
    );
    let with = |file: &str, text: &str| {
        let files = [
            ("cluster.yaml", cluster.as_str()),
            ("expected.yaml", EXPECTED),
            (file, text),
        ];
        read(&files).err().unwrap()
    };
    let said = with("alert.json", "{\n \"alerts\": [},\n}");
    assert!(said.starts_with("case/alert.json:2:13: no JSON"), "{said}");
    let said = with("alert.json", "{\"alert\": []}");
    assert!(
        said.starts_with("case/alert.json:1:1: there are no alerts"),
        "{said}"
    );
    let said = with(
        "configuration.yaml",
        "apiVersion: ripcord.dev/v1alpha1\nkind: Config\nmodus: enforce\n",
    );
    assert!(said.contains("case/configuration.yaml:3:1"), "{said}");
    assert!(said.contains("unknown key `modus`"), "{said}");
}

fn told(files: &[(&str, &str)]) -> Result<(Case, stage::Stage), String> {
    let case = read(files)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let stage = runtime
        .block_on(stage::tell(&case))
        .map_err(|mistake| mistake.to_string())?;
    Ok((case, stage))
}

#[test]
fn what_can_not_be_done_is_told_with_the_place_of_its_step() {
    for (right, wrong, said) in [
        (
            "setImage: {deployment: cart,",
            "setImage: {deployment: basket,",
            "17:5: there is no Deployment basket in namespace shop",
        ),
        (
            "images: {web:",
            "images: {wbe:",
            "17:5: Deployment cart has no container wbe",
        ),
        (
            "labels: {deployment: cart}",
            "labels: {pod: <newest pod of basket>}",
            "19:5: Deployment basket has no pod now",
        ),
        (
            "labels: {deployment: cart}",
            "status: resolved",
            "19:5: alert KubeDeploymentRolloutStuck never fired",
        ),
        (
            "matchLabels: {app: cart}",
            "matchLabels: {app: basket}",
            "2:1: the simulated API server refuses it",
        ),
    ] {
        let cluster = CLUSTER.replacen(right, wrong, 1);
        let mistake = told(&[("cluster.yaml", &cluster), ("expected.yaml", EXPECTED)])
            .err()
            .unwrap();
        let said = format!("case/cluster.yaml:{said}");
        assert!(mistake.starts_with(&said), "{said}\n{mistake}");
    }
}

#[test]
fn each_expectation_that_is_not_met_is_seen_at_its_place() {
    let right = [("cluster.yaml", CLUSTER), ("expected.yaml", EXPECTED)];
    let (case, stage) = told(&right).unwrap();
    assert_eq!(judge::differences(&case, &stage), Vec::<String>::new());
    for (line, right, wrong) in [
        (2, "patches: 1", "patches: 0"),
        (2, "patches: 1", "dryRuns: 0\npatches: 1"),
        (2, "patches: 1", "answers: [503]\npatches: 1"),
        (
            2,
            "patches: 1",
            "skipped: [{reason: resolved, alerts: 1}]\npatches: 1",
        ),
        (4, "workload: cart", "workload: mail"),
        (5, "phase: Closed", "phase: Held"),
        (6, "outcome: Recovered", "outcome: none"),
        (7, "reason: Verified", "reason: Clear"),
        (8, "decision: Act", "decision: Hold"),
        (9, "stoppedBy: []", "stoppedBy: [NoTarget]"),
        (10, "container: web", "container: proxy"),
        (10, "cause: ImageNotFound", "cause: CrashOnStart"),
        (10, "rollbackHelps: Yes", "rollbackHelps: Unknown"),
        (10, "because: does not exist", "because: it is there"),
        (
            10,
            "[{container: web, cause: ImageNotFound, rollbackHelps: Yes, because: does not exist}]",
            "[]",
        ),
        (11, "policy: bad-rollout", "policy: none"),
        (12, "mode: enforce", "mode: dry-run"),
        (13, "action: rolloutUndo", "action: none"),
        (14, "target: revision 1", "target: revision 2"),
        (15, "steps: 1", "steps: 0"),
        (16, "alerts: 1", "alerts: 2"),
        (17, "1 of 1 pods ready", "2 of 2 pods ready"),
        (
            18,
            "seen failing, wrote step 1",
            "wrote step 1, seen failing",
        ),
        (19, "nextSteps: []", "nextSteps: [call somebody]"),
        (
            21,
            "web: {image: registry.example/cart:1.4.0}",
            "web: {image: registry.example/cart:1.5.0}",
        ),
        (21, "{web:", "{proxy:"),
        (21, "change-cause: ripcord", "change-cause: ~"),
        (21, "revision: 3", "revision: 2"),
        (21, "ready: 1", "ready: 0"),
        (21, "paused: false", "paused: true"),
        (21, "deployment: cart", "exists: false, deployment: cart"),
        (
            3,
            "incidents:\n",
            "incidents:\n  - {workload: cart, phase: Held}\n",
        ),
    ] {
        assert!(EXPECTED.contains(right), "{right}");
        let expected = EXPECTED.replacen(right, wrong, 1);
        let case = read(&[("cluster.yaml", CLUSTER), ("expected.yaml", &expected)]).unwrap();
        let differences = judge::differences(&case, &stage);
        // Some replacements put a line before the place, a list's place is its first entry, and an answer counts for the whole case.
        let places = [
            format!("case/expected.yaml:{line}:"),
            format!("case/expected.yaml:{}:", line + 1),
        ];
        let seen = differences
            .iter()
            .any(|difference| places.iter().any(|place| difference.starts_with(place)));
        assert!(seen, "{wrong}: {differences:#?}");
    }
}
