//! Our own standard output and error, written by a thread of their own.
//!
//! The reader of a log may stand still: a paused terminal, a full disk, a stuck collector. A write
//! would then block for ever, and with it the core, and with the core every app. So nothing but
//! this thread ever writes; what does not fit is dropped, counted, and reported in its place.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Bytes that may wait for a slow reader. 1 MiB: some seconds of a busy access log, and small
/// next to the core.
const PENDING_MAX: usize = 1 << 20;

/// How a line of our own is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// One object per line.
    Json,
}

/// What did not reach the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Dropped {
    fn add(&mut self, lines: u64, bytes: usize) {
        self.lines += lines;
        self.bytes += bytes as u64;
    }
}

/// One stream out of the core. Clones write to the same one.
#[derive(Debug, Clone)]
pub struct Sink(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    form: Form,
    state: Mutex<State>,
    work: Condvar,
    idle: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<u8>,
    /// The thread is writing what it took.
    writing: bool,
    /// The thread waits for work.
    asleep: bool,
    /// The stream is closed or broken for good.
    broken: bool,
    /// Dropped since the last report.
    unreported: Dropped,
    dropped: Dropped,
}

impl Sink {
    /// Our standard output.
    ///
    /// # Errors
    /// No descriptor or thread left.
    pub fn stdout(form: Form) -> io::Result<Self> {
        Self::start(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?, form)
    }

    /// Our standard error.
    ///
    /// # Errors
    /// No descriptor or thread left.
    pub fn stderr(form: Form) -> io::Result<Self> {
        Self::start(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?, form)
    }

    /// A thread that writes to `out`; reports of dropped lines have this `form`.
    ///
    /// # Errors
    /// No thread left.
    pub fn start(out: OwnedFd, form: Form) -> io::Result<Self> {
        let shared =
            Shared { form, state: Mutex::default(), work: Condvar::new(), idle: Condvar::new() };
        let sink = Self(Arc::new(shared));
        let shared = Arc::clone(&sink.0);
        thread::Builder::new().name("log".into()).spawn(move || shared.write_on(&out))?;
        Ok(sink)
    }

    /// Takes whole lines, or drops them. Never waits for the reader.
    pub fn push(&self, lines: &[u8]) {
        let mut state = self.0.state.lock();
        // After the first drop everything is dropped until there is room again, so that the
        // report stands exactly where the lines are missing.
        let fits = state.pending.len() + lines.len() <= PENDING_MAX;
        if state.broken || state.unreported.lines > 0 || !fits {
            let count = lines.iter().filter(|byte| **byte == b'\n').count().max(1) as u64;
            state.unreported.add(count, lines.len());
            state.dropped.add(count, lines.len());
            return;
        }
        state.pending.extend_from_slice(lines);
        if state.asleep {
            self.0.work.notify_one();
        }
    }

    /// Waits until everything was written, at most so long.
    pub fn flush(&self, at_most: Duration) {
        let until = Instant::now() + at_most;
        let mut state = self.0.state.lock();
        while state.has_work() || state.writing {
            if self.0.idle.wait_until(&mut state, until).timed_out() {
                return;
            }
        }
    }

    /// What was dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.0.state.lock().dropped
    }
}

impl io::Write for Sink {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.push(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State {
    fn has_work(&self) -> bool {
        !self.broken && (!self.pending.is_empty() || self.unreported.lines > 0)
    }
}

impl Shared {
    fn write_on(&self, out: &OwnedFd) {
        let mut batch = Vec::new();
        loop {
            self.take(&mut batch);
            let result = write_all(out, &batch);
            let mut state = self.state.lock();
            state.writing = false;
            state.broken |= result.is_err();
            if !state.has_work() {
                self.idle.notify_all();
            }
            if state.broken {
                return;
            }
        }
    }

    /// Waits for work and takes all of it.
    fn take(&self, batch: &mut Vec<u8>) {
        batch.clear();
        let mut state = self.state.lock();
        while !state.has_work() {
            state.asleep = true;
            self.work.wait(&mut state);
        }
        state.asleep = false;
        state.writing = true;
        std::mem::swap(&mut state.pending, batch);
        let lost = std::mem::take(&mut state.unreported);
        drop(state);
        if lost.lines > 0 {
            batch.extend_from_slice(report(self.form, lost).as_bytes());
        }
    }
}

fn report(form: Form, lost: Dropped) -> String {
    let Dropped { lines, bytes } = lost;
    let message =
        format!("{lines} lines ({bytes} bytes) were dropped here: their reader was stuck");
    match form {
        Form::Text => format!("maitred: {message}\n"),
        Form::Json => {
            let time = crate::log::timestamp();
            let fields = serde_json::json!({
                "timestamp": time, "level": "WARN", "message": message, "dropped": lines,
            });
            format!("{fields}\n")
        }
    }
}

/// Writes all, also where another program made the stream non-blocking.
fn write_all(out: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(out, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(out, PollFlags::OUT)], None)?;
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
