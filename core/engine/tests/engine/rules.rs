//! One promise per rule, in the rule's own words. The stories of the steps tell the details.

use maitred_engine::event::{Input, Output};
use maitred_engine::limits::PoolLimits;
use maitred_engine::time::Time;
use maitred_engine::{Engine, STATE_FORMAT};

use crate::script::{SAFE, Script, limits, ms, time};

fn pool(processes: u32) -> PoolLimits {
    PoolLimits { processes, ..limits() }
}

#[test]
fn r1_only_ready_or_death_ends_the_occupancy_of_a_slot() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive("a").arrive("next").complete("p1.0").delivered("a").at(24_000);
    assert_eq!(t.pool().slots.deferred, 1);
    assert_eq!(t.pool().totals.queued, 1, "next waits, although a was delivered long ago");
    t.ready("p1.0");
    assert_eq!(t.sent(), [("next".to_owned(), "p1.0".to_owned())]);
    t.gone("next");
    assert_eq!(t.pool().slots.running, 1, "its client is gone, the slot is taken");
    t.link_lost(1, &[]);
    assert_eq!(t.pool().slots.running, 0);
}

#[test]
fn r2_no_request_waits_while_a_slot_is_idle() {
    // A sequential client never waits behind a deferred slot while another process is idle.
    let mut t = Script::serving(pool(2), 1);
    let mut slot = String::new();
    for request in 0..20_u64 {
        t.at(request * 200);
        if request > 1 {
            // The work after the last response but one took 300 ms.
            let other = if slot == "p1.0" { "p2.0" } else { "p1.0" };
            t.ready(other);
        }
        t.arrive(&format!("r{request}"));
        slot = t.sent().first().expect("it does not wait").1.clone();
        t.complete(&slot).delivered(&format!("r{request}"));
    }
    assert_eq!(t.pool().queue.longest_wait, ms(0));
}

#[test]
fn r3_first_come_first_served() {
    let mut t = Script::serving(pool(1), 1);
    let mut order = Vec::new();
    for request in 0..10 {
        t.arrive(&format!("r{request}"));
        order.extend(t.sent());
    }
    for _ in 0..9 {
        t.done("p1.0");
        order.extend(t.sent());
    }
    let order: Vec<_> = order.into_iter().map(|(name, _)| name).collect();
    assert_eq!(order, (0..10).map(|request| format!("r{request}")).collect::<Vec<_>>());
}

#[test]
fn r4_every_request_has_exactly_one_outcome() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 1, ..pool(1) }, 1);
    let mut ended = Vec::new();
    let mut note = |t: &Script| {
        let end = |output: &Output| match output {
            Output::Ended { request, .. } => Some(request.0),
            _ => None,
        };
        ended.extend(t.outputs.iter().filter_map(end));
    };
    t.arrive("completed").arrive("left").arrive("refused");
    note(&t);
    t.gone("left");
    note(&t);
    t.gone("left").complete("p1.0").delivered("completed");
    note(&t);
    t.gone("completed").delivered("completed").ready("p1.0").arrive("failed").link_lost(1, &[]);
    note(&t);
    t.exited(1);
    note(&t);
    ended.sort_unstable();
    assert_eq!(ended, [1, 2, 3, 4]);
    let totals = t.pool().totals;
    assert_eq!((totals.arrived, totals.completed, totals.abandoned), (4, 1, 1));
}

#[test]
fn r5_the_queue_is_bounded_in_length_and_in_time() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 5, ..pool(1) }, 1);
    for request in 0..10 {
        t.arrive(&format!("r{request}"));
    }
    assert_eq!(t.pool().totals.refused.values().sum::<u64>(), 4);
    assert_eq!(t.engine.next_deadline(), Some(time(25_000)));
    t.at(25_000);
    assert_eq!(t.pool().totals.queued, 0);
}

#[test]
fn r6_a_client_that_leaves_while_running_is_told_to_the_app() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive("a").gone("a");
    assert!(matches!(t.outputs[0], Output::Cancel { .. }));
    assert_eq!(t.pool().slots.running, 1);
}

#[test]
fn r9_a_process_that_cannot_boot_fails_no_request() {
    let mut t = Script::new(pool(2));
    t.hello(1, 1);
    let mut process = 2;
    for request in 0..50_u64 {
        t.at(request * 1_000).arrive(&format!("r{request}")).done("p1.0");
        t.delivered(&format!("r{request}"));
        let pictures = t.pool().processes;
        if let Some(booting) = pictures.iter().find(|it| it.process.0 >= process) {
            process = booting.process.0 + 1;
            t.exited(process - 1);
        }
    }
    assert_eq!(t.pool().totals.completed, 50);
    assert!(t.pool().boot_failures > 3, "{}", t.pool().boot_failures);
}

