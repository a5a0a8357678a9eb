//! The body of a request on its way in: held until the request may be dispatched.
//!
//! A known length up to 64 KiB is held in memory, a longer one on disk, and the request is
//! dispatched when all of it is here: a slow upload takes no slot. A body of unknown length is
//! dispatched after 64 KiB, or when the client pauses, and streamed from there on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use thiserror::Error;
use tokio::sync::Mutex;

use super::budget::{Budget, MemoryShare};
use super::client::ClientBody;
use super::spool::Spool;

/// A body up to this many bytes is held in memory. Default 64 KiB: forms and JSON fit.
pub const MEMORY_MAX: usize = 64 * 1024;

/// A body of unknown length is dispatched when nothing came for this long. Default 50 ms: long
/// enough for a body that is being sent, short for one that is a conversation.
const PAUSE: Duration = Duration::from_millis(50);

/// A client that sends nothing of its body for this long gets 408. Default 30 s.
pub const STALL_MAX: Duration = Duration::from_secs(30);

/// Bytes that are written to the spool at once. Default 256 KiB.
const SPOOL_WRITE: usize = 256 * 1024;

/// The body of a request, as far as the core holds it. A clone is another hold on the same body.
#[derive(Debug, Clone)]
pub enum RequestBody {
    /// There is none.
    None,
    /// All of it, in memory.
    Memory(Arc<Held>),
    /// All of it, on disk.
    Disk(Arc<Spool>),
    /// Its beginning; the rest is still with the client. `None`: a process was sent more of it
    /// than the core holds.
    Stream(Arc<Mutex<Option<Stream>>>),
}

/// Bytes in memory, with their share of the budget.
#[derive(Debug)]
pub struct Held {
    /// The bytes.
    pub data: Bytes,
    /// What followed them.
    pub trailers: Option<HeaderMap>,
    /// What they take of the budget; `None`: nothing.
    _share: Option<MemoryShare>,
}

/// A body that is passed on while it comes in.
#[derive(Debug)]
pub struct Stream {
    /// What was read before the request was dispatched.
    pub first: Held,
    /// What the client still sends.
    pub rest: ClientBody,
}

/// How the core takes bodies in.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Longest body, in bytes.
    pub body_max: u64,
}

/// Why a body was not taken. Each has an HTTP status.
#[derive(Debug, Error)]
pub enum Error {
    /// 413.
    #[error("the request body is longer than {0} bytes")]
    TooLong(u64),
    /// 503.
    #[error("no room to hold the request body: {0}")]
    BuffersFull(String),
    /// 408.
    #[error("the client sent nothing of its body for {} seconds", STALL_MAX.as_secs())]
    Stalled,
    /// 400; or the client is gone.
    #[error("the request body is not valid: {0}")]
    Malformed(hyper::Error),
    /// 503: its process gave the request back, but had been sent what the core does not hold.
    #[error("the request body cannot be sent to another process")]
    Spent,
}

impl Error {
    /// What the client is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BuffersFull(_) | Self::Spent => StatusCode::SERVICE_UNAVAILABLE,
            Self::Stalled => StatusCode::REQUEST_TIMEOUT,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether nothing is wrong with the body but that its client is gone. What hyper finds
    /// wrong in a body comes as an I/O error of one of two kinds.
    #[must_use]
    pub fn is_departure(&self) -> bool {
        let Self::Malformed(error) = self else { return false };
        let source = std::error::Error::source(error);
        let kind = source.and_then(|it| it.downcast_ref::<io::Error>()).map(io::Error::kind);
        !matches!(kind, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
    }
}

impl Held {
    /// Bytes that take `share` of the budget.
    #[must_use]
    pub fn new(data: Bytes, trailers: Option<HeaderMap>, share: Option<MemoryShare>) -> Self {
        Self { data, trailers, _share: share }
    }
}

impl RequestBody {
    /// Whether all of it is held, so that the request can be sent again.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !matches!(self, Self::Stream(_))
    }

    /// Its length, where all of it is held.
    #[must_use]
    pub fn held_len(&self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Memory(held) => Some(held.data.len() as u64),
            Self::Disk(spool) => Some(spool.len()),
            Self::Stream(_) => None,
        }
    }
}

