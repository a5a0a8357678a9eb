//! The life of a link as a whole.

use bytes::BytesMut;
use prost::Message as _;

use super::pair::{Pair, frame};
use crate::error::Rejection;
use crate::frame::{Flags, Kind};
use crate::link::{CoreEvent, CoreLink, ProcessEvent, ProcessLink};
use crate::message::{Goodbye, Hello, Pong, Ready, reason};

#[test]
fn a_process_that_is_refused_hears_why() {
    let (mut core, mut process) = (CoreLink::new(), ProcessLink::new());
    process.hello(&Hello { slots: 0, ..Hello::default() });
    core.receive(&mut BytesMut::from(process.transmit())).unwrap();
    let Some(CoreEvent::Hello(hello)) = core.poll_event() else { panic!("no hello") };
    core.reject(&Rejection::Slots { slots: hello.slots }.to_reject());
    process.receive(&mut BytesMut::from(core.transmit())).unwrap();
    let Some(ProcessEvent::Reject(reject)) = process.poll_event() else { panic!("no reject") };
    assert_eq!(reject.code, "no_slots");
    assert_eq!(reject.message, "0 slots offered; from 1 to 4096 are possible");
}

#[test]
fn pong_lists_what_is_unready_and_the_core_frees_the_rest() {
    let mut pair = Pair::open();
    let (kept, lost) = (pair.request(true), pair.request(true));
    pair.process_hears();
    assert!(pair.core.ping());
    let pong = Pong { highest: lost, unready: vec![kept], host_age_ms: 7 };
    let bytes = frame(Kind::Pong, Flags::NONE, 0, &pong.encode_to_vec());
    pair.core_hears_frame(&bytes).unwrap();
    let told = CoreEvent::Pong { host_age_ms: 7, lost: vec![lost] };
    assert_eq!(pair.core.poll_event(), Some(told));
    assert_eq!(pair.core.counters().reconciled, 1);
    assert_eq!(pair.core.open_streams(), 1);
}

#[test]
fn pong_tells_the_truth_about_readies_in_front_of_it() {
    let mut pair = Pair::open();
    let (done, running) = (pair.request(true), pair.request(true));
    pair.process_hears();
    pair.respond(done, 204, true, true);
    pair.core.ping();
    pair.process.set_host_age_ms(3);
    pair.process_hears();
    pair.respond(running, 204, true, true);
    let events = pair.core_hears();
    assert_eq!(events[1], CoreEvent::Pong { host_age_ms: 3, lost: vec![] }, "{events:?}");
    assert_eq!(events.len(), 3);
    assert_eq!(pair.core.counters().reconciled, 0);
}

#[test]
fn a_detached_stream_is_not_lost_although_pong_does_not_list_it() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    pair.process.detach(stream);
    pair.process.ready(stream, Ready::default());
    pair.core_hears();
    pair.core.ping();
    pair.process_hears();
    assert_eq!(pair.core_hears(), [CoreEvent::Pong { host_age_ms: 0, lost: vec![] }]);
    assert_eq!(pair.core.open_streams(), 1);
}

#[test]
fn one_ping_at_a_time() {
    let mut pair = Pair::open();
    assert!(pair.core.ping());
    assert!(!pair.core.ping());
    pair.process_hears();
    pair.core_hears();
    assert!(pair.core.ping());
}

#[test]
fn a_stream_that_only_the_process_holds_is_an_error() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 204, true, true);
    pair.core_hears();
    pair.core.ping();
    let pong = Pong { highest: stream, unready: vec![stream], host_age_ms: 0 };
    let bytes = frame(Kind::Pong, Flags::NONE, 0, &pong.encode_to_vec());
    assert_eq!(pair.core_hears_frame(&bytes).unwrap_err().code(), "still_running");
}

