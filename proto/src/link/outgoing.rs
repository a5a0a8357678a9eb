//! The sending half: bodies take turns, everything else goes straight in.
//!
//! A frame of a stream that holds nothing back is written at once. Only a body that finds the
//! sequence full (or others waiting) is held in its stream; what its stream says after it waits
//! there with it, since the frames of one stream are never reordered.

use bytes::Bytes;
use prost::Message as _;

use super::out::OUT_MAX;
use super::shared::Shared;
use super::stream::{Ending, Held, Phase, Stream};
use crate::error::HeadTooLarge;
use crate::frame::{Flags, HEAD_MAX, Kind, PAYLOAD_MAX, Side};
use crate::message::{Abort, End, Ready, Trailers};

/// Body bytes of one turn while other streams wait. 16 KiB: a short body behind many long ones
/// waits for a quarter of what full frames would cost it.
const TURN_MAX: usize = 16_384;

/// A frame of a stream, with what its flags are to say.
struct Piece<'a> {
    kind: Kind,
    payload: &'a [u8],
    end: bool,
    ready: bool,
}

impl Shared {
    /// A piece of body.
    pub(crate) fn body(&mut self, id: u64, data: Bytes, end: bool, ready: bool) {
        let alone = self.turns.is_empty() && self.out.len() < OUT_MAX;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if data.is_empty() || stream.cancelled {
            if end {
                self.end(id, ready);
            }
            return;
        }
        let capacity = stream.capacity();
        assert!(data.len() <= capacity, "{} body bytes, capacity {capacity}", data.len());
        stream.outgoing.credit -= data.len() as u32;
        if end {
            stream.outgoing.phase = Phase::Ended;
        }
        if alone && stream.outgoing.held.is_none() && data.len() <= PAYLOAD_MAX {
            self.put(id, &Piece { kind: Kind::Body, payload: &data, end, ready });
            return;
        }
        let held = stream.outgoing.held.get_or_insert_default();
        held.body.push_back(data);
        if end {
            held.ending = Some(Ending::End);
            held.ready = ready.then(Ready::default);
        }
        if !stream.outgoing.in_turns {
            stream.outgoing.in_turns = true;
            self.turns.push_back(id);
        }
        self.refill();
    }

