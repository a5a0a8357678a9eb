//! The engine, seen from outside: stories told to it, and the transcripts of what it decided.

mod absurd;
mod admit;
mod dispatch;
mod drain;
mod finish;
mod oob;
mod process;
mod queue;
mod retry;
mod rules;
mod script;
