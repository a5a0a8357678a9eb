//! The table of processes.

use maitred_proto::v1::Process;

use super::lines::{clean, clip, columns};
use super::units;

/// Widest slot map shown letter by letter. Default 11: what is left of 80 columns.
const LETTERS_MAX: usize = 11;

/// Width of the column of states, unless one is longer. Default 8: the usual ones.
const STATE_MIN: usize = 8;

/// Widest kind of out-of-band work. Default 5: the whole state is then as wide as the longest.
const KIND_MAX: usize = 5;

pub(super) const LEGEND: &str =
    "   R running  D deferred: response sent, slot not free  . idle  - withdrawn\n";

pub(super) fn draw(out: &mut String, processes: &[Process]) {
    let widths = processes.iter().map(|process| columns(&slot_map(&process.slots)));
    let slots = widths.max().unwrap_or_default().max("SLOTS".len());
    let head = [
        "PID", "STATE", "SLOTS", "REQUESTS", "LAST", "UP", "CPU", "RSS", "RUN", "DEF", "OOB",
        "IDLE",
    ];
    let states = processes.iter().map(|process| columns(&state(process))).max();
    let widths = (states.unwrap_or_default().max(STATE_MIN), slots);
    out.push_str(&line(&head.map(str::to_owned), widths));
    for process in processes {
        out.push_str(&line(&cells(process), widths));
    }
}

/// One line, with columns wide enough for every state and every slot map.
fn line(cells: &[String; 12], (states, slots): (usize, usize)) -> String {
    let [pid, state, map, requests, last, up, cpu, rss, running, deferred, out, idle] = cells;
    let who = format!("{pid:>7} {state:<states$} {map:<slots$} {requests:>8} {last:>4} {up:>6}");
    let cost = format!("{cpu:>4} {rss:>5}");
    format!("{who} {cost}  {running:>5} {deferred:>4} {out:>4} {idle:>4}\n")
}

fn cells(process: &Process) -> [String; 12] {
    let last = match process.requests {
        0 => "-".to_owned(),
        _ => units::rough(process.last_request_us),
    };
    let [running, deferred, out, idle, _] = shares([
        process.running_us,
        process.deferred_us,
        process.out_of_band_us,
        process.idle_us,
        process.withdrawn_us,
    ]);
    [
        pid(process.pid),
        state(process),
        slot_map(&process.slots),
        process.requests.to_string(),
        last,
        units::age(process.uptime_us),
        units::whole_percent(process.cpu_share),
        units::bytes(process.rss_bytes),
        running,
        deferred,
        out,
        idle,
    ]
}

/// With what it is out for: "oob gc".
fn state(process: &Process) -> String {
    match process.state.as_str() {
        "oob" => format!("oob {}", clip(&process.oob, KIND_MAX)),
        state => clean(state),
    }
}

/// 0 until the operating system has given it one.
fn pid(pid: u32) -> String {
    if pid == 0 { "-".to_owned() } else { pid.to_string() }
}

/// What part of the slots' time each state took.
fn shares<const N: usize>(times: [u64; N]) -> [String; N] {
    let sum: u64 = times.iter().sum();
    times.map(|time| match sum {
        0 => "-".to_owned(),
        _ => units::whole_percent(time as f64 / sum as f64),
    })
}

/// One letter per slot, or, where these are too many, how many of each.
fn slot_map(slots: &str) -> String {
    if columns(slots) <= LETTERS_MAX {
        return clean(slots);
    }
    let count = |letter: char| slots.chars().filter(|slot| *slot == letter).count();
    ['R', 'D', '.', '-']
        .into_iter()
        .map(|letter| (letter, count(letter)))
        .filter(|(_, count)| *count > 0)
        .map(|(letter, count)| format!("{count}{letter}"))
        .collect()
}
