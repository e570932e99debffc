//! The corpus as a table: of each case what it was taken for, what was decided, and what is right. Whoever must trust Ripcord reads this.

use super::case::Case;
use super::judge::{incidents, list, text};
use super::safety::patches;
use super::stage::Stage;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How a case came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// All is as expected.
    Right,
    /// It wrote more than is right: the worst thing.
    WrongAction,
    /// It did not write what is right.
    Missed,
    /// It wrote what is right, and something else is otherwise than expected.
    Differs,
}

/// One line of the table.
pub(crate) struct Row {
    case: String,
    cause: String,
    decision: String,
    expected: String,
    acting_is_wrong: bool,
    pub(crate) mark: Mark,
}

impl Row {
    /// What came of a case.
    pub(crate) fn of(case: &Case, stage: &Stage, differences: &[String]) -> Self {
        let log = stage.world.write_log();
        let accepted = patches(&log, false).filter(|(_, patch)| patch.accepted());
        let written = i64::try_from(accepted.count()).unwrap_or(i64::MAX);
        let shape = &case.expected.shape;
        let wanted = shape.patches.value;
        let incidents = incidents(stage);
        let expected = shape.incidents.value.iter().map(|incident| {
            let incident = &incident.value;
            let outcome = incident.outcome.as_ref().map(|it| it.value.as_str());
            let outcome = outcome.filter(|outcome| *outcome != "none");
            outcome.unwrap_or(&incident.phase.value).to_owned()
        });
        Self {
            case: case.name.trim_start_matches("tests/scenarios/").to_owned(),
            cause: joined(incidents.iter().flat_map(causes)),
            decision: format!("{} {}", said(written), joined(incidents.iter().map(ending))),
            expected: format!("{} {}", said(wanted), joined(expected)),
            acting_is_wrong: case.expected.is_refusal(),
            mark: Mark::of(written, wanted, differences),
        }
    }

    /// A case that could not be told.
    pub(crate) fn untold(case: &Case) -> Self {
        Self {
            case: case.name.trim_start_matches("tests/scenarios/").to_owned(),
            cause: "could not be told".to_owned(),
            decision: String::new(),
            expected: String::new(),
            acting_is_wrong: case.expected.is_refusal(),
            mark: Mark::Differs,
        }
    }
}

impl Mark {
    fn of(written: i64, wanted: i64, differences: &[String]) -> Self {
        match written.cmp(&wanted) {
            std::cmp::Ordering::Greater => Self::WrongAction,
            std::cmp::Ordering::Less => Self::Missed,
            std::cmp::Ordering::Equal if differences.is_empty() => Self::Right,
            std::cmp::Ordering::Equal => Self::Differs,
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Right => "",
            Self::WrongAction => "  <- WRONG ACTION",
            Self::Missed => "  <- MISSED",
            Self::Differs => "  <- differs",
        }
    }
}

fn said(writes: i64) -> String {
    match writes {
        0 => "stand aside:".to_owned(),
        1 => "act:".to_owned(),
        writes => format!("act {writes} times:"),
    }
}

fn causes(incident: &Value) -> Vec<String> {
    list(incident, "/status/diagnosis")
        .iter()
        .map(|entry| {
            let (cause, helps) = (text(entry, "/cause"), text(entry, "/rollbackHelps"));
            format!("{cause} ({helps})")
        })
        .collect()
}

fn ending(incident: &Value) -> String {
    let status = |field: &str| text(incident, &format!("/status/{field}"));
    match status("outcome") {
        "" => format!("{} {}", status("phase"), status("reason")),
        outcome => outcome.to_owned(),
    }
}

fn joined(items: impl IntoIterator<Item = String>) -> String {
    let items: BTreeSet<String> = items.into_iter().collect();
    match items.len() {
        0 => "none".to_owned(),
        _ => items.into_iter().collect::<Vec<_>>().join(", "),
    }
}

/// A column's title, and its cell of a row.
type Column = (&'static str, fn(&Row) -> &str);

/// All rows in columns, and the line that sums them up.
pub(crate) fn table(rows: &[Row]) -> String {
    let columns: [Column; 4] = [
        ("CASE", |row| &row.case),
        ("CAUSE (GOING BACK HELPS)", |row| &row.cause),
        ("DECISION", |row| &row.decision),
        ("EXPECTED", |row| &row.expected),
    ];
    let widths = columns.map(|(title, of)| {
        let cells = rows.iter().map(|row| of(row).chars().count());
        cells.chain([title.len()]).max().unwrap_or(0)
    });
    let mut table = String::new();
    let mut line = |cells: [&str; 4], mark: &str| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            write!(text, "{cell:width$}  ").unwrap();
        }
        writeln!(table, "{}{mark}", text.trim_end()).unwrap();
    };
    line(columns.map(|(title, _)| title), "");
    for row in rows {
        line(columns.map(|(_, of)| of(row)), row.mark.in_words());
    }
    writeln!(table, "{}", summary(rows)).unwrap();
    table
}

/// `142 cases, 97 where acting is wrong, 0 wrong actions, 0 missed, 0 otherwise than expected`
pub(crate) fn summary(rows: &[Row]) -> String {
    let count = |mark: Mark| rows.iter().filter(|row| row.mark == mark).count();
    format!(
        "{} cases, {} where acting is wrong, {} wrong actions, {} missed, {} otherwise than expected",
        rows.len(),
        rows.iter().filter(|row| row.acting_is_wrong).count(),
        count(Mark::WrongAction),
        count(Mark::Missed),
        count(Mark::Differs),
    )
}

mod tests {
    use super::*;

    fn row(name: &str, written: i64, wanted: i64, differences: &[String]) -> Row {
        Row {
            case: name.to_owned(),
            cause: "OutOfMemory (Unknown)".to_owned(),
            decision: said(written),
            expected: said(wanted),
            acting_is_wrong: wanted == 0,
            mark: Mark::of(written, wanted, differences),
        }
    }

    #[test]
    fn a_write_too_many_is_a_wrong_action_and_one_too_few_is_missed() {
        let differs = ["reason".to_owned()];
        let rows = [
            row("a", 1, 0, &[]),
            row("bb", 0, 1, &[]),
            row("c", 2, 1, &differs),
            row("d", 0, 0, &differs),
            row("e", 1, 1, &[]),
        ];
        let table = table(&rows);
        assert!(
            table.ends_with(
                "5 cases, 2 where acting is wrong, 2 wrong actions, 1 missed, 1 otherwise than expected\n"
            ),
            "{table}"
        );
        assert!(
            table.contains(
                "a     OutOfMemory (Unknown)     act:          stand aside:  <- WRONG ACTION\n"
            ),
            "{table}"
        );
        assert_eq!(table.matches("<-").count(), 4);
    }
}
