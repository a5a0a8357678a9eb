//! Many worlds in a row.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::world::World;

/// Actions in a world before its end. Default 1500: long enough for queues, leases and replaced
/// processes to meet, short enough that a run sees many endings.
pub const STEPS: u64 = 1500;

/// A counter that is not above this after a run of normal length says that the run proves little.
pub const COUNT_MIN: u64 = 1000;

/// Steps of a run of normal length. 8 million: some two minutes of a quiet machine.
pub const STEPS_NORMAL: u64 = 8_000_000;

/// Lines of a failed world that are shown.
const TAIL_LINES: usize = 60;

/// How a world went.
#[derive(Debug)]
pub struct Played {
    /// What was done and checked.
    pub coverage: Coverage,
    /// A fingerprint of everything that happened.
    pub digest: u64,
    /// What was wrong, with the seed.
    pub failure: Option<String>,
}

/// Plays the world of a seed. A panic of the engine or of a link is a failure like any other.
#[must_use]
pub fn play(seed: u64) -> Played {
    let mut world = World::new(seed, STEPS);
    let failure = play_world(&mut world).map(|text| format!("seed {seed}: {text}"));
    Played { coverage: world.coverage().clone(), digest: world.transcript.digest(), failure }
}

/// Plays the world of a seed again and returns what happened in words, and what was wrong.
#[must_use]
pub fn tell(seed: u64) -> (String, Option<String>) {
    let mut world = World::new(seed, STEPS);
    world.transcript.keep_words();
    let failure = play_world(&mut world);
    (world.transcript.words().to_owned(), failure)
}

/// The end of what happened in a world.
#[must_use]
pub fn tail(seed: u64) -> String {
    let (words, _) = tell(seed);
    let lines: Vec<&str> = words.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn play_world(world: &mut World) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(|| world.play())) {
        Ok(Ok(())) => None,
        Ok(Err(violation)) => Some(violation.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Some(format!("panic: {}", text.unwrap_or("without words")))
        }
    }
}

/// A run: worlds with the seeds `first`, `first + 1`, ... until the time is over or one fails.
#[derive(Debug)]
pub struct Run {
    /// The first seed.
    pub first: u64,
    /// The seed after the last one.
    pub next: u64,
    /// Of all worlds together.
    pub coverage: Coverage,
    /// How long it took.
    pub took: Duration,
    /// What was wrong with the last world.
    pub failure: Option<String>,
}

impl Run {
    /// Plays worlds for so long. `each` is called after each with its seed.
    pub fn play(first: u64, time: Duration, mut each: impl FnMut(u64, &Played)) -> Self {
        let began = Instant::now();
        let mut run = Self {
            first,
            next: first,
            coverage: Coverage::default(),
            took: Duration::ZERO,
            failure: None,
        };
        while run.failure.is_none() && (run.next == first || began.elapsed() < time) {
            let played = play(run.next);
            each(run.next, &played);
            run.coverage.add(&played.coverage);
            run.next += 1;
            run.failure = played.failure;
        }
        run.took = began.elapsed();
        run
    }

    /// Steps per second.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.coverage.steps as f64 / self.took.as_secs_f64().max(1e-9)
    }
}
