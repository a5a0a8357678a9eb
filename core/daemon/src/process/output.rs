//! What app processes write: captured, given its form, passed on, and the end of it kept.
//!
//! The last lines of a process are the best reason for its death that there is, so that they are
//! in the status. The core reads as fast as a process writes, whatever happens to its own output:
//! a stuck log never stops an app.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tokio::time::timeout;

mod lines;
mod shape;
mod sink;
mod traceback;

pub use lines::LINE_MAX;
pub use shape::{Label, Mode};
pub use sink::{Dropped, Form, Sink};

use lines::{Lines, Piece};
use shape::{Shaper, without_return};

/// Lines kept of each process. 20: a traceback's useful end, and it fits on a screen.
pub const LAST_LINES: usize = 20;

/// Longest part of a kept line, in bytes. 1000: many processes may have died.
pub const LAST_LINE_MAX: usize = 1000;

/// After so long without more, the beginning of a line, or a traceback that seems complete, is
/// passed on. 100 ms: a person who waits for a prompt notices nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// Bytes per read. 8 KiB: most writes fit, and there are two buffers per process.
const READ: usize = 8 * 1024;

/// Where output goes, and in which form.
#[derive(Debug, Clone)]
pub struct Outlets {
    /// The core's standard output.
    pub stdout: Sink,
    /// The core's standard error.
    pub stderr: Sink,
    /// The form of the lines.
    pub mode: Mode,
}

impl Outlets {
    /// Reads both pipes of a process until their ends, in two tasks of the current tokio runtime.
    ///
    /// # Errors
    /// They are not pipes, or no descriptors are left.
    pub fn capture(&self, label: Label, out: OwnedFd, err: OwnedFd) -> io::Result<Capture> {
        let (open, closed) = watch::channel(());
        let tail = Arc::new(Mutex::new(Tail::default()));
        let streams = [
            (out, &self.stdout, Shaper::new(self.mode, label.clone(), "stdout")),
            (err, &self.stderr, Shaper::new(self.mode, label, "stderr")),
        ];
        for (pipe, sink, shaper) in streams {
            let pump = Pump {
                pipe: Receiver::from_owned_fd(pipe)?,
                sink: sink.clone(),
                lines: Lines::default(),
                shaper,
                tail: Arc::clone(&tail),
            };
            let open = open.clone();
            tokio::spawn(async move {
                pump.run().await;
                drop(open);
            });
        }
        Ok(Capture { tail, closed })
    }
}

/// The output of one process.
#[derive(Debug, Clone)]
pub struct Capture {
    tail: Arc<Mutex<Tail>>,
    closed: watch::Receiver<()>,
}

impl Capture {
    /// The latest lines, oldest first.
    #[must_use]
    pub fn last_lines(&self) -> Vec<String> {
        self.tail.lock().0.iter().cloned().collect()
    }

    /// Waits until both pipes were read to their ends, at most so long: a grandchild may hold them
    /// open for ever. To be called when the process has exited, before [`Self::last_lines`].
    pub async fn settle(&self, at_most: Duration) {
        let mut closed = self.closed.clone();
        // Nothing is ever sent: an error is the end of both tasks.
        let _ = timeout(at_most, closed.changed()).await;
    }
}

/// The latest lines of a process.
#[derive(Debug, Default)]
struct Tail(VecDeque<String>);

impl Tail {
    fn keep(&mut self, line: &[u8]) {
        let line = without_return(line);
        if self.0.len() == LAST_LINES {
            self.0.pop_front();
        }
        let short = &line[..line.len().min(LAST_LINE_MAX)];
        self.0.push_back(String::from_utf8_lossy(short).into_owned());
    }
}

/// Reads one pipe.
struct Pump {
    pipe: Receiver,
    sink: Sink,
    lines: Lines,
    shaper: Shaper,
    tail: Arc<Mutex<Tail>>,
}

impl Pump {
    async fn run(mut self) {
        let mut buffer = vec![0; READ];
        loop {
            let waits = self.lines.has_partial() || self.shaper.holds();
            let patience = if waits { PAUSE } else { Duration::MAX };
            match timeout(patience, self.pipe.read(&mut buffer)).await {
                Err(_pause) => self.pass(&[], true),
                Ok(Ok(0) | Err(_)) => break,
                Ok(Ok(n)) => self.pass(&buffer[..n], false),
            }
        }
        self.pass(&[], true);
    }

    /// Passes on what has become complete, or everything.
    fn pass(&mut self, bytes: &[u8], everything: bool) {
        let Self { lines, shaper, tail, .. } = self;
        let mut out = Vec::new();
        let mut tail = tail.lock();
        let mut each = |piece: Piece<'_>| {
            tail.keep(piece.bytes);
            shaper.shape(piece, &mut out);
        };
        lines.feed(bytes, &mut each);
        if everything {
            lines.flush(&mut each);
            shaper.flush(&mut out);
        }
        drop(tail);
        if !out.is_empty() {
            self.sink.push(&out);
        }
    }
}

#[cfg(test)]
mod tests;
