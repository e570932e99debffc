//! The alert rules: whether Prometheus has those of `deploy/monitoring/rules.yaml`, whether they work, and whether they are still the same.

use super::finding::{Category, Finding, Section};
use super::page_of;
use crate::domain::text::safe;
use crate::domain::time::human;
use crate::platform::web::{self, Page, Unfetched};
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::BTreeMap;

/// The shipped rules.
const SHIPPED: &str = include_str!("../../../deploy/monitoring/rules.yaml");

/// An alert rule, as a file says it or as Prometheus has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    /// Without white space: Prometheus prints what it has parsed.
    expression: String,
    seconds: i64,
    /// `ok`, `err` or `unknown`; empty for a rule of a file.
    health: String,
    last_error: String,
}

/// What was asked of Prometheus about its rules.
pub(super) struct Facts {
    pub(super) rules: Result<Page, Unfetched>,
    pub(super) runtime: Result<Page, Unfetched>,
}

/// Asks.
pub(super) async fn fetch(prometheus: &str) -> Facts {
    let rules = format!("{prometheus}/api/v1/rules?type=alert");
    let runtime = format!("{prometheus}/api/v1/status/runtimeinfo");
    let (rules, runtime) = futures::join!(web::get(&rules), web::get(&runtime));
    Facts { rules, runtime }
}

/// All alert rules that Prometheus has, ours and others.
pub(super) fn loaded(facts: &Facts) -> Result<Vec<Rule>, String> {
    let answer = page_of(&facts.rules)?;
    let groups = answer.pointer("/data/groups").and_then(Value::as_array);
    let groups = groups.ok_or_else(|| "the answer can't be read".to_owned())?;
    Ok(groups
        .iter()
        .flat_map(|group| of_group(group, "name"))
        .collect())
}

/// The rules of `deploy/monitoring/rules.yaml`.
pub(super) fn shipped() -> Vec<Rule> {
    let file: Value = serde_saphyr::from_str(SHIPPED).unwrap_or_default();
    let groups = file.get("groups").and_then(Value::as_array);
    groups
        .into_iter()
        .flatten()
        .flat_map(|group| of_group(group, "alert"))
        .collect()
}

fn of_group(group: &Value, name: &str) -> Vec<Rule> {
    let rules = group.get("rules").and_then(Value::as_array);
    rules
        .into_iter()
        .flatten()
        .filter_map(|rule| {
            let text = |key: &str| rule.get(key).and_then(Value::as_str).unwrap_or_default();
            let expression = [text("expr"), text("query")].concat();
            let labels = rule.get("labels").and_then(Value::as_object);
            Some(Rule {
                name: rule.get(name)?.as_str()?.to_owned(),
                labels: labels
                    .into_iter()
                    .flatten()
                    .filter_map(|(label, value)| Some((label.clone(), value.as_str()?.to_owned())))
                    .collect(),
                expression: expression.split_whitespace().collect(),
                seconds: seconds(rule),
                health: text("health").to_owned(),
                last_error: text("lastError").to_owned(),
            })
        })
        .collect()
}

/// `for: 3m` in a file, `"duration": 180` in an answer.
fn seconds(rule: &Value) -> i64 {
    let said = rule.get("for").and_then(Value::as_str);
    let said = said.and_then(|text| text.parse::<SignedDuration>().ok());
    let answered = rule.get("duration").and_then(Value::as_f64);
    let answered = answered.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    said.or(answered).unwrap_or_default().as_secs()
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Category {
    let mut findings: Vec<Finding> = reloaded(facts).into_iter().collect();
    match loaded(facts) {
        Err(why) => findings.push(Finding::unknown(
            "the alert rules are loaded",
            why,
            Section::Rules,
        )),
        Ok(loaded) => findings.extend(compared(&loaded, &shipped())),
    }
    Category {
        name: "alert rules",
        findings,
    }
}

/// A file with a mistake in it is refused, and what was loaded before stays: nothing else shows it.
fn reloaded(facts: &Facts) -> Option<Finding> {
    let description = "Prometheus took its files at its last reload";
    let answer = page_of(&facts.runtime).ok()?;
    let took = answer.pointer("/data/reloadConfigSuccess")?.as_bool()?;
    Some(if took {
        Finding::fine(description)
    } else {
        Finding::wrong(
            description,
            "it refused them: a rule file or its configuration has a mistake, and what it had before is in force. A restart would fail",
            Section::Rules,
        )
        .way_out("promtool check config /etc/prometheus/prometheus.yml    # rule files too")
    })
}

fn compared(loaded: &[Rule], shipped: &[Rule]) -> Vec<Finding> {
    let description = format!("the {} alert rules are loaded and work", shipped.len());
    let found: Vec<(&Rule, Option<&Rule>)> = shipped
        .iter()
        .map(|rule| (rule, loaded.iter().find(|other| other.name == rule.name)))
        .collect();
    let missing: Vec<&str> = found
        .iter()
        .filter(|(_, loaded)| loaded.is_none())
        .map(|(rule, _)| rule.name.as_str())
        .collect();
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let problem = if missing.len() == shipped.len() {
            "none is: rules of your own may see all this too, else a bad image or a failing init container raises no alert, and nobody hears when Ripcord is down".to_owned()
        } else {
            format!("these are not: {}", missing.join(", "))
        };
        findings.push(
            Finding::warning(description.clone(), problem, Section::Rules)
                .way_out("rule_files: [deploy/monitoring/rules.yaml]    # in prometheus.yml, or")
                .way_out("kubectl apply -k deploy/monitoring    # with the Prometheus operator"),
        );
    }
    for (rule, there) in found {
        findings.extend(there.and_then(|there| of_one(rule, there)));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(description));
    }
    findings
}

fn of_one(rule: &Rule, there: &Rule) -> Option<Finding> {
    let name = &rule.name;
    if there.health == "err" {
        let error = safe(&there.last_error, 300);
        return Some(
            Finding::wrong(
                format!("the alert rule {name} works"),
                format!("Prometheus can't evaluate it: {error}"),
                Section::Rules,
            )
            .way_out("promtool check rules FILE    # the one in `rule_files`"),
        );
    }
    let mut differs = Vec::new();
    if there.seconds != rule.seconds {
        let shown = |seconds| human(SignedDuration::from_secs(seconds));
        let (theirs, ours) = (shown(there.seconds), shown(rule.seconds));
        differs.push(format!("`for` is {theirs} and not {ours}"));
    }
    if there.labels != rule.labels {
        differs.push(format!(
            "`labels` are {:?} and not {:?}",
            there.labels, rule.labels
        ));
    }
    if there.expression != rule.expression {
        differs.push("`expr` is another: whatever it is, its alerts must keep the labels namespace and pod (or deployment), or Ripcord can't tell what they are about".to_owned());
    }
    (!differs.is_empty()).then(|| {
        Finding::warning(
            format!("the alert rule {name} is the shipped one"),
            format!(
                "edited by hand, or of another release: {}",
                differs.join("; ")
            ),
            Section::Rules,
        )
        .way_out("diff YOUR_RULES deploy/monitoring/rules.yaml")
    })
}

#[cfg(test)]
mod tests;
