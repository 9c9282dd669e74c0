//! The outbox event router of Debezium: events that the owner has written into a table.

use serde_json::{Map, Value};

use super::{Body, is_named};
use crate::event::Op;
use crate::format::type_name::without_version;
use crate::format::value::{Checks, key_of, key_part, version};
use crate::format::{Decode, Decoded, Message, Record, Refused, Replica};

const PLACE_IT: &str =
    "place it: `table.fields.additional.placement=version:header,type:header:eventType`";

/// Reads the events of Debezium's
/// [outbox event router](https://debezium.io/documentation/reference/stable/transformations/outbox-event-router.html).
///
/// The router has to place the version and the type of each event:
/// `table.fields.additional.placement=version:header,type:header:eventType`.
///
/// ```
/// use versioned_core::Op;
/// use versioned_core::format::DebeziumOutbox;
///
/// let form = DebeziumOutbox::new().operation("TicketReserved", Op::Updated);
/// # let _ = form;
/// ```
///
/// The payload is the whole record after the change: an object, or text with its JSON, with or
/// without a schema. Expansion (`table.expand.json.payload`) drops what is null or empty, so absent
/// options are `None` and absent lists are empty.
///
/// An event is a deletion if its type ends with the word `Deleted`, in any spelling. The last part
/// of the topic is the aggregate, and has to be the entity of the replica. Events of other aggregates
/// are skipped.
///
/// A message is refused if it has no version, if the version in the payload is another one, or if it
/// has no payload and its type does not say that the record was deleted.
#[derive(Debug, Clone)]
pub struct DebeziumOutbox {
    aggregates: Vec<String>,
    version: String,
    event_type: String,
    is_enveloped: bool,
    operations: Vec<(String, Option<Op>)>,
}

impl Default for DebeziumOutbox {
    fn default() -> Self {
        Self::new()
    }
}

impl DebeziumOutbox {
    /// Reads the events of the aggregate that is named as the replica's entity.
    pub fn new() -> Self {
        Self {
            aggregates: Vec::new(),
            version: "version".to_owned(),
            event_type: "eventType".to_owned(),
            is_enveloped: false,
            operations: Vec::new(),
        }
    }

    /// Reads the events of this aggregate, and not of the one that is named as the entity. Call it
    /// again for each further aggregate. It is the last part of the topic, as
    /// `route.topic.replacement` makes it.
    #[must_use]
    pub fn aggregate(mut self, name: impl Into<String>) -> Self {
        self.aggregates.push(name.into());
        self
    }

    /// Sets the name of the header with the version. The default is `version`. Without the header,
    /// the version is the payload's.
    #[must_use]
    pub fn version(self, header: impl Into<String>) -> Self {
        Self {
            version: header.into(),
            ..self
        }
    }

    /// Sets the name of the header with the type. The default is `eventType`.
    #[must_use]
    pub fn event_type(self, header: impl Into<String>) -> Self {
        Self {
            event_type: header.into(),
            ..self
        }
    }

    /// Reads the payload from the member `payload` of the body, and the version and the type from the
    /// other members. Say this if fields are placed in the `envelope`.
    #[must_use]
    pub fn envelope(self) -> Self {
        Self {
            is_enveloped: true,
            ..self
        }
    }

    /// Sets the operation of a type. By default a type that ends with `Created` is a creation, one
    /// that ends with `Deleted` is a deletion, and each other type is an update.
    #[must_use]
    pub fn operation(mut self, event_type: impl Into<String>, op: Op) -> Self {
        self.operations.push((event_type.into(), Some(op)));
        self
    }

    /// Skips events of this type. Use it for events that do not carry the whole record. A sequential
    /// replica then waits for their versions.
    #[must_use]
    pub fn skip(mut self, event_type: impl Into<String>) -> Self {
        self.operations.push((event_type.into(), None));
        self
    }

    fn reads(&self, entity: &str, topic: &str) -> bool {
        let last = topic.rsplit('.').next().unwrap_or(topic);
        let is = |name: &str| {
            name == last
                || topic
                    .strip_suffix(name)
                    .is_some_and(|before| before.ends_with('.'))
        };
        is_named(&self.aggregates, entity, is)
    }

    fn operation_of(&self, event_type: &str) -> Option<Op> {
        let mut operations = self.operations.iter();
        match operations.find(|(name, _)| name == event_type) {
            Some((_, op)) => *op,
            None if ends_with_word(event_type, "deleted") => Some(Op::Deleted),
            None if ends_with_word(event_type, "created") => Some(Op::Created),
            None => Some(Op::Updated),
        }
    }
}

impl Decode for DebeziumOutbox {
    fn decode(&self, message: &Message<'_>, replica: &Replica) -> Result<Option<Decoded>, Refused> {
        if !self.reads(replica.entity, message.subject) {
            return Ok(None);
        }
        let body = Body::of(message)?.payload;
        let (mut placed, body) = match body {
            Value::Object(mut around) if self.is_enveloped => {
                let payload = around.remove("payload").unwrap_or_default();
                (around, payload)
            }
            body => (Map::new(), body),
        };
        let mut placed_in = |name: &str| placed.remove(name).filter(|value| !value.is_null());
        let of_event = Event {
            replica,
            version: Body::of_header(message, &self.version).or_else(|| placed_in(&self.version)),
            kind: Body::of_header(message, &self.event_type)
                .or_else(|| placed_in(&self.event_type))
                .and_then(|value| value.as_str().map(str::to_owned)),
            key: Body::of_key(message).and_then(|key| key_part(&key.payload).ok()),
            payload: payload_of(body)?,
        };
        let op = match &of_event.kind {
            Some(kind) => self.operation_of(kind),
            None if of_event.payload.is_some() => Some(Op::Updated),
            None => return Err(of_event.without_type()),
        };
        op.map(|op| of_event.decode(op)).transpose()
    }
}

