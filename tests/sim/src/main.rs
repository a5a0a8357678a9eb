//! `maitred-sim`: plays worlds for as long as it is told, or one of them again.
//!
//! Prints the seed of everything that it plays: `maitred-sim world SEED` shows that world again,
//! word for word.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use maitred_sim::run::{self, COUNT_MIN, Run};

/// Attacks the engine and the link in seeded worlds.
#[derive(Debug, Parser)]
#[command(name = "maitred-sim")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play worlds, one after the other, until the time is over.
    Run {
        /// For so many seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// The first seed; without it a random one, which is printed.
        #[arg(long)]
        seed: Option<u64>,
        /// Fail when an action was done or a check made at most a thousand times.
        #[arg(long)]
        covered: bool,
    },
    /// Play one world and print all that happens in it.
    World {
        /// Its seed.
        seed: u64,
    },
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Run { seconds, seed, covered } => {
            play(Duration::from_secs(seconds), seed.unwrap_or_else(random_seed), covered)
        }
        Command::World { seed } => {
            let (words, failure) = run::tell(seed);
            print!("{words}");
            failure.map_or(ExitCode::SUCCESS, |failure| {
                println!("seed {seed}: {failure}");
                ExitCode::FAILURE
            })
        }
    }
}

/// Small enough to be typed.
fn random_seed() -> u64 {
    getrandom::u32().map_or(1, u64::from)
}

fn play(time: Duration, seed: u64, covered: bool) -> ExitCode {
    println!("worlds from seed {seed} on, for {} s", time.as_secs());
    let run = Run::play(seed, time, |seed, played| {
        let steps = played.coverage.steps;
        println!("world {seed}: {steps} steps, digest {:016x}", played.digest);
    });
    println!("{}", run.coverage.table());
    let coverage = &run.coverage;
    println!(
        "{} worlds (seeds {} to {}), {} steps, {} inputs of the engine, {:.0} steps/s",
        coverage.worlds,
        run.first,
        run.next - 1,
        coverage.steps,
        coverage.inputs,
        run.speed()
    );
    if let Some(failure) = run.failure {
        println!("\n{}\n\n{failure}", run::tail(run.next - 1));
        println!("play it again: maitred-sim world {}", run.next - 1);
        return ExitCode::FAILURE;
    }
    let low = run.coverage.low(COUNT_MIN);
    if covered && !low.is_empty() {
        println!("at most {COUNT_MIN} times: {}", low.join("; "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
