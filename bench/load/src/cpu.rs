//! The CPU time that a server has used, all of its processes together.
//!
//! From /proc/PID/stat: user and system time, threads that have ended included. The clock of that
//! file ticks every 10 ms, which is why a measurement needs some 50,000 requests.

use std::time::Duration;

use anyhow::Context;
use procfs::process::{Stat, all_processes};

/// What a set of process trees has used so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    pub(crate) processes: u32,
}

impl Usage {
    /// The usage of the processes `roots` and all of their descendants that live.
    pub(crate) fn of_trees(roots: &[i32]) -> anyhow::Result<Self> {
        let mut usage = Self::default();
        if roots.is_empty() {
            return Ok(usage);
        }
        let living: Vec<Stat> = all_processes()
            .context("failed to list /proc")?
            .filter_map(|process| process.ok()?.stat().ok())
            .collect();
        for root in roots {
            anyhow::ensure!(living.iter().any(|stat| stat.pid == *root), "no process {root}");
        }
        for stat in living.iter().filter(|stat| descends(stat, roots, &living)) {
            usage.user += ticks(stat.utime);
            usage.system += ticks(stat.stime);
            usage.processes += 1;
        }
        Ok(usage)
    }

    /// What was used between `earlier` and now.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
            processes: self.processes,
        }
    }
}

fn descends(stat: &Stat, roots: &[i32], living: &[Stat]) -> bool {
    let mut current = Some(stat);
    while let Some(stat) = current {
        if roots.contains(&stat.pid) {
            return true;
        }
        current = living.iter().find(|other| other.pid == stat.ppid);
    }
    false
}

fn ticks(count: u64) -> Duration {
    Duration::from_secs(count) / u32::try_from(procfs::ticks_per_second()).unwrap_or(100)
}
