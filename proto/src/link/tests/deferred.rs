//! What goes on after a response has a name, at no price where nothing goes on.

use bytes::Bytes;
use prost::Message as _;

use super::pair::{Pair, end, frame, frames, zeros};
use crate::error::Error;
use crate::frame::{DEFERRED_MAX, Flags, Kind, WINDOW};
use crate::link::{CoreEvent, ProcessEvent};
use crate::message::{Abort, End, Ready, ResponseHead, Trailers, reason};

fn named(stream: u64, deferred: &str) -> CoreEvent {
    CoreEvent::End { stream, ready: false, deferred: deferred.into() }
}

/// The last event: how the response ended.
fn ending(pair: &mut Pair) -> CoreEvent {
    pair.core_hears().pop().unwrap()
}

#[test]
fn the_end_of_a_response_names_what_goes_on() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.process.defer(stream, "send_mail");
    pair.respond(stream, 200, false, false);
    pair.process.end(stream, false);
    assert_eq!(ending(&mut pair), named(stream, "send_mail"));
    pair.process.ready(stream, Ready::default());
    assert_eq!(pair.core_hears(), [CoreEvent::Ready { stream, ready: Ready::default() }]);
    assert_eq!(pair.core.open_streams(), 0);
}

#[test]
fn a_name_is_told_whatever_the_last_frame_is() {
    let (mut pair, _) = Pair::with_request(true);
    let by: [fn(&mut Pair, u64); 4] = [
        |pair, stream| {
            let head = ResponseHead { status: 204, headers: std::iter::empty() };
            pair.process.respond(stream, head, true, false).unwrap();
        },
        |pair, stream| {
            pair.respond(stream, 200, false, false);
            pair.process.body(stream, Bytes::from_static(b"all"), true, false);
        },
        |pair, stream| {
            pair.respond(stream, 200, false, false);
            pair.process.trailers(stream, &Trailers::default(), true, false).unwrap();
        },
        |pair, stream| {
            // The body waits for its turns, and the end behind it.
            pair.respond(stream, 200, false, false);
            pair.process.body(stream, zeros(WINDOW as usize), true, false);
        },
    ];
    for answer in by {
        let stream = pair.request(true);
        pair.process_hears();
        pair.process.defer(stream, "warm_up");
        answer(&mut pair, stream);
        assert_eq!(ending(&mut pair), named(stream, "warm_up"));
        pair.process.ready(stream, Ready::default());
        pair.core_hears();
    }
}

#[test]
fn an_abort_names_what_goes_on_too() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.process.defer(stream, "close");
    let abort = Abort { reason: reason::APP_ERROR, ..Abort::default() };
    pair.process.abort(stream, abort.clone(), false);
    let abort = Abort { deferred: "close".into(), ..abort };
    assert_eq!(pair.core_hears(), [CoreEvent::Abort { stream, abort, ready: false }]);
}

#[test]
fn a_slot_that_is_ready_with_the_end_names_nothing() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.process.defer(stream, "done_already");
    pair.respond(stream, 200, false, false);
    pair.process.body(stream, Bytes::from_static(b"all"), true, true);
    let last = frames(pair.process.transmit()).pop().unwrap();
    assert_eq!(last, (Kind::Body, Flags::of(true, true), stream, 3));
}

#[test]
fn a_slot_that_is_ready_before_its_response_left_names_nothing() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.process.defer(stream, "done_by_now");
    pair.respond(stream, 200, false, false);
    pair.process.body(stream, zeros(WINDOW as usize), true, false);
    pair.process.ready(stream, Ready { failed: 1 });
    let mut events = pair.core_hears();
    assert_eq!(events.pop(), Some(CoreEvent::Ready { stream, ready: Ready { failed: 1 } }));
    let last = events.pop().unwrap();
    assert!(matches!(last, CoreEvent::Body { end: true, ready: false, .. }), "{last:?}");
}

