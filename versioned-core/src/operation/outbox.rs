//! Events: built with their writes, and relayed to a broker.

pub(crate) mod event;
#[cfg(feature = "postgres")]
pub(crate) mod listen;
pub(crate) mod look;
pub(crate) mod pending;
pub(crate) mod relay;
