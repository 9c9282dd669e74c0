//! A message in hand, and its answer.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;

use super::queue::{Copy, Queue, Sent};
use crate::consumer::{Delivery, Message, Settlement};
use crate::format::{self, Binding};

/// How messages carry the attributes of an event.
pub(super) const BINDING: Binding = Binding::Nats;

/// A message in hand. It is delivered again if it is dropped without an answer.
pub struct Held {
    queue: Arc<Queue>,
    /// `None` after the answer.
    copy: Option<Copy>,
    sent: Arc<Sent>,
    _room: OwnedSemaphorePermit,
}

impl Held {
    pub(super) fn new(queue: Arc<Queue>, copy: Copy, room: OwnedSemaphorePermit) -> Self {
        Self {
            queue,
            sent: Arc::clone(&copy.sent),
            copy: Some(copy),
            _room: room,
        }
    }
}

/// A message, which is shared.
#[derive(Debug)]
pub struct Body(Arc<Sent>);

impl Message for Body {
    fn bytes(&self) -> &[u8] {
        self.0.message.body.as_deref().unwrap_or_default()
    }

    fn with<R>(&self, read: impl FnOnce(&format::Message<'_>) -> R) -> R {
        self.0.message.with(BINDING, read)
    }

    fn source(&self) -> String {
        format!("memory:{}", self.0.number)
    }
}

impl Delivery for Held {
    type Body = Body;

    fn body(&self) -> Body {
        Body(Arc::clone(&self.sent))
    }

    fn settle(mut self, settlement: Settlement) -> BoxFuture<'static, ()> {
        if let Some(copy) = self.copy.take() {
            match settlement {
                Settlement::Acknowledge => self.queue.settled(&copy, false),
                Settlement::Reject => self.queue.settled(&copy, true),
                Settlement::Retry(after) => self.queue.give_back(copy, after),
            }
        }
        Box::pin(ready(()))
    }

    fn keep(&self) -> BoxFuture<'static, ()> {
        Box::pin(ready(()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(copy) = self.copy.take() {
            self.queue.give_back(copy, Duration::ZERO);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.sent).finish()
    }
}
