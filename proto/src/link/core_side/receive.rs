//! What the core makes of a process's frames.

use super::{CoreLink, State};
use crate::error::Error;
use crate::frame::{DEFERRED_MAX, Flags, HEAD_MAX, Kind, OOB_REASON_MAX};
use crate::link::event::CoreEvent;
use crate::link::incoming::Frame;
use crate::link::stream::Phase;
use crate::message::{
    Abort, Deferred, End, Goodbye, OobDone, OobRequest, OobWithdraw, Pong, Ready, Trailers,
    decode_response, reason,
};

/// How a response ends.
enum Ending {
    /// With the name of what goes on.
    End(String),
    Abort(Abort),
}

impl Ending {
    fn deferred(&self) -> &str {
        match self {
            Self::End(deferred) => deferred,
            Self::Abort(abort) => &abort.deferred,
        }
    }
}

/// What arrives for a stream.
impl CoreLink {
    pub(super) fn on_response(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        if stream.spoiled {
            return self.finish_unwanted(frame);
        }
        let phase = stream.incoming.phase.after(frame.kind, frame.stream)?;
        if frame.is_too_large() {
            return self.spoil(frame);
        }
        let head = frame.read(decode_response)?;
        frame.paired(&head.headers)?;
        if !(100..600).contains(&head.status) {
            return Err(frame.bad_payload("a status that is not from 100 to 599"));
        }
        stream.answered = true;
        if head.status < 200 {
            if frame.flags.has(Flags::END) {
                return Err(frame.bad_order("with END although it is informational"));
            }
        } else {
            stream.incoming.phase = phase;
        }
        let unwanted = stream.cancelled;
        let (end, ready) = self.flags(frame)?;
        let stream = frame.stream;
        if !unwanted {
            self.events.push_back(CoreEvent::Response { stream, head, end, ready });
        } else if end {
            self.events.push_back(CoreEvent::End { stream, ready, deferred: String::new() });
        }
        Ok(())
    }

    pub(super) fn on_body(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        if stream.spoiled {
            return self.finish_unwanted(frame);
        }
        stream.incoming.phase.after(frame.kind, frame.stream)?;
        if stream.cancelled {
            return self.finish_unwanted(frame);
        }
        stream.incoming.arrived(frame.stream, frame.payload.len())?;
        let (end, ready) = self.flags(frame)?;
        let (stream, data) = (frame.stream, frame.payload.clone());
        if !data.is_empty() {
            self.events.push_back(CoreEvent::Body { stream, data, end, ready });
        } else if end {
            self.events.push_back(CoreEvent::End { stream, ready, deferred: String::new() });
        }
        Ok(())
    }

    pub(super) fn on_trailers(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        if stream.spoiled {
            return self.finish_unwanted(frame);
        }
        stream.incoming.phase = stream.incoming.phase.after(frame.kind, frame.stream)?;
        if frame.is_too_large() {
            return self.spoil(frame);
        }
        if stream.cancelled {
            return self.finish_unwanted(frame);
        }
        let trailers: Trailers = frame.message()?;
        frame.paired(&trailers.headers)?;
        let (end, ready) = self.flags(frame)?;
        let stream = frame.stream;
        self.events.push_back(CoreEvent::Trailers { stream, trailers, end, ready });
        Ok(())
    }

    pub(super) fn on_end(&mut self, frame: &Frame) -> Result<(), Error> {
        let ending = match frame.kind {
            Kind::Abort => Ending::Abort(frame.message()?),
            _ => Ending::End(frame.message::<End>()?.deferred),
        };
        if ending.deferred().len() > DEFERRED_MAX {
            return Err(frame.bad_payload("a label that is too long"));
        }
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        // Nobody misses the head of a response that nobody wants.
        let unanswered = stream.cancelled && stream.incoming.phase == Phase::Head;
        if stream.incoming.phase == Phase::Ended || !(stream.spoiled || unanswered) {
            stream.incoming.phase.after(frame.kind, frame.stream)?;
        }
        self.finish(frame, ending);
        Ok(())
    }

