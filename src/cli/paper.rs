//! Eighty columns: labels, wrapped text, colours that a pipe does not get.

use crate::domain::text::clean;
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// However wide the terminal is: longer lines are hard to read, and this fits everywhere.
pub(in crate::cli) const COLUMNS: usize = 80;
/// The width of an entry's label.
pub(in crate::cli) const LABEL: usize = 14;

/// What a text is, and so how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Ink {
    Plain,
    Title,
    Label,
    Faint,
    Good,
    Careful,
    Bad,
}

impl Ink {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Title => Style::new().bold(),
            Self::Label => AnsiColor::Cyan.on_default(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Careful => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
        }
    }
}

/// A cell in front of a text: how wide it is, how it looks, what is in it.
pub(in crate::cli) type Cell<'a> = (usize, Ink, &'a str);

/// A page that is being written.
#[derive(Default)]
pub(in crate::cli) struct Paper(String);

impl Paper {
    /// A headline over a rule.
    pub(in crate::cli) fn title(&mut self, text: &str) {
        self.blank();
        self.row(&[], Ink::Title, text);
        self.row(&[], Ink::Faint, &"-".repeat(COLUMNS));
    }

    /// An empty line.
    pub(in crate::cli) fn blank(&mut self) {
        self.0.push('\n');
    }

    /// A text beside a label.
    pub(in crate::cli) fn entry(&mut self, label: &str, ink: Ink, text: &str) {
        self.row(&[(LABEL, Ink::Label, label)], ink, text);
    }

    /// A text beside cells; further lines of it are indented to its beginning. No text, no row.
    pub(in crate::cli) fn row(&mut self, cells: &[Cell<'_>], ink: Ink, text: &str) {
        let indent: usize = cells.iter().map(|(width, _, _)| width).sum();
        for (number, line) in wrap(text, COLUMNS.saturating_sub(indent))
            .iter()
            .enumerate()
        {
            if number == 0 {
                for (width, ink, text) in cells {
                    let text = clean(text);
                    self.paint(*ink, &text);
                    let rest = width.saturating_sub(text.chars().count());
                    self.0.push_str(&" ".repeat(rest));
                }
            } else {
                self.0.push_str(&" ".repeat(indent));
            }
            self.paint(ink, line);
            self.blank();
        }
    }

    /// Entries without labels, under one.
    pub(in crate::cli) fn under(&mut self, label: &str, entries: &Paper) {
        let style = Ink::Label.style();
        let gap = " ".repeat(LABEL);
        if let Some(rest) = entries.0.strip_prefix(&gap) {
            let pad = LABEL.saturating_sub(label.chars().count());
            let _ = write!(self.0, "{style}{label}{style:#}{}{rest}", " ".repeat(pad));
        } else {
            self.0.push_str(&entries.0);
        }
    }

    /// Lines as they are: for a shell.
    pub(in crate::cli) fn raw(&mut self, lines: &str) {
        self.0.push_str(lines);
    }

    /// What was written.
    pub(in crate::cli) fn into_text(self) -> String {
        self.0
    }

    fn paint(&mut self, ink: Ink, text: &str) {
        if text.is_empty() {
            return;
        }
        let style = ink.style();
        // Writing into a String does not fail.
        let _ = write!(self.0, "{style}{text}{style:#}");
    }
}

/// To standard output, in colour where that is wanted (a terminal; `NO_COLOR` and `CLICOLOR_FORCE` have their say). A reader that has gone
/// away (`| head`) is no error of ours.
pub(in crate::cli) fn print(text: &str) {
    use std::io::Write as _;
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The same to standard error.
pub(in crate::cli) fn print_aside(text: &str) {
    use std::io::Write as _;
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// The lines of a text, at most so wide; a word that is longer is broken where it must be. Spaces in front of a line are kept.
fn wrap(text: &str, width: usize) -> Vec<String> {
    text.lines()
        .flat_map(|line| wrap_line(&visible(line), width))
        .collect()
}

/// A line without what could fool a terminal: a record, and above all a recorded one, may hold what no Ripcord has written.
fn visible(line: &str) -> String {
    let text = line.trim_start_matches(' ');
    let lead = line.len().saturating_sub(text.len());
    format!("{}{}", " ".repeat(lead), clean(text))
}

fn wrap_line(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let lead = text
        .chars()
        .take_while(|character| *character == ' ')
        .count();
    let mut lines = Vec::new();
    let mut line = " ".repeat(lead.min(width));
    let mut used = line.len();
    let mut begun = false;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if begun && used + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            (used, begun) = (0, false);
        }
        if begun {
            line.push(' ');
            used += 1;
        }
        for character in word.chars() {
            if used == width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(character);
            used += 1;
        }
        begun = true;
    }
    if begun {
        lines.push(line);
    }
    lines
}

/// What stands for words that were left out.
const GAP: &str = "[...]";

/// A text of at most so many characters: the words at its end are left out.
pub(in crate::cli) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let begin: String = text
        .chars()
        .take(most.saturating_sub(GAP.len() + 1))
        .collect();
    format!("{} {GAP}", whole_words(&begin))
}

