//! A table as kubectl prints one: three spaces between columns, `<none>` for what is empty, the age last.

use crate::domain::text::clean;
use crate::record::crd::Incident;
use jiff::{SignedDuration, Timestamp};

/// Which columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// Those that fit 80 columns, mostly.
    Usual,
    /// What decided it, and why, too.
    Wide,
}

/// The table's lines; in a watch the later ones come without the head.
pub(super) fn text(
    incidents: &[Incident],
    now: Timestamp,
    columns: Columns,
    namespaces: bool,
    head: bool,
) -> String {
    let mut rows = Vec::new();
    if head {
        rows.push(heads(columns, namespaces));
    }
    rows.extend(
        incidents
            .iter()
            .map(|incident| cells(incident, now, columns, namespaces)),
    );
    let count = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let padded = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let line = padded.collect::<Vec<_>>().join("   ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn heads(columns: Columns, namespaces: bool) -> Vec<String> {
    let mut heads = vec!["NAME", "WORKLOAD", "CAUSE", "ACTION", "PHASE", "OUTCOME"];
    if namespaces {
        heads.insert(0, "NAMESPACE");
    }
    if columns == Columns::Wide {
        heads.extend(["MODE", "POLICY", "REASON"]);
    }
    heads.push("AGE");
    if columns == Columns::Wide {
        heads.push("MESSAGE");
    }
    heads.into_iter().map(str::to_owned).collect()
}

fn cells(incident: &Incident, now: Timestamp, columns: Columns, namespaces: bool) -> Vec<String> {
    let status = incident.status.clone().unwrap_or_default();
    let mut cells = vec![
        incident.metadata.name.clone().unwrap_or_default(),
        incident.spec.workload.name.clone(),
        status.cause,
        status.action,
        status.phase,
        status.outcome,
    ];
    if namespaces {
        let namespace = incident.metadata.namespace.clone();
        cells.insert(0, namespace.unwrap_or_default());
    }
    if columns == Columns::Wide {
        cells.extend([status.mode, status.policy, status.reason]);
    }
    let created = incident.metadata.creation_timestamp.as_ref();
    cells.push(created.map_or_else(
        || "<unknown>".to_owned(),
        |created| age(now.duration_since(created.0)),
    ));
    if columns == Columns::Wide {
        cells.push(status.message);
    }
    // One line and nothing that fools a terminal, whoever wrote the record.
    let filled = cells.iter().map(|cell| match clean(cell) {
        cell if cell.is_empty() => "<none>".to_owned(),
        cell => cell,
    });
    filled.collect()
}

/// An age as kubectl shows it (`k8s.io/apimachinery/pkg/util/duration`, HumanDuration): coarser as it grows.
fn age(age: SignedDuration) -> String {
    let seconds = age.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let and = |rest: i64, unit: &str| {
        if rest == 0 {
            String::new()
        } else {
            format!("{rest}{unit}")
        }
    };
    if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        format!("{minutes}m{}", and(seconds % 60, "s"))
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        format!("{hours}h{}", and(minutes % 60, "m"))
    } else if hours < 48 {
        format!("{hours}h")
    } else if hours < 192 {
        format!("{days}d{}", and(hours % 24, "h"))
    } else {
        format!("{days}d")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn incident(status: &serde_json::Value) -> Incident {
        serde_json::from_value(json!({
            "apiVersion": "ripcord.dev/v1alpha1", "kind": "Incident",
            "metadata": {"name": "lab30-web-x", "namespace": "lab30", "creationTimestamp": "2026-11-23T04:00:00Z"},
            "spec": {
                "workload": {"kind": "Deployment", "name": "lab30-web", "uid": "u"},
                "revision": {"name": "lab30-web-5d9f", "hash": "5d9f", "number": 2},
                "installation": "default",
                "alert": {"name": "A", "fingerprint": "f", "startsAt": "2026-11-23T04:00:00Z", "receivedAt": "2026-11-23T04:00:00Z"},
            },
            "status": status,
        }))
        .unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-23T04:01:30Z".parse().unwrap()
    }

    #[test]
    fn a_list_has_the_columns_of_kubectl_get() {
        let closed = json!({"phase": "Closed", "outcome": "Recovered", "cause": "ImageNotFound", "action": "pinImage"});
        let incidents = [incident(&closed), incident(&json!({"phase": "Waiting"}))];
        let shown = text(&incidents, now(), Columns::Usual, false, true);
        assert_eq!(
            shown,
            "NAME          WORKLOAD    CAUSE           ACTION     PHASE     OUTCOME     AGE\n\
             lab30-web-x   lab30-web   ImageNotFound   pinImage   Closed    Recovered   90s\n\
             lab30-web-x   lab30-web   <none>          <none>     Waiting   <none>      90s\n"
        );
        assert!(shown.lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn the_namespace_comes_first_and_the_message_last() {
        let held = json!({"phase": "Held", "reason": "NoPolicy", "message": "no policy matches", "mode": "dry-run"});
        let shown = text(&[incident(&held)], now(), Columns::Wide, true, false);
        assert!(shown.starts_with("lab30   lab30-web-x"), "{shown}");
        assert!(shown.ends_with("90s   no policy matches\n"), "{shown}");
        assert_eq!(shown.lines().count(), 1);
    }

    #[test]
    fn a_hostile_record_can_not_fool_a_terminal() {
        let hostile = json!({"phase": "Held\u{1b}]0;x\u{7}", "message": "a\u{202e}b\nc\u{1b}[2J"});
        let shown = text(&[incident(&hostile)], now(), Columns::Wide, false, false);
        assert!(shown.ends_with("90s   ab c\n"), "{shown:?}");
        assert!(shown.contains("   Held   "), "{shown:?}");
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    }

    #[test]
    fn ages_are_those_of_kubectl() {
        for (seconds, shown) in [
            (-5, "0s"),
            (119, "119s"),
            (120, "2m"),
            (599, "9m59s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (12_660, "3h31m"),
            (100_000, "27h"),
            (180_000, "2d2h"),
            (864_000, "10d"),
        ] {
            assert_eq!(age(SignedDuration::from_secs(seconds)), shown);
        }
    }
}
