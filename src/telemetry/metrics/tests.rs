use super::*;

fn metrics() -> Metrics {
    Metrics::new(Build {
        version: "0.1.0",
        revision: "abc",
    })
    .unwrap()
}

fn series(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' ').map(|(name, _)| name))
        .filter(|name| !name.starts_with("process_"))
        .collect()
}

#[test]
fn a_policy_that_nobody_announced_makes_no_series_of_its_own() {
    let metrics = metrics();
    assert_eq!(metrics.series().policy_label(Some("mine")), UNKNOWN_POLICY);
    metrics.touch_policies(["mine"]);
    assert_eq!(metrics.series().policy_label(Some("mine")), "mine");
    assert_eq!(metrics.series().policy_label(None), NO_POLICY);
}

#[test]
fn announcing_the_same_policies_again_changes_nothing() {
    let metrics = metrics();
    metrics.touch_policies(["a", "b"]);
    let once = metrics.render();
    metrics.touch_policies(["b", "a"]);
    assert_eq!(series(&once), series(&metrics.render()));
}

#[test]
fn every_known_series_is_there_before_anything_happens() {
    let metrics = metrics();
    metrics.touch_policies(["lab"]);
    let text = metrics.render();
    for reason in SkipReason::ALL {
        let line = format!("ripcord_alerts_skipped_total{{reason=\"{reason}\"}} 0");
        assert!(text.contains(&line), "{line}");
    }
    for phase in Phase::ALL {
        let line = format!("ripcord_incidents{{phase=\"{phase}\"}} 0");
        assert!(text.contains(&line), "{line}");
    }
    for line in [
        "ripcord_alerts_received_total 0",
        "ripcord_alerts_truncated_total 0",
        "ripcord_alerts_invalid_total{reason=\"malformed_json\"} 0",
        "ripcord_decisions_total{decision=\"Act\",policy=\"lab\",reason=\"Clear\"} 0",
        "ripcord_decisions_total{decision=\"Hold\",policy=\"none\",reason=\"NoPolicy\"} 0",
        "ripcord_remediations_total{action=\"rolloutUndo\",mode=\"dry-run\",outcome=\"DryRun\"} 0",
        "ripcord_remediation_duration_seconds_bucket{action=\"pinImage\",le=\"1800\"} 0",
        "ripcord_dependency_up{dependency=\"prometheus\"} 0",
        "ripcord_dependency_errors_total{dependency=\"kubernetes\",kind=\"conflict\",operation=\"patch\"} 0",
        "ripcord_build_info{revision=\"abc\",version=\"0.1.0\"} 1",
        "process_resident_memory_bytes ",
    ] {
        assert!(text.contains(line), "{line}");
    }
}

#[test]
fn every_reason_has_a_decision_and_series_stay_few() {
    for reason in Reason::ALL {
        assert!(!decisions_of(reason).is_empty(), "{reason}");
    }
    let metrics = metrics();
    let before = series(&metrics.render()).len();
    metrics.touch_policies(["one"]);
    let after = series(&metrics.render()).len();
    assert!(after - before <= 64, "{before} {after}");
    assert!(before < 1500, "{before}");
}

#[test]
fn phases_that_are_not_named_are_empty() {
    let metrics = metrics();
    metrics.set_incidents(&BTreeMap::from([(Phase::Held, 3)]));
    metrics.set_incidents(&BTreeMap::from([(Phase::Acting, 1)]));
    let text = metrics.render();
    assert!(text.contains("ripcord_incidents{phase=\"Held\"} 0"));
    assert!(text.contains("ripcord_incidents{phase=\"Acting\"} 1"));
}

#[test]
fn every_family_of_ours_has_a_help_that_ends_as_a_sentence() {
    let text = metrics().render();
    for line in text
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP ripcord_"))
    {
        assert!(line.ends_with('.'), "{line}");
    }
}
