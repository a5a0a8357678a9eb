//! Private lines: what `routing = "per-process"` is made of.
//!
//! A process that serves has a line of its own, and only its slots take from it. When it cannot
//! serve for a while or for ever (it died, drains, retires, goes out of band), its line closes and
//! those in it go back to the line that all share, with their age and their patience; from there
//! they are shared out anew.

use std::collections::BTreeMap;

use super::chain::{AGE, Spot};
use super::{Queue, Waiting};
use crate::class::Class;
use crate::id::ProcessId;

impl Queue {
    /// The process gets a line of its own.
    pub(crate) fn open_line(&mut self, process: ProcessId) {
        self.lines.open(process);
    }

    /// Its line closes: those in it wait for anyone now.
    pub(crate) fn close_line(&mut self, process: ProcessId) {
        let Some(line) = self.lines.close(process) else { return };
        for (class, chain) in Class::ALL.into_iter().zip(&line.ages) {
            let spots: Vec<Spot> = self.nodes.walk(chain, AGE).collect();
            self.merge(None, class, &spots);
        }
    }

    /// Whether anybody waits for this process and no other.
    pub(crate) fn waits_for(&self, process: ProcessId) -> bool {
        self.len_for(process) > 0
    }

    /// How many wait for this process and no other.
    pub(crate) fn len_for(&self, process: ProcessId) -> usize {
        self.lines.private.get(&process).map_or(0, super::line::Line::len)
    }

    /// Whether the process has a line of its own.
    pub(crate) fn has_line(&self, process: ProcessId) -> bool {
        self.lines.private.contains_key(&process)
    }

    /// Whether none waits for a particular process only.
    pub(crate) fn is_all_shared(&self) -> bool {
        self.lines.shared.len() == self.len()
    }

    /// The one whose turn it is in the line of a process; see [`Queue::next`].
    pub(crate) fn next_for(&self, process: ProcessId, newest: bool) -> Option<Waiting> {
        let line = self.lines.of(Some(process))?;
        line.next(newest).map(|spot| self.nodes[spot].wait)
    }

    /// Gives each request of the shared line to the shortest private one, if there is any. Ends
    /// are found at once; only those that were given back go into the middle of a line, and that
    /// costs one walk along it for all of them together.
    pub(crate) fn share_out(&mut self) {
        if self.lines.shared.len() == 0 || self.lines.shortest().is_none() {
            return;
        }
        for class in Class::ALL {
            let chain = &self.lines.shared.ages[class.index()];
            let spots: Vec<Spot> = self.nodes.walk(chain, AGE).collect();
            for (process, spots) in self.choose_lines(&spots) {
                spots.iter().for_each(|spot| self.leave_line(*spot));
                self.merge(Some(process), class, &spots);
            }
        }
    }

    /// The shortest line for each in turn.
    fn choose_lines(&self, spots: &[Spot]) -> BTreeMap<ProcessId, Vec<Spot>> {
        let mut chosen: BTreeMap<ProcessId, Vec<Spot>> = BTreeMap::new();
        if let [spot] = spots {
            chosen.extend(self.lines.shortest().map(|process| (process, vec![*spot])));
            return chosen;
        }
        let private = self.lines.private.iter();
        let mut by_len: std::collections::BTreeSet<(usize, ProcessId)> =
            private.map(|(process, line)| (line.len(), *process)).collect();
        for spot in spots {
            let Some((len, process)) = by_len.pop_first() else { break };
            by_len.insert((len + 1, process));
            chosen.entry(process).or_default().push(*spot);
        }
        chosen
    }

    /// Puts requests of one class, oldest first and in no line, where their age belongs.
    fn merge(&mut self, owner: Option<ProcessId>, class: Class, spots: &[Spot]) {
        let Self { nodes, lines, .. } = self;
        lines.change(owner, |line| {
            let chain = &mut line.ages[class.index()];
            let mut before = chain.last;
            for &spot in spots.iter().rev() {
                let wait = nodes[spot].wait;
                let goes_first = |first| wait.is_before(&nodes[first].wait);
                if chain.first.is_some_and(goes_first) {
                    before = None;
                }
                while let Some(newer) = before
                    && wait.is_before(&nodes[newer].wait)
                {
                    before = nodes[newer].links[AGE].before;
                }
                nodes.set_owner(spot, owner);
                nodes.link(chain, AGE, before, spot);
            }
        });
    }
}
