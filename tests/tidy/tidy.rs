//! The style of the project as an ordinary test.
//!
//! What a reviewer would have to look for by eye in every change is looked for here in the whole
//! tree. Each rule is a function from a file to findings, with tests of its own that show that it
//! can fail; `tests/tree.rs` applies all of them to the tree.

pub mod docs;
pub mod head;
pub mod leftovers;
pub mod places;
pub mod scrub;
pub mod size;
pub mod tree;

use std::fmt;

/// One breach of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the root of the tree.
    pub path: String,
    /// Counted from 1; 0 is the file as a whole.
    pub line: usize,
    /// What is wrong, in words that say what to do.
    pub what: String,
}

impl Finding {
    /// A finding at a line, counted from 0 as `enumerate` does.
    pub fn at(source: &tree::Source, index: usize, what: impl Into<String>) -> Self {
        Self { path: source.path.clone(), line: index + 1, what: what.into() }
    }

    /// A finding about a file as a whole.
    pub fn whole(source: &tree::Source, what: impl Into<String>) -> Self {
        Self { path: source.path.clone(), line: 0, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}
