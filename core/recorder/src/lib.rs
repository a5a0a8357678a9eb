//! The flight recorder: the latest inputs of a running engine, replayable bit for bit (rule R11).
//!
//! When a core misbehaves, what matters has happened already. So a core keeps what its engine was
//! told lately, at a cost that nobody notices, and writes it down when asked or when it breaks.
//! The engine decides by nothing else, so the file shows every decision again, on any machine.
//!
//! [`Recorder`] is filled beside the engine, [`Recording`] reads what it wrote and replays it.
//! There is no I/O in here. Inputs and states carry no header values, bodies or tokens, and so
//! neither does a recording.
//!
//! # The file
//!
//! Integers of fixed width are little endian; `postcard` is that crate's encoding.
//!
//! ```text
//! file     = "maitred\n" format:u16 length:u8 version-of-the-core:utf8
//!            format-of-states:u32 count:u8 segment{count}
//! segment  = state-length:u64 entries-length:u64 crc32-of-what-follows:u32 state entry*
//! state    = the time of the one before the first entry: postcard(Time), then postcard(Engine)
//! entry    = nanoseconds since the one before: postcard(u64), then postcard(Input), then sum
//! sum      = count of its outputs: postcard(u32), then, if any, digest:u64
//! ```
//!
//! The digest of an entry (made as in `digest.rs`) goes over each output, and goes on from
//! that of the entry before: one wrong output shows in all that follow, also in the next segment.
//! The very last entry may have no sum: then the engine was at it when the recording was taken, or
//! broke over it.

mod digest;
mod read;
mod replay;
mod sum;
mod write;

pub use read::{Entry, ReadError, Recording, Segment};
pub use replay::{Divergence, Replay, Step, Verdict};
pub use sum::Sum;
pub use write::{Recorder, Tape};

/// The format of the file. It rises with every change of what is written above.
pub const FORMAT: u16 = 2;

/// What a file begins with.
const MAGIC: &[u8; 8] = b"maitred\n";
