//! What a session knows: the link, the requests that wait for a slot, the open streams.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use maitred_proto::link::{ProcessEvent, ProcessLink};
use maitred_proto::message::{self, Abort, Ready, reason};
use rustc_hash::FxHashMap;

use super::batch::Batch;
use super::interrupt::Handler;
use super::oob::Oob;
use super::socket::{Reader, monotonic_us};
use super::{Body, Ending, Request};

/// Requests shorter than this are run one after the other by the thread that reads, although
/// others are idle. 100 microseconds: waking a thread and handing it a host language's lock
/// costs 10 to 30, which a shorter request does not earn back.
const SHORT: Duration = Duration::from_micros(100);

/// What a longer request counts as. 700 us: a thread that was kept from its processor for
/// milliseconds says nothing of its requests, so that one such time must not outweigh the short
/// ones before it; two long ones in a row do, and so does one in seven.
const TOOK_MAX: Duration = Duration::from_micros(700);

/// How much of the estimate each request replaces: an eighth, so that a dozen requests settle
/// it and a single odd one does not upset it.
const SMOOTHING: u32 = 8;

/// Behind the session's mutex.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) link: ProcessLink,
    /// `None`: somebody is reading.
    pub(crate) reader: Option<Reader>,
    pub(crate) streams: FxHashMap<u64, Stream>,
    /// Requests that no slot took yet, oldest first.
    pub(crate) offered: VecDeque<(u64, message::Request)>,
    pub(crate) slots: Vec<Slot>,
    /// Slots whose threads sleep, the one that fell asleep last at the end.
    pub(crate) idle: Vec<usize>,
    /// Threads that sleep for the progress of a stream.
    pub(crate) blocked: usize,
    /// Changes with every read: tells the minder whether anybody reads.
    pub(crate) reads: u64,
    /// When the socket was read last, or found empty.
    pub(crate) heard_at: Instant,
    /// The highest stream that was given to a slot.
    pub(crate) last_given: u64,
    /// The minder looks around every tick, so that something may be left for it to do.
    pub(crate) ticking: bool,
    pub(crate) oob: Oob,
    /// Whom to tell of interruptions.
    pub(crate) interrupted: Option<Handler>,
    pub(crate) draining: bool,
    pub(crate) ending: Option<Ending>,
    /// The host let go of the session.
    pub(crate) abandoned: bool,
    /// How long requests of this process hold their slot, smoothed.
    occupancy: Duration,
    /// How many slots run something.
    running: usize,
    pub(super) batch: Batch,
    /// When the host's own code last gave a sign of life.
    seen: Instant,
}

/// One unit of concurrency.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot {
    /// What it runs.
    current: Option<(u64, Instant)>,
}

/// One request that is not over.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// What arrived of its body and was not read.
    pub(crate) incoming: VecDeque<Bytes>,
    /// Its body is complete.
    pub(crate) received: bool,
    pub(crate) response: Phase,
    /// CANCEL came: nobody wants its response, or its deferred work should end.
    pub(crate) cancelled: bool,
    pub(crate) held: Option<Held>,
}

/// How much of the response was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    #[default]
    Head,
    Body,
    Ended,
}

/// Bytes of this stream wait for what follows them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) since: Instant,
    /// So does its end, which was not told to the link yet.
    pub(crate) end: bool,
}

impl State {
    pub(crate) fn new(link: ProcessLink, reader: Reader, slots: usize, has_oob: bool) -> Self {
        Self {
            link,
            reader: Some(reader),
            streams: FxHashMap::default(),
            offered: VecDeque::new(),
            slots: vec![Slot::default(); slots],
            idle: Vec::with_capacity(slots),
            blocked: 0,
            reads: 0,
            heard_at: Instant::now(),
            last_given: 0,
            ticking: false,
            oob: Oob::new(has_oob),
            interrupted: None,
            draining: false,
            ending: None,
            abandoned: false,
            occupancy: Duration::ZERO,
            running: 0,
            batch: Batch::default(),
            seen: Instant::now(),
        }
    }

