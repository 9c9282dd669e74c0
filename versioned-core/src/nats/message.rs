//! A message of JetStream in hand, and its answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;

use super::durable::Incarnation;
use crate::consumer::{Delivery, Hook, Message as BrokerMessage, Settlement, report_broker};
use crate::format::{self, Binding, Header};

/// How NATS carries the attributes of an event.
pub(super) const BINDING: Binding = Binding::Nats;

/// A message in hand.
pub struct Held {
    pub(super) message: Arc<Message>,
    pub(super) report: Hook,
    pub(super) incarnation: Incarnation,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// The payload of a message, which is shared.
#[derive(Debug)]
pub struct Body(Arc<Message>);

impl BrokerMessage for Body {
    fn bytes(&self) -> &[u8] {
        &self.0.payload
    }

    fn with<R>(&self, read: impl FnOnce(&format::Message<'_>) -> R) -> R {
        let headers = self.0.headers.iter().flat_map(|headers| headers.iter());
        let headers = headers.flat_map(|(name, values)| {
            let name: &str = name.as_ref();
            let values = values.iter().map(|value| value.as_str().as_bytes());
            values.map(move |value| Header::new(name, value))
        });
        let headers: Vec<Header<'_>> = headers.collect();
        let body = Some(self.bytes());
        read(&format::Message::new(BINDING, &self.0.subject, body).headers(&headers))
    }

    fn source(&self) -> String {
        match self.0.info() {
            // A stream that is made again counts from 1 again.
            Ok(info) => format!(
                "{}:{}@{}",
                info.stream,
                info.stream_sequence,
                info.published.unix_timestamp_nanos()
            ),
            Err(_) => self.0.subject.to_string(),
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.message).finish()
    }
}

impl Delivery for Held {
    type Body = Body;

    fn body(&self) -> Body {
        Body(Arc::clone(&self.message))
    }

    fn settle(self, settlement: Settlement) -> BoxFuture<'static, ()> {
        let kind = match settlement {
            Settlement::Acknowledge => AckKind::Ack,
            Settlement::Retry(Duration::ZERO) => AckKind::Nak(None),
            Settlement::Retry(delay) => AckKind::Nak(Some(delay)),
            Settlement::Reject => AckKind::Term,
        };
        let Self {
            message,
            report,
            incarnation,
            room,
        } = self;
        Box::pin(async move {
            if incarnation.is_over() {
                return;
            }
            // If the answer is lost, the broker redelivers the event.
            if let Err(error) = message.ack_with(kind).await {
                report_broker(&report, &error.to_string());
            }
            drop(room);
        })
    }

    fn keep(&self) -> BoxFuture<'static, ()> {
        let (message, report) = (Arc::clone(&self.message), Arc::clone(&self.report));
        let incarnation = self.incarnation.clone();
        Box::pin(async move {
            if incarnation.is_over() {
                return;
            }
            if let Err(error) = message.ack_with(AckKind::Progress).await {
                report_broker(&report, &error.to_string());
            }
        })
    }
}
