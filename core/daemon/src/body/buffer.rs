//! The body of one response on its way to the client.
//!
//! Three places, always drained in this order: memory, then the spool file, then *held*: bytes
//! for which no window was returned yet, so that the app waits. A held piece moves to the disk as
//! soon as that is possible; where the disk is full it stays held, which is back-pressure.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::budget::Budget;
use super::spool::{Place, Spool};

/// Bytes of one response that are held in memory before the disk is used. Default 256 KiB: a
/// page with everything fits, and one slow client cannot take much of the budget.
const MEMORY_PER_RESPONSE: usize = 256 * 1024;

/// Bytes read back from the disk at once: one frame's worth.
const READ_SIZE: u64 = 64 * 1024;

/// Buffers the body of one response. It does no I/O: it says what is to be written or read.
#[derive(Debug)]
pub struct ResponseBuffer {
    budget: Arc<Budget>,
    memory: Pieces,
    memory_len: usize,
    spool: Option<Spool>,
    /// Bytes of the spool that are on the disk, and those that were taken again.
    spooled: u64,
    unspooled: u64,
    held: VecDeque<Bytes>,
    job: Option<Job>,
    disk_failed: bool,
    /// Nobody takes the body any more.
    discarded: bool,
    end: End,
}

/// Pieces in order. Most responses have one, which needs no room of its own here.
#[derive(Debug, Default)]
struct Pieces {
    first: Option<Bytes>,
    /// Empty where there is no first one.
    others: VecDeque<Bytes>,
}

impl Pieces {
    fn push(&mut self, piece: Bytes) {
        match self.first {
            Some(_) => self.others.push_back(piece),
            None => self.first = Some(piece),
        }
    }

    fn pop(&mut self) -> Option<Bytes> {
        let first = self.first.take();
        self.first = self.others.pop_front();
        first
    }

    fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

/// How the body ends, once that is known.
#[derive(Debug)]
enum End {
    Open,
    Complete(Option<Box<HeaderMap>>),
    Broken,
}

/// A job that is under way for this buffer; one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    Write,
    Read,
}

/// What to do on a blocking thread.
#[derive(Debug)]
pub enum Work {
    /// Write, then call [`ResponseBuffer::written`].
    Write(Place, Bytes),
    /// Read so many bytes, then call [`ResponseBuffer::was_read`].
    Read(Place, usize),
}

/// What is next for the client.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Body bytes.
    Data {
        /// The bytes.
        data: Bytes,
        /// No window was returned for them yet.
        held: bool,
    },
    /// The trailers; then `End`.
    Trailers(HeaderMap),
    /// Nothing follows.
    End,
    /// The response is broken off here.
    Broken,
    /// Not known yet.
    Wait,
}

impl ResponseBuffer {
    /// An empty body.
    #[must_use]
    pub fn new(budget: Arc<Budget>) -> Self {
        Self {
            budget,
            memory: Pieces::default(),
            memory_len: 0,
            spool: None,
            spooled: 0,
            unspooled: 0,
            held: VecDeque::new(),
            job: None,
            disk_failed: false,
            discarded: false,
            end: End::Open,
        }
    }

    /// Appends `data`. True: it is taken, return its window; false: it is held.
    #[must_use]
    pub fn push(&mut self, data: Bytes) -> bool {
        if data.is_empty() || self.discarded || !matches!(self.end, End::Open) {
            return true;
        }
        let in_order = self.on_disk() == 0 && self.held.is_empty();
        if in_order
            && self.memory_len + data.len() <= MEMORY_PER_RESPONSE
            && self.budget.take_memory(data.len())
        {
            self.memory_len += data.len();
            self.memory.push(data);
            return true;
        }
        self.held.push_back(data);
        false
    }

    /// The body is complete.
    pub fn complete(&mut self, trailers: Option<HeaderMap>) {
        if matches!(self.end, End::Open) {
            self.end = End::Complete(trailers.map(Box::new));
        }
    }

    /// The body is broken off: what is buffered is not worth sending.
    pub fn break_off(&mut self) {
        self.end = End::Broken;
    }

