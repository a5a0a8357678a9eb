//! The short run of every `cargo test`: kept seeds, random ones, and the promise of replay.

use std::io::Write as _;
use std::time::Duration;

use maitred_sim::run::{self, Run};

/// How long random worlds are played. Short: `make sim` is for long runs.
const SHORT_RUN: Duration = Duration::from_secs(5);

/// Panics with the end of the story if a world failed.
fn must_be_fine(seed: u64, failure: Option<&String>) {
    if let Some(failure) = failure {
        panic!("{}\n\n{failure}\nagain: maitred-sim world {seed}", run::tail(seed));
    }
}

/// Says it where it is seen, also of a test that passes: what macros print is kept back then.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("there is a standard error");
}

#[test]
fn worlds_that_once_failed_do_not_fail_again() {
    let seeds = include_str!("../seeds.txt").lines().filter(|line| !line.starts_with('#'));
    for seed in seeds.filter(|line| !line.trim().is_empty()) {
        let seed = seed.trim().parse().expect("a line is a number or a comment");
        must_be_fine(seed, run::play(seed).failure.as_ref());
    }
}

#[test]
fn random_worlds_keep_the_rules() {
    let first = u64::from(getrandom::u32().expect("the system has random numbers"));
    say(&format!("random worlds from seed {first} on"));
    let run = Run::play(first, SHORT_RUN, |_, _| {});
    let (last, steps) = (run.next - 1, run.coverage.steps);
    say(&format!("seeds {first} to {last}: {steps} steps, {:.0} steps/s", run.speed()));
    must_be_fine(run.next - 1, run.failure.as_ref());
}

#[test]
fn a_seed_names_one_world_and_replays_it_bit_for_bit() {
    for seed in 100..104 {
        let (first, again) = (run::play(seed), run::play(seed));
        assert_eq!(first.digest, again.digest, "seed {seed}");
        assert_eq!(first.coverage.inputs, again.coverage.inputs, "seed {seed}");
    }
    assert_ne!(run::play(100).digest, run::play(101).digest);
}

#[test]
fn what_is_told_of_a_world_is_the_same_each_time() {
    assert_eq!(run::tell(200), run::tell(200));
}
