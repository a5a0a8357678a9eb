//! One unit of concurrency of a process.
//!
//! ```text
//!   Idle ──dispatch──▶ Running ──response complete, aborted or detached──▶ Deferred
//!    ▲                   │ finished, bounced, reconciled                      │
//!    └───────────────────┴──────────────────── ready, reconciled ◀────────────┘
//! ```
//! A slot keeps the number of its request although that may have had its outcome long ago (its
//! client left): only the app, or the death of the process, ends the occupancy (rule R1).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::RequestId;
use crate::snapshot::SlotPicture;
use crate::time::Time;

/// What a slot is doing, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Slot {
    Idle { since: Time },
    Running { request: RequestId, since: Time },
    Deferred { request: RequestId, since: Time, service: Duration },
}

impl Slot {
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle { .. })
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    pub(crate) fn picture(&self, withdrawn: Option<Withdrawal>) -> SlotPicture {
        match *self {
            Self::Running { request, .. } => SlotPicture::Running(request),
            Self::Deferred { request, .. } => SlotPicture::Deferred(request),
            Self::Idle { .. } => match withdrawn {
                None => SlotPicture::Idle,
                Some(Withdrawal::OutOfBand) => SlotPicture::OutOfBand,
                Some(Withdrawal::Other) => SlotPicture::Withdrawn,
            },
        }
    }
}

/// Why a free slot gets no request. Each has its own account of slot time (rule R2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withdrawal {
    /// Its process is quiescing for out-of-band work, or out.
    OutOfBand,
    /// Its process is isolated, drained or gone.
    Other,
}

/// Slot time spent in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SlotTimes {
    pub(crate) running: Duration,
    pub(crate) deferred: Duration,
    pub(crate) idle: Duration,
    pub(crate) withdrawn: Duration,
    pub(crate) out_of_band: Duration,
}

impl SlotTimes {
    /// Adds what a slot has spent in its present state.
    pub(crate) fn add(&mut self, slot: Slot, now: Time, withdrawn: Option<Withdrawal>) {
        let (sum, since) = match slot {
            Slot::Running { since, .. } => (&mut self.running, since),
            Slot::Deferred { since, .. } => (&mut self.deferred, since),
            Slot::Idle { since } => match withdrawn {
                None => (&mut self.idle, since),
                Some(Withdrawal::OutOfBand) => (&mut self.out_of_band, since),
                Some(Withdrawal::Other) => (&mut self.withdrawn, since),
            },
        };
        *sum += now.since(since);
    }
}
