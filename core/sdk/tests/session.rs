//! Stories about a session and a core that the test plays.

mod support;

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use maitred_sdk::message::{Reject, outcome, reason};
use maitred_sdk::{
    Body, ConnectError, Ending, Error, Hold, OobOutcome, OobWish, Session, parse_token,
};
use support::{Core, head, pair, refused};

/// What the core allows an end to wait where a test wants it to be held for good.
const LONG_US: u32 = 3_600_000_000;

#[test]
fn a_reply_is_one_response_whose_last_frame_says_ready() {
    let (session, mut core) = pair(1, 50);
    let stream = core.request();
    thread::scope(|scope| {
        scope.spawn(|| {
            let request = session.next(0).unwrap().unwrap();
            assert_eq!((request.stream, request.body), (stream, Body::Empty));
            assert_eq!(request.head.target, "/");
            session.reply(stream, head(200), b"hello").unwrap();
            assert!(session.next(0).unwrap().is_none(), "the core left");
        });
        let answer = core.answer(stream);
        assert_eq!((answer.status, &answer.body[..], answer.merged), (200, &b"hello"[..], true));
        core.close();
    });
    assert_eq!(session.ending(), Some(Ending::CoreGone));
}

#[test]
fn a_request_that_was_sent_ahead_waits_on_until_a_slot_takes_it() {
    let (session, mut core) = pair(1, 50);
    // The clock counts from the start of the machine: one microsecond is as early as can be.
    let running = core.request();
    let ahead = core.request_early(1);
    let first = session.next(0).unwrap().unwrap();
    assert_eq!((first.stream, first.head.wait_us), (running, 0));
    session.reply(running, head(200), b"").unwrap();
    let second = session.next(0).unwrap().unwrap();
    assert_eq!(second.stream, ahead);
    assert!(second.head.wait_us > 1_000_000, "as long as the machine runs");
}

#[test]
fn a_request_that_was_sent_ahead_and_is_wanted_no_more_never_reaches_the_app() {
    let (session, mut core) = pair(1, 50);
    for _ in 0..20 {
        let running = core.request();
        let ahead = core.request_early(1);
        assert_eq!(session.next(0).unwrap().unwrap().stream, running);
        // While the slot is busy nobody reads, unless the minder happens to.
        core.link.cancel(ahead, reason::CLIENT_GONE);
        core.write();
        // As long as the core's last word is fresh, the slot goes by that.
        thread::sleep(Duration::from_millis(1));
        session.reply(running, head(200), b"").unwrap();
        thread::scope(|scope| {
            let next = scope.spawn(|| session.next(0).unwrap().unwrap().stream);
            assert!(core.answer(ahead).aborted, "it is given back unseen");
            let wanted = core.request();
            assert_eq!(next.join().unwrap(), wanted);
            session.reply(wanted, head(200), b"").unwrap();
        });
    }
}

#[test]
fn a_body_that_came_with_its_request_is_whole() {
    let (session, mut core) = pair(1, 50);
    let stream = core.request_with_body();
    core.body(stream, b"ab", false);
    core.body(stream, b"cd", true);
    // The ping is behind the body: its answer says that all of it arrived.
    core.link.ping();
    core.write();
    core.until(|core| core.pongs == 1);
    let request = session.next(0).unwrap().unwrap();
    assert_eq!(request.body, Body::Whole("abcd".into()));
}

#[test]
fn a_body_is_read_in_pieces_while_it_arrives() {
    let (session, mut core) = pair(1, 50);
    let stream = core.request_with_body();
    let request = session.next(0).unwrap().unwrap();
    assert_eq!(request.body, Body::Streamed);
    core.body(stream, b"abc", false);
    assert_eq!(session.read(stream, 2).unwrap(), "ab");
    assert_eq!(session.read(stream, 2).unwrap(), "c");
    core.link.end(stream);
    core.write();
    assert_eq!(session.read(stream, 2).unwrap(), "");
    assert_eq!(session.read(stream, 2).unwrap(), "", "the end stays the end");
}

