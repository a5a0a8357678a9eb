//! A process as a file descriptor: its end is seen at once, and no signal hits a stranger.
//!
//! A pid may be given to another process as soon as the old one was waited for; a pidfd never is.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use maitred_engine::event::ExitStatus;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};
use rustix::time::Timespec;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A child process that has not been waited for, or whose end is known.
#[derive(Debug)]
pub struct Pidfd(OwnedFd);

impl Pidfd {
    /// The child `pid`, which nobody has waited for yet.
    ///
    /// # Errors
    /// No such process, or no descriptors left.
    pub fn open(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self(pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// Sends `signal`. A process that is already gone is fine.
    ///
    /// # Errors
    /// It runs as another user by now.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.0, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            other => Ok(other?),
        }
    }

    /// The exit status, if it has ended: then it is waited for, and this may not be asked again.
    ///
    /// # Errors
    /// It is not our child, or was already waited for.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let Some(status) = waitid(WaitId::PidFd(self.0.as_fd()), options)? else {
            return Ok(None);
        };
        let by_signal = || ExitStatus::Signal(status.terminating_signal().unwrap_or_default());
        Ok(Some(status.exit_status().map_or_else(by_signal, ExitStatus::Code)))
    }

    /// It ends within this time; that is waited for, but its status is not taken. For short
    /// helpers, where no runtime is at hand.
    ///
    /// # Errors
    /// No memory left.
    pub fn ends_within(&self, at_most: Duration) -> io::Result<bool> {
        let until = Instant::now() + at_most;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&left)) {
                Ok(ready) => return Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until it has ended. Must run on a tokio runtime with I/O. Once only.
    ///
    /// # Errors
    /// As [`Self::try_wait`], and when the runtime has no descriptors left.
    pub async fn exited(&self) -> io::Result<ExitStatus> {
        // SAFETY: the descriptor is owned by `self`, which is borrowed for longer than `watched`
        // lives, and a BorrowedFd always names the same one.
        let watched =
            unsafe { AsyncFd::register_with_interest(self.0.as_fd(), Interest::READABLE) }?;
        loop {
            let mut ready = watched.readable().await?;
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            ready.clear_ready();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[expect(clippy::zombie_processes, reason = "the pidfd waits for it")]
    fn start(script: &str) -> Pidfd {
        let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        Pidfd::open(child.id()).unwrap()
    }

    #[tokio::test]
    async fn an_exit_code_is_told() {
        assert_eq!(start("exit 3").exited().await.unwrap(), ExitStatus::Code(3));
    }

    #[test]
    fn a_wait_has_an_end() {
        let process = start("exec sleep 60");
        assert!(!process.ends_within(Duration::from_millis(1)).unwrap());
        process.signal(Signal::KILL).unwrap();
        assert!(process.ends_within(Duration::from_secs(30)).unwrap());
        assert_eq!(process.try_wait().unwrap(), Some(ExitStatus::Signal(9)));
    }

    #[tokio::test]
    async fn a_deadly_signal_is_told() {
        let process = start("exec sleep 60");
        assert_eq!(process.try_wait().unwrap(), None);
        process.signal(Signal::KILL).unwrap();
        assert_eq!(process.exited().await.unwrap(), ExitStatus::Signal(9));
        process.signal(Signal::TERM).unwrap();
    }
}
