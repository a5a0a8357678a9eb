//! Takes strings and comments out of code, so that rules see one or the other.
//!
//! Not a parser: it knows how strings and comments begin and end in each language, which is all
//! that is needed to look for words and to match braces. Lines and columns stay where they are.

use crate::tree::Language;

#[cfg(test)]
mod tests;

/// The same lines twice: once with only the code, once with only the comments.
#[derive(Debug, Default)]
pub struct Scrubbed {
    /// Strings and comments are blank. The quotes stay.
    pub code: Vec<String>,
    /// Everything but comments is blank. For Markdown and data this is the text itself.
    pub comments: Vec<String>,
    /// Per line: whether it begins inside a string or comment that began on an earlier one.
    pub continues: Vec<bool>,
}

/// Where the reader is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Code,
    LineComment,
    /// With its depth: Rust's nest.
    BlockComment(u32),
    /// `end` closes it; a backslash escapes unless it is `raw`.
    Text {
        end: String,
        raw: bool,
    },
}

/// Takes `text` apart.
pub fn scrub(text: &str, language: Language) -> Scrubbed {
    if !language.is_code() {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let continues = vec![false; lines.len()];
        return Scrubbed { code: lines.clone(), comments: lines, continues };
    }
    let mut result = Scrubbed::default();
    let mut state = State::Code;
    for line in text.lines() {
        let inside = matches!(state, State::BlockComment(_) | State::Text { .. });
        result.continues.push(inside);
        let mut reader = Reader { chars: line.chars().collect(), at: 0, language };
        let mut code = String::new();
        let mut comment = String::new();
        while reader.at < reader.chars.len() {
            let before = reader.at;
            let was = state.clone();
            state = reader.step(state);
            let taken: String = reader.chars[before..reader.at].iter().collect();
            let blank = " ".repeat(taken.chars().count());
            let in_comment = |s: &State| matches!(s, State::LineComment | State::BlockComment(_));
            let stays = was == State::Code && state == State::Code;
            let quote = !in_comment(&was) && !in_comment(&state) && was != state;
            code.push_str(if stays || quote { &taken } else { &blank });
            comment.push_str(if in_comment(&was) || in_comment(&state) { &taken } else { &blank });
        }
        let unclosed = matches!(&state, State::Text { end, .. } if ends_with_line(end, language));
        if state == State::LineComment || unclosed {
            state = State::Code;
        }
        result.code.push(code);
        result.comments.push(comment);
    }
    result
}

/// Whether a string with this end cannot go on to the next line.
fn ends_with_line(end: &str, language: Language) -> bool {
    language == Language::Python && end.chars().count() == 1
}

/// One line and how far it was read.
struct Reader {
    chars: Vec<char>,
    at: usize,
    language: Language,
}

impl Reader {
    fn looking_at(&self, what: &str) -> bool {
        what.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn slashes(&self) -> bool {
        matches!(self.language, Language::Rust | Language::Proto | Language::JavaScript)
    }

    /// Takes at least one character and says where that leads.
    fn step(&mut self, state: State) -> State {
        match state {
            State::LineComment => {
                self.at = self.chars.len();
                State::LineComment
            }
            State::BlockComment(depth) => self.in_block_comment(depth),
            State::Text { end, raw } => self.in_text(end, raw),
            State::Code => self.in_code(),
        }
    }

    fn in_block_comment(&mut self, depth: u32) -> State {
        if self.looking_at("*/") {
            self.at += 2;
            return if depth == 1 { State::Code } else { State::BlockComment(depth - 1) };
        }
        if self.looking_at("/*") && self.language == Language::Rust {
            self.at += 2;
            return State::BlockComment(depth + 1);
        }
        self.at += 1;
        State::BlockComment(depth)
    }

    fn in_text(&mut self, end: String, raw: bool) -> State {
        if self.looking_at(&end) {
            self.at += end.chars().count();
            return State::Code;
        }
        let escape = !raw && self.chars[self.at] == '\\';
        self.at = (self.at + if escape { 2 } else { 1 }).min(self.chars.len());
        State::Text { end, raw }
    }

    fn in_code(&mut self) -> State {
        if self.slashes() && self.looking_at("//") || !self.slashes() && self.hash_comment() {
            self.at = self.chars.len();
            return State::LineComment;
        }
        if self.slashes() && self.looking_at("/*") {
            self.at += 2;
            return State::BlockComment(1);
        }
        if let Some(state) = self.opening_quote() {
            return state;
        }
        self.at += 1;
        State::Code
    }

    /// `#` begins a comment, but not inside of a shell word such as `$#` or `${#name}`.
    fn hash_comment(&self) -> bool {
        let glued = self.at > 0 && !self.chars[self.at - 1].is_whitespace();
        self.looking_at("#") && !(glued && self.language != Language::Python)
    }

    fn opening_quote(&mut self) -> Option<State> {
        match self.language {
            Language::Rust => self.rust_quote(),
            // An apostrophe in a here-document would swallow the rest of the file.
            Language::Shell => None,
            Language::Python => {
                for end in ["\"\"\"", "'''", "\"", "'"] {
                    if self.looking_at(end) {
                        let before: String = self.chars[..self.at].iter().rev().take(2).collect();
                        self.at += end.len();
                        let raw = before.to_lowercase().starts_with('r') && is_prefix(&before);
                        return Some(State::Text { end: end.to_owned(), raw });
                    }
                }
                None
            }
            _ => {
                let quote = self.chars[self.at];
                let opens = matches!(quote, '"' | '\'')
                    || quote == '`' && self.language == Language::JavaScript;
                opens.then(|| {
                    self.at += 1;
                    State::Text { end: quote.to_string(), raw: false }
                })
            }
        }
    }

    fn rust_quote(&mut self) -> Option<State> {
        if self.chars[self.at] == '"' {
            let hashes = self.chars[..self.at].iter().rev().take_while(|c| **c == '#').count();
            let raw = self.at > hashes && self.chars[self.at - hashes - 1] == 'r';
            self.at += 1;
            let end = if raw { format!("\"{}", "#".repeat(hashes)) } else { "\"".to_owned() };
            return Some(State::Text { end, raw });
        }
        if self.chars[self.at] == '\'' {
            // 'a' and '\n' are characters; 'a without a second quote is a lifetime.
            let escaped = self.chars.get(self.at + 1) == Some(&'\\');
            let closed = self.chars.get(self.at + 2) == Some(&'\'');
            if escaped || closed {
                self.at += 1;
                return Some(State::Text { end: "'".to_owned(), raw: false });
            }
        }
        None
    }
}

/// Whether the characters before a Python quote (nearest first) are a string prefix with an r.
fn is_prefix(before: &str) -> bool {
    let mut chars = before.chars();
    let _the_r = chars.next();
    chars.next().is_none_or(|c| !c.is_alphanumeric() || "bBfF".contains(c))
}

/// The line of the brace that closes the first one opened at or after `from`; `None` when a
/// semicolon comes first or the file ends.
pub fn closing_brace(code: &[String], from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    let mut nested = 0_i32;
    for (index, line) in code.iter().enumerate().skip(from) {
        for c in line.chars() {
            match c {
                '(' | '[' if depth == 0 => nested += 1,
                ')' | ']' if depth == 0 => nested -= 1,
                ';' if depth == 0 && nested == 0 => return None,
                '{' if nested == 0 => depth += 1,
                '}' if nested == 0 => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(index);
                    }
                }
                _ => {}
            }
        }
    }
    None
}
