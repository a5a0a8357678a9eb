//! What a new process does between fork and exec.
//!
//! An app process must never outlive the core, whatever kills the core, and must start with the
//! signals of a fresh program, whatever started the core.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

/// Signals whose inherited "ignored" would harm an app: a program that ignores SIGCHLD cannot
/// wait for its own children, and one that ignores SIGTERM has to be killed. Those that are
/// *caught* by the core become default by exec itself, and the standard library resets the mask
/// and SIGPIPE. HUP and INT stay as they are: `nohup` and a shell's `&` mean the whole tree.
const RESET: [Signal; 5] = [Signal::CHILD, Signal::TERM, Signal::QUIT, Signal::USR1, Signal::USR2];

/// Added to the score that an app process inherits, in thousandths of the memory: 100, more than
/// the core ever takes, and less than what an operator sets to mark a process as the first to go.
const OUT_OF_MEMORY_BIAS: i32 = 100;

/// The highest score that the kernel takes.
const OUT_OF_MEMORY_SCORE_MAX: i32 = 1000;

/// `SIG_DFL` of the C library.
const DEFAULT_ACTION: usize = 0;

// SAFETY: the C library that the standard library links has this function with this signature.
unsafe extern "C" {
    /// `signal(3)`; there is no safe one in the standard library or in rustix.
    fn signal(number: i32, action: usize) -> usize;
}

/// Makes `command` start a process that gets SIGTERM when the *thread* that spawns it ends, and
/// default signal actions. Spawn it from a thread that never ends.
pub fn follow_parent(command: &mut Command) {
    let parent = getpid();
    // SAFETY: `prepare` makes only system calls that are safe after fork (prctl, getppid,
    // sigaction), allocates nothing and takes no lock.
    unsafe { command.pre_exec(move || prepare(parent)) };
}

/// Makes the kernel prefer the process `pid` to the core when memory runs out: one of several app
/// processes is replaced in seconds, the core would take all of them along.
pub fn prefer_when_out_of_memory(pid: u32) {
    let file = format!("/proc/{pid}/oom_score_adj");
    let inherited = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
    let score: i32 = inherited.unwrap_or(0) + OUT_OF_MEMORY_BIAS;
    // Only a preference: without it everything works.
    let _ = std::fs::write(&file, score.min(OUT_OF_MEMORY_SCORE_MAX).to_string());
}

fn prepare(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // The parent may have died before the line above: then nobody would ever send the signal.
    if getppid() != Some(parent) {
        return Err(io::Error::from_raw_os_error(rustix::io::Errno::SRCH.raw_os_error()));
    }
    for number in RESET {
        // SAFETY: setting a default action runs no code of ours; the numbers are valid.
        unsafe { signal(number.as_raw(), DEFAULT_ACTION) };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use maitred_engine::event::ExitStatus;

    use super::*;
    use crate::os::pidfd::Pidfd;

    #[tokio::test]
    async fn a_child_ends_with_the_thread_that_started_it() {
        let spawner = thread::spawn(|| {
            let mut command = Command::new("sleep");
            command.arg("60");
            follow_parent(&mut command);
            Pidfd::open(command.spawn().unwrap().id()).unwrap()
        });
        let child = spawner.join().unwrap();
        assert_eq!(child.exited().await.unwrap(), ExitStatus::Signal(Signal::TERM.as_raw()));
    }

    #[test]
    fn a_child_ignores_none_of_the_signals_that_an_app_needs() {
        let mut command = Command::new("grep");
        command.args(["SigIgn:", "/proc/self/status"]);
        follow_parent(&mut command);
        let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let ignored = u64::from_str_radix(out.trim().rsplit('\t').next().unwrap(), 16).unwrap();
        for signal in RESET {
            assert_eq!(ignored >> (signal.as_raw() - 1) & 1, 0, "{signal:?}");
        }
    }
}
