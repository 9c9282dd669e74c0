//! How far the relays are behind.

use std::time::Duration;

/// What waits in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Lag {
    /// Events that wait.
    pub pending: u64,
    /// Those among them that the broker has refused at least once.
    pub rejected: u64,
    /// How long ago the oldest one was written, by the clocks of its writer and of the caller; none where nothing waits.
    pub oldest: Option<Duration>,
}
