//! What a process makes of the core's frames.

use super::{ProcessLink, State};
use crate::error::Error;
use crate::frame::{EARLY_MAX, Flags, Kind};
use crate::link::event::ProcessEvent;
use crate::link::incoming::Frame;
use crate::link::stream::{Phase, Stream};
use crate::message::{
    Cancel, Drain, End, Interrupt, OobStart, Ping, Pong, Trailers, Welcome, Window, capability,
    decode_request, interrupt, reason,
};
use crate::version::SPOKEN;

impl ProcessLink {
    pub(super) fn on_frame(&mut self, frame: &Frame) -> Result<(), Error> {
        let opening = matches!(frame.kind, Kind::Welcome | Kind::Reject);
        let open = matches!(self.role.state, State::Open | State::Draining | State::Leaving);
        match (opening, open) {
            (true, _) if self.role.state != State::Waiting => {
                return Err(frame.bad_order("that nobody waits for"));
            }
            (false, false) => return Err(frame.bad_order("on a link that is not open")),
            _ => {}
        }
        match frame.kind {
            Kind::Welcome => self.on_welcome(frame),
            Kind::Reject => {
                self.role.state = State::Rejected;
                self.events.push_back(ProcessEvent::Reject(Box::new(frame.message()?)));
                Ok(())
            }
            Kind::Request => self.on_request(frame),
            Kind::Body => self.on_body(frame),
            Kind::Trailers => self.on_trailers(frame),
            Kind::End => self.on_end(frame),
            Kind::Cancel => self.on_cancel(frame),
            Kind::Window => {
                let Window { increment } = frame.message()?;
                if self.shared.window(frame.stream, increment)? {
                    self.events.push_back(ProcessEvent::Writable { stream: frame.stream });
                }
                Ok(())
            }
            Kind::Ping => self.on_ping(frame),
            Kind::Drain => self.on_drain(frame),
            Kind::Interrupt => self.on_interrupt(frame),
            Kind::OobStart => self.on_oob_start(frame),
            Kind::Hello
            | Kind::Response
            | Kind::Abort
            | Kind::Ready
            | Kind::Deferred
            | Kind::Detach
            | Kind::OobRequest
            | Kind::OobWithdraw
            | Kind::OobDone
            | Kind::Pong
            | Kind::Goodbye
            | Kind::Bounce => Err(Error::WrongDirection { kind: frame.kind.name() }),
        }
    }

    fn on_welcome(&mut self, frame: &Frame) -> Result<(), Error> {
        let welcome: Welcome = frame.message()?;
        if !(SPOKEN.min..=SPOKEN.max).contains(&welcome.version) {
            return Err(frame.bad_payload("a version that was not offered"));
        }
        self.role.state = State::Open;
        self.role.takes_early = welcome.capabilities.iter().any(|it| it == capability::EARLY);
        self.events.push_back(ProcessEvent::Welcome(Box::new(welcome)));
        Ok(())
    }

    fn on_request(&mut self, frame: &Frame) -> Result<(), Error> {
        if self.role.state != State::Open {
            return Err(frame.bad_order("after DRAIN"));
        }
        if frame.stream <= self.shared.highest {
            return Err(Error::BadStream { kind: frame.kind.name(), stream: frame.stream });
        }
        if self.role.out.is_some() {
            return Err(frame.bad_order("to a process that is out of band"));
        }
        let head = frame.read(decode_request)?;
        frame.paired(&head.headers)?;
        // Some may be sent ahead of the slots that they wait for.
        let may_be_ahead = self.role.takes_early && head.early_at_us > 0;
        let ahead = if may_be_ahead { EARLY_MAX } else { 0 };
        if self.shared.unready >= self.role.slots + ahead {
            return Err(frame.bad_order("while no slot is ready"));
        }
        let (stream, end) = (frame.stream, frame.flags.has(Flags::END));
        self.shared.highest = stream;
        self.shared.unready += 1;
        self.shared.streams.insert(stream, Stream::of_process(end));
        self.events.push_back(ProcessEvent::Request { stream, head, end });
        Ok(())
    }

    fn on_body(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        stream.incoming.phase.after(frame.kind, frame.stream)?;
        stream.incoming.arrived(frame.stream, frame.payload.len())?;
        let end = frame.flags.has(Flags::END);
        if end {
            stream.incoming.phase = Phase::Ended;
        }
        let (stream, data) = (frame.stream, frame.payload.clone());
        if !data.is_empty() {
            self.events.push_back(ProcessEvent::Body { stream, data, end });
        } else if end {
            self.events.push_back(ProcessEvent::End { stream });
        }
        Ok(())
    }

