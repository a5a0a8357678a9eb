//! How many processes a pool has: as many as it was given, or as many as there is room for.
//!
//! A number that an operator wrote is taken as it is. A default is made from CPUs and knows nothing
//! of memory: an app of a gigabyte on a machine of many CPUs would be killed while it boots. So the
//! first process boots alone, and what it takes says how many more there are.

use crate::engine::Engine;
use crate::event::{Notice, Output};
use crate::id::{PoolId, ProcessId};

/// Share of the memory that processes may take as they are when they have booted, in percent.
/// Default 70: they grow while they work, and the core, the kernel's caches and whatever else runs
/// there need some as well.
const MEMORY_PERCENT_MAX: u128 = 70;

impl Engine {
    /// How many processes to keep alive now.
    pub(crate) fn wanted(&self, pool: PoolId) -> usize {
        let limits = &self.pools[&pool].limits;
        let wanted = if limits.measure_first { limits.processes.min(1) } else { limits.processes };
        wanted as usize
    }

    /// It has booted: if the number of processes hangs on what it takes, that is asked for.
    pub(crate) fn measure(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get(&process) else { return };
        if self.pools[&record.pool].limits.measure_first {
            self.put(Output::Measure { process });
        }
    }

    /// It takes `rss` of `memory` bytes; 0 is not known. Decides once.
    pub(crate) fn measured(&mut self, process: ProcessId, rss: u64, memory: u64) {
        let Some(record) = self.processes.get(&process) else { return };
        let pool = record.pool;
        let limits = &mut self.pool(pool).limits;
        if !limits.measure_first {
            return;
        }
        limits.measure_first = false;
        let wanted = limits.processes;
        limits.processes = wanted.min(room(rss, memory));
        if limits.processes < wanted {
            let processes = limits.processes;
            self.put(Output::Notice(Notice::NoRoom { pool, wanted, processes, rss, memory }));
        }
        self.touch(pool);
        self.staff(pool);
    }
}

/// How many processes of `rss` bytes there is room for. One there always is: it runs already.
fn room(rss: u64, memory: u64) -> u32 {
    if rss == 0 || memory == 0 {
        return u32::MAX;
    }
    let room = u128::from(memory) * MEMORY_PERCENT_MAX / 100 / u128::from(rss);
    u32::try_from(room).unwrap_or(u32::MAX).max(1)
}
