//! Signals to the core, as what they mean.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What an operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// TERM, QUIT: leave after `drain_delay`, finishing what was admitted.
    Stop,
    /// INT: the same without delay; said again, at once.
    StopNow,
}

/// The signals that mean something.
#[derive(Debug)]
pub(super) struct Signals {
    term: Signal,
    quit: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
    usr2: Signal,
    ttin: Signal,
    ttou: Signal,
}

/// SIGTTIN and SIGTTOU, which have no names in the runtime. Left alone they would stop the core.
const TTIN: i32 = 21;
const TTOU: i32 = 22;

impl Signals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
            usr2: signal(SignalKind::user_defined2())?,
            ttin: signal(SignalKind::from_raw(TTIN))?,
            ttou: signal(SignalKind::from_raw(TTOU))?,
        })
    }

    /// The next wish to leave.
    pub(super) async fn next(&mut self) -> Wish {
        loop {
            tokio::select! {
                _ = self.term.recv() => return Wish::Stop,
                _ = self.quit.recv() => return Wish::Stop,
                _ = self.int.recv() => return Wish::StopNow,
                _ = self.hup.recv() => {
                    if terminal_is_gone() {
                        return Wish::Stop;
                    }
                    unavailable("SIGHUP: reload");
                }
                // Nothing to reopen: the core writes to its standard output and error only.
                _ = self.usr1.recv() => tracing::info!("SIGUSR1: there are no log files to reopen"),
                _ = self.ttin.recv() => unavailable("SIGTTIN: one process more"),
                _ = self.ttou.recv() => unavailable("SIGTTOU: one process less"),
                _ = self.usr2.recv() => unavailable("SIGUSR2: upgrade"),
            }
        }
    }

    /// Waits for `delay`, or less if somebody is in a hurry.
    pub(super) async fn delay(&mut self, delay: Duration) {
        let hurry = async { while self.next().await != Wish::StopNow {} };
        let _either = tokio::time::timeout(delay, hurry).await;
    }
}

fn unavailable(what: &str) {
    tracing::warn!("{what} is not available in this version");
}

/// Whether there was a controlling terminal that has gone away: opening it says so.
fn terminal_is_gone() -> bool {
    match std::fs::File::open("/dev/tty") {
        Ok(_) => false,
        Err(error) => error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()),
    }
}
