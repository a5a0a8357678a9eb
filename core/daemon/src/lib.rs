//! The part of maitred that does: sockets, processes, signals. Decisions are the engine's.
//!
//! The life of a request, by file: `http/accept` and `http/serve` read it, `body/upload` takes its
//! body in, `driver` asks the engine, `link` writes it to a process and reads the answer,
//! `driver/events` tells the engine about it, `body/response` gives it to the client.

pub mod access;
pub mod app;
pub mod body;
pub mod clock;
pub mod config;
pub mod driver;
pub mod exchange;
pub mod http;
pub mod instance;
pub mod link;
pub mod log;
pub mod os;
pub mod panics;
#[cfg(test)]
mod play;
pub mod process;
pub mod recipe;
pub mod recorder;
pub mod routes;
pub mod run;
pub mod status;
pub mod supervise;
pub mod vitals;
