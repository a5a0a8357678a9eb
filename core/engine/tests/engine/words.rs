//! The small words of the engine: times, names and classes.

use maitred_engine::Engine;
use maitred_engine::class::Class;
use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};
use maitred_engine::time::Time;

use crate::script::{Script, limits, ms, time};

#[test]
fn time_is_added_to_and_compared() {
    assert_eq!(time(5) + ms(3), time(8));
    assert_eq!((time(8) - time(5), time(8).since(time(5))), (ms(3), ms(3)));
    assert_eq!((time(5) - time(8), time(5).since(time(8))), (ms(0), ms(0)));
    assert_eq!(Time::NEVER + ms(1), Time::NEVER, "there is nothing after it");
}

#[test]
fn names_say_what_they_name() {
    let process = ProcessId(4);
    assert_eq!(PoolId(2).to_string(), "pool2");
    assert_eq!(RequestId(3).to_string(), "r3");
    assert_eq!(process.to_string(), "p4");
    assert_eq!(SlotId { process, index: 1 }.to_string(), "p4.1");
}

#[test]
fn a_class_is_found_by_its_name() {
    assert_eq!(Class::ALL.map(Class::name), ["high", "normal", "low"]);
    assert_eq!(Class::ALL.map(|class| Class::named(class.name())), Class::ALL.map(Some));
    assert_eq!(Class::named("urgent"), None);
}

#[test]
fn an_engine_that_was_told_nothing_has_nothing_to_do() {
    let mut engine = Engine::default();
    assert_eq!((engine.next_deadline(), engine.poll_output()), (None, None));
    assert!(!engine.is_closed());
    engine.check_invariants();
}

#[test]
fn outputs_can_be_looked_at_before_they_are_taken() {
    let mut t = Script::serving(limits(), 1);
    t.engine.handle(
        time(1),
        maitred_engine::event::Input::LinkLost { process: ProcessId(1), unstarted: vec![] },
    );
    let seen: Vec<_> = t.engine.outputs().cloned().collect();
    let taken: Vec<_> = std::iter::from_fn(|| t.engine.poll_output()).collect();
    assert_eq!((seen.len(), &seen), (2, &taken), "it died, and a new one is spawned");
}
