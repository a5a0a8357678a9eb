//! What may follow what on a link: a state machine without I/O, for both ends.
//!
//! [`CoreLink`] and [`ProcessLink`] are told which bytes arrived and what their owner wants to
//! say; they answer with events and with the bytes to write. Sockets, clocks and threads belong
//! to the owner, so that the daemon, the SDKs and the tests all run the same protocol.
//!
//! ```text
//!   bytes ──receive()──▶ ┌──────┐ ──poll_event()──▶ owner
//!                        │ link │
//!   bytes ◀─transmit()── └──────┘ ◀─request(), respond(), body(), end(), ready(), ...
//! ```
//!
//! The bytes to write are one sequence. Bodies that do not fit it wait in their streams and take
//! turns; everything else goes straight in.

mod core_side;
mod either;
mod event;
mod incoming;
mod out;
mod outgoing;
mod process_side;
mod shared;
mod stream;

pub use self::core_side::{Core, CoreLink};
pub use self::either::{Link, Role};
pub use self::event::{CoreEvent, Counters, ProcessEvent};
pub use self::incoming::Frame;
pub use self::process_side::{Process, ProcessLink};

#[cfg(test)]
mod tests;
