//! Bodies on their way through the driver: windows, pieces, ends, and what is broken off.
//!
//! These calls come from the tasks of bodies. Each finds its stream again by its route: the stream
//! may be over, or its request in another process, since the task looked last.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use maitred_engine::event::{Abort, CancelReason, Input};
use maitred_engine::id::SlotId;

use super::{Driver, Inner};
use crate::body::upload;
use crate::exchange::{Answer, Exchange, Route};
use crate::link::StreamRecord;

impl Driver {
    /// The client took `bytes` of a response for which no window was returned yet.
    pub fn return_window(&self, route: Route, bytes: usize) {
        if let Some(link) = self.lock().links.get_mut(&route.process) {
            link.proto.consumed(route.stream, bytes);
            link.wake();
        }
    }

    /// Hands as much of `data` to the link as its window allows; waits when that is nothing.
    /// Ready(false): the stream takes nothing any more.
    pub fn poll_send_body(&self, cx: &Context<'_>, route: Route, data: &mut Bytes) -> Poll<bool> {
        let mut inner = self.lock();
        let Some(link) = inner.links.get_mut(&route.process) else { return Poll::Ready(false) };
        let Some(stream) = link.streams.get_mut(&route.stream) else {
            return Poll::Ready(false);
        };
        if stream.cancelled {
            return Poll::Ready(false);
        }
        let room = link.proto.capacity(route.stream).min(data.len());
        if room == 0 {
            stream.writable = Some(cx.waker().clone());
            return Poll::Pending;
        }
        link.proto.body(route.stream, data.split_to(room), false);
        link.wake();
        Poll::Ready(true)
    }

    /// Waits until the stream takes nothing any more.
    pub fn poll_closed(&self, cx: &Context<'_>, route: Route) -> Poll<()> {
        match self.lock().record(route) {
            Some(stream) if !stream.cancelled => {
                stream.writable = Some(cx.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// The request's body is complete.
    pub fn end_body(&self, route: Route, trailers: Option<&HeaderMap>) {
        if let Some(link) = self.lock().links.get_mut(&route.process) {
            link.end_request(route.stream, trailers);
            link.wake();
        }
    }

    /// The core cannot go on with a request that is in a process: its body broke or is too long,
    /// or its client is gone. The client is told what was wrong with it, and the app that nothing
    /// more will come. A response that is complete already stays as it is.
    pub fn break_off(&self, exchange: &Exchange, route: Route, error: upload::Error) {
        let mut inner = self.lock();
        if exchange.route() != Some(route) {
            return;
        }
        let Some(stream) = inner.record(route).filter(|it| !it.ended && !it.cancelled) else {
            return;
        };
        let (slot, detached) = (stream.slot, stream.detached);
        let request = exchange.id;
        // First, because the engine's own words know of no reason.
        if error.is_departure() {
            exchange.give_up(0, Answer::Upload(error));
            return self.handle(&mut inner, Input::ClientGone { request });
        }
        exchange.give_up(error.status().as_u16(), Answer::Upload(error));
        let (process, why) = (route.process, Abort::ByCore);
        let input = match slot {
            _ if detached => Input::DetachedAborted { process, request, why },
            Some(index) => Input::ResponseAborted { slot: SlotId { process, index }, why },
            // It was sent ahead: for the engine nobody waits for it any more.
            None => Input::ClientGone { request },
        };
        self.handle(&mut inner, input);
        inner.cancel_stream(route);
    }
}

impl Inner {
    fn record(&mut self, route: Route) -> Option<&mut StreamRecord> {
        self.links.get_mut(&route.process)?.streams.get_mut(&route.stream)
    }

    /// Tells the app that nobody wants its response any more.
    pub(super) fn cancel_stream(&mut self, route: Route) {
        if let Some(link) = self.links.get_mut(&route.process) {
            link.cancel_stream(route.stream, CancelReason::ClientGone);
            link.wake();
        }
    }
}
