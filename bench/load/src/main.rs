//! `maitred-load`: the load client of the benchmarks.
//!
//! The figure of interest is the CPU time that a server spends per request, summed over all of its
//! processes. It moves far less with the load of the machine than throughput does, so that figures
//! of two servers, taken one after the other on a small machine, can be compared: `run` is a closed
//! loop, in which each connection sends its next request when it has the whole answer. Where the
//! figure is latency, the loop is open: `trace`.

mod closed;
mod cpu;
mod hold;
mod http;
mod trace;

use std::net::SocketAddr;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

#[derive(Parser)]
#[command(name = "maitred-load", about = "Load an HTTP server and count its CPU per request.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send requests over keep-alive connections, each waiting for its answer.
    Run(RunArgs),
    /// Let each of many connections serve one request, then keep all of them open.
    Hold(HoldArgs),
    /// Make a trace, play it, or compute what could have been best on it.
    Trace(trace::TraceArgs),
}

#[derive(Args)]
pub(crate) struct Server {
    /// Address of the server.
    #[arg(long)]
    address: SocketAddr,
}

#[derive(Args)]
pub(crate) struct Target {
    #[command(flatten)]
    server: Server,
    /// Path of every request; `{}` is replaced by a number that changes with each request.
    #[arg(long, default_value = "/items/{}?page=1")]
    path: String,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    target: Target,
    /// Connections, and so requests, at once.
    #[arg(long, default_value_t = 32)]
    connections: u32,
    /// Requests that are measured.
    #[arg(long, default_value_t = 50_000)]
    requests: u64,
    /// Requests before them that are not.
    #[arg(long, default_value_t = 5_000)]
    warmup: u64,
    /// Process whose CPU time is counted, with all of its descendants. May be repeated.
    #[arg(long = "tree", value_name = "PID")]
    trees: Vec<i32>,
}

#[derive(Args)]
pub(crate) struct HoldArgs {
    #[command(flatten)]
    target: Target,
    /// Connections to hold.
    #[arg(long, default_value_t = 10_000)]
    connections: u32,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run(args) => {
            let report = runtime()?.block_on(closed::run(&args))?;
            println!("{}", serde_json::to_string(&report)?);
        }
        Command::Hold(args) => runtime()?.block_on(hold::run(&args))?,
        Command::Trace(args) => trace::run(&args)?,
    }
    Ok(())
}

/// One thread: the client shares the machine with the server.
fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("failed to start the runtime")
}
