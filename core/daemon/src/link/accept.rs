//! Processes knock: who are they, do they speak our version, and which slots do they offer?

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::BytesMut;
use maitred_engine::event::Input;
use maitred_engine::id::ProcessId;
use maitred_proto::frame::SLOTS_MAX;
use maitred_proto::link::{CoreEvent, CoreLink};
use maitred_proto::message::{Hello, Reject, Welcome, capability};
use maitred_proto::version::{SPOKEN, negotiate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::Link;
use super::socket::run;
use crate::driver::Driver;
use crate::os::peer;

/// HELLO must come this soon after the connection. Default 5 s: the SDKs send it at once.
const HELLO_MAX: Duration = Duration::from_secs(5);

/// Connections that may be without HELLO at once. Default 256: more than processes boot at once.
const UNKNOWN_MAX: usize = 256;

/// What a welcome says that is the same for all processes.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// The name of the pool.
    pub pool: String,
    /// How long END may wait for READY, in microseconds.
    pub ready_merge_us: u32,
}

/// Why a process is turned away: a stable code and a sentence.
struct Refused {
    code: &'static str,
    message: String,
    process: Option<ProcessId>,
}

/// Accepts links for ever.
pub async fn listen(driver: Arc<Driver>, listener: UnixListener, greeting: Greeting) {
    let places = Arc::new(Semaphore::new(UNKNOWN_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a link for now");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (driver, greeting) = (Arc::clone(&driver), greeting.clone());
        tokio::spawn(async move {
            let opened = open(&driver, socket, &greeting).await;
            drop(place);
            match opened {
                Ok((process, socket, mut buf)) => {
                    // What came together with HELLO: a wish to be drained, for instance.
                    if driver.link_received(process, &mut buf) {
                        run(&driver, process, socket, buf).await;
                    } else {
                        driver.link_lost(process);
                    }
                }
                Err(error) => tracing::error!("a link was not opened: {error:#}"),
            }
        });
    }
}

/// HELLO and its answer.
async fn open(
    driver: &Arc<Driver>,
    mut socket: UnixStream,
    greeting: &Greeting,
) -> anyhow::Result<(ProcessId, UnixStream, BytesMut)> {
    let mut link = CoreLink::new();
    let mut buf = BytesMut::new();
    let hello = tokio::time::timeout(HELLO_MAX, read_hello(&mut socket, &mut link, &mut buf));
    let hello = match hello.await.context("no HELLO in time")? {
        Ok(hello) => hello,
        Err(refused) => return Err(reject(driver, &mut socket, link, refused).await),
    };
    match admit(driver, &socket, &hello) {
        Ok((process, version)) => {
            let generation =
                driver.with_roster(|roster| roster.member(process).map_or(0, |m| m.generation));
            let mut common = hello.capabilities.clone();
            common.retain(|it| it == capability::EARLY);
            let takes_early = !common.is_empty();
            link.welcome(&Welcome {
                version,
                core_version: env!("CARGO_PKG_VERSION").to_owned(),
                pool: greeting.pool.clone(),
                generation,
                process: process.0,
                ready_merge_us: greeting.ready_merge_us,
                capabilities: common,
            });
            let slots = hello.slots;
            driver.with_roster(|roster| roster.opened(process, hello));
            let link = Link::new(link, slots, takes_early);
            driver.link_opened(process, slots, link);
            Ok((process, socket, buf))
        }
        Err(refused) => Err(reject(driver, &mut socket, link, refused).await),
    }
}

async fn read_hello(
    socket: &mut UnixStream,
    link: &mut CoreLink,
    buf: &mut BytesMut,
) -> Result<Hello, Refused> {
    loop {
        let n = socket.read_buf(buf).await.unwrap_or(0);
        if n == 0 {
            return Err(Refused::new("hello_expected", "the link closed before HELLO"));
        }
        link.receive(buf).map_err(|error| Refused::new(error.code(), &error.to_string()))?;
        if let Some(CoreEvent::Hello(hello)) = link.poll_event() {
            return Ok(*hello);
        }
    }
}

/// Whether the process may join, and in which version.
fn admit(driver: &Driver, socket: &UnixStream, hello: &Hello) -> Result<(ProcessId, u32), Refused> {
    let trusted = peer::of(socket.as_fd()).is_ok_and(|peer| peer.is_trusted());
    if !trusted {
        return Err(Refused::new("uid_mismatch", "the process runs as another user"));
    }
    let Some(process) = driver.with_roster(|roster| roster.redeem(&hello.token)) else {
        return Err(Refused::new("token_unknown", "the token is wrong, used or expired"));
    };
    let refuse =
        |code, message: &str| Refused { process: Some(process), ..Refused::new(code, message) };
    let version = negotiate(SPOKEN, hello.versions())
        .map_err(|mismatch| refuse("version_unsupported", &mismatch.to_string()))?;
    if !(1..=SLOTS_MAX).contains(&hello.slots) {
        return Err(refuse("no_slots", &format!("slots must be 1 to {SLOTS_MAX}")));
    }
    Ok((process, version))
}

/// Says no, so that the process can tell its operator why; and notes it for the status.
async fn reject(
    driver: &Driver,
    socket: &mut UnixStream,
    mut link: CoreLink,
    refused: Refused,
) -> anyhow::Error {
    let Refused { code, message, process } = refused;
    let reason = format!("rejected ({code}): {message}");
    // A process without a token of its own is known by what the kernel says of its peer.
    let peer = peer::of(socket.as_fd()).ok();
    let by_pid = || driver.with_roster(|roster| roster.with_pid(peer?.pid));
    if let Some(process) = process.or_else(by_pid) {
        driver.with_roster(|roster| roster.blame(process, reason.clone()));
        driver.process(Input::Misbehaved { process });
    }
    link.reject(&Reject { code: code.to_owned(), message });
    let bytes = link.transmit().to_vec();
    // The process may be gone already; the log has the reason anyway.
    let _ = socket.write_all(&bytes).await;
    anyhow::anyhow!(reason)
}

impl Refused {
    fn new(code: &'static str, message: &str) -> Self {
        Self { code, message: message.to_owned(), process: None }
    }
}

#[cfg(test)]
mod tests;
