//! The processes that can be signalled, and the signals for those that do not run yet.
//!
//! A start takes as long as an interpreter needs to say what it is. Whoever wants a process to end
//! meanwhile says so once, so it has to be remembered until there is something to signal.

use std::collections::BTreeMap;
use std::sync::Arc;

use maitred_engine::id::ProcessId;
use parking_lot::Mutex;

use super::Signal;
use crate::process::spawn::Child;

/// Every process from its order to its end.
#[derive(Debug, Default)]
pub struct Children(Mutex<BTreeMap<ProcessId, Life>>);

#[derive(Debug)]
enum Life {
    /// It is being started, and is to get this signal first thing.
    Starting(Option<Signal>),
    Running(Arc<Child>),
}

impl Children {
    /// It was ordered.
    pub fn starting(&self, process: ProcessId) {
        self.0.lock().insert(process, Life::Starting(None));
    }

    /// It runs, and gets what was meant for it while it was being started.
    pub fn started(&self, process: ProcessId, child: Arc<Child>) {
        let before = self.0.lock().insert(process, Life::Running(child));
        if let Some(Life::Starting(Some(signal))) = before {
            self.signal(process, signal);
        }
    }

    /// It is gone, or never came.
    pub fn ended(&self, process: ProcessId) {
        self.0.lock().remove(&process);
    }

    /// Sends it a signal: now, or as soon as it runs.
    pub fn signal(&self, process: ProcessId, signal: Signal) {
        let sent = match self.0.lock().get_mut(&process) {
            Some(Life::Running(child)) => child.signal(signal),
            Some(Life::Starting(kept)) => {
                // Nothing is more than SIGKILL.
                if *kept != Some(Signal::KILL) {
                    *kept = Some(signal);
                }
                Ok(())
            }
            None => Ok(()),
        };
        if let Err(error) = sent {
            tracing::error!(%process, ?signal, %error, "cannot signal the process");
        }
    }
}
