//! The body of a response as hyper pulls it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use thiserror::Error;

use super::buffer::Next;
use crate::exchange::Exchange;
use crate::http::conn::Conn;

/// The body of any answer: the app's, or a sentence of the core.
#[derive(Debug)]
pub enum ResponseBody {
    /// The app's, piece by piece.
    App(AppBody),
    /// The core's own.
    Own(OwnBody),
}

/// The body of an app's response.
#[derive(Debug)]
pub struct AppBody {
    exchange: Arc<Exchange>,
    conn: Arc<Conn>,
    /// Bytes that the client is still to get, where the head has said how many.
    left: Option<u64>,
    broken: bool,
}

/// The body of an answer that the core makes itself.
#[derive(Debug)]
pub struct OwnBody {
    text: Option<Bytes>,
    conn: Arc<Conn>,
}

/// The app's response ended before its time; hyper closes the connection, which the client sees.
#[derive(Debug, Error)]
#[error("the response was broken off")]
pub struct BrokenOff;

impl AppBody {
    /// The body of `exchange`'s response.
    pub fn new(exchange: Arc<Exchange>, conn: Arc<Conn>) -> Self {
        let left = exchange.body_len();
        Self { exchange, conn, left, broken: false }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match ready!(self.exchange.poll_next(cx)) {
            Next::Data { data, held } => {
                if held {
                    self.exchange.return_window(data.len());
                }
                if let Some(left) = &mut self.left {
                    *left = left.saturating_sub(data.len() as u64);
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Next::Trailers(map) => Poll::Ready(Some(Ok(Frame::trailers(map)))),
            Next::Broken => {
                self.broken = true;
                Poll::Ready(Some(Err(BrokenOff)))
            }
            Next::End | Next::Wait => Poll::Ready(None),
        }
    }
}

impl Drop for AppBody {
    /// hyper drops the body when it has taken all that the client can get; or when the
    /// connection ends before that.
    fn drop(&mut self) {
        let (window, finished) = self.exchange.discard();
        if !self.broken && (finished || self.left == Some(0)) {
            self.conn.delivering(self.exchange.id);
        } else {
            self.exchange.client_gone();
        }
        self.exchange.return_window(window);
    }
}

impl OwnBody {
    /// `text` for the client.
    pub fn new(text: Bytes, conn: Arc<Conn>) -> Self {
        Self { text: Some(text), conn }
    }
}

impl Drop for OwnBody {
    fn drop(&mut self) {
        self.conn.delivering_own_answer();
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::App(body) => body.poll_frame(cx),
            Self::Own(body) => Poll::Ready(body.text.take().map(|text| Ok(Frame::data(text)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::App(body) => body.left == Some(0) || body.exchange.is_finished(),
            Self::Own(body) => body.text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            // With a Content-Length of the app, hyper goes by that and must not be told twice.
            Self::App(body) if body.left.is_some() => SizeHint::default(),
            Self::App(body) => {
                body.exchange.remaining().map(SizeHint::with_exact).unwrap_or_default()
            }
            Self::Own(body) => {
                SizeHint::with_exact(body.text.as_ref().map_or(0, |text| text.len() as u64))
            }
        }
    }
}