    /// Whether requests are too short for a second thread to be worth waking.
    pub(crate) fn is_short(&self) -> bool {
        self.occupancy < SHORT
    }

    /// Something waits to be written, on purpose or because the socket was full.
    pub(crate) fn has_unsent(&self) -> bool {
        self.link.wants_transmit() || self.streams.values().any(|open| open.held.is_some())
    }

    pub(crate) fn saw_host(&mut self, now: Instant) {
        self.seen = now;
    }

    /// A slot's thread asks for work: what it ran is over.
    pub(crate) fn came_back(&mut self, slot: usize, now: Instant) {
        self.seen = now;
        let Some((stream, given)) = self.slots[slot].current.take() else { return };
        self.running -= 1;
        self.batch.add(now);
        let took = now.saturating_duration_since(given);
        self.batch.took(took);
        let took = took.min(TOOK_MAX);
        self.occupancy = (self.occupancy * (SMOOTHING - 1) + took) / SMOOTHING;
        // A host that finished properly left nothing behind.
        if let Some(left) = self.streams.remove(&stream) {
            if left.response != Phase::Ended {
                let detail = "the host left without a response".to_owned();
                self.link.abort(
                    stream,
                    Abort { reason: reason::APP_ERROR, detail, ..Abort::default() },
                    false,
                );
            } else if left.held.is_some_and(|held| held.end) {
                self.link.end(stream, false);
            }
            self.link.ready(stream, Ready::default());
        }
    }

    /// Whether what is finished may wait for the next request. There is one, the core knows that
    /// it is in a slot without any READY that is not written, and the minder is there if it takes
    /// long.
    pub(crate) fn may_batch(&self, now: Instant, limit: Duration) -> bool {
        self.ticking
            && !self.offered.is_empty()
            && self.running + self.batch.readies() < self.slots.len()
            && self.batch.may_wait(now, self.occupancy, limit, self.link.transmit().len())
    }

    /// The slot that runs a stream, be it its request or its deferred work.
    pub(crate) fn slot_of(&self, stream: u64) -> Option<usize> {
        let runs = |slot: &Slot| slot.current.is_some_and(|(current, _)| current == stream);
        self.slots.iter().position(runs)
    }

    /// The next request was sent ahead, when no slot was free for it.
    pub(crate) fn has_ahead(&self) -> bool {
        self.offered.front().is_some_and(|(_, head)| head.early_at_us > 0)
    }

    /// Gives the oldest request to a slot.
    pub(crate) fn claim(&mut self, slot: usize, now: Instant) -> Option<Request> {
        let (stream, mut head) = self.offered.pop_front()?;
        end_wait(&mut head);
        self.slots[slot].current = Some((stream, now));
        self.running += 1;
        self.last_given = stream;
        self.seen = now;
        let open = self.streams.get_mut(&stream);
        let body = open.map_or(Body::Empty, Stream::take_body);
        Some(Request { stream, head, body })
    }

    /// Makes of the bytes in the reader what they mean. The flag: threads that sleep for the
    /// progress of a stream should look.
    pub(crate) fn receive(&mut self) -> Result<bool, maitred_proto::error::Error> {
        let Some(reader) = &mut self.reader else { return Ok(false) };
        self.link.set_host_age_ms(self.seen.elapsed().as_millis() as u64);
        let result = self.link.receive(&mut reader.buf);
        let mut progress = false;
        while let Some(event) = self.link.poll_event() {
            progress |= self.on_event(event);
        }
        result.map(|()| progress)
    }

