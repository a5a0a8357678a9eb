//! The public side: clients over HTTP/1.1.
//!
//! hyper reads and writes the protocol. What is here turns a request into an
//! [`Exchange`](crate::exchange::Exchange), waits for its answer and tells the driver the three
//! things that only this side knows: a request may be dispatched, its client left, its last byte
//! was accepted by the kernel.

pub mod accept;
pub mod conn;
pub mod forwarded;
pub mod head;
pub mod noted;
pub mod refuse;
pub mod serve;
mod stall;
pub mod sweep;
