//! What is kept, and when it is let go.

use std::path::Path;
use std::sync::mpsc;

use super::*;

fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let budget = Budget::new(0, 1 << 30, dir.path().to_owned());
    (dir, Spool::new(&budget))
}

/// A spool with a file of `len` bytes.
fn written(len: u64) -> (tempfile::TempDir, Spool) {
    let (dir, mut spool) = spool();
    let place = spool.reserve(usize::try_from(len).unwrap()).unwrap();
    place.write(&vec![b'x'; usize::try_from(len).unwrap()]).unwrap();
    (dir, spool)
}

/// Files in the folder that are open, although they have no names.
fn open_files(dir: &Path) -> usize {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.starts_with(dir)).count()
}

#[test]
fn what_was_written_is_read_back() {
    let (_dir, mut spool) = spool();
    spool.reserve(3).unwrap().write(b"abc").unwrap();
    spool.reserve(2).unwrap().write(b"de").unwrap();
    assert_eq!(spool.len(), 5);
    assert_eq!(spool.place(1).read(4).unwrap(), "bcde");
}

#[test]
fn no_file_is_made_before_it_is_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let budget = Budget::new(0, 1 << 30, dir.path().join("not-there"));
    let mut spool = Spool::new(&budget);
    let place = spool.reserve(3).unwrap();
    assert!(place.write(b"abc").is_err());
}

#[test]
fn a_large_file_is_freed_by_another_thread_and_a_small_one_at_once() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (small_dir, small) = written(FREED_INLINE_MAX);
        assert_eq!(open_files(small_dir.path()), 1);
        drop(small);
        assert_eq!(open_files(small_dir.path()), 0);

        // The only other thread is busy.
        let (go_on, wait) = mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || wait.recv());
        let (large_dir, large) = written(FREED_INLINE_MAX + 1);
        drop(large);
        assert_eq!(open_files(large_dir.path()), 1, "this thread did not wait for it");
        go_on.send(()).unwrap();
        busy.await.unwrap().unwrap();
        // Its turn comes before that of whoever asks later.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert_eq!(open_files(large_dir.path()), 0);
    });
}

#[test]
fn a_large_file_is_freed_without_a_runtime_too() {
    let (dir, large) = written(FREED_INLINE_MAX + 1);
    drop(large);
    assert_eq!(open_files(dir.path()), 0);
}

#[test]
fn a_file_that_is_still_read_is_not_freed() {
    let (dir, mut spool) = spool();
    let place = spool.reserve(3).unwrap();
    place.write(b"abc").unwrap();
    drop(spool);
    assert_eq!(open_files(dir.path()), 1);
    assert_eq!(place.read(3).unwrap(), "abc");
    drop(place);
    assert_eq!(open_files(dir.path()), 0);
}
