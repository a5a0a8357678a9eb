//! Out-of-band work is asked for, granted and ended.

use prost::Message as _;

use super::pair::{Pair, frame};
use crate::frame::{Flags, Kind, OOB_REASON_MAX};
use crate::link::{CoreEvent, ProcessEvent, ProcessLink};
use crate::message::{Hello, OobDone, OobRequest, OobStart, Ready, outcome, reason, requested_by};

fn request() -> OobRequest {
    OobRequest {
        kind: "gc".into(),
        reason: "heap grew".into(),
        expected_ms: 200,
        not_later_than_ms: 60_000,
    }
}

fn start() -> OobStart {
    OobStart { kind: "gc".into(), requested_by: requested_by::APP, lease_ms: 60_000 }
}

#[test]
fn a_process_asks_and_is_taken_out_and_comes_back() {
    let mut pair = Pair::open();
    assert!(pair.process.oob_request(request()));
    assert!(pair.process.oob_request(request()), "one more ask of the kind may be sent");
    let asked = CoreEvent::OobRequest(request());
    assert_eq!(pair.core_hears(), [asked.clone(), asked]);
    pair.core.oob_start(&start());
    assert!(pair.core.is_out());
    assert_eq!(pair.process_hears(), [ProcessEvent::OobStart(start())]);
    assert!(pair.process.is_out());
    pair.process.oob_done(outcome::DONE, 180);
    let done = OobDone { kind: "gc".into(), outcome: outcome::DONE, duration_ms: 180 };
    assert_eq!(pair.core_hears(), [CoreEvent::OobDone(done)]);
    assert!(!pair.core.is_out() && !pair.process.is_out());
    pair.request(true);
    assert_eq!(pair.process_hears().len(), 1);
}

#[test]
fn a_process_can_be_out_for_what_it_never_asked_for() {
    let mut pair = Pair::open();
    let start =
        OobStart { kind: "recycle".into(), requested_by: requested_by::OPERATOR, lease_ms: 0 };
    pair.core.oob_start(&start);
    pair.process_hears();
    pair.process.oob_done(outcome::NO_HANDLER, 0);
    let events = pair.core_hears();
    let [CoreEvent::OobDone(done)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((done.kind.as_str(), done.outcome), ("recycle", outcome::NO_HANDLER));
}

#[test]
fn a_withdrawal_may_meet_the_start() {
    let mut pair = Pair::open();
    pair.process.oob_request(request());
    pair.core_hears();
    pair.core.oob_start(&start());
    pair.process.oob_withdraw("gc");
    pair.process_hears();
    pair.process.oob_done(outcome::DONE, 0);
    let events = pair.core_hears();
    assert_eq!(events[0], CoreEvent::OobWithdraw { kind: "gc".into() });
    assert!(matches!(events[1], CoreEvent::OobDone(_)), "{events:?}");
}

#[test]
fn deferred_work_is_over_before_a_process_is_out_and_a_detached_stream_goes_on() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 200, false, false);
    pair.process.detach(stream);
    pair.process.ready(stream, Ready::default());
    pair.core_hears();
    pair.core.oob_start(&start());
    assert_eq!(pair.process_hears(), [ProcessEvent::OobStart(start())]);
    pair.process.end(stream, true);
    assert!(matches!(pair.core_hears()[..], [CoreEvent::End { .. }]));
}

#[test]
#[should_panic(expected = "while a slot is not ready")]
fn the_core_takes_no_process_out_that_is_busy() {
    let (mut pair, _) = Pair::with_request(true);
    pair.core.oob_start(&start());
}

#[test]
#[should_panic(expected = "out of band")]
fn the_core_sends_no_request_to_a_process_that_is_out() {
    let mut pair = Pair::open();
    pair.core.oob_start(&start());
    pair.request(true);
}

#[test]
fn a_process_that_is_out_can_be_drained_and_still_says_that_it_is_done() {
    let mut pair = Pair::open();
    pair.core.oob_start(&start());
    pair.core.drain(reason::SHUTDOWN);
    pair.process_hears();
    assert!(!pair.process.oob_request(request()), "a process that leaves asks for nothing");
    pair.process.goodbye(0);
    pair.process.oob_done(outcome::FAILED, 5);
    let events = pair.core_hears();
    assert!(matches!(events[..], [CoreEvent::Goodbye { .. }, CoreEvent::OobDone(_)]), "{events:?}");
}

#[test]
fn nothing_is_asked_before_the_link_is_open() {
    let mut process = ProcessLink::new();
    process.hello(&Hello { slots: 1, ..Hello::default() });
    let said = process.transmit().len();
    assert!(!process.oob_request(request()));
    process.oob_withdraw("gc");
    assert_eq!(process.transmit().len(), said);
}

#[test]
fn a_long_reason_is_cut_and_a_core_takes_no_longer_one() {
    let mut pair = Pair::open();
    let long = OobRequest { reason: "x".repeat(OOB_REASON_MAX + 1), ..request() };
    pair.process.oob_request(long.clone());
    let events = pair.core_hears();
    let [CoreEvent::OobRequest(asked)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(asked.reason.len(), OOB_REASON_MAX);
    let bytes = frame(Kind::OobRequest, Flags::NONE, 0, &long.encode_to_vec());
    assert_eq!(pair.core_hears_frame(&bytes).unwrap_err().code(), "bad_payload");
}
