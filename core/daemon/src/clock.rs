//! The core's clock: what the engine is told, and what people read.
//!
//! One monotonic start and one wall-clock start are taken together, so that every time in a
//! status reply or log line comes from the same reading.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use maitred_engine::time::Time;

/// Reads [`Time`] since the core started.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    start_unix: Duration,
    /// `start`, by the kernel's own count.
    start_us: u64,
}

impl Clock {
    /// The core starts now.
    #[must_use]
    pub fn start() -> Self {
        let start_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let kernel = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let start_us = kernel.tv_sec as u64 * 1_000_000 + kernel.tv_nsec as u64 / 1_000;
        Self { start: Instant::now(), start_unix, start_us }
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Time {
        Time(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// `time` by `CLOCK_MONOTONIC`, in microseconds: what other processes of this machine read.
    #[must_use]
    pub fn monotonic_us(&self, time: Time) -> u64 {
        self.start_us + time.0 / 1_000
    }

    /// `time` as microseconds since 1970 (UTC).
    #[must_use]
    pub fn unix_us(&self, time: Time) -> u64 {
        let unix = self.start_unix + Duration::from_nanos(time.0);
        u64::try_from(unix.as_micros()).unwrap_or(u64::MAX)
    }

    /// The moment of `time`, for a timer of the runtime.
    #[must_use]
    pub fn instant(&self, time: Time) -> Instant {
        self.start + Duration::from_nanos(time.0)
    }
}
