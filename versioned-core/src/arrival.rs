//! The result of waiting for a version.

use std::fmt;

/// The result of [`wait_for`](crate::wait::wait_for).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arrival {
    /// The replica has applied the version or a later one. If that was a deletion, the record does
    /// not exist.
    Reached {
        /// The version of the replica.
        version: i64,
    },
    /// The time is over. The event may still arrive.
    TimedOut {
        /// The version that the replica had at the last look. `None` if it has never had the record,
        /// or if there was no look in time.
        current: Option<i64>,
    },
    /// A message of the record that the replica needs to reach the version is a
    /// [dead letter](crate::dead_letters). The replica does not reach the version before the letter
    /// is applied.
    DeadLetter {
        /// The id of the first such letter.
        id: i64,
    },
    /// The record was [forgotten](crate::positions::forget), or deleted for good. It does not come
    /// back.
    Forgotten,
    /// Too many others wait already.
    Rejected,
}

impl Arrival {
    /// Returns whether the replica has the version or a later one.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        matches!(self, Self::Reached { .. })
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached { version } => write!(f, "the replica is at version {version}"),
            Self::TimedOut {
                current: Some(current),
            } => write!(
                f,
                "the time is over, and the replica is at version {current}"
            ),
            Self::TimedOut { current: None } => {
                f.write_str("the time is over, and the replica does not have the record")
            }
            Self::DeadLetter { id } => write!(
                f,
                "dead letter {id} must be applied before the replica reaches the version"
            ),
            Self::Forgotten => f.write_str("the record was deleted for good"),
            Self::Rejected => f.write_str("too many others wait already"),
        }
    }
}
