//! App processes: which program, started how, with what around it, and what it says.
//!
//! When to start and stop one is the engine's decision; nothing here decides that.

pub mod environment;
pub mod output;
pub mod resolve;
pub mod spawn;