    /// Encoded trailers.
    pub(crate) fn trailers(&mut self, id: u64, trailers: Bytes, end: bool, ready: bool) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.cancelled {
            if end {
                self.end(id, ready);
            }
            return;
        }
        assert!(stream.outgoing.phase == Phase::Body, "trailers {}", stream.whereabouts());
        stream.outgoing.phase = if end { Phase::Ended } else { Phase::Tail };
        match &mut stream.outgoing.held {
            None => {
                self.put(id, &Piece { kind: Kind::Trailers, payload: &trailers, end, ready });
            }
            Some(held) => {
                held.trailers = Some(trailers);
                if end {
                    held.ending = Some(Ending::End);
                    held.ready = ready.then(Ready::default);
                }
            }
        }
    }

    /// Nothing follows in our direction.
    pub(crate) fn end(&mut self, id: u64, ready: bool) {
        let side = self.side;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.cancelled && side == Side::Core {
            return;
        }
        let begun = matches!(stream.outgoing.phase, Phase::Body | Phase::Tail);
        let unwanted = stream.cancelled && stream.outgoing.phase == Phase::Head;
        assert!(begun || unwanted, "the end {}", stream.whereabouts());
        self.finish(id, Ending::End, ready);
    }

    /// The response is broken.
    pub(crate) fn abort(&mut self, id: u64, abort: Abort, ready: bool) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let open = stream.outgoing.phase != Phase::Ended;
        assert!(open, "an abort {}", stream.whereabouts());
        self.finish(id, Ending::Abort(abort), ready);
    }

    fn finish(&mut self, id: u64, ending: Ending, ready: bool) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.outgoing.phase = Phase::Ended;
        let ready = ready.then(Ready::default);
        match &mut stream.outgoing.held {
            None => self.put_ending(id, Some(ending), ready),
            Some(held) => {
                held.ending = Some(ending);
                held.ready = ready;
            }
        }
    }

    /// Process: the slot is free. It never overtakes the end of its response.
    pub(crate) fn ready(&mut self, id: u64, ready: Ready) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let over = stream.outgoing.phase == Phase::Ended || stream.detached;
        assert!(over && !stream.ready, "ready {}", stream.whereabouts());
        match &mut stream.outgoing.held {
            Some(held) if !stream.detached => held.ready = Some(ready),
            _ => self.put_ready(id, &ready),
        }
    }

    /// What waits for its turn is not wanted any more; an end that waited goes out now.
    pub(crate) fn unhold(&mut self, id: u64) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if let Some(held) = stream.outgoing.held.take() {
            self.put_ending(id, held.ending, held.ready);
        }
    }

    /// Gives turns while there is room.
    pub(crate) fn refill(&mut self) {
        while self.out.len() < OUT_MAX {
            let Some(id) = self.turns.pop_front() else { return };
            self.take_turn(id);
        }
    }

    fn take_turn(&mut self, id: u64) {
        let max = if self.turns.is_empty() { PAYLOAD_MAX } else { TURN_MAX };
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.outgoing.in_turns = false;
        let Some(mut held) = stream.outgoing.held.take() else { return };
        let Some(data) = held.body.front_mut() else {
            self.put_tail(id, *held);
            return;
        };
        let payload = data.split_to(data.len().min(max));
        if data.is_empty() {
            held.body.pop_front();
        }
        let kind = Kind::Body;
        if !held.body.is_empty() {
            self.put(id, &Piece { kind, payload: &payload, end: false, ready: false });
            self.wait_again(id, held);
        } else if held.trailers.is_none() && matches!(held.ending, Some(Ending::End)) {
            let ready = held.ready.take();
            self.put_last(id, kind, &payload, ready);
        } else {
            self.put(id, &Piece { kind, payload: &payload, end: false, ready: false });
            self.put_tail(id, *held);
        }
    }

    fn wait_again(&mut self, id: u64, held: Box<Held>) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.outgoing.held = Some(held);
            stream.outgoing.in_turns = true;
            self.turns.push_back(id);
        }
    }

    /// Everything behind the body: small, so it does not wait for further turns.
    fn put_tail(&mut self, id: u64, held: Held) {
        let Held { trailers, ending, ready, .. } = held;
        match (trailers, ending) {
            (Some(trailers), Some(Ending::End)) => {
                self.put_last(id, Kind::Trailers, &trailers, ready);
            }
            (Some(trailers), ending) => {
                let kind = Kind::Trailers;
                self.put(id, &Piece { kind, payload: &trailers, end: false, ready: false });
                self.put_ending(id, ending, ready);
            }
            (None, ending) => self.put_ending(id, ending, ready),
        }
    }

    fn put_ending(&mut self, id: u64, ending: Option<Ending>, ready: Option<Ready>) {
        match ending {
            None => {}
            Some(Ending::End) => self.put_last(id, Kind::End, &[], ready),
            Some(Ending::Abort(mut abort)) => {
                let goes_on = self.take_deferred(id).filter(|_| ready.is_none());
                abort.deferred = goes_on.map(String::from).unwrap_or_default();
                self.put_last(id, Kind::Abort, &abort.encode_to_vec(), ready);
            }
        }
    }

    /// The last frame of our direction. READY rides on it unless it has something to tell.
    fn put_last(&mut self, id: u64, kind: Kind, payload: &[u8], ready: Option<Ready>) {
        let rides = ready.is_some_and(|ready| ready.failed == 0);
        if ready.is_some() && !rides {
            // It follows at once: there is nothing to name.
            self.take_deferred(id);
        }
        self.put(id, &Piece { kind, payload, end: true, ready: rides });
        if let Some(ready) = ready.filter(|_| !rides) {
            self.put_ready(id, &ready);
        }
    }

    fn put_ready(&mut self, id: u64, ready: &Ready) {
        self.out.message(Kind::Ready, Flags::NONE, id, ready);
        self.on_wire(id, false, true);
    }

    fn put(&mut self, id: u64, piece: &Piece<'_>) {
        let &Piece { kind, payload, end, ready } = piece;
        if end
            && let Some(deferred) = self.take_deferred(id)
            && !ready
        {
            if kind != Kind::End {
                self.out.frame(kind, Flags::NONE, id, payload);
            }
            self.put_named_end(id, deferred);
            return;
        }
        // END and ABORT say by their kind what the flag END says on others.
        let flag = end && !matches!(kind, Kind::End | Kind::Abort);
        self.out.frame(kind, Flags::of(flag, ready), id, payload);
        if end {
            self.on_wire(id, true, ready);
        }
    }

    /// Process: the name of what goes on after the response, to be told with its end.
    pub(crate) fn take_deferred(&mut self, id: u64) -> Option<Box<str>> {
        self.streams.get_mut(&id)?.deferred.take()
    }

    /// The end of a response with the name of what goes on, for which no flag has room.
    pub(crate) fn put_named_end(&mut self, id: u64, deferred: Box<str>) {
        self.out.message(Kind::End, Flags::NONE, id, &End { deferred: deferred.into() });
        self.on_wire(id, true, false);
    }

    /// Process: notes what was said about the response and the slot; forgets dead streams.
    pub(crate) fn on_wire(&mut self, id: u64, complete: bool, ready: bool) {
        if self.side == Side::Core {
            return;
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.complete |= complete;
        if ready && !stream.ready {
            stream.ready = true;
            self.unready -= 1;
        }
        if stream.is_dead() {
            self.streams.remove(&id);
        }
    }
}

impl Stream {
    /// For assertions: completes "the end ...".
    const fn whereabouts(&self) -> &'static str {
        match self.outgoing.phase {
            Phase::Head => "before the head",
            Phase::Body if self.ready => "for a slot that is ready",
            Phase::Body => "before the end",
            Phase::Tail => "after the trailers",
            Phase::Ended if self.ready => "for a slot that is ready",
            Phase::Ended => "after the end",
        }
    }
}

pub(crate) fn encode_trailers(trailers: &Trailers) -> Result<Bytes, HeadTooLarge> {
    match trailers.encoded_len() {
        length if length > HEAD_MAX => Err(HeadTooLarge { length }),
        _ => Ok(trailers.encode_to_vec().into()),
    }
}