    fn on_trailers(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        let phase = stream.incoming.phase.after(frame.kind, frame.stream)?;
        let trailers: Trailers = frame.message()?;
        frame.paired(&trailers.headers)?;
        let end = frame.flags.has(Flags::END);
        stream.incoming.phase = if end { Phase::Ended } else { phase };
        let stream = frame.stream;
        self.events.push_back(ProcessEvent::Trailers { stream, trailers, end });
        Ok(())
    }

    fn on_end(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        stream.incoming.phase = stream.incoming.phase.after(frame.kind, frame.stream)?;
        let End { .. } = frame.message()?;
        self.events.push_back(ProcessEvent::End { stream: frame.stream });
        Ok(())
    }

    fn on_cancel(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(stream) = self.shared.lookup(frame.kind, frame.stream)? else { return Ok(()) };
        if stream.cancelled {
            return Err(frame.bad_order("after another one"));
        }
        let Cancel { reason: why } = frame.message()?;
        stream.cancelled = true;
        // The core sends nothing more of this stream.
        stream.incoming.phase = Phase::Ended;
        if let Some(held) = &mut stream.outgoing.held {
            held.body.clear();
            held.trailers = None;
        }
        let ended = stream.outgoing.phase == Phase::Ended;
        self.shared.unhold(frame.stream);
        // An owner that has said everything has nothing left to stop, but for deferred work, which
        // no client waits for.
        let open = self.shared.streams.contains_key(&frame.stream);
        let goes_on = open && why != reason::CLIENT_GONE;
        if !ended || goes_on {
            self.events.push_back(ProcessEvent::Cancel { stream: frame.stream, reason: why });
        }
        Ok(())
    }

    /// PONG tells the truth about what is in front of it: it goes in at once, behind every READY
    /// that was said, before every one that will be.
    fn on_ping(&mut self, frame: &Frame) -> Result<(), Error> {
        if self.role.pong_ends_at > self.shared.out.transmitted_in_all() {
            return Err(frame.bad_order("before the last one was answered"));
        }
        let Ping { highest } = frame.message()?;
        if highest > self.shared.highest {
            return Err(Error::BadStream { kind: frame.kind.name(), stream: highest });
        }
        let mut unready: Vec<u64> = self
            .shared
            .streams
            .iter()
            .filter(|&(&id, stream)| id <= highest && !stream.ready)
            .map(|(&id, _)| id)
            .collect();
        unready.sort_unstable();
        let pong = Pong { highest, unready, host_age_ms: self.role.host_age_ms };
        self.shared.out.message(Kind::Pong, Flags::NONE, 0, &pong);
        self.role.pong_ends_at = self.shared.out.position();
        Ok(())
    }

    fn on_interrupt(&mut self, frame: &Frame) -> Result<(), Error> {
        let Interrupt { action } = frame.message()?;
        match (frame.stream, action) {
            (_, interrupt::DUMP) => {}
            (0, interrupt::RAISE) => {
                return Err(Error::BadStream { kind: frame.kind.name(), stream: 0 });
            }
            (_, interrupt::RAISE) => {}
            // What a newer core may want is no more than a wish.
            _ => {
                self.shared.counters.skipped_frames += 1;
                return Ok(());
            }
        }
        if frame.stream != 0 && self.shared.lookup(frame.kind, frame.stream)?.is_none() {
            return Ok(());
        }
        self.events.push_back(ProcessEvent::Interrupt { stream: frame.stream, action });
        Ok(())
    }

    fn on_oob_start(&mut self, frame: &Frame) -> Result<(), Error> {
        if self.role.state != State::Open || self.role.out.is_some() {
            return Err(frame.bad_order("after DRAIN or another one"));
        }
        if self.shared.unready > 0 {
            return Err(frame.bad_order("while a slot is not ready"));
        }
        let start: OobStart = frame.message()?;
        frame.oob_kind(&start.kind)?;
        self.role.out = Some(start.kind.clone());
        self.events.push_back(ProcessEvent::OobStart(start));
        Ok(())
    }

    fn on_drain(&mut self, frame: &Frame) -> Result<(), Error> {
        if self.role.state != State::Open {
            return Err(frame.bad_order("after another one"));
        }
        let Drain { reason } = frame.message()?;
        self.role.state = State::Draining;
        self.events.push_back(ProcessEvent::Drain { reason });
        Ok(())
    }
}
