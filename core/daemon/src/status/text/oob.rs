//! Out-of-band work for people: one line of the status, and the page that `maitred oob` prints.

use maitred_proto::v1;

use super::lines::{clean, clip, columns, fill};
use super::{COLUMNS, units};

/// Outcomes shown. Default 20: what fits on a screen; the JSON has more.
const SHOWN: usize = 20;

/// The page of `maitred oob`, ending in a line break.
#[must_use]
pub fn history(reply: &v1::OobHistoryReply) -> String {
    let mut out = String::new();
    for pool in &reply.pools {
        page(&mut out, pool);
    }
    if reply.history.is_empty() {
        out.push_str("\nnothing was done out of band yet; to begin: maitred oob run --all\n");
        return out;
    }
    out.push_str("\n    PID KIND     BY       OUTCOME     AGO  WAITED    TOOK  REASON\n");
    for entry in reply.history.iter().take(SHOWN) {
        out.push_str(&line(entry, reply.now_us));
    }
    if reply.history.len() > SHOWN {
        let more = reply.history.len() - SHOWN;
        out.push_str(&format!("    and {more} before these: maitred oob --json\n"));
    }
    out
}

/// One line of the status; nothing where nobody ever asked.
pub(super) fn summary(oob: &v1::Oob) -> String {
    if oob.asks.is_empty() && oob.outcomes.is_empty() {
        return String::new();
    }
    let (out, waiting): (Vec<_>, Vec<_>) =
        oob.asks.iter().partition(|ask| ask.waits_for.is_empty());
    let mut parts = vec![format!("{} of {} out", out.len(), oob.concurrent)];
    if !out.is_empty() {
        let who = out.iter().map(|ask| {
            format!("pid {} {} {}", ask.pid, clip(&ask.kind, 16), units::seconds(ask.out_us))
        });
        parts[0] = format!("{}: {}", parts[0], who.collect::<Vec<_>>().join(", "));
    }
    if let Some(first) = waiting.first() {
        let late = if first.overdue { ", overdue" } else { "" };
        let (count, pid, why) = (waiting.len(), first.pid, &first.waits_for);
        parts.push(format!("{count} waiting: pid {pid}{late}, {}", clean(why)));
    } else if out.is_empty() {
        parts.push(outcomes(oob));
    }
    fill("  oob        ", &parts, "    ", "             ")
}

fn page(out: &mut String, pool: &v1::OobPool) {
    let nothing = v1::Oob::default();
    let oob = pool.oob.as_ref().unwrap_or(&nothing);
    let away = oob.asks.iter().filter(|ask| ask.waits_for.is_empty()).count();
    let mut parts = vec![
        clean(&pool.name),
        format!("{away} of {} out", oob.concurrent),
        format!("most at once {}", oob.peak),
        format!("{} must serve", oob.min_ready),
    ];
    if !oob.outcomes.is_empty() {
        parts.push(outcomes(oob));
    }
    out.push_str(&fill("", &parts, "   ", "    "));
    if oob.small_pool {
        out.push_str("  too few processes to spare one: done on an empty queue only\n");
    }
    for ask in &oob.asks {
        out.push_str(&open(ask));
    }
}

/// What is out or waits.
fn open(ask: &v1::OobAsk) -> String {
    let state = match ask.waits_for.as_str() {
        "" => format!("out for {}", units::seconds(ask.out_us)),
        what => format!("waits: {}", clean(what)),
    };
    let mut parts = vec![
        format!("{:>7} {:<8} {state}", ask.pid, clip(&ask.kind, 8)),
        format!("asked {} ago by {}", units::seconds(ask.age_us), clean(&ask.requested_by)),
    ];
    parts.extend(notes(&ask.reason, ask.coalesced, ask.overdue));
    fill("", &parts, ", ", "                 ")
}

fn line(entry: &v1::OobEntry, now_us: u64) -> String {
    let ago = units::rough(now_us.saturating_sub(entry.ended_at_us));
    let began = if entry.started_at_us > 0 { entry.started_at_us } else { entry.ended_at_us };
    let waited = units::latency(began.saturating_sub(entry.requested_at_us));
    let took = match entry.started_at_us {
        0 => "-".to_owned(),
        began => units::latency(entry.ended_at_us.saturating_sub(began)),
    };
    let (pid, kind, by) = (entry.pid, clip(&entry.kind, 8), clip(&entry.requested_by, 8));
    let outcome = clip(&entry.outcome, 10);
    let head = format!("{pid:>7} {kind:<8} {by:<8} {outcome:<10} {ago:>4} {waited:>7} {took:>7}");
    let why = notes(&entry.reason, entry.coalesced, entry.overdue).join("; ");
    let room = COLUMNS.saturating_sub(columns(&head) + 2);
    let text = format!("{head}  {}", clip(&why, room));
    format!("{}\n", text.trim_end())
}

/// Why it was asked for, and what was unusual.
fn notes(reason: &str, coalesced: u32, overdue: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if overdue {
        notes.push("overdue".to_owned());
    }
    if coalesced > 0 {
        notes.push(format!("{} asks", coalesced + 1));
    }
    if !reason.is_empty() {
        notes.push(clean(reason));
    }
    notes
}

fn outcomes(oob: &v1::Oob) -> String {
    let mut all: Vec<_> = oob.outcomes.iter().collect();
    // The usual one first, then those that somebody should look at.
    all.sort_by_key(|(how, _)| (how.as_str() != "done", how.as_str()));
    let words = all.into_iter().map(|(how, count)| format!("{} {count}", clean(how)));
    words.collect::<Vec<_>>().join("  ")
}
