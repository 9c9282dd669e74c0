//! The problems of a relay.

use std::fmt;

use super::OutboxRow;
use crate::error::Error;

/// A problem of a relay, for logs and counters.
#[derive(Debug)]
#[non_exhaustive]
pub enum RelayProblem<'a> {
    /// The broker rejected an event, which is retried later.
    Rejected {
        /// The event. `attempts` is the number of earlier rejections.
        row: &'a OutboxRow,
        /// The reason that the broker gave.
        reason: &'a str,
    },
    /// The broker accepted no events. They stay pending.
    Unavailable {
        /// The number of events.
        events: usize,
        /// The reason that the publisher gave for the first of them.
        reason: &'a str,
    },
    /// A connection to the database could not be established.
    NotConnected(&'a str),
    /// The [listener](crate::outbox::Relay::listener) receives no notifications. The relay polls as it does
    /// without a listener, and the listener connects again. This is reported once, until the
    /// listener has received notifications again.
    NotListening(&'a str),
    /// The database failed. The events that were published in this pass are published again.
    Failed(&'a Error),
}

impl fmt::Display for RelayProblem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { row, reason } => {
                write!(f, "the broker rejected {}: {reason}", row.event_id())
            }
            Self::Unavailable { events, reason } => {
                write!(f, "the broker accepted none of {events} events: {reason}")
            }
            Self::NotConnected(error) => {
                write!(f, "cannot connect to the outbox database: {error}")
            }
            Self::NotListening(reason) => {
                write!(f, "the relay polls, because its listener failed: {reason}")
            }
            Self::Failed(error) => write!(f, "the outbox database failed: {error}"),
        }
    }
}
