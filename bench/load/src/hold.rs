//! Many idle connections, each of which has served a request: what does one cost the server?

use std::io::{Read as _, Write as _};

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::HoldArgs;
use crate::http::Connection;

/// Opens the connections, prints `held N`, and keeps them until standard input ends: the caller
/// measures the server in between.
pub(crate) async fn run(args: &HoldArgs) -> anyhow::Result<()> {
    raise_descriptor_limit()?;
    let mut held = Vec::with_capacity(usize::try_from(args.connections)?);
    for number in 0..u64::from(args.connections) {
        let mut connection = Connection::new(&args.target);
        connection.request(number).await.with_context(|| format!("connection {number} failed"))?;
        anyhow::ensure!(connection.reopened == 0, "the server closed connection {number}");
        held.push(connection);
    }
    println!("held {}", held.len());
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new()).context("failed to wait for the end of input")?;
    Ok(())
}

/// The soft limit is often 1024: the connections need one descriptor each.
fn raise_descriptor_limit() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("failed to raise the limit of open files")
}
