//! Each mistake with its place, and what its author is told.

use super::{LEAST, SHIPPED};
use ripcord::config::{self, ConfigError};

/// `line:column path` and the whole text of each mistake.
fn mistakes(text: &str) -> Vec<(String, String)> {
    match config::parse(text, "test.yaml") {
        Ok(_) => Vec::new(),
        Err(ConfigError::Meaning { mistakes, .. }) => mistakes
            .into_iter()
            .map(|mistake| {
                let place = format!("{}:{} {}", mistake.line, mistake.column, mistake.path);
                (place, format!("{} -- {}", mistake.what, mistake.help))
            })
            .collect(),
        Err(ConfigError::Structure(mistake)) => {
            let words = format!("{} -- {}", mistake.what, mistake.help.unwrap_or_default());
            vec![(format!("{}:{}", mistake.line, mistake.column), words)]
        }
        Err(other) => panic!("{other}"),
    }
}

fn one_mistake(text: &str, place: &str, words: &[&str]) {
    let found = mistakes(text);
    assert_eq!(found.len(), 1, "{text}\n{found:#?}");
    assert_eq!(found[0].0, place, "{text}\n{found:#?}");
    for word in words {
        assert!(
            found[0].1.contains(word),
            "{word:?} is missing: {}",
            found[0].1
        );
    }
}

