//! The part of maitred that decides.
//!
//! It is told what happened ([`event::Input`]) and answers with what to do ([`event::Output`]).
//! It has no I/O, clock, threads or randomness: the same inputs give the same outputs, so every
//! decision can be tested, recorded and replayed.
//!
//! The life of a request, step by step:
//!
//! | step | file | question | input | output |
//! |---|---|---|---|---|
//! | admit | `admit.rs` | May it wait at all? | `Arrived` | `Refuse` |
//! | queue | `queue.rs` | Whose turn is it? Who waited too long? | `Tick` | `Refuse` |
//! | dispatch | `dispatch.rs` | Which idle slot takes it? | all that free one | `Dispatch` |
//! | | `early.rs` | May it be sent ahead? | all that free one | `HandEarly`, `Taken` |
//! | finish | `finish.rs` | Which of its ends is reached? | `Ready`, `Delivered` | `Ended` |
//! | retry | `retry.rs` | Its process died: again, alone, never? | `LinkLost` | `Fail` |
//!
//! Which requests go before others is in [`class`], what happens when more comes than can be served
//! in `overload.rs`.
//!
//! Around them: `pool.rs` (what is known of a pool), `process.rs` and `slot.rs` (the one table
//! that every gauge is derived from), `scale.rs` (how many processes), `staff.rs` and `roll.rs`
//! (keeping them alive), `lease.rs` (what overstays), `drain.rs` (letting them go), `oob.rs` and
//! `withdraw.rs` (taking one away for a while), `check.rs` (what must always hold), [`snapshot`]
//! (the picture for operators).
//! [`Engine`] itself only routes.

mod admit;
mod check;
mod dispatch;
mod drain;
mod early;
mod engine;
mod finish;
mod lease;
mod oob;
mod overload;
mod pool;
mod process;
mod queue;
mod request;
mod retry;
mod roll;
mod scale;
mod slot;
mod staff;
mod withdraw;

pub mod class;
pub mod event;
pub mod id;
pub mod limits;
pub mod snapshot;
pub mod time;

pub use engine::{Engine, STATE_FORMAT};
