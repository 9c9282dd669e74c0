//! From a row of the outbox to a message of AMQP.

use std::time::UNIX_EPOCH;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde::Deserialize;

use crate::escape::token;
use crate::format::{Binding, Encode};
use crate::outbox::{OutboxRow, PublishError};

/// How AMQP carries the attributes of an event.
pub(super) const BINDING: Binding = Binding::Amqp;
/// All properties of a message have to fit into one frame, of 128 KiB by default. If they do not,
/// the server closes the connection.
const LARGEST_HEADERS: usize = 64 * 1024;
/// Survives a restart of the server.
const PERSISTENT: u8 = 2;
pub(super) const CONTENT_TYPE: &str = "content-type";

/// Returns `{entity}.{key}`, the routing key of a record's events.
///
/// In the entity and the key, every byte other than a letter, a digit, `-` or `_` is escaped as `%`
/// and two hexadecimal digits, so that each is always one word. An empty entity or key becomes a
/// single `%`. On a topic exchange, a binding with `{entity}.*` matches all events of an entity.
///
/// ```
/// use versioned_core::rabbitmq::routing_key;
///
/// assert_eq!(routing_key("tickets", "42"), "tickets.42");
/// assert_eq!(routing_key("app.tickets", "a b.#"), "app%2Etickets.a%20b%2E%23");
/// assert_eq!(routing_key("tickets", ""), "tickets.%");
/// ```
pub fn routing_key(entity: &str, key: &str) -> String {
    format!("{}.{}", token(entity), token(key))
}

/// A message to send.
pub(super) struct Outgoing {
    pub(super) id: ShortString,
    pub(super) routing_key: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

impl Outgoing {
    /// Writes the message of an event. `content_type` is that of a form that says none.
    pub(super) fn new(
        row: &OutboxRow,
        form: &dyn Encode,
        content_type: Option<&'static str>,
        largest: usize,
    ) -> Result<Self, PublishError> {
        let encoded = form.encode(row, BINDING);
        let encoded = encoded.map_err(PublishError::rejected)?;
        let body = encoded.body.unwrap_or_default();
        if body.len() > largest {
            return Err(PublishError::rejected(format_args!(
                "use smaller records, or a larger limit here and at the server: the message has {} bytes and may have {largest}",
                body.len()
            )));
        }
        let own_key = || routing_key(&row.entity, &row.key);
        let routing_key = encoded.subject.unwrap_or_else(own_key);
        let id = short("message id", row.message_id(), "use shorter keys")?;
        let kind = format!("{}.{}", row.entity, row.op);
        let mut properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_message_id(id.clone())
            .with_type(short("type", kind, "use a shorter name of the entity")?);
        if let Some(seconds) = written_at(&row.payload) {
            properties = properties.with_timestamp(seconds);
        }
        let mut content_type = content_type.map(str::to_owned);
        let mut headers = FieldTable::default();
        let mut bytes = 0;
        for (name, value) in encoded.headers {
            if name.eq_ignore_ascii_case(CONTENT_TYPE) {
                content_type = Some(value);
                continue;
            }
            bytes += name.len() + value.len();
            let name = short("name of a header", name, "use shorter names")?;
            headers.insert(name, AMQPValue::LongString(value.into()));
        }
        if bytes > LARGEST_HEADERS {
            return Err(PublishError::rejected(format_args!(
                "use shorter headers: they have {bytes} bytes and may have {LARGEST_HEADERS}"
            )));
        }
        if let Some(content_type) = content_type {
            let content_type = short("content type", content_type, "use a shorter one")?;
            properties = properties.with_content_type(content_type);
        }
        Ok(Self {
            id,
            routing_key: short("routing key", routing_key, "use shorter keys")?,
            properties: properties.with_headers(headers),
            body,
        })
    }
}

/// AMQP has one byte for the length of these texts, and the client panics at longer ones.
fn short(what: &str, text: String, advice: &str) -> Result<ShortString, PublishError> {
    let bytes = text.len();
    ShortString::try_new(text).map_err(|_| {
        PublishError::rejected(format_args!(
            "{advice}, the {what} has {bytes} bytes and may have 255"
        ))
    })
}

/// Returns the time of an event, in seconds since 1970.
fn written_at(payload: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Written {
        at: String,
    }
    let written: Written = serde_json::from_str(payload).ok()?;
    let at = humantime::parse_rfc3339(&written.at).ok()?;
    Some(at.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
