//! Step 3: which idle slot?

use maitred_engine::limits::PoolLimits;
use maitred_engine::snapshot::SlotPicture;

use crate::script::{Script, limits};

fn pool(processes: u32) -> PoolLimits {
    PoolLimits { processes, ..limits() }
}

fn slots_taken(t: &mut Script, requests: usize) -> Vec<String> {
    let take = |request| {
        t.arrive(&format!("r{request}"));
        t.sent().remove(0).1
    };
    (0..requests).map(take).collect()
}

#[test]
fn the_emptiest_process_is_asked_first() {
    let mut t = Script::serving(pool(2), 2);
    assert_eq!(slots_taken(&mut t, 4), ["p1.0", "p2.0", "p2.1", "p1.1"]);
}

#[test]
fn the_share_of_a_process_counts_not_the_number_of_its_requests() {
    let mut t = Script::new(pool(2));
    t.hello(1, 8).hello(2, 2);
    assert_eq!(
        slots_taken(&mut t, 6),
        ["p1.0", "p2.0", "p1.1", "p1.2", "p1.3", "p1.4"],
        "1 of 8 is emptier than 1 of 2, and 4 of 8 was the more recently used half"
    );
}

#[test]
fn among_equals_the_most_recently_used_goes_first() {
    let mut t = Script::serving(pool(3), 2);
    t.arrive("a").arrive("b").done("p2.0").done("p1.0");
    assert_eq!(slots_taken(&mut t, 1), ["p1.0"]);
    t.done("p1.0");
    assert_eq!(slots_taken(&mut t, 2), ["p1.0", "p2.0"]);
    t.done("p1.0").done("p2.0");
    assert_eq!(slots_taken(&mut t, 2), ["p2.0", "p1.0"], "the use ends with ready");
    t.done("p2.0");
    t.arrive("d").done("p2.0");
    t.arrive("e");
    assert_eq!(t.sent()[0].1, "p2.0", "the slot that was used last, in the process used last");
}

#[test]
fn the_oldest_request_takes_the_slot_that_becomes_free() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive("a").at(1).arrive("b").at(2).arrive("c").at(10).done("p1.0").at(20).done("p1.0");
    insta::assert_snapshot!(t.transcript(), @r"
     0ms a arrives
           a to p1.0 after 0ns
     1ms b arrives
     2ms c arrives
    10ms p1.0 complete
    10ms p1.0 ready
           p1.0 free, service 10ms, deferred 0ns
           b to p1.0 after 9ms
    20ms p1.0 complete
    20ms p1.0 ready
           p1.0 free, service 10ms, deferred 0ns
           c to p1.0 after 18ms
    ");
}

#[test]
fn a_boot_takes_as_many_as_it_has_slots() {
    let mut t = Script::new(pool(1));
    t.arrive("a").arrive("b").arrive("c").at(100).hello(1, 2);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a pool
            spawn p1
      0ms a arrives
      0ms b arrives
      0ms c arrives
    100ms p1 hello, 2 slots
            ! p1 booted in 100ms
            a to p1.0 after 100ms
            b to p1.1 after 100ms
    ");
}

#[test]
fn pools_do_not_lend_each_other_slots() {
    use maitred_engine::event::{Input, Traits};
    use maitred_engine::id::{PoolId, RequestId};
    let mut t = Script::serving(pool(1), 1);
    t.tell("another pool", Input::PoolAdded { pool: PoolId(2), limits: Box::new(pool(1)) });
    t.announce("a");
    let (request, traits) = (RequestId(1), Traits::default());
    t.tell("a arrives there", Input::Arrived { request, pool: PoolId(2), traits });
    assert_eq!(t.process(1).slots, [SlotPicture::Idle]);
    let there = &t.snapshot().pools[1];
    assert_eq!((there.totals.queued, there.processes.len()), (1, 1));
}
