//! How messages come in: each is read, waits in the lane of its record, and becomes part of a batch.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::stream::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;

use super::lanes::{Kind, Started};
use super::meters::Became;
use super::run::{Batch, Held, Run};
use super::source::{Delivery, Incoming, Origin, Settlement};
use crate::event::Op;
use crate::format::Read;

impl<T, D> Run<'_, T, D>
where
    T: DeserializeOwned + Send,
    D: Delivery,
{
    /// Receives a delivery, and the others that are here too, so that they begin together.
    pub(super) fn receive_all(
        &mut self,
        mut next: Option<Incoming<D>>,
        deliveries: &mut (impl Stream<Item = Incoming<D>> + Unpin),
        is_end: bool,
    ) {
        while let Some(incoming) = next {
            self.receive(incoming, is_end);
            next = deliveries.next().now_or_never().flatten();
        }
    }

    fn receive(&mut self, incoming: Incoming<D>, is_end: bool) {
        match incoming {
            Incoming::Delivery(delivery) => self.arrive(delivery, is_end),
            Incoming::Full(limit) if !is_end => self.full(limit),
            Incoming::Full(_) => {}
            Incoming::End(error) => self.ended = Some(error),
        }
    }

    /// Queues a message behind those of its record, or gives it back at the end.
    fn arrive(&mut self, delivery: D, is_end: bool) {
        if is_end {
            self.answers
                .push(delivery.settle(Settlement::Retry(Duration::ZERO)));
            return;
        }
        self.last += 1;
        self.health.broker_answered();
        self.full_is_reported = false;
        let number = self.last;
        let read = (self.reader.read)(&delivery.body());
        let held = |read| Held {
            delivery,
            read,
            attempts: 0,
        };
        match read {
            Ok(Some(read)) => {
                let event = &read.event;
                let record = format!("{}/{}", event.entity, event.key);
                let kind = match event.op {
                    Op::Snapshot | Op::DeletedForever => Kind::Snapshot,
                    Op::Created | Op::Updated | Op::Deleted => Kind::Change,
                    Op::DeletedAt => Kind::Derived,
                };
                self.lanes.arrive(&record, event.turn(), number, kind);
                self.held.insert(number, held(Some(read)));
            }
            Ok(None) => {
                self.held.insert(number, held(None));
                self.skip(number);
            }
            Err(refused) => {
                self.held.insert(number, held(None));
                self.unreadable(number, None, &refused);
            }
        }
    }

    /// The next batch to handle, while so many things are being done.
    pub(super) fn start(&mut self, running: usize) -> Option<Batch<T, D>> {
        let now = Instant::now();
        if !self.breaker.allows(running, now) {
            return None;
        }
        loop {
            let part = self.parts.pop_front();
            let taken = part.unwrap_or_else(|| self.lanes.start(self.settings.batch, now));
            if taken.is_empty() {
                return None;
            }
            let mut batch = Batch {
                started: Vec::with_capacity(taken.len()),
                events: Vec::with_capacity(taken.len()),
                origins: Vec::with_capacity(taken.len()),
            };
            for started in taken {
                self.read(started, &mut batch);
            }
            if !batch.started.is_empty() {
                return Some(batch);
            }
        }
    }

    /// Adds an event to a batch.
    fn read(&mut self, started: Started, batch: &mut Batch<T, D>) {
        let Some(message) = self.held.get_mut(&started.number) else {
            self.lanes.dropped(&started.record);
            return;
        };
        let body = message.delivery.body();
        let read = match message.read.take() {
            Some(read) => Ok(Some(read)),
            None => (self.reader.read)(&body),
        };
        match read {
            Ok(Some(Read { event, whole })) => {
                batch.started.push(started);
                batch.events.push(event);
                batch.origins.push(Origin {
                    message: body,
                    whole,
                });
            }
            // It was read when it arrived, by a form or a `Deserialize` that answers otherwise now.
            Ok(None) => {
                self.lanes.dropped(&started.record);
                self.skip(started.number);
            }
            Err(refused) => self.unreadable(started.number, Some(started), &refused),
        }
    }

    /// Acknowledges a message that is not for this replica.
    fn skip(&mut self, number: u64) {
        self.count().skipped.add(1);
        self.meters.became(Became::Skipped);
        self.settle(&[number], Settlement::Acknowledge);
    }
}
