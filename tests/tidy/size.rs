//! How long files, functions and lines may be.
//!
//! A file that does not fit has two subjects, and a function that does not fit on a screen is not
//! read but believed. Tests are stories and may be as long as they need.

use crate::Finding;
use crate::scrub::closing_brace;
use crate::tree::{Language, Source};

#[cfg(test)]
mod tests;

/// Lines of a file, its tests not counted.
pub const FILE_LINES_MAX: usize = 400;
/// Lines of a function, from its name to its last brace.
pub const FUNCTION_LINES_MAX: usize = 70;
/// Columns of a line of code.
pub const LINE_COLUMNS_MAX: usize = 100;

/// Files of more than [`FILE_LINES_MAX`] lines.
pub fn files(source: &Source) -> Vec<Finding> {
    let lines = source.in_test.iter().filter(|in_test| !**in_test).count();
    if !source.language.is_code() || lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![Finding::whole(source, format!("{lines} lines, at most {FILE_LINES_MAX}: split it"))]
}

/// Functions of more than [`FUNCTION_LINES_MAX`] lines.
pub fn functions(source: &Source) -> Vec<Finding> {
    let spans = match source.language {
        Language::Rust => rust_functions(source),
        Language::Python => python_functions(source),
        _ => Vec::new(),
    };
    let too_long = |(first, last): &(usize, usize)| {
        !source.in_test[*first] && last - first + 1 > FUNCTION_LINES_MAX
    };
    let finding = |(first, last): (usize, usize)| {
        let lines = last - first + 1;
        Finding::at(source, first, format!("{lines} lines, at most {FUNCTION_LINES_MAX}"))
    };
    spans.into_iter().filter(too_long).map(finding).collect()
}

/// Lines of code of more than [`LINE_COLUMNS_MAX`] columns. Addresses cannot be broken.
pub fn lines(source: &Source) -> Vec<Finding> {
    if !source.language.is_code() {
        return Vec::new();
    }
    let wide = |line: &&String| line.chars().count() > LINE_COLUMNS_MAX && !line.contains("://");
    source
        .lines
        .iter()
        .enumerate()
        .filter(|(_, line)| wide(line))
        .map(|(i, line)| Finding::at(source, i, format!("{} columns wide", line.chars().count())))
        .collect()
}

/// First and last line of each function with a body.
fn rust_functions(source: &Source) -> Vec<(usize, usize)> {
    let code = &source.scrubbed.code;
    let declares = |line: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_')
            .collect::<Vec<_>>()
            .windows(2)
            .any(|pair| pair[0] == "fn" && !pair[1].is_empty())
    };
    (0..code.len())
        .filter(|index| declares(&code[*index]))
        .filter_map(|index| Some((index, closing_brace(code, index)?)))
        .collect()
}

/// First and last line of each `def`, by indentation.
fn python_functions(source: &Source) -> Vec<(usize, usize)> {
    let statements = python_statements(source);
    let mut found = Vec::new();
    for (at, (first, indent)) in statements.iter().enumerate() {
        let text = source.scrubbed.code[*first].trim_start();
        if !text.starts_with("def ") && !text.starts_with("async def ") {
            continue;
        }
        let inside = |(_, other): &&(usize, usize)| other > indent;
        let body = statements[at + 1..].iter().take_while(inside).count();
        let next = statements.get(at + 1 + body).map_or(source.lines.len(), |(line, _)| *line);
        let blank = |line: &&String| line.trim().is_empty();
        let trailing = source.lines[*first..next].iter().rev().take_while(blank).count();
        found.push((*first, next - 1 - trailing));
    }
    found
}

/// Line and indentation of each statement's beginning: no blank lines, comments, or lines inside
/// of brackets or strings.
fn python_statements(source: &Source) -> Vec<(usize, usize)> {
    let mut open = 0_i32;
    let mut found = Vec::new();
    for (index, code) in source.scrubbed.code.iter().enumerate() {
        let begins = open == 0 && !source.scrubbed.continues[index] && !code.trim().is_empty();
        if begins {
            found.push((index, code.len() - code.trim_start().len()));
        }
        for c in code.chars() {
            match c {
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' => open -= 1,
                _ => {}
            }
        }
    }
    found
}
