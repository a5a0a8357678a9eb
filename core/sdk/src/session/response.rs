//! What a host says about a request: its response, piece by piece, and that the slot is free.
//!
//! Calls are checked here, against what the host said before: the link below asserts its order,
//! and a mistake of a host must come back to it as an error.

use std::time::Instant;

use bytes::Bytes;
use maitred_proto::frame::{HEAD_MAX, WINDOW};
use maitred_proto::link::ProcessLink;
use maitred_proto::message::{Abort, Ready, ResponseHead};
use parking_lot::MutexGuard;

use super::state::{Held, Phase, State, Stream};
use super::{Hold, Pushed, Session};
use crate::error::Error;

/// A second head, or one after the end.
const SECOND_HEAD: Error = Error::Order { what: "the response has a head already" };
/// Body where none may come.
const NOT_IN_BODY: Error = Error::Order { what: "the response is not in its body" };

impl Session {
    /// Bytes of body that [`Self::reply`] can take.
    pub const REPLY_MAX: usize = WINDOW as usize;

    /// A whole response, after which the slot is free: nothing was deferred. It is written by
    /// the [`Self::next`] that follows or a later one, at the latest by the minder's next tick.
    ///
    /// # Errors
    ///
    /// [`Error::HeadTooLarge`]: nothing was said. [`Error::Order`]: there was a head already, or
    /// the body is longer than [`Self::REPLY_MAX`]. [`Error::Over`], [`Error::Forked`].
    pub fn reply<'a, H>(&self, stream: u64, head: ResponseHead<H>, body: &[u8]) -> Result<(), Error>
    where
        H: Iterator<Item = (&'a [u8], &'a [u8])>,
    {
        self.check()?;
        if body.len() > Self::REPLY_MAX {
            return Err(Error::Order { what: "the body is too long for one piece" });
        }
        let mut state = self.shared.state.lock();
        let State { link, streams, .. } = &mut *state;
        let open = streams.get(&stream).ok_or(Error::Over { stream })?;
        if open.response != Phase::Head {
            return Err(SECOND_HEAD);
        }
        let bare = body.is_empty();
        respond(link, stream, head, bare)?;
        if !bare {
            link.body(stream, Bytes::copy_from_slice(body), true, true);
        }
        streams.remove(&stream);
        if !state.ticking {
            // Host code may yet run before `next`, and the minder would not see to it.
            self.shared.flush_some(&mut state);
        }
        Ok(())
    }

    /// The head of a response. It is written together with what follows.
    ///
    /// # Errors
    ///
    /// [`Error::HeadTooLarge`]: nothing was said. [`Error::Order`], [`Error::Over`],
    /// [`Error::Forked`].
    pub fn respond<'a, H>(&self, stream: u64, head: ResponseHead<H>) -> Result<(), Error>
    where
        H: Iterator<Item = (&'a [u8], &'a [u8])>,
    {
        self.with(stream, |link, open| {
            if open.response != Phase::Head {
                return Err(SECOND_HEAD);
            }
            link.respond(stream, head, false, false).map_err(too_large)?;
            open.response = Phase::Body;
            Ok(())
        })
    }

