//! The flight recorder of a running core: filled by the driver, read by whoever asks.
//!
//! It has a lock of its own, which is not held while the engine decides: when the core breaks in
//! the middle of a decision, what led to it can still be written down.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maitred_engine::Engine;
use maitred_engine::event::Input;
use maitred_engine::time::Time;
use maitred_recorder::{Recorder, Tape};
use parking_lot::Mutex;

/// How long a broken core waits for the lock. Default 1 s: others hold it for a millisecond, and
/// only who broke while holding it never gives it back.
const BROKEN_WAIT_MAX: Duration = Duration::from_secs(1);

/// Shared by all who fill or read it.
#[derive(Debug, Clone, Default)]
pub struct FlightRecorder(Arc<Mutex<Recorder>>);

impl FlightRecorder {
    /// Has `engine` handle `input`, with that and the answer on record.
    pub(crate) fn handle(&self, engine: &mut Engine, now: Time, input: Input) {
        self.0.lock().input(engine, now, &input);
        engine.handle(now, input);
        self.0.lock().outputs(engine);
    }

    /// The file of this moment, in pieces.
    #[must_use]
    pub fn file(&self) -> Vec<Bytes> {
        let tape = self.0.lock().tape();
        file_of(tape)
    }

    /// The same for a core that is broken. `None`: the recorder itself is what broke.
    pub(crate) fn file_of_broken(&self) -> Option<Vec<Bytes>> {
        let tape = self.0.try_lock_for(BROKEN_WAIT_MAX)?.tape();
        Some(file_of(tape))
    }
}

fn file_of(tape: Tape) -> Vec<Bytes> {
    tape.into_file(env!("CARGO_PKG_VERSION"))
}

/// Writes a file that is there as a whole or not at all, readable by its owner only.
///
/// # Errors
/// The system refuses.
pub(crate) fn write_whole(path: &Path, pieces: &[Bytes]) -> io::Result<()> {
    let mut file = begin_whole(path)?;
    for piece in pieces {
        file.write_all(piece)?;
    }
    file.persist(path)?;
    Ok(())
}

/// A file beside `path`, to be renamed to that when it is complete. Dropping it removes it.
///
/// # Errors
/// The system refuses.
pub(crate) fn begin_whole(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    tempfile::Builder::new()
        .prefix(".maitred-")
        .tempfile_in(folder.unwrap_or_else(|| Path::new(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_as_a_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_whole(&path, &["old".into()]).unwrap();
        drop(begin_whole(&path).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        write_whole(&path, &["ne".into(), "w".into()]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_recorder_that_broke_itself_does_not_hold_up_the_end() {
        let recorder = FlightRecorder::default();
        let _never_given_back = recorder.0.lock();
        assert!(recorder.file_of_broken().is_none());
    }
}
