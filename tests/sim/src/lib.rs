//! Seeded worlds around the real engine and the real links, and a shadow that checks the rules.
//!
//! The engine decides and the link speaks; both are deterministic. So a whole world of clients,
//! sockets and processes can be played in memory with virtual time: faster than life, in orders
//! of events that life would take years to find, and again, bit for bit, from its seed.

mod core_end;
mod lie;
mod plan;
mod process;
mod random;
mod shadow;
mod transcript;
mod wire;
mod world;

pub mod coverage;
pub mod mutant;
pub mod replay;
pub mod rule;
pub mod run;

pub use transcript::Transcript;
pub use world::World;
