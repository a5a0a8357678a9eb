//! The bytes to write next: one sequence of whole frames.
//!
//! Everything that a link says is appended here, so that its order on the wire is the order in
//! which it was said.

use bytes::{BufMut, BytesMut};
use prost::Message;

use crate::error::HeadTooLarge;
use crate::frame::{Flags, HEAD_MAX, HEADER_LEN, Header, Kind};

/// Unsent bytes from which on bodies wait in their streams. 64 KiB: more than one write to a
/// local socket takes, and the most that a small frame finds in front of it.
pub(crate) const OUT_MAX: usize = 65_536;

/// An empty buffer with more capacity than this is given back: a burst must not be paid for ever.
const KEEP_MAX: usize = 4 * OUT_MAX;

#[derive(Debug, Default)]
pub(crate) struct Out {
    buf: BytesMut,
    /// How much of `buf` was taken by the kernel.
    sent: usize,
    /// What was taken by the kernel and is no longer in `buf`.
    gone: u64,
}

impl Out {
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.buf[self.sent..]
    }

    pub(crate) fn len(&self) -> usize {
        self.buf.len() - self.sent
    }

    /// Where the next frame will begin, counted from the first byte of the link.
    pub(crate) fn position(&self) -> u64 {
        self.gone + self.buf.len() as u64
    }

    /// Bytes taken by the kernel since the link opened.
    pub(crate) fn transmitted_in_all(&self) -> u64 {
        self.gone + self.sent as u64
    }

    pub(crate) fn transmitted(&mut self, n: usize) {
        assert!(n <= self.len(), "{n} bytes transmitted of {}", self.len());
        self.sent += n;
        let rest = self.len();
        if rest == 0 && self.buf.capacity() > KEEP_MAX {
            self.gone += self.sent as u64;
            self.sent = 0;
            self.buf = BytesMut::new();
        } else if rest == 0 || self.sent >= OUT_MAX {
            self.gone += self.sent as u64;
            self.buf.copy_within(self.sent.., 0);
            self.buf.truncate(rest);
            self.sent = 0;
        }
    }

    pub(crate) fn frame(&mut self, kind: Kind, flags: Flags, stream: u64, payload: &[u8]) {
        self.buf.reserve(HEADER_LEN + payload.len());
        self.buf.put_slice(&Header::new(kind, flags, stream, payload.len()).encode());
        self.buf.put_slice(payload);
    }

    /// A message that is small by nature.
    pub(crate) fn message(&mut self, kind: Kind, flags: Flags, stream: u64, m: &impl Message) {
        let length = m.encoded_len();
        self.buf.reserve(HEADER_LEN + length);
        self.buf.put_slice(&Header::new(kind, flags, stream, length).encode());
        m.encode_raw(&mut self.buf);
    }

    /// A head, written in place by `write`: its length is known only afterwards.
    pub(crate) fn head(
        &mut self,
        kind: Kind,
        flags: Flags,
        stream: u64,
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<(), HeadTooLarge> {
        let begin = self.buf.len();
        self.buf.put_bytes(0, HEADER_LEN);
        write(&mut self.buf);
        let length = self.buf.len() - begin - HEADER_LEN;
        if length > HEAD_MAX {
            self.buf.truncate(begin);
            return Err(HeadTooLarge { length });
        }
        let header = Header::new(kind, flags, stream, length).encode();
        self.buf[begin..begin + HEADER_LEN].copy_from_slice(&header);
        Ok(())
    }
}
