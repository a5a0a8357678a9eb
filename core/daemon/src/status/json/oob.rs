//! Out-of-band work as JSON: within the status, and as the history that `maitred oob` shows.

use maitred_proto::v1;
use serde_json::{Value, json};

use super::{by_reason, list};

/// The whole history.
#[must_use]
pub fn history(reply: &v1::OobHistoryReply) -> Value {
    json!({
        "now_us": reply.now_us,
        "pools": list(&reply.pools, pool),
        "history": list(&reply.history, entry),
    })
}

fn pool(pool: &v1::OobPool) -> Value {
    let nothing = v1::Oob::default();
    json!({ "name": pool.name, "oob": oob(pool.oob.as_ref().unwrap_or(&nothing)) })
}

/// The out-of-band work of a pool.
pub(super) fn oob(oob: &v1::Oob) -> Value {
    json!({
        "concurrent": oob.concurrent,
        "min_ready": oob.min_ready,
        "peak": oob.peak,
        "small_pool": oob.small_pool,
        "asks": list(&oob.asks, ask),
        "outcomes": by_reason(&oob.outcomes),
        "given_up": oob.given_up,
    })
}

fn ask(ask: &v1::OobAsk) -> Value {
    json!({
        "process": ask.process,
        "pid": ask.pid,
        "kind": ask.kind,
        "reason": ask.reason,
        "requested_by": ask.requested_by,
        "age_us": ask.age_us,
        "expected_us": ask.expected_us,
        "overdue": ask.overdue,
        "coalesced": ask.coalesced,
        "given_up": ask.given_up,
        "waits_for": ask.waits_for,
        "out_us": ask.out_us,
    })
}

fn entry(entry: &v1::OobEntry) -> Value {
    json!({
        "process": entry.process,
        "pid": entry.pid,
        "kind": entry.kind,
        "reason": entry.reason,
        "requested_by": entry.requested_by,
        "requested_at_us": entry.requested_at_us,
        "started_at_us": entry.started_at_us,
        "ended_at_us": entry.ended_at_us,
        "expected_us": entry.expected_us,
        "outcome": entry.outcome,
        "overdue": entry.overdue,
        "coalesced": entry.coalesced,
        "given_up": entry.given_up,
    })
}
