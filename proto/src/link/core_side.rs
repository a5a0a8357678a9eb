//! The core's end of a link.

mod receive;

use bytes::{Bytes, BytesMut};

use super::either::{Link, Role};
use super::event::CoreEvent;
use super::incoming::Frame;
use super::outgoing::encode_trailers;
use super::stream::{Phase, Stream};
use crate::error::{Error, HeadTooLarge};
use crate::frame::{Flags, Kind, Side, is_oob_kind};
use crate::message::{
    Cancel, Drain, Interrupt, OobStart, Ping, Reject, Trailers, Welcome, Window, interrupt, reason,
};

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

/// What only the core's end knows.
#[derive(Debug)]
pub struct Core {
    state: State,
    /// What the PING said that was not answered yet.
    ping: Option<u64>,
    /// The process is out of band, for this kind of work.
    out: Option<String>,
}

impl Default for Core {
    fn default() -> Self {
        Self { state: State::New, ping: None, out: None }
    }
}

impl Role for Core {
    type Event = CoreEvent;
    const SIDE: Side = Side::Core;
    const PEER: Side = Side::Process;

    fn check_first(link: &CoreLink, kind: u8) -> Result<(), Error> {
        if link.role.state == State::New && kind != Kind::Hello as u8 {
            return Err(Error::HelloExpected { kind });
        }
        Ok(())
    }

    fn on_frame(link: &mut CoreLink, frame: &Frame) -> Result<(), Error> {
        link.on_frame(frame)
    }
}

/// The core's end of a link to one process.
pub type CoreLink = Link<Core>;

impl CoreLink {
    /// Accepts the process.
    ///
    /// # Panics
    ///
    /// Unless HELLO was the last thing that happened.
    pub fn welcome(&mut self, welcome: &Welcome) {
        assert!(self.role.state == State::Greeted, "welcome in state {:?}", self.role.state);
        self.role.state = State::Open;
        self.shared.out.message(Kind::Welcome, Flags::NONE, 0, welcome);
    }

    /// Refuses the process: write what is left, then close.
    pub fn reject(&mut self, reject: &Reject) {
        self.role.state = State::Rejected;
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
    /// Unless the link is open: no REQUEST comes before WELCOME, after DRAIN, or while the process
    /// is out of band.
    pub fn request(
        &mut self,
        end: bool,
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<u64, HeadTooLarge> {
        assert!(self.role.state == State::Open, "a request in state {:?}", self.role.state);
        assert!(self.role.out.is_none(), "a request to a process that is out of band");
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
        let trailers = encode_trailers(trailers)?;
        self.shared.trailers(stream, trailers, true, false);
        Ok(())
    }

    /// Ends the request.
    pub fn end(&mut self, stream: u64) {
        self.shared.end(stream, false);
    }

    /// Tells the app that nobody wants the response any more. Heads and bodies of this stream
    /// are dropped from now on; its end and its READY are still told. After the end it tells the
    /// deferred work to end: a client that leaves then is nothing to that.
    pub fn cancel(&mut self, stream: u64, why: u32) {
        let Some(state) = self.shared.streams.get_mut(&stream) else { return };
        if state.cancelled || (state.complete && why == reason::CLIENT_GONE) {
            return;
        }
        state.cancelled = true;
        state.outgoing.phase = Phase::Ended;
        state.outgoing.held = None;
        self.shared.out.message(Kind::Cancel, Flags::NONE, stream, &Cancel { reason: why });
    }

    /// Asks for the stacks of all threads, or for an exception in what runs the stream: one of
    /// [`crate::message::interrupt`]. False: nothing was said, because the stream is over.
    ///
    /// # Panics
    ///
    /// Unless the link was opened.
    pub fn interrupt(&mut self, stream: u64, action: u32) -> bool {
        let opened = matches!(self.role.state, State::Open | State::Draining | State::Leaving);
        assert!(opened, "an interrupt in state {:?}", self.role.state);
        assert!(stream != 0 || action == interrupt::DUMP, "an exception in no stream");
        if stream != 0 && !self.shared.streams.contains_key(&stream) {
            return false;
        }
        self.shared.out.message(Kind::Interrupt, Flags::NONE, stream, &Interrupt { action });
        true
    }

    /// Takes the process out of band: it gets no requests until it says that it is done.
    ///
    /// # Panics
    ///
    /// When the link is not open or the process is out already; when a slot is not ready; unless
    /// the kind has 1 to [`crate::frame::OOB_KIND_MAX`] bytes.
    pub fn oob_start(&mut self, start: &OobStart) {
        assert!(self.role.state == State::Open, "out of band in state {:?}", self.role.state);
        assert!(self.role.out.is_none(), "out of band twice");
        assert!(is_oob_kind(&start.kind), "out-of-band work of kind {:?}", start.kind);
        let ready = self.shared.streams.values().all(|stream| stream.ready);
        assert!(ready, "out of band while a slot is not ready");
        self.role.out = Some(start.kind.clone());
        self.shared.out.message(Kind::OobStart, Flags::NONE, 0, start);
    }

    /// Whether the process is out of band.
    #[must_use]
    pub const fn is_out(&self) -> bool {
        self.role.out.is_some()
    }

    /// Asks what the process still holds. False: the last question was not answered yet, and
    /// none is asked.
    pub fn ping(&mut self) -> bool {
        if self.role.ping.is_some() {
            return false;
        }
        let highest = self.shared.highest;
        self.role.ping = Some(highest);
        self.shared.out.message(Kind::Ping, Flags::NONE, 0, &Ping { highest });
        true
    }

    /// Says that no request follows. Once; later calls are ignored.
    pub fn drain(&mut self, reason: u32) {
        if self.role.state == State::Open {
            self.role.state = State::Draining;
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
            Kind::Hello if self.role.state != State::New => {
                Err(frame.bad_order("after another one"))
            }
            Kind::Hello => {
                self.events.push_back(CoreEvent::Hello(Box::new(frame.message()?)));
                self.role.state = State::Greeted;
                Ok(())
            }
            Kind::Drain => {
                let reason = frame.message::<Drain>()?.reason;
                self.events.push_back(CoreEvent::DrainWanted { reason });
                Ok(())
            }
            Kind::OobRequest => self.on_oob_request(frame),
            Kind::OobWithdraw => self.on_oob_withdraw(frame),
            Kind::OobDone => self.on_oob_done(frame),
            Kind::Pong => self.on_pong(frame),
            Kind::Goodbye => self.on_goodbye(frame),
            Kind::Response => self.on_response(frame),
            Kind::Body => self.on_body(frame),
            Kind::Trailers => self.on_trailers(frame),
            Kind::End | Kind::Abort => self.on_end(frame),
            Kind::Ready => self.on_ready(frame),
            Kind::Deferred => self.on_deferred(frame),
            Kind::Detach => self.on_detach(frame),
            Kind::Bounce => self.on_bounce(frame),
            Kind::Window => {
                let Window { increment } = frame.message()?;
                if self.shared.window(frame.stream, increment)? {
                    self.events.push_back(CoreEvent::Writable { stream: frame.stream });
                }
                Ok(())
            }
            Kind::Welcome
            | Kind::Reject
            | Kind::Request
            | Kind::Cancel
            | Kind::Interrupt
            | Kind::OobStart
            | Kind::Ping => Err(Error::WrongDirection { kind: frame.kind.name() }),
        }
    }
}
