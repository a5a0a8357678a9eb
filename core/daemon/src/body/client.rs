//! The body of a request as its client sends it: what hyper reads, piece by piece.
//!
//! It is wrapped for its connection's sake, which has to know whether a body is still coming in
//! when the response has gone out, and whether part of one was never read.

use std::pin::Pin;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;

use crate::http::conn::Conn;

/// What the client still sends of a request.
#[derive(Debug)]
pub struct ClientBody {
    incoming: Incoming,
    /// Not held: a body that waits in a process must not keep the socket of a client that left.
    conn: Weak<Conn>,
    /// Which body of its connection this is.
    number: u64,
    /// All of it was read.
    ended: bool,
}

impl ClientBody {
    /// The body that follows the head which was just read on `conn`; `None`: there is none.
    #[must_use]
    pub fn new(incoming: Incoming, conn: &Arc<Conn>) -> Option<Self> {
        if incoming.is_end_stream() {
            return None;
        }
        let number = conn.upload_begins();
        Some(Self { incoming, conn: Arc::downgrade(conn), number, ended: false })
    }

    /// Its length, where the client has told it.
    #[must_use]
    pub fn declared(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// The next frame; `None`: that was all.
    ///
    /// # Errors
    /// The body is not valid, or the client is gone.
    pub async fn frame(&mut self) -> Result<Option<Frame<Bytes>>, hyper::Error> {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut self.incoming).poll_frame(cx)).await;
        self.ended = frame.is_none() || self.incoming.is_end_stream();
        frame.transpose()
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.upgrade() {
            conn.upload_ends(self.number, self.ended);
        }
    }
}
