//! A record that waits for an event.

use std::fmt;
use std::time::SystemTime;

/// A record with events that came too early, at a replica with `gap = "park"`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedRecord {
    /// The key of the record.
    pub key: String,
    /// The version of the replica. For a record that it does not have yet, the one before the first
    /// version.
    pub current: i64,
    /// The version of the first event that waits. A deletion without a version of its own has the
    /// version after the deleted one.
    pub received: i64,
    /// The number of events that wait.
    pub events: u64,
    /// When the event that has waited longest was parked.
    pub since: SystemTime,
    /// Why an event could not be applied when its turn came. `None` if they all wait for one that
    /// has not arrived.
    pub reason: Option<String>,
}

impl fmt::Display for ParkedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            current,
            received,
            events,
            ..
        } = self;
        write!(
            f,
            "record {key} is at version {current}, and {events} events from version {received} on wait"
        )?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}
