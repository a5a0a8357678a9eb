//! What the kernel says a process costs: memory and CPU time.

use std::time::Duration;

use procfs::process::Process;

/// The cost of one process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Memory in RAM, in bytes, shared pages included.
    pub rss: u64,
    /// CPU time of all its threads since it started.
    pub cpu: Duration,
}

/// Asks about `pid`; `None`: it is gone, or belongs to another user on a system that hides those.
#[must_use]
pub fn of(pid: u32) -> Option<Figures> {
    let stat = Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?;
    let ticks = stat.utime + stat.stime;
    let per_second = procfs::ticks_per_second().max(1);
    let cpu = Duration::from_millis(ticks * 1000 / per_second);
    Some(Figures { rss: stat.rss * procfs::page_size(), cpu })
}

/// The cost of this process.
#[must_use]
pub fn own() -> Figures {
    of(std::process::id()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_memory() {
        assert!(own().rss > 100_000);
    }

    #[test]
    fn a_process_that_does_not_exist_has_no_figures() {
        assert_eq!(of(u32::MAX), None);
    }
}
