//! Step 2 of a request's life: waiting.
//!
//! There is one queue per pool. A queue per process would let one slow process hold back requests
//! that another could take at once.
//!
//! The queue is two linked chains through one table. The *age* chain is the order of service:
//! first come, first served, and a retried request goes back to its place (rule R3). The *entry*
//! chain is the order in which requests began to wait, so its head is always the next one to run
//! out of patience. A client that leaves is taken out of both in O(1) (rule R6).

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::id::RequestId;
use crate::time::Time;

/// The order of service.
const AGE: usize = 0;
/// The order of entry.
const ENTRY: usize = 1;

/// Requests that wait.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Queue {
    nodes: IndexMap<RequestId, Node, FxBuildHasher>,
    chains: [Chain; 2],
}

/// One end and the other of a chain.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Chain {
    first: Option<RequestId>,
    last: Option<RequestId>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Node {
    wait: Waiting,
    links: [Link; 2],
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Link {
    before: Option<RequestId>,
    after: Option<RequestId>,
}

/// A request in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) request: RequestId,
    /// When it first came: its age.
    pub(crate) arrived: Time,
    /// When it came to this queue; later than `arrived` for a retry.
    pub(crate) entered: Time,
}

impl Waiting {
    /// Whose turn is first. Numbers break ties, so that equal ages have one order.
    fn turn(&self) -> (Time, RequestId) {
        (self.arrived, self.request)
    }

    /// Whether it came before the other.
    pub(crate) fn older_than(&self, other: &Self) -> bool {
        self.turn() < other.turn()
    }
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The one whose turn it is.
    pub(crate) fn oldest(&self) -> Option<Waiting> {
        self.chains[AGE].first.map(|request| self.nodes[&request].wait)
    }

    /// The one that has been in this queue longest.
    pub(crate) fn first_entered(&self) -> Option<Waiting> {
        self.chains[ENTRY].first.map(|request| self.nodes[&request].wait)
    }

    /// Puts a new request at the end.
    pub(crate) fn push(&mut self, wait: Waiting) {
        self.insert(wait, self.chains[AGE].last);
    }

    /// Puts a request that waited before back where its age belongs. It walks from the front: what
    /// is older there can only be other retries and a few that came before it.
    pub(crate) fn push_back_by_age(&mut self, wait: Waiting) {
        let mut before = None;
        let mut next = self.chains[AGE].first;
        while let Some(request) = next {
            let node = &self.nodes[&request];
            if wait.older_than(&node.wait) {
                break;
            }
            before = Some(request);
            next = node.links[AGE].after;
        }
        self.insert(wait, before);
    }

    /// Takes a request out, from wherever it is.
    pub(crate) fn remove(&mut self, request: RequestId) -> Option<Waiting> {
        let node = self.nodes.swap_remove(&request)?;
        for (chain, link) in node.links.into_iter().enumerate() {
            self.join(chain, link.before, link.after);
        }
        Some(node.wait)
    }

    /// In the order of service.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Waiting> {
        self.walk(AGE)
    }

    fn walk(&self, chain: usize) -> impl Iterator<Item = Waiting> {
        let mut next = self.chains[chain].first;
        std::iter::from_fn(move || {
            let node = &self.nodes[&next?];
            next = node.links[chain].after;
            Some(node.wait)
        })
    }

    fn insert(&mut self, wait: Waiting, before: Option<RequestId>) {
        let request = wait.request;
        let after = match before {
            Some(before) => self.nodes[&before].links[AGE].after,
            None => self.chains[AGE].first,
        };
        let links = [Link { before, after }, Link { before: self.chains[ENTRY].last, after: None }];
        self.nodes.insert(request, Node { wait, links });
        for (chain, link) in links.into_iter().enumerate() {
            self.join(chain, link.before, Some(request));
            self.join(chain, Some(request), link.after);
        }
    }

    /// Makes two neighbours know each other; `None` is the end of the chain.
    fn join(&mut self, chain: usize, before: Option<RequestId>, after: Option<RequestId>) {
        match before {
            Some(before) => self.nodes[&before].links[chain].after = after,
            None => self.chains[chain].first = after,
        }
        match after {
            Some(after) => self.nodes[&after].links[chain].before = before,
            None => self.chains[chain].last = before,
        }
    }

    /// Panics if the chains and the table disagree.
    pub(crate) fn check(&self) {
        for chain in [AGE, ENTRY] {
            let mut before = None;
            let mut count = 0;
            for wait in self.walk(chain) {
                assert_eq!(self.nodes[&wait.request].links[chain].before, before, "broken chain");
                before = Some(wait.request);
                count += 1;
                assert!(count <= self.nodes.len(), "a chain is a ring");
            }
            assert_eq!(self.chains[chain].last, before, "a chain ends elsewhere");
            assert_eq!(count, self.nodes.len(), "a chain misses a request");
        }
        let entries = || self.walk(ENTRY).map(|wait| wait.entered);
        assert!(entries().is_sorted(), "entries out of order");
        let ages = || self.walk(AGE).map(|wait| wait.arrived);
        assert!(ages().is_sorted(), "ages out of order");
    }
}

#[cfg(test)]
mod tests;
