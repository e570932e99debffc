//! The configuration file, as its author meets it: mistakes with their place, all at once, and what a good file means.

// Clippy knows test functions, not the helpers beside them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use jiff::SignedDuration;
use proptest::prelude::*;
use ripcord::config::{self, Config, ConfigError, WebhookAuth};
use ripcord::domain::diagnosis::Cause;
use ripcord::domain::policy::{Foreign, Mode, OnForeign, PinFrom, RemedySpec, UndoTo};
use ripcord::domain::workload::WorkloadKind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

#[path = "config/mistakes.rs"]
mod mistakes;

const SHIPPED: &str = include_str!("../config/ripcord.yaml");

/// A file in which nothing is left out that has no default; a test adds its own lines from line 6 on.
const LEAST: &str = "\
apiVersion: ripcord.dev/v1alpha1
kind: Config
webhook: {bearerTokenFile: /etc/ripcord/token}
prometheus: {url: http://127.0.0.1:9090}
namespaces: [lab30, shop]
";

fn read(lines: &str) -> Result<Config, ConfigError> {
    config::parse(&format!("{LEAST}{lines}"), "test.yaml")
}

#[test]
fn a_file_that_would_grow_without_end_is_refused() {
    let policies = |count: usize| {
        let policy = "  - {name: *name, remedies: [{rolloutUndo: {}}]}\n";
        format!("installation: &name p\npolicies:\n{}", policy.repeat(count))
    };
    let many = "{name: p},".repeat(60_000);
    for lines in [policies(501), format!("policies: [{many}]\n")] {
        let error = read(&lines).unwrap_err();
        assert!(error.to_string().contains("larger or deeper"), "{error}");
    }
    assert!(read(&policies(1)).is_ok());
}

#[test]
fn what_is_left_out_has_the_designs_defaults() {
    let config =
        read("policies: [{name: p, remedies: [{rolloutUndo: {}}, {pinImage: {image: redis}}]}]\n")
            .unwrap();
    assert_eq!(config.mode, Mode::DryRun);
    assert_eq!(config.listen.webhook.to_string(), "127.0.0.1:9099");
    assert_eq!(config.listen.admin, config.listen.webhook);
    assert_eq!(config.installation, "default");
    assert_eq!(config.prometheus.timeout, Duration::from_secs(5));
    assert_eq!(config.prometheus.matchers, BTreeMap::new());
    assert_eq!(
        config.prometheus.lookback,
        SignedDuration::from_hours(7 * 24)
    );
    assert_eq!(config.prometheus.step, SignedDuration::from_mins(1));
    assert_eq!(config.limits.recent_rollout, SignedDuration::from_hours(2));
    assert_eq!(config.limits.dwell, SignedDuration::from_secs(60));
    assert_eq!(config.limits.proven_for, SignedDuration::from_mins(2));
    assert_eq!(config.limits.min_crashes, 3);
    assert_eq!(config.limits.cooldown, SignedDuration::from_mins(15));
    assert_eq!(config.limits.steps, 2);
    assert_eq!(config.limits.failing_share_percent, 50);
    assert_eq!(
        (config.budget.actions, config.budget.per),
        (5, SignedDuration::from_hours(1))
    );
    assert_eq!(
        (config.limits.storm_workloads, config.limits.storm_within),
        (5, SignedDuration::from_mins(10))
    );
    assert_eq!(
        (config.retention.closed, config.retention.per_workload),
        (SignedDuration::from_hours(720), 20)
    );
    assert_eq!(config.approval.expires, SignedDuration::from_hours(1));
    assert_eq!(config.not_enforced, []);
    let policy = &config.policies[0];
    assert_eq!(
        policy.matches.kinds,
        BTreeSet::from([WorkloadKind::Deployment])
    );
    assert_eq!(
        (
            &policy.matches.alerts,
            &policy.matches.namespaces,
            &policy.matches.names
        ),
        (&None, &None, &None)
    );
    assert_eq!((&policy.causes, policy.mode), (&None, None));
    assert_eq!(
        (policy.verify.timeout, policy.verify.soak),
        (SignedDuration::from_mins(5), SignedDuration::from_secs(60))
    );
    assert_eq!(policy.verify.http, None);
    let RemedySpec::RolloutUndo(undo) = &policy.remedies[0] else {
        panic!("{policy:?}")
    };
    assert_eq!((undo.to, undo.max_revisions_back), (UndoTo::Proven, 5));
    assert_eq!(
        config.notes.len(),
        1,
        "an image without a tag: {:?}",
        config.notes
    );
}

#[test]
fn what_is_not_enforced_yet_is_named_where_it_is_set() {
    let config = read(
        "\
mode: enforce
guards: {failingShare: 60%, budget: {actions: 1}, storm: {workloads: 2}}
retention: {closed: 1d}
approval: {expires: 2h}
policies:
  - name: p
    match: {kinds: [Deployment, DaemonSet]}
    causes: [ImageNotFound, NoRecentRollout]
    remedies:
      - rolloutUndo: {to: 12, releaseStuckPod: true}
      - pinImage: {from: lastHealthy}
    foreign: {default: once, helm: propose}
    mode: off
",
    )
    .unwrap();
    let places: Vec<String> = config
        .not_enforced
        .iter()
        .map(|key| format!("{} {}", key.line, key.path))
        .collect();
    assert_eq!(
        places,
        [
            "7 guards.budget",
            "8 retention",
            "9 approval",
            "12 policies[0].match.kinds[1]",
            "13 policies[0].causes",
            "15 policies[0].remedies[0].rolloutUndo.releaseStuckPod",
            "16 policies[0].remedies[1].pinImage.from",
            "17 policies[0].foreign.default",
            "17 policies[0].foreign.helm",
        ]
    );
    assert!(
        config.not_enforced[4]
            .why
            .starts_with("NoRecentRollout is not diagnosed yet")
    );
    let RemedySpec::RolloutUndo(undo) = &config.policies[0].remedies[0] else {
        panic!()
    };
    assert_eq!(undo.to, UndoTo::Number(12));
    let RemedySpec::PinImage(pin) = &config.policies[0].remedies[1] else {
        panic!()
    };
    assert_eq!(pin.from, PinFrom::LastHealthy);
    assert_eq!(config.policies[0].mode, Some(Mode::Off));
    // What does not exist yet counts as the strictest.
    let foreign = config.policies[0].foreign;
    assert_eq!(foreign.default, OnForeign::Refuse);
    assert_eq!(foreign.helm, OnForeign::Refuse);
}

#[test]
fn a_foreign_owner_is_refused_and_helm_is_not_unless_the_policy_says_otherwise() {
    let answers = |foreign: &str| {
        let text =
            format!("policies:\n  - name: p\n    remedies: [rolloutUndo: {{}}]\n{foreign}\n");
        let config = read(&text).unwrap();
        assert!(config.not_enforced.is_empty(), "{foreign}");
        let Foreign { default, helm } = config.policies[0].foreign;
        (default, helm)
    };
    let (refuse, act) = (OnForeign::Refuse, OnForeign::Act);
    assert_eq!(answers(""), (refuse, act));
    assert_eq!(answers("    foreign: {}"), (refuse, act));
    assert_eq!(answers("    foreign: {helm: refuse}"), (refuse, refuse));
    assert_eq!(answers("    foreign: {default: act}"), (act, act));
    assert_eq!(
        answers("    foreign: {default: refuse, helm: act}"),
        (refuse, act)
    );
    let text =
        "policies:\n  - name: p\n    remedies: [rolloutUndo: {}]\n    foreign: {default: act}\n";
    let (report, _) = config::report("test.yaml", &Ok(read(text).unwrap()));
    assert!(report.contains("foreign   act, Helm's: act"), "{report}");
}

#[test]
fn what_is_probably_not_meant_is_noted() {
    let text = LEAST
        .replace("bearerTokenFile: /etc/ripcord/token", "insecure: true")
        .replace("[lab30, shop]", "[]");
    let config = config::parse(
        &format!("{text}listen: {{webhook: '0.0.0.0:9099'}}\n"),
        "test.yaml",
    )
    .unwrap();
    assert_eq!(config.webhook_auth, WebhookAuth::Insecure);
    assert_eq!(config.namespaces, BTreeSet::new());
    let paths: Vec<&str> = config.notes.iter().map(|note| note.path.as_str()).collect();
    assert_eq!(paths, ["policies", "webhook.insecure", "namespaces"]);
    let (report, code) = config::report("test.yaml", &Ok(config));
    assert_eq!(code, 0);
    assert!(
        report.contains("none: every alert is out of scope") && report.contains("INSECURE"),
        "{report}"
    );
}

#[test]
fn the_shipped_file_means_what_the_design_says() {
    let config =
        config::parse(SHIPPED, "config/ripcord.yaml").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        config::load(Path::new("config/ripcord.yaml")).unwrap(),
        config
    );
    assert_eq!(config.mode, Mode::DryRun);
    assert_eq!(config.listen.webhook.to_string(), "127.0.0.1:9099");
    assert_eq!(config.listen.admin.to_string(), "127.0.0.1:9099");
    assert_eq!(
        config.webhook_auth,
        WebhookAuth::BearerTokenFile("/etc/ripcord/token".into())
    );
    assert_eq!(config.prometheus.url, "http://127.0.0.1:9090");
    assert_eq!(config.prometheus.matchers["job"], "kube-state-metrics");
    assert_eq!(config.namespaces, BTreeSet::from(["lab30".to_owned()]));
    assert_eq!(config.limits.dwell, SignedDuration::from_secs(10));
    assert_eq!(config.notes, []);
    assert_eq!(config.digest.len(), 64);

    let [web, rollout] = config.policies.as_slice() else {
        panic!("two policies")
    };
    assert!(web.matches.fits(
        WorkloadKind::Deployment,
        "lab30",
        "lab30-web",
        ["Lab30PodRestarts"].into_iter()
    ));
    assert!(!web.matches.fits(
        WorkloadKind::Deployment,
        "lab30",
        "lab30-redis",
        ["Lab30PodRestarts"].into_iter()
    ));
    assert!(!web.matches.fits(
        WorkloadKind::Deployment,
        "lab30",
        "lab30-web",
        ["Other"].into_iter()
    ));
    assert_eq!(
        web.causes,
        Some(BTreeSet::from([
            Cause::ImageNotFound,
            Cause::InvalidImageName
        ]))
    );
    let names: Vec<&str> = web.remedies.iter().map(RemedySpec::name).collect();
    assert_eq!(names, ["pinImage", "rolloutUndo"]);
    let RemedySpec::PinImage(pin) = &web.remedies[0] else {
        panic!()
    };
    assert_eq!(pin.container.as_deref(), Some("web"));
    let PinFrom::Policy(image) = &pin.from else {
        panic!()
    };
    assert_eq!(image.as_str(), "ghcr.io/vlrrbn/lab30-web-metrics:0.2.1");
    assert_eq!(web.verify.soak, SignedDuration::from_secs(30));
    let probe = web.verify.http.as_ref().unwrap();
    assert_eq!(
        (probe.url.as_str(), probe.status),
        ("http://10.96.30.80:8080/health", 200)
    );
    assert!(rollout.matches.fits(
        WorkloadKind::Deployment,
        "lab30",
        "lab30-redis",
        ["Any"].into_iter()
    ));
    assert!(!rollout.matches.fits(
        WorkloadKind::StatefulSet,
        "lab30",
        "db",
        ["Any"].into_iter()
    ));
    assert_eq!(rollout.causes.as_ref().map(BTreeSet::len), Some(6));

    let (report, code) = config::report("config/ripcord.yaml", &Ok(config));
    println!("{report}");
    assert_eq!(code, 0);
    assert!(
        report.lines().all(|line| line.chars().count() <= 80),
        "{report}"
    );
    for words in [
        "config/ripcord.yaml: fine",
        "lab30",
        "2 policies",
        "pinImage of web",
        "line 35: guards.budget",
    ] {
        assert!(report.contains(words), "{words:?} is missing:\n{report}");
    }
}

