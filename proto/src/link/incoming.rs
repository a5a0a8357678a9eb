//! Frames cut out of the bytes that arrived, with the checks that need no stream.

use bytes::{Buf as _, Bytes, BytesMut};
use prost::{DecodeError, Message};

use super::event::Counters;
use crate::error::Error;
use crate::frame::{Flags, HEAD_MAX, HEADER_LEN, Header, Kind, Side, is_oob_kind};

/// A whole frame of a kind that we know, from a side that may send it.
#[derive(Debug)]
pub struct Frame {
    pub(crate) kind: Kind,
    pub(crate) flags: Flags,
    pub(crate) stream: u64,
    pub(crate) payload: Bytes,
}

impl Frame {
    /// The message that the payload is.
    pub(crate) fn message<M: Message + Default>(&self) -> Result<M, Error> {
        self.read(M::decode)
    }

    /// The same with a reader of its own.
    pub(crate) fn read<M>(
        &self,
        read: impl FnOnce(Bytes) -> Result<M, DecodeError>,
    ) -> Result<M, Error> {
        read(self.payload.clone()).map_err(|_| self.bad_payload("not its message"))
    }

    pub(crate) const fn bad_payload(&self, why: &'static str) -> Error {
        Error::BadPayload { kind: self.kind.name(), why }
    }

    pub(crate) const fn bad_order(&self, when: &'static str) -> Error {
        Error::BadOrder { kind: self.kind.name(), stream: self.stream, when }
    }

    /// The name of a kind of out-of-band work.
    pub(crate) const fn oob_kind(&self, kind: &str) -> Result<(), Error> {
        match is_oob_kind(kind) {
            true => Ok(()),
            false => Err(self.bad_payload("a kind that is empty or too long")),
        }
    }

    pub(crate) const fn is_too_large(&self) -> bool {
        self.kind.is_head() && self.payload.len() > HEAD_MAX
    }

    /// Headers are pairs.
    pub(crate) fn paired(&self, headers: &[Bytes]) -> Result<(), Error> {
        match headers.len() % 2 {
            0 => Ok(()),
            _ => Err(self.bad_payload("a header name without a value")),
        }
    }
}

/// Takes the next frame that `from` sent off the front of `buf`, if it is there as a whole.
pub(crate) fn next_frame(
    buf: &mut BytesMut,
    from: Side,
    counters: &mut Counters,
) -> Result<Option<Frame>, Error> {
    while let Some(header) = buf.first_chunk::<HEADER_LEN>() {
        let header = Header::decode(header)?;
        let kind = check(&header, from)?;
        let length = header.length as usize;
        if buf.len() < HEADER_LEN + length {
            break;
        }
        buf.advance(HEADER_LEN);
        let Some(kind) = kind else {
            buf.advance(length);
            counters.skipped_frames += 1;
            continue;
        };
        let payload = match length {
            0 => Bytes::new(),
            _ => buf.split_to(length).freeze(),
        };
        return Ok(Some(Frame { kind, flags: header.flags, stream: header.stream, payload }));
    }
    Ok(None)
}

/// `None`: a kind to skip.
fn check(header: &Header, from: Side) -> Result<Option<Kind>, Error> {
    let Some(kind) = Kind::from_number(header.kind) else {
        if header.flags.has(Flags::OPTIONAL) {
            return Ok(None);
        }
        return Err(Error::UnknownKind { kind: header.kind });
    };
    if !kind.is_sent_by(from) {
        return Err(Error::WrongDirection { kind: kind.name() });
    }
    // DRAIN and its like name stream 0, all others an even one: odd ones are reserved.
    let fits = kind.is_of_either() || kind.is_of_link() == (header.stream == 0);
    if !fits || !header.stream.is_multiple_of(2) {
        return Err(Error::BadStream { kind: kind.name(), stream: header.stream });
    }
    // The core promised to measure. What a process says too much is its stream's business.
    let length = header.length as usize;
    if from == Side::Core && kind.is_head() && length > HEAD_MAX {
        return Err(Error::HeadTooLarge { kind: kind.name(), length });
    }
    if kind.is_empty() && length != 0 {
        return Err(Error::BadPayload { kind: kind.name(), why: "not empty" });
    }
    Ok(Some(kind))
}
