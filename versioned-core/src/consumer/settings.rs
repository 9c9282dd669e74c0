//! The settings of a consumer.

use std::time::Duration;

/// The settings of a consumer.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The number of batches that are handled concurrently.
    pub(crate) concurrency: usize,
    /// The largest number of events in a batch.
    pub(crate) batch: usize,
    /// The number of messages in hand.
    pub(crate) in_hand: usize,
    pub(crate) first_delay: Duration,
    pub(crate) longest_delay: Duration,
    /// The time after which a record that waits for a version is reported.
    pub(crate) patience: Duration,
    /// The time for one batch.
    pub(crate) deadline: Duration,
    /// The number of attempts after which an event becomes a dead letter.
    pub(crate) attempts: u32,
    /// The pause between two passes over the dead letters.
    pub(crate) redrive: Duration,
    /// The pause between two looks for requests. `None` if they are not executed.
    pub(crate) requests: Option<Duration>,
    /// The time for the events in flight at the shutdown.
    pub(crate) shutdown: Duration,
    /// The time for the farewell to the broker, if events in flight were given up.
    pub(crate) farewell: Duration,
    /// The interval at which the broker is told that messages are still being processed.
    pub(crate) keep: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            batch: 256,
            in_hand: 1_024,
            first_delay: Duration::from_millis(100),
            longest_delay: Duration::from_secs(10),
            patience: Duration::from_secs(30),
            deadline: Duration::from_secs(60),
            attempts: 20,
            redrive: Duration::from_secs(60),
            requests: Some(Duration::from_secs(2)),
            shutdown: Duration::from_secs(10),
            farewell: Duration::ZERO,
            keep: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// The delay before the next attempt.
    pub(super) fn delay(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1));
        let delay = self.first_delay.saturating_mul(factor.unwrap_or(u32::MAX));
        delay.min(self.longest_delay)
    }
}
