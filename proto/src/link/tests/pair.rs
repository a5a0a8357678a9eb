//! Two ends and the wire between them.

use bytes::{Bytes, BytesMut};
use prost::Message as _;

use crate::error::Error;
use crate::frame::{Flags, HEADER_LEN, Header, Kind};
use crate::link::{CoreEvent, CoreLink, ProcessEvent, ProcessLink};
use crate::message::{Hello, Request, ResponseHead, Welcome};

/// Slots that the process of a pair offers.
pub(super) const SLOTS: u32 = 4;

pub(super) struct Pair {
    pub(super) core: CoreLink,
    pub(super) process: ProcessLink,
    to_core: BytesMut,
    to_process: BytesMut,
}

impl Pair {
    /// A link that is open.
    pub(super) fn open() -> Self {
        let mut pair = Self {
            core: CoreLink::new(),
            process: ProcessLink::new(),
            to_core: BytesMut::new(),
            to_process: BytesMut::new(),
        };
        pair.process.hello(&Hello { slots: SLOTS, version_max: 1, ..Hello::default() });
        assert!(matches!(pair.core_hears()[..], [CoreEvent::Hello(_)]));
        pair.core.welcome(&Welcome { version: 1, ..Welcome::default() });
        assert!(matches!(pair.process_hears()[..], [ProcessEvent::Welcome(_)]));
        pair
    }

    /// An open link with one request in the app.
    pub(super) fn with_request(end: bool) -> (Self, u64) {
        let mut pair = Self::open();
        let stream = pair.request(end);
        pair.process_hears();
        (pair, stream)
    }

    pub(super) fn request(&mut self, end: bool) -> u64 {
        let request = Request { method: "GET".into(), ..Request::default() };
        let write = |out: &mut BytesMut| request.encode(out).unwrap();
        self.core.request(end, write).unwrap()
    }

    pub(super) fn respond(&mut self, stream: u64, status: u16, end: bool, ready: bool) {
        let head = ResponseHead { status, headers: std::iter::empty() };
        self.process.respond(stream, head, end, ready).unwrap();
    }

    /// Everything that was said to the core arrives.
    pub(super) fn core_hears(&mut self) -> Vec<CoreEvent> {
        while self.process.wants_transmit() {
            let bytes = self.process.transmit();
            self.to_core.extend_from_slice(bytes);
            self.process.transmitted(bytes.len());
        }
        self.core.receive(&mut self.to_core).unwrap();
        std::iter::from_fn(|| self.core.poll_event()).collect()
    }

    /// Everything that was said to the process arrives.
    pub(super) fn process_hears(&mut self) -> Vec<ProcessEvent> {
        while self.core.wants_transmit() {
            let bytes = self.core.transmit();
            self.to_process.extend_from_slice(bytes);
            self.core.transmitted(bytes.len());
        }
        self.process.receive(&mut self.to_process).unwrap();
        std::iter::from_fn(|| self.process.poll_event()).collect()
    }

    /// The core hears a frame that no honest process would send.
    pub(super) fn core_hears_frame(&mut self, frame: &[u8]) -> Result<(), Error> {
        self.core_hears();
        self.to_core.extend_from_slice(frame);
        self.core.receive(&mut self.to_core)
    }

    /// The process hears a frame that no honest core would send.
    pub(super) fn process_hears_frame(&mut self, frame: &[u8]) -> Result<(), Error> {
        self.process_hears();
        self.to_process.extend_from_slice(frame);
        self.process.receive(&mut self.to_process)
    }
}

pub(super) fn frame(kind: Kind, flags: Flags, stream: u64, payload: &[u8]) -> Vec<u8> {
    [&Header::new(kind, flags, stream, payload.len()).encode()[..], payload].concat()
}

/// A response that is complete, without a name for what goes on.
pub(super) const fn end(stream: u64, ready: bool) -> CoreEvent {
    CoreEvent::End { stream, ready, deferred: String::new() }
}

/// The kinds, streams and lengths of the frames in `bytes`.
pub(super) fn frames(mut bytes: &[u8]) -> Vec<(Kind, Flags, u64, usize)> {
    let mut found = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() {
        let header = Header::decode(header).unwrap();
        let kind = Kind::from_number(header.kind).unwrap();
        found.push((kind, header.flags, header.stream, header.length as usize));
        bytes = &rest[header.length as usize..];
    }
    found
}

pub(super) fn zeros(length: usize) -> Bytes {
    vec![0; length].into()
}
