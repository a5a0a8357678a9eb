//! Open loop: a trace of requests is written down first, then played to one server after another.
//!
//! Servers can only be compared on the same arrivals, and a request that is sent late because the
//! answer before it came late hides the very wait that is to be measured ("coordinated omission").
//! So the schedule is made once from a seed; every request is sent when its time has come, whatever
//! the server does; and its latency counts from the scheduled arrival.

mod make;
mod optimum;
mod play;
mod timer;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use clap::{Args, Subcommand};

/// One request of a trace, all in microseconds: `ARRIVAL SERVICE DEFERRED` on a line of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    /// Since the trace began.
    pub(crate) at: u64,
    /// Until the response is complete.
    pub(crate) service: u64,
    /// From there until the slot is free.
    pub(crate) deferred: u64,
}

#[derive(Args)]
pub(crate) struct TraceArgs {
    #[command(subcommand)]
    command: TraceCommand,
}

#[derive(Subcommand)]
enum TraceCommand {
    /// Write a Poisson trace to standard output.
    Make(MakeArgs),
    /// Play a trace to a server: GET /SERVICE/DEFERRED/NUMBER, at the scheduled times.
    Play(PlayArgs),
    /// Print the latency of each request of a trace under the best single queue.
    Optimum(OptimumArgs),
}

#[derive(Args)]
pub(crate) struct MakeArgs {
    /// The same seed gives the same trace.
    #[arg(long)]
    seed: u64,
    /// Occupied share of the slots, 0 to 1.
    #[arg(long)]
    load: f64,
    /// Slots of the server, all of its processes together.
    #[arg(long, default_value_t = 8)]
    slots: u32,
    /// Length of the trace.
    #[arg(long)]
    seconds: f64,
    /// A kind of request: `SERVICE_US,DEFERRED_US,WEIGHT`. May be repeated.
    #[arg(long = "kind", required = true)]
    kinds: Vec<make::Kind>,
}

#[derive(Args)]
pub(crate) struct PlayArgs {
    #[command(flatten)]
    server: crate::Server,
    /// The trace.
    #[arg(long)]
    trace: PathBuf,
    /// Where to write a line per request: `ARRIVAL LATE LATENCY`, in microseconds.
    #[arg(long)]
    times: PathBuf,
    /// Connections opened before the trace begins. More are opened when all are in use.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// A new connection for every request, opened within its latency.
    #[arg(long)]
    fresh: bool,
}

#[derive(Args)]
pub(crate) struct OptimumArgs {
    /// Slots that serve the one queue.
    #[arg(long, default_value_t = 8)]
    slots: usize,
    /// The trace, nominal or as it was measured.
    #[arg(long)]
    trace: PathBuf,
}

/// Does what the command line asks for.
pub(crate) fn run(args: &TraceArgs) -> anyhow::Result<()> {
    match &args.command {
        TraceCommand::Make(args) => {
            for item in make::poisson(args)? {
                println!("{} {} {}", item.at, item.service, item.deferred);
            }
        }
        TraceCommand::Play(args) => {
            let items = read(&args.trace)?;
            println!(
                "{}",
                serde_json::to_string(&crate::runtime()?.block_on(play::run(args, items))?)?
            );
        }
        TraceCommand::Optimum(args) => {
            for latency in optimum::latencies(&read(&args.trace)?, args.slots) {
                println!("{latency}");
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<Item>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("failed to read {}", path.display()))?;
    let items: Vec<Item> = text.lines().map(str::parse).collect::<anyhow::Result<_>>()?;
    anyhow::ensure!(items.is_sorted_by_key(|item| item.at), "arrivals have to be in order");
    Ok(items)
}

impl FromStr for Item {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let mut numbers = line.split_whitespace().map(str::parse);
        let mut next = || {
            let number = numbers.next().with_context(|| format!("three numbers, not `{line}`"))?;
            number.with_context(|| format!("not a number of microseconds in `{line}`"))
        };
        Ok(Self { at: next()?, service: next()?, deferred: next()? })
    }
}
