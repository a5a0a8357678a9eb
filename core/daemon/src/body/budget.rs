//! How much the core may hold of all bodies together, and how much it does.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The limits and the present use of memory and disk for bodies.
#[derive(Debug)]
pub struct Budget {
    memory: Account,
    disk: Account,
    /// Where bodies are spooled.
    pub dir: PathBuf,
}

#[derive(Debug)]
struct Account {
    used: AtomicU64,
    max: u64,
}

/// Disk space taken from the budget; given back when dropped.
#[derive(Debug)]
pub struct DiskShare {
    budget: Arc<Budget>,
    bytes: u64,
}

/// Memory taken from the budget; given back when dropped.
#[derive(Debug)]
pub struct MemoryShare {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// `memory_max` and `disk_max` in bytes, for the whole core.
    #[must_use]
    pub fn new(memory_max: u64, disk_max: u64, dir: PathBuf) -> Arc<Self> {
        let account = |max| Account { used: AtomicU64::new(0), max };
        Arc::new(Self { memory: account(memory_max), disk: account(disk_max), dir })
    }

    /// Takes memory if it is there.
    pub fn take_memory(&self, bytes: usize) -> bool {
        self.memory.take(bytes as u64)
    }

    /// Takes memory even if it is not there, for bytes that exist already.
    pub fn force_memory(&self, bytes: usize) {
        self.memory.used.fetch_add(bytes as u64, Relaxed);
    }

    /// Gives memory back.
    pub fn give_memory(&self, bytes: usize) {
        self.memory.used.fetch_sub(bytes as u64, Relaxed);
    }

    /// An empty share of the disk, to be grown.
    #[must_use]
    pub fn disk_share(self: &Arc<Self>) -> DiskShare {
        DiskShare { budget: Arc::clone(self), bytes: 0 }
    }

    /// An empty share of the memory, to be grown.
    #[must_use]
    pub fn memory_share(self: &Arc<Self>) -> MemoryShare {
        MemoryShare { budget: Arc::clone(self), bytes: 0 }
    }

    /// Bytes held in memory, and the limit.
    pub fn memory(&self) -> (u64, u64) {
        (self.memory.used.load(Relaxed), self.memory.max)
    }

    /// Bytes held on disk, and the limit.
    pub fn disk(&self) -> (u64, u64) {
        (self.disk.used.load(Relaxed), self.disk.max)
    }
}

impl Account {
    fn take(&self, bytes: u64) -> bool {
        let before = self.used.fetch_add(bytes, Relaxed);
        if before + bytes > self.max {
            self.used.fetch_sub(bytes, Relaxed);
            return false;
        }
        true
    }
}

impl MemoryShare {
    /// Takes `bytes` more if they are there.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let taken = self.budget.take_memory(bytes);
        if taken {
            self.bytes += bytes;
        }
        taken
    }

    /// Takes `bytes` more even if they are not there, because they exist already.
    pub fn force(&mut self, bytes: usize) {
        self.budget.force_memory(bytes);
        self.bytes += bytes;
    }

    /// Gives all of it back.
    pub fn release(&mut self) {
        self.budget.give_memory(self.bytes);
        self.bytes = 0;
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.release();
    }
}

impl DiskShare {
    /// Takes `bytes` more if they are there.
    pub fn grow(&mut self, bytes: u64) -> bool {
        let taken = self.budget.disk.take(bytes);
        if taken {
            self.bytes += bytes;
        }
        taken
    }

    /// Gives all of it back.
    pub fn release(&mut self) {
        self.budget.disk.used.fetch_sub(self.bytes, Relaxed);
        self.bytes = 0;
    }
}

impl Drop for DiskShare {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_is_not_given_and_not_counted() {
        let budget = Budget::new(10, 10, PathBuf::new());
        assert!(budget.take_memory(6));
        assert!(!budget.take_memory(5));
        assert_eq!(budget.memory(), (6, 10));
        budget.give_memory(6);
        assert_eq!(budget.memory(), (0, 10));
    }

    #[test]
    fn a_dropped_share_of_the_disk_is_given_back() {
        let budget = Budget::new(0, 10, PathBuf::new());
        let mut share = budget.disk_share();
        assert!(share.grow(4) && share.grow(6) && !share.grow(1));
        assert_eq!(budget.disk(), (10, 10));
        drop(share);
        assert_eq!(budget.disk(), (0, 10));
    }
}
