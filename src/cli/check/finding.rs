//! What a check found: one line, and for everything that is not well the way out.

use crate::cli::exit;
use crate::domain::text::clean;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is as it must be.
    Fine,
    /// Ripcord works with it, but probably not as it is meant.
    Warning,
    /// Ripcord can't do its work with it.
    Wrong,
    /// It could not be looked at.
    Unknown,
    /// It was not looked at: what it stands on is not there.
    Skipped,
}

impl State {
    /// Its word in JSON: `linkerd check`'s, and two more.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Fine => "success",
            Self::Warning => "warning",
            Self::Wrong => "error",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }
}

/// The section of the runbook that leads out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The API server or Prometheus does not answer.
    Dependency,
    /// The CRD.
    Crd,
    /// The namespaces in scope.
    Namespaces,
    /// What the account may do.
    Rights,
    /// What Prometheus has of kube-state-metrics.
    Series,
    /// The alert rules.
    Rules,
    /// The way from Alertmanager to Ripcord.
    Route,
    /// The webhook's token.
    Token,
    /// Ripcord itself does not answer.
    Down,
    /// Its configuration was refused.
    Reload,
    /// Two clocks differ.
    Clock,
}

impl Section {
    /// All of them; a test looks each up in `deploy/runbook.md`.
    pub const ALL: [Self; 11] = [
        Self::Dependency,
        Self::Crd,
        Self::Namespaces,
        Self::Rights,
        Self::Series,
        Self::Rules,
        Self::Route,
        Self::Token,
        Self::Down,
        Self::Reload,
        Self::Clock,
    ];

    /// Its anchor.
    pub fn anchor(self) -> &'static str {
        match self {
            Self::Dependency => "ripcorddependencydown",
            Self::Crd => "ripcordcrdtooold",
            Self::Namespaces => "checknamespaces",
            Self::Rights => "checkrights",
            Self::Series => "checkseries",
            Self::Rules => "checkrules",
            Self::Route => "checkroute",
            Self::Token => "checktoken",
            Self::Down => "ripcorddown",
            Self::Reload => "ripcordreloadfailed",
            Self::Clock => "checkclock",
        }
    }

    /// Where it is, in the repository.
    pub(super) fn link(self) -> String {
        format!("deploy/runbook.md#{}", self.anchor())
    }
}

/// One line of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was looked at, as it should be.
    pub(super) description: String,
    /// How it ended.
    pub(super) state: State,
    /// What is there instead; empty where it is fine.
    pub(super) problem: String,
    /// What to type or write, line by line.
    pub(super) ways_out: Vec<String>,
    /// Where more is said.
    pub(super) section: Option<Section>,
}

impl Finding {
    /// Both texts may have words of the other side in them.
    fn new(state: State, description: &str, problem: &str, section: Option<Section>) -> Self {
        Self {
            description: clean(description),
            state,
            problem: clean(problem),
            ways_out: Vec::new(),
            section,
        }
    }

    /// As it must be.
    pub(super) fn fine(description: impl Into<String>) -> Self {
        Self::new(State::Fine, &description.into(), "", None)
    }

    /// It works, but is probably not meant.
    pub(super) fn warning(
        description: impl Into<String>,
        problem: impl Into<String>,
        section: Section,
    ) -> Self {
        let (description, problem) = (description.into(), problem.into());
        Self::new(State::Warning, &description, &problem, Some(section))
    }

    /// Ripcord can't work with it.
    pub(super) fn wrong(
        description: impl Into<String>,
        problem: impl Into<String>,
        section: Section,
    ) -> Self {
        let (description, problem) = (description.into(), problem.into());
        Self::new(State::Wrong, &description, &problem, Some(section))
    }

    /// It could not be looked at.
    pub(super) fn unknown(
        description: impl Into<String>,
        problem: impl Into<String>,
        section: Section,
    ) -> Self {
        let (description, problem) = (description.into(), problem.into());
        Self::new(State::Unknown, &description, &problem, Some(section))
    }

    /// It was not looked at.
    pub(super) fn skipped(description: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(State::Skipped, &description.into(), &why.into(), None)
    }

    /// One more line of what to do about it.
    #[must_use]
    pub(super) fn way_out(mut self, line: impl Into<String>) -> Self {
        self.ways_out.push(line.into());
        self
    }
}

impl Finding {
    /// More lines of what to do about it.
    #[must_use]
    pub(super) fn ways_out(mut self, lines: &[&str]) -> Self {
        self.ways_out
            .extend(lines.iter().map(|line| (*line).to_owned()));
        self
    }
}

/// Findings about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Category {
    /// Its headline.
    pub(super) name: &'static str,
    /// What was found, in the order in which it was looked at.
    pub(super) findings: Vec<Finding>,
}

/// How many findings ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) fine: usize,
    pub(super) warnings: usize,
    pub(super) wrong: usize,
    pub(super) unknown: usize,
    pub(super) skipped: usize,
}

impl Tally {
    /// Counts.
    pub(super) fn of(categories: &[Category]) -> Self {
        let mut tally = Self::default();
        for finding in categories.iter().flat_map(|category| &category.findings) {
            match finding.state {
                State::Fine => tally.fine += 1,
                State::Warning => tally.warnings += 1,
                State::Wrong => tally.wrong += 1,
                State::Unknown => tally.unknown += 1,
                State::Skipped => tally.skipped += 1,
            }
        }
        tally
    }

    /// Nothing stands in the way, as far as it was looked at; warnings do not.
    pub(super) fn success(self) -> bool {
        self.wrong == 0 && self.unknown == 0
    }

    /// The design's exit codes: what is wrong differs from what is needed, and says more than what can't be told.
    pub(super) fn exit_code(self) -> u8 {
        if self.wrong > 0 {
            exit::DIFFERS
        } else if self.unknown > 0 {
            exit::CANNOT_TELL
        } else {
            exit::FINE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(findings: Vec<Finding>) -> u8 {
        let name = "a";
        Tally::of(&[Category { name, findings }]).exit_code()
    }

    #[test]
    fn what_is_wrong_counts_more_than_what_can_not_be_told_and_a_warning_not_at_all() {
        let fine = Finding::fine("x");
        let warning = Finding::warning("x", "y", Section::Rules);
        let skipped = Finding::skipped("x", "y");
        let unknown = Finding::unknown("x", "y", Section::Rules);
        let wrong = Finding::wrong("x", "y", Section::Rules);
        assert_eq!(code(vec![fine, warning, skipped]), 0);
        assert_eq!(code(vec![unknown.clone()]), 4);
        assert_eq!(code(vec![unknown, wrong]), 1);
    }
}
