//! Out-of-band work, as the host sees it: asking for it, being given it, having done it.
//!
//! A thread of the host waits in [`Session::next_oob`]. It needs no slot: when the core grants
//! out-of-band work all slots are idle, and stay so until the host says that it is done.

use std::time::Duration;

use maitred_proto::frame::OOB_KIND_MAX;
use maitred_proto::message::{OobRequest, OobStart, outcome};

use super::Session;
use super::state::State;
use crate::error::Error;

/// A wish for out-of-band work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OobWish {
    /// What for, 1 to 64 bytes: "gc".
    pub kind: String,
    /// Why, for people; cut to 256 bytes.
    pub reason: String,
    /// How long it will take, as far as the host knows.
    pub expected: Option<Duration>,
    /// How long it may wait for a quiet moment.
    pub not_later_than: Option<Duration>,
}

/// How out-of-band work went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OobOutcome {
    /// It is done.
    Done,
    /// It raised an error.
    Failed,
    /// The host has no handler for its kind.
    NoHandler,
}

/// What the session knows of out-of-band work.
#[derive(Debug)]
pub(crate) struct Oob {
    /// A thread of the host waits for it, is at it, or will be there soon.
    listens: bool,
    /// Granted, and not taken by that thread.
    granted: Option<OobStart>,
}

impl Session {
    /// Asks to be taken out of band. Never blocks. False: the process is on its way out, and
    /// nobody was asked.
    ///
    /// # Errors
    ///
    /// [`Error::OobKind`], [`Error::Forked`].
    pub fn request_oob(&self, wish: OobWish) -> Result<bool, Error> {
        self.check()?;
        check_kind(&wish.kind)?;
        let ms = |span: Option<Duration>| {
            // 0 would say that there is none.
            span.map_or(0, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1))
        };
        let request = OobRequest {
            kind: wish.kind,
            reason: wish.reason,
            expected_ms: ms(wish.expected),
            not_later_than_ms: ms(wish.not_later_than),
        };
        let mut state = self.shared.state.lock();
        let asked = state.ending.is_none() && state.link.oob_request(request);
        self.shared.flush_some(&mut state);
        Ok(asked)
    }

    /// Takes a wish back. It may have been granted already.
    ///
    /// # Errors
    ///
    /// [`Error::OobKind`], [`Error::Forked`].
    pub fn withdraw_oob(&self, kind: &str) -> Result<(), Error> {
        self.check()?;
        check_kind(kind)?;
        let mut state = self.shared.state.lock();
        state.link.oob_withdraw(kind);
        self.shared.flush_some(&mut state);
        Ok(())
    }

    /// Says that [`Self::next_oob`] will be called, where [`super::Connect`] did not.
    pub fn listen_oob(&self) {
        self.shared.state.lock().oob.listens = true;
    }

    /// Waits until the core takes this process out of band. `None`: the session is over. Call it
    /// without the host's lock, and answer it with [`Self::oob_done`]. Where nobody said
    /// that this will be called, the session itself answers that there is no handler.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub fn next_oob(&self) -> Result<Option<OobStart>, Error> {
        self.check()?;
        let mut state = self.shared.state.lock();
        loop {
            if state.ending.is_some() {
                return Ok(None);
            }
            if let Some(start) = state.oob.granted.take() {
                return Ok(Some(start));
            }
            self.shared.oob.wait(&mut state);
        }
    }

    /// The out-of-band work is over: requests may come again. Does nothing when there was none.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub fn oob_done(&self, how: OobOutcome, took: Duration) -> Result<(), Error> {
        self.check()?;
        let mut state = self.shared.state.lock();
        if state.link.is_out() {
            let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            state.link.oob_done(number(how), took);
            self.shared.flush_some(&mut state);
        }
        Ok(())
    }
}

impl Oob {
    pub(crate) fn new(listens: bool) -> Self {
        Self { listens, granted: None }
    }
}

impl State {
    /// The core has taken the process out of band.
    pub(crate) fn oob_start(&mut self, start: OobStart) {
        if self.oob.listens {
            self.oob.granted = Some(start);
        } else {
            self.link.oob_done(outcome::NO_HANDLER, 0);
        }
    }

    /// Whether somebody has to be woken for it.
    pub(crate) fn is_oob_granted(&self) -> bool {
        self.oob.granted.is_some()
    }
}

fn check_kind(kind: &str) -> Result<(), Error> {
    let length = kind.len();
    if (1..=OOB_KIND_MAX).contains(&length) { Ok(()) } else { Err(Error::OobKind { length }) }
}

const fn number(how: OobOutcome) -> u32 {
    match how {
        OobOutcome::Done => outcome::DONE,
        OobOutcome::Failed => outcome::FAILED,
        OobOutcome::NoHandler => outcome::NO_HANDLER,
    }
}
