//! What is kept of outputs: how many, and a running digest of all of them.
//!
//! A replay makes them anew, so it is enough to be able to tell whether it made the same ones.

use maitred_engine::event::Output;

use crate::digest::Digest;

/// What is known of the outputs of one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many there were.
    pub outputs: u32,
    /// The digest of all outputs up to and with these.
    pub digest: u64,
}

impl Sum {
    /// The sum after `outputs`, where `self` is the one before them.
    #[must_use]
    pub fn with<'a>(self, outputs: impl IntoIterator<Item = &'a Output>) -> Self {
        let mut digest = Digest(self.digest);
        let mut count = 0;
        for output in outputs {
            digest.take(output);
            count += 1;
        }
        Self { outputs: count, digest: digest.0 }
    }
}
