//! Plays a trace: sends each request when its time has come, whatever became of those before it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::timer::Timer;
use super::{Item, PlayArgs};
use crate::http::Connection;

/// From the last preparation to time 0 of the trace: the first request must not be late.
const LEAD: Duration = Duration::from_millis(20);

/// How long the last answers may take after the last request was sent. Generous: a server that
/// is far too slow shall show how slow, and only one that never answers shall fail.
const LAST_ANSWER_MAX: Duration = Duration::from_secs(60);

/// What became of all requests; those of each one are in a file of their own.
#[derive(Serialize)]
pub(crate) struct Report {
    requests: u64,
    errors: u64,
    /// The first error, so that a failed run explains itself.
    first_error: Option<String>,
    seconds: f64,
    /// How long after its time a request was sent: how precise this client is. The latency
    /// includes it.
    late_p50_us: u64,
    late_p99_us: u64,
    late_max_us: u64,
    /// Requests that had no answer yet, at most.
    in_flight_max: u32,
    /// Connections opened over all, and those that were opened again because the server closed
    /// them.
    connections: u64,
    reopened: u64,
}

/// One answered request.
struct Done {
    number: usize,
    late: Duration,
    latency: Duration,
    result: anyhow::Result<()>,
}

/// Connections that are open and not in use, and counts of all.
struct Pool {
    idle: Vec<Connection>,
    opened: u64,
    reopened: u64,
    in_flight: u32,
    in_flight_max: u32,
}

pub(crate) async fn run(args: &PlayArgs, items: Vec<Item>) -> anyhow::Result<Report> {
    let pool = Arc::new(Mutex::new(open(args).await?));
    let start = Instant::now() + LEAD;
    let mut running = JoinSet::new();
    let mut timer = Timer::new()?;
    for (number, item) in items.iter().enumerate() {
        let at = start + Duration::from_micros(item.at);
        timer.sleep_until(at).await?;
        let path = format!("/{}/{}/{number}", item.service, item.deferred);
        let connection = take(&mut *pool.lock().await, args);
        running.spawn(one(connection, Arc::clone(&pool), (number, path), at));
    }
    let done = tokio::time::timeout(LAST_ANSWER_MAX, running.join_all())
        .await
        .with_context(|| format!("no answer {} s after the end", LAST_ANSWER_MAX.as_secs()))?;
    let took = start.elapsed();
    write_times(args, &items, &done)?;
    let pool = pool.lock().await;
    Ok(report(done, took, &pool))
}

/// Opens the connections, each proved by a request, so that the trace finds all of them warm.
async fn open(args: &PlayArgs) -> anyhow::Result<Pool> {
    let mut pool =
        Pool { idle: Vec::new(), opened: 0, reopened: 0, in_flight: 0, in_flight_max: 0 };
    for _ in 0..args.connections {
        let mut connection = Connection::to(args.server.address, args.fresh);
        connection.get("/0/0/0").await.context("the server does not answer before the trace")?;
        pool.opened += 1;
        pool.idle.push(connection);
    }
    Ok(pool)
}

/// The connection that has been idle for the shortest time: the others stay spare.
fn take(pool: &mut Pool, args: &PlayArgs) -> Connection {
    pool.in_flight += 1;
    pool.in_flight_max = pool.in_flight_max.max(pool.in_flight);
    pool.idle.pop().unwrap_or_else(|| {
        pool.opened += 1;
        Connection::to(args.server.address, args.fresh)
    })
}

async fn one(
    mut connection: Connection,
    pool: Arc<Mutex<Pool>>,
    (number, path): (usize, String),
    at: Instant,
) -> Done {
    let late = at.elapsed();
    let reopened = connection.reopened;
    let result = connection.get(&path).await.with_context(|| format!("GET {path}"));
    let latency = at.elapsed();
    let mut pool = pool.lock().await;
    pool.in_flight -= 1;
    pool.reopened += connection.reopened - reopened;
    pool.idle.push(connection);
    Done { number, late, latency, result }
}

fn write_times(args: &PlayArgs, items: &[Item], done: &[Done]) -> anyhow::Result<()> {
    let mut lines = vec![(0, 0); items.len()];
    for one in done {
        lines[one.number] = (one.late.as_micros(), one.latency.as_micros());
    }
    let mut text = String::new();
    for (item, (late, latency)) in items.iter().zip(lines) {
        writeln!(text, "{} {late} {latency}", item.at)?;
    }
    std::fs::write(&args.times, text)
        .with_context(|| format!("failed to write {}", args.times.display()))
}

fn report(done: Vec<Done>, took: Duration, pool: &Pool) -> Report {
    let mut late: Vec<Duration> = done.iter().map(|one| one.late).collect();
    late.sort_unstable();
    let late_at = |thousandth: usize| {
        let index = (late.len() * thousandth / 1000).min(late.len().saturating_sub(1));
        late.get(index).map_or(0, |late| u64::try_from(late.as_micros()).unwrap_or(u64::MAX))
    };
    let requests = done.len();
    let (late_p50_us, late_p99_us, late_max_us) = (late_at(500), late_at(990), late_at(1000));
    let mut errors = done.into_iter().filter_map(|one| one.result.err());
    let first_error = errors.next().map(|error| format!("{error:#}"));
    Report {
        requests: requests as u64,
        errors: u64::from(first_error.is_some()) + errors.count() as u64,
        first_error,
        seconds: took.as_secs_f64(),
        late_p50_us,
        late_p99_us,
        late_max_us,
        in_flight_max: pool.in_flight_max,
        connections: pool.opened,
        reopened: pool.reopened,
    }
}

#[cfg(test)]
mod tests;
