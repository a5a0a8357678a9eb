//! The app process's end of a link.

mod receive;

use bytes::Bytes;

use super::either::{Link, Role};
use super::event::ProcessEvent;
use super::incoming::Frame;
use super::outgoing::encode_trailers;
use super::stream::Phase;
use crate::error::{Error, HeadTooLarge};
use crate::frame::{DEFERRED_MAX, Flags, Kind, OOB_REASON_MAX, Side, is_oob_kind};
use crate::message::{
    Abort, Deferred, Drain, Goodbye, Hello, OobDone, OobRequest, OobWithdraw, Ready, ResponseHead,
    Trailers, encode_response,
};

/// Where the link as a whole stands.
///
/// ```text
///   New ──hello()──▶ Waiting ──WELCOME──▶ Open ──DRAIN──▶ Draining ──goodbye()──▶ Leaving
///                       ╰──REJECT──▶ Rejected
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Waiting,
    Rejected,
    Open,
    Draining,
    Leaving,
}

/// What only the process's end knows.
#[derive(Debug)]
pub struct Process {
    state: State,
    /// As offered by HELLO.
    slots: u32,
    /// Both sides know the capability.
    takes_early: bool,
    host_age_ms: u64,
    /// Where the last PONG ends in what we send.
    pong_ends_at: u64,
    wished: bool,
    /// Out of band, for this kind of work.
    out: Option<String>,
}

impl Default for Process {
    fn default() -> Self {
        Self {
            state: State::New,
            slots: 0,
            takes_early: false,
            host_age_ms: 0,
            pong_ends_at: 0,
            wished: false,
            out: None,
        }
    }
}

impl Role for Process {
    type Event = ProcessEvent;
    const SIDE: Side = Side::Process;
    const PEER: Side = Side::Core;

    fn on_frame(link: &mut ProcessLink, frame: &Frame) -> Result<(), Error> {
        link.on_frame(frame)
    }
}

/// The app process's end of a link to the core. PING is answered while frames are received.
pub type ProcessLink = Link<Process>;

impl ProcessLink {
    /// Whether the stream is open and CANCEL came for it.
    #[must_use]
    pub fn is_cancelled(&self, stream: u64) -> bool {
        self.shared.streams.get(&stream).is_some_and(|stream| stream.cancelled)
    }

    /// Milliseconds since the host's own code gave a sign of life: what the next PONG tells.
    pub const fn set_host_age_ms(&mut self, age: u64) {
        self.role.host_age_ms = age;
    }

    /// Says what this process is: the app is loaded, all slots are ready.
    ///
    /// # Panics
    ///
    /// When it was said before.
    pub fn hello(&mut self, hello: &Hello) {
        assert!(self.role.state == State::New, "hello in state {:?}", self.role.state);
        self.role.state = State::Waiting;
        self.role.slots = hello.slots;
        self.shared.out.message(Kind::Hello, Flags::NONE, 0, hello);
    }

