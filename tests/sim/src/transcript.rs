//! What happened in a world: a fingerprint of all of it, and the words if somebody wants them.

use std::fmt::{self, Write as _};
use std::hash::Hasher as _;
use std::io;

use maitred_engine::event::{Input, Output};
use maitred_engine::time::Time;
use rustc_hash::FxHasher;

use crate::coverage::Action;

/// The record of a world.
#[derive(Debug, Default)]
pub struct Transcript {
    digest: Digest,
    words: Option<String>,
}

impl Transcript {
    /// From now on everything is also written down in words.
    pub fn keep_words(&mut self) {
        self.words.get_or_insert_default();
    }

    /// All that was written down.
    #[must_use]
    pub fn words(&self) -> &str {
        self.words.as_deref().unwrap_or_default()
    }

    /// A number that two worlds share only if the same happened in them.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest.0.finish()
    }

    pub(crate) fn action(&mut self, action: Action) {
        self.digest.0.write_u8(action as u8);
        if let Some(words) = &mut self.words {
            let _infallible = writeln!(words, "               -- {}", action.text());
        }
    }

    pub(crate) fn input(&mut self, now: Time, input: &Input) {
        self.digest.0.write_u64(now.0);
        serde_json::to_writer(&mut self.digest, input).expect("inputs are plain data");
        if let Some(words) = &mut self.words {
            words.push_str(&input_line(now, input));
        }
    }

    pub(crate) fn output(&mut self, output: &Output) {
        serde_json::to_writer(&mut self.digest, output).expect("outputs are plain data");
        if let Some(words) = &mut self.words {
            words.push_str(&output_line(output));
        }
    }
}

/// An input in words.
pub(crate) fn input_line(now: Time, input: &Input) -> String {
    format!("{:>12.3} ms {}\n", now.0 as f64 / 1e6, shorten(&format!("{input:?}")))
}

/// An output in words, below the input that led to it.
pub(crate) fn output_line(output: &Output) -> String {
    format!("                   {}\n", shorten(&format!("{output:?}")))
}

/// Numbers of things as everybody writes them: `SlotId { process: ProcessId(3), index: 0 }` is
/// `p3.0`.
fn shorten(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, short) in [("RequestId(", "r"), ("ProcessId(", "p"), ("PoolId(", "pool")] {
        while let Some(begin) = text.find(name)
            && let Some(length) = text[begin..].find(')')
        {
            let number = text[begin + name.len()..begin + length].to_owned();
            text.replace_range(begin..=begin + length, &format!("{short}{number}"));
        }
    }
    let (begins, between) = ("SlotId { process: ", ", index: ");
    while let Some(begin) = text.find(begins)
        && let Some(length) = text[begin..].find('}')
    {
        let inner = text[begin + begins.len()..begin + length].trim_end();
        let inner = inner.replace(between, ".");
        text.replace_range(begin..=begin + length, &inner);
    }
    text
}

#[derive(Default)]
struct Digest(FxHasher);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0.finish())
    }
}

impl io::Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
