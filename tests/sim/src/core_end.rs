//! The core's end of a link, as the daemon keeps it: which stream runs in which slot.

use std::collections::BTreeMap;

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
    pub(crate) slot: u32,
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
        self.streams
            .get(&stream)
            .is_some_and(|it| self.slots.get(it.slot as usize) == Some(&Some(stream)))
    }

    /// The slot of a stream is free.
    pub(crate) fn ready(&mut self, stream: u64) {
        let Some(record) = self.streams.get(&stream) else { return };
        let ended = record.ended;
        if self.is_in_slot(stream) {
            let slot = record.slot as usize;
            self.slots[slot] = None;
        }
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
        let in_slot = self.is_in_slot(stream);
        let record = self.streams.remove(&stream)?;
        if in_slot {
            self.slots[record.slot as usize] = None;
        }
        Some(record)
    }

    /// Slots whose request was never handed to the kernel.
    pub(crate) fn unstarted(&self) -> Vec<u32> {
        let slots = self.link.unstarted();
        slots.filter_map(|stream| Some(self.streams.get(&stream)?.slot)).collect()
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
