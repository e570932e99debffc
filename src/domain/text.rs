//! Text from outside: cleaned of what could fool a terminal or a page, redacted of what must not be stored, and bounded.
//!
//! Everything that is kept or shown passes [`safe`]. What it takes for a secret is gone for good: nothing unredacted is stored anywhere.

mod clean;
mod entropy;
mod redact;

pub use clean::clean;
pub use redact::redact;

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// No more of a text than this is ever searched, in bytes: eight times the longest text that a record keeps, and little enough
/// that a log line of megabytes costs as much as an ordinary one.
const SEARCHED_BYTES: usize = 8 * 1024;

/// What was cut off.
const CUT: &str = "…";

/// At most `limit` bytes, cut at a character's edge, with `…` where something was cut.
pub fn truncate(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    format!("{}{CUT}", head(text, limit.saturating_sub(CUT.len())))
}

/// Cleaned, redacted and cut to `limit` bytes, in this order: a secret that a cut or a control character would hide from the patterns
/// never gets through. Safe text stays as it is when it is made safe again.
pub fn safe(text: &str, limit: usize) -> String {
    // A cut can leave a mark half-written, which the next pass writes out again; two passes settle that in practice.
    const PASSES: usize = 8;
    let limit = limit.min(SEARCHED_BYTES);
    let mut settled = clean(text);
    for _ in 0..PASSES {
        let next = truncate(&redact(&settled), limit);
        if next == settled {
            return settled;
        }
        settled = next;
    }
    truncate(REDACTED, limit)
}

/// The part of a text that is searched. A cut falls between words: the first half of a secret would not look like one.
fn bounded(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= SEARCHED_BYTES {
        return text.into();
    }
    let whole = head(text, SEARCHED_BYTES - CUT.len());
    let edge = whole
        .rfind([' ', '\n', '"', ',', ';', '{', '}'])
        .unwrap_or(0);
    format!("{}{CUT}", head(whole, edge)).into()
}

/// The first bytes of a text, cut at a character's edge.
fn head(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
