//! What clients do.

use std::time::Duration;

use maitred_engine::class::Class;
use maitred_engine::event::{Abort, Deadlines, Input, Traits};
use maitred_engine::id::{PoolId, RequestId, SlotId};

use super::{Client, Done, World};
use crate::rule::Checked;

impl World {
    fn new_client(&mut self, body: usize) -> (RequestId, PoolId) {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        let pool = PoolId(self.random.between(1, self.plan.pools.len() as u64) as u32);
        let class = match self.random.chance(self.plan.classes) {
            true => self.random.pick(&[Class::High, Class::Low]).unwrap_or_default(),
            false => Class::Normal,
        };
        let client = Client {
            pool,
            class,
            body,
            come: 0,
            idempotent: self.random.chance(self.plan.idempotent),
            body_held: body == 0 || self.random.chance(700),
            arrived: false,
            eager: self.random.chance(300),
            route: None,
            untaken: 0,
            complete: false,
            discard: false,
        };
        self.clients.insert(request, client);
        (request, pool)
    }

    pub(super) fn arrive(&mut self) -> Done {
        let (request, _) = self.new_client(0);
        self.arrives(request)?;
        Ok(true)
    }

    fn arrives(&mut self, request: RequestId) -> Checked {
        let pool = self.clients[&request].pool;
        if self.shadow.is_per_process(pool) {
            // Of two that came at the same moment nobody could say who is in which line.
            self.advance(self.now + Duration::from_nanos(1))?;
        }
        let Some(client) = self.clients.get_mut(&request) else { return Ok(()) };
        client.arrived = true;
        let mut ms = || {
            let ms = match self.random.below(10) {
                0 => u32::MAX,
                _ => self.random.between(5, 150) as u32,
            };
            std::num::NonZeroU32::new(ms).filter(|_| self.random.chance(self.plan.deadlines))
        };
        let deadlines = Deadlines { first_byte: ms(), request: ms(), deferred: ms() };
        let Some(client) = self.clients.get_mut(&request) else { return Ok(()) };
        let traits = Traits {
            idempotent: client.idempotent,
            body_held: client.body_held,
            class: client.class,
            deadlines,
        };
        let pool = client.pool;
        self.shadow.arrived(request, pool, traits);
        self.tell(Input::Arrived { request, pool, traits })
    }

    pub(super) fn arrive_with_body(&mut self) -> Done {
        let length = self.random.between(1, self.plan.body_max) as usize;
        let (request, pool) = self.new_client(length);
        let class = self.clients[&request].class;
        self.shadow.announced(request, pool, class);
        self.tell(Input::Announced { request, pool, class })?;
        Ok(true)
    }

    /// A body comes in; the request arrives when it is whole, or when it is clear that it is a
    /// long one.
    pub(super) fn body_comes(&mut self) -> Done {
        let Some(request) = self.client(|client| !client.arrived) else { return Ok(false) };
        let some = self.random.between(1, self.plan.body_max) as usize;
        let client = self.clients.get_mut(&request).expect("it was picked");
        client.come = (client.come + some).min(client.body);
        if client.come == client.body || !client.body_held {
            self.arrives(request)?;
        }
        Ok(true)
    }

    pub(super) fn client_leaves(&mut self) -> Done {
        let Some(request) = self.client(|_| true) else { return Ok(false) };
        self.leaves(request)?;
        Ok(true)
    }

    fn leaves(&mut self, request: RequestId) -> Checked {
        if !self.clients[&request].arrived {
            // The engine has not heard of it yet, or only that it may come.
            self.clients.remove(&request);
            return Ok(());
        }
        self.shadow.client_gone(request);
        self.tell(Input::ClientGone { request })
    }

    pub(super) fn client_takes(&mut self) -> Done {
        let wants = |client: &Client| client.untaken > 0 || client.complete;
        let Some(request) = self.client(wants) else { return Ok(false) };
        let some = self.random.between(1, self.plan.body_max) as usize;
        let client = self.clients.get_mut(&request).expect("it was picked");
        let n = client.untaken.min(some);
        client.untaken -= n;
        let all = client.complete && client.untaken == 0;
        if let Some((process, stream)) = client.route
            && let Some(end) = self.ends.get_mut(&process)
        {
            end.link.consumed(stream, n);
        }
        if all {
            self.delivered(request)?;
        }
        Ok(true)
    }

    pub(super) fn delivered(&mut self, request: RequestId) -> Checked {
        self.shadow.delivered(request);
        self.tell(Input::Delivered { request })
    }

    /// The core cannot go on with a request: its body is broken, for instance.
    pub(super) fn break_off(&mut self) -> Done {
        let Some(request) = self.client(|client| client.route.is_some()) else { return Ok(false) };
        let Some((process, number)) = self.clients[&request].route else { return Ok(false) };
        let Some(end) = self.ends.get(&process) else { return Ok(false) };
        let Some(stream) = end.streams.get(&number) else { return Ok(false) };
        if stream.ended || stream.cancelled {
            return Ok(false);
        }
        let (slot, detached) = (stream.slot, stream.detached);
        self.discard(request);
        if let Some(index) = slot {
            self.aborted(SlotId { process, index }, (request, detached), Abort::ByCore)?;
        } else {
            // It was sent ahead: for the engine nobody waits for it any more.
            self.shadow.client_gone(request);
            self.tell(Input::ClientGone { request })?;
        }
        if let Some(end) = self.ends.get_mut(&process) {
            end.cancel(number, maitred_engine::event::CancelReason::ClientGone);
        }
        Ok(true)
    }

    /// A response is broken, as far as the engine is concerned.
    pub(super) fn aborted(
        &mut self,
        slot: SlotId,
        (request, detached): (RequestId, bool),
        why: Abort,
    ) -> Checked {
        if detached {
            let process = slot.process;
            self.shadow.heard_detached_end(process, request, Some(why));
            return self.tell(Input::DetachedAborted { process, request, why });
        }
        self.shadow.heard_abort(slot, why);
        self.tell(Input::ResponseAborted { slot, why })
    }

    /// One of the clients that fit.
    fn client(&mut self, fits: impl Fn(&Client) -> bool) -> Option<RequestId> {
        let count = self.clients.values().filter(|it| fits(it)).count();
        let nth = self.random.index(count);
        let mut fitting = self.clients.iter().filter(|(_, it)| fits(it));
        fitting.nth(nth).map(|(id, _)| *id)
    }
}