#[test]
fn r10_gauges_are_the_slot_table() {
    let mut t = Script::serving(pool(2), 3);
    t.arrive("a").arrive("b").arrive("c").complete("p1.0").drain_wanted(2).hello(3, 3);
    // p2 drains: its idle slots are withdrawn. `Script` compares sums after every step.
    let slots = t.pool().slots;
    assert_eq!((slots.running, slots.deferred, slots.idle, slots.withdrawn), (2, 1, 5, 1));
}

/// A story with a bit of everything.
fn long_story() -> Vec<(Time, Input)> {
    use maitred_engine::id::{ProcessId, RequestId, SlotId};
    let pool = crate::script::POOL;
    let slot = |process, index| SlotId { process: ProcessId(process), index };
    let arrive = |request| Input::Arrived { request: RequestId(request), pool, traits: SAFE };
    let lost = |process| Input::LinkLost { process: ProcessId(process), unstarted: vec![1] };
    let hello = |process| Input::Hello { process: ProcessId(process), slots: 2 };
    let inputs = vec![
        Input::PoolAdded { pool, limits: Box::new(self::pool(2)) },
        hello(1),
        hello(2),
        arrive(1),
        arrive(2),
        arrive(3),
        arrive(4),
        arrive(5),
        arrive(6),
        Input::ResponseComplete { slot: slot(1, 0) },
        Input::ClientGone { request: RequestId(5) },
        lost(1),
        Input::Ready { slot: slot(2, 0) },
        hello(3),
        Input::ResponseStarted { slot: slot(2, 1) },
        Input::Detached { slot: slot(2, 1) },
        Input::Ready { slot: slot(2, 1) },
        lost(3),
        Input::DrainWanted { process: ProcessId(2) },
        hello(4),
        arrive(7),
        Input::Drain { stop_at: time(500) },
        Input::Tick,
        lost(2),
        Input::Tick,
    ];
    (1..).map(|step| time(step * 25)).zip(inputs).collect()
}

#[test]
fn r11_the_same_inputs_give_the_same_outputs_also_from_a_written_state() {
    fn run(engine: &mut Engine, inputs: &[(Time, Input)]) -> Vec<Output> {
        let mut outputs = Vec::new();
        for (now, input) in inputs {
            engine.handle(*now, input.clone());
            engine.check_invariants();
            outputs.extend(std::iter::from_fn(|| engine.poll_output()));
        }
        outputs
    }
    let story = long_story();
    let whole = run(&mut Engine::new(), &story);
    assert!(whole.len() > 30, "the story is too short: {}", whole.len());
    for cut in 0..story.len() {
        let mut engine = Engine::new();
        let mut outputs = run(&mut engine, &story[..cut]);
        let written = serde_json::to_string(&engine).unwrap();
        let mut restored: Engine = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&restored).unwrap(), written);
        outputs.extend(run(&mut restored, &story[cut..]));
        assert_eq!(outputs, whole, "written down after {cut} inputs");
        run(&mut engine, &story[cut..]);
        let states = [&engine, &restored].map(|it| serde_json::to_string(it).unwrap());
        assert_eq!(states[0], states[1]);
    }
}

#[test]
fn r11_a_state_of_another_format_is_refused() {
    let state = serde_json::to_string(&Engine::new()).unwrap();
    let state = state.replacen(&format!("\"format\":{STATE_FORMAT}"), "\"format\":1000", 1);
    let error = serde_json::from_str::<Engine>(&state).unwrap_err().to_string();
    assert!(error.contains("format 1000"), "{error}");
}

#[test]
fn r12_a_death_loses_no_request_that_had_not_started() {
    let mut t = Script::serving(pool(2), 4);
    for request in 0..8 {
        t.arrive(&format!("r{request}"));
    }
    t.link_lost(1, &[0, 1, 2, 3]).exited(1).hello(3, 4);
    let totals = t.pool().totals;
    assert_eq!((totals.in_flight, totals.queued, totals.retried), (8, 0, 4));
}

#[test]
fn r13_only_a_crash_while_alone_is_charged() {
    let mut t = Script::serving(pool(1), 8);
    let names: Vec<String> = (0..8).map(|request| format!("r{request}")).collect();
    for name in &names {
        t.arrive_with(name, SAFE);
    }
    // r3 crashes whatever it runs in.
    let mut process = 1;
    for _ in 0..40 {
        let guilty = t.process(process).slots.into_iter().enumerate().find_map(|(index, slot)| {
            let running = maitred_engine::snapshot::SlotPicture::Running;
            (slot == running(maitred_engine::id::RequestId(4))).then_some(index)
        });
        if guilty.is_some() {
            t.link_lost(process, &[]).exited(process);
            process += 1;
            t.hello(process, 8);
        } else if let Some((name, slot)) = t.sent().first().cloned() {
            t.complete(&slot).delivered(&name).ready(&slot);
        }
    }
    let totals = t.pool().totals;
    assert_eq!((totals.completed, totals.failed.values().sum::<u64>()), (7, 1), "{totals:?}");
}
