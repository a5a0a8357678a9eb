//! Windows, turns and cancellation.

use std::collections::VecDeque;

use bytes::Bytes;

use super::pair::{Pair, end, frame, frames, zeros};
use crate::frame::{Flags, Kind, PAYLOAD_MAX, WINDOW};
use crate::link::out::OUT_MAX;
use crate::link::{CoreEvent, ProcessEvent};
use crate::message::{Abort, Ready, reason};

const FULL: usize = WINDOW as usize;

#[test]
fn a_window_is_given_back_at_half() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    pair.process.body(stream, zeros(FULL), false, false);
    assert_eq!(pair.process.capacity(stream), 0);
    pair.core_hears();

    pair.core.consumed(stream, FULL / 2 - 1);
    assert_eq!(pair.process_hears(), []);
    pair.core.consumed(stream, 1);
    assert_eq!(pair.process_hears(), [ProcessEvent::Writable { stream }]);
    assert_eq!(pair.process.capacity(stream), FULL / 2);
}

#[test]
fn an_upload_is_held_to_its_window_too() {
    let (mut pair, stream) = Pair::with_request(false);
    pair.core.body(stream, zeros(FULL), false);
    assert_eq!(pair.core.capacity(stream), 0);
    pair.process_hears();
    pair.process.consumed(stream, FULL);
    assert_eq!(pair.core_hears(), [CoreEvent::Writable { stream }]);
    assert_eq!(pair.core.capacity(stream), FULL);
}

#[test]
fn more_body_than_the_window_is_an_error() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    pair.process.body(stream, zeros(FULL), false, false);
    let one_more = frame(Kind::Body, Flags::NONE, stream, &[0]);
    assert_eq!(pair.core_hears_frame(&one_more).unwrap_err().code(), "window_exceeded");
}

#[test]
#[should_panic(expected = "body bytes, capacity")]
fn handing_in_more_than_the_capacity_is_a_bug_of_ours() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    pair.process.body(stream, zeros(FULL + 1), false, false);
}

/// Everything that `pair`'s process writes, in portions that the kernel might take.
fn written(pair: &mut Pair, portion: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while pair.process.wants_transmit() {
        let bytes = pair.process.transmit();
        let n = bytes.len().min(portion);
        all.extend_from_slice(&bytes[..n]);
        pair.process.transmitted(n);
        assert!(pair.process.transmit().len() <= OUT_MAX + PAYLOAD_MAX + 100);
    }
    all
}

#[test]
fn bodies_take_turns() {
    let mut pair = Pair::open();
    let streams: Vec<u64> = (0..4).map(|_| pair.request(true)).collect();
    pair.process_hears();
    for &stream in &streams {
        pair.respond(stream, 200, false, false);
        pair.process.body(stream, zeros(FULL), true, true);
    }
    let bytes = written(&mut pair, 10_000);
    let order: Vec<u64> = frames(&bytes)
        .into_iter()
        .filter(|&(kind, ..)| kind == Kind::Body)
        .map(|(_, _, stream, _)| stream)
        // The first one found the wire empty and filled it before the others came.
        .skip_while(|&stream| stream == streams[0])
        .collect();

    // While all wait, no one has two turns before every other had one.
    let rounds: VecDeque<&[u64]> = order.chunks(4).take(8).collect();
    for round in rounds {
        let mut seen = round.to_vec();
        seen.sort_unstable();
        assert_eq!(seen, streams, "in {order:?}");
    }
}

#[test]
fn a_small_response_does_not_wait_for_large_ones() {
    let mut pair = Pair::open();
    let (large, small) = (pair.request(true), pair.request(true));
    pair.process_hears();
    pair.respond(large, 200, false, false);
    pair.process.body(large, zeros(FULL), true, true);
    pair.respond(small, 200, false, false);
    pair.process.body(small, zeros(10), true, true);
    let bytes = written(&mut pair, usize::MAX);
    let found = frames(&bytes);
    let at = |stream| found.iter().rposition(|frame| frame.2 == stream).unwrap();
    assert!(at(small) < at(large), "{found:?}");
}