#[test]
fn body_stops_at_the_window_and_goes_on_when_it_opens() {
    let (session, mut core) = pair(1, 50);
    let stream = core.request();
    let data = vec![7; 1_000_000];
    thread::scope(|scope| {
        scope.spawn(|| {
            session.next(0).unwrap().unwrap();
            session.respond(stream, head(200)).unwrap();
            let mut rest = &data[..];
            while !rest.is_empty() {
                let pushed = session.push(stream, rest, Hold::No).unwrap();
                assert!(pushed.taken <= Session::REPLY_MAX);
                rest = &rest[pushed.taken..];
                session.wait(stream).unwrap();
            }
            session.finish(stream, Hold::No).unwrap();
            session.ready(stream, 0).unwrap();
            session.next(0).unwrap();
        });
        let answer = core.answer(stream);
        assert!(answer.body == data && answer.ended && !answer.aborted);
        core.close();
    });
}

#[test]
fn a_cancel_wakes_a_writer_whose_window_is_shut() {
    let (session, mut core) = pair(1, 50);
    core.consumes = false;
    let stream = core.request();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            session.next(0).unwrap().unwrap();
            session.respond(stream, head(200)).unwrap();
            loop {
                session.push(stream, &[7; 65_536], Hold::No)?;
                session.wait(stream)?;
            }
        });
        core.until(|core| core.answers[&stream].body.len() == Session::REPLY_MAX);
        core.link.cancel(stream, reason::CLIENT_GONE);
        core.write();
        let result: Result<(), Error> = writer.join().unwrap();
        assert_eq!(result, Err(Error::Cancelled));
        assert_eq!(session.is_cancelled(stream), Ok(true));
    });
}

#[test]
fn a_cancel_wakes_a_reader_and_the_body_is_not_taken_for_whole() {
    let (session, mut core) = pair(1, 50);
    let stream = core.request_with_body();
    let (begins, begun) = mpsc::channel();
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            session.next(0).unwrap().unwrap();
            begins.send(()).unwrap();
            session.read(stream, 10)
        });
        // A request that still waits for its slot is taken back, and the app never sees it.
        begun.recv().unwrap();
        core.link.cancel(stream, reason::CLIENT_GONE);
        core.write();
        assert_eq!(reader.join().unwrap(), Err(Error::Cancelled));
    });
}

#[test]
fn a_request_that_the_host_left_unfinished_is_broken_off() {
    let (session, mut core) = pair(1, 50);
    let first = core.request();
    thread::scope(|scope| {
        scope.spawn(|| {
            session.next(0).unwrap().unwrap();
            assert!(session.next(0).unwrap().is_none());
        });
        let answer = core.answer(first);
        assert!(answer.aborted && answer.ended && answer.readies == 1);
        core.close();
    });
}

#[test]
fn an_end_that_is_held_shares_a_frame_with_ready() {
    let (session, mut core) = pair(1, LONG_US);
    // The minder has to be awake for anything to be held: traffic wakes it.
    let merged = (0..1000).any(|_| {
        let stream = core.request();
        session.next(0).unwrap().unwrap();
        session.respond(stream, head(200)).unwrap();
        session.push(stream, b"x", Hold::Moment).unwrap();
        session.finish(stream, Hold::Moment).unwrap();
        session.ready(stream, 0).unwrap();
        session.flush().unwrap();
        core.answer(stream).merged
    });
    assert!(merged);
}

#[test]
fn an_end_that_is_held_too_long_is_sent_by_the_minder() {
    let (session, mut core) = pair(1, 50);
    for _ in 0..20 {
        let stream = core.request();
        session.next(0).unwrap().unwrap();
        session.respond(stream, head(200)).unwrap();
        session.push(stream, b"x", Hold::Moment).unwrap();
        session.finish(stream, Hold::Moment).unwrap();
        // Nobody calls anything: the end comes all the same.
        core.until(|core| core.answers[&stream].ended);
        assert_eq!(core.answers[&stream].readies, 0);
        session.ready(stream, 3).unwrap();
        session.flush().unwrap();
        assert_eq!(core.answer(stream).failed, 3);
    }
}

/// Rounds in which responses may wait for each other in most: it takes some hundred requests
/// until none of them is expected to be a surprise, and the minder may write at any time.
const ROUNDS: usize = 1_000;

