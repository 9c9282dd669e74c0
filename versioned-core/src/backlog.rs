//! What waits in the tables of this crate.

use std::fmt;
use std::time::Duration;

/// A number that was counted up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Count {
    /// The number, at most the limit.
    pub value: u64,
    /// Whether there may be more, because the limit was reached.
    pub at_least: bool,
}

impl Count {
    pub(crate) fn up_to(most: u64, counted: i64) -> Self {
        let value = u64::try_from(counted).unwrap_or(0);
        Self {
            value,
            at_least: value >= most,
        }
    }
}

/// `12`, or `10001+` if there may be more.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.at_least { "+" } else { "" };
        write!(f, "{}{more}", self.value)
    }
}

/// What waits in an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OutboxBacklog {
    /// The events to publish, including the rejected ones.
    pub pending: Count,
    /// The age of the oldest of the events counted as `pending`. `None` if there is none.
    pub oldest_pending: Option<Duration>,
    /// The events that the broker has rejected at least once.
    pub rejected: Count,
    /// The age of the oldest of the events counted as `rejected`, since they were written. `None` if
    /// there is none.
    pub oldest_rejected: Option<Duration>,
}

/// What waits at a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaBacklog {
    /// The name of the replica: its table, or the name that the model gives it.
    pub replica: String,
    /// The entity that it copies.
    pub entity: String,
    /// The events that wait for an older event of their record.
    pub parked: Count,
    /// The age of the event that has been parked longest. `None` if none is.
    pub oldest_parked: Option<Duration>,
    /// The messages that could not be applied.
    pub dead_letters: Count,
    /// The age of the message that was kept first. `None` if none is kept.
    pub oldest_dead_letter: Option<Duration>,
}

/// The age of the oldest of so many.
pub(crate) fn age(of: Count, age: Duration) -> Option<Duration> {
    (of.value > 0).then_some(age)
}