    fn on_event(&mut self, event: ProcessEvent) -> bool {
        match event {
            ProcessEvent::Request { stream, head, end } => {
                self.streams.insert(stream, Stream { received: end, ..Stream::default() });
                self.offered.push_back((stream, head));
                return false;
            }
            ProcessEvent::Body { stream, data, end } => {
                if let Some(open) = self.streams.get_mut(&stream) {
                    open.incoming.push_back(data);
                    open.received |= end;
                }
            }
            ProcessEvent::Trailers { stream, end, .. } => {
                // WSGI and Rack have no place for trailers of a request.
                if let Some(open) = self.streams.get_mut(&stream) {
                    open.received |= end;
                }
            }
            ProcessEvent::End { stream } => {
                if let Some(open) = self.streams.get_mut(&stream) {
                    open.received = true;
                }
            }
            ProcessEvent::Cancel { stream, reason } => self.cancel(stream, reason),
            ProcessEvent::Writable { .. } => {}
            ProcessEvent::Drain { .. } => self.drain(),
            ProcessEvent::Interrupt { stream, action } => self.interrupt(stream, action),
            ProcessEvent::OobStart(start) => self.oob_start(start),
            // Only while the link is opened.
            ProcessEvent::Welcome(_) | ProcessEvent::Reject(_) => {}
        }
        true
    }

    fn cancel(&mut self, stream: u64, why: u32) {
        if let Some(place) = self.offered.iter().position(|(id, _)| *id == stream) {
            // The app never hears of it.
            self.offered.remove(place);
            self.streams.remove(&stream);
            let abort = Abort { reason: reason::CANCELLED, ..Abort::default() };
            self.link.abort(stream, abort, true);
            // A READY of its own, which may not be written at once either.
            self.batch.add(Instant::now());
        } else if let Some(open) = self.streams.get_mut(&stream) {
            // The end of a response may be held back, so that the link does not know of it yet.
            if open.response == Phase::Ended && why == reason::CLIENT_GONE {
                return;
            }
            open.cancelled = true;
            open.incoming.clear();
        }
    }

    /// Requests that no slot took are given back by this goodbye: they are the highest ones,
    /// since they are given out in order.
    fn drain(&mut self) {
        self.draining = true;
        self.link.goodbye(self.last_given);
        self.offered.clear();
        self.streams.retain(|&stream, _| stream <= self.last_given);
    }
}

/// A request that was sent ahead has waited on since.
fn end_wait(head: &mut message::Request) {
    if head.early_at_us > 0 {
        head.wait_us += monotonic_us().saturating_sub(head.early_at_us);
    }
}

