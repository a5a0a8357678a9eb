//! What the oldest waiting request waits for: the line that explains a slow moment.

use std::time::Duration;

use maitred_engine::snapshot::{PhasePicture, PoolPicture, ProcessPicture};
use maitred_engine::time::Time;

/// Empty when nothing waits.
pub(super) fn waiting_for(pool: &PoolPicture, now: Time) -> String {
    if pool.queue.waiting == 0 {
        return String::new();
    }
    let in_phase = |phase| pool.processes.iter().filter(move |process| process.phase == phase);
    let serving = pool.processes.iter().filter(|process| super::serves(process.phase)).count();
    let isolated = in_phase(PhasePicture::Isolated).count();
    let boot = in_phase(PhasePicture::Booting)
        .map(|process| now.since(process.spawned_at))
        .max()
        .map(|longest| boot(pool, longest));

    let mut parts = Vec::new();
    if serving > 0 {
        parts.push("a slot".to_owned());
    } else if isolated > 0 {
        parts.push("a suspect that runs alone".to_owned());
    }
    parts.extend(boot);
    parts.extend(out_of_band(pool));
    if parts.is_empty() {
        parts.push(next_boot(pool, now));
    }
    parts.join(" or ")
}

/// How many of the pool's processes are booting, and for how long the first of them has been.
fn boot(pool: &PoolPicture, longest: Duration) -> String {
    let booting = pool.processes.iter().filter(|p| p.phase == PhasePicture::Booting).count();
    format!("a boot ({booting} of {}, {:.1}s)", pool.processes.len(), longest.as_secs_f64())
}

/// The processes that are kept from requests for out-of-band work.
fn out_of_band(pool: &PoolPicture) -> Option<String> {
    let away = |process: &&ProcessPicture| {
        matches!(process.phase, PhasePicture::Quiescing | PhasePicture::Out)
    };
    let away = pool.processes.iter().filter(away);
    let pids: Vec<String> =
        away.map(|process| process.pid.unwrap_or_default().to_string()).collect();
    (!pids.is_empty()).then(|| format!("OOB of pid {}", pids.join(", ")))
}

fn next_boot(pool: &PoolPicture, now: Time) -> String {
    match pool.next_boot_at {
        Some(at) => {
            let left = at.since(now).as_secs_f64();
            format!("the next boot in {left:.1}s ({} failed)", pool.boot_failures)
        }
        None => "a process".to_owned(),
    }
}
