//! Statements about events: they are inserted with their rows, and claimed by a relay.

pub(crate) mod claim;
pub(crate) mod insert;
pub(crate) mod look;
pub(crate) mod now;
pub(crate) mod pending;
