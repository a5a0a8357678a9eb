//! What the engine knows of a request that has no outcome yet.
//!
//! The record ends with the outcome (rule R4). The slot that runs it may go on without it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{Times, Traits};
use crate::id::{PoolId, ProcessId, SlotId};
use crate::queue::Waiting;
use crate::time::Time;

/// A request without an outcome.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) pool: PoolId,
    pub(crate) traits: Traits,
    pub(crate) arrived: Time,
    /// Time in the queue so far, without the stay that is going on.
    pub(crate) wait: Duration,
    pub(crate) dispatched: Time,
    /// The final head of its response arrived: it can no longer be retried.
    pub(crate) started: bool,
    pub(crate) attempts: u32,
    /// Crashes while it was alone in the process: these are its own.
    pub(crate) crashes: u32,
    /// Crashes that it was present at.
    pub(crate) suspicions: u32,
    pub(crate) place: Place,
}

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// In the queue, or with the suspects if it is one.
    Waiting { since: Time },
    /// In this slot, its response not complete.
    Running(SlotId),
    /// In this process without a slot, its response not complete.
    Detached(ProcessId),
    /// Complete; the client does not have all of it yet.
    Delivering { since: Time, service: Duration },
}

impl Request {
    pub(crate) fn new(pool: PoolId, traits: Traits, now: Time) -> Self {
        Self {
            pool,
            traits,
            arrived: now,
            wait: Duration::ZERO,
            dispatched: now,
            started: false,
            attempts: 0,
            crashes: 0,
            suspicions: 0,
            place: Place::Waiting { since: now },
        }
    }

    /// Whether a process died with it: from then on it runs alone.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspicions > 0
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.place, Place::Waiting { .. })
    }

    pub(crate) fn waiting(&self, request: crate::id::RequestId, entered: Time) -> Waiting {
        Waiting { request, class: self.traits.class, arrived: self.arrived, entered }
    }

    /// How long its steps took, if it ended now.
    pub(crate) fn times(&self, now: Time, delivered: bool) -> Times {
        let mut times = Times { wait: self.wait, attempts: self.attempts, ..Times::default() };
        match self.place {
            Place::Waiting { since } => times.wait += now.since(since),
            Place::Running(_) | Place::Detached(_) => {}
            Place::Delivering { since, service } => {
                times.service = Some(service);
                times.delivery = delivered.then(|| now.since(since));
            }
        }
        times
    }
}