    /// Tells the end of a response, unless it was told when the head was too large.
    fn finish(&mut self, frame: &Frame, ending: Ending) {
        let told = self.shared.streams.get(&frame.stream).is_some_and(|stream| stream.spoiled);
        let ready = self.complete(frame);
        let stream = frame.stream;
        match ending {
            _ if told && ready => {
                self.events.push_back(CoreEvent::Ready { stream, ready: Ready::default() });
            }
            _ if told => {}
            Ending::Abort(abort) => {
                self.events.push_back(CoreEvent::Abort { stream, abort, ready });
            }
            Ending::End(deferred) => {
                self.events.push_back(CoreEvent::End { stream, ready, deferred });
            }
        }
    }

    pub(super) fn on_ready(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        if stream.ready {
            self.shared.counters.second_readies += 1;
            return Ok(());
        }
        if !stream.complete && !stream.detached {
            return Err(frame.bad_order("before the end of its response"));
        }
        let ready = frame.message()?;
        stream.ready = true;
        if stream.is_dead() {
            self.shared.streams.remove(&frame.stream);
        }
        self.events.push_back(CoreEvent::Ready { stream: frame.stream, ready });
        Ok(())
    }

    pub(super) fn on_deferred(&mut self, frame: &Frame) -> Result<(), Error> {
        let Deferred { deferred } = frame.message()?;
        if deferred.len() > DEFERRED_MAX {
            return Err(frame.bad_payload("a label that is too long"));
        }
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        if !stream.complete || stream.ready {
            return Err(frame.bad_order("although no deferred work goes on"));
        }
        self.events.push_back(CoreEvent::Deferred { stream: frame.stream, deferred });
        Ok(())
    }

    pub(super) fn on_detach(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        if stream.complete || stream.detached {
            return Err(frame.bad_order("after its end, or again"));
        }
        stream.detached = true;
        self.events.push_back(CoreEvent::Detach { stream: frame.stream });
        Ok(())
    }

    pub(super) fn on_bounce(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        if stream.is_started() {
            return Err(frame.bad_order("after an answer to it"));
        }
        self.shared.streams.remove(&frame.stream);
        self.events.push_back(CoreEvent::Bounce { stream: frame.stream });
        Ok(())
    }

    /// The flags of a frame that may end the response, and what follows from them.
    fn flags(&mut self, frame: &Frame) -> Result<(bool, bool), Error> {
        if frame.flags.has(Flags::END) {
            return Ok((true, self.complete(frame)));
        }
        if frame.flags.has(Flags::READY) {
            return Err(frame.bad_order("with READY but without END"));
        }
        Ok((false, false))
    }

    /// The response is complete. Whether the slot became free with it.
    fn complete(&mut self, frame: &Frame) -> bool {
        let Some(stream) = self.shared.streams.get_mut(&frame.stream) else { return false };
        stream.incoming.phase = Phase::Ended;
        stream.complete = true;
        let says_ready = frame.flags.has(Flags::READY);
        if says_ready && stream.ready {
            self.shared.counters.second_readies += 1;
            self.shared.streams.remove(&frame.stream);
            return false;
        }
        stream.ready |= says_ready;
        if stream.is_dead() {
            self.shared.streams.remove(&frame.stream);
        }
        says_ready
    }

    /// A frame that is dropped, but for what its flags say.
    fn finish_unwanted(&mut self, frame: &Frame) -> Result<(), Error> {
        let ended = self.shared.streams.get(&frame.stream).is_some_and(|stream| stream.complete);
        if ended {
            return Err(frame.bad_order("after its end"));
        }
        if frame.flags.has(Flags::END) {
            self.finish(frame, Ending::End(String::new()));
            return Ok(());
        }
        self.flags(frame).map(|_| ())
    }

