//! The envelope in which a change travels to the services that keep copies.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// A change of a record: what happened, at which version, and the record as it is after it.
///
/// ```
/// # use versioned_core::Event;
/// # #[derive(serde::Deserialize)] struct TicketCopy { id: i64, price: i64 }
/// let event: Event<TicketCopy> = serde_json::from_str(r#"{
///     "entity": "tickets", "key": "7", "version": 2, "op": "updated",
///     "at": "2026-11-23T05:10:00Z",
///     "data": { "id": 7, "title": "concert", "price": 25, "version": 2 }
/// }"#)?;
/// assert_eq!(event.id(), "tickets/7/2");
/// assert_eq!(event.data.unwrap().price, 25);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Fields that this type does not have are ignored, in the envelope and in the data, so that an owner may add some; a
/// missing one that the replica needs is an error of serde that names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<T> {
    /// The record's kind: the owner's table, or what `#[versioned(entity = "..")]` says.
    pub entity: Cow<'static, str>,
    /// The record's primary key as text; the parts of a composite key are separated by commas, and a comma or a
    /// backslash inside of a part stands behind a backslash.
    pub key: String,
    /// The version that the change gave the record.
    pub version: i64,
    /// What happened.
    pub op: Op,
    /// The owner's clock when the event was made, in RFC 3339; for people and figures, never compared.
    #[serde(default)]
    pub at: String,
    /// The record after the change; none after a deletion.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
    /// The W3C `traceparent` of what caused the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// What else the owner says about the change: see [`outbox::Context`](crate::outbox::Context).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Value>,
}

impl<T> Event<T> {
    /// `entity/key/version`: the same however often the event is sent, for a broker that drops duplicates.
    ///
    /// ```
    /// # use versioned_core::{Event, Op};
    /// let event = Event {
    ///     entity: "tickets".into(),
    ///     key: "7".into(),
    ///     version: 3,
    ///     op: Op::Deleted,
    ///     at: String::new(),
    ///     data: None::<()>,
    ///     trace: None,
    ///     metadata: None,
    /// };
    /// assert_eq!(event.id(), "tickets/7/3");
    /// ```
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.entity, self.key, self.version)
    }

    /// This event as a CloudEvents 1.0 structure from `source` (a URI, such as `/tickets-service`).
    ///
    /// The version is text, as integers of CloudEvents have 32 bits; `sequence` is the same with leading zeros.
    ///
    /// ```
    /// # use versioned_core::Event;
    /// let event: Event<serde_json::Value> = serde_json::from_str(
    ///     r#"{ "entity": "tickets", "key": "7", "version": 2, "op": "updated", "data": { "price": 25 } }"#,
    /// )?;
    /// let cloud = event.cloudevent("/tickets-service")?;
    /// assert_eq!((&cloud["id"], &cloud["type"]), (&"tickets/7/2".into(), &"tickets.updated".into()));
    /// assert_eq!((&cloud["subject"], &cloud["version"]), (&"7".into(), &"2".into()));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the data cannot be written as JSON.
    pub fn cloudevent(&self, source: &str) -> serde_json::Result<serde_json::Value>
    where
        T: Serialize,
    {
        let mut envelope = serde_json::json!({
            "specversion": "1.0",
            "id": self.id(),
            "source": source,
            "type": format!("{}.{}", self.entity, self.op),
            "subject": self.key,
            "time": self.at,
            // Integers of CloudEvents have 32 bits, and sequences sort as text.
            "version": self.version.to_string(),
            "sequence": format!("{:019}", self.version),
        });
        if let Some(fields) = envelope.as_object_mut() {
            if let Some(data) = &self.data {
                fields.insert("datacontenttype".into(), "application/json".into());
                fields.insert("data".into(), serde_json::to_value(data)?);
            }
            if let Some(metadata) = &self.metadata {
                fields.insert("metadata".into(), metadata.to_string().into());
            }
            if let Some(trace) = &self.trace {
                fields.insert("traceparent".into(), trace.as_str().into());
            }
        }
        Ok(envelope)
    }
}

/// What a write did to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Op {
    /// The record was inserted.
    Created,
    /// The record was saved or touched.
    Updated,
    /// The record was deleted.
    Deleted,
    /// Nothing: this is how the record stands, for a replica that joins late.
    Snapshot,
}

impl Op {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Snapshot => "snapshot",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The clock's time, as an envelope carries it.
pub(crate) fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// The clock's time, in microseconds since 1970-01-01 00:00 UTC.
pub(crate) fn micros_now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(1)
}

/// Why an event is not one that this replica can apply. Nothing was written, and it will be the same the next time: set the
/// event aside.
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent, entity = "tickets")]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// use versioned_core::{Error, Event, EventError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let conn = &mut SqliteConnection::establish(":memory:")?;
/// let of_orders: Event<TicketCopy> = serde_json::from_str(
///     r#"{ "entity": "orders", "key": "7", "version": 1, "op": "created", "data": { "id": 7, "price": 20, "version": 1 } }"#,
/// )?;
/// let refused = TicketCopy::apply(&of_orders, conn); // before any SQL
/// assert!(matches!(refused, Err(Error::Event(EventError::Entity { expected: "tickets", .. }))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventError {
    /// The JSON is not that of an event with what the replica needs.
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// The event is about records of another kind.
    Entity {
        /// What the replica is a copy of.
        expected: &'static str,
        /// What the event says.
        received: String,
    },
    /// The version is below the first one that the owner gives (`initial`), or does not fit the version field.
    Version {
        /// The event's version.
        received: i64,
    },
    /// The key cannot be read as the replica's primary key, or it is not that of the event's data.
    Key {
        /// The event's key.
        received: String,
    },
    /// The text of the key has more than 2,400 bytes, which not every database can have in an index.
    KeyTooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The replica's column takes the key for another one, whose row it has: the collation ignores case, accents or trailing
    /// spaces. A binary collation lets it hold both.
    KeyClash {
        /// The event's key.
        received: String,
        /// The key of the row that is there.
        found: String,
    },
    /// The replica's column does not keep the key as it is: it rounds, cuts, pads or generates it, or a trigger changes it. Give
    /// it the type of the owner's.
    KeyNotKept {
        /// The event's key.
        received: String,
    },
    /// The event carries no data, though the record was not deleted.
    NoData,
    /// The event is a deletion, and the replica's guard is its own row, which a deletion takes away.
    Deletion,
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { reason } => write!(f, "the event cannot be read: {reason}"),
            Self::Entity { expected, received } => {
                write!(f, "the event is about `{received}`, but this is a replica of `{expected}`")
            }
            Self::Version { received } => {
                write!(f, "version {received} is out of range for this replica")
            }
            Self::Key { received } => {
                write!(f, "`{received}` is not the key of the event's record")
            }
            Self::KeyTooLong { bytes } => {
                write!(f, "use shorter keys: the event's key has {bytes} bytes, and at most 2,400 fit")
            }
            Self::KeyClash { received, found } => write!(
                f,
                "give the replica's key a binary collation: its column takes `{received}` for `{found}`, whose row is there"
            ),
            Self::KeyNotKept { received } => write!(
                f,
                "give the replica's key the type of the owner's: its column does not keep `{received}` as it is"
            ),
            Self::NoData => f.write_str("the event has no data, and is not a deletion"),
            Self::Deletion => f.write_str(
                "the event is a deletion, which a replica with `guard = \"row\"` cannot remember: use `guard = \"position\"`",
            ),
        }
    }
}

impl std::error::Error for EventError {}
