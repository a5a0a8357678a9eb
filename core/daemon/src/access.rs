//! The access log: one line per request, with the times that matter here.

use std::io::Write as _;
use std::sync::Arc;

use maitred_engine::event::{Outcome, Times};
use serde_json::json;

use crate::exchange::Exchange;
use crate::process::output::Sink;

/// Writes lines to the core's standard output.
#[derive(Debug)]
pub struct Log {
    sink: Sink,
    json: bool,
}

/// One request, after its outcome.
#[derive(Debug)]
pub struct Line {
    /// The request and where it ran.
    pub exchange: Arc<Exchange>,
    /// The status that the client got, or would have got.
    pub status: u16,
    /// Body bytes that were sent.
    pub sent: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What it took.
    pub times: Times,
    /// When it ended, in microseconds of Unix time. The line may be written later.
    pub at: u64,
}

impl Log {
    /// `json`: one object per line instead of text.
    #[must_use]
    pub fn new(sink: Sink, json: bool) -> Self {
        Self { sink, json }
    }

    /// Writes a line. `null`, or no word, for times that the request does not have.
    pub fn write(&self, line: &Line) {
        let mut bytes = if self.json { line.object() } else { line.text() };
        bytes.push(b'\n');
        self.sink.push(&bytes);
    }
}

impl Line {
    fn object(&self) -> Vec<u8> {
        let Self { exchange, status, sent, outcome, times, .. } = self;
        let head = &exchange.head;
        let millis = |span: std::time::Duration| span.as_secs_f64() * 1e3;
        let object = json!({
            "timestamp": self.timestamp(),
            "client": head.client.map(|ip| ip.to_string()),
            "method": head.method.as_str(),
            "target": head.uri.to_string(),
            "status": status,
            "bytes": sent,
            "wait_ms": millis(times.wait),
            "service_ms": times.service.map(millis),
            "deferred_ms": exchange.deferred().map(millis),
            "delivery_ms": times.delivery.map(millis),
            "attempts": times.attempts,
            "outcome": word(outcome),
            "request_id": head.request_id(),
            "process": exchange.route().map(|route| route.process.0),
        });
        object.to_string().into_bytes()
    }

    fn text(&self) -> Vec<u8> {
        let Self { exchange, status, sent, outcome, times, .. } = self;
        let head = &exchange.head;
        let client = head.client.map_or_else(|| "unix".to_owned(), |ip| ip.to_string());
        let millis = |span: std::time::Duration| span.as_secs_f64() * 1e3;
        let mut line = Vec::with_capacity(200);
        // Writing to a Vec cannot fail.
        let _ = write!(
            line,
            "{client} {} \"{} {}\" {status} {sent} wait={:.1}ms",
            self.timestamp(),
            head.method,
            head.uri,
            millis(times.wait),
        );
        if let Some(service) = times.service {
            let _ = write!(line, " service={:.1}ms", millis(service));
        }
        if let Some(deferred) = exchange.deferred().filter(|deferred| !deferred.is_zero()) {
            let _ = write!(line, " deferred={:.1}ms", millis(deferred));
        }
        if let Some(route) = exchange.route() {
            let _ = write!(line, " process={}", route.process);
        }
        if !matches!(outcome, Outcome::Completed) {
            let _ = write!(line, " outcome={}", word(outcome));
        }
        let _ = write!(line, " id={}", head.request_id());
        line
    }

    fn timestamp(&self) -> String {
        let micros = i64::try_from(self.at).unwrap_or(i64::MAX);
        jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX).to_string()
    }
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Completed => "done".to_owned(),
        Outcome::Abandoned => "left".to_owned(),
        Outcome::Refused(why) => format!("refused: {why:?}"),
        Outcome::Failed(why) => format!("failed: {why:?}"),
    }
}
