//! A panic in the core ends the core.
//!
//! By itself it would end one thread or task and let the others go on, with tables that a decision
//! was in the middle of, and with requests that nobody will ever answer. Whoever supervises the
//! core starts what has ended, not what goes on wrongly. So the panic is logged, what led to it is
//! written down, and the core ends at once; the processes of the app end with their links, as they
//! do when it is killed.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::process::{abort, exit};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::process::output::Sink;
use crate::recorder::{FlightRecorder, write_whole};

/// The core broke: the same code as for everything else that keeps it from serving.
const EXIT_BROKEN: i32 = 1;

/// How long the last words may take, after which the core is aborted. Default 10 s: the disk and
/// the reader of the log are given a chance, but clients that wait are not to wait for them.
const LAST_WORDS_MAX: Duration = Duration::from_secs(10);

/// How long each of our streams may take to write its last lines. Default 1 s, as at any end.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// What is needed to end well.
#[derive(Debug)]
pub struct LastWords {
    /// What led to it.
    pub recorder: FlightRecorder,
    /// Where that is written, the best place first.
    pub files: [PathBuf; 2],
    /// What else is still to be written.
    pub sinks: [Sink; 2],
}

/// From now on a panic in any thread ends this process.
pub fn end_the_core(last_words: LastWords) {
    let broken = AtomicBool::new(false);
    std::panic::set_hook(Box::new(move |panic| {
        if broken.swap(true, SeqCst) {
            // Another thread is ending all of us.
            loop {
                thread::park();
            }
        }
        // Without it the end may take longer, but it still comes.
        let _overdue = thread::Builder::new().spawn(|| {
            thread::sleep(LAST_WORDS_MAX);
            abort();
        });
        last_words.say(panic);
        exit(EXIT_BROKEN);
    }));
}

impl LastWords {
    fn say(&self, panic: &PanicHookInfo<'_>) {
        let backtrace = Backtrace::force_capture();
        let thread = thread::current().name().unwrap_or("unnamed").to_owned();
        tracing::error!(thread, "the core broke: {panic}\n{backtrace}");
        self.keep_recording();
        self.sinks.iter().for_each(|sink| sink.flush(FLUSH_MAX));
    }

    fn keep_recording(&self) {
        let Some(recording) = self.recorder.file_of_broken() else {
            tracing::error!("what led to it cannot be written: the recorder itself broke");
            return;
        };
        for file in &self.files {
            match write_whole(file, &recording) {
                Ok(()) => {
                    let file = file.display();
                    tracing::error!("what led to it is in {file}: send it along with a report");
                    return;
                }
                Err(error) => tracing::error!("cannot write {}: {error}", file.display()),
            }
        }
    }
}

/// Where a core of this name leaves its recording when `folder`, its own, cannot be written to.
pub(crate) fn files(folder: &Path, name: &str) -> [PathBuf; 2] {
    let other = std::env::temp_dir().join(format!("maitred-{name}-broken.rec"));
    [folder.join("broken.rec"), other]
}

#[cfg(test)]
mod tests;