    /// A piece of the response's body. Never waits: it takes what fits the window, and writes
    /// what fits the socket unless `hold` allows to wait. The rest needs [`Self::wait`].
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`], [`Error::Closed`], [`Error::Order`], [`Error::Over`],
    /// [`Error::Forked`].
    pub fn push(&self, stream: u64, data: &[u8], hold: Hold) -> Result<Pushed, Error> {
        self.check()?;
        let mut state = self.shared.state.lock();
        let now = Instant::now();
        state.saw_host(now);
        let can_hold = hold == Hold::Moment && state.ticking && !self.shared.merge.is_zero();
        let open = in_body(&mut state, stream)?;
        if can_hold {
            open.held.get_or_insert(Held { since: now, end: false });
        } else {
            open.held = None;
        }
        let taken = data.len().min(state.link.capacity(stream));
        state.link.body(stream, Bytes::copy_from_slice(&data[..taken]), false, false);
        let flushed = (can_hold && taken == data.len()) || self.shared.flush_some(&mut state);
        Ok(Pushed { taken, flushed })
    }

    /// Writes what was pushed and waits until more can be. Call it without the host's lock.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub fn wait(&self, stream: u64) -> Result<(), Error> {
        self.check()?;
        let mut state = self.shared.state.lock();
        in_body(&mut state, stream)?.held = None;
        self.shared.flush(&mut state);
        self.shared.wait_until(&mut state, |state| {
            let cancelled = state.streams.get(&stream).is_none_or(|open| open.cancelled);
            cancelled || state.link.capacity(stream) > 0
        });
        in_body(&mut state, stream).map(|_| ())
    }

    /// The response is complete. Unless `hold` allows its end to wait for ready, it is written
    /// now. True: all is on its way or held; false: call [`Self::flush`].
    ///
    /// # Errors
    ///
    /// [`Error::Order`], [`Error::Over`], [`Error::Forked`].
    pub fn finish(&self, stream: u64, hold: Hold) -> Result<bool, Error> {
        self.check()?;
        let mut state = self.shared.state.lock();
        let can_hold = hold == Hold::Moment && state.ticking && !self.shared.merge.is_zero();
        let State { link, streams, .. } = &mut *state;
        let open = streams.get_mut(&stream).ok_or(Error::Over { stream })?;
        if open.response != Phase::Body {
            return Err(NOT_IN_BODY);
        }
        open.response = Phase::Ended;
        if can_hold {
            let since = open.held.map_or_else(Instant::now, |held| held.since);
            open.held = Some(Held { since, end: true });
            return Ok(true);
        }
        open.held = None;
        link.end(stream, false);
        Ok(self.shared.flush_some(&mut state))
    }

    /// What was held is written now: deferred work begins that may take long. True: all is on
    /// its way; false: call [`Self::flush`].
    ///
    /// # Errors
    ///
    /// [`Error::Over`], [`Error::Forked`].
    pub fn release(&self, stream: u64) -> Result<bool, Error> {
        self.with(stream, |link, open| {
            if open.held.take().is_some_and(|held| held.end) {
                link.end(stream, false);
            }
            Ok(())
        })?;
        Ok(self.shared.flush_some(&mut self.shared.state.lock()))
    }

    /// The response is broken and ends here, be it begun or not.
    ///
    /// # Errors
    ///
    /// [`Error::Order`]: it is complete. [`Error::Over`], [`Error::Forked`].
    pub fn abort(&self, stream: u64, reason: u32, detail: &str) -> Result<(), Error> {
        self.with(stream, |link, open| {
            if open.response == Phase::Ended {
                return Err(Error::Order { what: "the response is complete" });
            }
            open.response = Phase::Ended;
            open.held = None;
            link.abort(
                stream,
                Abort { reason, detail: detail.to_owned(), ..Abort::default() },
                false,
            );
            Ok(())
        })
    }

    /// The slot is free: nothing of the request goes on. `failed` pieces of deferred work raised
    /// an error. It is written as [`Self::reply`] is.
    ///
    /// # Errors
    ///
    /// [`Error::Order`]: the response is not complete. [`Error::Over`], [`Error::Forked`].
    pub fn ready(&self, stream: u64, failed: u32) -> Result<(), Error> {
        self.check()?;
        self.shared.state.lock().ready(stream, failed)
    }

    /// Writes what is left to write. Call it without the host's lock.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub fn flush(&self) -> Result<(), Error> {
        self.check()?;
        self.shared.flush(&mut self.shared.state.lock());
        Ok(())
    }

    /// The next piece of the request's body, at most `max` bytes; empty at its end. Waits for
    /// it: call it without the host's lock.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] or [`Error::Closed`] where the rest will never come;
    /// [`Error::Over`], [`Error::Forked`].
    pub fn read(&self, stream: u64, max: usize) -> Result<Bytes, Error> {
        self.check()?;
        let mut state = self.shared.state.lock();
        self.shared.wait_until(&mut state, |state| {
            state
                .streams
                .get(&stream)
                .is_none_or(|open| open.received || open.cancelled || !open.incoming.is_empty())
        });
        let ended = state.ending.is_some();
        let open = state.streams.get_mut(&stream).ok_or(Error::Over { stream })?;
        let Some(piece) = open.incoming.front_mut() else {
            return match (open.received, open.cancelled) {
                (_, true) => Err(Error::Cancelled),
                (true, false) => Ok(Bytes::new()),
                (false, false) if ended => Err(Error::Closed),
                (false, false) => Ok(Bytes::new()),
            };
        };
        let data = piece.split_to(piece.len().min(max));
        if piece.is_empty() {
            open.incoming.pop_front();
        }
        state.link.consumed(stream, data.len());
        // The window that this opened, if it is time to say so.
        self.shared.flush_some(&mut state);
        Ok(data)
    }

    /// Whether nobody waits for the response any more; after its end: whether the core wants its
    /// deferred work to end, or nobody had waited for the response either.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub fn is_cancelled(&self, stream: u64) -> Result<bool, Error> {
        self.check()?;
        let mut state = self.shared.state.lock();
        state.saw_host(Instant::now());
        let gone = state.ending.is_some();
        Ok(gone || state.streams.get(&stream).is_some_and(|open| open.cancelled))
    }

    pub(super) fn with<T>(
        &self,
        stream: u64,
        act: impl FnOnce(&mut ProcessLink, &mut Stream) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.check()?;
        let mut state = self.shared.state.lock();
        let State { link, streams, .. } = &mut *state;
        act(link, streams.get_mut(&stream).ok_or(Error::Over { stream })?)
    }
}

impl State {
    pub(super) fn ready(&mut self, stream: u64, failed: u32) -> Result<(), Error> {
        let open = self.streams.get(&stream).ok_or(Error::Over { stream })?;
        if open.response != Phase::Ended {
            return Err(Error::Order { what: "ready before the response is complete" });
        }
        let held = open.held.filter(|held| held.end);
        if let Some(held) = held {
            // It has waited for this, and may wait for another request only for the rest of it.
            self.batch.begin(held.since);
            self.link.end(stream, failed == 0);
        }
        if held.is_none() || failed > 0 {
            self.link.ready(stream, Ready { failed });
        }
        self.streams.remove(&stream);
        Ok(())
    }
}

/// The stream, if its body may go on.
fn in_body<'a>(state: &'a mut MutexGuard<'_, State>, stream: u64) -> Result<&'a mut Stream, Error> {
    let ended = state.ending.is_some();
    let open = state.streams.get_mut(&stream).ok_or(Error::Over { stream })?;
    match open.response {
        _ if open.cancelled => Err(Error::Cancelled),
        _ if ended => Err(Error::Closed),
        Phase::Body => Ok(open),
        Phase::Head | Phase::Ended => Err(NOT_IN_BODY),
    }
}

/// A head that ends the response and frees the slot, if `bare`.
fn respond<'a, H>(
    link: &mut ProcessLink,
    stream: u64,
    head: ResponseHead<H>,
    bare: bool,
) -> Result<(), Error>
where
    H: Iterator<Item = (&'a [u8], &'a [u8])>,
{
    link.respond(stream, head, bare, bare).map_err(too_large)
}

fn too_large(error: maitred_proto::error::HeadTooLarge) -> Error {
    Error::HeadTooLarge { length: error.length, limit: HEAD_MAX }
}