    /// A head that is too large breaks its response and nothing else.
    fn spoil(&mut self, frame: &Frame) -> Result<(), Error> {
        let (end, ready) = self.flags(frame)?;
        if !end {
            self.cancel(frame.stream, reason::UNSPECIFIED);
            if let Some(stream) = self.shared.streams.get_mut(&frame.stream) {
                stream.spoiled = true;
            }
        }
        let (kind, length) = (frame.kind.name(), frame.payload.len());
        let detail = format!("head_too_large: {kind} of {length} bytes, limit {HEAD_MAX}");
        let reason = reason::INVALID_RESPONSE;
        let abort = Abort { reason, detail, ..Abort::default() };
        self.events.push_back(CoreEvent::Abort { stream: frame.stream, abort, ready });
        Ok(())
    }
}

/// What arrives for the link.
impl CoreLink {
    pub(super) fn on_oob_request(&mut self, frame: &Frame) -> Result<(), Error> {
        if self.role.state == State::Greeted {
            return Err(frame.bad_order("before WELCOME"));
        }
        let request: OobRequest = frame.message()?;
        frame.oob_kind(&request.kind)?;
        if request.reason.len() > OOB_REASON_MAX {
            return Err(frame.bad_payload("a reason that is too long"));
        }
        self.events.push_back(CoreEvent::OobRequest(request));
        Ok(())
    }

    pub(super) fn on_oob_withdraw(&mut self, frame: &Frame) -> Result<(), Error> {
        if self.role.state == State::Greeted {
            return Err(frame.bad_order("before WELCOME"));
        }
        let OobWithdraw { kind } = frame.message()?;
        frame.oob_kind(&kind)?;
        self.events.push_back(CoreEvent::OobWithdraw { kind });
        Ok(())
    }

    pub(super) fn on_oob_done(&mut self, frame: &Frame) -> Result<(), Error> {
        let done: OobDone = frame.message()?;
        if self.role.out.take().is_none_or(|kind| kind != done.kind) {
            return Err(frame.bad_order("that answers no OOB_START"));
        }
        self.events.push_back(CoreEvent::OobDone(done));
        Ok(())
    }

    pub(super) fn on_pong(&mut self, frame: &Frame) -> Result<(), Error> {
        let Pong { highest, mut unready, host_age_ms } = frame.message()?;
        if self.role.ping.take() != Some(highest) {
            return Err(frame.bad_order("that answers no PING"));
        }
        unready.sort_unstable();
        let streams = &mut self.shared.streams;
        for &stream in &unready {
            if stream > highest || streams.get(&stream).is_none_or(|held| held.ready) {
                return Err(Error::StillRunning { stream });
            }
        }
        let mut lost: Vec<u64> = streams
            .iter()
            .filter(|&(id, held)| {
                *id <= highest && !held.ready && unready.binary_search(id).is_err()
            })
            .map(|(&id, _)| id)
            .collect();
        lost.sort_unstable();
        for id in &lost {
            streams.remove(id);
        }
        self.shared.counters.reconciled += lost.len() as u64;
        self.events.push_back(CoreEvent::Pong { host_age_ms, lost });
        Ok(())
    }

    pub(super) fn on_goodbye(&mut self, frame: &Frame) -> Result<(), Error> {
        if self.role.state != State::Draining {
            return Err(frame.bad_order("without DRAIN before it"));
        }
        let Goodbye { last } = frame.message()?;
        if last > self.shared.highest || !last.is_multiple_of(2) {
            return Err(Error::BadStream { kind: frame.kind.name(), stream: last });
        }
        self.role.state = State::Leaving;
        let above = self.shared.streams.iter().filter(|&(&id, _)| id > last);
        if above.clone().any(|(_, stream)| stream.is_started()) {
            return Err(frame.bad_order("below a stream that was started"));
        }
        let mut unstarted: Vec<u64> = above.map(|(&id, _)| id).collect();
        unstarted.sort_unstable();
        for id in &unstarted {
            self.shared.streams.remove(id);
        }
        self.events.push_back(CoreEvent::Goodbye { unstarted });
        Ok(())
    }
}
