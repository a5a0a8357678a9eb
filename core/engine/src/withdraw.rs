//! The one budget for taking processes away from a pool that serves (rule R8).
//!
//! At most `oob.concurrent` processes of a pool are withdrawn at once, and at least
//! `oob.min_ready` others stay able to serve. Whatever takes a process away for a while draws on
//! this, so that two reasons together never cost more than one is allowed to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::ProcessId;
use crate::pool::Pool;
use crate::process::Phase;

/// What of the budget is used. Both are indexes of the processes' phases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Budget {
    /// Processes that are quiescing or out.
    pub(crate) taken: BTreeSet<ProcessId>,
    /// Most that `taken` ever held.
    pub(crate) peak: usize,
    /// How many processes take requests.
    pub(crate) serving: usize,
}

/// Why no serving process may be taken away now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// As many as are allowed are away.
    Limit,
    /// Too few others would be left; more are to come.
    Floor,
    /// Too few others would be left, and the pool is too small for that ever to change.
    SmallPool,
}

impl Budget {
    /// A process moves from one phase to another.
    pub(crate) fn moved(&mut self, process: ProcessId, from: Phase, to: Phase) {
        self.serving += usize::from(to == Phase::Serving);
        self.serving -= usize::from(from == Phase::Serving);
        if to.is_out_of_band() {
            self.taken.insert(process);
            self.peak = self.peak.max(self.taken.len());
        } else {
            self.taken.remove(&process);
        }
    }
}

impl Pool {
    /// Why none of its serving processes may be taken away now, if so.
    pub(crate) fn shortage(&self) -> Option<Shortage> {
        if self.budget.taken.len() >= self.limits.oob.concurrent as usize {
            return Some(Shortage::Limit);
        }
        if self.budget.serving > self.limits.oob.min_ready as usize {
            return None;
        }
        Some(if self.is_small() { Shortage::SmallPool } else { Shortage::Floor })
    }

    /// Whether it can never spare a process without falling below the floor.
    pub(crate) fn is_small(&self) -> bool {
        self.limits.processes <= self.limits.oob.min_ready
    }

    /// Whether one that serves may be withdrawn for something else than out-of-band work, as far
    /// as the floor goes.
    pub(crate) fn spares_one(&self) -> bool {
        self.budget.taken.is_empty() || self.budget.serving > self.limits.oob.min_ready as usize
    }

    /// Whether those that serve are enough without any that is taken away.
    pub(crate) fn has_floor(&self) -> bool {
        self.budget.serving >= self.limits.oob.min_ready as usize
    }
}