#[test]
fn goodbye_returns_what_the_app_never_saw() {
    let mut pair = Pair::open();
    let given = pair.request(true);
    pair.process_hears();
    let (second, third) = (pair.request(true), pair.request(true));
    pair.core.drain(reason::SHUTDOWN);
    pair.core.drain(reason::SHUTDOWN);
    let heard = pair.process_hears();
    assert_eq!(heard.last(), Some(&ProcessEvent::Drain { reason: reason::SHUTDOWN }));

    pair.process.goodbye(given);
    let unstarted = vec![second, third];
    assert_eq!(pair.core_hears(), [CoreEvent::Goodbye { unstarted }]);
    pair.respond(given, 204, true, true);
    assert_eq!(pair.core_hears().len(), 1);
    assert_eq!((pair.core.open_streams(), pair.process.open_streams()), (0, 0));
}

#[test]
fn goodbye_below_an_answered_stream_is_an_error() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    pair.core.drain(reason::SHUTDOWN);
    let goodbye = Goodbye { last: 0 }.encode_to_vec();
    let bytes = frame(Kind::Goodbye, Flags::NONE, 0, &goodbye);
    assert_eq!(pair.core_hears_frame(&bytes).unwrap_err().code(), "bad_order");
}

#[test]
#[should_panic(expected = "a request in state Draining")]
fn no_request_follows_drain() {
    let mut pair = Pair::open();
    pair.core.drain(reason::REPLACED);
    pair.request(true);
}

#[test]
fn a_process_may_wish_to_be_drained_and_goes_on() {
    let mut pair = Pair::open();
    pair.process.drain_wanted(reason::SIGNAL);
    pair.process.drain_wanted(reason::SIGNAL);
    assert_eq!(pair.core_hears(), [CoreEvent::DrainWanted { reason: reason::SIGNAL }]);
    let stream = pair.request(true);
    assert!(matches!(pair.process_hears()[..], [ProcessEvent::Request { .. }]));
    pair.respond(stream, 204, true, true);
    assert_eq!(pair.core_hears().len(), 1);
}

#[test]
fn a_bounced_request_leaves_its_slot_idle() {
    let (mut pair, stream) = Pair::with_request(false);
    pair.process.bounce(stream);
    assert_eq!(pair.core_hears(), [CoreEvent::Bounce { stream }]);
    assert_eq!((pair.core.open_streams(), pair.process.open_streams()), (0, 0));
    pair.core.ping();
    pair.process_hears();
    assert_eq!(pair.core_hears(), [CoreEvent::Pong { host_age_ms: 0, lost: vec![] }]);
}

#[test]
fn a_request_is_unstarted_until_its_first_byte_is_taken() {
    let mut pair = Pair::open();
    let streams = [pair.request(true), pair.request(true)];
    assert!(pair.core.unstarted().eq(streams));
    pair.core.transmitted(1);
    assert!(pair.core.unstarted().eq(streams[1..].iter().copied()));
    let rest = pair.core.transmit().len();
    pair.core.transmitted(rest);
    assert_eq!(pair.core.unstarted().count(), 0);
}

#[test]
fn unknown_kinds_are_skipped_when_they_are_optional() {
    let mut pair = Pair::open();
    let mut unknown = frame(Kind::Ready, Flags::OPTIONAL, 0, b"whatever");
    unknown[4] = 0x77;
    pair.core_hears_frame(&unknown).unwrap();
    assert_eq!(pair.core.counters().skipped_frames, 1);
    unknown[5] = 0;
    assert_eq!(pair.core_hears_frame(&unknown).unwrap_err().code(), "unknown_kind");
}

#[test]
fn a_late_word_about_a_dead_stream_is_dropped() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 204, true, true);
    pair.core.cancel(stream, reason::CLIENT_GONE);
    pair.process_hears();
    assert_eq!(pair.process.counters().dead_frames, 1);
    pair.process.ready(stream, Ready::default());
    pair.process.body(stream, super::pair::zeros(1), true, true);
    assert_eq!(pair.core_hears().len(), 1, "nothing is said of a stream that is over");
}