/// Answers what slot 0 runs; what it is given after that.
fn reply_and_next(session: &Session, stream: u64) -> u64 {
    session.reply(stream, head(200), b"hello").expect("it runs");
    session.next(0).expect("a slot").expect("the core is there").stream
}

/// Two requests and one that was sent ahead; slot 0 has finished the first and runs the second,
/// and the core has looked what was written.
fn second_runs(session: &Session, core: &mut Core) -> [u64; 3] {
    let [first, second, ahead] = core.requests([0, 0, 1]);
    assert_eq!(session.next(0).expect("a slot").expect("the core is there").stream, first);
    assert_eq!(reply_and_next(session, first), second);
    core.look();
    [first, second, ahead]
}

/// Answers what slot 0 runs, and waits until the core has it.
fn settle(session: &Session, core: &mut Core, stream: u64) {
    session.reply(stream, head(200), b"").expect("it runs");
    session.flush().expect("not forked");
    core.answer(stream);
}

#[test]
fn a_short_request_is_finished_before_the_one_before_it_is_written() {
    let (session, mut core) = pair(2, LONG_US);
    let mut together = 0;
    for _ in 0..ROUNDS {
        let [first, second, ahead] = second_runs(&session, &mut core);
        together += usize::from(!core.answers[&first].ended);
        assert_eq!(reply_and_next(&session, second), ahead);
        for stream in [first, second] {
            assert_eq!(core.answer(stream).readies, 1);
        }
        settle(&session, &mut core, ahead);
    }
    assert!(together > 0);
}

#[test]
fn a_request_that_was_sent_ahead_is_given_out_after_a_ready_was_written() {
    let (session, mut core) = pair(2, LONG_US);
    for _ in 0..ROUNDS {
        let [first, second, ahead] = second_runs(&session, &mut core);
        assert_eq!(reply_and_next(&session, second), ahead);
        core.look();
        let is_written = |stream| core.answers[stream].readies > 0;
        assert!([first, second].iter().any(is_written), "to the core both slots run something");
        settle(&session, &mut core, ahead);
    }
}

#[test]
fn what_waits_for_a_request_that_takes_long_is_written_by_the_minder() {
    let (session, mut core) = pair(2, LONG_US);
    for _ in 0..ROUNDS {
        let [first, second, ahead] = second_runs(&session, &mut core);
        if !core.answers[&first].ended {
            // The second one never ends.
            assert_eq!(core.answer(first).readies, 1);
            return;
        }
        assert_eq!(reply_and_next(&session, second), ahead);
        settle(&session, &mut core, ahead);
    }
    panic!("nothing ever waited");
}

#[test]
fn body_that_is_held_is_released_before_long_work() {
    let (session, mut core) = pair(1, LONG_US);
    for _ in 0..50 {
        let stream = core.request();
        session.next(0).unwrap().unwrap();
        session.respond(stream, head(200)).unwrap();
        session.push(stream, b"x", Hold::Moment).unwrap();
        session.finish(stream, Hold::Moment).unwrap();
        assert!(session.release(stream).unwrap());
        core.until(|core| core.answers[&stream].ended);
        assert_eq!(core.answers[&stream].readies, 0);
        session.ready(stream, 0).unwrap();
        session.flush().unwrap();
        core.answer(stream);
    }
}

#[test]
fn drain_gives_back_what_no_slot_took() {
    let (session, mut core) = pair(2, 50);
    let (first, second) = (core.request(), core.request());
    assert_eq!(session.next(0).unwrap().unwrap().stream, first);
    core.link.drain(reason::SHUTDOWN);
    core.write();
    core.until(|core| core.unstarted.is_some());
    assert_eq!(core.unstarted, Some(vec![second]));
    session.reply(first, head(200), b"").unwrap();
    thread::scope(|scope| {
        let slot = scope.spawn(|| session.next(0).unwrap().is_none());
        core.answer(first);
        core.close();
        assert!(slot.join().unwrap(), "no request follows");
    });
    assert!(session.next(1).unwrap().is_none(), "a slot that comes late sees it, too");
    assert_eq!(session.ending(), Some(Ending::Drained));
}

