//! The errors that end a consumer.

use std::error::Error;
use std::fmt;

/// The reason why a consumer did not start, or ended before its shutdown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsumerError {
    /// The consumer would lose events or stop for ever. Nothing was received.
    Configuration(String),
    /// The broker does not let this consumer continue. The events in hand were finished first, and
    /// a new consumer receives the others.
    Broker(String),
}

impl fmt::Display for ConsumerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(reason) | Self::Broker(reason) => f.write_str(reason),
        }
    }
}

impl Error for ConsumerError {}
