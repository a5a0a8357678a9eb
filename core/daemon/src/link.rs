//! What the core knows of one process's link: its streams, and the slots that they take.
//!
//! The protocol's state machine and the streams live in the driver, under its lock, so that a
//! dispatch can append a request to the link from whatever task caused it. The task in
//! [`socket`] is then woken once and writes all that has gathered: many requests, one system call.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bytes::BytesMut;
use http::HeaderMap;
use maitred_engine::event::{CancelReason, DrainReason, Interrupt};
use maitred_engine::id::RequestId;
use maitred_proto::link::CoreLink;
use maitred_proto::message::interrupt;
use rustc_hash::FxHashMap;
use tokio_util::sync::CancellationToken;

use crate::body::upload::RequestBody;
use crate::driver::wake;
use crate::exchange::Exchange;
use crate::http::head::{self, Wait};

pub mod accept;
pub mod socket;

const _: () = assert!(
    maitred_engine::limits::EARLY_MAX <= maitred_proto::frame::EARLY_MAX,
    "the engine sends no more ahead than a process takes"
);

/// A body up to this long is sent together with the head of its request. Default 64 KiB: one
/// frame, and a quarter of the stream's first window.
const WITH_HEAD_MAX: usize = 64 * 1024;

/// A process and what goes on between it and the core.
#[derive(Debug)]
pub struct Link {
    /// The state machine of the protocol.
    pub proto: CoreLink,
    /// Streams whose slot has not said ready, by number.
    pub streams: FxHashMap<u64, StreamRecord>,
    /// The stream that each slot runs.
    slots: Vec<Option<u64>>,
    /// It can keep requests until a slot is ready.
    pub takes_early: bool,
    /// The streams that were sent ahead and are in no slot yet, oldest first.
    pub early: VecDeque<u64>,
    task: Option<Waker>,
    closing: bool,
    exiting: bool,
    /// Set when the link was lost.
    pub lost: CancellationToken,
}

/// What the core keeps of a stream.
#[derive(Debug)]
pub struct StreamRecord {
    /// The slot that runs it; `None`: it was sent ahead, and no slot has it yet.
    pub slot: Option<u32>,
    /// The request that runs in it.
    pub exchange: Arc<Exchange>,
    /// It gave its slot back; it lives on until its response ends.
    pub detached: bool,
    /// Its response is complete or broken off.
    pub ended: bool,
    /// CANCEL was sent: the process reads nothing more of it.
    pub cancelled: bool,
    /// What goes on after its response, in the app's own words; often empty.
    pub deferred: Box<str>,
    /// Who waits to send more of the request's body.
    pub writable: Option<Waker>,
}

impl Link {
    /// A link on which `slots` slots were offered, by a process that can keep a request until a
    /// slot is ready or that cannot.
    #[must_use]
    pub fn new(proto: CoreLink, slots: u32, takes_early: bool) -> Self {
        Self {
            proto,
            streams: FxHashMap::default(),
            slots: vec![None; slots as usize],
            takes_early,
            early: VecDeque::new(),
            task: None,
            closing: false,
            exiting: false,
            lost: CancellationToken::new(),
        }
    }

    /// Appends the request to what is written next, for a slot or ahead of one. Returns its
    /// stream and whether its body has to be sent still; `None`: its head does not fit in a frame.
    pub fn send_request(
        &mut self,
        exchange: &Arc<Exchange>,
        slot: Option<u32>,
        wait: Wait,
    ) -> Option<(u64, bool)> {
        let body = exchange.body();
        let alone = matches!(body, RequestBody::None);
        let head = |out: &mut BytesMut| exchange.head.encode(out, &body, wait);
        let stream = self.proto.request(alone, head).ok()?;
        match slot {
            Some(slot) => *self.slots.get_mut(slot as usize)? = Some(stream),
            None => self.early.push_back(stream),
        }
        let record = StreamRecord {
            slot,
            exchange: Arc::clone(exchange),
            detached: false,
            ended: false,
            cancelled: false,
            deferred: Box::default(),
            writable: None,
        };
        self.streams.insert(stream, record);
        match body {
            RequestBody::None => Some((stream, false)),
            RequestBody::Memory(held)
                if held.trailers.is_none() && held.data.len() <= WITH_HEAD_MAX =>
            {
                self.proto.body(stream, held.data.clone(), true);
                Some((stream, false))
            }
            _ => Some((stream, true)),
        }
    }

    /// The oldest request that was sent ahead is in this slot now.
    pub fn take_early(&mut self, slot: u32) -> Option<u64> {
        let stream = self.early.pop_front()?;
        self.streams.get_mut(&stream)?.slot = Some(slot);
        *self.slots.get_mut(slot as usize)? = Some(stream);
        Some(stream)
    }

    /// The request's body is complete.
    pub fn end_request(&mut self, stream: u64, trailers: Option<&HeaderMap>) {
        if !self.streams.contains_key(&stream) {
            return;
        }
        // Trailers that do not fit in a frame are left out, as any intermediary may do.
        let sent = trailers.map(|map| self.proto.trailers(stream, &head::pack_trailers(map)));
        if !matches!(sent, Some(Ok(()))) {
            self.proto.end(stream);
        }
    }

    /// Tells the app that nobody wants the response that `slot` works on.
    pub fn cancel(&mut self, slot: u32, why: CancelReason) {
        if let Some(stream) = self.slots.get(slot as usize).copied().flatten() {
            self.cancel_stream(stream, why);
        }
    }

