//! How far the relays are behind.

use std::time::Duration;

/// The pending events of an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Lag {
    /// The number of pending events. 10,001 stands for that many or more.
    pub pending: u64,
    /// The number of pending events that the broker has rejected at least once. 10,001 stands for
    /// that many or more.
    pub rejected: u64,
    /// The age of the oldest pending event, by the database's clock. `None` if no event is pending.
    pub oldest: Option<Duration>,
}
