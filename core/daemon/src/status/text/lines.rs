//! Lines of text within their columns.

use super::COLUMNS;

/// What came from outside, so that it cannot move the cursor or fake another line. Letters of
/// all scripts stay: an error message may be in any language.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\t' => out.push_str("    "),
            char if char.is_control() => out.extend(char.escape_default()),
            char => out.push(char),
        }
    }
    out
}

/// `start`, then the parts with `gap` between them; where a line would be too long it goes on in
/// the next one, after `indent`.
pub(super) fn fill(start: &str, parts: &[String], gap: &str, indent: &str) -> String {
    let mut out = String::from(start);
    let mut width = columns(start);
    for (place, part) in parts.iter().enumerate() {
        if place > 0 && width + columns(gap) + columns(part) > COLUMNS {
            out.push('\n');
            out.push_str(indent);
            width = columns(indent);
        } else if place > 0 {
            out.push_str(gap);
            width += columns(gap);
        }
        out.push_str(part);
        width += columns(part);
    }
    out.push('\n');
    out
}

/// At most so many columns of a text from outside.
pub(super) fn clip(text: &str, room: usize) -> String {
    let text = clean(text);
    if columns(&text) <= room {
        return text;
    }
    let kept: String = text.chars().take(room.saturating_sub(2)).collect();
    kept + ".."
}

/// `left`, and `right` ending at the given column, or after a gap if there is no room.
pub(super) fn right(left: &str, right: &str, end: usize) -> String {
    let room = end.saturating_sub(columns(left) + columns(right)).max(3);
    format!("{left}{:room$}{right}\n", "")
}

pub(super) fn columns(text: &str) -> usize {
    text.chars().count()
}
