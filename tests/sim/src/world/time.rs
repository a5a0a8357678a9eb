//! How time passes: only here, and never past a moment at which the engine wants to be woken.

use std::time::Duration;

use maitred_engine::event::Input;
use maitred_engine::time::Time;

use super::{Done, World};
use crate::rule::{Checked, must};

/// Time that passes at once, at most: longer than any lease that is meant to run out.
const SPAN_MAX: Duration = Duration::from_millis(700);

/// Wakings at one moment after which time stands still.
const WAKINGS_MAX: u32 = 1_000;

impl World {
    pub(super) fn time_passes(&mut self) -> Done {
        let until = match self.random.below(16) {
            // Some ends are weeks away: nobody waits for those.
            0..=5 => {
                let soon = self.next_event().filter(|at| *at <= self.now + SPAN_MAX);
                soon.unwrap_or(self.now + Duration::from_micros(10))
            }
            6..=13 => self.now + self.random.micros(1, 300),
            14 => self.now + self.random.micros(300, 3_000),
            _ => self.now + self.random.micros(3_000, 20_000),
        };
        self.advance(until)?;
        Ok(true)
    }

    /// When something happens next although nobody does anything.
    pub(super) fn next_event(&self) -> Option<Time> {
        let wires = self
            .processes
            .values()
            .flat_map(|process| [process.to_core.next_due(), process.to_process.next_due()]);
        let later = |at: &Time| *at > self.now;
        wires.flatten().chain(self.engine.next_deadline()).filter(later).min()
    }

    pub(super) fn advance(&mut self, until: Time) -> Checked {
        let mut wakings = 0;
        while let Some(at) = self.engine.next_deadline().filter(|at| *at <= until) {
            if at > self.now {
                wakings = 0;
            }
            wakings += 1;
            must!(Liveness, wakings < WAKINGS_MAX, "time stands still at {:?}", self.now);
            self.now = self.now.max(at);
            self.shadow.pass(self.now);
            self.tell(Input::Tick)?;
        }
        self.now = self.now.max(until);
        self.shadow.pass(self.now);
        Ok(())
    }
}
