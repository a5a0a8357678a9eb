//! The messages of the link, and the fast way to write and read the two that every request needs.
//!
//! The structs are generated from `maitred/link/link.proto`. Decoding slices what was received;
//! encoding a head takes borrowed parts, so that neither side builds a struct just to send it.

mod head;
mod read;

use bytes::Bytes;

pub use self::generated::*;
pub use self::head::{RequestHead, ResponseHead, encode_request, encode_response};
pub use self::read::{decode_request, decode_response};

mod generated {
    include!("gen/maitred.link.rs");
}

/// Headers travel as name, value, name, value: this walks them in pairs.
pub fn pairs(headers: &[Bytes]) -> impl ExactSizeIterator<Item = (&Bytes, &Bytes)> + Clone {
    headers.chunks_exact(2).map(|pair| (&pair[0], &pair[1]))
}

/// Optional parts of the protocol, named in HELLO and WELCOME (`wire.md`, section 5).
pub mod capability {
    /// One request may be sent ahead of the slot that it waits for.
    pub const EARLY: &str = "early";
}

/// Why something is broken off, as a number on the wire (`wire.md`, "Reasons").
pub mod reason {
    /// Any: not told.
    pub const UNSPECIFIED: u32 = 0;
    /// CANCEL: the client left.
    pub const CLIENT_GONE: u32 = 1;
    /// CANCEL, DRAIN: a lease ran out.
    pub const DEADLINE: u32 = 2;
    /// CANCEL, DRAIN: the core is leaving.
    pub const SHUTDOWN: u32 = 3;
    /// DRAIN: another process takes over.
    pub const REPLACED: u32 = 4;
    /// ABORT: the app raised an error.
    pub const APP_ERROR: u32 = 5;
    /// ABORT: the app's response was not valid.
    pub const INVALID_RESPONSE: u32 = 6;
    /// ABORT: the answer to CANCEL.
    pub const CANCELLED: u32 = 7;
    /// DRAIN from a process: a signal told it to leave.
    pub const SIGNAL: u32 = 8;
}

/// What INTERRUPT asks for (`wire.md`, "Interruption").
pub mod interrupt {
    /// The stacks of all threads go to stderr.
    pub const DUMP: u32 = 1;
    /// An exception is raised in what runs the stream.
    pub const RAISE: u32 = 2;
}

/// Who wanted out-of-band work (`wire.md`, "Out-of-band work").
pub mod requested_by {
    /// The app, by OOB_REQUEST.
    pub const APP: u32 = 1;
    /// An operator.
    pub const OPERATOR: u32 = 2;
    /// The app, by a header of a response.
    pub const HEADER: u32 = 3;
}

/// How out-of-band work ended (`wire.md`, "Out-of-band work").
pub mod outcome {
    /// The handler returned.
    pub const DONE: u32 = 1;
    /// The handler raised an error.
    pub const FAILED: u32 = 2;
    /// The app has no handler for this kind.
    pub const NO_HANDLER: u32 = 3;
}

#[cfg(test)]
mod tests;
