//! Sends the body of a request to the process, as fast as its window allows.
//!
//! Short bodies go out with the head of the request. This is for the others: one task per body,
//! which ends with the body, with the stream, or when the request is sent to another process.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use super::client::ClientBody;
use super::spool::Spool;
use super::upload::{self, RequestBody, Stream};
use crate::driver::Driver;
use crate::exchange::{Exchange, Route};

/// Bytes read from the spool at once. Default 64 KiB: one frame.
const READ_SIZE: u64 = 64 * 1024;

/// Starts to send the body of `exchange` to where it runs.
pub fn start(exchange: &Arc<Exchange>, route: Route) {
    let driver = Arc::clone(exchange.driver());
    let body = exchange.body();
    let pump = Pump { driver, exchange: Arc::clone(exchange), route };
    tokio::spawn(pump.run(body));
}

struct Pump {
    driver: Arc<Driver>,
    exchange: Arc<Exchange>,
    route: Route,
}

/// The stream takes nothing more: it ended, was cancelled, or its process is gone.
struct StreamClosed;

/// A piece of the client's body, or what is wrong with it.
type Piece = Result<Option<Frame<Bytes>>, upload::Error>;

impl Pump {
    async fn run(self, body: RequestBody) {
        let _ended_early = match body {
            RequestBody::None => self.end(None),
            RequestBody::Memory(held) => self.memory(&held.data, held.trailers.as_ref()).await,
            RequestBody::Disk(spool) => self.disk(&spool).await,
            // The pump of an earlier process may still have it.
            RequestBody::Stream(stream) => self.stream(&mut *stream.lock().await).await,
        };
    }

    async fn memory(&self, data: &Bytes, trailers: Option<&HeaderMap>) -> Result<(), StreamClosed> {
        self.send(data.clone()).await?;
        self.end(trailers)
    }

    async fn disk(&self, spool: &Spool) -> Result<(), StreamClosed> {
        let mut offset = 0;
        while offset < spool.len() {
            let len = (spool.len() - offset).min(READ_SIZE);
            let place = spool.place(offset);
            let len_here = usize::try_from(len).unwrap_or(0);
            let read = tokio::task::spawn_blocking(move || place.read(len_here)).await;
            let Ok(Ok(data)) = read else {
                tracing::error!(request = %self.exchange.id, "a spooled body cannot be read back");
                let error = upload::Error::BuffersFull("it cannot be read back".to_owned());
                return self.break_off(error);
            };
            self.send(data).await?;
            offset += len;
        }
        self.end(None)
    }

    /// Passes on what the client sends. Until more of it was read than the core holds, it is put
    /// back when the stream closes: the request may not have been given to the app, and then it
    /// goes to another process.
    async fn stream(&self, place: &mut Option<Stream>) -> Result<(), StreamClosed> {
        let Some(mut stream) = place.take() else { return self.break_off(upload::Error::Spent) };
        let first = stream.first.data.clone();
        let mut total = first.len() as u64;
        let piece = match self.send(first).await {
            Ok(()) => self.piece(&mut stream.rest).await,
            Err(closed) => Err(closed),
        };
        let Ok(mut piece) = piece else {
            *place = Some(stream);
            return Err(StreamClosed);
        };
        let Stream { first, mut rest } = stream;
        drop(first);
        loop {
            match piece {
                Ok(None) => return self.end(None),
                Ok(Some(frame)) => match frame.into_data() {
                    Ok(data) => {
                        total += data.len() as u64;
                        let max = self.driver.uploads.body_max;
                        if total > max {
                            return self.break_off(upload::Error::TooLong(max));
                        }
                        self.send(data).await?;
                    }
                    Err(frame) => {
                        let trailers = frame.into_trailers().ok();
                        return self.end(trailers.as_ref());
                    }
                },
                Err(broken) => return self.break_off(broken),
            }
            piece = self.piece(&mut rest).await?;
        }
    }

    /// What the client sends next, unless the stream closes before that.
    async fn piece(&self, rest: &mut ClientBody) -> Result<Piece, StreamClosed> {
        let closed = poll_fn(|cx| self.driver.poll_closed(cx, self.route));
        tokio::select! {
            biased;
            piece = upload::next_frame(rest) => Ok(piece),
            () = closed => Err(StreamClosed),
        }
    }

    /// Hands `data` to the link piece by piece, waiting for window.
    async fn send(&self, mut data: Bytes) -> Result<(), StreamClosed> {
        while !data.is_empty() {
            let sent = poll_fn(|cx| self.driver.poll_send_body(cx, self.route, &mut data));
            if !sent.await {
                return Err(StreamClosed);
            }
        }
        Ok(())
    }

    fn break_off(&self, error: upload::Error) -> Result<(), StreamClosed> {
        self.driver.break_off(&self.exchange, self.route, error);
        Err(StreamClosed)
    }

    fn end(&self, trailers: Option<&HeaderMap>) -> Result<(), StreamClosed> {
        self.driver.end_body(self.route, trailers);
        Ok(())
    }
}