/// The facts of a message.
struct Event<'r> {
    replica: &'r Replica,
    version: Option<Value>,
    kind: Option<String>,
    key: Option<String>,
    payload: Option<Map<String, Value>>,
}

impl Event<'_> {
    fn decode(self, op: Op) -> Result<Decoded, Refused> {
        let version = self.version()?;
        let key = self.key()?;
        let decoded = Decoded::new(op, version).key(key.clone());
        match (op, self.payload) {
            (Op::DeletedForever, _) => Ok(Decoded::new(op, i64::MAX).key(key)),
            (Op::Deleted | Op::DeletedAt, _) => Ok(decoded),
            (_, Some(mut fields)) => {
                // The outbox may have it in another form.
                fields.insert(self.replica.version.to_owned(), version.into());
                let checks = Checks {
                    subject: format!("{} {key}", self.replica.entity),
                    absent_lists: true,
                    ..Checks::default()
                };
                let record = Record::from(Value::Object(fields)).checked(checks);
                Ok(decoded.record(record))
            }
            (_, None) => {
                let kind = self.kind.unwrap_or_default();
                let reason = format!("{kind} of {} {key} has no payload", self.replica.entity);
                Err(Refused::new(reason).of_record(key, version))
            }
        }
    }

    /// Returns the version of the header, and without it the payload's. They must not differ.
    fn version(&self) -> Result<i64, Refused> {
        let in_payload = self
            .payload
            .as_ref()
            .and_then(|fields| fields.get(self.replica.version));
        let read = |value: &Value| {
            version(value).map_err(|reason| {
                Refused::new(format!("the version of {}: {reason}", self.replica.entity))
            })
        };
        let in_payload = in_payload.map(read).transpose()?;
        match (self.version.as_ref().map(read).transpose()?, in_payload) {
            (Some(placed), Some(in_payload)) if placed != in_payload => Err(Refused::new(format!(
                "the version of {} is {placed} in the outbox, and {in_payload} in the payload: \
                     write the same version into both",
                self.replica.entity
            ))),
            (Some(version), _) | (None, Some(version)) => Ok(version),
            (None, None) => Err(Refused::new(format!(
                "an event of {} without a version: {PLACE_IT}",
                self.replica.entity
            ))),
        }
    }

    /// Returns the key of the payload, and without it the message's. They must not differ.
    fn key(&self) -> Result<String, Refused> {
        let in_payload = self.payload.as_ref();
        let in_payload = in_payload.and_then(|fields| key_of(fields, self.replica.key).ok());
        match (in_payload, &self.key) {
            (Some(key), Some(of_message)) if !key.eq_ignore_ascii_case(of_message) => {
                Err(Refused::new(format!(
                    "the key of the message is {of_message}, and that of the payload is {key}: \
                     `aggregateid` must be the key of the record"
                )))
            }
            (Some(key), _) => Ok(key),
            (None, Some(key)) => Ok(key.clone()),
            (None, None) => Err(Refused::new(format!(
                "an event of {} without a key: its `aggregateid` must be the key of the record",
                self.replica.entity
            ))),
        }
    }

    fn without_type(&self) -> Refused {
        Refused::new(format!(
            "an event of {} without a payload and a type can be a deletion: {PLACE_IT}",
            self.replica.entity
        ))
    }
}

/// Returns the fields of a payload, which can be text with JSON. Empty text is no payload.
fn payload_of(body: Value) -> Result<Option<Map<String, Value>>, Refused> {
    let body = match body {
        Value::String(text) if text.trim().is_empty() => Value::Null,
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(value) => Body::unwrapped(value).payload,
            Err(error) => {
                return Err(Refused::new(format!("the payload is no JSON: {error}")));
            }
        },
        body => body,
    };
    match body {
        Value::Null => Ok(None),
        Value::Object(fields) => Ok(Some(fields)),
        Value::String(_) => Err(Refused::new(
            "the payload is text with JSON that is text again: send it once",
        )),
        _ => Err(Refused::new("the payload is no JSON object")),
    }
}

/// Returns whether a name ends with this word: as `TicketDeleted`, `ticket.deleted.v2`,
/// `TICKET_DELETED`. `TicketUndeleted` does not.
fn ends_with_word(name: &str, word: &str) -> bool {
    let name = without_version(name, &['.', '_', '-', ':']);
    let Some((before, last)) = name
        .len()
        .checked_sub(word.len())
        .and_then(|at| name.split_at_checked(at))
    else {
        return false;
    };
    let begins_word = match (before.chars().next_back(), last.chars().next()) {
        (Some(before), Some(first)) => {
            !before.is_alphanumeric() || (first.is_uppercase() && !before.is_uppercase())
        }
        _ => true,
    };
    last.eq_ignore_ascii_case(word) && begins_word
}
