//! What a flight recorder wrote is told in words, with a verdict.

use maitred_engine::Engine;
use maitred_engine::event::Input;
use maitred_engine::id::{PoolId, RequestId};
use maitred_engine::time::Time;
use maitred_recorder::Recorder;
use maitred_sim::World;
use maitred_sim::replay::{Shown, replay};
use maitred_sim::run::STEPS;

/// Small, so that a world fills several segments.
const SEGMENT_BYTES: usize = 4096;

fn told(file: &[u8], words: bool) -> (Shown, String) {
    let mut text = Vec::new();
    let shown = replay(file, words, &mut text).expect("it is a recording");
    (shown, String::from_utf8(text).expect("words are text"))
}

#[test]
fn a_recorded_world_replays_bit_for_bit_and_in_words() {
    let mut world = World::new(7, STEPS);
    world.record(Recorder::with_segments_of(SEGMENT_BYTES));
    world.play().expect("a world that is known to be fine");
    let file = world.recording();
    let (shown, text) = told(&file, true);
    assert_eq!(shown, Shown::Same, "{text}");
    assert!(text.contains("segments: 2"), "{text}");
    for word in ["Exited { process: p", "Drain { stop_at", "Closed\n", "bit for bit"] {
        assert!(text.contains(word), "no {word} in\n{text}");
    }
    let (_, verdict) = told(&file, false);
    assert_eq!(verdict.lines().count(), 2, "{verdict}");
}

#[test]
fn a_replay_that_differs_says_where() {
    let (mut engine, mut recorder) = (Engine::new(), Recorder::new());
    let pool = PoolId(1);
    let arrived = Input::Arrived { request: RequestId(1), pool, traits: Default::default() };
    let real = [
        (Time(0), Input::PoolAdded { pool, limits: Box::default() }),
        (Time(2_000_000), Input::Drain { stop_at: Time(3_000_000) }),
    ];
    let recorded = [(Time(0), real[0].1.clone()), (Time(2_000_000), arrived)];
    for ((at, input), (_, said)) in real.into_iter().zip(recorded) {
        recorder.input(&engine, at, &said);
        engine.handle(at, input);
        recorder.outputs(&engine);
        while engine.poll_output().is_some() {}
    }
    let (shown, text) = told(&recorder.tape().into_file("0").concat(), true);
    assert_eq!(shown, Shown::Differs);
    assert!(text.contains("from here on (2.000 ms)") && text.contains("NOT THE SAME"), "{text}");
}

#[test]
fn what_is_no_recording_is_refused_in_words() {
    let error = replay(b"something else", true, &mut Vec::new()).expect_err("it is none");
    assert_eq!(error.to_string(), "not a recording of maitred");
}
