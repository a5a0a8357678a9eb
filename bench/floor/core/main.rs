//! `maitred-floor`: what it costs at least to hand a request to another process.
//!
//! The yardstick of docs/decisions/0001: hyper on one thread, one Unix socket, one process, a plain
//! queue, and nothing else. No engine, no statistics, no leases, no recorder: what maitred costs
//! beyond this is what its features cost. It is a yardstick and no server: its process is never
//! replaced, requests have no bodies, and a response fits one frame.

#[path = "../frames.rs"]
mod frames;
mod link;

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Parser;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use maitred_proto::frame::HEAD_MAX;
use tokio::net::TcpListener;

use crate::link::{Ends, Link};

/// Bytes that hyper buffers of one connection at most, each way. 64 KiB, as in the daemon.
const HYPER_BUFFER: usize = 64 * 1024;

/// An answer to a client.
pub(crate) type Answer = Response<Full<Bytes>>;

#[derive(Parser)]
#[command(name = "maitred-floor", about = "The floor under maitred's CPU per request.")]
struct Cli {
    /// Address to listen on.
    #[arg(long)]
    listen: SocketAddr,
    /// Requests that may be in the process at once.
    #[arg(long, default_value_t = 1)]
    slots: usize,
    /// The process: a command whose standard input is its end of the link.
    #[arg(last = true, required = true)]
    process: Vec<OsString>,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let Some((program, args)) = cli.process.split_first() else { bail!("the command is empty") };
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    // It ends by itself when the link does.
    let _process = Command::new(program)
        .args(args)
        .stdin(OwnedFd::from(theirs))
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(run(&cli, ours))
}

async fn run(cli: &Cli, socket: UnixStream) -> anyhow::Result<()> {
    let link = Arc::new(Link::new(cli.slots));
    let socket = link::Socket::new(Arc::clone(&link), socket)?;
    let listener = TcpListener::bind(cli.listen).await?;
    let linked = tokio::spawn(socket.run());
    tokio::select! {
        ended = linked => ended?.context("the link broke"),
        failed = accept(&listener, &link) => failed.context("cannot accept connections"),
    }
}

/// Gives each connection a task; ends only by an error.
async fn accept(listener: &TcpListener, link: &Arc<Link>) -> std::io::Result<()> {
    let mut http = http1::Builder::new();
    http.max_header_size(HEAD_MAX).max_buf_size(HYPER_BUFFER);
    loop {
        let (stream, client) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let ends = Arc::new(Ends::new(client, stream.local_addr()?));
        let link = Arc::clone(link);
        let service =
            service_fn(move |request| answer(Arc::clone(&link), Arc::clone(&ends), request));
        let served = http.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // How a connection ends is between hyper and the client.
            let _ended = served.await;
        });
    }
}

async fn answer(
    link: Arc<Link>,
    ends: Arc<Ends>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    if !body.is_end_stream() {
        return Ok(bare(StatusCode::NOT_IMPLEMENTED));
    }
    let answer = link.give(head, ends).await;
    Ok(answer.unwrap_or_else(|_| bare(StatusCode::BAD_GATEWAY)))
}

/// An answer without a body.
pub(crate) fn bare(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}
