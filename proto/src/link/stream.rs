//! One request and its response, as one end of the link sees them.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::error::Error;
use crate::frame::{Kind, WINDOW};
use crate::message::{Abort, Ready};

/// Where one direction of a stream stands: what was last said in it.
///
/// ```text
///  request     REQUEST            TRAILERS
///           ───────────▶ Body ───────────────▶ Tail
///                        │ ▲                    │
///                   BODY ╰─╯                    │
///                        │                      │
///                        ╰──────── END ─────────┴──▶ Ended
///
///  response    RESPONSE           TRAILERS
///      Head ───────────▶ Body ───────────────▶ Tail
///      │ ▲               │ ▲                    │
///      ╰─╯ 1xx      BODY ╰─╯                    │
///      │                 │                      │
///      ╰───── ABORT ─────┴──── END, ABORT ──────┴──▶ Ended ── READY ──▶ dead
///
///  before any answer:  Head ── BOUNCE, GOODBYE below it, or PONG without it ──▶ dead
///  DETACH, before Ended: READY may come at once; dead when both it and Ended have been.
///  CANCEL, before Ended: Head ── END ──▶ Ended is allowed too.
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Head,
    Body,
    Tail,
    Ended,
}

impl Phase {
    /// Completes "RESPONSE for stream 2 ...".
    const fn when(self) -> &'static str {
        match self {
            Self::Head => "before the head of the response",
            Self::Body => "after the head",
            Self::Tail => "after the trailers",
            Self::Ended => "after its end",
        }
    }

    /// What `kind` makes of this phase, if it may come now.
    pub(crate) fn after(self, kind: Kind, stream: u64) -> Result<Self, Error> {
        match (kind, self) {
            (Kind::Response, Self::Head) | (Kind::Body, Self::Body) => Ok(Self::Body),
            (Kind::Trailers, Self::Body) => Ok(Self::Tail),
            (Kind::End, Self::Body | Self::Tail) => Ok(Self::Ended),
            (Kind::Abort, Self::Head | Self::Body | Self::Tail) => Ok(Self::Ended),
            _ => Err(Error::BadOrder { kind: kind.name(), stream, when: self.when() }),
        }
    }
}

/// The direction that we receive.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) phase: Phase,
    /// Body bytes that the other side may still send.
    left: u32,
    /// Body bytes that were taken and not yet returned.
    taken: u32,
}

impl Incoming {
    fn new(phase: Phase) -> Self {
        Self { phase, left: WINDOW, taken: 0 }
    }

    /// Body arrived. Its length is that of a payload, so it fits.
    pub(crate) fn arrived(&mut self, stream: u64, length: usize) -> Result<(), Error> {
        let length = length as u32;
        self.left = self.left.checked_sub(length).ok_or_else(|| Error::WindowExceeded {
            kind: Kind::Body.name(),
            stream,
            by: length.saturating_sub(self.left),
        })?;
        Ok(())
    }

    /// Our side took body. From half of the window on it is worth a frame: the increment.
    pub(crate) fn taken(&mut self, n: usize) -> Option<u32> {
        let out = WINDOW - self.left - self.taken;
        assert!(n <= out as usize, "{n} body bytes consumed of {out} that arrived");
        self.taken += n as u32;
        if self.taken < WINDOW / 2 {
            return None;
        }
        self.left += self.taken;
        Some(std::mem::take(&mut self.taken))
    }
}

/// The direction that we send.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// After what was handed in, which may not be on the wire yet.
    pub(crate) phase: Phase,
    /// Body bytes that may still be handed in.
    pub(crate) credit: u32,
    /// What waits for its turn. Boxed: most streams never wait.
    pub(crate) held: Option<Box<Held>>,
    /// The stream stands in the round of turns.
    pub(crate) in_turns: bool,
}

/// What waits for its turn, in this order.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) body: VecDeque<Bytes>,
    /// Encoded.
    pub(crate) trailers: Option<Bytes>,
    pub(crate) ending: Option<Ending>,
    pub(crate) ready: Option<Ready>,
}

#[derive(Debug)]
pub(crate) enum Ending {
    End,
    Abort(Abort),
}

/// One open stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: Outgoing,
    /// Core: where its REQUEST begins in what we send.
    pub(crate) begins_at: u64,
    /// A RESPONSE was seen (or sent), be it informational.
    pub(crate) answered: bool,
    /// The response's end crossed the wire here.
    pub(crate) complete: bool,
    /// READY crossed the wire here.
    pub(crate) ready: bool,
    pub(crate) detached: bool,
    pub(crate) cancelled: bool,
    /// Process: the name of what goes on after the response.
    pub(crate) deferred: Option<Box<str>>,
    /// Core: the head was too large; the owner was told that the response is broken.
    pub(crate) spoiled: bool,
}

impl Stream {
    /// As the core sees it, which sends the request.
    pub(crate) fn of_core(begins_at: u64, end: bool) -> Self {
        Self::new(Phase::Head, if end { Phase::Ended } else { Phase::Body }, begins_at)
    }

    /// As the process sees it, which sends the response.
    pub(crate) fn of_process(end: bool) -> Self {
        Self::new(if end { Phase::Ended } else { Phase::Body }, Phase::Head, 0)
    }

    fn new(incoming: Phase, outgoing: Phase, begins_at: u64) -> Self {
        Self {
            incoming: Incoming::new(incoming),
            outgoing: Outgoing { phase: outgoing, credit: WINDOW, held: None, in_turns: false },
            begins_at,
            answered: false,
            complete: false,
            ready: false,
            detached: false,
            cancelled: false,
            deferred: None,
            spoiled: false,
        }
    }

    /// Both its response and its slot are done with.
    pub(crate) const fn is_dead(&self) -> bool {
        self.complete && self.ready
    }

    /// The app gave a sign of having seen the request.
    pub(crate) const fn is_started(&self) -> bool {
        self.answered || self.complete || self.detached || self.ready
    }

    /// Body bytes that may be handed in now.
    pub(crate) fn capacity(&self) -> usize {
        if self.cancelled || self.outgoing.phase != Phase::Body {
            return 0;
        }
        self.outgoing.credit as usize
    }
}