#[test]
fn a_wrong_value_is_refused_at_its_place_with_a_suggestion() {
    let policy = |lines: &str| {
        format!("policies:\n  - name: p\n    remedies: [{{rolloutUndo: {{}}}}]\n{lines}")
    };
    #[rustfmt::skip]
    let cases: Vec<(String, &str, &[&str])> = vec![
        ("mode: enforced".into(), "6:7 mode", &["`enforced` is not a mode", "did you mean `enforce`?"]),
        ("mode: approve".into(), "6:7 mode", &["not built yet", "dry-run"]),
        ("mode: off".into(), "6:7 mode", &["not the whole", "mode: dry-run"]),
        ("listen: {webhook: localhost:9099}".into(), "6:19 listen.webhook", &["did you mean `127.0.0.1:9099`?"]),
        ("listen: {webhook: ':9099'}".into(), "6:19 listen.webhook", &["0.0.0.0:9099"]),
        ("listen: {webhook: 127.0.0.1}".into(), "6:19 listen.webhook", &["IP address with a port"]),
        ("listen: {webhook: 0.0.0.0:9099, admin: 127.0.0.1:9099}".into(), "6:40 listen.admin", &["includes the other", "another port"]),
        ("installation: My_Ripcord".into(), "6:15 installation", &["RFC 1123"]),
        ("guards: {dwell: 10}".into(), "6:17 guards.dwell", &["not a duration", "`10s`"]),
        ("guards: {dwell: -10s}".into(), "6:17 guards.dwell", &["negative"]),
        ("guards: {dwell: 1.5s}".into(), "6:17 guards.dwell", &["whole seconds"]),
        ("guards: {dwell: 400d}".into(), "6:17 guards.dwell", &["longer than a year"]),
        ("guards: {provenFor: 0s}".into(), "6:21 guards.provenFor", &["can't be zero"]),
        ("guards: {cooldown: 0s}".into(), "6:20 guards.cooldown", &["can't be zero"]),
        ("guards: {recentRollout: soon}".into(), "6:25 guards.recentRollout", &["`soon`", "1h30m"]),
        ("guards: {steps: 9}".into(), "6:17 guards.steps", &["what five did not cure", "1 to 5"]),
        ("guards: {steps: 0}".into(), "6:17 guards.steps", &["1 to 5"]),
        ("guards: {minCrashes: 0}".into(), "6:22 guards.minCrashes", &["at least one crash"]),
        ("guards: {failingShare: 50}".into(), "6:24 guards.failingShare", &["did you mean `50%`?"]),
        ("guards: {failingShare: 150%}".into(), "6:24 guards.failingShare", &["`1%` to `100%`"]),
        ("guards: {failingShare: 0%}".into(), "6:24 guards.failingShare", &["`1%` to `100%`"]),
        ("guards: {budget: {actions: 0, per: 1h}}".into(), "6:28 guards.budget.actions", &["dry-run"]),
        ("guards: {storm: {workloads: 1, within: 1m}}".into(), "6:29 guards.storm.workloads", &["no storm"]),
        ("guards: {storm: {workloads: 5, within: 0s}}".into(), "6:40 guards.storm.within", &["zero"]),
        ("retention: {closed: never}".into(), "6:21 retention.closed", &["not a duration"]),
        ("retention: {perWorkload: 0}".into(), "6:26 retention.perWorkload", &["must stay"]),
        ("approval: {expires: 0s}".into(), "6:21 approval.expires", &["zero"]),
        ("policies: [{name: p}]".into(), "6:12 policies[0].remedies", &["without remedies"]),
        ("policies: [{name: p, remedies: []}]".into(), "6:32 policies[0].remedies", &["without remedies"]),
        ("policies: [{name: 'a b', remedies: [{rolloutUndo: {}}]}]".into(), "6:19 policies[0].name", &["RFC 1123"]),
        (policy("  - name: p\n    remedies: [{rolloutUndo: {}}]"), "9:11 policies[1].name", &["line 7", "`p`"]),
        (policy("    mode: enforce"), "9:11 policies[0].mode", &["less strict", "`dry-run`"]),
        (policy("    mode: approve"), "9:11 policies[0].mode", &["not built yet"]),
        (policy("    match: {namespaces: []}"), "9:25 policies[0].match.namespaces", &["empty list fits nothing"]),
        (policy("    match: {alerts: []}"), "9:21 policies[0].match.alerts", &["empty list"]),
        (policy("    match: {names: []}"), "9:20 policies[0].match.names", &["empty list"]),
        (policy("    match: {kinds: []}"), "9:20 policies[0].match.kinds", &["empty list"]),
        (policy("    causes: []"), "9:13 policies[0].causes", &["empty list"]),
        (policy("    match: {namespaces: [lab3]}"), "9:26 policies[0].match.namespaces[0]", &["did you mean `lab30`?"]),
        (policy("    match: {namespaces: [payments]}"), "9:26 policies[0].match.namespaces[0]", &["add `payments`"]),
        (policy("    match: {kinds: [deployments]}"), "9:21 policies[0].match.kinds[0]", &["did you mean `Deployment`?"]),
        (policy("    match: {names: ['lab30-*']}"), "9:21 policies[0].match.names[0]", &["exact", "match.alerts"]),
        (policy("    match: {names: [a, b, a]}"), "9:27 policies[0].match.names[2]", &["listed twice"]),
        (policy("    match: {alerts: ['']}"), "9:22 policies[0].match.alerts[0]", &["empty name"]),
        (policy("    causes: [ImageNotFond]"), "9:14 policies[0].causes[0]", &["did you mean `ImageNotFound`?"]),
        (policy("    causes: [CrashLoopBackOff]"), "9:14 policies[0].causes[0]", &["a symptom", "`CrashOnStart`"]),
        (policy("    causes: [Unknown]"), "9:14 policies[0].causes[0]", &["do not say why"]),
        (policy("    causes: [Gremlins]"), "9:14 policies[0].causes[0]", &["the causes are: ImageNotFound"]),
        (policy("    verify: {timeout: 0s}"), "9:23 policies[0].verify.timeout", &["zero"]),
        (policy("    verify: {soak: 16m}"), "9:20 policies[0].verify.soak", &["longest soak is 15m"]),
        (policy("    verify: {http: {url: 'ftp://web'}}"), "9:26 policies[0].verify.http.url", &["http://"]),
        (policy("    verify: {http: {status: 200}}"), "9:20 policies[0].verify.http.url", &["what to ask"]),
        (policy("    verify: {http: {url: 'http://web', status: 99}}"), "9:48 policies[0].verify.http.status", &["100 to 599"]),
        (policy("    verify: {http: {url: 'http://web', host: 'a b'}}"), "9:46 policies[0].verify.http.host", &["not a host"]),
        (policy("    foreign: {helm: acts}"), "9:21 policies[0].foreign.helm", &["did you mean `act`?"]),
    ];
    for (lines, place, words) in cases {
        one_mistake(&format!("{LEAST}{lines}\n"), place, words);
    }
}

