//! `maitred-sim`: plays worlds for as long as it is told, or one of them again, or what a core
//! has recorded.
//!
//! Prints the seed of everything that it plays: `maitred-sim world SEED` shows that world again,
//! word for word.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use maitred_sim::replay::{Shown, replay};
use maitred_sim::run::{self, COUNT_MIN, Run, STEPS_NORMAL};

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
        /// Fail when an action was done or a check made at most a thousand times, unless the run is
        /// too short for that.
        #[arg(long)]
        covered: bool,
    },
    /// Play one world and print all that happens in it.
    World {
        /// Its seed.
        seed: u64,
    },
    /// Replay what a core's flight recorder wrote (`maitred dump FILE`), and print it.
    Replay {
        /// The file.
        file: PathBuf,
        /// Only say whether the outputs are the recorded ones.
        #[arg(long)]
        verdict: bool,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    Ok(match Args::parse().command {
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
        Command::Replay { file, verdict } => {
            let file = std::fs::read(&file).with_context(|| format!("{}", file.display()))?;
            let mut out = BufWriter::new(std::io::stdout().lock());
            let shown = replay(&file, !verdict, &mut out)?;
            out.flush()?;
            if shown == Shown::Same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    })
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
    if covered && coverage.steps < STEPS_NORMAL {
        println!("too short to judge its counters: a normal run has {STEPS_NORMAL} steps");
        return ExitCode::SUCCESS;
    }
    let low = run.coverage.low(COUNT_MIN);
    if covered && !low.is_empty() {
        println!("at most {COUNT_MIN} times: {}", low.join("; "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
