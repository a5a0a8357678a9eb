//! What was meant to be taken out again, and the promises that must be written down.
//!
//! Clippy finds some of it too, but not in comments, not in Python, and not where somebody has
//! told it to look away.

use crate::Finding;
use crate::tree::{Language, Source};

#[cfg(test)]
mod tests;

/// Never in code.
const IN_RUST: &[&str] = &["todo!", "dbg!", "unimplemented!", "#[ignore", "#[allow(", "#![allow("];
const IN_PYTHON: &[&str] = &["breakpoint()", "set_trace()", "import pdb"];
/// Never in comments or prose, as words of their own.
const IN_COMMENTS: &[&str] = &["FIXME", "XXX", "TODO", "HACK"];
/// Lines above an `unsafe` in which its reason has to begin.
const SAFETY_LINES: usize = 8;

/// Code and comments that were meant to go.
pub fn check(source: &Source) -> Vec<Finding> {
    let in_code = match source.language {
        Language::Rust => IN_RUST,
        Language::Python => IN_PYTHON,
        _ => &[],
    };
    let mut found = Vec::new();
    for (index, code) in source.scrubbed.code.iter().enumerate() {
        for word in in_code.iter().filter(|word| code.contains(**word)) {
            found.push(Finding::at(source, index, format!("{word} is left over")));
        }
    }
    for (index, comment) in source.scrubbed.comments.iter().enumerate() {
        let words = || comment.split(|c: char| !c.is_alphanumeric());
        for word in IN_COMMENTS.iter().filter(|word| words().any(|w| w == **word)) {
            found.push(Finding::at(source, index, format!("{word} is left over")));
        }
    }
    found
}

/// `unwrap()` outside of tests: an error that nobody thought about.
pub fn unwraps(source: &Source) -> Vec<Finding> {
    if source.language != Language::Rust {
        return Vec::new();
    }
    let what = "unwrap() outside of tests: handle it, or expect(\"why it cannot happen\")";
    let lines = source.scrubbed.code.iter().zip(&source.in_test).enumerate();
    lines
        .filter(|(_, (code, in_test))| !**in_test && code.contains(".unwrap()"))
        .map(|(index, _)| Finding::at(source, index, what))
        .collect()
}

/// `unsafe` without the reason why it is sound.
pub fn unsafes(source: &Source) -> Vec<Finding> {
    if source.language != Language::Rust {
        return Vec::new();
    }
    let is_unsafe = |code: &str| {
        let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| word == "unsafe") && !code.contains("#[unsafe(")
    };
    let mut found = Vec::new();
    for (index, code) in source.scrubbed.code.iter().enumerate() {
        let above = &source.scrubbed.comments[index.saturating_sub(SAFETY_LINES)..=index];
        // A function that is unsafe to call says so to its callers, in its documentation.
        let told = |line: &String| line.contains("SAFETY:") || line.contains("# Safety");
        if is_unsafe(code) && !above.iter().any(told) {
            found.push(Finding::at(source, index, "unsafe without a // SAFETY: comment"));
        }
    }
    found
}
