//! What both ends of a link have in common: the open streams and the bytes to write.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::event::Counters;
use super::out::Out;
use super::stream::{Phase, Stream};
use crate::error::Error;
use crate::frame::{Flags, Kind, Side, WINDOW};
use crate::message::Window;

#[derive(Debug)]
pub(crate) struct Shared {
    /// Whose end this is.
    pub(crate) side: Side,
    pub(crate) out: Out,
    pub(crate) streams: FxHashMap<u64, Stream>,
    /// Streams that hold back body, in the order of their turns.
    pub(crate) turns: VecDeque<u64>,
    /// The highest stream opened.
    pub(crate) highest: u64,
    /// Process: streams whose READY is not yet in `out`.
    pub(crate) unready: u32,
    pub(crate) counters: Counters,
    /// The error that ended the link.
    pub(crate) broken: Option<Error>,
}

impl Shared {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            out: Out::default(),
            streams: FxHashMap::default(),
            turns: VecDeque::new(),
            highest: 0,
            unready: 0,
            counters: Counters::default(),
            broken: None,
        }
    }

    /// The stream of a frame that arrived; `None`: it is over, and the frame is counted.
    pub(crate) fn lookup(&mut self, kind: Kind, id: u64) -> Result<Option<&mut Stream>, Error> {
        if id > self.highest {
            return Err(Error::BadStream { kind: kind.name(), stream: id });
        }
        let stream = self.streams.get_mut(&id);
        if stream.is_none() {
            match kind {
                Kind::Ready => self.counters.second_readies += 1,
                _ => self.counters.dead_frames += 1,
            }
        }
        Ok(stream)
    }

    pub(crate) fn capacity(&self, id: u64) -> usize {
        self.streams.get(&id).map_or(0, Stream::capacity)
    }

    /// Our side took `n` bytes of the body that it receives.
    pub(crate) fn consumed(&mut self, id: u64, n: usize) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.cancelled {
            return;
        }
        if let Some(increment) = stream.incoming.taken(n)
            && stream.incoming.phase == Phase::Body
        {
            self.out.message(Kind::Window, Flags::NONE, id, &Window { increment });
        }
    }

    /// WINDOW arrived. Whether the owner should hear that there is capacity again.
    pub(crate) fn window(&mut self, id: u64, increment: u32) -> Result<bool, Error> {
        let Some(stream) = self.lookup(Kind::Window, id)? else { return Ok(false) };
        let before = stream.outgoing.credit;
        let room = WINDOW - before;
        if increment > room && !stream.cancelled {
            let by = increment - room;
            return Err(Error::WindowExceeded { kind: Kind::Window.name(), stream: id, by });
        }
        stream.outgoing.credit = before + increment.min(room);
        Ok(before == 0 && stream.capacity() > 0)
    }
}
