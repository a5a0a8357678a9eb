//! The core's end of a link, as the daemon keeps it: which stream runs in which slot.

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use maitred_engine::event::CancelReason;
use maitred_engine::id::RequestId;
use maitred_proto::link::CoreLink;
use maitred_proto::message::reason;

/// One link.
#[derive(Debug, Default)]
pub(crate) struct CoreEnd {
    pub(crate) link: CoreLink,
    pub(crate) heard: BytesMut,
    pub(crate) streams: BTreeMap<u64, Stream>,
    pub(crate) slots: Vec<Option<u64>>,
    /// What was sent ahead and is in no slot yet.
    pub(crate) early: VecDeque<u64>,
    /// Bytes that the kernel has taken.
    pub(crate) sent: u64,
    /// HELLO came, and was good.
    pub(crate) open: bool,
    /// To be closed once all is written.
    pub(crate) closing: bool,
}

/// A request on its way.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    /// `None`: it was sent ahead of one.
    pub(crate) slot: Option<u32>,
    pub(crate) request: RequestId,
    pub(crate) detached: bool,
    /// Its response is complete or broken off.
    pub(crate) ended: bool,
    /// CANCEL was sent.
    pub(crate) cancelled: bool,
    /// Bytes of its request's body that are still to be handed in; `None`: it has ended.
    pub(crate) upload: Option<usize>,
}

impl CoreEnd {
    /// The slot that a stream still occupies.
    pub(crate) fn is_in_slot(&self, stream: u64) -> bool {
        let slot = self.streams.get(&stream).and_then(|it| it.slot);
        slot.is_some_and(|slot| self.slots.get(slot as usize) == Some(&Some(stream)))
    }

    /// The slot of a stream is free.
    pub(crate) fn ready(&mut self, stream: u64) {
        let Some(record) = self.streams.get(&stream) else { return };
        let ended = record.ended;
        self.vacate(stream);
        if ended {
            self.streams.remove(&stream);
        }
    }

    /// The response of a stream ended.
    pub(crate) fn ended(&mut self, stream: u64) {
        let in_slot = self.is_in_slot(stream);
        let Some(record) = self.streams.get_mut(&stream) else { return };
        record.ended = true;
        if record.detached && !in_slot {
            self.streams.remove(&stream);
        }
    }

    /// Nothing more is to be expected of a stream.
    pub(crate) fn forget(&mut self, stream: u64) -> Option<Stream> {
        self.vacate(stream);
        self.streams.remove(&stream)
    }

    /// Its slot, or its place ahead of one, is not taken by the stream any more.
    fn vacate(&mut self, stream: u64) {
        let slot = self.streams.get(&stream).and_then(|it| it.slot);
        match slot.and_then(|slot| self.slots.get_mut(slot as usize)) {
            Some(place) if *place == Some(stream) => *place = None,
            Some(_) => {}
            None => self.early.retain(|kept| *kept != stream),
        }
    }

    /// What was sent ahead is in this slot now.
    pub(crate) fn take_early(&mut self, slot: u32) {
        let Some(stream) = self.early.pop_front() else { return };
        if let Some(record) = self.streams.get_mut(&stream) {
            record.slot = Some(slot);
        }
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(stream);
        }
    }

    /// Slots whose request was never handed to the kernel.
    pub(crate) fn unstarted(&self) -> Vec<u32> {
        let slots = self.link.unstarted();
        slots.filter_map(|stream| self.streams.get(&stream)?.slot).collect()
    }
}

impl CoreEnd {
    /// Tells the app that nobody wants the response of a stream.
    pub(crate) fn cancel(&mut self, stream: u64, why: CancelReason) {
        if let Some(record) = self.streams.get_mut(&stream) {
            record.cancelled = true;
            record.upload = None;
            let reason = match why {
                CancelReason::ClientGone => reason::CLIENT_GONE,
                CancelReason::Deadline => reason::DEADLINE,
                CancelReason::Shutdown => reason::SHUTDOWN,
            };
            self.link.cancel(stream, reason);
        }
    }
}