impl Policy {
    /// Takes `incoming` in, as far as must be before the request is dispatched. Not `buffered`:
    /// nothing of it has to be, and the app reads it as it comes.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn take(
        &self,
        incoming: ClientBody,
        buffered: bool,
        budget: &Arc<Budget>,
    ) -> Result<RequestBody, Error> {
        let length = incoming.declared();
        if length.is_some_and(|length| length > self.body_max) {
            return Err(Error::TooLong(self.body_max));
        }
        if !buffered {
            return Ok(stream(Held::new(Bytes::new(), None, None), incoming));
        }
        match length {
            Some(length) if length <= MEMORY_MAX as u64 => {
                let room = usize::try_from(length).unwrap_or(MEMORY_MAX);
                let mut share = budget.memory_share();
                if share.grow(room) {
                    take_in_memory(incoming, room, share).await
                } else {
                    take_on_disk(incoming, budget).await
                }
            }
            Some(_) => take_on_disk(incoming, budget).await,
            None => take_beginning(incoming, budget).await,
        }
    }
}

/// The next frame; an error when the client stalls.
pub async fn next_frame(
    incoming: &mut ClientBody,
) -> Result<Option<http_body::Frame<Bytes>>, Error> {
    match tokio::time::timeout(STALL_MAX, incoming.frame()).await {
        Err(_elapsed) => Err(Error::Stalled),
        Ok(frame) => frame.map_err(Error::Malformed),
    }
}

async fn take_in_memory(
    mut incoming: ClientBody,
    room: usize,
    share: MemoryShare,
) -> Result<RequestBody, Error> {
    let mut data = BytesMut::new();
    let mut trailers = None;
    while let Some(frame) = next_frame(&mut incoming).await? {
        match frame.into_data() {
            Ok(piece) if data.is_empty() && piece.len() == room => {
                return Ok(memory(Held::new(piece, None, Some(share))));
            }
            Ok(piece) => {
                data.reserve(room - data.len());
                data.extend_from_slice(&piece);
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok(memory(Held::new(data.freeze(), trailers, Some(share))))
}

async fn take_on_disk(
    mut incoming: ClientBody,
    budget: &Arc<Budget>,
) -> Result<RequestBody, Error> {
    let full = |e: io::Error| Error::BuffersFull(e.to_string());
    let mut spool = Spool::new(budget);
    let mut data = BytesMut::new();
    let mut share = budget.memory_share();
    loop {
        let frame = next_frame(&mut incoming).await?;
        let last = frame.is_none();
        let mut granted = true;
        if let Some(piece) = frame.and_then(|frame| frame.into_data().ok()) {
            granted = share.grow(piece.len());
            data.extend_from_slice(&piece);
        }
        // Where memory is short, every piece goes to the disk as it comes.
        if data.len() >= SPOOL_WRITE || ((last || !granted) && !data.is_empty()) {
            let piece = data.split().freeze();
            let Some(place) = spool.reserve(piece.len()) else {
                return Err(Error::BuffersFull("buffer.disk_max is reached".to_owned()));
            };
            let written = tokio::task::spawn_blocking(move || place.write(&piece)).await;
            written.map_err(io::Error::other).and_then(|result| result).map_err(full)?;
            share.release();
        }
        if last {
            return Ok(RequestBody::Disk(Arc::new(spool)));
        }
    }
}

/// Reads until the end, 64 KiB, or a pause; or until memory is short.
async fn take_beginning(
    mut incoming: ClientBody,
    budget: &Arc<Budget>,
) -> Result<RequestBody, Error> {
    let mut data = BytesMut::new();
    let mut trailers = None;
    let mut share = budget.memory_share();
    let mut granted = true;
    while granted && data.len() < MEMORY_MAX {
        match tokio::time::timeout(PAUSE, incoming.frame()).await {
            Err(_pause) => break,
            Ok(Err(error)) => return Err(Error::Malformed(error)),
            Ok(Ok(None)) => return Ok(memory(Held::new(data.freeze(), trailers, Some(share)))),
            Ok(Ok(Some(frame))) => match frame.into_data() {
                Ok(piece) => {
                    granted = share.grow(piece.len());
                    if !granted {
                        share.force(piece.len());
                    }
                    data.extend_from_slice(&piece);
                }
                Err(frame) => trailers = frame.into_trailers().ok(),
            },
        }
    }
    Ok(stream(Held::new(data.freeze(), None, Some(share)), incoming))
}

fn memory(held: Held) -> RequestBody {
    RequestBody::Memory(Arc::new(held))
}

fn stream(first: Held, rest: ClientBody) -> RequestBody {
    RequestBody::Stream(Arc::new(Mutex::new(Some(Stream { first, rest }))))
}
