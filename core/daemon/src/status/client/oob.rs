//! `maitred oob`: lists out-of-band work and starts it.

use std::path::Path;
use std::process::ExitCode;

use maitred_proto::v1::out_of_band_client::OutOfBandClient;
use maitred_proto::v1::{OobHistoryReply, OobHistoryRequest, OobRunRequest};

use super::{connect, in_time, nobody, plain, print};
use crate::status::{json, text};

/// Prints what waits, what is out and what became of the latest asks.
///
/// # Errors
/// When the core does not answer, or answers what cannot be understood.
pub async fn history(socket: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let Some(channel) = connect(socket).await? else { return Ok(nobody(socket)) };
    let mut client = OutOfBandClient::new(channel);
    let reply = in_time(client.history(OobHistoryRequest {})).await?;
    print(&page(&reply.map_err(|status| plain(&status))?.into_inner(), as_json))
}

/// Asks for work of `kind` in the process `pid`, or in all of them.
///
/// # Errors
/// When the core does not answer, or there is no such process.
pub async fn run(socket: &Path, pid: Option<u32>, kind: &str) -> anyhow::Result<ExitCode> {
    let Some(channel) = connect(socket).await? else { return Ok(nobody(socket)) };
    let mut client = OutOfBandClient::new(channel);
    let (all, pid, kind) = (pid.is_none(), pid.unwrap_or_default(), kind.to_owned());
    let reply = in_time(client.run(OobRunRequest { pid, all, kind })).await?;
    let refused = |status: tonic::Status| match status.code() {
        tonic::Code::NotFound | tonic::Code::InvalidArgument => {
            anyhow::anyhow!("{}", status.message())
        }
        _ => plain(&status),
    };
    let reply = reply.map_err(refused)?.into_inner();
    let pids: Vec<String> = reply.pids.iter().map(|pid| format!("pid {pid}")).collect();
    print(&format!("asked {} for {}; see `maitred oob`\n", pids.join(", "), reply.kind))
}

fn page(reply: &OobHistoryReply, as_json: bool) -> String {
    if as_json {
        return format!("{:#}\n", json::oob::history(reply));
    }
    text::oob::history(reply)
}
