//! A flight recorder's file, replayed and told in words.
//!
//! What the file says is what the engine was told. The engine of this build is told the same, and
//! what it answers is shown, and whether that is what was answered then.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use maitred_recorder::{ReadError, Recording, Segment, Verdict};

use crate::transcript;

/// What a replay has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All that is known of the outputs is the same, and one segment leads to the next.
    Same,
    /// Something differs, or the engine breaks.
    Differs,
}

/// Tells a file to `out`. `words`: with each input and its outputs, else the verdict alone.
///
/// # Errors
///
/// The file cannot be read, or `out` cannot be written.
pub fn replay(file: &[u8], words: bool, out: &mut impl Write) -> Result<Shown, Error> {
    let recording = Recording::read(file)?;
    let segments = recording.segments.len();
    writeln!(out, "a recording of maitred {}, segments: {segments}", recording.version)?;
    let mut told = Told::default();
    for (number, segment) in (1..).zip(&recording.segments) {
        if words {
            writeln!(out, "segment {number}, inputs: {}", segment.entries.len())?;
        }
        told.segment(segment, words, out)?;
    }
    told.verdict(&recording, out)
}

/// Why nothing could be told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not a recording that can be read here.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The words could not be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

#[derive(Default)]
struct Told {
    inputs: usize,
    differs: usize,
    unknown: usize,
    broke: bool,
}

impl Told {
    fn segment(&mut self, segment: &Segment, words: bool, out: &mut impl Write) -> io::Result<()> {
        let mut replay = segment.replay();
        for entry in &segment.entries {
            if words {
                write!(out, "{}", transcript::input_line(entry.at, &entry.input))?;
            }
            let step = catch_unwind(AssertUnwindSafe(|| replay.next()));
            let Ok(step) = step else {
                self.broke = true;
                return writeln!(out, "!! the engine breaks over this: {:?}", entry.input);
            };
            let Some(step) = step else { return Ok(()) };
            self.inputs += 1;
            if words {
                for output in &step.outputs {
                    write!(out, "{}", transcript::output_line(output))?;
                }
            }
            match step.verdict {
                Verdict::Same => {}
                Verdict::Unknown => self.unknown += 1,
                Verdict::Differs => {
                    self.differs += 1;
                    if self.differs == 1 {
                        let at = entry.at.0 as f64 / 1e6;
                        writeln!(out, "!! from here on ({at:.3} ms) it was not what is shown")?;
                    }
                }
            }
        }
        Ok(())
    }

    fn verdict(&self, recording: &Recording, out: &mut impl Write) -> Result<Shown, Error> {
        if self.unknown > 0 {
            writeln!(out, "the recording ends before the last input was answered")?;
        }
        let inputs = self.inputs;
        if self.broke {
            writeln!(out, "inputs: {inputs}, then the engine breaks")?;
            return Ok(Shown::Differs);
        }
        if let Err(divergence) = recording.verify() {
            writeln!(out, "NOT THE SAME: {divergence}")?;
            return Ok(Shown::Differs);
        }
        writeln!(
            out,
            "inputs: {inputs}, and all known outputs are the recorded ones, bit for bit"
        )?;
        Ok(Shown::Same)
    }
}
