//! Interruptions: the stacks of all threads, and an error raised in a slot.
//!
//! Stacks are taken by Python, with its lock held, so that no thread moves meanwhile. Where the
//! lock cannot be had, because code without Python's knowledge holds it, a signal that faulthandler
//! answers shows them all the same: then no thread but that one can move.

use std::ffi::{c_int, c_long};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use maitred_sdk::{Interrupt, Interruption};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::{ffi, intern};

/// How long to wait for Python's lock before its threads are looked at without it. Default 1 s:
/// threads hand it on every 5 ms, so that whoever keeps it for longer does not know of others.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

// SAFETY: as the C library declares it.
unsafe extern "C" {
    fn raise(signal: c_int) -> c_int;
}

/// What a slot's thread runs at this moment.
#[derive(Debug, Default)]
pub(crate) struct Target {
    /// As `threading.get_ident()` has it.
    pub(crate) thread: u64,
    /// 0: nothing.
    stream: u64,
    /// An error was raised, and may not have arrived.
    raised: bool,
}

/// The target of a slot: both the slot's thread and whoever interrupts it look at it.
pub(crate) type Shared = Arc<Mutex<Target>>;

/// Everything it takes to interrupt.
pub(crate) struct Interruptions {
    /// One for each slot.
    pub(crate) targets: Vec<Shared>,
    /// The module with what is written in Python.
    pub(crate) stacks: Py<PyAny>,
    /// The class of the error that is raised.
    pub(crate) error: Py<PyAny>,
    /// What faulthandler answers.
    pub(crate) signal: c_int,
}

impl Target {
    pub(crate) fn begin(&mut self, stream: u64) {
        self.stream = stream;
    }

    /// What it ran is over. An error that has not arrived yet will not do so any more: the next
    /// request is without fault.
    pub(crate) fn end(&mut self, _py: Python<'_>) {
        self.stream = 0;
        if std::mem::take(&mut self.raised) {
            // SAFETY: Python's lock is held, and null takes back what was set.
            unsafe { ffi::PyThreadState_SetAsyncExc(self.thread as c_long, ptr::null_mut()) };
        }
    }

    fn interrupt(&mut self, stream: u64, error: &Bound<'_, PyAny>) {
        if self.stream == stream {
            self.raised = true;
            // SAFETY: Python's lock is held, and the function takes a reference of its own.
            unsafe { ffi::PyThreadState_SetAsyncExc(self.thread as c_long, error.as_ptr()) };
        }
    }
}

impl Interruptions {
    pub(crate) fn perform(self: &Arc<Self>, interruption: Interruption) {
        match interruption.what {
            Interrupt::Raise => self.raise(interruption),
            Interrupt::Dump => self.dump(interruption),
        }
    }

    fn raise(&self, Interruption { stream, slot, .. }: Interruption) {
        let Some(target) = slot.and_then(|slot| self.targets.get(slot)) else { return };
        Python::try_attach(|py| target.lock().interrupt(stream, self.error.bind(py)));
    }

    fn dump(self: &Arc<Self>, interruption: Interruption) {
        let claimed = Arc::new(AtomicBool::new(false));
        let (told, done) = mpsc::channel();
        let (this, claim) = (Arc::clone(self), Arc::clone(&claimed));
        let by_python = move || {
            Python::try_attach(|py| {
                if !claim.swap(true, Ordering::AcqRel) {
                    this.dump_by_python(py, interruption);
                }
            });
            // Nobody listens when it took too long.
            let _ = told.send(());
        };
        let began = thread::Builder::new().name("maitred-stacks".to_owned()).spawn(by_python);
        let in_time = began.is_ok() && done.recv_timeout(LOCK_PATIENCE).is_ok();
        if !in_time && !claimed.swap(true, Ordering::AcqRel) {
            self.dump_by_signal(interruption);
        }
    }

    fn dump_by_python(&self, py: Python<'_>, interruption: Interruption) {
        let thread = self.thread_of(interruption);
        let dump = self.stacks.bind(py).call_method1(intern!(py, "dump"), (thread,));
        if let Err(error) = dump {
            error.write_unraisable(py, None);
        }
    }

    fn dump_by_signal(&self, interruption: Interruption) {
        let whose = match self.thread_of(interruption) {
            0 => String::new(),
            thread => format!("; thread {thread:#018x} is asked about"),
        };
        // As faulthandler does: past all that Python keeps.
        eprintln!(
            "maitred: stacks of all threads, without the interpreter's lock, which is held by \
             native code{whose}"
        );
        // SAFETY: faulthandler has a handler for this signal, which runs on this thread and is
        // made for a process in any state.
        unsafe { raise(self.signal) };
    }

    /// The thread that an interruption is about; 0: none.
    fn thread_of(&self, Interruption { slot, .. }: Interruption) -> u64 {
        let target = slot.and_then(|slot| self.targets.get(slot));
        target.map_or(0, |target| target.lock().thread)
    }
}