#[test]
fn a_response_that_nobody_wants_names_what_goes_on() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.core.cancel(stream, reason::CLIENT_GONE);
    pair.process_hears();
    pair.process.defer(stream, "clean_up");
    pair.process.end(stream, false);
    assert_eq!(pair.core_hears(), [named(stream, "clean_up")]);
}

#[test]
fn nothing_deferred_costs_no_byte() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    pair.process.body(stream, Bytes::from_static(b"all"), true, false);
    let last = frames(pair.process.transmit()).pop().unwrap();
    assert_eq!(last, (Kind::Body, Flags::END, stream, 3));
}

#[test]
fn a_long_name_is_cut_between_two_characters() {
    let (mut pair, stream) = Pair::with_request(true);
    let name = format!("{}\u{e9}", "x".repeat(DEFERRED_MAX - 1));
    pair.process.defer(stream, &name);
    pair.respond(stream, 204, true, false);
    assert_eq!(ending(&mut pair), named(stream, &"x".repeat(DEFERRED_MAX - 1)));
}

#[test]
fn the_last_name_counts_and_an_empty_one_is_none() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.process.defer(stream, "first");
    pair.process.defer(stream, "");
    pair.respond(stream, 200, false, false);
    pair.process.end(stream, false);
    assert_eq!(ending(&mut pair), end(stream, false));
}

#[test]
fn a_name_that_comes_after_the_end_has_a_frame_of_its_own() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 204, true, false);
    assert!(matches!(ending(&mut pair), CoreEvent::Response { end: true, ready: false, .. }));
    pair.process.defer(stream, "registered_in_close");
    let deferred = "registered_in_close".to_owned();
    assert_eq!(pair.core_hears(), [CoreEvent::Deferred { stream, deferred }]);
    pair.process.ready(stream, Ready::default());
    pair.process.defer(stream, "too late");
    assert_eq!(pair.core_hears(), [CoreEvent::Ready { stream, ready: Ready::default() }]);
}

#[test]
fn a_name_of_its_own_is_optional_and_only_for_what_goes_on() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 204, true, false);
    pair.core_hears();
    pair.process.defer(stream, "x");
    let (kind, flags, ..) = frames(pair.process.transmit())[0];
    assert_eq!((kind, flags), (Kind::Deferred, Flags::OPTIONAL));
    let early = pair.request(true);
    pair.process_hears();
    let bytes = frame(Kind::Deferred, Flags::OPTIONAL, early, &[]);
    assert_eq!(pair.core_hears_frame(&bytes).unwrap_err().code(), "bad_order");
}

#[test]
fn deferred_work_is_told_to_end_and_not_that_a_client_left() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 204, true, false);
    pair.core_hears();
    pair.core.cancel(stream, reason::CLIENT_GONE);
    assert_eq!(pair.process_hears(), []);
    pair.core.cancel(stream, reason::DEADLINE);
    pair.core.cancel(stream, reason::SHUTDOWN);
    let told = ProcessEvent::Cancel { stream, reason: reason::DEADLINE };
    assert_eq!(pair.process_hears(), [told], "told once");
    pair.process.ready(stream, Ready::default());
    assert_eq!(pair.core_hears(), [CoreEvent::Ready { stream, ready: Ready::default() }]);
    assert_eq!((pair.core.open_streams(), pair.process.open_streams()), (0, 0));
}

#[test]
fn a_client_that_leaves_as_the_response_ends_is_nothing_to_deferred_work() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.core.cancel(stream, reason::CLIENT_GONE);
    pair.respond(stream, 204, true, false);
    assert_eq!(pair.process_hears(), [], "they cross on the wire");
    assert!(matches!(ending(&mut pair), CoreEvent::End { ready: false, .. }));
}

#[test]
fn a_name_over_the_limit_is_a_mistake() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    let end = End { deferred: "x".repeat(DEFERRED_MAX + 1) };
    let bytes = frame(Kind::End, Flags::NONE, stream, &end.encode_to_vec());
    let error = pair.core_hears_frame(&bytes).unwrap_err();
    assert!(matches!(error, Error::BadPayload { kind: "END", .. }), "{error}");
}
