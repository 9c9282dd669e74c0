//! Events: built with their writes, and relayed to a broker.

pub(crate) mod event;
#[cfg(feature = "metrics")]
pub(crate) mod lease;
#[cfg(feature = "postgres")]
pub(crate) mod listen;
pub(crate) mod look;
pub(crate) mod pending;
pub(crate) mod relay;
#[cfg(feature = "testing")]
pub(crate) mod written;
