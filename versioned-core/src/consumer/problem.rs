//! The problems of a consumer.

use std::fmt;
use std::time::Duration;

use crate::error::Error;

/// A problem of a consumer, for logs and counters.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConsumerProblem<'a> {
    /// A message is not an event of this replica. It becomes a [dead letter](crate::dead_letters),
    /// or is not redelivered if there is no place for dead letters.
    Unreadable {
        /// The subject of the message.
        subject: &'a str,
        /// The reason why it cannot be read.
        reason: &'a str,
    },
    /// This replica can never apply the event. It becomes a [dead letter](crate::dead_letters), or
    /// is not redelivered if there is no place for dead letters.
    Refused {
        /// The id of the event.
        id: &'a str,
        /// The error.
        error: &'a Error,
    },
    /// The event could not be applied now. The attempt is repeated.
    Failed {
        /// The id of the event.
        id: &'a str,
        /// The error.
        error: &'a Error,
    },
    /// The event failed too often, and becomes a [dead letter](crate::dead_letters).
    GaveUp {
        /// The id of the event.
        id: &'a str,
        /// The number of attempts.
        attempts: u32,
        /// The error of the last attempt.
        error: &'a Error,
    },
    /// Dead letters could not be stored. Their messages are tried again.
    NotKept {
        /// The error.
        error: &'a Error,
    },
    /// The table of dead letters is missing, or may not be used. Messages that are not events of
    /// this replica are rejected, and events that fail are tried again without end. Run the
    /// [migrations](crate::MIGRATIONS).
    NoDeadLetters {
        /// The error.
        error: &'a Error,
    },
    /// A record waits for a version that does not arrive. Reported once for each gap; other records
    /// are not affected. Find out why the version is missing, or replicate the record again from a
    /// snapshot. [`positions::forget`](crate::positions::forget) gives it up.
    ///
    /// With `gap = "park"`, the event may also be there and be rejected by the database:
    /// [`parked::list`](crate::parked::list) has the reason.
    /// [`replicate`](crate::consumer::Consumer::replicate) looks for such records as often as the
    /// [patience](crate::consumer::Consumer::patience) says, but at most once a second and at least
    /// every 30 s. Each process reports them. [`run`](crate::consumer::Consumer::run) does not.
    Waiting {
        /// The record, as `entity/key`.
        record: &'a str,
        /// The version of the replica.
        current: i64,
        /// The version of the event that waits.
        received: i64,
        /// The time since the first attempt.
        waited: Duration,
    },
    /// A record that was reported does not wait for that version any more: it has arrived, or a
    /// snapshot has, or the record was [forgotten](crate::positions::forget).
    WaitOver {
        /// The record, as `entity/key`.
        record: &'a str,
        /// The time since the first attempt.
        waited: Duration,
    },
    /// The records with parked events could not be listed, so that none of them is reported as
    /// [`Waiting`](Self::Waiting). Tried again. Reported once, until it succeeds.
    NotListed {
        /// The error.
        error: &'a Error,
    },
    /// The [requests](crate::requests) of a redrive could not be executed. They stay open, and are
    /// tried again. Reported once, until it succeeds.
    NotExecuted {
        /// The error.
        error: &'a Error,
    },
    /// The replica's database is unreachable. The consumer makes one attempt at a time, up to 2 s
    /// apart, until one succeeds.
    Paused {
        /// The error of the last attempt.
        error: &'a Error,
    },
    /// The replica's database is reachable again.
    Resumed {
        /// The time since the pause began.
        after: Duration,
    },
    /// The broker delivers nothing until one of so many messages is acknowledged, and early events
    /// are among these. They may wait for events that are not delivered. Set the `max_ack_pending`
    /// of the durable consumer to -1. [`replicate`](crate::consumer::Consumer::replicate)
    /// reports this only if it cannot keep the early events with the [dead
    /// letters](crate::dead_letters). Reported once until a message is delivered.
    WindowFull {
        /// The limit.
        limit: u64,
    },
    /// The stream does not exist at the broker. Create it again, and its durable consumer: the
    /// consumer then continues by itself. Reported once.
    StreamMissing {
        /// The name of the stream.
        stream: &'a str,
    },
    /// The durable consumer does not exist at the broker. Create it again: the consumer then
    /// continues by itself. [`recreate`](crate::nats::JetStreamConsumer::recreate) creates it.
    /// Reported once.
    DurableMissing {
        /// The name of the stream.
        stream: &'a str,
        /// The name of the durable consumer.
        durable: &'a str,
    },
    /// The durable consumer was created again, and the consumer continues. Messages that were
    /// delivered before may be delivered again.
    DurableFound {
        /// The name of the durable consumer.
        durable: &'a str,
        /// The time for which it was missing. Zero if it was replaced before that was noticed.
        after: Duration,
    },
    /// The broker is unreachable, or its response was invalid. The request is retried.
    Broker(&'a str),
}

impl fmt::Display for ConsumerProblem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { subject, reason } => {
                write!(f, "a message on {subject} is not an event: {reason}")
            }
            Self::Refused { id, error } => write!(f, "the replica rejected {id}: {error}"),
            Self::Failed { id, error } => write!(f, "{id} could not be applied: {error}"),
            Self::GaveUp {
                id,
                attempts,
                error,
            } => write!(
                f,
                "{id} became a dead letter after {attempts} attempts: {error}"
            ),
            Self::NotKept { error } => write!(f, "dead letters could not be stored: {error}"),
            Self::NoDeadLetters { error } => write!(
                f,
                "run the migrations of `versioned_core`: without its table, no dead letters can be stored: {error}"
            ),
            Self::Waiting {
                record,
                current,
                received,
                waited,
            } => write!(
                f,
                "{record} is at version {current}, and version {received} has waited for {waited:?}"
            ),
            Self::WaitOver { record, waited } => {
                write!(f, "{record} goes on, after it had waited for {waited:?}")
            }
            Self::NotListed { error } => {
                write!(
                    f,
                    "the records with parked events could not be listed: {error}"
                )
            }
            Self::NotExecuted { error } => {
                write!(f, "the requests could not be executed: {error}")
            }
            Self::Paused { error } => write!(f, "the replica's database is unreachable: {error}"),
            Self::Resumed { after } => {
                write!(
                    f,
                    "the replica's database is reachable again, after {after:?}"
                )
            }
            Self::WindowFull { limit } => write!(
                f,
                "raise the `max_ack_pending` of the durable consumer: {limit} messages wait for an acknowledgement, among them early events"
            ),
            Self::StreamMissing { stream } => write!(
                f,
                "the stream {stream} does not exist: create it again, and its durable consumer"
            ),
            Self::DurableMissing { stream, durable } => write!(
                f,
                "the stream {stream} has no durable consumer {durable}: create it again"
            ),
            Self::DurableFound { durable, after } => {
                write!(
                    f,
                    "the durable consumer {durable} exists again, after {after:?}"
                )
            }
            Self::Broker(reason) => write!(f, "a request to the broker failed: {reason}"),
        }
    }
}