#[test]
fn ready_never_overtakes_a_body_that_waits() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    pair.process.body(stream, zeros(FULL), false, false);
    pair.process.end(stream, false);
    pair.process.ready(stream, Ready::default());
    let bytes = written(&mut pair, 1000);
    let found = frames(&bytes);
    let last = found.last().unwrap();
    assert_eq!((last.0, last.1), (Kind::Body, Flags::of(true, true)), "all ride on one frame");
    assert_eq!(pair.process.open_streams(), 0);
}

#[test]
fn what_ready_has_to_tell_gets_a_frame_of_its_own() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    pair.process.body(stream, zeros(FULL), false, false);
    let abort = Abort { reason: reason::APP_ERROR, ..Abort::default() };
    pair.process.abort(stream, abort, false);
    pair.process.ready(stream, Ready { failed: 1 });
    let bytes = written(&mut pair, 1000);
    let kinds: Vec<Kind> = frames(&bytes).iter().map(|frame| frame.0).collect();
    assert_eq!(kinds[kinds.len() - 3..], [Kind::Body, Kind::Abort, Kind::Ready]);
}

#[test]
fn after_cancel_bodies_are_dropped_and_ready_still_counts() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    pair.process.body(stream, zeros(FULL), false, false);
    pair.core.cancel(stream, reason::CLIENT_GONE);
    pair.core.cancel(stream, reason::CLIENT_GONE);
    let told = ProcessEvent::Cancel { stream, reason: reason::CLIENT_GONE };
    assert_eq!(pair.process_hears(), [told], "told once");
    assert_eq!(pair.process.capacity(stream), 0);

    pair.process.body(stream, zeros(10 * FULL), false, false);
    pair.process.end(stream, false);
    pair.process.ready(stream, Ready::default());
    let ready = CoreEvent::Ready { stream, ready: Ready::default() };
    assert_eq!(pair.core_hears(), [end(stream, false), ready]);
}

#[test]
fn cancel_is_the_last_that_the_core_says_of_a_stream() {
    let (mut pair, stream) = Pair::with_request(false);
    pair.respond(stream, 200, false, false);
    pair.process.body(stream, zeros(FULL), false, false);
    pair.core_hears();
    pair.core.cancel(stream, reason::CLIENT_GONE);
    pair.core.consumed(stream, FULL);
    pair.core.body(stream, zeros(10), false);
    pair.core.end(stream);
    let kinds: Vec<Kind> = frames(pair.core.transmit()).iter().map(|frame| frame.0).collect();
    assert_eq!(kinds, [Kind::Cancel]);
    let late = frame(Kind::Body, Flags::NONE, stream, &[0]);
    assert_eq!(pair.process_hears_frame(&late).unwrap_err().code(), "bad_order");
}

#[test]
fn a_cancelled_request_may_end_without_a_head() {
    let (mut pair, stream) = Pair::with_request(false);
    pair.core.cancel(stream, reason::DEADLINE);
    pair.core.body(stream, zeros(10), true);
    pair.process_hears();
    pair.process.end(stream, true);
    assert_eq!(pair.core_hears(), [end(stream, true)]);
}

#[test]
fn cancel_lets_an_end_out_that_waited_behind_a_body() {
    let mut pair = Pair::open();
    let (first, second) = (pair.request(true), pair.request(true));
    pair.process_hears();
    for stream in [first, second] {
        pair.respond(stream, 200, false, false);
        pair.process.body(stream, zeros(FULL), true, true);
    }
    pair.core.cancel(second, reason::CLIENT_GONE);
    assert_eq!(pair.process_hears(), [], "the app has said everything: nothing to stop");
    assert_eq!(pair.process.open_streams(), 1);
    let events = pair.core_hears();
    assert!(events.contains(&end(second, true)), "{events:?}");
    assert_eq!(pair.core.open_streams(), 0);
}

#[test]
fn a_body_arrives_as_it_was_sent() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    let data: Bytes = (0..FULL).map(|i| i as u8).collect();
    pair.process.body(stream, data.clone(), true, true);
    let mut received = Vec::new();
    for event in pair.core_hears() {
        if let CoreEvent::Body { data, .. } = event {
            received.extend_from_slice(&data);
        }
    }
    assert_eq!(received, data);
}
