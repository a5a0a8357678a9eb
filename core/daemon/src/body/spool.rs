//! A file that nobody else sees, for a body that is too long for memory.
//!
//! The file has no name from the moment it exists, so that nothing is left behind whatever ends
//! the core. What blocks is done on the runtime's blocking threads: the file is created by the
//! first write, and one that is large is freed there as well.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};

use super::budget::{Budget, DiskShare};

/// A file longer than this is not freed where it is dropped, in bytes. Default 1 MiB: to free its
/// pages takes longer than to ask another thread for it.
const FREED_INLINE_MAX: u64 = 1024 * 1024;

/// An unnamed file in the spool folder, with its share of the disk budget.
#[derive(Debug)]
pub struct Spool {
    file: Arc<SpoolFile>,
    share: DiskShare,
    written: u64,
}

impl Spool {
    /// An empty file; it is created when it is first written to.
    #[must_use]
    pub fn new(budget: &Arc<Budget>) -> Self {
        let file =
            SpoolFile { budget: Arc::clone(budget), file: OnceLock::new(), len: AtomicU64::new(0) };
        Self { file: Arc::new(file), share: budget.disk_share(), written: 0 }
    }

    /// Bytes in the file.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.written
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Reserves room for `bytes` more and returns where to write them; `None`: over the budget.
    pub fn reserve(&mut self, bytes: usize) -> Option<Place> {
        if !self.share.grow(bytes as u64) {
            return None;
        }
        let place = self.place(self.written);
        self.written += bytes as u64;
        Some(place)
    }

    /// The place `offset` bytes into the file.
    #[must_use]
    pub fn place(&self, offset: u64) -> Place {
        Place { file: Arc::clone(&self.file), offset }
    }
}

/// A position in a spool file, free to move to another thread.
#[derive(Debug, Clone)]
pub struct Place {
    file: Arc<SpoolFile>,
    offset: u64,
}

impl Place {
    /// Writes all of `data` here. Blocks.
    ///
    /// # Errors
    /// When the folder is missing or not writable, or the disk is full or broken.
    pub fn write(&self, data: &[u8]) -> io::Result<()> {
        self.file.open()?.write_all_at(data, self.offset)?;
        self.file.len.fetch_max(self.offset + data.len() as u64, Relaxed);
        Ok(())
    }

    /// Reads `len` bytes from here. Blocks.
    ///
    /// # Errors
    /// When the disk is broken.
    pub fn read(&self, len: usize) -> io::Result<Bytes> {
        let mut data = BytesMut::zeroed(len);
        self.file.open()?.read_exact_at(&mut data, self.offset)?;
        Ok(data.freeze())
    }
}

#[derive(Debug)]
struct SpoolFile {
    budget: Arc<Budget>,
    file: OnceLock<File>,
    len: AtomicU64,
}

impl SpoolFile {
    fn open(&self) -> io::Result<&File> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        // One job at a time is under way for a body, so nobody else opens it meanwhile.
        let file = tempfile::tempfile_in(&self.budget.dir)?;
        Ok(self.file.get_or_init(|| file))
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        if self.len.load(Relaxed) > FREED_INLINE_MAX
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn_blocking(move || drop(file));
        }
    }
}

#[cfg(test)]
mod tests;
