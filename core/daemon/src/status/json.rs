//! The status as JSON: for programs that do not speak gRPC.
//!
//! Names are those of the API, numbers are numbers (also 64 bits wide, unlike protobuf's own
//! JSON), and every field is there whatever its value, so that `jq` needs no defaults.

use maitred_proto::v1;
use serde_json::{Map, Value, json};

pub mod oob;

/// The whole reply.
#[must_use]
pub fn reply(reply: &v1::StatusReply) -> Value {
    json!({
        "version": reply.version,
        "pid": reply.pid,
        "instance": reply.instance,
        "root": reply.root,
        "now_us": reply.now_us,
        "uptime_us": reply.uptime_us,
        "listen": reply.listen,
        "connections": connections(&reply.connections.unwrap_or_default()),
        "buffers": buffers(&reply.buffers.unwrap_or_default()),
        "pools": list(&reply.pools, pool),
        "rss_bytes": reply.rss_bytes,
        "draining": reply.draining,
    })
}

/// The word for a readiness, here and in messages for people.
#[must_use]
pub fn readiness(readiness: v1::Readiness) -> &'static str {
    match readiness {
        v1::Readiness::Unspecified => "unspecified",
        v1::Readiness::Ready => "ready",
        v1::Readiness::Booting => "booting",
        v1::Readiness::Failing => "failing",
        v1::Readiness::Draining => "draining",
    }
}

fn list<T>(items: &[T], each: fn(&T) -> Value) -> Value {
    items.iter().map(each).collect()
}

fn connections(connections: &v1::Connections) -> Value {
    json!({
        "open": connections.open,
        "sending": connections.sending,
        "accepted": connections.accepted,
        "malformed": connections.malformed,
        "answered_by_core": connections.answered_by_core,
    })
}

fn buffers(buffers: &v1::Buffers) -> Value {
    json!({
        "memory_bytes": buffers.memory_bytes,
        "memory_max_bytes": buffers.memory_max_bytes,
        "spool_bytes": buffers.spool_bytes,
        "spool_max_bytes": buffers.spool_max_bytes,
    })
}

fn pool(pool: &v1::Pool) -> Value {
    json!({
        "name": pool.name,
        "kind": pool.kind,
        "environment": pool.environment,
        "generation": pool.generation,
        "generation_since_us": pool.generation_since_us,
        "interpreter": pool.interpreter,
        "revision": pool.revision,
        "readiness": readiness(pool.readiness()),
        "queue": queue(&pool.queue.unwrap_or_default()),
        "slots": slots(&pool.slots.unwrap_or_default()),
        "totals": pool.totals.as_ref().map_or_else(|| totals(&v1::Totals::default()), totals),
        "traffic": traffic(&pool.traffic.unwrap_or_default()),
        "processes": list(&pool.processes, process),
        "exits": list(&pool.exits, exit),
        "waiting_for": pool.waiting_for,
        "oob": oob::oob(&pool.oob.clone().unwrap_or_default()),
    })
}

fn queue(queue: &v1::Queue) -> Value {
    json!({
        "waiting": queue.waiting,
        "max": queue.max,
        "wait_max_us": queue.wait_max_us,
        "oldest_us": queue.oldest_us,
        "peak": queue.peak,
        "peak_at_us": queue.peak_at_us,
        "peak_oldest_us": queue.peak_oldest_us,
        "routing": routing(queue.routing()),
        "waiting_high": queue.waiting_high,
        "waiting_normal": queue.waiting_normal,
        "waiting_low": queue.waiting_low,
        "overloaded_us": queue.overloaded_us,
    })
}

/// The words of the setting.
fn routing(routing: v1::Routing) -> &'static str {
    match routing {
        v1::Routing::Unspecified => "unspecified",
        v1::Routing::Global => "global",
        v1::Routing::PerProcess => "per-process",
    }
}

