//! Files of `NAME=value` lines, as `docker --env-file`, systemd and dotenv read them.

use super::error::{ConfigError, Origin};
use std::path::Path;

/// Reads the file at `path`.
///
/// # Errors
/// It cannot be read, or a line is neither empty, a comment nor `NAME=value`.
pub(super) fn read(path: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.display().to_string(), source })?;
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let pair = line.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        let Some((name, value)) = pair.filter(|(name, _)| is_name(name)) else {
            let origin = Origin::File { path: path.to_owned(), line: index + 1 };
            return Err(ConfigError::Syntax { origin, message: "expected NAME=value".to_owned() });
        };
        pairs.push((name.to_owned(), unquoted(value)));
    }
    Ok(pairs)
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// Without quotes around it: single ones keep everything, in double ones `\n`, `\"` and `\\` are
/// known. Without quotes a comment may follow after a space.
fn unquoted(value: &str) -> String {
    let inside = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(text) = inside('\'') {
        return text.to_owned();
    }
    if let Some(text) = inside('"') {
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match (c, chars.clone().next()) {
                ('\\', Some('n')) => out.push('\n'),
                ('\\', Some(quoted @ ('"' | '\\' | '$'))) => out.push(quoted),
                _ => {
                    out.push(c);
                    continue;
                }
            }
            chars.next();
        }
        return out;
    }
    value.split(" #").next().unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        parse(text, Path::new(".env")).unwrap()
    }

    #[test]
    fn common_lines_are_read() {
        let text = "# comment\n\nA=1\nexport B = two words # note\nC='it # stays'\n\
                    D=\"a\\nb \\\"c\\\"\"\nE=\nF=a=b\n";
        let pairs = read(text);
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "it # stays"),
            ("D", "a\nb \"c\""),
            ("E", ""),
            ("F", "a=b"),
        ];
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn a_line_that_is_nothing_is_an_error_with_its_number() {
        let error = parse("A=1\nwhat?\n", Path::new(".env")).unwrap_err();
        assert_eq!(error.to_string(), ".env:2: expected NAME=value");
    }
}
