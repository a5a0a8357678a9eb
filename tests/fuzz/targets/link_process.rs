//! A core says anything at all to a process.
//!
//! The core is trusted, but an SDK lives in the app's own process: what it makes of a mistake must
//! never be a panic there.
#![no_main]

mod feed;

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use maitred_proto::link::{CoreLink, ProcessEvent, ProcessLink};
use maitred_proto::message::{Abort, Hello, Ready, ResponseHead, Welcome, outcome};

use self::feed::{Owner, feed, parts};

/// Slots.
const SLOTS: u32 = 3;

/// A link that waits for WELCOME, or is open.
fn link(state: u8) -> ProcessLink {
    let mut process = ProcessLink::new();
    process.hello(&Hello { slots: SLOTS, version_min: 1, version_max: 1, ..Hello::default() });
    let mut core = CoreLink::new();
    core.receive(&mut BytesMut::from(process.transmit())).expect("a good HELLO");
    process.transmitted(process.transmit().len());
    if state & 1 == 0 {
        core.welcome(&Welcome { version: 1, ..Welcome::default() });
        process.receive(&mut BytesMut::from(core.transmit())).expect("a good WELCOME");
        process.poll_event();
    }
    process
}

/// An app that answers at once, in one of several ways.
struct App {
    manner: u8,
}

impl App {
    fn answer(&self, link: &mut ProcessLink, stream: u64) {
        let head = ResponseHead { status: 200, headers: std::iter::empty() };
        match self.manner >> 1 & 7 {
            0 => link.respond(stream, head, true, true).expect("a small head"),
            1 => {
                link.defer(stream, "named");
                link.respond(stream, head, true, false).expect("a small head");
                link.ready(stream, Ready { failed: 1 });
            }
            2 => link.abort(stream, Abort::default(), false),
            3 => link.bounce(stream),
            4 => {
                link.respond(stream, head, false, false).expect("a small head");
                let n = link.capacity(stream);
                link.body(stream, vec![b'x'; n].into(), true, true);
            }
            5 => {
                link.detach(stream);
                link.ready(stream, Ready::default());
            }
            // It takes its time: what comes for the stream comes for an open one.
            _ => {}
        }
    }
}

impl Owner<maitred_proto::link::Process> for App {
    fn heard(&mut self, link: &mut ProcessLink, event: &ProcessEvent) {
        match event {
            ProcessEvent::Request { stream, .. } => self.answer(link, *stream),
            ProcessEvent::Body { stream, data, .. } => link.consumed(*stream, data.len()),
            ProcessEvent::OobStart(_) if self.manner & 16 != 0 => {
                link.oob_done(outcome::DONE, 1);
            }
            ProcessEvent::Drain { .. } => link.goodbye(u64::MAX),
            _ => {}
        }
        if self.manner & 32 != 0 {
            let n = link.transmit().len() / 2;
            link.transmitted(n);
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((state, pieces, data)) = parts(input) else { return };
    // What is written depends on when the owner looks: only what is heard is compared, and only
    // for an app that does not answer while frames still come.
    let (whole, cut) = (App { manner: state }, App { manner: state });
    let whole = feed(link(state), whole, data, &[]);
    let in_pieces = feed(link(state), cut, data, pieces);
    if state & !1 == 0b0000_1110 {
        assert_eq!(whole, in_pieces, "it matters how the bytes are cut");
    }
});
