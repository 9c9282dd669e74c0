//! A message of `RabbitMQ` in hand, and its answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use lapin::message::Delivery as Delivered;
use lapin::types::{AMQPValue, FieldTable};
use md5::{Digest as _, Md5};
use tokio::sync::{mpsc, oneshot};

use super::outgoing::{BINDING, CONTENT_TYPE};
use crate::consumer::{Delivery, Message, Settlement};
use crate::format::{self, Header};
use crate::hex;

/// What is to be said to the server about a message of its channel.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) tag: u64,
    pub(super) settlement: Settlement,
    /// Dropped when the server was told.
    pub(super) done: oneshot::Sender<()>,
}

/// A message in hand.
#[derive(Debug)]
pub struct Held {
    pub(super) message: Arc<Delivered>,
    pub(super) queue: Arc<str>,
    /// To the channel that delivered it. What comes after the end of that channel is dropped: on
    /// another one, the tag is that of another message.
    pub(super) settled: mpsc::UnboundedSender<Settled>,
}

/// A message, which is shared.
#[derive(Debug)]
pub struct Body {
    message: Arc<Delivered>,
    queue: Arc<str>,
}

impl Message for Body {
    fn bytes(&self) -> &[u8] {
        &self.message.data
    }

    fn with<R>(&self, read: impl FnOnce(&format::Message<'_>) -> R) -> R {
        let properties = &self.message.properties;
        let content_type = properties.content_type().as_ref();
        let content_type = content_type.map(|text| (CONTENT_TYPE, bytes(text.as_str())));
        let headers = properties.headers().iter().flat_map(FieldTable::inner);
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), text(value)?)));
        let values: Vec<_> = content_type.into_iter().chain(headers).collect();
        let headers = values.iter().map(|(name, value)| Header::new(name, value));
        let headers: Vec<Header<'_>> = headers.collect();
        let (subject, body) = (self.message.routing_key.as_str(), self.bytes());
        read(&format::Message::new(BINDING, subject, Some(body)).headers(&headers))
    }

    /// A message has no number, and its id is optional: its content identifies it.
    fn source(&self) -> String {
        let id = self.message.properties.message_id().as_ref();
        let digest = Md5::new()
            .chain_update(self.message.routing_key.as_str())
            .chain_update([0])
            .chain_update(id.map_or("", |id| id.as_str()))
            .chain_update([0])
            .chain_update(self.bytes());
        format!("{}@{}", hex::encode(&digest.finalize()), self.queue)
    }
}

fn bytes(text: &str) -> Cow<'_, [u8]> {
    Cow::Borrowed(text.as_bytes())
}

/// Returns the value of a header as text. Producers write numbers, booleans and times in the types
/// of AMQP.
fn text(value: &AMQPValue) -> Option<Cow<'_, [u8]>> {
    let text = match value {
        AMQPValue::LongString(text) => return Some(Cow::Borrowed(text.as_bytes())),
        AMQPValue::ShortString(text) => return Some(bytes(text.as_str())),
        AMQPValue::ByteArray(bytes) => return Some(Cow::Borrowed(bytes.as_slice())),
        AMQPValue::Boolean(value) => value.to_string(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Float(number) => number.to_string(),
        AMQPValue::Double(number) => number.to_string(),
        AMQPValue::Timestamp(seconds) => {
            let time = UNIX_EPOCH.checked_add(Duration::from_secs(*seconds))?;
            humantime::format_rfc3339_seconds(time).to_string()
        }
        AMQPValue::DecimalValue(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::Void => return None,
    };
    Some(Cow::Owned(text.into_bytes()))
}

impl Delivery for Held {
    type Body = Body;

    fn body(&self) -> Body {
        Body {
            message: Arc::clone(&self.message),
            queue: Arc::clone(&self.queue),
        }
    }

    fn settle(self, settlement: Settlement) -> BoxFuture<'static, ()> {
        let (done, told) = oneshot::channel();
        let settled = Settled {
            tag: self.message.delivery_tag,
            settlement,
            done,
        };
        // If the channel is gone, the server has the message already, and delivers it again.
        let sent = self.settled.send(settled).is_ok();
        Box::pin(async move {
            if sent {
                told.await.ok();
            }
        })
    }

    fn keep(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use lapin::BasicProperties;

    #[test]
    fn headers_of_any_type_are_text_and_the_content_type_is_one_of_them() {
        let mut table = FieldTable::default();
        for (name, value) in [
            ("a", AMQPValue::LongString("text".into())),
            ("b", AMQPValue::LongLongInt(-7)),
            ("c", AMQPValue::LongInt(7)),
            ("d", AMQPValue::Boolean(true)),
            ("e", AMQPValue::Timestamp(1_700_000_000)),
            ("f", AMQPValue::Void),
            ("g", AMQPValue::FieldTable(FieldTable::default())),
        ] {
            table.insert(name.into(), value);
        }
        let mut message = Delivered::mock(1, "events".into(), "tickets.7".into(), false, vec![1]);
        message.properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_headers(table);
        let body = |message: Delivered| Body {
            message: Arc::new(message),
            queue: "orders".into(),
        };
        let body = body(message);
        body.with(|message| {
            let of = |name: &str| {
                message
                    .header(name)
                    .map(|value| std::str::from_utf8(value).unwrap())
            };
            assert_eq!(of("Content-Type"), Some("application/json"));
            assert_eq!(of("a"), Some("text"));
            assert_eq!(of("b"), Some("-7"));
            assert_eq!(of("c"), Some("7"));
            assert_eq!(of("d"), Some("true"));
            assert_eq!(of("e"), Some("2023-11-14T22:13:20Z"));
            assert_eq!((of("f"), of("g")), (None, None));
            assert_eq!(
                (message.subject, message.body),
                ("tickets.7", Some(&[1_u8][..]))
            );
        });
        assert_eq!(body.source().len(), "@orders".len() + 32);
    }
}
