//! Which processes of a pool will go on: what staffing counts, so that it need not look at all.
//!
//! A pool may have a thousand processes, and each that comes or goes raises the question whether
//! one is missing or one too many. Like the order of the idle ones this is nothing but another view
//! of the table of processes, brought up to date in one place.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::id::ProcessId;
use crate::process::{Phase, Process};

/// The processes of a pool that will go on as far as anyone knows, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roll {
    pub(crate) booting: BTreeSet<ProcessId>,
    /// Have booted.
    pub(crate) up: BTreeSet<ProcessId>,
    /// Of both, those that would like to leave.
    pub(crate) parting: BTreeSet<ProcessId>,
}

impl Roll {
    /// How many there are.
    pub(crate) fn staying(&self) -> usize {
        self.booting.len() + self.up.len()
    }

    /// Puts a process where it belongs now.
    pub(crate) fn note(&mut self, process: &Process) {
        let sets = [
            (&mut self.booting, process.phase == Phase::Booting),
            (&mut self.up, process.is_up()),
            (&mut self.parting, process.is_staying() && process.wants_drain),
        ];
        for (set, belongs) in sets {
            if belongs {
                set.insert(process.id);
            } else {
                set.remove(&process.id);
            }
        }
    }
}

impl Engine {
    /// Brings the roll of its pool up to date: its phase has changed, or what it would like.
    pub(crate) fn call_the_roll(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get(&process) else { return };
        if let Some(pool) = self.pools.get_mut(&record.pool) {
            pool.roll.note(record);
        }
    }
}
