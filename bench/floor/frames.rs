//! Frames in buffers: what both ends of the floor's link do with the bytes of its socket.
//!
//! The codec is maitred's own, so that a change of it changes the floor as well. What is left out
//! is the state machine around it: the two programs here trust each other.

use std::io;
use std::os::fd::AsFd;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use maitred_proto::frame::{Flags, HEADER_LEN, Header, Kind};
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, recv};

/// Bytes read at once. 16 KiB: a dozen requests with ordinary headers.
const READ_LEN: usize = 16 * 1024;

/// Appends what the socket has: how many bytes (none: the other side has closed the link), and
/// whether there was room for more, so that the socket is empty now.
pub(crate) fn receive(socket: impl AsFd, buf: &mut BytesMut) -> io::Result<(usize, bool)> {
    // The rest of an earlier room serves small frames: no allocation for each read.
    if buf.capacity() - buf.len() < READ_LEN / 4 {
        buf.reserve(READ_LEN);
    }
    let room = buf.spare_capacity_mut().len();
    let received =
        retry_on_intr(|| recv(&socket, buf.spare_capacity_mut(), RecvFlags::empty()).map(|r| r.1));
    let len = received?;
    // SAFETY: the kernel has just filled that much of the spare capacity.
    unsafe { buf.set_len(buf.len() + len) };
    Ok((len, len < room))
}

/// Takes the first frame, once all of it is there.
pub(crate) fn take(buf: &mut BytesMut) -> io::Result<Option<(Header, Bytes)>> {
    let Some(bytes) = buf.first_chunk::<HEADER_LEN>() else { return Ok(None) };
    let header = Header::decode(bytes).map_err(io::Error::other)?;
    let length = header.length as usize;
    if buf.len() < HEADER_LEN + length {
        return Ok(None);
    }
    buf.advance(HEADER_LEN);
    Ok(Some((header, buf.split_to(length).freeze())))
}

/// Appends a frame whose payload `write` appends.
pub(crate) fn put(
    out: &mut BytesMut,
    (kind, flags): (Kind, Flags),
    stream: u64,
    write: impl FnOnce(&mut BytesMut),
) {
    let begin = out.len();
    out.put_bytes(0, HEADER_LEN);
    write(out);
    let length = out.len() - begin - HEADER_LEN;
    let header = Header::new(kind, flags, stream, length).encode();
    out[begin..begin + HEADER_LEN].copy_from_slice(&header);
}
