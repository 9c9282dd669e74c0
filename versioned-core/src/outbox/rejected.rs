//! Events that a broker has rejected.

use std::fmt;
use std::time::SystemTime;

/// An event of the outbox that the broker has rejected. The relay tries it again, after longer and
/// longer pauses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The id of the row in `versioned_outbox`.
    pub id: i64,
    /// The entity of the event.
    pub entity: String,
    /// The key of its record.
    pub key: String,
    /// Its version.
    pub version: i64,
    /// The operation, such as `updated`.
    pub op: String,
    /// Why the broker rejected it last.
    pub reason: String,
    /// How often the broker has rejected it.
    pub attempts: u32,
    /// When it was written, by the database's clock.
    pub at: SystemTime,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            entity,
            key,
            version,
            attempts,
            reason,
            ..
        } = self;
        write!(
            f,
            "{entity}/{key}/{version}, rejected {attempts} times: {reason}"
        )
    }
}
