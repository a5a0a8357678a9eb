//! What of the engine and the daemon lands where in a reply.

use maitred_engine::event::OobOutcome;
use maitred_engine::snapshot::OobWaitsFor;

use super::*;
use crate::status::samples::{NOW, Sample, exit_of, oob_end};

fn pool(sample: &Sample) -> v1::Pool {
    sample.reply().pools.remove(0)
}

fn reason_of(status: Option<ExitStatus>, blame: Option<&str>) -> String {
    reason::reason(&ExitFacts { status, blame: blame.map(str::to_owned), ..exit_of(1) })
}

#[test]
fn times_are_told_as_microseconds_since_1970() {
    let mut sample = Sample::serving();
    sample.pool().queue.peak_at = Time(5_000_000);
    let reply = sample.reply();
    assert_eq!(reply.uptime_us, 273_600_000_000);
    assert_eq!(reply.now_us, 1_700_273_600_000_000);
    assert_eq!(reply.pools[0].queue.unwrap().peak_at_us, 1_700_000_000_005_000);
}

#[test]
fn a_queue_that_never_waited_has_no_peak_time() {
    let queue = pool(&Sample::empty()).queue.unwrap();
    assert_eq!((queue.peak, queue.peak_at_us, queue.oldest_us), (0, 0, 0));
}

#[test]
fn the_sums_add_up() {
    let reply = Sample::serving().reply();
    let totals = reply.pools[0].totals.clone().unwrap();
    let ends = totals.done + totals.failed + totals.refused + totals.left;
    assert_eq!(totals.arrived, ends + totals.running + totals.queued);
    assert_eq!(totals.failed_by_reason["process_died"], 3);
    assert_eq!(totals.failed_by_reason["app_error"], 9);
    assert_eq!(totals.refused_by_reason["queue_full"], 187);
    let slots = reply.pools[0].slots.unwrap();
    assert_eq!(slots.total, 9);
    assert_eq!((slots.running, slots.deferred, slots.idle, slots.withdrawn), (3, 2, 2, 2));
}

#[test]
fn a_slot_is_one_letter() {
    let pool = pool(&Sample::serving());
    let slots: Vec<&str> = pool.processes.iter().map(|process| process.slots.as_str()).collect();
    assert_eq!(slots, ["RRD", "R..", "D--"]);
    assert_eq!(pool.processes[2].state, "draining");
}

#[test]
fn a_process_carries_what_it_said_of_itself() {
    let pool = pool(&Sample::serving());
    let process = &pool.processes[0];
    assert_eq!(process.runtime, "CPython 3.11.2");
    assert_eq!(process.readiness, "exact");
    assert_eq!(process.rss_bytes, 212 << 20);
    assert_eq!(process.last_request_us, 400_000);
}

#[test]
fn a_pool_is_ready_while_one_process_serves() {
    let mut sample = Sample::empty();
    assert_eq!(pool(&sample).readiness(), v1::Readiness::Booting);
    sample.process(4001, PhasePicture::Booting, "");
    assert_eq!(pool(&sample).readiness(), v1::Readiness::Booting);
    sample.pool().boot_failures = 1;
    assert_eq!(pool(&sample).readiness(), v1::Readiness::Failing);
    sample.process(4002, PhasePicture::Isolated, "-");
    assert_eq!(pool(&sample).readiness(), v1::Readiness::Ready);
    sample.snapshot.draining = true;
    assert_eq!(pool(&sample).readiness(), v1::Readiness::Draining);
    assert!(sample.reply().draining);
}

#[test]
fn what_a_request_waits_for_is_named() {
    let mut sample = Sample::empty();
    assert_eq!(pool(&sample).waiting_for, "");
    sample.waiting(3);
    assert_eq!(pool(&sample).waiting_for, "a process");

    sample.pool().boot_failures = 2;
    sample.pool().next_boot_at = Some(NOW + Duration::from_millis(1500));
    assert_eq!(pool(&sample).waiting_for, "the next boot in 1.5s (2 failed)");

    sample.process(4001, PhasePicture::Booting, "").process(4002, PhasePicture::Booting, "");
    assert_eq!(pool(&sample).waiting_for, "a boot (2 of 2, 3.1s)");

    sample.process(4003, PhasePicture::Serving, "R");
    assert_eq!(pool(&sample).waiting_for, "a slot or a boot (2 of 3, 3.1s)");
    assert_eq!(pool(Sample::serving().waiting(1)).waiting_for, "a slot");

    let mut small = Sample::empty();
    small.process(4004, PhasePicture::Out, "-").waiting(1);
    assert_eq!(pool(&small).waiting_for, "OOB of pid 4004");

    let mut alone = Sample::empty();
    alone.process(4001, PhasePicture::Isolated, "R-").waiting(1);
    assert_eq!(pool(&alone).waiting_for, "a suspect that runs alone");
}