    /// Throws away what is buffered. Returns for how many bytes window was not returned yet.
    pub fn discard(&mut self) -> usize {
        self.discarded = true;
        self.budget.give_memory(self.memory_len);
        self.memory_len = 0;
        self.memory = Pieces::default();
        // A job that is under way has its own hold on the file.
        self.spool = None;
        self.spooled = 0;
        self.unspooled = 0;
        self.held.drain(..).map(|data| data.len()).sum()
    }

    /// Takes what is next for the client.
    pub fn take(&mut self) -> Next {
        if matches!(self.end, End::Broken) {
            return Next::Broken;
        }
        if let Some(data) = self.memory.pop() {
            self.memory_len -= data.len();
            self.budget.give_memory(data.len());
            return Next::Data { data, held: false };
        }
        if self.on_disk() > 0 || self.job.is_some() {
            return Next::Wait;
        }
        if let Some(data) = self.held.pop_front() {
            self.forget_drained_disk();
            return Next::Data { data, held: true };
        }
        match &mut self.end {
            End::Complete(trailers) => {
                trailers.take().map_or(Next::End, |map| Next::Trailers(*map))
            }
            End::Open | End::Broken => Next::Wait,
        }
    }

    /// The next job for a blocking thread, if there is one to start now.
    pub fn work(&mut self) -> Option<Work> {
        if self.job.is_some() || self.discarded || matches!(self.end, End::Broken) {
            return None;
        }
        if self.memory.is_empty() && self.on_disk() > 0 {
            let len = self.on_disk().min(READ_SIZE);
            let place = self.spool.as_ref()?.place(self.unspooled);
            self.job = Some(Job::Read);
            return Some(Work::Read(place, usize::try_from(len).unwrap_or(0)));
        }
        if self.disk_failed {
            return None;
        }
        let data = self.held.front()?.clone();
        let Some(place) = self.place_for(data.len()) else {
            // Over the budget: held pieces wait for the client instead.
            self.disk_failed = true;
            return None;
        };
        self.job = Some(Job::Write);
        Some(Work::Write(place, data))
    }

    /// A [`Work::Write`] ended. Returns for how many bytes window must be returned.
    pub fn written(&mut self, result: &io::Result<()>) -> usize {
        self.job = None;
        if self.discarded {
            return 0;
        }
        if result.is_err() {
            self.disk_failed = true;
            return 0;
        }
        let len = self.held.pop_front().map_or(0, |data| data.len());
        self.spooled += len as u64;
        len
    }

    /// A [`Work::Read`] ended.
    pub fn was_read(&mut self, result: io::Result<Bytes>) {
        self.job = None;
        if self.discarded {
            return;
        }
        let Ok(data) = result else {
            self.break_off();
            return;
        };
        self.unspooled += data.len() as u64;
        // One piece that is about to be sent: counted, even when the budget is used up.
        self.budget.force_memory(data.len());
        self.memory_len += data.len();
        self.memory.push(data);
        self.forget_drained_disk();
    }

    /// Whether the body is complete and nothing of it is left: it has no trailers either.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.end, End::Complete(None)) && self.is_drained()
    }

    /// The exact number of bytes still to come, when all of it is here. Not with trailers: only
    /// a body of unknown length can have those.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        let held: usize = self.held.iter().map(Bytes::len).sum();
        matches!(self.end, End::Complete(None))
            .then(|| self.memory_len as u64 + self.on_disk() + held as u64)
    }

    fn is_drained(&self) -> bool {
        self.memory.is_empty() && self.on_disk() == 0 && self.held.is_empty()
    }

    /// Starts over with a fresh file once the old one was read to its end; and tries the disk
    /// again once nothing waits for it any more.
    fn forget_drained_disk(&mut self) {
        if self.on_disk() == 0 {
            self.spool = None;
            self.spooled = 0;
            self.unspooled = 0;
            self.disk_failed &= !self.held.is_empty();
        }
    }

    fn on_disk(&self) -> u64 {
        self.spooled - self.unspooled
    }

    fn place_for(&mut self, len: usize) -> Option<Place> {
        self.spool.get_or_insert_with(|| Spool::new(&self.budget)).reserve(len)
    }
}

impl Drop for ResponseBuffer {
    fn drop(&mut self) {
        self.budget.give_memory(self.memory_len);
    }
}

#[cfg(test)]
mod tests;
