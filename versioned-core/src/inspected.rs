//! What operators see of the rows of this crate's tables, whatever models they belong to.

use std::fmt;
use std::time::SystemTime;

/// A dead letter, without its message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Letter {
    /// The key of the row. Ids are in the order of arrival.
    pub id: i64,
    /// The name of the replica.
    pub replica: String,
    /// The entity that it replicates.
    pub entity: String,
    /// The key of the record and the version of the event, if the message has them.
    pub record: Option<(String, i64)>,
    /// Where the message came from. See [`DeadLetter::source`](crate::dead_letters::DeadLetter::source).
    pub source: String,
    /// The subject or topic of the message.
    pub subject: String,
    /// The error of the last attempt. `None` if the event only waits for an older one of its record.
    pub reason: Option<String>,
    /// The number of attempts.
    pub attempts: u64,
    /// When the message was kept.
    pub first_at: SystemTime,
    /// When it was tried last.
    pub last_at: SystemTime,
    /// The number of later parked events of the record.
    pub blocks_parked: u64,
    /// The number of later letters of the record that only wait.
    pub blocks_letters: u64,
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            replica,
            source,
            record,
            ..
        } = self;
        write!(f, "{id} of {replica}, {source}")?;
        if let Some((key, version)) = record {
            write!(f, " (record {key}, version {version})")?;
        }
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => write!(f, ": waits for an older letter of the record"),
        }
    }
}

/// The message of a dead letter, as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LetterMessage {
    /// The key of the message, on brokers that have one.
    pub key: Option<Vec<u8>>,
    /// The headers, in their order. A name may repeat.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body. `None` if the message has none, as a tombstone of Kafka.
    pub body: Option<Vec<u8>>,
}

/// A record with events that came too early.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parked {
    /// The name of the replica.
    pub replica: String,
    /// The entity that it replicates.
    pub entity: String,
    /// The key of the record.
    pub key: String,
    /// The version of the replica. `None` if it has never had the record.
    pub current: Option<i64>,
    /// The version of the first event that waits.
    pub received: i64,
    /// The number of events that wait.
    pub events: u64,
    /// When the event that has waited longest was parked.
    pub since: SystemTime,
    /// Why an event could not be applied when its turn came. `None` if they all wait for one that
    /// has not arrived.
    pub reason: Option<String>,
    /// The id of the record's first dead letter.
    pub letter: Option<i64>,
}

/// An event in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingEvent {
    /// The id of the row in `versioned_outbox`.
    pub id: i64,
    /// The entity of the event.
    pub entity: String,
    /// The key of its record.
    pub key: String,
    /// Its version.
    pub version: i64,
    /// The operation, such as `updated`.
    pub op: String,
    /// When it was written.
    pub at: SystemTime,
    /// How often the broker has rejected it.
    pub attempts: u32,
    /// When it is tried again. `None` if it is due.
    pub retry_at: Option<SystemTime>,
    /// Why the broker rejected it last.
    pub reason: Option<String>,
}

/// The place after the last row of a page, where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParkedPlace {
    pub(crate) replica: String,
    pub(crate) entity: String,
    pub(crate) key: String,
}

impl ParkedPlace {
    /// After this record.
    pub fn after(
        replica: impl Into<String>,
        entity: impl Into<String>,
        key: impl Into<String>,
    ) -> Self {
        Self {
            replica: replica.into(),
            entity: entity.into(),
            key: key.into(),
        }
    }
}