impl Stream {
    fn take_body(&mut self) -> Body {
        if !self.received {
            return Body::Streamed;
        }
        match self.incoming.len() {
            0 => Body::Empty,
            1 => self.incoming.pop_front().map_or(Body::Empty, Body::Whole),
            _ => {
                let mut whole = BytesMut::new();
                for piece in self.incoming.drain(..) {
                    whole.extend_from_slice(&piece);
                }
                Body::Whole(whole.freeze())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use maitred_proto::link::CoreLink;
    use maitred_proto::message::{
        Hello, RequestHead, ResponseHead, Welcome, capability, encode_request,
    };

    use super::*;

    const LIMIT: Duration = Duration::from_micros(50);

    /// A slot runs requests that hold it for so many microseconds each.
    fn run(state: &mut State, requests: impl IntoIterator<Item = u64>) {
        for took in requests {
            let given = Instant::now();
            state.offered.push_back((2, message::Request::default()));
            state.claim(0, given);
            state.came_back(0, given + Duration::from_micros(took));
        }
    }

    fn short() -> State {
        let mut state = State::new(ProcessLink::new(), Reader::default(), 1, false);
        run(&mut state, [10; 20]);
        state
    }

    #[test]
    fn one_request_that_was_kept_from_its_processor_does_not_make_them_long() {
        let mut state = short();
        run(&mut state, [4_000]);
        assert!(state.is_short());
    }

    #[test]
    fn two_long_requests_in_a_row_are_believed_and_so_are_short_ones_after_them() {
        let mut state = short();
        run(&mut state, [1_000; 2]);
        assert!(!state.is_short());
        run(&mut state, [10; 8]);
        assert!(state.is_short());
    }

    #[test]
    fn among_short_requests_one_long_one_in_five_is_believed() {
        let mut state = short();
        let mix = [10, 10, 10, 10, 50_000];
        run(&mut state, mix.into_iter().cycle().take(50));
        assert!(!state.is_short());
    }

    /// A state of two slots in which the core has put the streams 2 and 4, and sent 6 ahead;
    /// requests are short, and the minder is awake.
    fn linked() -> State {
        let mut process = ProcessLink::new();
        let mut core = CoreLink::new();
        let capabilities = vec![capability::EARLY.to_owned()];
        process.hello(&Hello {
            version_min: 1,
            version_max: 1,
            token: vec![7; 16].into(),
            slots: 2,
            capabilities: capabilities.clone(),
            ..Hello::default()
        });
        core.receive(&mut process.transmit().into()).unwrap();
        process.transmitted(process.transmit().len());
        core.welcome(&Welcome { version: 1, capabilities, ..Welcome::default() });
        for early_at_us in [0, 0, 1] {
            let head = RequestHead {
                method: b"GET",
                target: b"/",
                early_at_us,
                headers: std::iter::empty(),
                ..RequestHead::default()
            };
            core.request(true, |out| encode_request(out, head)).unwrap();
        }
        let mut state = State::new(process, Reader::default(), 2, false);
        run(&mut state, [10; 1_000]);
        state.batch.written();
        state.ticking = true;
        state.reader.as_mut().unwrap().buf.extend_from_slice(core.transmit());
        state.receive().unwrap();
        assert_eq!(state.offered.iter().map(|(stream, _)| *stream).collect::<Vec<_>>(), [2, 4, 6]);
        state
    }

    /// As [`linked`]; slot 0 has finished its first request.
    fn finished() -> (State, Instant) {
        let mut state = linked();
        let now = Instant::now();
        state.claim(0, now).unwrap();
        state.came_back(0, now + Duration::from_micros(10));
        (state, now + Duration::from_micros(10))
    }

    #[test]
    fn what_is_finished_may_wait_for_a_short_request_that_is_at_hand() {
        let (mut state, now) = finished();
        assert!(state.may_batch(now, LIMIT));
        state.offered.clear();
        assert!(!state.may_batch(now, LIMIT), "there is nothing to wait for");
    }

    #[test]
    fn an_end_that_was_held_for_ready_waits_for_the_next_request_no_longer_than_others() {
        let mut state = linked();
        let now = Instant::now();
        state.claim(0, now).unwrap();
        let head = ResponseHead { status: 200, headers: std::iter::empty() };
        state.link.respond(2, head, false, false).unwrap();
        let held = Some(Held { since: now - LIMIT, end: true });
        state.streams.insert(2, Stream { response: Phase::Ended, held, ..Stream::default() });
        state.ready(2, 0).unwrap();
        state.came_back(0, now);
        assert!(!state.may_batch(now, LIMIT));
        state.batch.written();
        assert!(state.may_batch(now, LIMIT));
    }

    #[test]
    fn nothing_waits_while_the_minder_sleeps() {
        let (mut state, now) = finished();
        state.ticking = false;
        assert!(!state.may_batch(now, LIMIT));
    }

    #[test]
    fn nothing_waits_for_longer_requests() {
        let (mut state, now) = finished();
        run(&mut state, [500; 2]);
        state.batch.written();
        assert!(!state.may_batch(now, LIMIT));
    }

    #[test]
    fn nothing_waits_behind_many_bytes() {
        let (mut state, now) = finished();
        let detail = "a".repeat(20_000);
        state.link.abort(4, Abort { detail, ..Abort::default() }, false);
        assert!(!state.may_batch(now, LIMIT));
    }

    #[test]
    fn a_request_that_was_sent_ahead_is_not_waited_for_while_others_fill_the_slots() {
        let (mut state, now) = finished();
        state.claim(1, now).unwrap();
        assert!(!state.may_batch(now, LIMIT), "to the core slots run 2 and 4");
        state.batch.written();
        assert!(state.may_batch(now, LIMIT), "to the core one of them is free for 6");
    }

    #[test]
    fn a_request_that_was_taken_back_fills_its_slot_until_that_is_written() {
        let (mut state, now) = finished();
        state.cancel(4, reason::CLIENT_GONE);
        assert!(!state.may_batch(now, LIMIT), "to the core slots run 2 and 4");
        state.batch.written();
        assert!(state.may_batch(now, LIMIT));
    }
}
