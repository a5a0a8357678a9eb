//! Sleeping until an exact moment.
//!
//! The runtime's own timers tick in milliseconds, and a thread's sleep is rounded by the kernel's
//! timer slack (50 us). A timerfd has neither, and it wakes the same loop
//! that reads answers, so that one thread is enough.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// A timer of the kernel, for one sleeper.
pub(crate) struct Timer {
    descriptor: AsyncFd<OwnedFd>,
}

impl Timer {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor =
            timerfd_create(TimerfdClockId::Monotonic, flags).context("failed to create a timer")?;
        // SAFETY: an OwnedFd is open, and the same, for as long as it lives.
        let descriptor = unsafe { AsyncFd::register(descriptor) };
        Ok(Self { descriptor: descriptor.map_err(std::io::Error::from)? })
    }

    /// Returns at `moment`, or at once when that has passed.
    pub(crate) async fn sleep_until(&mut self, moment: Instant) -> anyhow::Result<()> {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let once = Itimerspec { it_interval: timespec(Duration::ZERO)?, it_value: timespec(left)? };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &once)
            .context("failed to set a timer")?;
        loop {
            let mut guard = self.descriptor.readable().await?;
            let mut expirations = [0; 8];
            match guard.try_io(|descriptor| Ok(rustix::io::read(descriptor, &mut expirations)?)) {
                Ok(result) => return result.map(drop).context("failed to read a timer"),
                Err(_would_block) => {}
            }
        }
    }
}

fn timespec(span: Duration) -> anyhow::Result<Timespec> {
    Ok(Timespec { tv_sec: i64::try_from(span.as_secs())?, tv_nsec: i64::from(span.subsec_nanos()) })
}
