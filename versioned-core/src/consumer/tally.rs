//! The totals of a consumer.

/// The totals of a consumer until its shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Consumed {
    /// Events that were applied.
    pub applied: u64,
    /// Deliveries of events that the replica had already applied.
    pub duplicates: u64,
    /// Events that were parked, or kept behind a [dead letter](crate::dead_letters) of their
    /// record.
    pub parked: u64,
    /// Attempts to apply an early event, which waits for its predecessor.
    pub gaps: u64,
    /// Attempts that failed, and are repeated.
    pub failed: u64,
    /// Messages that became [dead letters](crate::dead_letters).
    pub dead_letters: u64,
    /// Dead letters that were applied later.
    pub redriven: u64,
    /// Messages that are not for this replica, according to their [form](crate::format::Decode).
    /// They are acknowledged.
    pub skipped: u64,
    /// Messages that cannot be read or are not for this replica, if there is no place for dead
    /// letters. They are not redelivered.
    pub terminated: u64,
}
