//! Orphans: processes that became our children because theirs died.
//!
//! As process 1 of a container the core inherits them, and nobody else will ever wait for them.
//! Its own children are waited for by their pidfd and must not be taken away here.

use procfs::process::{ProcState, all_processes};
use rustix::process::{Pid, WaitOptions, waitpid};

/// The core is process 1 and has to reap.
#[must_use]
pub fn are_ours() -> bool {
    std::process::id() == 1
}

/// Waits for every dead child that `is_known` does not know, and returns how many there were.
pub fn reap(is_known: impl Fn(u32) -> bool) -> usize {
    let Ok(processes) = all_processes() else { return 0 };
    let own = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    let mut reaped = 0;
    for stat in processes.flatten().filter_map(|process| process.stat().ok()) {
        let dead = stat.state().is_ok_and(|state| state == ProcState::Zombie);
        let known = u32::try_from(stat.pid).is_ok_and(&is_known);
        if stat.ppid != own || !dead || known {
            continue;
        }
        let waited = waitpid(Pid::from_raw(stat.pid), WaitOptions::NOHANG);
        reaped += usize::from(matches!(waited, Ok(Some(_))));
    }
    reaped
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::os::pidfd::Pidfd;

    #[test]
    fn only_strangers_are_reaped() {
        let known = Command::new("true").spawn().unwrap().id();
        let orphan = Command::new("true").spawn().unwrap().id();
        // Other tests of this program have children too.
        let others_are_known = |pid| pid != orphan;
        while reap(others_are_known) == 0 {
            std::thread::yield_now();
        }
        let kept = Pidfd::open(known).unwrap();
        while kept.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        assert!(Pidfd::open(orphan).is_err());
    }
}
