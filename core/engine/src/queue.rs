//! Step 2 of a request's life: waiting.
//!
//! There is one queue per pool. A queue per process would let one slow process hold back requests
//! that another could take at once; who wants that all the same (`routing = "per-process"`) gets
//! private lines within the same queue, so that every limit and every count stays one.
//!
//! All that wait are in one table, through which chains run. The chains by *age*, one per class of
//! each line, are the order of service: strict priority, first come, first served within a class,
//! and a retried request goes back to its place (rule R3). The chain by *entry* is the order in
//! which requests began to wait, so its head is always the next one to run out of patience. A
//! client that leaves is taken out of both in O(1) (rule R6).

use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::id::{ProcessId, RequestId};
use crate::time::Time;

mod chain;
mod line;
mod private;

use chain::{AGE, Chain, ENTRY, Nodes, Spot};
use line::Lines;

/// Requests that wait.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Queue {
    nodes: Nodes,
    lines: Lines,
    entry: Chain,
}

/// A request in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) request: RequestId,
    pub(crate) class: Class,
    /// When it first came: its age.
    pub(crate) arrived: Time,
    /// When it came to this queue; later than `arrived` for a retry.
    pub(crate) entered: Time,
}

impl Waiting {
    /// Whose turn is first. Numbers break ties, so that equal ages have one order.
    fn turn(&self) -> (Class, Time, RequestId) {
        (self.class, self.arrived, self.request)
    }

    /// Whether it is to be served before the other: by class, then by age.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        self.turn() < other.turn()
    }
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn has(&self, request: RequestId) -> bool {
        self.nodes.spot(request).is_some()
    }

    /// How many of a class wait. Looks at every line.
    pub(crate) fn len_of(&self, class: Class) -> usize {
        self.lines.all().map(|line| line.ages[class.index()].len).sum()
    }

    /// The one whose turn it is in the line that all processes share. `newest`: of the first class
    /// in which any waits not the oldest one, but the one that came last.
    pub(crate) fn next(&self, newest: bool) -> Option<Waiting> {
        self.lines.shared.next(newest).map(|spot| self.nodes[spot].wait)
    }

    /// The first of all lines, by class and age. Looks at every line.
    pub(crate) fn first_of_all(&self) -> Option<Waiting> {
        let firsts = self.lines.all().filter_map(|line| line.next(false));
        firsts.map(|spot| self.nodes[spot].wait).min_by_key(Waiting::turn)
    }

    /// When the oldest of all came. Looks at every line.
    pub(crate) fn oldest_arrival(&self) -> Option<Time> {
        let heads = self.lines.all().flat_map(|line| line.heads());
        heads.map(|spot| self.nodes[spot].wait.arrived).min()
    }

    /// The one that has been in this queue longest.
    pub(crate) fn first_entered(&self) -> Option<&Waiting> {
        self.entry.first.map(|spot| &self.nodes[spot].wait)
    }

    /// The one that is served last of all those with less urgency than `class`. Looks at every
    /// line.
    pub(crate) fn last_below(&self, class: Class) -> Option<Waiting> {
        let below = Class::ALL.into_iter().rev().take_while(|lower| *lower > class);
        let lasts = |class: Class| {
            let lasts = self.lines.all().filter_map(|line| line.ages[class.index()].last);
            lasts.map(|spot| self.nodes[spot].wait).max_by_key(Waiting::turn)
        };
        below.filter_map(lasts).next()
    }

    /// Puts a new request at the end of its class.
    pub(crate) fn push(&mut self, wait: Waiting) {
        let last = self.lines.shared.ages[wait.class.index()].last;
        self.insert(wait, last);
    }

    /// Puts a request that waited before back where its age belongs. It walks from the front: what
    /// is older there can only be other retries and a few that came before it.
    pub(crate) fn push_by_age(&mut self, wait: Waiting) {
        let chain = &self.lines.shared.ages[wait.class.index()];
        let older = |spot: &Spot| !wait.is_before(&self.nodes[*spot].wait);
        let before = self.nodes.walk(chain, AGE).take_while(older).last();
        self.insert(wait, before);
    }

    fn insert(&mut self, wait: Waiting, before: Option<Spot>) {
        let Self { nodes, lines, entry } = self;
        let spot = nodes.add(wait);
        nodes.link(&mut lines.shared.ages[wait.class.index()], AGE, before, spot);
        // Nearly always the last one: only what is sent ahead has been waiting elsewhere.
        let later = |spot: &Spot| nodes[*spot].wait.entered > wait.entered;
        let mut before = entry.last;
        while let Some(spot) = before.filter(later) {
            before = nodes[spot].links[ENTRY].before;
        }
        nodes.link(entry, ENTRY, before, spot);
    }

    /// Takes a request out, from wherever it is.
    pub(crate) fn remove(&mut self, request: RequestId) -> Option<Waiting> {
        let spot = self.nodes.spot(request)?;
        let wait = self.nodes[spot].wait;
        self.leave_line(spot);
        let Self { nodes, entry, .. } = self;
        nodes.unlink(entry, ENTRY, spot);
        nodes.forget(request);
        Some(wait)
    }

    /// Takes a request out of its line; it still waits.
    fn leave_line(&mut self, spot: Spot) {
        let Self { nodes, lines, .. } = self;
        let (class, owner) = (nodes[spot].wait.class, nodes[spot].owner);
        lines.change(owner, |line| nodes.unlink(&mut line.ages[class.index()], AGE, spot));
    }

    /// All, line by line in the order of service, with the owner of the line.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Waiting, Option<ProcessId>)> {
        let all = self.lines.all().flat_map(|line| line.iter(&self.nodes));
        all.map(|spot| (self.nodes[spot].wait, self.nodes[spot].owner))
    }

    /// Panics if the chains and the table disagree.
    pub(crate) fn check(&self) {
        self.lines.check();
        self.nodes.check_spots();
        let entered = |spot| self.nodes[spot].wait.entered;
        self.nodes.check(&self.entry, ENTRY);
        assert_eq!(self.entry.len, self.len(), "the chain by entry misses a request");
        assert!(self.nodes.walk(&self.entry, ENTRY).map(entered).is_sorted(), "entry order");
        let mut in_lines = 0;
        let shared = std::iter::once((None, &self.lines.shared));
        let private = self.lines.private.iter().map(|(process, line)| (Some(*process), line));
        for (owner, line) in shared.chain(private) {
            for (class, chain) in Class::ALL.into_iter().zip(&line.ages) {
                self.nodes.check(chain, AGE);
                in_lines += chain.len;
                let ages = self.nodes.walk(chain, AGE).map(|it| self.nodes[it].wait.arrived);
                assert!(ages.is_sorted(), "a line is out of order");
                for node in self.nodes.walk(chain, AGE).map(|spot| &self.nodes[spot]) {
                    assert_eq!((node.wait.class, node.owner), (class, owner), "in a wrong line");
                }
            }
        }
        assert_eq!(in_lines, self.len(), "a request is in no line");
    }
}

#[cfg(test)]
mod tests;
