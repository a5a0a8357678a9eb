//! The access log: one line per request, with the times that matter here.

use std::io::Write as _;

use maitred_engine::event::{Outcome, Times};
use serde_json::json;

use crate::clock::Clock;
use crate::exchange::Exchange;
use crate::process::output::Sink;

/// Writes lines to the core's standard output.
#[derive(Debug)]
pub struct Log {
    sink: Sink,
    json: bool,
    clock: Clock,
}

impl Log {
    /// `json`: one object per line instead of text.
    #[must_use]
    pub fn new(sink: Sink, json: bool, clock: Clock) -> Self {
        Self { sink, json, clock }
    }

    /// A request has its outcome.
    pub fn line(
        &self,
        exchange: &Exchange,
        (status, sent): (u16, u64),
        outcome: &Outcome,
        times: &Times,
    ) {
        let mut line = if self.json {
            self.object(exchange, (status, sent), outcome, times)
        } else {
            self.text(exchange, (status, sent), outcome, times)
        };
        line.push(b'\n');
        self.sink.push(&line);
    }

    fn object(
        &self,
        exchange: &Exchange,
        (status, sent): (u16, u64),
        outcome: &Outcome,
        times: &Times,
    ) -> Vec<u8> {
        let head = &exchange.head;
        let millis = |span: std::time::Duration| span.as_secs_f64() * 1e3;
        let object = json!({
            "timestamp": self.now(),
            "client": head.client.map(|ip| ip.to_string()),
            "method": head.method.as_str(),
            "target": head.uri.to_string(),
            "status": status,
            "bytes": sent,
            "wait_ms": millis(times.wait),
            "service_ms": times.service.map(millis),
            "delivery_ms": times.delivery.map(millis),
            "attempts": times.attempts,
            "outcome": word(outcome),
            "request_id": head.request_id(),
            "process": exchange.route().map(|route| route.process.0),
        });
        object.to_string().into_bytes()
    }

    fn text(
        &self,
        exchange: &Exchange,
        (status, sent): (u16, u64),
        outcome: &Outcome,
        times: &Times,
    ) -> Vec<u8> {
        let head = &exchange.head;
        let client = head.client.map_or_else(|| "unix".to_owned(), |ip| ip.to_string());
        let millis = |span: std::time::Duration| span.as_secs_f64() * 1e3;
        let mut line = Vec::with_capacity(200);
        // Writing to a Vec cannot fail.
        let _ = write!(
            line,
            "{client} {} \"{} {}\" {status} {sent} wait={:.1}ms",
            self.now(),
            head.method,
            head.uri,
            millis(times.wait),
        );
        if let Some(service) = times.service {
            let _ = write!(line, " service={:.1}ms", millis(service));
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

    fn now(&self) -> String {
        let micros = i64::try_from(self.clock.unix_us(self.clock.now())).unwrap_or(i64::MAX);
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
