//! Frames on their way out of a process, as a faulty process would have sent them.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use maitred_proto::frame::{Flags, HEADER_LEN, Header, Kind};
use maitred_proto::message::Pong;
use prost::Message as _;

/// What the next fitting frame becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lie {
    /// READY is left out.
    LoseReady,
    /// The end is left out, and READY with it.
    LoseEnd,
    /// READY is said twice.
    ReadyTwice,
    /// PONG leaves a stream out.
    PongForgets,
    /// PONG names a stream that is over.
    PongInvents,
}

/// Takes whole frames and passes them on, true or not. Returns the lies that were told.
pub(crate) fn pass(frames: &[u8], lies: &mut BTreeSet<Lie>, out: &mut BytesMut) -> Vec<Lie> {
    let mut told = Vec::new();
    let mut rest = frames;
    while let Some((head, behind)) = rest.split_first_chunk::<HEADER_LEN>() {
        let header = Header::decode(head).expect("the link writes whole frames");
        let (payload, behind) = behind.split_at(header.length as usize);
        rest = behind;
        let lie = lies.iter().copied().find(|lie| tell(*lie, &header, payload, out));
        match lie {
            Some(lie) => {
                lies.remove(&lie);
                told.push(lie);
            }
            None => put(out, &header, payload),
        }
    }
    told
}

/// Writes a frame.
pub(crate) fn frame(out: &mut BytesMut, kind: Kind, stream: u64, payload: &[u8]) {
    put(out, &Header::new(kind, Flags::NONE, stream, payload.len()), payload);
}

fn put(out: &mut BytesMut, header: &Header, payload: &[u8]) {
    out.extend_from_slice(&header.encode());
    out.extend_from_slice(payload);
}

/// Writes the frame falsified. False: the lie does not fit this frame, and nothing was written.
fn tell(lie: Lie, header: &Header, payload: &[u8], out: &mut BytesMut) -> bool {
    let Some(kind) = Kind::from_number(header.kind) else { return false };
    let is = |wanted: Kind| kind == wanted;
    let ready = is(Kind::Ready) || header.flags.has(Flags::READY);
    let end = is(Kind::End) || header.flags.has(Flags::END);
    let without = |flags: Flags, dropped: Flags| Flags(flags.0 & !dropped.0);
    match lie {
        Lie::LoseReady if is(Kind::Ready) => true,
        Lie::LoseReady if ready => {
            let flags = without(header.flags, Flags::READY);
            put(out, &Header { flags, ..*header }, payload);
            true
        }
        // READY would come too early if it came later on its own.
        Lie::LoseEnd if end && ready && !is(Kind::Ready) => {
            let flags = without(without(header.flags, Flags::READY), Flags::END);
            if !is(Kind::End) {
                put(out, &Header { flags, ..*header }, payload);
            }
            true
        }
        Lie::ReadyTwice if ready => {
            put(out, header, payload);
            frame(out, Kind::Ready, header.stream, &[]);
            true
        }
        Lie::PongForgets | Lie::PongInvents if is(Kind::Pong) => {
            let Ok(mut pong) = Pong::decode(Bytes::copy_from_slice(payload)) else { return false };
            if lie == Lie::PongInvents {
                pong.unready.push(pong.highest + 2);
            } else if pong.unready.pop().is_none() {
                return false;
            }
            frame(out, Kind::Pong, 0, &pong.encode_to_vec());
            true
        }
        _ => false,
    }
}
