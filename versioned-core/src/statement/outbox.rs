//! Statements about events: they are inserted with their rows, and claimed by a relay.

pub(crate) mod claim;
pub(crate) mod insert;
#[cfg(feature = "metrics")]
pub(crate) mod lease;
pub(crate) mod look;
pub(crate) mod now;
pub(crate) mod pending;
#[cfg(feature = "testing")]
pub(crate) mod written;
