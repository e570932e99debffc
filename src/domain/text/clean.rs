//! What could fool a terminal, a page or a reader: taken out.

use std::str::Chars;

/// The text on one line, without control characters, terminal escapes, marks of direction and characters without width. Line ends and
/// tabs become spaces; the ends are trimmed.
pub fn clean(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut rest),
            '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => kept.push(' '),
            character if is_unseen(character) => {}
            character => kept.push(character),
        }
    }
    kept.trim().to_owned()
}

/// Characters that are there and can't be seen, or that turn what can be seen around (Unicode: Bidi_Control, Default_Ignorable).
fn is_unseen(character: char) -> bool {
    let code = u32::from(character);
    character.is_control()
        || matches!(
            code,
            0xAD | 0x034F
                | 0x061C
                | 0x115F
                | 0x1160
                | 0x17B4
                | 0x17B5
                | 0x180B..=0x180F
                | 0x200B..=0x200F
                | 0x202A..=0x202E
                | 0x2060..=0x206F
                | 0x3164
                | 0xFDD0..=0xFDEF
                | 0xFE00..=0xFE0F
                | 0xFEFF
                | 0xFFA0
                | 0xFFF0..=0xFFFB
                | 0xE0000..=0xE0FFF
        )
        // The last two code points of every plane are no characters at all.
        || code & 0xFFFE == 0xFFFE
}

/// After ESC: a control sequence, a string for the terminal, or one of the short escapes (ECMA-48).
fn skip_escape(rest: &mut Chars<'_>) {
    let mut ahead = rest.clone();
    match ahead.next() {
        Some('[') => {
            *rest = ahead;
            skip_control_sequence(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            *rest = ahead;
            skip_string(rest);
        }
        Some(' '..='/') if matches!(ahead.next(), Some('0'..='~')) => *rest = ahead,
        Some('0'..='~') => *rest = ahead,
        _ => {}
    }
}

/// Parameters, intermediates and one final character; what breaks off is left to be read as text.
fn skip_control_sequence(rest: &mut Chars<'_>) {
    let mut ahead = rest.clone();
    while let Some(character) = ahead.next() {
        match character {
            ' '..='?' => {}
            '@'..='~' => {
                *rest = ahead;
                return;
            }
            _ => return,
        }
    }
}

/// A window's title, a link, …: up to its end on the same line. One without an end hides nothing: its text is kept.
fn skip_string(rest: &mut Chars<'_>) {
    // Longer than any title or link that a program writes; a hostile line must not make this quadratic.
    const LONGEST: usize = 2048;
    let mut ahead = rest.clone();
    for _ in 0..LONGEST {
        match ahead.next() {
            Some('\u{7}' | '\u{9c}') => {
                *rest = ahead;
                return;
            }
            Some('\u{1b}') => {
                if ahead.next() == Some('\\') {
                    *rest = ahead;
                }
                return;
            }
            None | Some('\n') => return,
            Some(_) => {}
        }
    }
}
