//! Writing: two segments in memory, each beginning with a full state.
//!
//! A segment that has grown to its size becomes the older one, and the one before it is dropped: so
//! there is always a state to begin from, and at least one segment's worth of inputs after it.

use bytes::{BufMut, Bytes, BytesMut};
use maitred_engine::event::Input;
use maitred_engine::time::Time;
use maitred_engine::{Engine, STATE_FORMAT};
use postcard::ser_flavors::Flavor;
use serde::Serialize;

use crate::sum::Sum;
use crate::{FORMAT, MAGIC};

/// Bytes of entries after which a segment is full. Default 4 MiB: about 75,000 requests, which is
/// seven seconds of a core that has all it can do and an hour of a quiet one.
const SEGMENT_BYTES: usize = 4 << 20;

/// Bytes of an entry that is written at one go. 64: all but those with texts, lists or settings.
const SHORT_LEN: usize = 64;

/// Remembers what an engine was told lately.
#[derive(Debug)]
pub struct Recorder {
    segment_bytes: usize,
    /// The time of the latest entry.
    now: Time,
    sum: Sum,
    /// Outputs that the engine had not handed out before the latest input.
    pending: usize,
    older: Option<Piece>,
    newer: Option<Piece>,
}

/// A segment as it is written.
#[derive(Debug, Clone)]
struct Piece {
    state: Bytes,
    /// Entries that are on a tape already: it shares them.
    sealed: Vec<Bytes>,
    /// The entries after those.
    open: BytesMut,
    entries_len: usize,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// One that has nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_segments_of(SEGMENT_BYTES)
    }

    /// One whose segments are full after so many bytes of entries.
    #[must_use]
    pub fn with_segments_of(bytes: usize) -> Self {
        Self {
            segment_bytes: bytes,
            now: Time::default(),
            sum: Sum::default(),
            pending: 0,
            older: None,
            newer: None,
        }
    }

    /// To be called before the engine handles `input`, so that one that breaks it is there too.
    pub fn input(&mut self, engine: &Engine, now: Time, input: &Input) {
        if self.newer.as_ref().is_none_or(|piece| piece.entries_len >= self.segment_bytes) {
            self.begin(engine);
        }
        self.pending = engine.outputs().len();
        let passed = now.0.wrapping_sub(self.now.0);
        self.now = now;
        let entry = (passed, input);
        let mut short = [0; SHORT_LEN];
        self.put(|open| match postcard::to_slice(&entry, &mut short) {
            Ok(bytes) => open.put_slice(bytes),
            Err(_) => append(open, &entry),
        });
    }

    /// To be called after that, before its outputs are polled.
    pub fn outputs(&mut self, engine: &Engine) {
        let outputs = engine.outputs().skip(self.pending);
        self.sum = self.sum.with(outputs);
        let sum = self.sum;
        self.put(|open| {
            append(open, &sum.outputs);
            if sum.outputs > 0 {
                open.put_u64_le(sum.digest);
            }
        });
    }

    /// What was recorded up to now. Cheap: what is copied is shared.
    pub fn tape(&mut self) -> Tape {
        if let Some(newer) = &mut self.newer {
            newer.seal();
        }
        Tape { pieces: self.older.iter().chain(&self.newer).cloned().collect() }
    }

    fn begin(&mut self, engine: &Engine) {
        let mut state = Vec::new();
        append(&mut state, &(self.now, self.sum.digest));
        append(&mut state, engine);
        let piece = Piece {
            state: state.into(),
            sealed: Vec::new(),
            open: BytesMut::with_capacity(self.segment_bytes),
            entries_len: 0,
        };
        self.older = self.newer.replace(piece);
        if let Some(older) = &mut self.older {
            older.seal();
        }
    }

    /// Writes at the end of the segment.
    fn put(&mut self, write: impl FnOnce(&mut BytesMut)) {
        if let Some(newer) = &mut self.newer {
            let before = newer.open.len();
            write(&mut newer.open);
            newer.entries_len += newer.open.len() - before;
        }
    }
}

impl Piece {
    fn seal(&mut self) {
        if !self.open.is_empty() {
            self.sealed.push(self.open.split().freeze());
        }
    }
}

/// What a recorder had at one moment.
#[derive(Debug, Clone)]
pub struct Tape {
    pieces: Vec<Piece>,
}

impl Tape {
    /// The file, in pieces. `version` is that of the core, at most 255 bytes of it.
    #[must_use]
    pub fn into_file(self, version: &str) -> Vec<Bytes> {
        let version = &version.as_bytes()[..version.len().min(usize::from(u8::MAX))];
        let mut head = BytesMut::new();
        head.put_slice(MAGIC);
        head.put_u16_le(FORMAT);
        head.put_u8(u8::try_from(version.len()).unwrap_or(u8::MAX));
        head.put_slice(version);
        head.put_u32_le(STATE_FORMAT);
        head.put_u8(u8::try_from(self.pieces.len()).expect("there are at most two"));
        let mut file = vec![head.freeze()];
        for piece in self.pieces {
            let mut crc32 = crc32fast::Hasher::new();
            crc32.update(&piece.state);
            piece.sealed.iter().for_each(|entries| crc32.update(entries));
            let mut head = BytesMut::new();
            head.put_u64_le(piece.state.len() as u64);
            head.put_u64_le(piece.entries_len as u64);
            head.put_u32_le(crc32.finalize());
            file.extend([head.freeze(), piece.state]);
            file.extend(piece.sealed);
        }
        file
    }
}

/// Writes `value` at the end of `to`.
pub(crate) fn append(to: &mut impl BufMut, value: &impl Serialize) {
    postcard::serialize_with_flavor(value, End(to))
        .expect("plain data of known length can be written");
}

/// The end of a buffer. The encoder's own way of extending one grows it byte by byte.
struct End<'a, B>(&'a mut B);

impl<B: BufMut> Flavor for End<'_, B> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.put_u8(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.put_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
