//! The first line of a file says what it is.
//!
//! It is what a reader sees first and what a search for "where is the part that" finds.

use crate::Finding;
use crate::tree::{Language, Source};

#[cfg(test)]
mod tests;

/// Words below which a first line says nothing. "The queue." is fine.
const WORDS_MIN: usize = 2;

/// Files that do not begin by saying what they are.
pub fn check(source: &Source) -> Vec<Finding> {
    let shebang = source.lines.first().is_some_and(|line| line.starts_with("#!"));
    let first = source.lines.get(usize::from(shebang)).map_or("", |line| line.trim());
    let (mark, text) = match source.language {
        Language::Rust => ("//! ", first.strip_prefix("//! ")),
        Language::Python => ("\"\"\"", python_docstring(first)),
        Language::Proto | Language::JavaScript => ("// ", first.strip_prefix("// ")),
        Language::Ruby | Language::Shell => ("# ", first.strip_prefix("# ")),
        Language::Markdown => ("# ", first.strip_prefix("# ")),
        Language::Other => return Vec::new(),
    };
    let words = text.map_or(0, |text| text.split_whitespace().count());
    // The title of a page may be one word.
    let enough = if source.language == Language::Markdown { 1 } else { WORDS_MIN };
    if words >= enough {
        return Vec::new();
    }
    vec![Finding::at(source, 0, format!("the first line should say what this is: {mark}..."))]
}

/// A docstring, or the comment that stands for one in a stub or a script.
fn python_docstring(first: &str) -> Option<&str> {
    let open = |quotes: &str| first.trim_start_matches('r').strip_prefix(quotes);
    open("\"\"\"").or_else(|| first.strip_prefix("# "))
}
