//! Chains through the table of waiting requests: a request leaves one in O(1), from anywhere.

use std::ops::Index;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::Waiting;
use crate::id::{ProcessId, RequestId};

/// The order of service, within a class of a line.
pub(super) const AGE: usize = 0;
/// The order of entry.
pub(super) const ENTRY: usize = 1;

/// One end and the other of a chain.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Chain {
    pub(super) first: Option<RequestId>,
    pub(super) last: Option<RequestId>,
    pub(super) len: usize,
}

/// A request and its neighbours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) wait: Waiting,
    /// Whose line it is in; `None`: in the one that all share.
    pub(super) owner: Option<ProcessId>,
    pub(super) links: [Link; 2],
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) before: Option<RequestId>,
    pub(super) after: Option<RequestId>,
}

/// The table. Each request in it is in one chain by age and one by entry.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Nodes(IndexMap<RequestId, Node, FxBuildHasher>);

impl Index<RequestId> for Nodes {
    type Output = Node;

    fn index(&self, request: RequestId) -> &Node {
        &self.0[&request]
    }
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, request: RequestId) -> Option<&Node> {
        self.0.get(&request)
    }

    /// Takes up a request that is in no chain yet.
    pub(super) fn add(&mut self, wait: Waiting) {
        let node = Node { wait, owner: None, links: [Link::default(); 2] };
        self.0.insert(wait.request, node);
    }

    /// Forgets a request that is in no chain any more.
    pub(super) fn forget(&mut self, request: RequestId) {
        self.0.swap_remove(&request);
    }

    pub(super) fn set_owner(&mut self, request: RequestId, owner: Option<ProcessId>) {
        self.0[&request].owner = owner;
    }

    /// Puts a request into a chain behind `before`; `None`: in front of all.
    pub(super) fn link(
        &mut self,
        chain: &mut Chain,
        kind: usize,
        before: Option<RequestId>,
        request: RequestId,
    ) {
        let after = match before {
            Some(before) => self[before].links[kind].after,
            None => chain.first,
        };
        self.join(chain, kind, before, Some(request));
        self.join(chain, kind, Some(request), after);
        chain.len += 1;
    }

    /// Takes a request out of a chain.
    pub(super) fn unlink(&mut self, chain: &mut Chain, kind: usize, request: RequestId) {
        let link = std::mem::take(&mut self.0[&request].links[kind]);
        self.join(chain, kind, link.before, link.after);
        chain.len -= 1;
    }

    /// Makes two neighbours know each other; `None` is the end of the chain.
    fn join(
        &mut self,
        chain: &mut Chain,
        kind: usize,
        before: Option<RequestId>,
        after: Option<RequestId>,
    ) {
        match before {
            Some(before) => self.0[&before].links[kind].after = after,
            None => chain.first = after,
        }
        match after {
            Some(after) => self.0[&after].links[kind].before = before,
            None => chain.last = before,
        }
    }

    /// A chain from its beginning.
    pub(super) fn walk(&self, chain: &Chain, kind: usize) -> impl Iterator<Item = RequestId> {
        let mut next = chain.first;
        std::iter::from_fn(move || {
            let request = next?;
            next = self[request].links[kind].after;
            Some(request)
        })
    }

    /// Panics if a chain is broken.
    pub(super) fn check(&self, chain: &Chain, kind: usize) {
        let mut before = None;
        let mut count = 0;
        for request in self.walk(chain, kind) {
            assert_eq!(self[request].links[kind].before, before, "broken chain");
            before = Some(request);
            count += 1;
            assert!(count <= self.len(), "a chain is a ring");
        }
        assert_eq!(chain.last, before, "a chain ends elsewhere");
        assert_eq!(count, chain.len, "a chain is of another length");
    }
}
