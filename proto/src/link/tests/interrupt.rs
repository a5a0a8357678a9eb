//! The core looks into what takes too long.

use prost::Message as _;

use super::pair::{Pair, frame};
use crate::frame::{Flags, Kind};
use crate::link::ProcessEvent;
use crate::message::{Interrupt, Ready, interrupt, reason};

#[test]
fn a_stream_can_be_interrupted_until_its_slot_is_ready() {
    let (mut pair, stream) = Pair::with_request(true);
    assert!(pair.core.interrupt(stream, interrupt::DUMP));
    pair.respond(stream, 200, true, false);
    pair.core_hears();
    assert!(pair.core.interrupt(stream, interrupt::RAISE), "deferred work can be stuck too");
    assert_eq!(
        pair.process_hears(),
        [interrupt::DUMP, interrupt::RAISE]
            .map(|action| ProcessEvent::Interrupt { stream, action }),
    );
    pair.process.ready(stream, Ready::default());
    pair.core_hears();
    assert!(!pair.core.interrupt(stream, interrupt::DUMP), "it is over");
    assert!(!pair.core.wants_transmit());
}

#[test]
fn a_whole_process_can_be_asked_for_its_stacks() {
    let mut pair = Pair::open();
    assert!(pair.core.interrupt(0, interrupt::DUMP));
    let told = ProcessEvent::Interrupt { stream: 0, action: interrupt::DUMP };
    assert_eq!(pair.process_hears(), [told]);
}

#[test]
fn an_interrupt_that_meets_the_ready_is_dropped() {
    let (mut pair, stream) = Pair::with_request(true);
    pair.respond(stream, 204, true, true);
    pair.core.interrupt(stream, interrupt::RAISE);
    assert_eq!(pair.process_hears(), []);
    assert_eq!(pair.process.counters().dead_frames, 1);
}

#[test]
fn an_interrupt_may_follow_a_cancel() {
    let (mut pair, stream) = Pair::with_request(false);
    pair.core.cancel(stream, reason::DEADLINE);
    pair.core.interrupt(stream, interrupt::DUMP);
    let events = pair.process_hears();
    let told = ProcessEvent::Interrupt { stream, action: interrupt::DUMP };
    assert_eq!(events, [ProcessEvent::Cancel { stream, reason: reason::DEADLINE }, told]);
}

#[test]
fn an_action_of_a_later_release_is_skipped() {
    let (mut pair, stream) = Pair::with_request(true);
    let bytes =
        frame(Kind::Interrupt, Flags::NONE, stream, &Interrupt { action: 9 }.encode_to_vec());
    pair.process_hears_frame(&bytes).unwrap();
    assert_eq!(pair.process_hears(), []);
    assert_eq!(pair.process.counters().skipped_frames, 1);
}
