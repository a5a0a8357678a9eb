//! One direction of a socket: bytes that the kernel holds, which arrive after a while.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use maitred_engine::time::Time;

/// Bytes on their way.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pieces: VecDeque<(Time, Bytes)>,
    held: usize,
    /// The sender closed its end; this is when the receiver hears of it.
    closed: Option<Time>,
}

impl Wire {
    /// Bytes that the kernel would take now, of a buffer of this size.
    pub(crate) fn room(&self, buffer: usize) -> usize {
        if self.closed.is_some() { 0 } else { buffer.saturating_sub(self.held) }
    }

    /// The kernel takes bytes, which arrive at `due` or behind what was sent before.
    pub(crate) fn put(&mut self, bytes: &[u8], due: Time) {
        let due = self.last_due().max(due);
        self.held += bytes.len();
        self.pieces.push_back((due, Bytes::copy_from_slice(bytes)));
    }

    /// Nothing more is sent.
    pub(crate) fn close(&mut self, due: Time) {
        let due = self.last_due().max(due);
        self.closed.get_or_insert(due);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Moves what has arrived by `now` into `buf`. Whether that was the end.
    pub(crate) fn take(&mut self, now: Time, buf: &mut BytesMut) -> bool {
        while self.pieces.front().is_some_and(|(due, _)| *due <= now)
            && let Some((_, bytes)) = self.pieces.pop_front()
        {
            self.held -= bytes.len();
            buf.extend_from_slice(&bytes);
        }
        self.pieces.is_empty() && self.closed.is_some_and(|due| due <= now)
    }

    /// When there is something to read.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.pieces.front().map(|(due, _)| *due).or(self.closed)
    }

    /// The receiver asks the kernel for all that it holds, whatever it would still have taken.
    pub(crate) fn hurry(&mut self, now: Time) {
        for (due, _) in &mut self.pieces {
            *due = now;
        }
        self.closed = self.closed.map(|_| now);
    }

    fn last_due(&self) -> Time {
        self.pieces.back().map_or_else(Time::default, |(due, _)| *due)
    }
}