#[test]
fn a_wrong_remedy_is_refused_at_its_place() {
    #[rustfmt::skip]
    let cases: [(&str, &str, &[&str]); 9] = [
        ("rolloutUndo: {to: provn}", "[0].rolloutUndo.to", &["did you mean `proven`?"]),
        ("rolloutUndo: {to: 0}", "[0].rolloutUndo.to", &["`previous`"]),
        ("rolloutUndo: {maxRevisionsBack: 0}", "[0].rolloutUndo.maxRevisionsBack", &["1 to 100"]),
        ("pinImage: {container: web}", "[0].pinImage", &["which image"]),
        ("pinImage: {image: 'web:1', from: lastHealthy}", "[0].pinImage", &["remove one"]),
        ("pinImage: {image: 'Web:1'}", "[0].pinImage.image", &["`Web`", "ghcr.io"]),
        ("pinImage: {from: lasthealthy}", "[0].pinImage.from", &["did you mean `lastHealthy`?"]),
        ("pinImage: {image: 'web:1', container: Web}", "[0].pinImage.container", &["RFC 1123"]),
        ("rolloutUndo: {}, pinImage: {image: 'web:1'}", "[0]", &["two remedies"]),
    ];
    for (remedy, path, words) in cases {
        let found = mistakes(&format!(
            "{LEAST}policies:\n  - name: p\n    remedies: [{{{remedy}}}]\n"
        ));
        assert_eq!(found.len(), 1, "{remedy}: {found:#?}");
        let (place, text) = &found[0];
        assert!(
            place.starts_with("8:") && place.ends_with(&format!(" policies[0].remedies{path}")),
            "{place}"
        );
        for word in words {
            assert!(text.contains(word), "{word:?} is missing: {text}");
        }
    }
    one_mistake(
        &format!("{LEAST}policies: [{{name: p, remedies: [{{}}]}}]"),
        "6:33 policies[0].remedies[0]",
        &["without a remedy"],
    );
}

#[test]
fn what_has_no_default_must_be_said() {
    let start = "apiVersion: ripcord.dev/v1alpha1\nkind: Config\n";
    let prometheus = "prometheus: {url: http://127.0.0.1:9090}\n";
    let webhook = "webhook: {insecure: true}\n";
    one_mistake(
        &format!("{start}{prometheus}"),
        "1:1 webhook",
        &["who may post", "insecure: true"],
    );
    one_mistake(
        &format!("{start}{prometheus}webhook: {{insecure: false}}"),
        "4:10 webhook",
        &["who may post"],
    );
    one_mistake(
        &format!("{start}{prometheus}webhook: {{insecure: true, bearerTokenFile: /t}}"),
        "4:10 webhook",
        &["contradict"],
    );
    one_mistake(
        &format!("{start}{prometheus}webhook: {{bearerTokenFile: ''}}"),
        "4:28 webhook.bearerTokenFile",
        &["no name"],
    );
    one_mistake(
        &format!("{start}{webhook}"),
        "1:1 prometheus.url",
        &["where Prometheus is"],
    );
    one_mistake(
        &format!("{start}{webhook}prometheus: {{timeout: 5s}}"),
        "4:13 prometheus.url",
        &["where Prometheus is"],
    );
    for (section, place, word) in [
        ("{url: 'prom:9090'}", "4:19 prometheus.url", "http://"),
        (
            "{url: 'http://prom:9090/?x=1'}",
            "4:19 prometheus.url",
            "query",
        ),
        (
            "{url: 'http://p', history: {step: 10s}}",
            "4:47 prometheus.history",
            "make `step` at least 55s",
        ),
        (
            "{url: 'http://p', history: {step: 0s}}",
            "4:47 prometheus.history.step",
            "zero",
        ),
        (
            "{url: 'http://p', history: {step: 500ms}}",
            "4:47 prometheus.history.step",
            "`1s`",
        ),
        (
            "{url: 'http://p', history: {lookback: 1m}}",
            "4:51 prometheus.history",
            "guards.provenFor",
        ),
        (
            "{url: 'http://p', timeout: 0s}",
            "4:40 prometheus.timeout",
            "zero",
        ),
        (
            "{url: 'http://p', matchers: {__name__: up}}",
            "4:52 prometheus.matchers.__name__",
            "not a label",
        ),
        (
            "{url: 'http://p', matchers: {'a b': up}}",
            "4:49 prometheus.matchers.a b",
            "not a label",
        ),
    ] {
        one_mistake(
            &format!("{start}{webhook}prometheus: {section}"),
            place,
            &[word],
        );
    }
    let found = mistakes(&LEAST.replace("[lab30, shop]", "[lab30, 'Shop!', lab30]"));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].0.ends_with("namespaces[1]") && found[1].1.contains("listed twice"));
}