#[test]
fn a_wish_to_be_drained_is_told_at_once() {
    let (session, mut core) = pair(1, 50);
    let stream = core.request();
    session.next(0).unwrap().unwrap();
    session.request_drain().unwrap();
    session.request_drain().unwrap();
    core.until(|core| core.drain_wanted);
    assert_eq!(core.answers[&stream].readies, 0);
}

#[test]
fn wrong_calls_are_errors_and_change_nothing() {
    let (session, mut core) = pair(1, 50);
    let stream = core.request();
    session.next(0).unwrap().unwrap();
    let is_order = |error: Error| matches!(error, Error::Order { .. });
    assert!(is_order(session.ready(stream, 0).unwrap_err()));
    assert!(is_order(session.finish(stream, Hold::No).unwrap_err()));
    assert!(is_order(session.push(stream, b"x", Hold::No).unwrap_err()));
    session.respond(stream, head(200)).unwrap();
    assert!(is_order(session.respond(stream, head(200)).unwrap_err()));
    assert!(is_order(session.reply(stream, head(200), b"").unwrap_err()));
    session.finish(stream, Hold::No).unwrap();
    assert!(is_order(session.finish(stream, Hold::No).unwrap_err()));
    assert!(is_order(session.abort(stream, reason::APP_ERROR, "late").unwrap_err()));
    session.ready(stream, 0).unwrap();
    session.flush().unwrap();
    assert_eq!(session.ready(stream, 0), Err(Error::Over { stream }));
    assert_eq!(session.push(stream, b"x", Hold::No), Err(Error::Over { stream }));
    assert_eq!(session.read(stream, 1), Err(Error::Over { stream }));
    assert_eq!(session.next(1).unwrap_err(), Error::NoSlot { slot: 1, slots: 1 });
    let answer = core.answer(stream);
    assert!(answer.status == 200 && !answer.aborted && answer.readies == 1);
}

#[test]
fn a_head_that_is_too_large_leaves_room_for_another() {
    let (session, mut core) = pair(1, 50);
    let stream = core.request();
    session.next(0).unwrap().unwrap();
    let long = vec![b'x'; 50_000];
    let headers = [(&b"x"[..], &long[..])];
    let large = maitred_sdk::message::ResponseHead { status: 200, headers: headers.into_iter() };
    let error = session.respond(stream, large).unwrap_err();
    assert!(matches!(error, Error::HeadTooLarge { limit: 49_152, .. }));
    session.reply(stream, head(500), b"sorry").unwrap();
    session.flush().unwrap();
    assert_eq!(core.answer(stream).status, 500);
}

#[test]
fn many_slots_answer_every_request_once() {
    const SLOTS: usize = 6;
    const REQUESTS: usize = 3_000;
    let (session, mut core) = pair(SLOTS, 50);
    thread::scope(|scope| {
        for slot in 0..SLOTS {
            let session = &session;
            scope.spawn(move || serve(session, slot));
        }
        let mut open = BTreeSet::new();
        for n in 0..REQUESTS {
            while open.len() == SLOTS {
                core.until(|core| open.iter().any(|stream| core.answers[stream].readies > 0));
                open.retain(|stream| core.answers[stream].readies == 0);
            }
            let stream = core.request();
            open.insert(stream);
            if n % 7 == 0 {
                core.link.cancel(stream, reason::CLIENT_GONE);
                core.write();
            }
            if n % 50 == 0 {
                core.link.ping();
                core.write();
            }
        }
        core.until(|core| core.answers.values().all(|answer| answer.readies > 0));
        assert!(core.answers.values().all(|answer| answer.readies == 1 && answer.ended));
        assert_eq!(core.answers.len(), REQUESTS);
        core.link.drain(reason::SHUTDOWN);
        core.write();
        core.until(|core| core.unstarted.is_some());
        core.close();
    });
    assert_eq!(session.ending(), Some(Ending::Drained));
}

