//! The core's end of a link.

mod receive;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::event::{CoreEvent, Counters};
use super::incoming::{Frame, next_frame};
use super::shared::Shared;
use super::stream::{Phase, Stream};
use crate::error::{Error, HeadTooLarge};
use crate::frame::{Flags, Kind, Side};
use crate::message::{Cancel, Drain, Ping, Reject, Trailers, Welcome, Window};

/// Where the link as a whole stands.
///
/// ```text
///   New ──HELLO──▶ Greeted ──welcome()──▶ Open ──drain()──▶ Draining ──GOODBYE──▶ Leaving
///                     ╰──reject()──▶ Rejected
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Greeted,
    Rejected,
    Open,
    Draining,
    Leaving,
}

/// The core's end of a link to one process.
#[derive(Debug)]
pub struct CoreLink {
    shared: Shared,
    state: State,
    events: VecDeque<CoreEvent>,
    /// What the PING said that was not answered yet.
    ping: Option<u64>,
}

impl Default for CoreLink {
    fn default() -> Self {
        Self::new()
    }
}

impl CoreLink {
    /// A link that was just accepted.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Shared::new(Side::Core),
            state: State::New,
            events: VecDeque::new(),
            ping: None,
        }
    }

    /// Takes all whole frames out of `buf` and leaves the begin of the next one. Events may have
    /// been queued before an error.
    ///
    /// # Errors
    ///
    /// The process broke the protocol: the link is over, and says so again when asked again.
    pub fn receive(&mut self, buf: &mut BytesMut) -> Result<(), Error> {
        if let Some(error) = &self.shared.broken {
            return Err(error.clone());
        }
        let result = self.receive_frames(buf);
        if let Err(error) = &result {
            self.shared.broken = Some(error.clone());
        }
        result
    }

    fn receive_frames(&mut self, buf: &mut BytesMut) -> Result<(), Error> {
        if let (State::New, Some(&kind)) = (self.state, buf.get(4))
            && kind != Kind::Hello as u8
        {
            return Err(Error::HelloExpected { kind });
        }
        while let Some(frame) = next_frame(buf, Side::Process, &mut self.shared.counters)? {
            self.on_frame(&frame)?;
        }
        Ok(())
    }

    /// The next thing that the process said.
    pub fn poll_event(&mut self) -> Option<CoreEvent> {
        self.events.pop_front()
    }

    /// The bytes to write next; empty: nothing to write.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.shared.out.unsent()
    }

    /// The kernel accepted `n` bytes of [`Self::transmit`].
    pub fn transmitted(&mut self, n: usize) {
        self.shared.out.transmitted(n);
        self.shared.refill();
    }

    /// Whether there is anything to write.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        self.shared.out.len() > 0
    }

    /// Bytes of the request's body that may be handed in now.
    #[must_use]
    pub fn capacity(&self, stream: u64) -> usize {
        self.shared.capacity(stream)
    }

    /// The client took `n` bytes of the response's body.
    pub fn consumed(&mut self, stream: u64, n: usize) {
        self.shared.consumed(stream, n);
    }

    /// What was seen and dropped.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Streams that are not over.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.shared.streams.len()
    }

    /// Accepts the process.
    ///
    /// # Panics
    ///
    /// Unless HELLO was the last thing that happened.
    pub fn welcome(&mut self, welcome: &Welcome) {
        assert!(self.state == State::Greeted, "welcome in state {:?}", self.state);
        self.state = State::Open;
        self.shared.out.message(Kind::Welcome, Flags::NONE, 0, welcome);
    }

    /// Refuses the process: write what is left, then close.
    pub fn reject(&mut self, reject: &Reject) {
        self.state = State::Rejected;
        self.shared.out.message(Kind::Reject, Flags::NONE, 0, reject);
    }

    /// Opens a stream: `write` appends the encoded `Request`. `end`: it has no body.
    ///
    /// # Errors
    ///
    /// [`HeadTooLarge`]: nothing was sent.
    ///
    /// # Panics
    ///
    /// Unless the link is open: no REQUEST comes before WELCOME or after DRAIN.
    pub fn request(
        &mut self,
        end: bool,
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<u64, HeadTooLarge> {
        assert!(self.state == State::Open, "a request in state {:?}", self.state);
        let stream = self.shared.highest + 2;
        let begins_at = self.shared.out.position();
        self.shared.out.head(Kind::Request, Flags::of(end, false), stream, write)?;
        self.shared.highest = stream;
        self.shared.streams.insert(stream, Stream::of_core(begins_at, end));
        Ok(stream)
    }

    /// Hands in a piece of the request's body. Ignored once nobody there wants it.
    ///
    /// # Panics
    ///
    /// When it is longer than [`Self::capacity`] of a stream that takes body.
    pub fn body(&mut self, stream: u64, data: Bytes, end: bool) {
        self.shared.body(stream, data, end, false);
    }

    /// Ends the request with trailers.
    ///
    /// # Errors
    ///
    /// [`HeadTooLarge`]: nothing was said.
    pub fn trailers(&mut self, stream: u64, trailers: &Trailers) -> Result<(), HeadTooLarge> {
        let trailers = super::outgoing::encode_trailers(trailers)?;
        self.shared.trailers(stream, trailers, true, false);
        Ok(())
    }

    /// Ends the request.
    pub fn end(&mut self, stream: u64) {
        self.shared.end(stream, false);
    }

    /// Tells the app that nobody wants the response any more. Heads and bodies of this stream
    /// are dropped from now on; its end and its READY are still told.
    pub fn cancel(&mut self, stream: u64, reason: u32) {
        let Some(state) = self.shared.streams.get_mut(&stream) else { return };
        if state.cancelled || state.complete {
            return;
        }
        state.cancelled = true;
        state.outgoing.phase = Phase::Ended;
        state.outgoing.held = None;
        self.shared.out.message(Kind::Cancel, Flags::NONE, stream, &Cancel { reason });
    }

    /// Asks what the process still holds. False: the last question was not answered yet, and
    /// none is asked.
    pub fn ping(&mut self) -> bool {
        if self.ping.is_some() {
            return false;
        }
        let highest = self.shared.highest;
        self.ping = Some(highest);
        self.shared.out.message(Kind::Ping, Flags::NONE, 0, &Ping { highest });
        true
    }

    /// Says that no request follows. Once; later calls are ignored.
    pub fn drain(&mut self, reason: u32) {
        if self.state == State::Open {
            self.state = State::Draining;
            self.shared.out.message(Kind::Drain, Flags::NONE, 0, &Drain { reason });
        }
    }

    /// Open streams none of whose REQUEST was taken by the kernel, in order.
    pub fn unstarted(&self) -> impl Iterator<Item = u64> + use<> {
        let sent = self.shared.out.transmitted_in_all();
        let mut ids: Vec<u64> = self
            .shared
            .streams
            .iter()
            .filter(|(_, stream)| stream.begins_at >= sent)
            .map(|(&id, _)| id)
            .collect();
        ids.sort_unstable();
        ids.into_iter()
    }

    fn on_frame(&mut self, frame: &Frame) -> Result<(), Error> {
        match frame.kind {
            Kind::Hello if self.state != State::New => Err(frame.bad_order("after another one")),
            Kind::Hello => {
                self.events.push_back(CoreEvent::Hello(Box::new(frame.message()?)));
                self.state = State::Greeted;
                Ok(())
            }
            Kind::Drain => {
                let reason = frame.message::<Drain>()?.reason;
                self.events.push_back(CoreEvent::DrainWanted { reason });
                Ok(())
            }
            Kind::Pong => self.on_pong(frame),
            Kind::Goodbye => self.on_goodbye(frame),
            Kind::Response => self.on_response(frame),
            Kind::Body => self.on_body(frame),
            Kind::Trailers => self.on_trailers(frame),
            Kind::End => self.on_end(frame, None),
            Kind::Abort => self.on_end(frame, Some(frame.message()?)),
            Kind::Ready => self.on_ready(frame),
            Kind::Detach => self.on_detach(frame),
            Kind::Bounce => self.on_bounce(frame),
            Kind::Window => {
                let Window { increment } = frame.message()?;
                if self.shared.window(frame.stream, increment)? {
                    self.events.push_back(CoreEvent::Writable { stream: frame.stream });
                }
                Ok(())
            }
            Kind::Welcome | Kind::Reject | Kind::Request | Kind::Cancel | Kind::Ping => {
                Err(Error::WrongDirection { kind: frame.kind.name() })
            }
        }
    }
}