    /// The same for a request that was sent ahead.
    pub fn cancel_early(&mut self, request: RequestId, why: CancelReason) {
        let is_its = |stream: &&u64| self.streams[*stream].exchange.id == request;
        if let Some(stream) = self.early.iter().find(is_its).copied() {
            self.cancel_stream(stream, why);
        }
    }

    /// The same for a request that gave its slot back.
    pub fn cancel_detached(&mut self, request: RequestId, why: CancelReason) {
        let of_request = |record: &StreamRecord| record.detached && record.exchange.id == request;
        let found = self.streams.iter().find(|(_, record)| of_request(record));
        if let Some(stream) = found.map(|(stream, _)| *stream) {
            self.cancel_stream(stream, why);
        }
    }

    /// Tells the app that nobody wants the response of `stream`.
    pub fn cancel_stream(&mut self, stream: u64, why: CancelReason) {
        if let Some(record) = self.streams.get_mut(&stream) {
            record.cancelled = true;
            wake(&mut record.writable);
            self.proto.cancel(stream, head::cancel_reason(why));
        }
    }

    /// Asks for the stacks of the process because of what `slot` does, or for an error in that.
    pub fn interrupt(&mut self, slot: u32, what: Interrupt) {
        let action = match what {
            Interrupt::Dump => interrupt::DUMP,
            Interrupt::Raise => interrupt::RAISE,
        };
        if let Some(stream) = self.slots.get(slot as usize).copied().flatten() {
            let _it_may_be_over = self.proto.interrupt(stream, action);
        }
    }

    /// The app says what goes on after the response of `stream`.
    pub fn deferred(&mut self, stream: u64, what: String) {
        if let Some(record) = self.streams.get_mut(&stream).filter(|_| !what.is_empty()) {
            record.deferred = what.into_boxed_str();
        }
    }

    /// Sends DRAIN.
    pub fn drain(&mut self, why: DrainReason) {
        self.proto.drain(head::drain_reason(why));
    }

    /// Closes the link once everything is written.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// The process is gone. What it wrote before still counts; once that is read the link ends,
    /// whether or not a forked grandchild holds the other end open.
    pub fn exiting(&mut self) {
        self.exiting = true;
        self.wake();
    }

    /// The stream gave its slot back and lives on without it.
    pub fn detached(&mut self, stream: u64) {
        if let Some(record) = self.streams.get_mut(&stream) {
            record.detached = true;
        }
    }

    /// The response of `stream` ended.
    pub fn ended(&mut self, stream: u64) {
        let Some(record) = self.streams.get_mut(&stream) else { return };
        record.ended = true;
        if record.detached {
            // Its slot said ready already, or does so in the next frame.
            if !self.is_in_slot(stream) {
                self.forget(stream);
            }
        }
    }

    /// The slot of `stream` is free.
    pub fn ready(&mut self, stream: u64) {
        match self.streams.get(&stream) {
            Some(record) if record.ended => drop(self.forget(stream)),
            Some(_) => self.vacate(stream),
            None => {}
        }
    }

    /// What runs in a slot, or did until its response was complete.
    #[must_use]
    pub fn in_slot(&self, slot: u32) -> Option<&StreamRecord> {
        let stream = (*self.slots.get(slot as usize)?)?;
        self.streams.get(&stream)
    }

    /// Whether `stream` was sent ahead and no slot has it yet.
    #[must_use]
    pub fn is_early(&self, stream: u64) -> bool {
        self.streams.get(&stream).is_some_and(|record| record.slot.is_none())
    }

    /// Whether a slot is taken by `stream`.
    #[must_use]
    pub fn is_in_slot(&self, stream: u64) -> bool {
        let slot = self.streams.get(&stream).and_then(|record| record.slot);
        slot.is_some_and(|slot| self.slots.get(slot as usize) == Some(&Some(stream)))
    }

    /// Nothing more is to be expected of `stream`. Returns the slot that it was in, if any.
    pub fn forget(&mut self, stream: u64) -> Option<u32> {
        self.vacate(stream);
        let mut record = self.streams.remove(&stream)?;
        wake(&mut record.writable);
        record.slot
    }

    /// Its slot, or its place ahead of one, is not taken by `stream` any more.
    fn vacate(&mut self, stream: u64) {
        let slot = self.streams.get(&stream).and_then(|record| record.slot);
        match slot.and_then(|slot| self.slots.get_mut(slot as usize)) {
            Some(place) if *place == Some(stream) => *place = None,
            Some(_) => {}
            None => self.early.retain(|kept| *kept != stream),
        }
    }

    /// Slots whose request was never handed to the kernel.
    pub fn unstarted_slots(&self) -> Vec<u32> {
        let streams = self.proto.unstarted();
        streams.filter_map(|stream| self.streams.get(&stream)?.slot).collect()
    }

    /// The link's task reads, and writes when it has: what follows from that need not wake it.
    pub fn reads(&mut self) {
        self.task = None;
    }

    /// Has the link's task write what has gathered.
    pub fn wake(&mut self) {
        wake(&mut self.task);
    }

    /// Wakes everybody who waits for this link, because it is gone.
    pub fn wake_all(&mut self) {
        self.lost.cancel();
        self.wake();
        for record in self.streams.values_mut() {
            wake(&mut record.writable);
        }
    }
}
