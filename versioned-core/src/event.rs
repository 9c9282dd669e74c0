//! The event that carries a change to the services that keep replicas.

mod constructors;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A change of a record: the operation, the version, and the record after the change.
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
/// Unknown fields are ignored, in the event and in the data, so an owner may add fields. If a field
/// that the replica needs is missing, deserialization fails with an error that names the field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<T> {
    /// The kind of the record: the name of the owner's table, or the value of
    /// `#[versioned(entity = "..")]`.
    pub entity: Cow<'static, str>,
    /// The primary key of the record as text. The parts of a composite key are separated by commas.
    /// A comma or a backslash inside a part is escaped with a backslash.
    pub key: String,
    /// The version that the change gave the record.
    pub version: i64,
    /// The operation.
    pub op: Op,
    /// The time at which the event was made, by the owner's clock, in RFC 3339 with milliseconds.
    /// It is for people and metrics, and is never compared.
    #[serde(default)]
    pub at: String,
    /// The record after the change, or `None` after a deletion.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
    /// The W3C `traceparent` of the operation that caused the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Further data of the owner about the change: see [`outbox::Context`](crate::outbox::Context).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Value>,
}

impl<T> Event<T> {
    /// Returns `entity/key/version`. The id is the same for each delivery of the event, so a broker
    /// can drop duplicates.
    ///
    /// ```
    /// # use versioned_core::{Event, Op};
    /// let event = Event::new(Op::Deleted, "tickets", "7", 3, None::<()>);
    /// assert_eq!(event.id(), "tickets/7/3");
    /// ```
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.entity, self.key, self.version)
    }

    /// Returns the turn of the event among those of its record. It is the version, and for a deletion
    /// without a version of its own the one after it: that deletion follows the event with its
    /// version, and the event with the next version supersedes it.
    pub(crate) fn turn(&self) -> i64 {
        self.op.turn(self.version)
    }
}

/// The operation of a write on a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Op {
    /// The record was inserted.
    Created,
    /// The record was saved, updated or touched.
    Updated,
    /// The record was deleted.
    Deleted,
    /// The record was deleted by a source that spends no version on a deletion: the version is that
    /// of the deleted row. Owners of this crate never send it.
    ///
    /// At a sequential replica it is applied onto this version, and otherwise onto any version up to
    /// it. Afterwards everything up to this version is a duplicate, and the record can be created
    /// again at the next one.
    DeletedAt,
    /// The record was deleted, and its key is never used again. The source knows no version: the
    /// version is `i64::MAX`. Owners of this crate never send it.
    ///
    /// It is applied onto any version, and afterwards everything is a duplicate.
    DeletedForever,
    /// The record did not change. The event carries its current state, for a replica that joins
    /// late.
    Snapshot,
}

impl Op {
    /// See [`Event::turn`].
    pub(crate) fn turn(self, version: i64) -> i64 {
        match self {
            Self::DeletedAt => version.saturating_add(1),
            _ => version,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::DeletedAt => "deleted_at",
            Self::DeletedForever => "deleted_forever",
            Self::Snapshot => "snapshot",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns the current time in the format of [`Event::at`].
pub(crate) fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// Returns the current time in microseconds since 1970-01-01 00:00 UTC.
pub(crate) fn micros_now() -> i64 {
    micros_of(SystemTime::now())
}

/// Returns a time in microseconds since 1970, or 1 for one before.
pub(crate) fn micros_of(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(1)
}

/// Reads an event. A panic of a `Deserialize` of the caller is an error too.
pub(crate) fn read<T: DeserializeOwned>(json: &[u8]) -> Result<Event<T>, String> {
    let read = std::panic::catch_unwind(|| serde_json::from_slice::<Event<T>>(json));
    match read {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("its `Deserialize` panicked: {}", text_of(&*panic))),
    }
}

/// Returns the text of a panic.
pub(crate) fn text_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

/// Returns the time that is so many microseconds after 1970-01-01 00:00 UTC.
pub(crate) fn time_of(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + duration_of(micros)
}

/// Returns so many microseconds, or none if the number is negative: the clocks of two servers may
/// differ.
pub(crate) fn duration_of(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// The reason why a replica cannot apply an event at any version.
///
/// Nothing was written, and a retry has the same result. Set the event aside.
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
///     r#"{ "entity": "orders", "key": "7", "version": 1, "op": "created",
///          "data": { "id": 7, "price": 20, "version": 1 } }"#,
/// )?;
/// let error = TicketCopy::apply(&of_orders, conn).unwrap_err(); // before any SQL
/// assert!(matches!(
///     error,
///     Error::Event(EventError::Entity { expected: "tickets", .. })
/// ));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventError {
    /// The JSON is not an event, or lacks a field that the replica needs.
    Unreadable {
        /// The error of the JSON parser.
        reason: String,
    },
    /// The event is about a record of another entity.
    Entity {
        /// The entity of the replica.
        expected: &'static str,
        /// The entity of the event.
        received: String,
    },
    /// The version is below the first version of a record (`initial`), or does not fit the type of
    /// the version field.
    Version {
        /// The version of the event.
        received: i64,
    },
    /// The key cannot be parsed as the primary key of the replica, or is not the key of the event's
    /// data.
    Key {
        /// The key of the event.
        received: String,
    },
    /// The text of the key has more than 2,400 bytes, which some databases cannot index.
    KeyTooLong {
        /// The length of the key, in bytes.
        bytes: usize,
    },
    /// The database treats the key as equal to another key whose row exists, because the collation
    /// of the column ignores case, accents or trailing spaces. With a binary collation the replica
    /// can hold both.
    KeyClash {
        /// The key of the event.
        received: String,
        /// The key of the existing row.
        found: String,
    },
    /// The column of the replica did not keep the key: it rounds, cuts, pads or generates it, or a
    /// trigger changes it. Give the column the type of the owner's.
    KeyNotKept {
        /// The key of the event.
        received: String,
    },
    /// The event has no data and is not a deletion.
    NoData,
    /// The event is a deletion, and the guard of the replica is its own row, which a deletion
    /// removes.
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
                write!(f, "the key `{received}` cannot be parsed, or is not the key of the event's data")
            }
            Self::KeyTooLong { bytes } => {
                write!(f, "the event's key has {bytes} bytes, and at most 2,400 are allowed: use shorter keys")
            }
            Self::KeyClash { received, found } => write!(
                f,
                "the replica's key column treats `{received}` as equal to `{found}`, which exists: give it a binary collation"
            ),
            Self::KeyNotKept { received } => write!(
                f,
                "the replica's key column does not keep `{received}` unchanged: give it the type of the owner's column"
            ),
            Self::NoData => f.write_str("the event has no data, and is not a deletion"),
            Self::Deletion => f.write_str(
                "the event is a deletion, which a replica with `guard = \"row\"` cannot record: use `guard = \"position\"`",
            ),
        }
    }
}

impl std::error::Error for EventError {}
