//! How a link can go wrong, with the codes that `wire.md` promises to keep.
//!
//! The other side's mistakes are errors with a code; our own are assertions.

use crate::frame::{HEAD_MAX, PAYLOAD_MAX, SLOTS_MAX};
use crate::message::Reject;
use crate::version::VersionMismatch;

/// The other side broke the protocol: the link is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A payload longer than a frame may carry.
    #[error("a frame of {length} bytes, limit {PAYLOAD_MAX}")]
    FrameTooLong {
        /// What its header said.
        length: u32,
    },
    /// A kind that we do not know and may not skip.
    #[error("unknown frame kind {kind:#04x}")]
    UnknownKind {
        /// Its number.
        kind: u8,
    },
    /// A kind that only we may send.
    #[error("{kind} came from the wrong side")]
    WrongDirection {
        /// Its name.
        kind: &'static str,
    },
    /// A payload that is not the message of its kind.
    #[error("{kind} with a bad payload: {why}")]
    BadPayload {
        /// Its name.
        kind: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A stream number that the kind may not carry, or one that was never opened.
    #[error("{kind} for stream {stream}, which it may not name")]
    BadStream {
        /// Its name.
        kind: &'static str,
        /// The number that it carried.
        stream: u64,
    },
    /// A frame that the state of its stream or link does not allow.
    #[error("{kind} for stream {stream} {when}")]
    BadOrder {
        /// Its name.
        kind: &'static str,
        /// Its stream, 0 for the link.
        stream: u64,
        /// The state that it came in, fit to follow "REQUEST for stream 2".
        when: &'static str,
    },
    /// More body than was allowed, or more returned than was sent.
    #[error("{kind} for stream {stream} exceeds its window by {by} bytes")]
    WindowExceeded {
        /// BODY or WINDOW.
        kind: &'static str,
        /// The stream.
        stream: u64,
        /// Bytes too many.
        by: u32,
    },
    /// The first frame of a link was not HELLO.
    #[error("the first frame was {kind:#04x}, not HELLO")]
    HelloExpected {
        /// Its number.
        kind: u8,
    },
    /// A head longer than heads may be.
    #[error("{kind} of {length} bytes, limit {HEAD_MAX}")]
    HeadTooLarge {
        /// Its name.
        kind: &'static str,
        /// Its length.
        length: usize,
    },
    /// PONG named a stream that the core does not hold.
    #[error("the process still holds stream {stream}, which was ready")]
    StillRunning {
        /// The stream.
        stream: u64,
    },
}

impl Error {
    /// Stable; the table is in `wire.md`, section 8.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FrameTooLong { .. } => "frame_too_long",
            Self::UnknownKind { .. } => "unknown_kind",
            Self::WrongDirection { .. } => "wrong_direction",
            Self::BadPayload { .. } => "bad_payload",
            Self::BadStream { .. } => "bad_stream",
            Self::BadOrder { .. } => "bad_order",
            Self::WindowExceeded { .. } => "window_exceeded",
            Self::HelloExpected { .. } => "hello_expected",
            Self::HeadTooLarge { .. } => "head_too_large",
            Self::StillRunning { .. } => "still_running",
        }
    }
}

/// A head that we were asked to send does not fit: nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a head of {length} bytes, limit {HEAD_MAX}")]
pub struct HeadTooLarge {
    /// What it would have taken.
    pub length: usize,
}

/// Why the core refuses a HELLO.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no protocol version that both speak.
    #[error(transparent)]
    Version(#[from] VersionMismatch),
    /// The token is wrong, was used, or has expired.
    #[error("the token is not one that this core waits for: it is wrong, used or too late")]
    TokenUnknown,
    /// Another user connected.
    #[error("the process belongs to user {theirs}, the core to user {ours}")]
    UidMismatch {
        /// The peer's user id.
        theirs: u32,
        /// The core's user id.
        ours: u32,
    },
    /// It offers no slots, or absurdly many.
    #[error("{slots} slots offered; from 1 to {SLOTS_MAX} are possible")]
    Slots {
        /// What it offered.
        slots: u32,
    },
    /// It did not even say HELLO properly.
    #[error(transparent)]
    Protocol(#[from] Error),
}

impl Rejection {
    /// Stable; the table is in `wire.md`, section 8.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Version(_) => "version_unsupported",
            Self::TokenUnknown => "token_unknown",
            Self::UidMismatch { .. } => "uid_mismatch",
            Self::Slots { .. } => "no_slots",
            Self::Protocol(error) => error.code(),
        }
    }

    /// The frame that tells the process.
    #[must_use]
    pub fn to_reject(&self) -> Reject {
        Reject { code: self.code().to_owned(), message: self.to_string() }
    }
}
