//! What can go wrong between a host and its session.
//!
//! Every call returns one of these instead of panicking: a panic must never cross into a host
//! language, and a host must be able to tell its own mistakes from a client that left.

use std::io;
use std::path::PathBuf;

use maitred_proto::frame::{OOB_KIND_MAX, SLOTS_MAX};

/// Why a call about a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The process was forked after the link was made: the link belongs to the parent.
    #[error(
        "this process is a fork of the one that maitred serves: it has no link to the core \
         and must leave by an exit of its own"
    )]
    Forked,
    /// The client left, or the core gave up on the request: nobody wants the response.
    #[error("nobody waits for the response any more")]
    Cancelled,
    /// The link is closed: no response can be sent.
    #[error("the link to the core is closed")]
    Closed,
    /// The request is over, or it never was one of this session.
    #[error("request {stream} is over")]
    Over {
        /// The number of its stream.
        stream: u64,
    },
    /// The calls for one response came in an order that makes no response.
    #[error("{what}")]
    Order {
        /// What was wrong, as a sentence without a full stop.
        what: &'static str,
    },
    /// The status and headers do not fit what the link carries.
    #[error("the response's head has {length} bytes, the limit is {limit}")]
    HeadTooLarge {
        /// What it would have taken.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The kind of out-of-band work is empty or too long.
    #[error("the kind of out-of-band work has {length} bytes, it must have 1 to {OOB_KIND_MAX}")]
    OobKind {
        /// What it has.
        length: usize,
    },
    /// There is no such slot.
    #[error("slot {slot} of {slots}")]
    NoSlot {
        /// The number asked for, from 0.
        slot: usize,
        /// How many there are.
        slots: usize,
    },
}

/// Why no session came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The number of slots cannot be offered.
    #[error("{slots} slots: from 1 to {SLOTS_MAX} are possible")]
    Slots {
        /// What was asked for.
        slots: usize,
    },
    /// The token is not 32 hexadecimal digits.
    #[error("MAITRED_TOKEN is not 32 hexadecimal digits")]
    Token,
    /// The socket could not be reached.
    #[error("cannot connect to the core at {}: {source}", path.display())]
    Connect {
        /// The socket's path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The conversation broke off.
    #[error("the link to the core broke while it was opened: {0}")]
    Broken(#[from] io::Error),
    /// The core closed the link without a word.
    #[error("the core closed the link instead of welcoming this process")]
    Closed,
    /// The core broke the protocol.
    #[error("the core does not speak the link protocol: {} ({})", .0, .0.code())]
    Protocol(#[from] maitred_proto::error::Error),
    /// The core said no.
    #[error("the core rejected this process ({code}): {message}")]
    Rejected {
        /// Stable, see the error codes of the protocol.
        code: String,
        /// What to do about it.
        message: String,
    },
}