    /// Sends a head; below status 200 another one follows. Ignored once nobody wants it, but for
    /// `end` and `ready`.
    ///
    /// # Errors
    ///
    /// [`HeadTooLarge`]: nothing was said, another head (or an abort) may follow.
    ///
    /// # Panics
    ///
    /// When the final head was sent before, or with `ready` but not `end`.
    pub fn respond<'a, H>(
        &mut self,
        stream: u64,
        head: ResponseHead<H>,
        end: bool,
        ready: bool,
    ) -> Result<(), HeadTooLarge>
    where
        H: Iterator<Item = (&'a [u8], &'a [u8])>,
    {
        let Some(state) = self.shared.streams.get_mut(&stream) else { return Ok(()) };
        if state.cancelled {
            if end {
                self.shared.end(stream, ready);
            }
            return Ok(());
        }
        assert!(state.outgoing.phase == Phase::Head, "a second head for stream {stream}");
        assert!(end || !ready, "ready before the end of stream {stream}");
        let (status, last) = (head.status, end && head.status >= 200);
        let named = last && !ready && state.deferred.is_some();
        let flags = Flags::of(last && !named, last && ready);
        self.shared.out.head(Kind::Response, flags, stream, |out| encode_response(out, head))?;
        state.answered = true;
        if status >= 200 {
            state.outgoing.phase = if end { Phase::Ended } else { Phase::Body };
        }
        if named && let Some(deferred) = self.shared.take_deferred(stream) {
            self.shared.put_named_end(stream, deferred);
        } else if last {
            self.shared.on_wire(stream, true, ready);
        }
        Ok(())
    }

    /// Hands in a piece of the response's body. Dropped once nobody wants it, but for `end` and
    /// `ready`.
    ///
    /// # Panics
    ///
    /// When it is longer than [`Self::capacity`] of a stream whose response is wanted.
    pub fn body(&mut self, stream: u64, data: Bytes, end: bool, ready: bool) {
        assert!(end || !ready, "ready before the end of stream {stream}");
        self.shared.body(stream, data, end, ready);
    }

    /// Sends trailers after the body.
    ///
    /// # Errors
    ///
    /// [`HeadTooLarge`]: nothing was said.
    ///
    /// # Panics
    ///
    /// When the response is not in its body, or with `ready` but not `end`.
    pub fn trailers(
        &mut self,
        stream: u64,
        trailers: &Trailers,
        end: bool,
        ready: bool,
    ) -> Result<(), HeadTooLarge> {
        assert!(end || !ready, "ready before the end of stream {stream}");
        self.shared.trailers(stream, encode_trailers(trailers)?, end, ready);
        Ok(())
    }

    /// Names the work that will go on after the response, or that does. It is told with the end of
    /// the response unless the slot is ready with it, and by a frame of its own afterwards; it is
    /// cut to [`DEFERRED_MAX`] bytes. The last name counts. True: there is a frame to write.
    pub fn defer(&mut self, stream: u64, name: &str) -> bool {
        let Some(state) = self.shared.streams.get_mut(&stream) else { return false };
        let name = cut(name, DEFERRED_MAX);
        let late = state.complete && !state.ready;
        if late {
            let deferred = Deferred { deferred: name.to_owned() };
            // A core that does not know the kind does without the name.
            self.shared.out.message(Kind::Deferred, Flags::OPTIONAL, stream, &deferred);
        } else {
            state.deferred = (!name.is_empty()).then(|| name.into());
        }
        late
    }

    /// The response is complete; `ready`: the slot is free as well.
    ///
    /// # Panics
    ///
    /// When it was complete before, or has no head although somebody wants it.
    pub fn end(&mut self, stream: u64, ready: bool) {
        self.shared.end(stream, ready);
    }

    /// The response ends here and is broken.
    ///
    /// # Panics
    ///
    /// When it was complete before.
    pub fn abort(&mut self, stream: u64, abort: Abort, ready: bool) {
        self.shared.abort(stream, abort, ready);
    }

    /// The slot is free.
    ///
    /// # Panics
    ///
    /// When it was said before, or when neither the response is complete nor the slot detached.
    pub fn ready(&mut self, stream: u64, ready: Ready) {
        self.shared.ready(stream, ready);
    }

    /// Gives the slot back early: say `ready` next. The stream lives on.
    ///
    /// # Panics
    ///
    /// When the response is complete, or when it was said before.
    pub fn detach(&mut self, stream: u64) {
        let Some(state) = self.shared.streams.get_mut(&stream) else { return };
        let allowed = state.outgoing.phase != Phase::Ended && !state.detached;
        assert!(allowed, "detach of stream {stream}, which is complete or detached");
        state.detached = true;
        self.shared.out.frame(Kind::Detach, Flags::NONE, stream, &[]);
    }

    /// Returns a request that the app never saw; its slot is free.
    ///
    /// # Panics
    ///
    /// When it was answered in any way.
    pub fn bounce(&mut self, stream: u64) {
        let Some(state) = self.shared.streams.remove(&stream) else { return };
        let untouched = state.outgoing.phase == Phase::Head && !state.is_started();
        assert!(untouched, "bounce of stream {stream}, which was answered");
        self.shared.unready -= 1;
        self.shared.out.frame(Kind::Bounce, Flags::NONE, stream, &[]);
    }

    /// Asks to be taken out of band; the reason is cut to [`OOB_REASON_MAX`] bytes. False: nothing
    /// was said, because the link is not open or the process is on its way out.
    ///
    /// # Panics
    ///
    /// Unless the kind has 1 to [`OOB_KIND_MAX`] bytes.
    pub fn oob_request(&mut self, mut request: OobRequest) -> bool {
        assert!(is_oob_kind(&request.kind), "out-of-band work of kind {:?}", request.kind);
        if self.role.state != State::Open {
            return false;
        }
        request.reason.truncate(cut(&request.reason, OOB_REASON_MAX).len());
        self.shared.out.message(Kind::OobRequest, Flags::NONE, 0, &request);
        true
    }

    /// No longer asks for this kind. OOB_START for it may be on its way.
    ///
    /// # Panics
    ///
    /// Unless the kind has 1 to [`OOB_KIND_MAX`] bytes.
    pub fn oob_withdraw(&mut self, kind: &str) {
        assert!(is_oob_kind(kind), "out-of-band work of kind {kind:?}");
        if self.role.state == State::Open {
            let withdraw = OobWithdraw { kind: kind.to_owned() };
            self.shared.out.message(Kind::OobWithdraw, Flags::NONE, 0, &withdraw);
        }
    }

    /// Answers OOB_START: the process takes requests again.
    ///
    /// # Panics
    ///
    /// Unless the process is out of band.
    pub fn oob_done(&mut self, outcome: u32, duration_ms: u64) {
        let kind = self.role.out.take().expect("OOB_START came and was not answered");
        let done = OobDone { kind, outcome, duration_ms };
        self.shared.out.message(Kind::OobDone, Flags::NONE, 0, &done);
    }

    /// Whether OOB_START came and was not answered.
    #[must_use]
    pub const fn is_out(&self) -> bool {
        self.role.out.is_some()
    }

    /// Wishes to be drained, and goes on serving until the core agrees. Said once.
    pub fn drain_wanted(&mut self, reason: u32) {
        let connected = matches!(self.role.state, State::Waiting | State::Open);
        if connected && !self.role.wished {
            self.role.wished = true;
            self.shared.out.message(Kind::Drain, Flags::NONE, 0, &Drain { reason });
        }
    }

    /// Answers DRAIN: `last` is the last stream that was given to the app, 0 for none. Streams
    /// above it are gone.
    ///
    /// # Panics
    ///
    /// Unless DRAIN came and was not answered, or when a stream above `last` was answered.
    pub fn goodbye(&mut self, last: u64) {
        assert!(self.role.state == State::Draining, "goodbye in state {:?}", self.role.state);
        self.role.state = State::Leaving;
        let shared = &mut self.shared;
        let before = shared.streams.len();
        shared.streams.retain(|&id, stream| {
            let untouched = stream.outgoing.phase == Phase::Head && !stream.is_started();
            assert!(id <= last || untouched, "goodbye below stream {id}, which was answered");
            id <= last
        });
        shared.unready -= (before - shared.streams.len()) as u32;
        shared.out.message(Kind::Goodbye, Flags::NONE, 0, &Goodbye { last });
    }
}

/// As much of `text` as fits into `max` bytes.
fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
