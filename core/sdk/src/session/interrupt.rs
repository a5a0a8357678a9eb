//! INTERRUPT, as the host hears of it: something in one of its slots takes too long.
//!
//! It is told on a thread of its own, since it may take as long as the host's lock is held, and
//! the link has to be read meanwhile. Such threads are few: the core pauses between two of them.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use maitred_proto::message::interrupt;

use super::Session;
use super::state::State;
use crate::error::Error;

/// Interruptions that the host may be at, at once. Default 8: a host whose lock is stuck gets
/// to none of them, and more of the same would not help it.
const AT_ONCE_MAX: usize = 8;

/// What the host is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Write the stacks of all threads to standard error, without stopping any.
    Dump,
    /// Raise an error in the thread that runs the stream, if it still does.
    Raise,
}

/// An interruption, and whom it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interruption {
    /// What to do.
    pub what: Interrupt,
    /// The stream that takes too long; 0: the whole process is meant.
    pub stream: u64,
    /// The slot that ran it when this was told, from 0.
    pub slot: Option<usize>,
}

/// Called on a thread of its own.
pub(crate) struct Handler(Arc<dyn Fn(Interruption) + Send + Sync>);

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

impl Session {
    /// Has `handler` called when the core interrupts something. Without one it is not heard.
    /// It must not hold this session, which would then never end.
    pub fn on_interrupt(&self, handler: impl Fn(Interruption) + Send + Sync + 'static) {
        self.shared.state.lock().interrupted = Some(Handler(Arc::new(handler)));
    }

    /// The host's own code runs. Call it now and then, with the host's lock held: that is how the
    /// core tells a host that is busy from one that hangs.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub fn host_lives(&self) -> Result<(), Error> {
        self.check()?;
        self.shared.state.lock().saw_host(Instant::now());
        Ok(())
    }

    /// Names the work that will go on after the response, or that does: what the core's operator
    /// is told was lost, should the process be killed meanwhile. The last name counts.
    ///
    /// # Errors
    ///
    /// [`Error::Over`], [`Error::Forked`].
    pub fn defer(&self, stream: u64, name: &str) -> Result<(), Error> {
        let late = self.with(stream, |link, _| Ok(link.defer(stream, name)))?;
        if late {
            // Nobody else may write anything for as long as the work goes on.
            self.shared.flush_some(&mut self.shared.state.lock());
        }
        Ok(())
    }
}

impl State {
    pub(crate) fn interrupt(&self, stream: u64, action: u32) {
        let what = match action {
            interrupt::DUMP => Interrupt::Dump,
            interrupt::RAISE => Interrupt::Raise,
            // The link has counted it.
            _ => return,
        };
        let Some(Handler(handler)) = &self.interrupted else { return };
        if Arc::strong_count(handler) > AT_ONCE_MAX {
            return;
        }
        let interruption = Interruption { what, stream, slot: self.slot_of(stream) };
        let handler = Arc::clone(handler);
        let run = move || handler(interruption);
        // Without a thread it stays unheard, which a process may do.
        let _ = std::thread::Builder::new().name("maitred-interrupt".to_owned()).spawn(run);
    }
}
