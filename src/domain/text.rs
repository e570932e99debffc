//! Text from outside: cleaned of what could fool a terminal or a page, redacted of what must not be stored, and bounded.

/// At most `limit` bytes, cut at a character's edge, with `…` where something was cut.
pub fn truncate(text: &str, limit: usize) -> String {
    const MARK: &str = "…";
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", text.get(..end).unwrap_or_default())
}

/// TEMPORARY
pub fn safe(text: &str, limit: usize) -> String {
    truncate(text, limit)
}
/// TEMPORARY
pub fn redact(text: &str) -> String {
    text.to_owned()
}
