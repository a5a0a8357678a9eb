//! Reading: a file back into states and inputs.
//!
//! A file comes from another time and maybe another build, so every way in which it can be wrong
//! has its own words.

use maitred_engine::event::Input;
use maitred_engine::time::Time;
use maitred_engine::{Engine, STATE_FORMAT};
use serde::de::DeserializeOwned;

use crate::sum::Sum;
use crate::{FORMAT, MAGIC};

/// What a file says.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The version of the core that wrote it.
    pub version: String,
    /// The older one first; empty when nothing had happened yet.
    pub segments: Vec<Segment>,
}

/// A state and what happened after it.
#[derive(Debug, Clone)]
pub struct Segment {
    /// The engine before the first entry.
    pub state: Engine,
    /// In the order in which they happened.
    pub entries: Vec<Entry>,
    /// The digest of all outputs before the first entry.
    pub(crate) digest: u64,
}

/// One input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was told.
    pub at: Time,
    /// What the engine was told.
    pub input: Input,
    /// What is known of the outputs. `None`: the recording was taken, or the core broke, before
    /// the engine had answered.
    pub sum: Option<Sum>,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is something else.
    #[error("not a recording of maitred")]
    Foreign,
    /// The format is not the one that is read here.
    #[error(
        "a recording of format {found}, made by maitred {version}; this is maitred {} and reads \
         format {FORMAT}: use that version",
        env!("CARGO_PKG_VERSION")
    )]
    Format {
        /// The format of the file.
        found: u16,
        /// The core that wrote it.
        version: String,
    },
    /// The format of its states is not the one of the engine here.
    #[error(
        "a recording with states of format {found}, made by maitred {version}; this is maitred {} \
         and goes on from format {STATE_FORMAT}: use that version",
        env!("CARGO_PKG_VERSION")
    )]
    State {
        /// The format of the states.
        found: u32,
        /// The core that wrote it.
        version: String,
    },
    /// It ends too early.
    #[error("the recording is cut short")]
    Short,
    /// It goes on after its end.
    #[error("the recording is damaged: something follows its end")]
    Long,
    /// Its bytes are not those that were written.
    #[error("the recording is damaged: segment {0} does not add up")]
    Damaged(usize),
    /// Its bytes are whole, and mean nothing here.
    #[error(
        "the recording was made by another build of maitred ({version}), whose {what} cannot be \
         understood here: {why}"
    )]
    Unknown {
        /// The core that wrote it.
        version: String,
        /// State or entry.
        what: &'static str,
        /// What the decoder says.
        why: String,
    },
}

impl Recording {
    /// Reads a whole file.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(file: &[u8]) -> Result<Self, ReadError> {
        let mut rest = Rest(file);
        if rest.take(MAGIC.len()).ok() != Some(MAGIC.as_slice()) {
            return Err(ReadError::Foreign);
        }
        let found = u16::from_le_bytes(rest.array()?);
        let [length] = rest.array()?;
        let version = String::from_utf8_lossy(rest.take(length.into())?).into_owned();
        if found != FORMAT {
            return Err(ReadError::Format { found, version });
        }
        let found = u32::from_le_bytes(rest.array()?);
        if found != STATE_FORMAT {
            return Err(ReadError::State { found, version });
        }
        let [count] = rest.array()?;
        let segments = (1..=count.into()).map(|number| rest.segment(number, &version));
        let segments = segments.collect::<Result<_, _>>()?;
        if !rest.0.is_empty() {
            return Err(ReadError::Long);
        }
        Ok(Self { version, segments })
    }
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], ReadError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(ReadError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("as many bytes were taken"))
    }

    fn length(&mut self) -> Result<usize, ReadError> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| ReadError::Short)
    }

    fn segment(&mut self, number: usize, version: &str) -> Result<Segment, ReadError> {
        let (state_len, entries_len) = (self.length()?, self.length()?);
        let crc32 = u32::from_le_bytes(self.array()?);
        let both = state_len.checked_add(entries_len).ok_or(ReadError::Short)?;
        let both = self.take(both)?;
        if crc32fast::hash(both) != crc32 {
            return Err(ReadError::Damaged(number));
        }
        let (state, entries) = both.split_at(state_len);
        let unknown = |what| {
            let version = version.to_owned();
            move |error: postcard::Error| ReadError::Unknown {
                version,
                what,
                why: error.to_string(),
            }
        };
        let (begin, state) = state_in(state).map_err(unknown("state"))?;
        let entries = entries_in(entries, begin).map_err(unknown("entry"))?;
        Ok(Segment { state, entries, digest: begin.1 })
    }
}

/// The time, and the digest, before the first entry.
type Begin = (Time, u64);

fn state_in(mut bytes: &[u8]) -> Result<(Begin, Engine), postcard::Error> {
    Ok((next(&mut bytes)?, next(&mut bytes)?))
}

fn entries_in(mut bytes: &[u8], (begin, digest): Begin) -> Result<Vec<Entry>, postcard::Error> {
    let mut entries = Vec::new();
    let mut now = begin.0;
    let mut sum = Sum { outputs: 0, digest };
    while !bytes.is_empty() {
        now = now.wrapping_add(next(&mut bytes)?);
        let input = next(&mut bytes)?;
        let known = !bytes.is_empty();
        if known {
            sum.outputs = next(&mut bytes)?;
        }
        if known && sum.outputs > 0 {
            let (digest, rest) =
                bytes.split_first_chunk().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
            sum.digest = u64::from_le_bytes(*digest);
            bytes = rest;
        }
        entries.push(Entry { at: Time(now), input, sum: known.then_some(sum) });
    }
    Ok(entries)
}

fn next<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, postcard::Error> {
    let (value, rest) = postcard::take_from_bytes(bytes)?;
    *bytes = rest;
    Ok(value)
}