/// The same, but words in its middle are left out: the end of an error often says most.
pub(in crate::cli) fn pinch(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let kept = most.saturating_sub(GAP.len() + 2);
    let end = fitting(words.iter().rev(), kept / 2);
    let used: usize = end.iter().map(|word| word.chars().count() + 1).sum();
    let begin = fitting(words.iter(), kept.saturating_sub(used));
    let all = begin.into_iter().chain([GAP]).chain(end.into_iter().rev());
    all.collect::<Vec<_>>().join(" ")
}

/// The first words, as long as they fit with a space between.
fn fitting<'a>(words: impl Iterator<Item = &'a &'a str>, most: usize) -> Vec<&'a str> {
    let mut used = 0;
    words
        .copied()
        .take_while(|word| {
            used += word.chars().count() + 1;
            used <= most + 1
        })
        .collect()
}

/// Without the word at the end that may be broken; a single word stays.
fn whole_words(text: &str) -> &str {
    text.rsplit_once(' ').map_or(text, |(words, _)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_it_may_be_and_no_word_is_lost() {
        let text = format!("a {} b  c", "x".repeat(25));
        let lines = wrap(&text, 10);
        assert!(
            lines.iter().all(|line| line.chars().count() <= 10),
            "{lines:?}"
        );
        let without = |text: &str| text.replace([' ', '\n'], "");
        assert_eq!(without(&lines.concat()), without(&text));
    }

    #[test]
    fn a_line_that_fits_stays_as_it_is() {
        assert_eq!(wrap("one two\n  three", 9), ["one two", "  three"]);
        assert_eq!(wrap("", 9), [""; 0]);
    }

    #[test]
    fn what_is_shortened_keeps_whole_words_of_its_beginning_or_of_both_ends() {
        let text = "one two three four five six";
        assert_eq!(cut(text, 16), "one two [...]");
        assert_eq!(pinch(text, 24), "one two [...] five six");
        assert_eq!(pinch("a bcdefghijklmnop q r", 14), "a [...] q r");
        assert_eq!(
            (cut(text, 27), pinch(text, 27)),
            (text.to_owned(), text.to_owned())
        );
    }

    #[test]
    fn what_is_shortened_is_never_too_long_even_where_it_is_one_word() {
        let text = "x".repeat(30);
        for most in 10..30 {
            assert!(cut(&text, most).len() <= most && pinch(&text, most).len() <= most);
        }
    }

    #[test]
    fn no_text_and_no_cell_can_fool_a_terminal() {
        let hostile = "a\u{1b}]0;title\u{7}\u{1b}[2Jb\u{202e}c\u{9b}31md\re";
        let mut paper = Paper::default();
        paper.title(hostile);
        paper.row(
            &[(4, Ink::Plain, hostile)],
            Ink::Plain,
            &format!("  {hostile}\n{hostile}"),
        );
        paper.entry(hostile, Ink::Bad, hostile);
        let text = anstream::adapter::strip_str(&paper.0).to_string();
        let fools = |it: char| it != '\n' && it.is_control() || "\u{202e}\u{9b}".contains(it);
        assert!(!text.contains(fools), "{text:?}");
        assert!(
            !text.contains("title") && text.contains("abcd e"),
            "{text:?}"
        );
        // What is left are our own colours.
        let escapes = paper.0.matches('\u{1b}').count();
        let ours = paper.0.matches("\u{1b}[1m").count() + paper.0.matches("\u{1b}[0m").count();
        let inks = ["\u{1b}[2m", "\u{1b}[31m", "\u{1b}[36m"];
        let inks: usize = inks.iter().map(|ink| paper.0.matches(ink).count()).sum();
        assert_eq!(escapes, ours + inks, "{:?}", paper.0);
    }

    #[test]
    fn a_row_without_text_is_no_row() {
        let mut paper = Paper::default();
        paper.entry("label", Ink::Plain, "");
        assert_eq!(paper.into_text(), "");
    }
}
