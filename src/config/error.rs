//! What is wrong with a configuration, as its author reads it.

use std::fmt;

/// How wide a report is: what a terminal shows without being asked to be wider.
pub(super) const WIDTH: usize = 80;

/// Why a configuration was refused. `Display` is the full report, over several lines and with lines of the file in it: for the person
/// who wrote the file. A log or an answer over HTTP takes [`ConfigError::summary`]: a line of the file may hold what was never meant
/// for it, such as a token.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read. The cause stands in the text and is no `source`, so that a printed chain does not say it twice.
    #[error("{file}: could not be read: {cause}")]
    Read {
        /// The file.
        file: String,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// The file is larger than any configuration can be.
    #[error("{file}: larger than {limit} bytes, which is more than a ConfigMap can hold")]
    TooLarge {
        /// The file.
        file: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The file is not text.
    #[error("{file}: not a text in UTF-8")]
    NotText {
        /// The file.
        file: String,
    },
    /// Its structure is wrong: no YAML, a wrong type, an unknown key. The first such mistake; those after it can't be told.
    #[error("{0}")]
    Structure(Box<StructureMistake>),
    /// Its structure is right and its meaning is not: all such mistakes.
    #[error("{}", semantic_report(file, mistakes))]
    Meaning {
        /// The file.
        file: String,
        /// The mistakes, in the order of the file; never empty.
        mistakes: Vec<Mistake>,
    },
}

/// The first mistake in a file's structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureMistake {
    /// The file.
    pub file: String,
    /// Its line, from 1; 0 = the whole file.
    pub line: u64,
    /// Its column, from 1; 0 = the whole line.
    pub column: u64,
    /// What is wrong.
    pub what: String,
    /// The line of the file, with a mark under the place; empty where no line is to blame.
    pub excerpt: String,
    /// What could be done about it.
    pub help: Option<String>,
}

/// One mistake in what the file means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The key's path: `policies[0].causes[1]`.
    pub path: String,
    /// Its line, from 1.
    pub line: u64,
    /// Its column, from 1.
    pub column: u64,
    /// What is wrong.
    pub what: String,
    /// The line of the file, with a mark under the place.
    pub excerpt: String,
    /// What to write instead.
    pub help: String,
}

impl ConfigError {
    /// One line without any line of the file: for logs and answers over HTTP.
    pub fn summary(&self) -> String {
        match self {
            Self::Read { .. } | Self::TooLarge { .. } | Self::NotText { .. } => self.to_string(),
            Self::Structure(mistake) => format!(
                "{}:{}:{}: {}",
                mistake.file, mistake.line, mistake.column, mistake.what
            ),
            Self::Meaning { file, mistakes } => {
                let places: Vec<String> = mistakes
                    .iter()
                    .map(|mistake| format!("{} (line {})", mistake.path, mistake.line))
                    .collect();
                format!(
                    "{file}: {} in {}",
                    counted(mistakes.len(), "mistake"),
                    places.join(", ")
                )
            }
        }
    }
}

impl fmt::Display for StructureMistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            what,
            excerpt,
            help,
        } = self;
        let place = format!("{file}:{line}:{column}");
        formatter.write_str(&paragraph(&place, what, excerpt, help.as_deref()))
    }
}

fn semantic_report(file: &str, mistakes: &[Mistake]) -> String {
    let mut report: Vec<String> = mistakes
        .iter()
        .map(|mistake| {
            let Mistake {
                path,
                line,
                column,
                what,
                excerpt,
                help,
            } = mistake;
            let place = format!("{file}:{line}:{column}: {path}");
            paragraph(&place, what, excerpt, Some(help)) + "\n"
        })
        .collect();
    report.push(format!("{file}: {}", counted(mistakes.len(), "mistake")));
    report.join("\n")
}

fn paragraph(place: &str, what: &str, excerpt: &str, help: Option<&str>) -> String {
    let mut lines = vec![place.to_owned(), wrapped("  error: ", what)];
    if !excerpt.is_empty() {
        lines.push(excerpt.to_owned());
    }
    lines.extend(help.map(|help| wrapped("  help: ", help)));
    lines.join("\n")
}

