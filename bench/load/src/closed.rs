//! The closed loop: N connections, each with one request on its way at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::RunArgs;
use crate::cpu::Usage;
use crate::http::Connection;

/// Digits that the latency histogram keeps. 3: finer than any run repeats.
const LATENCY_DIGITS: u8 = 3;

/// The longest latency that is told apart, in microseconds. 60 s: longer ones count as this.
const LATENCY_US_MAX: u64 = 60_000_000;

/// What was measured, one JSON object.
#[derive(Serialize)]
pub(crate) struct Report {
    requests: u64,
    errors: u64,
    /// The first error, so that a failed run explains itself.
    first_error: Option<String>,
    /// Connections opened again because the server had closed them.
    reopened: u64,
    seconds: f64,
    requests_per_second: f64,
    p50_us: u64,
    p99_us: u64,
    /// Processes whose CPU time was counted.
    processes: u32,
    cpu_us_per_request: f64,
    user_us_per_request: f64,
    system_us_per_request: f64,
}

/// What one connection, or all of them, saw.
struct Tally {
    latency_us: Histogram<u64>,
    errors: u64,
    first_error: Option<String>,
    reopened: u64,
}

impl Tally {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            latency_us: Histogram::new_with_max(LATENCY_US_MAX, LATENCY_DIGITS)?,
            errors: 0,
            first_error: None,
            reopened: 0,
        })
    }

    fn note(&mut self, took: Duration, result: anyhow::Result<()>) {
        if let Err(error) = result {
            self.errors += 1;
            self.first_error.get_or_insert_with(|| format!("{error:#}"));
        }
        self.latency_us.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    fn add(&mut self, other: Self) -> anyhow::Result<()> {
        self.latency_us.add(&other.latency_us)?;
        self.errors += other.errors;
        self.reopened += other.reopened;
        self.first_error = self.first_error.take().or(other.first_error);
        Ok(())
    }
}

pub(crate) async fn run(args: &RunArgs) -> anyhow::Result<Report> {
    let connections = (0..args.connections).map(|_| Connection::new(&args.target)).collect();
    let (connections, warmup) = phase(connections, args.warmup).await?;
    if let Some(error) = warmup.first_error {
        anyhow::bail!("the warm-up had {} errors, the first: {error}", warmup.errors);
    }
    let before = Usage::of_trees(&args.trees)?;
    let start = Instant::now();
    let (_, tally) = phase(connections, args.requests).await?;
    let took = start.elapsed();
    let used = Usage::of_trees(&args.trees)?.since(before);
    Ok(report(args.requests, took, used, tally))
}

/// Sends `requests` over `connections` and gives the connections back for the next phase.
async fn phase(
    connections: Vec<Connection>,
    requests: u64,
) -> anyhow::Result<(Vec<Connection>, Tally)> {
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|connection| tokio::spawn(repeat(connection, Arc::clone(&next), requests)))
        .collect();
    let mut connections = Vec::with_capacity(tasks.len());
    let mut total = Tally::new()?;
    for task in tasks {
        let (connection, tally) = task.await.context("a connection's task failed")??;
        connections.push(connection);
        total.add(tally)?;
    }
    Ok((connections, total))
}

async fn repeat(
    mut connection: Connection,
    next: Arc<AtomicU64>,
    requests: u64,
) -> anyhow::Result<(Connection, Tally)> {
    let mut tally = Tally::new()?;
    let reopened_before = connection.reopened;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= requests {
            break;
        }
        let start = Instant::now();
        let result = connection.request(number).await;
        tally.note(start.elapsed(), result);
    }
    tally.reopened = connection.reopened - reopened_before;
    Ok((connection, tally))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people: 52 bits are plenty")]
fn report(requests: u64, took: Duration, used: Usage, tally: Tally) -> Report {
    let per_request = |time: Duration| time.as_secs_f64() * 1e6 / requests.max(1) as f64;
    Report {
        requests,
        errors: tally.errors,
        first_error: tally.first_error,
        reopened: tally.reopened,
        seconds: took.as_secs_f64(),
        requests_per_second: requests as f64 / took.as_secs_f64(),
        p50_us: tally.latency_us.value_at_quantile(0.5),
        p99_us: tally.latency_us.value_at_quantile(0.99),
        processes: used.processes,
        cpu_us_per_request: per_request(used.user + used.system),
        user_us_per_request: per_request(used.user),
        system_us_per_request: per_request(used.system),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_is_reported_as_slow() {
        let mut tally = Tally::new().unwrap();
        tally.note(Duration::from_millis(250), Ok(()));
        let told = report(1, Duration::from_secs(1), Usage::default(), tally);
        assert!((250_000..251_000).contains(&told.p50_us), "{} us", told.p50_us);
    }
}
