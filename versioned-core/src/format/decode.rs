//! From a message to an event.

#[cfg(all(test, feature = "derive", feature = "sqlite"))]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Binding, Message, Record};
use crate::event::{self, Event, EventError, Op, text_of};
use crate::model::{DependentModel, Gap, KeyColumns as _, Policy};
use crate::version::SequentialVersion as _;
use diesel::query_source::Column as _;

/// Reads messages of one form.
///
/// Implement it for a form of your own. The implementation knows neither the broker nor the model:
/// it returns the facts of the event, and the record as JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't read messages, implement `format::Decode` for it",
    label = "not a form that can be read"
)]
pub trait Decode: Send + Sync {
    /// Reads a message. Returns `None` if the message is not for this replica. It is then
    /// acknowledged, or deleted if it is a dead letter.
    ///
    /// # Errors
    ///
    /// Returns the reason why the message cannot become an event. It is then kept as a
    /// [dead letter](crate::dead_letters) with this reason.
    fn decode(&self, message: &Message<'_>, replica: &Replica) -> Result<Option<Decoded>, Refused>;
}

impl<D: Decode + ?Sized> Decode for std::sync::Arc<D> {
    fn decode(&self, message: &Message<'_>, replica: &Replica) -> Result<Option<Decoded>, Refused> {
        D::decode(self, message, replica)
    }
}

/// The replica that a message is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replica {
    /// The entity.
    pub entity: &'static str,
    /// The names of the key's columns.
    pub key: &'static [&'static str],
    /// The name of the version's column.
    pub version: &'static str,
    /// The first version of a record.
    pub first: i64,
    /// Whether each event has to follow the one before it.
    pub is_sequential: bool,
}

impl Replica {
    /// Describes the replica `M`.
    pub fn of<M: DependentModel>() -> Self {
        Self {
            entity: M::ENTITY,
            key: M::KeyColumns::NAMES,
            version: M::VersionColumn::NAME,
            first: M::initial_version().number(),
            is_sequential: M::POLICY == Policy::Sequential,
        }
    }
}

/// A message that was read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Decoded {
    /// The operation.
    pub op: Op,
    /// The version.
    pub version: i64,
    /// The key as text, as in [`Event::key`]. `None` for the key of the record.
    pub key: Option<String>,
    /// The record after the change. `None` after a deletion.
    pub record: Option<Record>,
    /// The time of the change, for people.
    pub at: String,
    /// The W3C `traceparent`.
    pub trace: Option<String>,
    /// Further data of the owner.
    pub metadata: Option<serde_json::Value>,
    /// Whether the key is the text that the owner's type prints, and no other text of this value.
    pub(super) is_exact: bool,
}

impl Decoded {
    /// Creates an event without a key and a record.
    pub fn new(op: Op, version: i64) -> Self {
        Self {
            op,
            version,
            key: None,
            record: None,
            at: String::new(),
            trace: None,
            metadata: None,
            is_exact: false,
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            ..self
        }
    }

    /// Sets the record.
    #[must_use]
    pub fn record(self, record: impl Into<Record>) -> Self {
        Self {
            record: Some(record.into()),
            ..self
        }
    }
}

/// The reason why a message cannot become an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    reason: String,
    record: Option<(String, i64)>,
}

impl Refused {
    /// Creates a refusal. The reason says what is wrong, and which setting of the producer mends
    /// it.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            record: None,
        }
    }

    /// Names the record and the version, if the message names them. Later events of this record are
    /// then kept behind this one.
    #[must_use]
    pub fn of_record(self, key: impl Into<String>, version: i64) -> Self {
        Self {
            record: Some((key.into(), version)),
            ..self
        }
    }

    /// Returns the reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns the key and the version of the record, if they are known.
    pub fn record(&self) -> Option<(&str, i64)> {
        let (key, version) = self.record.as_ref()?;
        Some((key, *version))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for EventError {
    fn from(refused: Refused) -> Self {
        Self::Unreadable {
            reason: refused.reason,
        }
    }
}

/// Reads a message as an event of the replica `M`, for a consumer of your own. Returns `None` if
/// the message is not for this replica.
///
/// # Errors
///
/// Returns the refusal of the form, and the error of the model's `Deserialize`.
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Debug, Queryable, Selectable, serde::Deserialize, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent, entity = "tickets")]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// use versioned_core::format::{self, Binding, Message, Ours};
///
/// let body = br#"{ "entity": "tickets", "key": "7", "version": 1, "op": "created",
///                  "data": { "id": 7, "price": 20, "version": 1 } }"#;
/// let message = Message::new(Binding::Amqp, "tickets", Some(body));
/// let event = format::read::<TicketCopy>(&Ours, &message)?.expect("of this replica");
/// assert_eq!(event.data.unwrap().price, 20);
/// # Ok::<(), format::Refused>(())
/// ```
pub fn read<M: DependentModel + DeserializeOwned>(
    form: &dyn Decode,
    message: &Message<'_>,
) -> Result<Option<Event<M>>, Refused> {
    Ok(read_as(Some(form), message)?.map(|read| read.event))
}

