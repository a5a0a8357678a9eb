//! A line: requests in the order in which they are served, by class and then by age.
//!
//! The pool has one line that all its processes take from. With `routing = "per-process"` each
//! process that serves has one of its own besides. A request is in exactly one of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::chain::{AGE, Chain, Nodes, Spot};
use crate::class::Class;
use crate::id::ProcessId;

/// One line: a chain by age for each class.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) ages: [Chain; Class::COUNT],
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.ages.iter().map(|chain| chain.len).sum()
    }

    /// Whose turn it is: of the first class in which any waits the oldest, or the newest.
    pub(super) fn next(&self, newest: bool) -> Option<Spot> {
        let chain = self.ages.iter().find(|chain| chain.len > 0)?;
        if newest { chain.last } else { chain.first }
    }

    /// The oldest one of each class.
    pub(super) fn heads(&self) -> impl Iterator<Item = Spot> {
        self.ages.iter().filter_map(|chain| chain.first)
    }

    /// In the order of service.
    pub(super) fn iter<'a>(&'a self, nodes: &'a Nodes) -> impl Iterator<Item = Spot> + 'a {
        self.ages.iter().flat_map(|chain| nodes.walk(chain, AGE))
    }
}

/// All lines of a pool.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Lines {
    pub(super) shared: Line,
    pub(super) private: BTreeMap<ProcessId, Line>,
    /// Those of `private`, the shortest first.
    by_len: BTreeSet<(usize, ProcessId)>,
}

impl Lines {
    pub(super) fn all(&self) -> impl Iterator<Item = &Line> {
        std::iter::once(&self.shared).chain(self.private.values())
    }

    pub(super) fn of(&self, owner: Option<ProcessId>) -> Option<&Line> {
        owner.map_or(Some(&self.shared), |process| self.private.get(&process))
    }

    /// Changes a line, and what is known of its length.
    pub(super) fn change<T>(
        &mut self,
        owner: Option<ProcessId>,
        change: impl FnOnce(&mut Line) -> T,
    ) -> Option<T> {
        let Some(process) = owner else { return Some(change(&mut self.shared)) };
        let line = self.private.get_mut(&process)?;
        let old = line.len();
        let changed = change(line);
        let new = line.len();
        if old != new {
            self.by_len.remove(&(old, process));
            self.by_len.insert((new, process));
        }
        Some(changed)
    }

    pub(super) fn open(&mut self, process: ProcessId) {
        if let std::collections::btree_map::Entry::Vacant(entry) = self.private.entry(process) {
            entry.insert(Line::default());
            self.by_len.insert((0, process));
        }
    }

    pub(super) fn close(&mut self, process: ProcessId) -> Option<Line> {
        let line = self.private.remove(&process)?;
        self.by_len.remove(&(line.len(), process));
        Some(line)
    }

    /// The process with the shortest line, of equals the oldest.
    pub(super) fn shortest(&self) -> Option<ProcessId> {
        self.by_len.first().map(|(_, process)| *process)
    }

    /// Panics if the index by length is not what the lines say.
    pub(super) fn check(&self) {
        let lens: BTreeSet<_> = self.private.iter().map(|(id, line)| (line.len(), *id)).collect();
        assert_eq!(self.by_len, lens, "the lengths of private lines are not known");
    }
}