fn slots(slots: &v1::Slots) -> Value {
    json!({
        "total": slots.total,
        "running": slots.running,
        "deferred": slots.deferred,
        "idle": slots.idle,
        "withdrawn": slots.withdrawn,
        "out_of_band": slots.out_of_band,
    })
}

fn totals(totals: &v1::Totals) -> Value {
    json!({
        "arrived": totals.arrived,
        "done": totals.done,
        "failed": totals.failed,
        "refused": totals.refused,
        "left": totals.left,
        "running": totals.running,
        "queued": totals.queued,
        "retried": totals.retried,
        "deferred": totals.deferred,
        "deferred_failed": totals.deferred_failed,
        "reconciled": totals.reconciled,
        "refused_by_reason": by_reason(&totals.refused_by_reason),
        "failed_by_reason": by_reason(&totals.failed_by_reason),
        "deferred_lost": totals.deferred_lost,
        "leases": leases(&totals.leases),
    })
}

fn by_reason<'a>(counts: impl IntoIterator<Item = (&'a String, &'a u64)>) -> Value {
    let object: Map<String, Value> =
        counts.into_iter().map(|(reason, count)| (reason.clone(), json!(count))).collect();
    Value::Object(object)
}

fn leases<'a>(leases: impl IntoIterator<Item = (&'a String, &'a v1::LeaseCounts)>) -> Value {
    let each = |(lease, counts): (&String, &v1::LeaseCounts)| {
        let counts = json!({
            "warned": counts.warned,
            "told": counts.told,
            "raised": counts.raised,
            "retired": counts.retired,
            "terminated": counts.terminated,
            "killed": counts.killed,
        });
        (lease.clone(), counts)
    };
    Value::Object(leases.into_iter().map(each).collect())
}

fn traffic(traffic: &v1::Traffic) -> Value {
    json!({
        "window_us": traffic.window_us,
        "requests_per_second": traffic.requests_per_second,
        "errors_5xx_share": traffic.errors_5xx_share,
        "refused": traffic.refused,
        "wait": quantiles(&traffic.wait.unwrap_or_default()),
        "service": quantiles(&traffic.service.unwrap_or_default()),
        "deferred": quantiles(&traffic.deferred.unwrap_or_default()),
        "delivery": quantiles(&traffic.delivery.unwrap_or_default()),
        "upload": quantiles(&traffic.upload.unwrap_or_default()),
        "deferred_share": traffic.deferred_share,
        "deferred_time_share": traffic.deferred_time_share,
    })
}

fn quantiles(quantiles: &v1::Quantiles) -> Value {
    json!({
        "count": quantiles.count,
        "p50_us": quantiles.p50_us,
        "p95_us": quantiles.p95_us,
        "p99_us": quantiles.p99_us,
        "max_us": quantiles.max_us,
    })
}

fn process(process: &v1::Process) -> Value {
    json!({
        "id": process.id,
        "pid": process.pid,
        "state": process.state,
        "oob": process.oob,
        "generation": process.generation,
        "slots": process.slots,
        "requests": process.requests,
        "last_request_us": process.last_request_us,
        "uptime_us": process.uptime_us,
        "cpu_share": process.cpu_share,
        "rss_bytes": process.rss_bytes,
        "running_us": process.running_us,
        "deferred_us": process.deferred_us,
        "idle_us": process.idle_us,
        "withdrawn_us": process.withdrawn_us,
        "out_of_band_us": process.out_of_band_us,
        "sdk": process.sdk,
        "runtime": process.runtime,
        "readiness": process.readiness,
        "queued": process.queued,
        "retired": process.retired,
    })
}

fn exit(exit: &v1::Exit) -> Value {
    json!({
        "id": exit.id,
        "pid": exit.pid,
        "ago_us": exit.ago_us,
        "reason": exit.reason,
        "booted": exit.booted,
        "last_lines": exit.last_lines,
        "replaced_in_us": exit.replaced_in_us,
    })
}

#[cfg(test)]
mod tests;
