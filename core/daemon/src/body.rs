//! Bodies: memory first, then disk, then back-pressure.
//!
//! A slow client never holds a slot and a slow upload never takes one, because the core holds the
//! bodies. What it may hold is bounded for the whole core by a [`Budget`](budget::Budget).

pub mod budget;
pub mod buffer;
pub mod client;
pub mod pump;
pub mod response;
pub mod spool;
pub mod upload;
