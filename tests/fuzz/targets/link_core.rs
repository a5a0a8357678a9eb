//! A process says anything at all to the core.
//!
//! Whatever comes, the core neither panics nor hears other things when the bytes are cut
//! differently on their way; a link that broke stays broken; a slot is ready once.
#![no_main]

mod feed;

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use maitred_proto::link::{CoreEvent, CoreLink, ProcessLink};
use maitred_proto::message::{Hello, OobStart, Welcome};

use self::feed::{Owner, feed, parts};

/// Slots, and requests that are open where there are any.
const SLOTS: u32 = 3;

/// A link in one of several states that a core can be in.
fn link(state: u8) -> CoreLink {
    let mut core = CoreLink::new();
    let mut process = ProcessLink::new();
    process.hello(&Hello { slots: SLOTS, version_max: 1, ..Hello::default() });
    if state % 4 == 0 {
        return core;
    }
    core.receive(&mut BytesMut::from(process.transmit())).expect("a good HELLO");
    core.poll_event();
    core.welcome(&Welcome { version: 1, ..Welcome::default() });
    if state % 4 == 1 {
        core.oob_start(&OobStart { kind: "gc".into(), ..OobStart::default() });
        return core;
    }
    for _ in 0..SLOTS {
        let stream = core.request(false, |_| {}).expect("an empty head fits");
        core.body(stream, Bytes::from_static(&[0; 1000]), state & 4 != 0);
    }
    if state & 8 != 0 {
        core.ping();
    }
    if state & 16 != 0 {
        core.cancel(4, 1);
    }
    if state % 4 == 2 {
        core.drain(0);
    }
    core
}

#[derive(Default)]
struct Core {
    ready: BTreeSet<u64>,
    ended: BTreeSet<u64>,
}

impl Owner<maitred_proto::link::Core> for Core {
    fn heard(&mut self, link: &mut CoreLink, event: &CoreEvent) {
        let (stream, ended, ready) = match event {
            CoreEvent::Body { stream, data, end, ready } => {
                link.consumed(*stream, data.len());
                (*stream, *end, *ready)
            }
            CoreEvent::Response { stream, end, ready, .. }
            | CoreEvent::Trailers { stream, end, ready, .. } => (*stream, *end, *ready),
            CoreEvent::End { stream, ready, .. } | CoreEvent::Abort { stream, ready, .. } => {
                (*stream, true, *ready)
            }
            CoreEvent::Ready { stream, .. } => (*stream, false, true),
            _ => return,
        };
        assert!(!ended || self.ended.insert(stream), "stream {stream} ended twice");
        assert!(!ready || self.ready.insert(stream), "stream {stream} was ready twice");
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((state, pieces, data)) = parts(input) else { return };
    let whole = feed(link(state), Core::default(), data, &[]);
    let in_pieces = feed(link(state), Core::default(), data, pieces);
    assert_eq!(whole, in_pieces, "it matters how the bytes are cut");
});
