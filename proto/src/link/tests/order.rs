//! What may follow what in a stream.

use bytes::{Bytes, BytesMut};

use super::pair::{Pair, end, frame, frames, zeros};
use crate::frame::{Flags, HEAD_MAX, Kind};
use crate::link::{CoreEvent, ProcessEvent};
use crate::message::{Abort, Ready, ResponseHead, Trailers, reason};

fn ready(stream: u64, failed: u32) -> CoreEvent {
    CoreEvent::Ready { stream, ready: Ready { failed } }
}

/// A head as no honest process would send it: 301 headers of 200 bytes.
fn huge_head() -> ResponseHead<impl Iterator<Item = (&'static [u8], &'static [u8])>> {
    ResponseHead { status: 200, headers: std::iter::repeat_n((&b"a"[..], &[b'x'; 200][..]), 301) }
}

#[test]
fn a_small_response_is_two_frames_and_two_events() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    pair.process.body(stream, Bytes::from_static(b"hello"), true, true);
    assert_eq!(frames(pair.process.transmit()).len(), 2);

    let events = pair.core_hears();
    let [CoreEvent::Response { head, end: false, .. }, CoreEvent::Body { data, end, ready, .. }] =
        &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((head.status, &data[..], *end, *ready), (200, &b"hello"[..], true, true));
    assert_eq!((pair.core.open_streams(), pair.process.open_streams()), (0, 0));
}

#[test]
fn informational_responses_come_before_the_head() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 103, false, false);
    pair.respond(stream, 103, false, false);
    pair.respond(stream, 204, true, false);
    let statuses: Vec<u32> = pair
        .core_hears()
        .into_iter()
        .map(|event| match event {
            CoreEvent::Response { head, .. } => head.status,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(statuses, [103, 103, 204]);
}

#[test]
fn ready_comes_later_when_work_was_deferred() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 204, true, false);
    assert_eq!(pair.core_hears().len(), 1);
    assert_eq!(pair.core.open_streams(), 1);
    pair.process.ready(stream, Ready { failed: 2 });
    assert_eq!(pair.core_hears(), [ready(stream, 2)]);
    assert_eq!(pair.core.open_streams(), 0);
}

#[test]
fn ready_before_the_end_is_an_error() {
    let (mut pair, stream) = Pair::with_request(true);
    let error = pair.core_hears_frame(&frame(Kind::Ready, Flags::NONE, stream, &[]));
    assert_eq!(error.unwrap_err().code(), "bad_order");
}

#[test]
fn a_second_ready_is_counted_and_dropped() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 204, true, true);
    pair.core_hears();
    pair.core_hears_frame(&frame(Kind::Ready, Flags::NONE, stream, &[])).unwrap();
    assert_eq!(pair.core.counters().second_readies, 1);
    assert_eq!(pair.core.poll_event(), None);
}

#[test]
fn a_link_that_broke_stays_broken() {
    let (mut pair, stream) = Pair::with_request(true);
    let first = pair.core_hears_frame(&frame(Kind::Ready, Flags::NONE, stream, &[]));
    let valid = frame(Kind::Abort, Flags::NONE, stream, &[]);
    let again = pair.core.receive(&mut BytesMut::from(&valid[..]));
    assert!(first.is_err());
    assert_eq!(first, again);
}

#[test]
fn a_detached_stream_lives_on_without_its_slot() {
    let (mut pair, stream) = Pair::with_request(false);
    pair.respond(stream, 200, false, false);
    pair.process.detach(stream);
    pair.process.ready(stream, Ready::default());
    let events = pair.core_hears();
    assert_eq!(events[1..], [CoreEvent::Detach { stream }, ready(stream, 0)]);

    pair.core.body(stream, Bytes::from_static(b"up"), false);
    assert!(matches!(pair.process_hears()[..], [ProcessEvent::Body { .. }]));
    pair.process.body(stream, Bytes::from_static(b"down"), false, false);
    pair.process.end(stream, false);
    assert!(matches!(pair.core_hears()[..], [CoreEvent::Body { .. }, CoreEvent::End { .. }]));
    assert_eq!((pair.core.open_streams(), pair.process.open_streams()), (0, 0));
}

