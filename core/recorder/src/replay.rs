//! Replaying: the same inputs into the same state, and whether the same outputs come out.

use maitred_engine::Engine;
use maitred_engine::event::{Input, Output};
use maitred_engine::time::Time;

use crate::read::{Entry, Recording, Segment};
use crate::sum::Sum;
use crate::write::append;

/// Goes through a segment, one input after the other.
#[derive(Debug)]
pub struct Replay<'a> {
    engine: Engine,
    entries: std::slice::Iter<'a, Entry>,
    sum: Sum,
}

/// One input, and what the engine made of it this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    /// When it was told.
    pub at: Time,
    /// What the engine was told.
    pub input: &'a Input,
    /// What it answered now.
    pub outputs: Vec<Output>,
    /// Whether that is what it answered then.
    pub verdict: Verdict,
}

/// What the comparison with the recording says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The outputs are those of the recording, bit for bit.
    Same,
    /// They are not.
    Differs,
    /// The recording ends before they were known.
    Unknown,
}

/// Where a replay is not what was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Divergence {
    /// An input has other outputs.
    #[error("entry {entry} of segment {segment} has other outputs now: {outputs:?}")]
    Outputs {
        /// Counted from 1.
        segment: usize,
        /// Counted from 1.
        entry: usize,
        /// What they are now.
        outputs: Vec<Output>,
    },
    /// The first segment leads to another state than the one that the second begins with.
    #[error("segment {segment} does not begin with the state that the one before it leads to")]
    State {
        /// Counted from 1.
        segment: usize,
    },
}

impl Recording {
    /// Replays everything and compares outputs and states. Returns the number of inputs.
    ///
    /// # Errors
    /// The first [`Divergence`].
    pub fn verify(&self) -> Result<usize, Divergence> {
        let mut inputs = 0;
        let mut before: Option<Engine> = None;
        for (segment, recorded) in (1..).zip(&self.segments) {
            if before.is_some_and(|engine| bytes_of(&engine) != bytes_of(&recorded.begin())) {
                return Err(Divergence::State { segment });
            }
            let mut replay = recorded.replay();
            for (entry, step) in (1..).zip(&mut replay) {
                if step.verdict == Verdict::Differs {
                    return Err(Divergence::Outputs { segment, entry, outputs: step.outputs });
                }
                inputs += 1;
            }
            before = Some(replay.engine);
        }
        Ok(inputs)
    }
}

impl Segment {
    /// Begins at the state of the segment.
    #[must_use]
    pub fn replay(&self) -> Replay<'_> {
        let sum = Sum { outputs: 0, digest: self.digest };
        Replay { engine: self.begin(), entries: self.entries.iter(), sum }
    }

    /// The state without outputs that were being performed while it was written: they belong to
    /// the entry before.
    fn begin(&self) -> Engine {
        let mut engine = self.state.clone();
        while engine.poll_output().is_some() {}
        engine
    }
}

impl Replay<'_> {
    /// The engine as it is now.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl<'a> Iterator for Replay<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let Entry { at, input, sum } = self.entries.next()?;
        self.engine.handle(*at, input.clone());
        let outputs: Vec<_> = std::iter::from_fn(|| self.engine.poll_output()).collect();
        self.sum = self.sum.with(&outputs);
        let verdict = match sum {
            None => Verdict::Unknown,
            Some(sum) if *sum == self.sum => Verdict::Same,
            Some(_) => Verdict::Differs,
        };
        Some(Step { at: *at, input, outputs, verdict })
    }
}

fn bytes_of(engine: &Engine) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes, engine);
    bytes
}
