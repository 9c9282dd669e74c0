//! Publishers: the destinations of the events of an outbox.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::dialect::Waiting;
use crate::event::Op;

/// A pending event of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The key of the row. Ids are in the order in which the events were written.
    pub id: i64,
    /// The entity of the record.
    pub entity: String,
    /// The record's primary key, as text.
    pub key: String,
    /// The version that the change gave the record.
    pub version: i64,
    /// The operation: `created`, `updated`, `deleted` or `snapshot`.
    pub op: String,
    /// The [`Event`](crate::Event) as JSON. Send exactly these bytes.
    pub payload: String,
    /// How often the broker has rejected the event.
    pub attempts: u32,
}

impl OutboxRow {
    /// Returns `entity/key/version`, as [`Event::id`](crate::Event::id) does.
    pub fn event_id(&self) -> String {
        format!("{}/{}/{}", self.entity, self.key, self.version)
    }

    /// Returns the id of the message, by which a broker can drop duplicates. It is the
    /// [`event_id`](Self::event_id), and for a snapshot also the id of the row.
    ///
    /// A snapshot repairs a replica, and may repeat an event that the broker still remembers. With
    /// the id of that event, the broker would drop the repair.
    ///
    /// ```
    /// # use versioned_core::outbox::OutboxRow;
    /// # let row = |op: &str| OutboxRow { id: 812, entity: "tickets".into(), key: "42".into(), version: 7, op: op.into(), payload: String::new(), attempts: 0 };
    /// assert_eq!(row("updated").message_id(), "tickets/42/7");
    /// assert_eq!(row("snapshot").message_id(), "tickets/42/7#812");
    /// ```
    pub fn message_id(&self) -> String {
        let mut id = self.event_id();
        self.push_announcement(&mut id);
        id
    }

    /// Appends the part of a message id that distinguishes a snapshot from other events. No event
    /// id ends with it, because the part after the last slash is a number.
    pub(crate) fn push_announcement(&self, id: &mut String) {
        if self.op == Op::Snapshot.name() {
            id.push('#');
            id.push_str(&self.id.to_string());
        }
    }

    pub(crate) fn new((id, entity, key, version, op, payload, attempts, _): Waiting) -> Self {
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

/// The broker of a [`Relay`](super::Relay).
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
    label = "not a publisher for a `Relay`",
    note = "the features `nats`, `kafka` and `rabbitmq` provide one each"
)]
pub trait Publisher: Send + Sync {
    /// Publishes the events, and returns a result for each of them, in their order. `Ok` means that
    /// the broker has stored the event; the relay then deletes it. An event without a result stays
    /// pending.
    ///
    /// The events of a batch are in the order in which they were written. A rejected event comes
    /// again in a later batch, when later events of its record may have been published. An
    /// [ordered](super::Relay::ordered) relay passes one event of a record at a time, always the
    /// oldest, and may call this method several times in one pass.
    ///
    /// Events are published at least once. A relay that crashes between this call and its commit
    /// publishes them again.
    ///
    /// The future is dropped when the relay's [timeout](super::Relay::timeout) expires. On the
    /// blocking front it is polled on the thread of the relay. If it needs a runtime, enter the
    /// runtime on that thread (`Handle::enter` of tokio).
    fn publish(
        &self,
        batch: &[OutboxRow],
    ) -> impl Future<Output = Vec<Result<(), PublishError>>> + Send;

    /// As [`publish`](Self::publish), and also returns how many of the events the broker had stored
    /// before and did not store again. The relay calls this method, and counts them in
    /// [`Pass::duplicates`](super::Pass::duplicates). By default no event is a duplicate.
    fn publish_counting(
        &self,
        batch: &[OutboxRow],
    ) -> impl Future<Output = (Vec<Result<(), PublishError>>, usize)> + Send {
        async move { (self.publish(batch).await, 0) }
    }

    /// Returns the kind of the broker, which is the label `transport` of the relay's metrics. Return
    /// a constant. The default is `other`.
    fn transport(&self) -> &'static str {
        "other"
    }
}

impl<P: Publisher> Publisher for &P {
    fn publish(
        &self,
        batch: &[OutboxRow],
    ) -> impl Future<Output = Vec<Result<(), PublishError>>> + Send {
        P::publish(self, batch)
    }

    fn publish_counting(
        &self,
        batch: &[OutboxRow],
    ) -> impl Future<Output = (Vec<Result<(), PublishError>>, usize)> + Send {
        P::publish_counting(self, batch)
    }

    fn transport(&self) -> &'static str {
        P::transport(self)
    }
}

impl<P: Publisher> Publisher for Arc<P> {
    fn publish(
        &self,
        batch: &[OutboxRow],
    ) -> impl Future<Output = Vec<Result<(), PublishError>>> + Send {
        P::publish(self, batch)
    }

    fn publish_counting(
        &self,
        batch: &[OutboxRow],
    ) -> impl Future<Output = (Vec<Result<(), PublishError>>, usize)> + Send {
        P::publish_counting(self, batch)
    }

    fn transport(&self) -> &'static str {
        P::transport(self)
    }
}

/// The reason why an event was not published.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The broker did not take this event, but may take others: it is too large, or its handler
    /// failed. The relay retries it with backoff and without a limit, after the other events.
    /// `attempts` is incremented, `due` moves further into the future each time, and `error`
    /// contains the reason. A publisher that applies events itself returns this for a gap.
    Rejected(String),
    /// The broker is unreachable, or accepts no events at all. The relay waits, and `attempts` of
    /// the event does not change.
    Unavailable(String),
}

impl PublishError {
    /// Returns [`Rejected`](Self::Rejected) with this reason.
    pub fn rejected(reason: impl fmt::Display) -> Self {
        Self::Rejected(reason.to_string())
    }

    /// Returns [`Unavailable`](Self::Unavailable) with this reason.
    pub fn unavailable(reason: impl fmt::Display) -> Self {
        Self::Unavailable(reason.to_string())
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(reason) => write!(f, "the broker rejected the event: {reason}"),
            Self::Unavailable(reason) => write!(f, "the broker is unavailable: {reason}"),
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
            "the broker rejected the event: too large"
        );
        assert_eq!(
            PublishError::unavailable("connection refused").to_string(),
            "the broker is unavailable: connection refused"
        );
    }
}