#[test]
fn an_abort_may_come_before_any_head() {
    let (mut pair, stream) = Pair::with_request(true);
    let abort = Abort { reason: reason::APP_ERROR, detail: "boom".into(), ..Abort::default() };
    pair.process.abort(stream, abort.clone(), true);
    assert_eq!(pair.core_hears(), [CoreEvent::Abort { stream, abort, ready: true }]);
    assert_eq!(pair.core.open_streams(), 0);
}

#[test]
fn trailers_follow_the_body_both_ways() {
    let (mut pair, stream) = Pair::with_request(false);
    let trailers = Trailers { headers: vec!["a".into(), "b".into()] };
    pair.core.body(stream, zeros(10), false);
    pair.core.trailers(stream, &trailers).unwrap();
    let heard = pair.process_hears();
    assert_eq!(heard[1], ProcessEvent::Trailers { stream, trailers: trailers.clone(), end: true });

    pair.respond(stream, 200, false, false);
    pair.process.trailers(stream, &trailers, false, false).unwrap();
    pair.process.end(stream, true);
    let told = CoreEvent::Trailers { stream, trailers, end: false, ready: false };
    assert_eq!(pair.core_hears()[1..], [told, end(stream, true)]);
}

#[test]
fn a_response_head_too_large_is_refused_before_it_is_sent() {
    let (mut pair, stream) = Pair::with_request(true);
    let refused = pair.process.respond(stream, huge_head(), false, false).unwrap_err();
    assert!(refused.length > HEAD_MAX);
    assert!(!pair.process.wants_transmit());
    pair.respond(stream, 500, true, true);
    assert_eq!(pair.core_hears().len(), 1);
}

#[test]
fn a_response_head_too_large_breaks_its_stream_only() {
    let (mut pair, stream) = Pair::with_request(true);
    let huge = frame(Kind::Response, Flags::NONE, stream, &vec![0; HEAD_MAX + 1]);
    pair.core_hears_frame(&huge).unwrap();
    let Some(CoreEvent::Abort { abort, ready: false, .. }) = pair.core.poll_event() else {
        panic!("the owner must hear that the response is broken");
    };
    assert_eq!(abort.reason, reason::INVALID_RESPONSE);
    assert!(abort.detail.starts_with("head_too_large"));

    // The app is told to stop; what it still says is dropped, its READY is not.
    assert!(matches!(pair.process_hears()[..], [ProcessEvent::Cancel { .. }]));
    pair.core_hears_frame(&frame(Kind::Body, Flags::NONE, stream, b"more")).unwrap();
    pair.core_hears_frame(&frame(Kind::End, Flags::NONE, stream, &[])).unwrap();
    assert_eq!(pair.core.poll_event(), None);
    pair.core_hears_frame(&frame(Kind::Ready, Flags::NONE, stream, &[])).unwrap();
    assert_eq!(pair.core.poll_event(), Some(ready(stream, 0)));
    assert_eq!(pair.core.open_streams(), 0);
}

#[test]
fn a_request_head_too_large_uses_no_stream() {
    let mut pair = Pair::open();
    let refused = pair.core.request(true, |out| out.resize(out.len() + HEAD_MAX + 1, 0));
    assert_eq!(refused.unwrap_err().length, HEAD_MAX + 1);
    assert!(!pair.core.wants_transmit());
    assert_eq!(pair.request(true), 2);
}

#[test]
fn a_request_for_a_slot_that_is_not_ready_is_an_error() {
    let mut pair = Pair::open();
    for _ in 0..super::pair::SLOTS {
        pair.request(true);
    }
    let extra = frame(Kind::Request, Flags::END, 10, &[]);
    assert_eq!(pair.process_hears_frame(&extra).unwrap_err().code(), "bad_order");
}

#[test]
fn an_early_answer_leaves_the_rest_of_the_request_unread() {
    let (mut pair, stream) = Pair::with_request(false);
    pair.core.body(stream, zeros(1000), false);
    pair.respond(stream, 413, true, true);
    pair.process_hears();
    assert_eq!(pair.process.counters().dead_frames, 1);
    pair.core_hears();
    pair.core.body(stream, zeros(1000), true);
    assert!(!pair.core.wants_transmit(), "nothing is sent of a stream that is over");
}
