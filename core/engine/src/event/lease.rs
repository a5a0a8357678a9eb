//! The words about leases: what a request says about its own, and what is done when one runs out.
//!
//! They are a file of their own because the other words have nothing to do with them.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// The ends of a request's leases, in milliseconds, where they are not those of its pool. Small,
/// because every request carries them. [`Deadlines::OFF`] is as good as never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Deadlines {
    /// In place of `leases.first_byte.max`.
    pub first_byte: Option<NonZeroU32>,
    /// In place of `leases.request.max`.
    pub request: Option<NonZeroU32>,
    /// In place of `leases.deferred.max`.
    pub deferred: Option<NonZeroU32>,
}

impl Deadlines {
    /// Those of the pool.
    pub const NONE: Self = Self { first_byte: None, request: None, deferred: None };
    /// No end: 49 days.
    pub const OFF: NonZeroU32 = NonZeroU32::MAX;
}

/// What is done about a slot that overstays its lease, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// It is said.
    Warn,
    /// The app is told, and a client that still waits gets its answer.
    Tell,
    /// An error is raised in it.
    Raise,
    /// The process is retired; [`Notice::Retired`] says so once.
    Retire,
}

/// What a process is asked to do about a slot that overstays its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Interrupt {
    /// Write the stacks of all its threads to its standard error.
    Dump,
    /// Raise an error in what the slot does.
    Raise,
}
