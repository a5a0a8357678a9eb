//! Out-of-band work: who is out, who waits, and in words for what.

use maitred_engine::event::{OobBy, OobOutcome};
use maitred_engine::id::ProcessId;
use maitred_engine::snapshot::{OobAskPicture, OobPicture, OobWaitsFor, PoolPicture};
use maitred_engine::time::Time;
use maitred_proto::v1;

use super::{Facts, us};
use crate::supervise::OobEnd;

/// The out-of-band work of a pool.
pub(super) fn oob(pool: &PoolPicture) -> v1::Oob {
    let oob = &pool.oob;
    let outcomes = pool.totals.oob.iter().map(|(how, count)| (outcome(*how).to_owned(), *count));
    v1::Oob {
        concurrent: oob.concurrent,
        min_ready: oob.min_ready,
        peak: oob.peak,
        small_pool: oob.small_pool,
        asks: oob.asks.iter().map(|it| ask(it, oob, pid_of(pool, it.process))).collect(),
        outcomes: outcomes.collect(),
        given_up: pool.totals.oob_given_up,
    }
}

/// What a process is quiescing or out for; empty: neither.
pub(super) fn kind_of(pool: &PoolPicture, process: ProcessId) -> String {
    let away = |it: &&OobAskPicture| matches!(it.waits_for, None | Some(OobWaitsFor::Slots));
    let ask = pool.oob.asks.iter().filter(away).find(|it| it.process == process);
    ask.map(|it| it.what.kind.clone()).unwrap_or_default()
}

/// What became of an ask.
pub(super) fn entry(end: &OobEnd, facts: &Facts) -> v1::OobEntry {
    let record = &end.record;
    let began = record.took.map_or(0, |_| facts.unix_us(record.asked_at + record.waited));
    v1::OobEntry {
        process: end.process.0,
        pid: end.pid,
        kind: record.what.kind.clone(),
        reason: record.what.reason.clone(),
        requested_by: by(record.what.by).to_owned(),
        requested_at_us: facts.unix_us(record.asked_at),
        started_at_us: began,
        ended_at_us: facts.unix_us(ended_at(end)),
        expected_us: record.what.expected.map_or(0, us),
        outcome: outcome(record.outcome).to_owned(),
        overdue: record.overdue,
        coalesced: record.coalesced,
        given_up: record.given_up,
    }
}

fn ended_at(end: &OobEnd) -> Time {
    end.record.asked_at + end.record.waited + end.record.took.unwrap_or_default()
}

fn ask(ask: &OobAskPicture, oob: &OobPicture, pid: u32) -> v1::OobAsk {
    v1::OobAsk {
        process: ask.process.0,
        pid,
        kind: ask.what.kind.clone(),
        reason: ask.what.reason.clone(),
        requested_by: by(ask.what.by).to_owned(),
        age_us: us(ask.age),
        expected_us: ask.what.expected.map_or(0, us),
        overdue: ask.overdue,
        coalesced: ask.coalesced,
        given_up: ask.given_up,
        waits_for: ask.waits_for.map(|what| waits_for(what, oob)).unwrap_or_default(),
        out_us: ask.out.map_or(0, us),
    }
}

fn pid_of(pool: &PoolPicture, process: ProcessId) -> u32 {
    let found = pool.processes.iter().find(|it| it.process == process);
    found.and_then(|it| it.pid).unwrap_or_default()
}

/// The reason why an ask has not begun, after "waits for" or by itself.
fn waits_for(what: OobWaitsFor, oob: &OobPicture) -> String {
    let text = match what {
        OobWaitsFor::Slots => "its last requests",
        OobWaitsFor::Limit if oob.concurrent == 1 => "one at a time",
        OobWaitsFor::Limit => return format!("{} at a time", oob.concurrent),
        OobWaitsFor::Floor if oob.min_ready == 1 => "another process that serves",
        OobWaitsFor::Floor => return format!("{} others that serve", oob.min_ready),
        OobWaitsFor::EmptyQueue => "an empty queue: the pool is too small to spare a process",
        OobWaitsFor::Queue => "an empty queue",
        OobWaitsFor::IdleSlot => "an idle slot elsewhere",
        OobWaitsFor::Process => "the process to serve again",
        OobWaitsFor::NextTry => "another try: it did not become empty",
    };
    text.to_owned()
}

fn by(by: OobBy) -> &'static str {
    match by {
        OobBy::App => "app",
        OobBy::Header => "header",
        OobBy::Operator => "operator",
    }
}

fn outcome(outcome: OobOutcome) -> &'static str {
    match outcome {
        OobOutcome::Done => "done",
        OobOutcome::Failed => "failed",
        OobOutcome::NoHandler => "no_handler",
        OobOutcome::Withdrawn => "withdrawn",
        OobOutcome::Dropped => "dropped",
        OobOutcome::Lost => "lost",
        OobOutcome::Overstayed => "overstayed",
    }
}