/// Requests that are short, or long, or end late, by their number.
fn serve(session: &Session, slot: usize) {
    while let Some(request) = session.next(slot).expect("the slot's own request") {
        let stream = request.stream;
        match stream % 10 {
            0 => thread::sleep(Duration::from_micros(700)),
            2 => {
                session.respond(stream, head(200)).expect("the slot's own request");
                // A client that left meanwhile is no reason to stop saying ready.
                let _ = session.push(stream, b"abc", Hold::Moment);
                session.finish(stream, Hold::Moment).expect("the slot's own request");
                thread::yield_now();
                session.ready(stream, 0).expect("the slot's own request");
                continue;
            }
            4 => continue,
            _ => {}
        }
        session.reply(stream, head(200), b"abc").expect("the slot's own request");
    }
}

#[test]
fn a_core_that_breaks_the_protocol_ends_the_session() {
    let (session, mut core) = pair(1, 50);
    // A second WELCOME is one too many.
    core.link.reject(&Reject::default());
    core.write();
    assert!(session.next(0).unwrap().is_none());
    assert!(matches!(session.ending(), Some(Ending::Broken(_))));
}

#[test]
fn a_refusal_says_why() {
    let error = refused(Reject { code: "token_unknown".into(), message: "too late".into() });
    assert!(matches!(&error, ConnectError::Rejected { code, .. } if code == "token_unknown"));
    assert_eq!(error.to_string(), "the core rejected this process (token_unknown): too late");
}

#[test]
fn a_token_is_32_hexadecimal_digits() {
    let token = parse_token("000102030405060708090A0b0c0d0e0f").unwrap();
    assert_eq!(token, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    for bad in
        ["", "00", "0g0102030405060708090a0b0c0d0e0f", "\u{e4}00102030405060708090a0b0c0d0e0"]
    {
        assert!(parse_token(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn out_of_band_work_is_asked_for_granted_and_done() {
    let (session, mut core) = pair(1, 50);
    session.listen_oob();
    let wish = OobWish {
        kind: "gc".to_owned(),
        reason: "1000 requests".to_owned(),
        expected: Some(Duration::from_millis(200)),
        not_later_than: Some(Duration::from_micros(1)),
    };
    assert!(session.request_oob(wish).unwrap());
    core.until(|core| core.wishes.len() == 1);
    let asked = &core.wishes[0];
    assert_eq!((&*asked.kind, &*asked.reason), ("gc", "1000 requests"));
    assert_eq!((asked.expected_ms, asked.not_later_than_ms), (200, 1), "0 would say: no deadline");
    thread::scope(|scope| {
        // The thread of the only slot reads, and wakes the one that waits for this.
        scope.spawn(|| assert!(session.next(0).unwrap().is_none()));
        scope.spawn(|| {
            let start = session.next_oob().unwrap().unwrap();
            assert_eq!((&*start.kind, start.requested_by, start.lease_ms), ("gc", 1, 60_000));
            session.oob_done(OobOutcome::Failed, Duration::from_millis(7)).unwrap();
            session.oob_done(OobOutcome::Done, Duration::ZERO).unwrap();
            assert!(session.next_oob().unwrap().is_none(), "the core left");
        });
        core.oob_start("gc");
        core.until(|core| core.done.len() == 1);
        let last = core.done.pop().unwrap();
        assert_eq!((last.outcome, last.duration_ms), (outcome::FAILED, 7));
        core.close();
    });
}

#[test]
fn a_host_without_a_handler_says_so_at_once() {
    let (session, mut core) = pair(1, 50);
    core.oob_start("warm");
    core.until(|core| core.done.len() == 1);
    assert_eq!((&*core.done[0].kind, core.done[0].outcome), ("warm", outcome::NO_HANDLER));
    assert_eq!(session.ending(), None);
}

#[test]
fn a_kind_must_have_a_length_that_fits() {
    let (session, _core) = pair(1, 50);
    for kind in [String::new(), "x".repeat(65)] {
        let length = kind.len();
        assert_eq!(session.withdraw_oob(&kind), Err(Error::OobKind { length }));
        let wish = OobWish { kind, ..OobWish::default() };
        assert_eq!(session.request_oob(wish), Err(Error::OobKind { length }));
    }
}