#[test]
fn the_first_structural_mistake_is_shown_with_its_line() {
    #[rustfmt::skip]
    let cases: [(&str, &str, &[&str]); 20] = [
        ("mod: dry-run", "6:1", &["unknown key `mod`: did you mean `mode`?", "known here: "]),
        ("guards: {dwel: 1s}", "6:10", &["did you mean `dwell`?"]),
        ("prometheuss: {}", "6:1", &["did you mean `prometheus`?"]),
        ("policies: [{name: p, remedies: [{pinImage: {imagee: a}}]}]", "6:45", &["did you mean `image`?"]),
        ("policies: [{name: p, remedies: [{rolloutUndo: {too: proven}}]}]", "6:48", &["did you mean `to`?"]),
        ("policies: [{name: p, remedies: [{rollbackUndo: {}}]}]", "6:34", &["did you mean `rolloutUndo`?"]),
        ("policies: [{name: p, foreign: {flux: act}}]", "6:32", &["unknown key `flux`", "default, helm"]),
        ("policies: [{remedies: []}]", "6:13", &["missing key `name`"]),
        ("policies: [{name: p, match: {namespaces: }}]", "6:40", &["a list is expected"]),
        ("policies: [{name: p, causes: null}]", "6:30", &["a list is expected", "leave the key out"]),
        ("policies: [{name: p, match: }]", "6:27", &["keys with values"]),
        ("policies: [rolloutUndo]", "6:12", &["keys with values"]),
        ("mode:", "6:5", &["no value", "leave the key out"]),
        ("guards: {steps: many}", "6:17", &["whole number"]),
        ("guards: {steps: 2", "6:9", &["unclosed"]),
        ("kind: Config", "6:1", &["`kind` is there twice"]),
        ("guards: {<<: {steps: 2}}", "6:10", &["merge keys", "write the keys out"]),
        ("---\nkind: Config", "6:1", &["one file is one configuration"]),
        ("installation: *nobody", "6:15", &["unknown"]),
        ("approval: [[1]]", "6:11", &["keys with values"]),
    ];
    for (lines, place, words) in cases {
        let text = format!("{LEAST}{lines}\n");
        let error = config::parse(&text, "test.yaml").unwrap_err();
        assert!(
            matches!(error, ConfigError::Structure(_)),
            "{lines}: {error}"
        );
        one_mistake(&text, place, words);
        let report = error.to_string();
        assert!(
            report.starts_with(&format!("test.yaml:{place}\n  error: ")),
            "{report}"
        );
        assert!(
            report.lines().any(|line| line.trim_end().ends_with('^')),
            "{report}"
        );
        assert!(
            report.lines().all(|line| line.chars().count() <= 80),
            "{report}"
        );
        assert!(
            error.summary().starts_with(&format!("test.yaml:{place}: "))
                && !error.summary().contains('\n')
        );
    }
}

