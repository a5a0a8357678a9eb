//! Heads read in one pass, as nearly all of them are written.
//!
//! What every request needs is worth a reader that knows the schema: it counts the headers
//! before it takes them and slices once per field. Whatever it does not expect (fields that a
//! newer release knows, mistakes) it leaves to the generated reader, which thus decides about
//! everything that is unusual.

use bytes::Bytes;
use prost::{DecodeError, Message as _};

use super::{Request, Response};

/// Reads a REQUEST.
///
/// # Errors
///
/// It is none.
pub fn decode_request(payload: Bytes) -> Result<Request, DecodeError> {
    match quick_request(&payload) {
        Some(request) => Ok(request),
        None => Request::decode(payload),
    }
}

/// Reads a RESPONSE.
///
/// # Errors
///
/// It is none.
pub fn decode_response(payload: Bytes) -> Result<Response, DecodeError> {
    match quick_response(&payload) {
        Some(response) => Ok(response),
        None => Response::decode(payload),
    }
}

fn quick_request(payload: &Bytes) -> Option<Request> {
    let mut reader = Reader { payload, at: 0 };
    let mut head = Request::default();
    while let Some(tag) = reader.tag() {
        match tag {
            0x0a => head.method = reader.bytes()?,
            0x12 => head.target = reader.bytes()?,
            0x18 => head.version = reader.small()?,
            0x22 => head.scheme = reader.bytes()?,
            0x2a => head.client = reader.bytes()?,
            0x30 => head.client_port = reader.small()?,
            0x3a => head.server = reader.bytes()?,
            0x40 => head.server_port = reader.small()?,
            0x4a => head.request_id = reader.bytes()?,
            0x50 => head.wait_us = reader.varint()?,
            0x58 => head.upstream_us = reader.varint()?,
            0x60 => head.idempotent = reader.varint()? != 0,
            0x68 => head.early_at_us = reader.varint()?,
            0x7a => head.headers = reader.rest_of_list(0x7a)?,
            _ => return None,
        }
    }
    Some(head)
}

fn quick_response(payload: &Bytes) -> Option<Response> {
    let mut reader = Reader { payload, at: 0 };
    let mut head = Response::default();
    while let Some(tag) = reader.tag() {
        match tag {
            0x08 => head.status = reader.small()?,
            0x12 => head.headers = reader.rest_of_list(0x12)?,
            _ => return None,
        }
    }
    Some(head)
}

struct Reader<'a> {
    payload: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn tag(&mut self) -> Option<u8> {
        let tag = *self.payload.get(self.at)?;
        self.at += 1;
        Some(tag)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        // Nine bytes are enough for all but absurd values.
        for shift in (0..63).step_by(7) {
            let byte = *self.payload.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.varint()?).ok()
    }

    /// The length of a field, of which all bytes are there.
    fn length(&mut self) -> Option<usize> {
        let length = usize::try_from(self.varint()?).ok()?;
        (length <= self.payload.len() - self.at).then_some(length)
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let length = self.length()?;
        let begin = self.at;
        self.at += length;
        Some(self.payload.slice(begin..self.at))
    }

    /// A list whose first tag was read and which is the last field.
    fn rest_of_list(&mut self, tag: u8) -> Option<Vec<Bytes>> {
        let begin = self.at;
        let mut count = 0;
        loop {
            self.at += self.length()?;
            count += 1;
            match self.tag() {
                None => break,
                Some(next) if next == tag => {}
                Some(_) => return None,
            }
        }
        self.at = begin;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(self.bytes()?);
            self.tag();
        }
        Some(list)
    }
}
