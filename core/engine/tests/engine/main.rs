//! The engine, seen from outside: stories told to it, and the transcripts of what it decided.

mod absurd;
mod admit;
mod check;
mod class;
mod dispatch;
mod drain;
mod early;
mod finish;
mod lease;
mod oob;
mod overload;
mod per_process;
mod picture;
mod process;
mod queue;
mod retry;
mod rules;
mod scale;
mod script;
mod standing;
mod words;
