//! How a line of an app appears in our own output.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde_json::json;

use super::lines::{LINE_MAX, Piece};
use super::traceback::Traceback;

/// The three ways of setting `app_log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Bytes untouched.
    Raw,
    /// The name of the app and the pid before each line.
    Prefix,
    /// One JSON object per line: objects of the app get fields, other lines become one.
    Json,
}

/// Who wrote a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The name of the app.
    pub app: Arc<str>,
    /// The process.
    pub pid: u32,
}

/// Gives the lines of one stream of one process their form.
#[derive(Debug)]
pub(super) struct Shaper {
    mode: Mode,
    label: Label,
    stream: &'static str,
    traceback: Option<Traceback>,
}

impl Shaper {
    /// `stream` is "stdout" or "stderr".
    #[must_use]
    pub(super) fn new(mode: Mode, label: Label, stream: &'static str) -> Self {
        Self { mode, label, stream, traceback: None }
    }

    /// Appends what `piece` becomes to `out`: whole lines, or nothing yet.
    pub(super) fn shape(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) {
        match self.mode {
            Mode::Raw => {
                out.extend_from_slice(piece.bytes);
                out.extend_from_slice(if piece.ended { b"\n" } else { b"" });
            }
            Mode::Prefix => {
                out.extend_from_slice(
                    format!("{} {} | ", self.label.app, self.label.pid).as_bytes(),
                );
                out.extend_from_slice(piece.bytes);
                out.push(b'\n');
            }
            Mode::Json => self.json(without_return(piece.bytes), out),
        }
    }

    /// Lines are held back because more may belong to them.
    #[must_use]
    pub(super) fn holds(&self) -> bool {
        self.traceback.is_some()
    }

    /// Appends what was held back.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) {
        if let Some(traceback) = self.traceback.take() {
            self.message(&traceback.into_text(), out);
        }
    }

    fn json(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line);
        if let Some(traceback) = &mut self.traceback {
            if traceback.len() + text.len() < LINE_MAX && traceback.takes(&text) {
                return;
            }
            self.flush(out);
        }
        self.traceback = Traceback::starts(&text);
        if self.traceback.is_some() {
            return;
        }
        match self.with_fields(&text) {
            Some(object) => out.extend_from_slice(object.as_bytes()),
            None => self.message(&text, out),
        }
    }

    /// The same object with our fields before its own; those that it has itself stay as they are.
    fn with_fields(&self, text: &str) -> Option<String> {
        let body = text.trim().strip_prefix('{')?;
        let own: BTreeMap<String, IgnoredAny> = serde_json::from_str(text).ok()?;
        let ours = [
            ("app", json!(*self.label.app)),
            ("pid", json!(self.label.pid)),
            ("stream", json!(self.stream)),
        ];
        let mut object = String::from("{");
        for (name, value) in ours.iter().filter(|(name, _)| !own.contains_key(*name)) {
            object.push_str(&format!("\"{name}\":{value},"));
        }
        if own.is_empty() {
            object.pop();
        }
        object.push_str(body);
        object.push('\n');
        Some(object)
    }

    fn message(&self, text: &str, out: &mut Vec<u8>) {
        let object = json!({
            "timestamp": crate::log::timestamp(),
            "app": *self.label.app,
            "pid": self.label.pid,
            "stream": self.stream,
            "message": text,
        });
        out.extend_from_slice(format!("{object}\n").as_bytes());
    }
}

/// Without the carriage return that some programs write before a line feed.
pub(super) fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