/// A line of the file with a mark under a column, both from 1, cropped to the width of a report. The reader's own snippets are not used:
/// where they crop a long line, they name the cropped column.
pub(super) fn excerpt(text: &str, line: u64, column: u64) -> String {
    let index = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(source) = text.lines().nth(index(line)).filter(|_| line > 0) else {
        return String::new();
    };
    let lead = format!("  {line} | ");
    let room = WIDTH.saturating_sub(lead.chars().count()).max(1);
    let column = index(column);
    // Half the room in front of the mark, but no more in front than what the end of the line leaves free.
    let length = source.chars().count();
    let skipped = column
        .saturating_sub(room / 2)
        .min(length.saturating_sub(room));
    let cropped: String = printable(source).chars().skip(skipped).take(room).collect();
    let first = if skipped > 0 { "…" } else { "" };
    let shown: String = cropped.chars().skip(first.chars().count()).collect();
    let mark = " ".repeat(column.min(length).saturating_sub(skipped));
    let gutter = " ".repeat(lead.chars().count().saturating_sub(2));
    format!("{lead}{first}{shown}\n{gutter}| {mark}^")
}

/// A text from the file without what could move a terminal's cursor or colour it.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// `1 mistake`, `2 mistakes`, `1 policy`, `2 policies`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}

/// A text behind a first word, folded at spaces; the lines that follow stand under the text.
pub(super) fn wrapped(lead: &str, text: &str) -> String {
    let indent = " ".repeat(lead.chars().count());
    let mut folded = lead.to_owned();
    let mut used = lead.chars().count();
    let mut first = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if !first && used + 1 + length > WIDTH {
            folded.push('\n');
            folded.push_str(&indent);
            used = indent.len();
            first = true;
        }
        if !first {
            folded.push(' ');
            used += 1;
        }
        folded.push_str(word);
        used += length;
        first = false;
    }
    folded
}

/// The candidate that was probably meant.
pub(super) fn nearest<'a>(
    text: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = text.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::osa_distance(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        // A third of the word may differ: farther away is another word, and a wrong guess is worse than none.
        .filter(|(distance, candidate)| {
            *distance <= (text.chars().count().max(candidate.chars().count()) / 3).max(1)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_word_is_not_taken_for_a_slip() {
        assert_eq!(nearest("payments", ["lab30", "default"]), None);
        assert_eq!(nearest("", ["dry-run"]), None);
    }

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        for (slip, meant) in [
            ("enforced", "enforce"),
            ("dryrun", "dry-run"),
            ("deployments", "Deployment"),
            ("imagenotfound", "ImageNotFound"),
        ] {
            let words = ["dry-run", "enforce", "Deployment", "ImageNotFound"];
            assert_eq!(nearest(slip, words), Some(meant));
        }
    }

    #[test]
    fn a_mark_stands_under_its_column_however_long_the_line_is() {
        let line = format!("{}X{}", "a".repeat(200), "b".repeat(200));
        for (text, column) in [
            (line.as_str(), 201),
            ("X", 1),
            ("keyX", 4),
            (&line[200..], 1),
            (&line[..201], 201),
        ] {
            let shown = excerpt(&format!("first\n{text}\nlast"), 2, column);
            let (source, mark) = shown.split_once('\n').unwrap();
            let at = mark.chars().position(|character| character == '^');
            assert_eq!(
                source.chars().position(|character| character == 'X'),
                at,
                "{shown}"
            );
            assert!(source.chars().count() <= WIDTH, "{shown}");
        }
        assert_eq!(excerpt("one line", 0, 0), "");
        assert_eq!(excerpt("one line", 7, 1), "");
        assert!(excerpt("one line", 1, 900).ends_with("         ^"));
        assert!(!excerpt("\u{1b}[31mred", 1, 1).contains('\u{1b}'));
    }

    #[test]
    fn long_texts_fold_within_the_width_under_their_lead() {
        let folded = wrapped("  help: ", &"word ".repeat(40));
        assert!(folded.lines().count() > 1);
        assert!(folded.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(
            folded
                .lines()
                .skip(1)
                .all(|line| line.starts_with("        word"))
        );
    }
}
