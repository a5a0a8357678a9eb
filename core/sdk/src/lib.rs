//! The Rust under the SDKs: what an app process needs to take requests from the core.
//!
//! Three languages say the same things to the core, so they say them through one piece of code.
//! A [`Session`] is one link: its socket, its slots, a minder thread and a guard against forks.
//! A host language adds its own idiom on top: how a request looks, what ends a response.
//!
//! ```text
//!   slot threads ──next()──▶ ┌─────────┐     one of them reads the socket (the leader),
//!   ◀──Request────────────── │ Session │     the others sleep; when all are busy,
//!   ──respond(), push()────▶ │         │     the minder reads
//!   ──finish(), ready()────▶ └────┬────┘
//!                                 │ one Unix socket
//!                                core
//! ```

mod error;
mod fork;
mod merge;
mod minder;
mod session;

pub use self::error::{ConnectError, Error};
pub use self::merge::MergeRule;
pub use self::session::{
    Body, Connect, Ending, Hold, Interrupt, Interruption, OobOutcome, OobWish, Pushed, Request,
    Session, parse_token,
};

/// The messages and heads that sessions take and give.
pub use maitred_proto::message;
