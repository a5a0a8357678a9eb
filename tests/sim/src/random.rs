//! Random numbers that a seed decides, for ever and on every machine.
//!
//! Only the raw words of a published cipher are used: how a library makes ranges or shuffles of
//! them may change with its version, and old seeds would then name other worlds.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A sequence of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// The sequence that belongs to the seed.
    #[must_use]
    pub(crate) fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// Any number.
    pub(crate) fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 up to `n`, without it; 0 if there is nothing to choose from.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // The high half of a product is as even as anybody needs here.
        ((u128::from(self.word()) * u128::from(n)) >> 64) as u64
    }

    /// From the one to the other, both included.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// A place in a list of this length.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True so many times in a thousand.
    pub(crate) fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of these; `None` when there are none.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let index = self.index(from.len());
        from.get(index).copied()
    }

    /// A span of microseconds.
    pub(crate) fn micros(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(self.between(from, to))
    }
}
