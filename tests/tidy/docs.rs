//! Prose that names things names things that exist.
//!
//! Links, decision records, and the files and tests that ARCHITECTURE.md points to. Documentation
//! goes wrong when the thing it names moves; this makes the move fail instead.

use std::path::Path;

use crate::Finding;
use crate::tree::{Language, Source};

#[cfg(test)]
mod tests;

/// A name with this many underscores is meant to be a test, for tests are sentences.
const TEST_NAME_UNDERSCORES: usize = 3;

/// Links to files that do not exist. `exists` is asked about paths relative to the root.
pub fn links(source: &Source, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    if source.language != Language::Markdown {
        return Vec::new();
    }
    let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for (index, line) in prose(source) {
        for target in link_targets(&line) {
            let path = target.split('#').next().unwrap_or_default();
            let elsewhere = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
            if !elsewhere && !exists(&normalize(folder, path)) {
                found.push(Finding::at(source, index, format!("{path} does not exist")));
            }
        }
    }
    found
}

/// Decision records that their index does not list.
pub fn decisions(sources: &[Source]) -> Vec<Finding> {
    let folder = "docs/decisions/";
    let index = sources.iter().find(|source| source.path == format!("{folder}README.md"));
    let listed = |name: &str| {
        index.is_some_and(|index| {
            index.lines.iter().any(|line| line.contains(&format!("]({name})")))
        })
    };
    let mut found = Vec::new();
    for source in sources {
        let Some(name) = source.path.strip_prefix(folder) else { continue };
        if name != "README.md" && !listed(name) {
            found.push(Finding::whole(source, format!("{folder}README.md does not list it")));
        }
    }
    found
}

/// Files and tests named in ARCHITECTURE.md that do not exist. `has_test` is asked about names of
/// functions.
pub fn architecture(
    source: &Source,
    exists: &dyn Fn(&str) -> bool,
    has_test: &dyn Fn(&str) -> bool,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, line) in fenced_out(source) {
        for name in line.split('`').skip(1).step_by(2) {
            if is_path(name) && !exists(name.trim_end_matches('/')) {
                found.push(Finding::at(source, index, format!("no such file: {name}")));
            }
            if is_test_name(name) && !has_test(name) {
                found.push(Finding::at(source, index, format!("no such test: {name}")));
            }
        }
    }
    found
}

fn is_path(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    let ending = [".rs", ".py", ".md", ".proto", ".toml"].iter().any(|end| name.ends_with(end));
    name.chars().all(plain) && !name.starts_with('/') && (ending || name.contains('/'))
}

fn is_test_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.chars().all(plain) && name.matches('_').count() >= TEST_NAME_UNDERSCORES
}

/// The lines outside of fenced blocks.
fn fenced_out(source: &Source) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (index, line) in source.lines.iter().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((index, line.clone()));
        }
    }
    lines
}

/// The lines outside of fenced blocks, without what is in backticks.
fn prose(source: &Source) -> Vec<(usize, String)> {
    let without_code = |line: String| {
        line.split('`').enumerate().map(|(i, part)| if i % 2 == 0 { part } else { "x" }).collect()
    };
    fenced_out(source).into_iter().map(|(index, line)| (index, without_code(line))).collect()
}

/// What stands in `](...)`.
fn link_targets(line: &str) -> Vec<String> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split_whitespace().next().unwrap_or_default().to_owned())
        .collect()
}

/// `path` as seen from `folder`, without `.` and `..`.
fn normalize(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Whether a path relative to `root` exists.
pub fn exists_below(root: &Path) -> impl Fn(&str) -> bool + '_ {
    move |path| root.join(path).exists()
}

/// Whether one of the files has a function of that name.
pub fn function_in(sources: &[Source]) -> impl Fn(&str) -> bool + '_ {
    move |name| {
        let declared = [format!("fn {name}("), format!("def {name}(")];
        let declares = |line: &String| declared.iter().any(|d| line.contains(d.as_str()));
        sources.iter().any(|source| source.scrubbed.code.iter().any(declares))
    }
}
