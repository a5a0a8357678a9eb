//! The files of the tree, read once and prepared for the rules.
//!
//! Only what people write counts: build output, virtual environments, packages of others and
//! generated code are not read at all.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::scrub::{self, Scrubbed};

#[cfg(test)]
mod tests;

/// Folders that hold no file of ours, wherever they are.
const FOREIGN: &[&str] =
    &["target", "node_modules", "__pycache__", "dist", "gen", "out", "staticfiles", "snapshots"];

/// What a file is written in, as far as the rules treat it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `.rs`
    Rust,
    /// `.py` and `.pyi`
    Python,
    /// `.proto`
    Proto,
    /// `.js`, `.mjs` and `.cjs`
    JavaScript,
    /// `.rb` and `.ru`
    Ruby,
    /// `.sh`, `Makefile` and the scripts in `.ci`
    Shell,
    /// `.md`
    Markdown,
    /// `.toml`, `.txt` and the like: only names of places are looked for.
    Other,
}

impl Language {
    /// By the name of the file; `None` for what no rule reads.
    pub fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name == "Cargo.lock" {
            return None;
        }
        if name == "Makefile" || path.starts_with(".ci/") {
            return Some(Self::Shell);
        }
        match name.rsplit_once('.')?.1 {
            "rs" => Some(Self::Rust),
            "py" | "pyi" => Some(Self::Python),
            "proto" => Some(Self::Proto),
            "js" | "mjs" | "cjs" => Some(Self::JavaScript),
            "rb" | "ru" => Some(Self::Ruby),
            "sh" => Some(Self::Shell),
            "md" => Some(Self::Markdown),
            "toml" | "txt" | "json" | "html" | "css" | "yml" | "yaml" => Some(Self::Other),
            _ => None,
        }
    }

    /// Whether the rules about code hold for it.
    pub fn is_code(self) -> bool {
        !matches!(self, Self::Markdown | Self::Other)
    }
}

/// One file of the tree.
#[derive(Debug)]
pub struct Source {
    /// Relative to the root, with `/`.
    pub path: String,
    /// What it is written in.
    pub language: Language,
    /// As it is, line by line.
    pub lines: Vec<String>,
    /// The same lines with strings and comments taken apart.
    pub scrubbed: Scrubbed,
    /// Per line: whether it is part of a test.
    pub in_test: Vec<bool>,
}

impl Source {
    /// A file from its text; this is also how the rules' own tests make one.
    pub fn new(path: &str, language: Language, text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let scrubbed = scrub::scrub(text, language);
        let in_test = if is_test_file(path) {
            vec![true; lines.len()]
        } else if language == Language::Rust {
            rust_test_lines(&scrubbed.code)
        } else {
            vec![false; lines.len()]
        };
        Self { path: path.to_owned(), language, lines, scrubbed, in_test }
    }

    /// A file as it would be read from a path, for the rules' own tests.
    ///
    /// # Panics
    ///
    /// When no rule reads files of that name.
    pub fn sample(path: &str, text: &str) -> Self {
        let language = Language::of(path).expect("the sample's name has a known ending");
        Self::new(path, language, text)
    }
}

/// `tests.rs`, and everything in a folder of tests.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|part| part == "tests" || part == "fuzz")
}

/// The lines of `#[cfg(test)]` items, up to the brace that closes them.
fn rust_test_lines(code: &[String]) -> Vec<bool> {
    let mut marks = vec![false; code.len()];
    let mut at = 0;
    while at < code.len() {
        if code[at].trim_start().starts_with("#[cfg(test)]") {
            let end = scrub::closing_brace(code, at).unwrap_or(at);
            marks[at..=end].fill(true);
            at = end;
        }
        at += 1;
    }
    marks
}

/// The root of the tree that this crate was built in.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two folders below the root")
        .to_owned()
}

/// Every file that a rule reads, by path.
///
/// # Errors
///
/// When a folder or file cannot be read.
pub fn read() -> io::Result<Vec<Source>> {
    let root = root();
    let mut paths = Vec::new();
    collect(&root, &root, &mut paths)?;
    paths.sort();
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        if let Some(language) = Language::of(&path) {
            let text = fs::read_to_string(root.join(&path))
                .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
            sources.push(Source::new(&path, language, &text));
        }
    }
    mark_test_modules(&mut sources);
    Ok(sources)
}

/// Marks files that only a `#[cfg(test)] mod name;` brings in: what tests share.
fn mark_test_modules(sources: &mut [Source]) {
    let of_tests: Vec<String> = sources.iter().flat_map(test_modules).collect();
    for source in sources.iter_mut().filter(|source| of_tests.contains(&source.path)) {
        source.in_test.fill(true);
    }
}

/// The files of the modules that a file declares for tests.
fn test_modules(source: &Source) -> Vec<String> {
    let stem = source.path.strip_suffix(".rs").unwrap_or_default();
    let folder = ["lib", "main", "mod"]
        .iter()
        .find_map(|name| stem.strip_suffix(name)?.strip_suffix('/'))
        .unwrap_or(stem);
    let code = &source.scrubbed.code;
    let declared = code.windows(2).filter(|pair| pair[0].trim() == "#[cfg(test)]");
    declared
        .filter_map(|pair| pair[1].trim().strip_prefix("mod ")?.strip_suffix(';'))
        .map(|name| format!("{folder}/{name}.rs"))
        .collect()
}

fn collect(root: &Path, folder: &Path, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && name != ".ci";
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() && !hidden && !FOREIGN.contains(&name.as_str()) && !is_venv(&path) {
            collect(root, &path, paths)?;
        } else if kind.is_file() && !hidden {
            let relative = path.strip_prefix(root).expect("the walk starts at the root");
            paths.push(relative.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

/// A virtual environment of whatever name somebody gave it.
fn is_venv(folder: &Path) -> bool {
    folder.join("pyvenv.cfg").exists()
}
