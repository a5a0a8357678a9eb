//! The picture for operators: what it says of a pool and of its processes, and where from.

use maitred_engine::event::Input;
use maitred_engine::id::{ProcessId, SlotId};
use maitred_engine::limits::PoolLimits;
use maitred_engine::snapshot::{PhasePicture, SlotCounts};
use maitred_engine::time::Time;

use crate::script::{Script, limits, ms, time};

#[test]
fn a_process_shows_since_when_it_is_there_and_what_it_did() {
    let mut t = Script::new(limits());
    t.at(10).spawned(1).at(250).hello(1, 2).at(300).arrive("a").at(310).done("p1.0").arrive("b");
    let process = t.process(1);
    assert_eq!((process.pid, process.phase), (Some(7), PhasePicture::Serving));
    assert_eq!((process.spawned_at, process.booted_at), (time(0), Some(time(250))));
    assert_eq!((process.requests, process.last_dispatch_at), (2, Some(time(310))));
}

#[test]
fn a_pool_shows_how_its_boots_go() {
    let mut t = Script::new(limits());
    t.at(10).exited(1);
    let pool = t.pool();
    assert!(!pool.ever_booted);
    assert_eq!((pool.boot_failures, pool.next_boot_at), (1, Some(time(510))));
    t.at(600).hello(2, 1);
    let pool = t.pool();
    assert!(pool.ever_booted);
    assert_eq!((pool.boot_failures, pool.next_boot_at), (0, None));
}

#[test]
fn a_picture_of_the_past_is_one_of_now() {
    let mut t = Script::serving(limits(), 1);
    t.at(10).arrive("a").arrive("b").at(30).arrive("c");
    let picture = t.engine.snapshot(Time(0));
    assert_eq!((picture.now, picture.pools[0].queue.oldest), (time(30), Some(ms(20))));
}

#[test]
fn each_slot_is_counted_where_it_is() {
    let mut t = Script::serving(PoolLimits { processes: 3, ..limits() }, 2);
    for request in ["a", "b", "c", "d"] {
        t.arrive(request);
    }
    // p3 has two requests, p1 and p2 have one each, and p1 is drained.
    t.complete("p1.0").drain_wanted(1).hello(4, 1);
    assert_eq!(t.process(1).phase, PhasePicture::Draining);
    let slots = t.pool().slots;
    let expected = SlotCounts { running: 3, deferred: 1, idle: 2, out_of_band: 0, withdrawn: 1 };
    assert_eq!(slots, expected);
    assert_eq!(t.pool().queue.longest_wait, ms(0));
}

#[test]
fn slot_time_is_told_up_to_the_moment_of_the_picture() {
    let mut t = Script::serving(limits(), 3);
    t.at(10).arrive("a").arrive("b").at(25).complete("p1.0").at(40);
    let process = t.process(1);
    assert_eq!((process.running, process.deferred), (ms(15 + 30), ms(15)));
    assert_eq!((process.idle, process.withdrawn), (ms(10 + 10 + 40), ms(0)));
    t.drain_wanted(1).hello(2, 1).at(100);
    assert_eq!(t.process(1).withdrawn, ms(60), "of the slot that is free");
    t.link_lost(1, &[]).at(200);
    let process = t.process(1);
    assert_eq!(
        (process.running, process.deferred),
        (ms(15 + 90), ms(75)),
        "and not beyond its end"
    );
    assert_eq!((process.idle, process.withdrawn), (ms(60), ms(60)));
}

#[test]
fn errors_of_deferred_work_are_counted_while_it_lasts() {
    let mut t = Script::serving(limits(), 2);
    let slot = SlotId { process: ProcessId(1), index: 0 };
    let failed = |pieces| Input::DeferredFailed { slot, pieces };
    t.arrive("a").tell("too early", failed(4)).complete("p1.0");
    t.tell("two", failed(2)).tell("one more", failed(1)).ready("p1.0").tell("too late", failed(8));
    assert_eq!(t.pool().totals.deferred_failed, 3);
}

#[test]
fn a_peak_is_when_it_was_first_reached() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").at(5).arrive("b").at(6).arrive("c").gone("b").at(50).arrive("d");
    let queue = t.pool().queue;
    assert_eq!((queue.peak, queue.peak_at), (2, time(6)));
}

#[test]
fn the_longest_wait_is_remembered_however_it_ended() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").arrive("b").at(20).done("p1.0").arrive("c").at(25).done("p1.0");
    assert_eq!(t.pool().queue.longest_wait, ms(20));
    t.arrive("d").at(65).gone("d");
    assert_eq!(t.pool().queue.longest_wait, ms(40));
}
