//! Where the events of the outbox go.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::dialect::Waiting;

/// An event that waits in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The row's own key: how the events were written, one after the other.
    pub id: i64,
    /// The record's kind.
    pub entity: String,
    /// The record's primary key, as text.
    pub key: String,
    /// The version that the change gave the record.
    pub version: i64,
    /// What happened: `created`, `updated`, `deleted` or `snapshot`.
    pub op: String,
    /// The [`Event`](crate::Event) as JSON: the message to send, byte for byte.
    pub payload: String,
    /// How often the broker has refused it.
    pub attempts: u32,
}

impl OutboxRow {
    /// `entity/key/version`, as [`Event::id`](crate::Event::id): the same however often the event is published, for a broker
    /// that drops duplicates.
    pub fn event_id(&self) -> String {
        format!("{}/{}/{}", self.entity, self.key, self.version)
    }

    pub(crate) fn new((id, entity, key, version, op, payload, attempts): Waiting) -> Self {
        Self {
            id,
            entity,
            key,
            version,
            op,
            payload,
            attempts: u32::try_from(attempts).unwrap_or(0),
        }
    }
}

/// A broker, as a [`Relay`](super::Relay) sees it.
///
/// ```
/// use std::sync::Mutex;
/// use versioned_core::outbox::{OutboxRow, PublishError, Publisher};
///
/// /// A queue in memory.
/// struct Queue(Mutex<Vec<String>>);
///
/// impl Publisher for Queue {
///     async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
///         let mut queue = self.0.lock().unwrap();
///         batch.iter().map(|row| Ok(queue.push(row.payload.clone()))).collect()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't publish events, implement `outbox::Publisher` for it",
    label = "not a broker for a `Relay`",
    note = "with the feature `nats` there is one: `versioned_core::nats::JetStreamPublisher`"
)]
pub trait Publisher: Send + Sync {
    /// Publishes the events, and answers for each of them, in their order. `Ok` means that the broker has the event for good:
    /// it is deleted here then. An event without an answer stays.
    ///
    /// The events of a record are in the order in which they were written, as long as none of them
    /// was refused. One that was refused stands behind those that were refused less often, and
    /// comes again in a later batch, or behind later events of its record in the same one. An
    /// [ordered](super::Relay::ordered) relay gives one event of a record at a time, always its
    /// oldest.
    ///
    /// Events are published once or more often: a relay that crashes after this and before its
    /// commit does it again.
    ///
    /// The future is dropped when the relay's [timeout](super::Relay::timeout) is over. On the blocking front it is polled on
    /// the relay's thread; one that needs a runtime must find it there (`Handle::enter` of tokio).
    fn publish(
        &self,
        batch: &[OutboxRow],
    ) -> impl Future<Output = Vec<Result<(), PublishError>>> + Send;
}

impl<P: Publisher> Publisher for &P {
    fn publish(
        &self,
        batch: &[OutboxRow],
    ) -> impl Future<Output = Vec<Result<(), PublishError>>> + Send {
        P::publish(self, batch)
    }
}

impl<P: Publisher> Publisher for Arc<P> {
    fn publish(
        &self,
        batch: &[OutboxRow],
    ) -> impl Future<Output = Vec<Result<(), PublishError>>> + Send {
        P::publish(self, batch)
    }
}

/// Why an event was not published.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The broker refuses this one event, and will again: it is too large, for one. It is put aside for a while, behind the
    /// others: `attempts` grows, `due` is later each time, and `error` says why.
    Rejected(String),
    /// The broker is away, or takes no events at all. Nothing is counted against the event; the relay waits.
    Unavailable(String),
}

impl PublishError {
    /// The broker refuses this one event.
    pub fn rejected(reason: impl fmt::Display) -> Self {
        Self::Rejected(reason.to_string())
    }

    /// The broker is away.
    pub fn unavailable(reason: impl fmt::Display) -> Self {
        Self::Unavailable(reason.to_string())
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(reason) => write!(f, "the broker refuses the event: {reason}"),
            Self::Unavailable(reason) => write!(f, "the broker takes no events: {reason}"),
        }
    }
}

impl std::error::Error for PublishError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_otherwise_than_a_broker_that_is_away() {
        assert_eq!(
            PublishError::rejected("too large").to_string(),
            "the broker refuses the event: too large"
        );
        assert_eq!(
            PublishError::unavailable("gone fishing").to_string(),
            "the broker takes no events: gone fishing"
        );
    }
}
