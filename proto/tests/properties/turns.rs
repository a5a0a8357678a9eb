//! Bodies take turns, however fast the wire is.

use bytes::{Bytes, BytesMut};
use maitred_proto::frame::{HEADER_LEN, Header, Kind, WINDOW};
use maitred_proto::link::CoreLink;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::traffic::core;

/// The streams of the BODY frames in `bytes`, in order.
fn turns(mut bytes: &[u8]) -> Vec<u64> {
    let mut turns = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() {
        let header = Header::decode(header).expect("a header that we wrote");
        if header.kind == Kind::Body as u8 {
            turns.push(header.stream);
        }
        bytes = &rest[header.length as usize..];
    }
    turns
}

fn write(core: &mut CoreLink, portions: &[usize]) -> BytesMut {
    let mut all = BytesMut::new();
    for portion in portions.iter().cycle() {
        let unsent = core.transmit();
        let n = unsent.len().min(*portion);
        if n == 0 {
            break;
        }
        all.extend_from_slice(&unsent[..n]);
        core.transmitted(n);
    }
    all
}

proptest! {
    #[test]
    fn nobody_has_two_turns_while_another_waits(
        portions in vec(1..100_000_usize, 1..20),
        lengths in (0..WINDOW as usize - 1000, 0..WINDOW as usize - 1000, 0..200_000_usize),
    ) {
        let (mut core, _) = core();
        // Fill the wire, so that all three have to wait from their first byte on.
        core.body(2, Bytes::from(vec![0; 65_536]), false);
        let before = turns(core.transmit()).len();
        let (first, second, third) = lengths;
        let first = first.min(WINDOW as usize - 66_536);
        for (stream, length) in [(2, first), (4, second), (6, third)] {
            core.body(stream, Bytes::from(vec![0; length]), true);
        }
        let order = turns(&write(&mut core, &portions)).split_off(before);
        let last = |stream| order.iter().rposition(|&turn| turn == stream).unwrap_or(0);
        for (at, pair) in order.windows(2).enumerate() {
            let waits = [2, 4, 6].iter().any(|&other| other != pair[0] && last(other) > at + 1);
            prop_assert!(pair[0] != pair[1] || !waits, "at {} in {:?}", at, order);
        }
    }
}
