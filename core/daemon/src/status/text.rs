//! The status as a person reads it: 80 columns, ASCII, nothing that is not needed.
//!
//! Long things (listeners, sums) wrap; the end of a dead process's output is shown as it is,
//! since that is the part that somebody will want to copy.

use maitred_proto::v1;

use super::json;

mod lines;
pub mod oob;
mod table;
mod units;

use lines::{clean, fill, right};

/// What a terminal has at least.
const COLUMNS: usize = 80;

/// Exits shown per pool. Default 3: more are history, which the JSON has.
const EXITS_SHOWN: usize = 3;

/// The whole picture, ending in a line break.
#[must_use]
pub fn render(reply: &v1::StatusReply) -> String {
    let mut out = head(reply);
    if reply.pools.is_empty() {
        out.push_str("\nno app is served yet\n");
    }
    for one in &reply.pools {
        out.push('\n');
        pool(&mut out, one, reply.now_us);
    }
    out.push_str("More: maitred oob | maitred status --watch | maitred status --json\n");
    out
}

fn head(reply: &v1::StatusReply) -> String {
    let connections = reply.connections.unwrap_or_default();
    let mut parts = vec![
        format!("maitred {} (pid {})", clean(&reply.version), reply.pid),
        format!("up {}", units::span(reply.uptime_us)),
    ];
    // HTTP goes without saying.
    let addresses = reply.listen.iter().map(|url| url.strip_prefix("http://").unwrap_or(url));
    parts.extend(addresses.map(clean));
    parts.push(format!("{} clients, {} sending", connections.open, connections.sending));
    let mut out = fill("", &parts, "   ", "  ");

    let buffers = reply.buffers.unwrap_or_default();
    if buffers.memory_bytes > 0 || buffers.spool_bytes > 0 {
        out.push_str(&format!(
            "  bodies held: {} of {} in memory, {} of {} on disk\n",
            units::bytes(buffers.memory_bytes),
            units::bytes(buffers.memory_max_bytes),
            units::bytes(buffers.spool_bytes),
            units::bytes(buffers.spool_max_bytes),
        ));
    }
    if connections.malformed > 0 || connections.answered_by_core > 0 {
        out.push_str(&format!(
            "  outside of any app: {} malformed, {} answered by the core\n",
            connections.malformed, connections.answered_by_core,
        ));
    }
    out
}

fn pool(out: &mut String, pool: &v1::Pool, now_us: u64) {
    out.push_str(&title(pool, now_us));
    if pool.readiness() != v1::Readiness::Ready && !pool.interpreter.is_empty() {
        out.push_str(&format!("  runs       {}\n", clean(&pool.interpreter)));
    }
    out.push_str(&queue(pool, now_us));
    if !pool.waiting_for.is_empty() {
        out.push_str(&format!("  waiting for: {}\n", clean(&pool.waiting_for)));
    }
    out.push_str(&slots(&pool.slots.unwrap_or_default()));
    out.push_str(&traffic(&pool.traffic.unwrap_or_default()));
    out.push_str(&oob::summary(&pool.oob.clone().unwrap_or_default()));
    out.push('\n');
    if !pool.processes.is_empty() {
        table::draw(out, &pool.processes);
    }
    exits(out, pool);
    if !pool.processes.is_empty() {
        out.push_str(table::LEGEND);
    }
    if !pool.processes.is_empty() || !pool.exits.is_empty() {
        out.push('\n');
    }
    sums(out, &pool.totals.clone().unwrap_or_default());
}

fn title(pool: &v1::Pool, now_us: u64) -> String {
    let mut parts = vec![clean(&pool.name)];
    let what: Vec<String> = [&pool.kind, &pool.environment]
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(|word| clean(word))
        .collect();
    if !what.is_empty() {
        parts.push(what.join(", "));
    }
    if !pool.revision.is_empty() {
        parts.push(format!("rev {}", clean(&pool.revision)));
    }
    let since = now_us.saturating_sub(pool.generation_since_us);
    parts.push(format!("generation {} since {}", pool.generation, units::span(since)));
    right(&parts.join("   "), &json::readiness(pool.readiness()).to_uppercase(), COLUMNS)
}

fn queue(pool: &v1::Pool, now_us: u64) -> String {
    let queue = pool.queue.unwrap_or_default();
    let oldest = match queue.oldest_us {
        0 => String::new(),
        oldest => format!(", oldest {}", units::seconds(oldest)),
    };
    let mut parts = vec![format!(
        "{} waiting{oldest} (max {}, {})",
        queue.waiting,
        queue.max,
        units::seconds(queue.wait_max_us),
    )];
    if queue.waiting_high + queue.waiting_low > 0 {
        let v1::Queue { waiting_high, waiting_normal, waiting_low, .. } = queue;
        parts.push(format!("high {waiting_high}, normal {waiting_normal}, low {waiting_low}"));
    }
    if queue.overloaded_us > 0 {
        let since = units::seconds(queue.overloaded_us);
        parts.push(format!("OVERLOADED for {since}: newest first"));
    }
    if queue.routing() == v1::Routing::PerProcess {
        let longest = pool.processes.iter().map(|process| process.queued).max();
        parts.push(format!("a line per process, longest {}", longest.unwrap_or_default()));
    }
    if queue.peak > 0 {
        parts.push(format!(
            "peak {}, oldest {}, {} ago",
            queue.peak,
            units::seconds(queue.peak_oldest_us),
            units::rough(now_us.saturating_sub(queue.peak_at_us)),
        ));
    }
    fill("  queue      ", &parts, "    ", "             ")
}

