//! Why a process ended, for people.

use maitred_engine::event::ExitStatus;

use super::ExitFacts;

const SIGKILL: i32 = 9;

/// One line, without a full stop.
pub(super) fn reason(exit: &ExitFacts) -> String {
    let own = exit.status.map(own_words);
    match (&exit.blame, own) {
        (None, Some(_)) if exit.out_of_memory => "killed, out of memory".to_owned(),
        (None, Some(own)) => own,
        (None, None) => "could not be started".to_owned(),
        // The kill was the core's and the blame says why; a clean exit adds nothing either.
        (Some(blame), None) => blame.clone(),
        (Some(blame), Some(own)) => match exit.status {
            Some(ExitStatus::Signal(SIGKILL) | ExitStatus::Code(0)) => blame.clone(),
            _ => format!("{blame} ({own})"),
        },
    }
}

fn own_words(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("exited with code {code}"),
        ExitStatus::Signal(signal) => match signal_name(signal) {
            Some(name) => format!("signal {signal} ({name})"),
            None => format!("signal {signal}"),
        },
    }
}

/// The names of signals that end a process, as Linux numbers them on all common machines.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        SIGKILL => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}
