//! Chains through the table of waiting requests: a request leaves one in O(1), from anywhere.

use std::ops::{Index, IndexMut};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::Waiting;
use crate::id::{ProcessId, RequestId};

/// The order of service, within a class of a line.
pub(super) const AGE: usize = 0;
/// The order of entry.
pub(super) const ENTRY: usize = 1;

/// Where in the table a request is, as long as it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spot(u32);

/// One end and the other of a chain.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Chain {
    pub(super) first: Option<Spot>,
    pub(super) last: Option<Spot>,
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
    pub(super) before: Option<Spot>,
    pub(super) after: Option<Spot>,
}

/// The table. Each request in it is in one chain by age and one by entry. A request is looked up by
/// its number once; from there on chains lead from spot to spot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Nodes {
    spots: IndexMap<RequestId, Spot, FxBuildHasher>,
    nodes: Vec<Node>,
    /// Spots whose request has left.
    free: Vec<Spot>,
}

impl Index<Spot> for Nodes {
    type Output = Node;

    fn index(&self, spot: Spot) -> &Node {
        &self.nodes[spot.0 as usize]
    }
}

impl IndexMut<Spot> for Nodes {
    fn index_mut(&mut self, spot: Spot) -> &mut Node {
        &mut self.nodes[spot.0 as usize]
    }
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.spots.len()
    }

    pub(super) fn spot(&self, request: RequestId) -> Option<Spot> {
        self.spots.get(&request).copied()
    }

    /// Takes up a request that is in no chain yet.
    pub(super) fn add(&mut self, wait: Waiting) -> Spot {
        let node = Node { wait, owner: None, links: [Link::default(); 2] };
        let spot = match self.free.pop() {
            Some(spot) => {
                self[spot] = node;
                spot
            }
            None => {
                self.nodes.push(node);
                Spot(u32::try_from(self.nodes.len() - 1).expect("a queue's limit is a u32"))
            }
        };
        self.spots.insert(wait.request, spot);
        spot
    }

    /// Forgets a request that is in no chain any more.
    pub(super) fn forget(&mut self, request: RequestId) {
        self.free.extend(self.spots.swap_remove(&request));
        if self.spots.is_empty() {
            // What is recorded of the state does not grow with the longest queue that ever was.
            self.nodes.clear();
            self.free.clear();
        }
    }

    pub(super) fn set_owner(&mut self, spot: Spot, owner: Option<ProcessId>) {
        self[spot].owner = owner;
    }

    /// Puts a request into a chain behind `before`; `None`: in front of all.
    pub(super) fn link(
        &mut self,
        chain: &mut Chain,
        kind: usize,
        before: Option<Spot>,
        spot: Spot,
    ) {
        let after = match before {
            Some(before) => self[before].links[kind].after,
            None => chain.first,
        };
        self.join(chain, kind, before, Some(spot));
        self.join(chain, kind, Some(spot), after);
        chain.len += 1;
    }

    /// Takes a request out of a chain.
    pub(super) fn unlink(&mut self, chain: &mut Chain, kind: usize, spot: Spot) {
        let link = std::mem::take(&mut self[spot].links[kind]);
        self.join(chain, kind, link.before, link.after);
        chain.len -= 1;
    }

    /// Makes two neighbours know each other; `None` is the end of the chain.
    fn join(&mut self, chain: &mut Chain, kind: usize, before: Option<Spot>, after: Option<Spot>) {
        match before {
            Some(before) => self[before].links[kind].after = after,
            None => chain.first = after,
        }
        match after {
            Some(after) => self[after].links[kind].before = before,
            None => chain.last = before,
        }
    }

    /// A chain from its beginning.
    pub(super) fn walk(&self, chain: &Chain, kind: usize) -> impl Iterator<Item = Spot> {
        let mut next = chain.first;
        std::iter::from_fn(move || {
            let spot = next?;
            next = self[spot].links[kind].after;
            Some(spot)
        })
    }

    /// Panics if a spot is nobody's, or that of two.
    pub(super) fn check_spots(&self) {
        let mut all: Vec<u32> = self.spots.values().chain(&self.free).map(|spot| spot.0).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq((0..).take(self.nodes.len())), "a spot is lost or shared");
        for (request, spot) in &self.spots {
            assert_eq!(self[*spot].wait.request, *request, "a request is in another's spot");
        }
    }

    /// Panics if a chain is broken.
    pub(super) fn check(&self, chain: &Chain, kind: usize) {
        let mut before = None;
        let mut count = 0;
        for spot in self.walk(chain, kind) {
            assert_eq!(self[spot].links[kind].before, before, "broken chain");
            before = Some(spot);
            count += 1;
            assert!(count <= self.len(), "a chain is a ring");
        }
        assert_eq!(chain.last, before, "a chain ends elsewhere");
        assert_eq!(count, chain.len, "a chain is of another length");
    }
}
