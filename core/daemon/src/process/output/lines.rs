//! Cutting a stream of bytes into lines.
//!
//! A line is what must not be mixed with another process's; a line without end must not fill the
//! memory.

/// Longest line that is kept together, in bytes. 64 KiB: the largest log line that common
/// collectors take.
pub const LINE_MAX: usize = 64 * 1024;

/// A line, or a part of one that is too long or was waited for long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Without the line feed.
    pub(super) bytes: &'a [u8],
    /// A line feed followed.
    pub(super) ended: bool,
}

/// Keeps the beginning of a line until its end arrives.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Gives every complete line in `bytes` to `each`, and parts of those that are too long.
    pub(super) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Piece<'_>)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match part.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (part, false),
            };
            self.partial.extend_from_slice(text);
            while self.partial.len() > LINE_MAX {
                each(Piece { bytes: &self.partial[..LINE_MAX], ended: false });
                self.partial.drain(..LINE_MAX);
            }
            if ended {
                each(Piece { bytes: &self.partial, ended: true });
                self.partial.clear();
            }
        }
    }

    /// A line has begun and not ended.
    #[must_use]
    pub(super) fn has_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Gives away what has begun.
    pub(super) fn flush(&mut self, mut each: impl FnMut(Piece<'_>)) {
        if self.has_partial() {
            each(Piece { bytes: &self.partial, ended: false });
            self.partial = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<(usize, bool)> {
        let mut lines = Lines::default();
        let mut pieces = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, |piece| pieces.push((piece.bytes.len(), piece.ended)));
        }
        lines.flush(|piece| pieces.push((piece.bytes.len(), piece.ended)));
        pieces
    }

    #[test]
    fn a_line_in_two_reads_is_one_line() {
        assert_eq!(
            cut(&[b"ab", b"c\nd\n\n", b"ef"]),
            [(3, true), (1, true), (0, true), (2, false)]
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_split() {
        let long = vec![b'x'; 2 * LINE_MAX + 5];
        assert_eq!(cut(&[&long, b"\n"]), [(LINE_MAX, false), (LINE_MAX, false), (5, true)]);
    }

    #[test]
    fn a_line_of_the_longest_length_is_whole() {
        assert_eq!(cut(&[&vec![b'x'; LINE_MAX], b"\n"]), [(LINE_MAX, true)]);
    }
}