#[test]
fn a_value_may_be_shared_by_an_alias() {
    let config = read(
        "\
policies:
  - {name: a, causes: &image [ImageNotFound, InvalidImageName], remedies: [{rolloutUndo: {}}]}
  - {name: b, causes: *image, remedies: [{rolloutUndo: {}}]}
",
    )
    .unwrap();
    assert_eq!(config.policies[0].causes, config.policies[1].causes);
}

#[test]
fn the_digest_is_the_texts_own() {
    let first = read("").unwrap().digest;
    assert_eq!(read("").unwrap().digest, first);
    assert_ne!(read("# a comment\n").unwrap().digest, first);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[ -~\\n\\t\u{e9}\u{1b}]{0,4}"), 1..6)) {
        let mut characters: Vec<char> = SHIPPED.chars().collect();
        for (place, removed, inserted) in changes {
            let start = place.index(characters.len() + 1);
            let end = (start + removed).min(characters.len());
            characters.splice(start..end, inserted.chars());
        }
        let text: String = characters.into_iter().collect();
        let result = config::parse(&text, "mutated.yaml");
        let (report, code) = config::report("mutated.yaml", &result);
        let escape = report.contains('\u{1b}');
        prop_assert!(!escape, "{}", report);
        prop_assert_eq!(code == 0, result.is_ok());
        if let Err(error) = result {
            prop_assert!(!error.summary().is_empty());
        }
    }
}
