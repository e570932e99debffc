//! How findings are shown: as `linkerd check` shows them, in eighty columns, or as JSON.

use super::finding::{Category, Finding, Section, State, Tally};
use crate::cli::paper::{Ink, Paper};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Everything, category by category; `short` = only what is not fine.
pub(super) fn table(categories: &[Category], short: bool) -> String {
    let mut paper = Paper::default();
    for Category { name, findings } in categories {
        let shown: Vec<&Finding> = findings
            .iter()
            .filter(|finding| !short || finding.state != State::Fine)
            .collect();
        if shown.is_empty() {
            continue;
        }
        paper.row(&[], Ink::Title, name);
        paper.row(&[], Ink::Faint, &"-".repeat(name.chars().count()));
        for finding in shown {
            line(&mut paper, finding);
        }
        paper.blank();
    }
    let tally = Tally::of(categories);
    let ink = if tally.success() { Ink::Good } else { Ink::Bad };
    paper.row(&[], ink, &sum(tally));
    paper.into_text()
}

fn line(paper: &mut Paper, finding: &Finding) {
    const INDENT: (usize, Ink, &str) = (4, Ink::Plain, "");
    let (ink, mark) = match finding.state {
        State::Fine => (Ink::Good, "√"),
        State::Warning => (Ink::Careful, "‼"),
        State::Wrong | State::Unknown => (Ink::Bad, "×"),
        State::Skipped => (Ink::Faint, "-"),
    };
    paper.row(&[(2, ink, mark)], Ink::Plain, &finding.description);
    match finding.state {
        State::Skipped => paper.row(
            &[INDENT],
            Ink::Faint,
            &format!("skipped: {}", finding.problem),
        ),
        State::Unknown => paper.row(
            &[INDENT],
            Ink::Bad,
            &format!("can't tell: {}", finding.problem),
        ),
        State::Fine | State::Warning | State::Wrong => paper.row(&[INDENT], ink, &finding.problem),
    }
    for way_out in &finding.ways_out {
        // As it is: a command that is wrapped can't be pasted.
        paper.raw(&format!("    {way_out}\n"));
    }
    if let Some(section) = finding.section {
        let link = section.link();
        paper.row(&[INDENT], Ink::Faint, &format!("see {link}"));
    }
}

fn sum(tally: Tally) -> String {
    let Tally {
        fine,
        warnings,
        wrong,
        unknown,
        skipped,
    } = tally;
    let mark = if tally.success() { "√" } else { "×" };
    let mut text = format!("Status check results are {mark}: {fine} fine");
    for (count, what) in [
        (warnings, "to look at"),
        (wrong, "wrong"),
        (unknown, "can't be told"),
        (skipped, "skipped"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}

/// The same for programs: `linkerd check -o json`'s shape, with what to do as a list of its own.
pub(super) fn json(categories: &[Category]) -> Value {
    let checks = |findings: &[Finding]| -> Vec<Value> {
        findings
            .iter()
            .map(|finding| {
                json!({
                    "description": finding.description,
                    "result": finding.state.word(),
                    "error": finding.problem,
                    "waysOut": finding.ways_out,
                    "hint": finding.section.map(Section::link).unwrap_or_default(),
                })
            })
            .collect()
    };
    let categories_shown: Vec<Value> = categories
        .iter()
        .map(
            |category| json!({"categoryName": category.name, "checks": checks(&category.findings)}),
        )
        .collect();
    let tally = Tally::of(categories);
    json!({
        "success": tally.success(),
        "exitCode": tally.exit_code(),
        "categories": categories_shown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn categories() -> Vec<Category> {
        vec![
            Category {
                name: "kubernetes",
                findings: vec![
                    Finding::fine("the API server answers (v1.34.2)"),
                    Finding::wrong(
                        "the CRD incidents.ripcord.dev is current",
                        "it lacks status.applied.actionId and 3 more fields that this version of Ripcord writes",
                        Section::Crd,
                    )
                    .way_out("kubectl apply -f deploy/base/crd.yaml"),
                ],
            },
            Category {
                name: "prometheus",
                findings: vec![Finding::fine("it answers")],
            },
            Category {
                name: "alertmanager",
                findings: vec![
                    Finding::skipped("a route leads here", "no address"),
                    Finding::unknown("it answers", "no connection", Section::Route),
                ],
            },
        ]
    }

    /// What a pipe gets.
    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_page_has_the_shape_of_linkerd_check() {
        assert_eq!(
            plain(&table(&categories(), false)),
            "kubernetes\n\
             ----------\n\
             √ the API server answers (v1.34.2)\n\
             × the CRD incidents.ripcord.dev is current\n    \
             it lacks status.applied.actionId and 3 more fields that this version of\n    \
             Ripcord writes\n    \
             kubectl apply -f deploy/base/crd.yaml\n    \
             see deploy/runbook.md#ripcordcrdtooold\n\
             \n\
             prometheus\n\
             ----------\n\
             √ it answers\n\
             \n\
             alertmanager\n\
             ------------\n\
             - a route leads here\n    \
             skipped: no address\n\
             × it answers\n    \
             can't tell: no connection\n    \
             see deploy/runbook.md#checkroute\n\
             \n\
             Status check results are ×: 2 fine, 1 wrong, 1 can't be told, 1 skipped\n"
        );
    }

    #[test]
    fn the_short_page_leaves_out_what_is_fine_but_nothing_else() {
        let shown = plain(&table(&categories(), true));
        assert!(
            !shown.contains('√') && !shown.contains("prometheus"),
            "{shown}"
        );
        assert!(shown.contains("skipped: no address"), "{shown}");
        let fine = vec![Category {
            name: "kubernetes",
            findings: vec![Finding::fine("x")],
        }];
        assert_eq!(
            plain(&table(&fine, true)),
            "Status check results are √: 1 fine\n"
        );
    }

    #[test]
    fn json_has_every_finding_and_the_exit_code() {
        let shown = json(&categories());
        assert_eq!(shown["success"], false);
        assert_eq!(shown["exitCode"], 1);
        assert_eq!(shown["categories"][0]["categoryName"], "kubernetes");
        assert_eq!(
            shown["categories"][0]["checks"][1],
            json!({
                "description": "the CRD incidents.ripcord.dev is current",
                "result": "error",
                "error": "it lacks status.applied.actionId and 3 more fields that this version of Ripcord writes",
                "waysOut": ["kubectl apply -f deploy/base/crd.yaml"],
                "hint": "deploy/runbook.md#ripcordcrdtooold",
            })
        );
        assert_eq!(shown["categories"][2]["checks"][0]["result"], "skipped");
    }
}
