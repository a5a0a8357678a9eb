//! What a link tells its owner.
//!
//! What travels as flags of a frame stays in its event: a small response is two events.

use bytes::Bytes;

use crate::message::{
    Abort, Hello, OobDone, OobRequest, OobStart, Ready, Reject, Request, Response, Trailers,
    Welcome,
};

/// What the core learns from a process. `end`: the response is complete with this event.
/// `ready`: the slot is free as well, no [`CoreEvent::Ready`] follows.
#[derive(Debug, Clone, PartialEq)]
pub enum CoreEvent {
    /// The first frame. Answer with `welcome` or `reject`.
    Hello(Box<Hello>),
    /// A head. Below status 200 it is informational, and another one follows.
    Response {
        /// The stream.
        stream: u64,
        /// Status and headers.
        head: Response,
        /// The response is complete.
        end: bool,
        /// The slot is free.
        ready: bool,
    },
    /// A piece of body; give it back by `consumed`. Never empty.
    Body {
        /// The stream.
        stream: u64,
        /// A slice of what was received: it keeps the whole read buffer alive.
        data: Bytes,
        /// The response is complete.
        end: bool,
        /// The slot is free.
        ready: bool,
    },
    /// Trailers.
    Trailers {
        /// The stream.
        stream: u64,
        /// The trailers.
        trailers: Trailers,
        /// The response is complete.
        end: bool,
        /// The slot is free.
        ready: bool,
    },
    /// The response is complete.
    End {
        /// The stream.
        stream: u64,
        /// The slot is free.
        ready: bool,
        /// What goes on in the slot; often empty.
        deferred: String,
    },
    /// What goes on in the slot after the response has this name now.
    Deferred {
        /// The stream.
        stream: u64,
        /// The name.
        deferred: String,
    },
    /// The response ends here and is broken. Also made up by the link for a head that is too
    /// large; the app is then told by CANCEL.
    Abort {
        /// The stream.
        stream: u64,
        /// Why.
        abort: Abort,
        /// The slot is free.
        ready: bool,
    },
    /// The slot is free.
    Ready {
        /// The stream.
        stream: u64,
        /// How its deferred work went.
        ready: Ready,
    },
    /// The slot is given back early; READY follows, and the stream lives on.
    Detach {
        /// The stream.
        stream: u64,
    },
    /// The app never saw this request; the slot is idle again and the stream is gone.
    Bounce {
        /// The stream.
        stream: u64,
    },
    /// There was no capacity for the request's body, now there is.
    Writable {
        /// The stream.
        stream: u64,
    },
    /// The process asks to be taken out of band. One that asks again for the same kind before it
    /// was taken out is told again.
    OobRequest(OobRequest),
    /// It no longer asks for this kind; it may be out for it already.
    OobWithdraw {
        /// What for.
        kind: String,
    },
    /// What `oob_start` began has ended.
    OobDone(OobDone),
    /// The process lives.
    Pong {
        /// Milliseconds since its host gave a sign of life.
        host_age_ms: u64,
        /// Streams that only the core held: they are gone. The owner takes their slots as idle
        /// and their unfinished responses as failed.
        lost: Vec<u64>,
    },
    /// The process would like to be drained.
    DrainWanted {
        /// Why, see `wire.md`.
        reason: u32,
    },
    /// The answer to DRAIN.
    Goodbye {
        /// Streams whose request was never given to the app. They are gone.
        unstarted: Vec<u64>,
    },
}

impl CoreEvent {
    /// The stream that it is about, if it is about one.
    #[must_use]
    pub const fn stream(&self) -> Option<u64> {
        match self {
            Self::Response { stream, .. }
            | Self::Body { stream, .. }
            | Self::Trailers { stream, .. }
            | Self::End { stream, .. }
            | Self::Deferred { stream, .. }
            | Self::Abort { stream, .. }
            | Self::Ready { stream, .. }
            | Self::Detach { stream }
            | Self::Bounce { stream }
            | Self::Writable { stream } => Some(*stream),
            Self::Hello(_)
            | Self::OobRequest(_)
            | Self::OobWithdraw { .. }
            | Self::OobDone(_)
            | Self::Pong { .. }
            | Self::DrainWanted { .. }
            | Self::Goodbye { .. } => None,
        }
    }
}

/// What a process learns from the core.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all events are requests: a box would be one allocation for each"
)]
pub enum ProcessEvent {
    /// The link is open.
    Welcome(Box<Welcome>),
    /// The core will not have us; it closes the link.
    Reject(Box<Reject>),
    /// A request for an idle slot.
    Request {
        /// The stream.
        stream: u64,
        /// The head.
        head: Request,
        /// It has no body.
        end: bool,
    },
    /// A piece of the request's body; give it back by `consumed`. Never empty.
    Body {
        /// The stream.
        stream: u64,
        /// A slice of what was received: it keeps the whole read buffer alive.
        data: Bytes,
        /// It was the last piece.
        end: bool,
    },
    /// What follows the request's body.
    Trailers {
        /// The stream.
        stream: u64,
        /// The trailers.
        trailers: Trailers,
        /// Nothing follows.
        end: bool,
    },
    /// The request is complete.
    End {
        /// The stream.
        stream: u64,
    },
    /// Nobody wants the response any more; after its end: deferred work should end.
    Cancel {
        /// The stream.
        stream: u64,
        /// Why, see `wire.md`.
        reason: u32,
    },
    /// There was no capacity for the response's body, now there is.
    Writable {
        /// The stream.
        stream: u64,
    },
    /// What runs the stream takes too long, or somebody wants to see what the process does.
    Interrupt {
        /// The stream; 0: the whole process, only to dump.
        stream: u64,
        /// One of [`crate::message::interrupt`].
        action: u32,
    },
    /// No request comes until `oob_done` answers this.
    OobStart(OobStart),
    /// No request follows. Answer with `goodbye`.
    Drain {
        /// Why, see `wire.md`.
        reason: u32,
    },
}

/// What a link saw and dropped since it opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Frames for streams that were over: they may have been on their way.
    pub dead_frames: u64,
    /// READY for a slot that was ready.
    pub second_readies: u64,
    /// Frames of unknown kinds that were marked OPTIONAL, and INTERRUPT with an unknown action.
    pub skipped_frames: u64,
    /// Streams that only the core held when PONG came.
    pub reconciled: u64,
}
