//! Bytes for one end of a link, whole or in pieces.
//!
//! Both ends are attacked in the same way; only what their owners do with an event differs.

use bytes::BytesMut;
use maitred_proto::error::Error;
use maitred_proto::link::{Link, Role};

/// Who has a link and hears what it says.
pub(crate) trait Owner<R: Role> {
    fn heard(&mut self, link: &mut Link<R>, event: &R::Event);
}

/// Sizes of pieces in one input.
const PIECES: usize = 6;

/// What an input says: the state of the link, how its bytes are cut, the bytes.
pub(crate) fn parts(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (state, rest) = input.split_first()?;
    let (pieces, data) = rest.split_at_checked(PIECES)?;
    Some((*state, pieces, data))
}

/// What `link` makes of `data` that comes in pieces of these sizes, in bytes.
pub(crate) fn feed<R: Role>(
    mut link: Link<R>,
    mut owner: impl Owner<R>,
    mut data: &[u8],
    pieces: &[u8],
) -> (Vec<String>, Result<(), Error>) {
    let mut pieces = pieces.iter().map(|&piece| usize::from(piece) + 1).cycle();
    let mut buf = BytesMut::new();
    let mut events = Vec::new();
    let mut result = Ok(());
    while !data.is_empty() && result.is_ok() {
        let n = pieces.next().map_or(data.len(), |piece| piece.min(data.len()));
        buf.extend_from_slice(&data[..n]);
        data = &data[n..];
        result = link.receive(&mut buf);
        while let Some(event) = link.poll_event() {
            owner.heard(&mut link, &event);
            events.push(format!("{event:?}"));
        }
    }
    if let Err(error) = &result {
        assert_eq!(link.receive(&mut buf).as_ref(), Err(error), "a broken link stays broken");
        assert!(!error.code().is_empty());
    }
    // Whatever was said is whole frames, and can be written to the last byte.
    while link.wants_transmit() {
        let n = link.transmit().len();
        link.transmitted(n);
    }
    (events, result)
}
