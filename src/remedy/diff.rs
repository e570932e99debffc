//! What a plan would change, for people: a unified diff of a reduced, redacted view of both templates, and the paths of whatever
//! else differs, so that no change is hidden.

mod arguments;
mod view;

use crate::domain::text;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use view::Row;

/// `status.diff` of an Incident: 8 of its 64 KiB.
const LIMIT: usize = 8 * 1024;
/// The share of the paths that are only named: they must survive a long diff.
const OTHERS_LIMIT: usize = 2 * 1024;
/// The context that `diff -u` shows.
const CONTEXT_LINES: usize = 3;

/// The difference between two raw templates; empty when there is none. At most 8 KiB.
pub fn diff(now: &Value, planned: &Value) -> String {
    let (before, mut after) = (view::rows(now), view::rows(planned));
    mark_hidden_changes(&before, &mut after);
    let others = others(now, planned, &before, &after);
    let footer = if others.is_empty() {
        String::new()
    } else {
        let paths = others.iter().cloned().collect::<Vec<_>>().join(", ");
        let paths = text::truncate(&paths, OTHERS_LIMIT);
        format!("… other fields differ ({}): {paths}\n", others.len())
    };
    let (before, after) = (print(&before), print(&after));
    let unified = similar::TextDiff::from_lines(&before, &after)
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header("now", "planned")
        .to_string();
    let mut shown = text::truncate(&unified, LIMIT - footer.len() - 1);
    if !shown.is_empty() && !shown.ends_with('\n') {
        shown.push('\n');
    }
    shown + &footer
}

/// A value as a person may see it: a template is written by people, and people write passwords into it.
fn shown(value: &str) -> String {
    /// One value is one line of a diff.
    const VALUE_LIMIT: usize = 512;
    text::safe(value, VALUE_LIMIT)
}

fn print(rows: &[Row]) -> String {
    rows.iter()
        .flat_map(|row| [row.text.as_str(), "\n"])
        .collect()
}

/// Says so where something that the view leaves out (a redacted word, a variable's value) has changed.
fn mark_hidden_changes(before: &[Row], after: &mut [Row]) {
    let before: BTreeMap<&str, &Row> = before.iter().map(|row| (row.path.as_str(), row)).collect();
    for row in after {
        let unseen = before.get(row.path.as_str()).is_some_and(|former| {
            former.hidden != row.hidden
                && (former.text == row.text || row.text.contains(view::REDACTED))
        });
        if unseen {
            row.text.push_str(" (value changed)");
        }
    }
}

/// The paths of the differing fields that no row of the view speaks for.
fn others(now: &Value, planned: &Value, before: &[Row], after: &[Row]) -> BTreeSet<String> {
    let rows: BTreeSet<&str> = before
        .iter()
        .chain(after)
        .map(|row| row.path.as_str())
        .collect();
    let (now, planned) = (leaves(now), leaves(planned));
    now.iter()
        .filter(|(path, value)| planned.get(*path) != Some(value))
        .chain(planned.iter().filter(|(path, _)| !now.contains_key(*path)))
        .map(|(path, _)| path)
        .filter(|path| !rows.iter().any(|row| speaks_for(row, path)))
        .map(|path| shown(path))
        .collect()
}

fn speaks_for(row: &str, path: &str) -> bool {
    path.strip_prefix(row)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Every scalar, empty list and empty map of a template, by its path.
fn leaves(template: &Value) -> BTreeMap<String, &Value> {
    let mut found = BTreeMap::new();
    let mut pending = vec![(String::new(), template)];
    while let Some((path, value)) = pending.pop() {
        match value {
            Value::Object(map) if !map.is_empty() => {
                pending.extend(map.iter().map(|(key, value)| (field(&path, key), value)));
            }
            Value::Array(list) if !list.is_empty() => {
                pending.extend(
                    keys(list)
                        .into_iter()
                        .zip(list)
                        .map(|(key, value)| (format!("{path}[{key}]"), value)),
                );
            }
            _ => {
                found.insert(path, value);
            }
        }
    }
    found
}

fn field(path: &str, key: &str) -> String {
    if key.contains('.') {
        format!("{path}[{key}]")
    } else if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// How a list's elements are told apart: by their names where each has its own, else by their places.
fn keys(list: &[Value]) -> Vec<String> {
    let names: BTreeSet<&str> = list
        .iter()
        .filter_map(|element| element.get("name")?.as_str())
        .collect();
    let by_name = names.len() == list.len();
    list.iter()
        .enumerate()
        .map(
            |(place, element)| match element.get("name").and_then(Value::as_str) {
                Some(name) if by_name => name.to_owned(),
                _ => place.to_string(),
            },
        )
        .collect()
}

#[cfg(test)]
mod tests;
