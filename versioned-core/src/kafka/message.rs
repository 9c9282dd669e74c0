//! A message of Kafka in hand, and its answer.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use rdkafka::message::{BorrowedMessage, Headers, Message as _};

use super::ledger::Partition;
use super::shared::Shared;
use crate::consumer::{Delivery, Message, Settlement};
use crate::format::{self, Binding, Header};

/// How Kafka carries the attributes of an event.
pub(super) const BINDING: Binding = Binding::Kafka;

/// A message that outlives the client's memory.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) partition: Partition,
    pub(super) offset: i64,
    timestamp: Option<i64>,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Record {
    pub(super) fn new(partition: Partition, message: &BorrowedMessage<'_>) -> Self {
        Self {
            partition,
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            headers: message.headers().map(headers).unwrap_or_default(),
            body: message.payload().map(<[u8]>::to_vec),
        }
    }
}

/// The headers whose names are text. `rdkafka` panics at the others.
fn headers(all: &impl Headers) -> Vec<(String, Vec<u8>)> {
    let one = |index| {
        let header = catch_unwind(AssertUnwindSafe(|| all.try_get(index)));
        let header = header.ok().flatten()?;
        let value = header.value.unwrap_or_default();
        Some((header.key.to_owned(), value.to_vec()))
    };
    (0..all.count()).filter_map(one).collect()
}

/// A message in hand.
pub struct Held {
    pub(super) record: Arc<Record>,
    pub(super) epoch: u64,
    pub(super) shared: Arc<Shared>,
}

/// A message, which is shared.
#[derive(Debug)]
pub struct Body(Arc<Record>);

impl Message for Body {
    fn bytes(&self) -> &[u8] {
        self.0.body.as_deref().unwrap_or_default()
    }

    fn with<R>(&self, read: impl FnOnce(&format::Message<'_>) -> R) -> R {
        let record = &self.0;
        let headers = record.headers.iter();
        let headers: Vec<Header<'_>> = headers
            .map(|(name, value)| Header::new(name, value))
            .collect();
        let topic = &record.partition.topic;
        let message = format::Message::new(BINDING, topic, record.body.as_deref());
        read(&message.key(record.key.as_deref()).headers(&headers))
    }

    fn source(&self) -> String {
        let Record {
            partition: Partition { topic, number },
            offset,
            timestamp,
            ..
        } = &*self.0;
        // A topic that is made again counts from 0 again.
        let timestamp = timestamp.unwrap_or_default();
        format!("{topic}/{number}:{offset}@{timestamp}")
    }
}

impl Delivery for Held {
    type Body = Body;

    fn body(&self) -> Body {
        Body(Arc::clone(&self.record))
    }

    fn settle(self, settlement: Settlement) -> BoxFuture<'static, ()> {
        match settlement {
            // What is never to be delivered again is behind the offset, too.
            Settlement::Acknowledge | Settlement::Reject => {
                let Record {
                    partition, offset, ..
                } = &*self.record;
                self.shared.complete(partition, self.epoch, *offset);
            }
            // Another member, or the next process, reads it.
            Settlement::Retry(_) => {}
        }
        Box::pin(ready(()))
    }

    fn keep(&self) -> BoxFuture<'static, ()> {
        Box::pin(ready(()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.release();
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("partition", &self.record.partition)
            .field("offset", &self.record.offset)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::message::Header as Native;

    /// As those of `rdkafka`, which panics at a name that is no text.
    struct Wrong;

    impl Headers for Wrong {
        fn count(&self) -> usize {
            4
        }

        fn try_get(&self, index: usize) -> Option<Native<'_, &[u8]>> {
            let header = |key, value| Some(Native { key, value });
            match index {
                0 => header("first", Some(&b"1"[..])),
                1 => panic!("Utf8Error"),
                2 => header("null", None),
                _ => header("first", Some(&b"2"[..])),
            }
        }
    }

    #[test]
    fn a_header_whose_name_is_no_text_is_ignored() {
        let expected = [("first", &b"1"[..]), ("null", b""), ("first", b"2")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_vec()));
        assert_eq!(headers(&Wrong), expected);
    }
}
