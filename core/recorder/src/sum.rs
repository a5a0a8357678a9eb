//! What is kept of outputs: how many, and a running sum over all of them.
//!
//! A replay makes them anew, so it is enough to be able to tell whether it made the same ones.

use maitred_engine::event::Output;

use crate::write::append;

/// What is known of the outputs of one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many there were.
    pub outputs: u32,
    /// The crc32 over all outputs up to and with these.
    pub crc32: u32,
}

impl Sum {
    /// The sum after `outputs`, where `self` is the one before them.
    #[must_use]
    pub fn with<'a>(self, outputs: impl IntoIterator<Item = &'a Output>) -> Self {
        self.through(outputs, &mut Vec::new())
    }

    /// The same, encoding into a buffer that is kept from one time to the next.
    pub(crate) fn through<'a>(
        self,
        outputs: impl IntoIterator<Item = &'a Output>,
        scratch: &mut Vec<u8>,
    ) -> Self {
        scratch.clear();
        let mut count = 0;
        for output in outputs {
            append(scratch, output);
            count += 1;
        }
        if count == 0 {
            return Self { outputs: 0, crc32: self.crc32 };
        }
        let mut hasher = crc32fast::Hasher::new_with_initial(self.crc32);
        hasher.update(scratch);
        Self { outputs: count, crc32: hasher.finalize() }
    }
}