#[test]
fn a_file_of_another_kind_or_version_is_told_so_and_nothing_else() {
    let newer = SHIPPED.replace("ripcord.dev/v1alpha1", "ripcord.dev/v2") + "tomorrow: true\n";
    one_mistake(
        &newer,
        "3:13 apiVersion",
        &["`ripcord.dev/v2`", "ripcord.dev/v1alpha1"],
    );
    one_mistake(
        "apiVersion: v1\nkind: Config\nclusters: []\n",
        "1:13 apiVersion",
        &["ripcord.dev"],
    );
    one_mistake(
        &LEAST.replace("kind: Config", "kind: Confg"),
        "2:7 kind",
        &["kind: Config"],
    );
    one_mistake("", "1:1", &["nothing in this file", "apiVersion"]);
    one_mistake(
        "kind: Config\n",
        "1:1",
        &["missing key `apiVersion`", "ripcord.dev/v1alpha1"],
    );
}

#[test]
fn all_mistakes_in_meaning_are_reported_at_once_in_the_files_order() {
    let text = "\
apiVersion: ripcord.dev/v1alpha1
kind: Config
mode: enforced
listen: {webhook: nowhere}
prometheus: {url: 'http://admin:hunter2@prom:9090', timeout: 0s}
namespaces: [Lab30, lab30, lab30]
guards: {steps: 9, dwell: x}
policies:
  - name: a
    match: {kinds: [Pod], namespaces: []}
    causes: [Nothing]
    remedies: [{rolloutUndo: {to: never}}, {pinImage: {}}]
    verify: {soak: 1h}
  - name: a
";
    let places: Vec<String> = mistakes(text).into_iter().map(|(place, _)| place).collect();
    assert_eq!(
        places,
        [
            "1:1 webhook",
            "3:7 mode",
            "4:19 listen.webhook",
            "5:19 prometheus.url",
            "5:62 prometheus.timeout",
            "6:14 namespaces[0]",
            "6:28 namespaces[2]",
            "7:17 guards.steps",
            "7:27 guards.dwell",
            "10:21 policies[0].match.kinds[0]",
            "10:39 policies[0].match.namespaces",
            "11:14 policies[0].causes[0]",
            "12:35 policies[0].remedies[0].rolloutUndo.to",
            "12:55 policies[0].remedies[1].pinImage",
            "13:20 policies[0].verify.soak",
            "14:5 policies[1].remedies",
            "14:11 policies[1].name",
        ]
    );
    let (report, code) = config::report("test.yaml", &config::parse(text, "test.yaml"));
    assert_eq!(code, 2);
    assert!(report.ends_with("test.yaml: 17 mistakes\n"), "{report}");
    assert!(
        report.lines().all(|line| line.chars().count() <= 80),
        "{report}"
    );
}

#[test]
fn one_wrong_value_is_one_mistake_whatever_hangs_on_it() {
    let policy = "policies: [{name: p, mode: enforce, match: {namespaces: [shop]}, remedies: [{rolloutUndo: {}}]}]\n";
    one_mistake(
        &format!("{LEAST}mode: enforced\n{policy}"),
        "6:7 mode",
        &["enforce"],
    );
    let text = format!("{LEAST}mode: enforce\n{policy}").replace("[lab30, shop]", "[lab30, Shop]");
    one_mistake(&text, "5:21 namespaces[1]", &["RFC 1123"]);
}

#[test]
fn what_is_logged_never_shows_a_line_of_the_file() {
    let credentials = LEAST.replace("127.0.0.1:9090", "admin:hunter2@prom:9090");
    let token = LEAST.replace(
        "bearerTokenFile: /etc/ripcord/token",
        "bearerToken: hunter2",
    );
    for text in [credentials, token] {
        let error = config::parse(&text, "test.yaml").unwrap_err();
        assert!(!error.summary().contains("hunter2"), "{}", error.summary());
        assert!(
            error.summary().contains('3') || error.summary().contains("line 4"),
            "{}",
            error.summary()
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("binary"), [0xff, 0xfe, 0x00]).unwrap();
    std::fs::write(path("large"), " ".repeat(1024 * 1024 + 1)).unwrap();
    for (name, words) in [
        ("missing", "could not be read: "),
        ("binary", "UTF-8"),
        ("large", "1048576 bytes"),
        (".", "could not be read"),
    ] {
        let error = config::load(&path(name)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        let (report, code) = config::report(name, &Err(error));
        assert_eq!((code, report.lines().count()), (2, 1), "{report}");
    }
}
