//! What both ends of a link offer their owner in the same words.
//!
//! The two ends differ in what they may say and in what they make of a frame. Bytes in, events
//! and bytes out, and the flow of bodies are the same, so they are written here, once.

use std::collections::VecDeque;
use std::fmt::Debug;

use bytes::BytesMut;

use super::event::Counters;
use super::incoming::{Frame, next_frame};
use super::shared::Shared;
use crate::error::Error;
use crate::frame::Side;

/// One end of a link: [`super::CoreLink`] or [`super::ProcessLink`].
#[derive(Debug)]
pub struct Link<R: Role> {
    pub(super) shared: Shared,
    pub(super) events: VecDeque<R::Event>,
    pub(super) role: R,
}

/// Which end it is, with what only that end knows.
pub trait Role: Debug + Default + Sized {
    /// What its owner is told.
    type Event: Debug;
    /// This end.
    const SIDE: Side;
    /// The other one.
    const PEER: Side;

    /// Judges the kind of the next frame, of which nothing else may have arrived yet.
    ///
    /// # Errors
    ///
    /// It may not be the first frame of a link, and is.
    fn check_first(_: &Link<Self>, _kind: u8) -> Result<(), Error> {
        Ok(())
    }

    /// A whole frame arrived.
    ///
    /// # Errors
    ///
    /// The other side broke the protocol.
    fn on_frame(link: &mut Link<Self>, frame: &Frame) -> Result<(), Error>;
}

impl<R: Role> Default for Link<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Role> Link<R> {
    /// A link on which nothing was said yet.
    #[must_use]
    pub fn new() -> Self {
        Self { shared: Shared::new(R::SIDE), events: VecDeque::new(), role: R::default() }
    }

    /// Takes all whole frames out of `buf` and leaves the begin of the next one. Events may have
    /// been queued before an error.
    ///
    /// # Errors
    ///
    /// The other side broke the protocol: the link is over, and says so again when asked again.
    pub fn receive(&mut self, buf: &mut BytesMut) -> Result<(), Error> {
        if let Some(error) = &self.shared.broken {
            return Err(error.clone());
        }
        let result = self.receive_frames(buf);
        if let Err(error) = &result {
            self.shared.broken = Some(error.clone());
        }
        result
    }

    fn receive_frames(&mut self, buf: &mut BytesMut) -> Result<(), Error> {
        if let Some(&kind) = buf.get(4) {
            R::check_first(self, kind)?;
        }
        while let Some(frame) = next_frame(buf, R::PEER, &mut self.shared.counters)? {
            R::on_frame(self, &frame)?;
        }
        Ok(())
    }

    /// The next thing that the other side said.
    pub fn poll_event(&mut self) -> Option<R::Event> {
        self.events.pop_front()
    }

    /// The bytes to write next; empty: nothing to write.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.shared.out.unsent()
    }

    /// The kernel accepted `n` bytes of [`Self::transmit`].
    pub fn transmitted(&mut self, n: usize) {
        self.shared.out.transmitted(n);
        self.shared.refill();
    }

    /// Whether there is anything to write.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        self.shared.out.len() > 0
    }

    /// Bytes of body that may be handed in now; 0 too when nobody wants them.
    #[must_use]
    pub fn capacity(&self, stream: u64) -> usize {
        self.shared.capacity(stream)
    }

    /// The owner passed on `n` bytes of the body that it receives.
    pub fn consumed(&mut self, stream: u64, n: usize) {
        self.shared.consumed(stream, n);
    }

    /// What was seen and dropped.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Streams that are not over.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.shared.streams.len()
    }
}
