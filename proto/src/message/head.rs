//! Heads written straight into the buffer that goes to the socket.
//!
//! Byte for byte what the generated structs would write (a test holds that), without building
//! them: every request passes here once in each direction.

use bytes::{BufMut, BytesMut};

/// Protobuf wire types that heads use.
const VARINT: u8 = 0;
const BYTES: u8 = 2;

/// A request as [`encode_request`] wants it: [`super::Request`] with borrowed parts.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestHead<'a, H> {
    /// The method, as received.
    pub method: &'a [u8],
    /// The request target, as received.
    pub target: &'a [u8],
    /// 10 for HTTP/1.0, 11 for HTTP/1.1.
    pub version: u32,
    /// "http" or "https".
    pub scheme: &'a [u8],
    /// The client's address as text; empty for a Unix socket.
    pub client: &'a [u8],
    /// 0 where unknown.
    pub client_port: u16,
    /// The address that was listened on, or the Unix socket's path.
    pub server: &'a [u8],
    /// 0 for a Unix socket.
    pub server_port: u16,
    /// For logs.
    pub request_id: &'a [u8],
    /// Arrival to dispatch, in microseconds.
    pub wait_us: u64,
    /// `X-Request-Start` to arrival, in microseconds, 0 where unknown.
    pub upstream_us: u64,
    /// The core may run it again elsewhere if the process dies.
    pub idempotent: bool,
    /// Sent ahead: when `wait_us` was true, by `CLOCK_MONOTONIC`. 0: its slot is free.
    pub early_at_us: u64,
    /// Names in lower case and values, in order, duplicates kept.
    pub headers: H,
}

/// A response as [`encode_response`] wants it: [`super::Response`] with borrowed parts.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<H> {
    /// 100 to 599.
    pub status: u16,
    /// Names and values, in order, duplicates kept.
    pub headers: H,
}

/// Appends what `Request` with these fields would encode to.
pub fn encode_request<'a, H>(out: &mut BytesMut, head: RequestHead<'a, H>)
where
    H: Iterator<Item = (&'a [u8], &'a [u8])>,
{
    bytes_field(out, 1, head.method);
    bytes_field(out, 2, head.target);
    number_field(out, 3, u64::from(head.version));
    bytes_field(out, 4, head.scheme);
    bytes_field(out, 5, head.client);
    number_field(out, 6, u64::from(head.client_port));
    bytes_field(out, 7, head.server);
    number_field(out, 8, u64::from(head.server_port));
    bytes_field(out, 9, head.request_id);
    number_field(out, 10, head.wait_us);
    number_field(out, 11, head.upstream_us);
    number_field(out, 12, u64::from(head.idempotent));
    number_field(out, 13, head.early_at_us);
    header_fields(out, 15, head.headers);
}

/// Appends what `Response` with these fields would encode to.
pub fn encode_response<'a, H>(out: &mut BytesMut, head: ResponseHead<H>)
where
    H: Iterator<Item = (&'a [u8], &'a [u8])>,
{
    number_field(out, 1, u64::from(head.status));
    header_fields(out, 2, head.headers);
}

fn header_fields<'a>(
    out: &mut BytesMut,
    field: u8,
    headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) {
    // Iterators that are put together of several run through each in turn this way.
    headers.for_each(|(name, value)| {
        // Unlike a lone field, an element of a repeated one is written when it is empty, too.
        element(out, field, name);
        element(out, field, value);
    });
}

fn bytes_field(out: &mut BytesMut, field: u8, value: &[u8]) {
    if !value.is_empty() {
        element(out, field, value);
    }
}

fn element(out: &mut BytesMut, field: u8, value: &[u8]) {
    // One reservation for tag, length and bytes.
    out.reserve(value.len() + 11);
    out.put_u8(field << 3 | BYTES);
    varint(out, value.len() as u64);
    out.put_slice(value);
}

fn number_field(out: &mut BytesMut, field: u8, value: u64) {
    if value != 0 {
        out.put_u8(field << 3 | VARINT);
        varint(out, value);
    }
}

fn varint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}