fn slots(slots: &v1::Slots) -> String {
    let mut text = format!(
        "  slots      {} = {} running + {} deferred + {} idle",
        slots.total, slots.running, slots.deferred, slots.idle,
    );
    if slots.withdrawn > 0 {
        text.push_str(&format!(" + {} withdrawn", slots.withdrawn));
    }
    if slots.out_of_band > 0 {
        text.push_str(&format!(" + {} out of band", slots.out_of_band));
    }
    text + "\n"
}

fn traffic(traffic: &v1::Traffic) -> String {
    let rates = format!(
        "  traffic    {} req/s    {} 5xx    {} refused",
        units::rate(traffic.requests_per_second),
        units::percent(traffic.errors_5xx_share),
        traffic.refused,
    );
    let mut out = right(&rates, &format!("last {}", units::window(traffic.window_us)), 74);
    let deferred = format!(
        "{} of requests, {} of slot time",
        units::percent(traffic.deferred_share),
        units::percent(traffic.deferred_time_share),
    );
    out.push_str(&format!("  {:<11}{:>9}{:>8}{:>8}\n", "", "p50", "p95", "p99"));
    let rows = [
        ("wait", traffic.wait, "arrival to dispatch"),
        ("service", traffic.service, "dispatch to response complete"),
        ("deferred", traffic.deferred, deferred.as_str()),
    ];
    for (name, quantiles, note) in rows {
        let quantiles = quantiles.unwrap_or_default();
        let show = |us| match quantiles.count {
            0 => "-".to_owned(),
            _ => units::latency(us),
        };
        out.push_str(&format!(
            "  {name:<11}{:>9}{:>8}{:>8}    {note}\n",
            show(quantiles.p50_us),
            show(quantiles.p95_us),
            show(quantiles.p99_us),
        ));
    }
    out
}

/// The latest exits, and what the newest one wrote last if its app never came up.
fn exits(out: &mut String, pool: &v1::Pool) {
    for (place, exit) in pool.exits.iter().take(EXITS_SHOWN).enumerate() {
        let pid = if exit.pid == 0 { "-".to_owned() } else { exit.pid.to_string() };
        let mut parts = vec![
            format!("ended {} ago:", units::age(exit.ago_us)),
            format!("{}{}", clean(&exit.reason), if exit.booted { "" } else { "; never ready" }),
        ];
        if exit.replaced_in_us > 0 {
            parts.push(format!("; replaced in {}", units::seconds(exit.replaced_in_us)));
        }
        let text = parts.join(" ").replace(" ;", ";");
        out.push_str(&format!("{pid:>7} {text}\n"));
        if place == 0 && !exit.booted && exit.replaced_in_us == 0 {
            for line in &exit.last_lines {
                out.push_str(&format!("        | {}\n", clean(line)));
            }
        }
    }
}

fn sums(out: &mut String, totals: &v1::Totals) {
    let terms = [
        format!("done {}", totals.done),
        format!("+ failed {}", totals.failed),
        format!("+ refused {}", totals.refused),
        format!("+ left {}", totals.left),
        format!("+ running {}", totals.running),
        format!("+ queued {}", totals.queued),
    ];
    let start = format!("  arrived {} = ", totals.arrived);
    let indent = " ".repeat(start.len());
    out.push_str(&fill(&start, &terms, " ", &indent));
    reasons(out, "failed", totals.failed_by_reason.iter());
    reasons(out, "refused", totals.refused_by_reason.iter());
    let odd = [
        ("retried in another process", totals.retried),
        ("pieces of deferred work failed", totals.deferred_failed),
        ("deferred work lost with its process", totals.deferred_lost),
        ("slots freed by reconciliation", totals.reconciled),
    ];
    for (what, count) in odd.into_iter().filter(|(_, count)| *count > 0) {
        out.push_str(&format!("  {what}: {count}\n"));
    }
    overstayed(out, totals);
}

/// What was done about what overstayed.
fn overstayed(out: &mut String, totals: &v1::Totals) {
    let mut leases: Vec<_> = totals.leases.iter().collect();
    leases.sort_by_key(|(lease, _)| *lease);
    let term = |(lease, counts): (&String, &v1::LeaseCounts)| {
        let steps = [
            ("warned", counts.warned),
            ("told", counts.told),
            ("raised", counts.raised),
            ("retired", counts.retired),
            ("terminated", counts.terminated),
            ("killed", counts.killed),
        ];
        let taken = steps.iter().filter(|(_, count)| *count > 0);
        let steps: Vec<_> = taken.map(|(step, count)| format!("{count} {step}")).collect();
        format!("{} {}", clean(lease), steps.join(", "))
    };
    let terms: Vec<String> = leases.into_iter().map(term).collect();
    if !terms.is_empty() {
        out.push_str(&fill("  overstayed: ", &terms, "  ", "    "));
    }
}

fn reasons<'a>(out: &mut String, what: &str, counts: impl Iterator<Item = (&'a String, &'a u64)>) {
    let mut counts: Vec<_> = counts.filter(|(_, count)| **count > 0).collect();
    counts.sort();
    let terms: Vec<String> =
        counts.into_iter().map(|(reason, count)| format!("{} {count}", clean(reason))).collect();
    if !terms.is_empty() {
        out.push_str(&fill(&format!("  {what}: "), &terms, "  ", "    "));
    }
}

#[cfg(test)]
mod tests;