#[test]
fn an_exit_is_explained_in_words() {
    let code = |code| Some(ExitStatus::Code(code));
    let signal = |signal| Some(ExitStatus::Signal(signal));
    assert_eq!(reason_of(code(3), None), "exited with code 3");
    assert_eq!(reason_of(signal(11), None), "signal 11 (SIGSEGV)");
    assert_eq!(reason_of(signal(9), None), "signal 9 (SIGKILL)");
    assert_eq!(reason_of(signal(40), None), "signal 40");
    assert_eq!(reason_of(None, None), "could not be started");
    assert_eq!(reason_of(None, Some("no such file")), "no such file");
}

#[test]
fn what_the_core_knows_of_an_exit_comes_first() {
    let blame = Some("killed: it did not boot in time");
    assert_eq!(reason_of(Some(ExitStatus::Signal(9)), blame), "killed: it did not boot in time");
    let blame = Some("unknown frame kind 99");
    let reason = reason_of(Some(ExitStatus::Code(1)), blame);
    assert_eq!(reason, "unknown frame kind 99 (exited with code 1)");
}

#[test]
fn out_of_memory_is_said_only_when_it_is_known() {
    let exit = ExitFacts { status: Some(ExitStatus::Signal(9)), out_of_memory: true, ..exit_of(1) };
    assert_eq!(reason::reason(&exit), "killed, out of memory");
    let other = ExitFacts { out_of_memory: false, ..exit };
    assert_eq!(reason::reason(&other), "signal 9 (SIGKILL)");
}

#[test]
fn a_pool_nobody_described_yet_is_shown_all_the_same() {
    let mut sample = Sample::serving();
    sample.facts.pools.clear();
    sample.facts.processes.clear();
    let pool = pool(&sample);
    assert_eq!(pool.name, "");
    assert_eq!(pool.processes.len(), 3);
}

#[test]
fn traffic_is_that_of_the_last_five_minutes() {
    let traffic = pool(&Sample::serving()).traffic.unwrap();
    assert_eq!(traffic.window_us, 270_000_000);
    assert_eq!(traffic.wait.unwrap().count, 28_000);
    assert!(traffic.deferred_share > 0.11 && traffic.deferred_share < 0.12, "{traffic:?}");
}

#[test]
fn slots_out_of_band_are_told_apart_from_others_that_are_withdrawn() {
    let pool = pool(Sample::serving().out_of_band());
    let slots = pool.slots.unwrap();
    assert_eq!((slots.total, slots.withdrawn, slots.out_of_band), (12, 2, 3));
    let out = pool.processes.iter().find(|process| process.pid == 4141).unwrap();
    assert_eq!((&*out.state, &*out.oob, &*out.slots), ("oob", "gc", "---"));
    assert_eq!(out.out_of_band_us, 3_600_000_000);
    let other = pool.processes.iter().find(|process| process.pid == 4121).unwrap();
    assert_eq!(other.oob, "", "what waits for its turn is not quiescing");
}

#[test]
fn an_ask_says_what_it_waits_for() {
    let waits_for = |what, concurrent, min_ready| {
        let mut sample = Sample::serving();
        let oob = &mut sample.out_of_band().pool().oob;
        (oob.concurrent, oob.min_ready) = (concurrent, min_ready);
        oob.asks[1].waits_for = Some(what);
        pool(&sample).oob.unwrap().asks[1].waits_for.clone()
    };
    assert_eq!(waits_for(OobWaitsFor::Limit, 1, 1), "one at a time");
    assert_eq!(waits_for(OobWaitsFor::Limit, 3, 1), "3 at a time");
    assert_eq!(waits_for(OobWaitsFor::Floor, 1, 1), "another process that serves");
    assert_eq!(waits_for(OobWaitsFor::Floor, 1, 2), "2 others that serve");
    assert_eq!(waits_for(OobWaitsFor::Slots, 1, 1), "its last requests");
    assert_eq!(waits_for(OobWaitsFor::Queue, 1, 1), "an empty queue");
}

#[test]
fn a_history_has_the_times_of_its_beginning_and_its_end() {
    let done = oob_end(4121, OobOutcome::Done, Some(Duration::from_millis(180)));
    let never = oob_end(4127, OobOutcome::Dropped, None);
    let history = Sample::serving().oob_history(&[done, never]).history;
    let asked = 1_700_273_540_000_000;
    let times: Vec<_> = history
        .iter()
        .map(|entry| (entry.requested_at_us, entry.started_at_us, entry.ended_at_us))
        .collect();
    assert_eq!(times[0], (asked, asked + 35_000, asked + 215_000));
    assert_eq!(times[1], (asked, 0, asked + 35_000));
}