/// How the messages of a consumer are read.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'f> {
    /// The form. `None` for the one of this crate, which is read without a detour.
    pub(crate) form: Option<&'f dyn Decode>,
    pub(crate) binding: Binding,
}

impl Reading<'_> {
    /// Reads the form of this crate.
    pub(crate) const OURS: Self = Self {
        form: None,
        binding: Binding::Nats,
    };
}

/// An event that was read.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub(crate) event: Event<T>,
    /// The event with all fields of the message, if the replica parks events, and if the body is not
    /// an [`Event`].
    pub(crate) whole: Option<Event<Record>>,
}

/// Reads a message as an event of the replica `M`. A panic of the form, or of the `Deserialize` of
/// the model, is an error too. Returns `None` for a message that is not for this replica.
pub(crate) fn read_as<M: DependentModel + DeserializeOwned>(
    form: Option<&dyn Decode>,
    message: &Message<'_>,
) -> Result<Option<Read<M>>, Refused> {
    let Some(form) = form else {
        return read_ours(message.body.unwrap_or_default()).map(Some);
    };
    let read = catch_unwind(AssertUnwindSafe(|| read_whole(form, message)));
    read.unwrap_or_else(|panic| {
        let text = text_of(&*panic);
        Err(Refused::new(format!("reading it panicked: {text}")))
    })
}

/// Reads an event of this crate.
pub(crate) fn read_ours<M: DependentModel + DeserializeOwned>(
    body: &[u8],
) -> Result<Read<M>, Refused> {
    /// What can be read of an event if its data cannot.
    #[derive(Deserialize)]
    struct Envelope {
        entity: String,
        key: String,
        version: i64,
        op: Op,
    }

    let read = event::read(body).map(|event| Read { event, whole: None });
    read.map_err(|reason| {
        let refused = Refused::new(reason);
        match serde_json::from_slice::<Envelope>(body) {
            Ok(event) if event.entity == M::ENTITY => {
                refused.of_record(event.key, event.op.turn(event.version))
            }
            _ => refused,
        }
    })
}

fn read_whole<M: DependentModel + DeserializeOwned>(
    form: &dyn Decode,
    message: &Message<'_>,
) -> Result<Option<Read<M>>, Refused> {
    let replica = Replica::of::<M>();
    let decoded = form.decode(message, &replica).map_err(|refused| Refused {
        record: refused
            .record
            .map(|(key, version)| (one_text::<M>(key), version)),
        ..refused
    })?;
    let Some(decoded) = decoded else {
        return Ok(None);
    };
    let (op, version) = (decoded.op, decoded.version);
    let key = match decoded.key {
        Some(key) if !decoded.is_exact => Some(one_text::<M>(key)),
        key => key,
    };
    let mut record = decoded
        .record
        .map(|record| record.with_version(replica.version, version));
    let data = record.as_mut().map(|record| record.read(replica.entity));
    let data: Option<M> = data.transpose().map_err(|reason| {
        let refused = Refused::new(reason);
        match &key {
            Some(key) => refused.of_record(key, op.turn(version)),
            None => refused,
        }
    })?;
    let of_data = || data.as_ref().map(|data| M::key_text(&data.id()));
    let Some(key) = key.or_else(of_data) else {
        return Err(Refused::new("the message has neither a key nor a record"));
    };
    let event = Event {
        entity: Cow::Borrowed(M::ENTITY),
        key,
        version,
        op,
        at: decoded.at,
        data,
        trace: decoded.trace,
        metadata: decoded.metadata,
    };
    let whole = (M::GAP == Gap::Park).then(|| Event {
        entity: event.entity.clone(),
        key: event.key.clone(),
        version,
        op,
        at: event.at.clone(),
        data: record,
        trace: event.trace.clone(),
        metadata: event.metadata.clone(),
    });
    Ok(Some(Read { event, whole }))
}

/// Returns the one text of a key. Other systems print the same key in other ways, such as `7.00`.
fn one_text<M: DependentModel>(key: String) -> String {
    match M::parse_key(&key) {
        Some(id) => M::key_text(&id),
        None => key,
    }
}
